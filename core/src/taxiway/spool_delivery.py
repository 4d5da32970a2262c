"""Bringing generations from the spool to the sinks: each at its own pace, in batches, again and again until it took them."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Final

from taxiway.clock import Clock
from taxiway.errors import Malformed
from taxiway.outcome import Generation
from taxiway.secret import scrub
from taxiway.sink import Sink
from taxiway.spool_files import Segment

_log = logging.getLogger("taxiway.spool")

GATHER: Final = 0.1
"""Seconds in which a batch gathers."""
BATCH: Final = 500
"""Generations in a batch that was gathered in memory."""
AHEAD: Final = 10_000
"""Generations that wait in memory for one sink; one that falls further behind reads them from the file."""
PATIENCE: Final = 30.0
"""Seconds that a sink may take for a batch."""
_BACKOFF: Final = (0.5, 30.0)


class Feed:
    """One sink, and how far it is.

    `segment` and `place` say it: all before was taken. While the sink keeps up, generations come to it from memory (`fresh`);
    at the start, and once too many wait, from the files. `failing` says why its last batch was not taken.
    """

    def __init__(
        self, name: str, sink: Sink, clock: Clock, segments: list[Segment], passed: Callable[[], None]
    ) -> None:
        """Feed `sink` from `segments`, a list that its owner extends and shortens. `passed` is called at a segment's end."""
        self.name, self.sink = name, sink
        self.failing: str | None = None
        self.segment: Segment | None = None
        self.place = 0
        self.idle = asyncio.Event()
        self._clock, self._segments, self._passed = clock, segments, passed
        self._fresh: deque[tuple[Segment, int, Generation]] = deque()
        self._behind = True
        self._wake = asyncio.Event()

    def offer(self, segment: Segment, place: int, generation: Generation) -> None:
        """Take note of a generation that was just written; `place` is where its record ends."""
        if self._behind:
            pass
        elif len(self._fresh) < AHEAD:
            self._fresh.append((segment, place, generation))
        else:
            self._behind = True
            self._fresh.clear()
        if self.idle.is_set():
            self.idle.clear()
            self._wake.set()

    async def run(self) -> None:
        """Deliver for ever."""
        failures = 0
        while True:
            begun = self.segment
            try:
                batch, segment, place = self._next()
                if batch:
                    async with asyncio.timeout(PATIENCE):
                        await self.sink.deliver(batch)
            except Exception as error:  # noqa: BLE001 - whatever it was, the batch comes again
                self._failed(error)
                first, most = _BACKOFF
                await self._clock.sleep(min(most, first * 2 ** min(failures, 10)))
                failures += 1
                continue
            if batch and self.failing is not None:
                _log.warning("sink %s takes generations again", self.name)
                self.failing = None
            failures = 0
            if self.segment is begun:  # else it was given up meanwhile
                self._took(len(batch), segment, place)
            if self._behind or len(self._fresh) >= BATCH:
                continue
            if not self._fresh:
                self.idle.set()
                await self._wake.wait()
                self._wake.clear()
            await self._clock.sleep(GATHER)

    def skip(self) -> None:
        """Give up what is left of the segment that this sink is in."""
        self._behind = True
        self._fresh.clear()
        segment = self._after(self.segment or self._segments[0])
        if segment is not None:
            self.segment, self.place = segment, segment.entry(self.name)

    def _next(self) -> tuple[list[Generation], Segment | None, int]:
        """What comes next, and where the sink is once it took that. Raises OSError."""
        if not self._behind:
            if not self._fresh:
                return [], self.segment, self.place
            batch = list(islice(self._fresh, BATCH))
            return [generation for _, _, generation in batch], *batch[-1][:2]
        segment, place = self.segment, self.place
        if segment is None:
            segment = self._segments[0]
            place = segment.entry(self.name)
        while place >= segment.size:
            following = self._after(segment)
            if following is None:
                self._behind = False
                return [], segment, place
            segment, place = following, following.entry(self.name)
        try:
            generations, place = segment.read(place)
        except (FileNotFoundError, Malformed) as error:
            _log.error("%s can't be read, so sink %s passes it over: %s", segment.path, self.name, error)
            generations, place = [], segment.size
        return generations, segment, place

    def _failed(self, error: Exception) -> None:
        reason = scrub(f"{type(error).__name__}: {error}")
        if reason != self.failing:
            _log.error("sink %s does not take generations; they are kept and come again: %s", self.name, reason)
        self.failing = reason

    def _took(self, number: int, segment: Segment | None, place: int) -> None:
        if not self._behind:  # else so many came meanwhile that they are only in the file
            for _ in range(number):
                self._fresh.popleft()
        if segment is None or (segment, place) == (self.segment, self.place):
            return
        passed = segment is not self.segment
        self.segment, self.place = segment, place
        try:
            segment.folder.save_cursor(self.name, segment.number, place)
        except OSError as error:
            # Only after a crash does it matter: the sink gets again what it has.
            _log.warning("the cursor of sink %s can't be written: %s", self.name, error)
        if passed:
            self._passed()

    def _after(self, segment: Segment) -> Segment | None:
        index = self._segments.index(segment) + 1
        return self._segments[index] if index < len(self._segments) else None
