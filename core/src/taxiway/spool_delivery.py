"""Bringing generations from the spool to the sinks: each at its own pace, in batches, again and again until it took them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from attrs import Factory, define

from taxiway.clock import Clock
from taxiway.records import read
from taxiway.secret import scrub
from taxiway.sink import Checkpoints, Sink, TakesRecords
from taxiway.spool_files import BATCH_BYTES, Segment

_log = logging.getLogger("taxiway.spool")

GATHER: Final = 0.1
"""Seconds in which a batch gathers."""
PATIENCE: Final = 30.0
"""Seconds that a sink may take for a batch, and the longest pause after it took none."""
_FIRST_PAUSE: Final = 0.5


@define(eq=False)
class Delivery:
    """The sinks by name, and the segments they are fed from, oldest first: their owner extends and shortens the list.

    `news` is set when something was written. `failing`: the sinks that take nothing now, and why.
    """

    sinks: Mapping[str, Sink]
    clock: Clock
    segments: list[Segment] = Factory(list)
    news: asyncio.Event = Factory(asyncio.Event)
    failing: dict[str, str] = Factory(dict)

    def behind(self, segment: Segment) -> list[str]:
        """Name the sinks that have not taken all of a segment."""
        return [name for name in self.sinks if segment.left(name) > 0]

    async def checkpoint(self) -> None:
        """Let sinks make durable what they took. Raises what they raise, and TimeoutError."""
        for sink in self.sinks.values():
            if isinstance(sink, Checkpoints):
                await _in_time(sink.checkpoint())

    async def feed(self, name: str) -> None:
        """Bring one sink all there is, for ever."""
        sink, pause = self.sinks[name], 0.0
        take = sink.deliver_records if isinstance(sink, TakesRecords) else lambda rows: sink.deliver([*map(read, rows)])
        while True:
            while (segment := next((one for one in self.segments if one.left(name) > 0), None)) is None:
                self.news.clear()
                await self.news.wait()
            if segment is self.segments[-1] and segment.left(name) < BATCH_BYTES:
                await self.clock.sleep(GATHER)
            try:
                await self._deliver(name, segment, take)
            except Exception as error:  # noqa: BLE001 - whatever it was, the batch comes again
                reason = scrub(f"{type(error).__name__}: {error}")
                if reason != self.failing.get(name):
                    _log.error("sink %s does not take generations; they are kept and come again: %s", name, reason)
                self.failing[name], pause = reason, min(max(_FIRST_PAUSE, 2 * pause), PATIENCE)
                await self.clock.sleep(pause)
                continue
            if self.failing.pop(name, None) is not None:
                _log.warning("sink %s takes generations again", name)
            pause = 0.0

    async def _deliver(self, name: str, segment: Segment, take: Callable[[Sequence[bytes]], Awaitable[None]]) -> None:
        try:
            bodies, place = segment.read(segment.places[name])
        except FileNotFoundError as error:
            _log.error("%s can't be read, so sink %s passes it over: %s", segment.path, name, error)
            bodies, place = [], segment.size
        if bodies:
            await _in_time(take(bodies))
        segment.passed(name, place)


async def _in_time(work: Awaitable[None]) -> None:
    """Wait for a sink. Raises TimeoutError, and RuntimeError where it was cancelled from within: nobody ends the spool by that."""
    async with asyncio.timeout(PATIENCE):
        (failed,) = await asyncio.gather(work, return_exceptions=True)
    # What else a sink gives is its own affair.
    if isinstance(failed, BaseException):
        raise RuntimeError("cancelled from within") if isinstance(failed, asyncio.CancelledError) else failed
