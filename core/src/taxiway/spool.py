"""The spool: an append-only file that makes every attempt and every generation durable before anything else happens.

One record is written before an attempt is sent, one when a generation ends. A write that returned survives the process
(it is in the kernel's page cache), not a power loss: there is no fsync. No prompt and no key is in it. docs/durability.md
says what is promised.
"""

import asyncio
import errno
import logging
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Final, Protocol

from taxiway.call import Call
from taxiway.clock import Clock
from taxiway.errors import SpoolUnavailable
from taxiway.outcome import AttemptRecord, Generation
from taxiway.records import ended_body, framed, opened_record
from taxiway.sink import Checkpoints, Sink
from taxiway.spool_delivery import PATIENCE, Feed
from taxiway.spool_files import Segment, SpoolFolder
from taxiway.spool_recovery import recover

_log = logging.getLogger("taxiway.spool")

SEGMENT_BYTES: Final = 16 * 1024 * 1024
SEGMENT_SECONDS: Final = 300.0
"""A segment is followed by a new one at this size or age, so that a slow sink pins little."""
MAX_BYTES: Final = 1024 * 1024 * 1024
"""What all segments may hold. Above it, the sinks that are furthest behind lose the oldest segment, loudly."""
UNWRITTEN: Final = 10_000
"""Ends of calls in flight that wait in memory while the disk takes none."""
SWEEP: Final = 0.5
"""Seconds between two rounds of housekeeping."""
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
        self._news = asyncio.Event()
        self._feeds = [Feed(name, sink, clock, self._segments, self._news) for name, sink in sinks.items()]
        self._recovered = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._folder: SpoolFolder | None = None
        self._live: Segment | None = None
        self._follow_at = 0.0
        self._open: dict[str, Segment] = {}
        self._unwritten: list[tuple[str, bytes]] = []
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
            segment = self._append(opened_record(call, record, before))
        except OSError as error:
            self._complain(error)
            self.counts["refused" if self._required else "unaccounted"] += 1
            if self._required:
                raise SpoolUnavailable(f"the spool can't be written: {error.strerror}") from None
            return
        self._open.setdefault(call.id, segment)

    def ended(self, generation: Generation) -> None:
        """Write down a generation's end, for the sinks to read. Where the disk takes nothing, it is kept and written later."""
        record = framed(ended_body(generation))
        try:
            self._append(record)
        except OSError as error:
            self._complain(error)
            if len(self._unwritten) < UNWRITTEN:
                self._unwritten.append((generation.id, record))
            return
        self._open.pop(generation.id, None)
        self._news.set()

    async def settled(self) -> None:
        """Wait until recovery is over and every sink has taken all there is."""
        await self._recovered.wait()
        while self._flush() or not all(feed.has(self._segments[-1]) for feed in self._feeds):
            await self._clock.sleep(0.01)

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
        if self._live is not None:
            self._live.seal()
            await self._let_go(self._segments)
            for segment in self._segments:
                segment.folder.release()
            self._segments.clear()
            self._live = None
        if self._folder is not None:
            self._folder.release()
            self._folder = None

    def _append(self, record: bytes) -> Segment:
        live, clock = self._live, self._clock.monotonic
        if live is None or live.descriptor < 0 or live.size >= SEGMENT_BYTES or clock() >= self._follow_at:
            live = self._follow()
        try:
            live.append(record)
        except OSError as error:
            if error.errno in {errno.EFBIG, errno.EIO}:  # this file's own trouble: another may do
                live.seal()
            raise
        if self._broken:
            self._broken = False
            _log.warning("the spool can be written again")
        return live

    def _follow(self) -> Segment:
        """Go on in a new segment; where none can be made (no descriptors left), in the old one for a while."""
        assert self._folder is not None
        old = self._live
        self._follow_at = self._clock.monotonic() + SEGMENT_SECONDS
        try:
            live = self._folder.create_segment(1 if old is None else old.number + 1)
        except OSError:
            if old is None or old.descriptor < 0:
                raise
            return old
        if old is not None:
            old.seal()
        self._live = live
        self._segments.append(live)
        return live

    def _complain(self, error: OSError) -> None:
        if not self._broken:
            self._broken = True
            outcome = "new calls are refused" if self._required else "calls go unaccounted"
            _log.error("the spool in %s can't be written, so %s: %s", self._root, outcome, error.strerror)

    def _flush(self) -> bool:
        """Write the ends that the disk did not take; whether some are left."""
        try:
            while self._unwritten:
                self._append(self._unwritten[0][1])
                self._open.pop(self._unwritten.pop(0)[0], None)
                self._news.set()
        except OSError as error:
            self._complain(error)
        return bool(self._unwritten)

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
            await self._clock.sleep(SWEEP)
            self._flush()
            self._hold_cap()
            await self._let_go(self._segments[:-1])

    def _hold_cap(self) -> None:
        while sum(segment.size for segment in self._segments[:-1]) > MAX_BYTES:
            oldest = self._segments[0]
            if oldest in self._open.values():
                return
            behind = [feed.name for feed in self._feeds if not feed.has(oldest)]
            _log.error("too far behind: sinks %s; the rest of %s is given up", ", ".join(behind), oldest.path)
            self._drop(oldest)
            self.counts["given_up"] += 1

    async def _let_go(self, segments: list[Segment]) -> None:
        """Delete those that every sink has passed and that hold no open attempt, oldest first.

        Before that sinks make durable what they took: it would be lost for good if they lost it with the power.
        """
        held = set(self._open.values())
        done = list(takewhile(lambda one: one not in held and all(feed.has(one) for feed in self._feeds), segments))
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

    def _drop(self, segment: Segment) -> None:
        with suppress(OSError):  # what stays comes again at the next start, under ids that sinks have
            segment.path.unlink()
        self._segments.remove(segment)
        if all(other.folder is not segment.folder for other in self._segments):
            segment.folder.remove()
