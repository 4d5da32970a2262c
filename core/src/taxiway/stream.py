"""The one stream state machine: waiting -> committed -> done | interrupted.

Until the first token nothing reaches the client, so another candidate can take over unseen. After it there is no switch, and a
stream ends either with its dialect's own end or with an error event: never cut short in silence.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from typing import TYPE_CHECKING, Final

from taxiway import metadata
from taxiway.codec import Json
from taxiway.outcome import CallError, Failure

if TYPE_CHECKING:
    from taxiway.run import Run

MOST_HELD: Final = 1000
"""Events without a token that are held back: who sends more is let through, so that memory is bounded."""


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
        try:
            while True:
                attempt = await run.next()
                result: list[Json] | Failure | None = await attempt.begin()
                held: list[Json] = []
                progress = attempt.progress
                while not isinstance(result, Failure):
                    result = await attempt.read()
                    if not isinstance(result, list):
                        break
                    if attempt.committed:
                        if result:
                            yield result
                    elif progress.started or progress.finish or len(held) >= MOST_HELD:
                        attempt.committed = True
                        result, held = [*held, *result], []
                        yield result
                    else:
                        held += result
                if result is None:
                    attempt.committed = True
                    run.served(attempt)
                    self.whole = True
                    if attempt.last and metadata.wanted(run.call):
                        metadata.attach(attempt.last[-1], metadata.of(run, attempt))
                    yield [*held, *attempt.last]
                    await attempt.drain()
                    return
                if attempt.committed:
                    events = list(attempt.stamp.failed(run.interrupted(attempt, result)))
                    if events and metadata.wanted(run.call):
                        metadata.attach(events[-1], metadata.of(run, None))
                    yield events
                    return
                run.failed(attempt, result)
        except CallError as error:
            metadata.tell(error, run)
            raise
        except (asyncio.CancelledError, GeneratorExit):
            run.cancelled()
            raise
