"""Bringing generations from the spool to the sinks: each at its own pace, in batches, again and again until it took them."""

import asyncio
import logging
from typing import Final

from taxiway.clock import Clock
from taxiway.outcome import Generation
from taxiway.records import read
from taxiway.secret import scrub
from taxiway.sink import Sink, TakesRecords
from taxiway.spool_files import Segment

_log = logging.getLogger("taxiway.spool")

GATHER: Final = 0.1
"""Seconds in which a batch gathers."""
PATIENCE: Final = 30.0
"""Seconds that a sink may take for a batch."""
_BACKOFF: Final = (0.5, 30.0)


class Feed:
    """One sink, and how far it is: it took all before `place` of `segment`. `failing` says why its last batch was not taken.

    It reads from the files, also what was written a moment ago: those pages are in memory, and nothing else has to be.
    """

    def __init__(self, name: str, sink: Sink, clock: Clock, segments: list[Segment], news: asyncio.Event) -> None:
        """Feed `sink` from `segments`, a list that its owner extends and shortens. `news` is set when something was written."""
        self.name, self.sink = name, sink
        self.failing: str | None = None
        self.segment: Segment | None = None
        self.place = 0
        self._clock, self._segments, self._news = clock, segments, news

    def has(self, segment: Segment) -> bool:
        """Whether it took all that is in a segment."""
        if self.segment not in self._segments:
            return False
        here, there = self._segments.index(segment), self._segments.index(self.segment)
        return there > here or (there == here and self.place >= segment.size)

    async def run(self) -> None:
        """Deliver for ever."""
        failures = 0
        while True:
            segment, place = self._next()
            if place >= segment.size:
                await self._news.wait()
                self._news.clear()
                await self._clock.sleep(GATHER)
                continue
            seen = segment.size
            try:
                place = await self._deliver(segment, place)
            except Exception as error:  # noqa: BLE001 - whatever it was, the batch comes again
                self._failed(error)
                first, most = _BACKOFF
                await self._clock.sleep(min(most, first * 2 ** min(failures, 10)))
                failures += 1
                continue
            failures = 0
            self._took(segment, place)
            if place == seen and segment is self._segments[-1]:
                await self._clock.sleep(GATHER)

    def _next(self) -> tuple[Segment, int]:
        """Where to go on."""
        segment, place = self.segment, self.place
        if (
            segment is None or segment not in self._segments
        ):  # at the start, and where the segment was given up or deleted
            segment = self._segments[0]
            place = segment.entry(self.name)
        while place >= segment.size and segment is not self._segments[-1]:
            segment = self._segments[self._segments.index(segment) + 1]
            place = segment.entry(self.name)
        self.segment, self.place = segment, place
        return segment, place

    async def _deliver(self, segment: Segment, place: int) -> int:
        try:
            bodies, place = segment.read(place)
        except FileNotFoundError as error:
            _log.error("%s can't be read, so sink %s passes it over: %s", segment.path, self.name, error)
            return segment.size
        if bodies:
            async with asyncio.timeout(PATIENCE):
                if isinstance(self.sink, TakesRecords):
                    await self.sink.deliver_records(bodies)
                else:
                    found = (read(body) for body in bodies)
                    await self.sink.deliver([one for one in found if isinstance(one, Generation)])
            if self.failing is not None:
                _log.warning("sink %s takes generations again", self.name)
                self.failing = None
        return place

    def _failed(self, error: Exception) -> None:
        reason = scrub(f"{type(error).__name__}: {error}")
        if reason != self.failing:
            _log.error("sink %s does not take generations; they are kept and come again: %s", self.name, reason)
        self.failing = reason

    def _took(self, segment: Segment, place: int) -> None:
        self.segment, self.place = segment, place
        try:
            segment.folder.save_cursor(self.name, segment.number, place)
        except OSError as error:
            # Only after a crash does it matter: the sink gets again what it has.
            _log.warning("the cursor of sink %s can't be written: %s", self.name, error)
