"""The spool: an append-only file that makes every attempt and every generation durable before anything else happens.

One record is written before an attempt is sent, one when a generation ends. A write that returned survives the process
(it is in the kernel's page cache), not a power loss: there is no fsync. No prompt and no key is in it. docs/durability.md
says what is promised.
"""

import asyncio
import errno
import logging
import os
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from taxiway.call import Call
from taxiway.clock import Clock
from taxiway.errors import SpoolUnavailable
from taxiway.outcome import AttemptRecord, Generation
from taxiway.records import ended_record, opened_record
from taxiway.sink import Checkpoints, Sink
from taxiway.spool_delivery import PATIENCE, Feed
from taxiway.spool_files import Segment, SpoolFolder, write_record
from taxiway.spool_recovery import recover

_log = logging.getLogger("taxiway.spool")

SEGMENT_BYTES: Final = 16 * 1024 * 1024
SEGMENT_SECONDS: Final = 300.0
"""A segment is followed by a new one at this size or age, so that a slow sink pins little."""
MAX_BYTES: Final = 1024 * 1024 * 1024
"""What all segments may hold. Above it, the sinks that are furthest behind lose the oldest segment, loudly."""
UNWRITTEN: Final = 10_000
"""Ends of calls in flight that wait in memory while the disk takes none."""
CLOSE_WITHIN: Final = 10.0
"""Seconds that sinks get at the end; what they did not take comes at the next start."""


class Journal(Protocol):
    """What the executor writes to."""

    def opened(self, call: Call, record: AttemptRecord, before: AttemptRecord | None) -> None:
        """An attempt is about to be sent; `before` is how the call's previous one ended. Raises SpoolUnavailable: don't send."""
        ...

    def ended(self, generation: Generation) -> None:
        """A generation ended, and the client does not know yet. Never raises."""
        ...


class NoJournal:
    """Writes nothing: the library, where no store, sink or folder was configured."""

    def opened(self, call: Call, record: AttemptRecord, before: AttemptRecord | None) -> None:
        """Do nothing."""

    def ended(self, generation: Generation) -> None:
        """Do nothing."""


class Spool:
    """A journal on disk, and the sinks' supplier.

    `counts`: `torn`, `corrupt` and `lost` of the recovery; `refused` attempts, and `unaccounted` ones, let through because
    the spool is not `required`; `given_up` segments of sinks that were too far behind. `failing`: sinks that take nothing.
    """

    def __init__(self, folder: Path, sinks: Mapping[str, Sink], clock: Clock, *, required: bool = True) -> None:
        """Keep segments under `folder`, which `start` makes."""
        self.counts: Counter[str] = Counter()
        self._root, self._clock, self._required = folder, clock, required
        self._segments: list[Segment] = []
        self._stir = asyncio.Event()
        self._feeds = [Feed(name, sink, clock, self._segments, self._stir.set) for name, sink in sinks.items()]
        self._recovered = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._folder: SpoolFolder | None = None
        self._descriptor = -1
        self._follow_at, self._follow_size = 0.0, 0
        self._open: dict[str, Segment] = {}
        self._unwritten: list[Generation] = []
        self._broken = False

    @property
    def failing(self) -> Mapping[str, str]:
        """The sinks that take nothing now, and why."""
        return {feed.name: feed.failing for feed in self._feeds if feed.failing is not None}

    @property
    def writable(self) -> bool:
        """Whether the last write was taken."""
        return not self._broken

    async def start(self) -> None:
        """Lock a folder of this process's own; recovery and delivery go on in the background. Raises SpoolUnavailable."""
        try:
            self._folder = SpoolFolder.create(self._root, self._clock.now())
            self._follow()
        except OSError as error:
            raise SpoolUnavailable(f"the spool in {self._root} can't be written: {error.strerror}") from error
        self._tasks = [
            asyncio.create_task(self._run(), name="spool"),
            asyncio.create_task(self._sweep(), name="spool sweep"),
        ]

    def opened(self, call: Call, record: AttemptRecord, before: AttemptRecord | None) -> None:
        """Write down an attempt before it is sent. Raises SpoolUnavailable where it can't be, and the spool is required."""
        try:
            self._append(opened_record(call, record, before))
        except OSError as error:
            self._complain(error)
            self.counts["refused" if self._required else "unaccounted"] += 1
            if self._required:
                raise SpoolUnavailable(f"the spool can't be written: {error.strerror}") from None
            return
        self._open.setdefault(call.id, self._segments[-1])
        if self._unwritten:
            self._flush()

    def ended(self, generation: Generation) -> None:
        """Write down a generation's end, and give it to the sinks. Where the disk takes nothing, it is kept and written later."""
        try:
            self._append(ended_record(generation))
        except OSError as error:
            self._complain(error)
            if len(self._unwritten) < UNWRITTEN:
                self._unwritten.append(generation)
                self._stir.set()
            self._offer(generation)
            return
        self._open.pop(generation.id, None)
        # In the order of the file: a sink's place says that it has all before it.
        self._offer(generation)
        if self._unwritten:
            self._flush()

    async def settled(self) -> None:
        """Wait until recovery is over and every sink has taken all there is."""
        await self._recovered.wait()
        self._flush()
        while busy := [feed for feed in self._feeds if not feed.idle.is_set()]:
            await busy[0].idle.wait()

    async def aclose(self) -> None:
        """Deliver what is left, for a bounded time, and let go of the folder; it goes away where nothing is left in it."""
        if self._tasks:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_WITHIN):
                    await self.settled()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self._seal()
        if self._folder is not None:
            await self._let_go(closing=True)
            if not self._folder.numbers():
                self._folder.remove()
            for folder in {self._folder, *(segment.folder for segment in self._segments)}:
                folder.release()
        self._segments.clear()
        self._folder = None

    def _append(self, record: bytes) -> None:
        live = self._segments[-1]
        if live.size >= self._follow_size or self._clock.monotonic() >= self._follow_at or self._descriptor < 0:
            live = self._follow()
        try:
            write_record(self._descriptor, live, record)
        except OSError as error:
            if error.errno in {errno.EFBIG, errno.EIO}:  # this file's own trouble: another may do
                self._seal()
            raise
        if self._broken:
            self._broken = False
            _log.warning("the spool can be written again")

    def _offer(self, generation: Generation) -> None:
        if self._segments:
            live = self._segments[-1]
            for feed in self._feeds:
                feed.offer(live, live.size, generation)

    def _follow(self) -> Segment:
        """Go on in a new segment; where none can be made (no descriptors left), in the old one for a while."""
        assert self._folder is not None
        self._follow_at = self._clock.monotonic() + SEGMENT_SECONDS
        try:
            segment, descriptor = self._folder.create_segment(1 + max(self._folder.numbers(), default=0))
        except OSError:
            if self._descriptor < 0:
                raise
            self._follow_size = self._segments[-1].size + SEGMENT_BYTES // 16
            return self._segments[-1]
        self._seal()
        self._follow_size = SEGMENT_BYTES
        self._segments.append(segment)
        self._descriptor = descriptor
        self._stir.set()
        return segment

    def _seal(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _complain(self, error: OSError) -> None:
        if not self._broken:
            self._broken = True
            outcome = "new calls are refused" if self._required else "calls go unaccounted"
            _log.error("the spool in %s can't be written, so %s: %s", self._root, outcome, error.strerror)

    def _flush(self) -> None:
        """Write the ends that the disk did not take."""
        waiting, self._unwritten = self._unwritten, []
        while waiting:
            try:
                self._append(ended_record(waiting[0]))
            except OSError as error:
                self._complain(error)
                self._unwritten = waiting + self._unwritten
                return
            generation = waiting.pop(0)
            self._open.pop(generation.id, None)
            # A sink that had them from memory gets them twice; one that was reading the file would miss them otherwise.
            self._offer(generation)

    async def _run(self) -> None:
        try:
            self._segments[:0] = await recover(self._root, self.counts)
        except OSError as error:
            _log.error("%s can't be searched for what a crash left: %s", self._root, error.strerror)
        self._recovered.set()
        await asyncio.gather(*(feed.run() for feed in self._feeds))

    async def _sweep(self) -> None:
        """Keep house, off the request path: what can go goes, what could not be written is tried again."""
        await self._recovered.wait()
        while True:
            await self._stir.wait()
            self._stir.clear()
            self._hold_cap()
            await self._let_go()
            while self._unwritten:
                await self._clock.sleep(1.0)
                self._flush()

    def _hold_cap(self) -> None:
        while len(self._segments) > 1 and sum(segment.size for segment in self._segments) > MAX_BYTES:
            oldest = self._segments[0]
            if oldest in self._open.values():
                return
            for feed in self._feeds:
                if feed.segment in {None, oldest}:
                    _log.error("sink %s is too far behind: the rest of %s is given up", feed.name, oldest.path)
                    feed.skip()
            self._drop(oldest)
            self.counts["given_up"] += 1

    async def _let_go(self, *, closing: bool = False) -> None:
        """Delete the segments that every sink has passed and that hold no open attempt, oldest first.

        Before that sinks make durable what they took: it would be lost for good if they lost it with the power.
        """
        done = []
        for segment in self._segments if closing else self._segments[:-1]:
            if segment in self._open.values() or not all(
                self._has_passed(feed, segment, closing) for feed in self._feeds
            ):
                break
            done.append(segment)
        if not done:
            return
        try:
            for feed in self._feeds:
                if isinstance(feed.sink, Checkpoints):
                    async with asyncio.timeout(PATIENCE):
                        await feed.sink.checkpoint()
        except Exception as error:  # noqa: BLE001 - whatever it was, the segments stay until a later one works
            _log.warning("spool segments are kept, since a sink can't make durable what it took: %s", error)
            return
        for segment in done:
            self._drop(segment)

    def _has_passed(self, feed: Feed, segment: Segment, closing: bool) -> bool:
        if feed.segment is None:
            return False
        here, there = self._segments.index(segment), self._segments.index(feed.segment)
        return there > here or (closing and there == here and feed.place >= segment.size)

    def _drop(self, segment: Segment) -> None:
        with suppress(FileNotFoundError):
            segment.path.unlink()
        self._segments.remove(segment)
        folder = segment.folder
        if (folder is not self._folder or self._descriptor < 0) and all(s.folder is not folder for s in self._segments):
            folder.remove()
