"""The one stream state machine: waiting -> committed -> done | interrupted.

Until the first token (`on_interrupted = "hold"`: until the end) nothing reaches the client, so another candidate can take over unseen.
After it a stream ends either with its dialect's own end or with an error event, never cut short in silence; only where that is
wanted (`resume`) does another endpoint go on with it, and its events say so.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from typing import TYPE_CHECKING, Final

from taxiway.codec import Json, dumps, loads
from taxiway.hedge import begin
from taxiway.outcome import CallError, Failure

if TYPE_CHECKING:
    from taxiway.attempt import Attempt
    from taxiway.run import Run

MOST_KEPT: Final = 16 * 1024 * 1024
"""Bytes of events that `hold` keeps of one answer: some 60,000 tokens. A longer one is let through as it comes."""


class Stream:
    """A streamed call: an async iterator of batches (lists of events), as they come from the provider.

    The first `anext` raises CallError or InvalidRequest where the call failed before its first token; later failures are events,
    the last ones. `whole` is set before the last batch of a good stream is given, and the generation is durable by then: what
    is left to do after it is to give the connection back.
    """

    __slots__ = ("_batches", "_run", "whole")

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._batches = self._go()
        self.whole = False

    def __aiter__(self) -> AsyncIterator[list[Json]]:
        # The generator itself, not this object: one call less for each batch.
        return self._batches

    def __anext__(self) -> Awaitable[list[Json]]:
        return self._batches.__anext__()

    async def aclose(self) -> None:
        """Stop: the upstream connection is closed, and what was used is accounted."""
        await self._batches.aclose()

    @property
    def provider(self) -> str:
        """The name of the provider that serves, or else was tried last; empty before anybody was tried."""
        run = self._run
        if run.attempt is not None:
            return run.attempt.candidate.endpoint.provider_name
        return run.failures[-1][0].endpoint.provider_name if run.failures else ""

    async def _go(self) -> AsyncGenerator[list[Json], None]:
        run = self._run
        hedge = run.snapshot.routing.hedge
        try:
            while True:
                attempt = await run.next()
                batch: list[Json] | Failure | None
                if hedge is None:
                    batch = await attempt.begin()
                else:
                    attempt, batch = await begin(run, attempt, hedge)
                if isinstance(batch, list) and attempt.on_interrupted == "hold":
                    batch = await _held(attempt, batch)
                if isinstance(batch, Failure):
                    run.failed(attempt, batch)
                    continue
                attempt.committed = True
                while isinstance(batch, list) and not attempt.whole:
                    if batch:
                        yield batch
                    batch = await attempt.read()
                if not isinstance(batch, Failure):
                    await run.served(attempt)
                    self.whole = True
                    if attempt.last and run.call.tell is not None:
                        run.call.tell(run, attempt, attempt.last[-1])
                    yield [*(batch or ()), *attempt.last]
                    await attempt.drain()
                    return
                error = run.interrupted(attempt, batch)
                if error is not None:
                    yield _failed(run, attempt, error)
                    return
        except CallError as error:
            if run.broken is None:
                if run.call.tell is not None:
                    run.call.tell(run, None, error.beside)
                raise
            # Nobody could go on with the answer: the client is told why it broke off.
            yield _failed(run, run.broken[0], error)
        except (asyncio.CancelledError, GeneratorExit):
            run.cancelled()
            raise


def _failed(run: "Run", attempt: "Attempt", error: CallError) -> list[Json]:
    """Return the events that tell the client of an attempt's stream why it ends."""
    events = list(attempt.stamp.failed(error))
    if events and run.call.tell is not None:
        run.call.tell(run, None, events[-1])
    return events


async def _held(attempt: "Attempt", batch: list[Json]) -> list[Json] | Failure:
    """Wait for the whole of a stream that has begun. Returns its events: encoded, they take a sixth of the memory meanwhile."""
    kept = [dumps(batch)]
    size = len(kept[0])
    while not attempt.whole and size < MOST_KEPT:
        more = await attempt.read()
        if isinstance(more, Failure):
            return more
        if more:
            kept.append(dumps(more))
            size += len(kept[-1])
    return [event for piece in kept for event in loads(piece)]
