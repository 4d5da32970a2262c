"""The spool: an append-only file that makes every attempt and every generation durable before anything else happens.

One record is written before an attempt is sent, one when a generation ends. A write that returned survives the process
(it is in the kernel's page cache), not a power loss: there is no fsync. No prompt and no key is in it. docs/durability.md
says what is promised.
"""

import asyncio
import errno
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count, takewhile
from pathlib import Path
from typing import Final

from taxiway.clock import Clock
from taxiway.errors import SpoolUnavailable
from taxiway.records import Row, encoded, ended_body
from taxiway.sink import Sink
from taxiway.spool_delivery import Delivery
from taxiway.spool_files import Segment, SpoolFolder
from taxiway.spool_recovery import recover

_log = logging.getLogger("taxiway.spool")

SEGMENT_BYTES: Final = 16 * 1024 * 1024
SEGMENT_SWEEPS: Final = 600
"""A segment is followed by a new one at this size, or in so many rounds of housekeeping, so that a slow sink pins little."""
MAX_BYTES: Final = 1024 * 1024 * 1024
"""What all segments may hold. Above it, the sinks that are furthest behind lose the oldest segment, loudly."""
UNWRITTEN: Final = 10_000
"""Ends of calls in flight that wait in memory while the disk takes none."""
SWEEP: Final = 0.5
"""Seconds between two rounds of housekeeping."""
CLOSE_WITHIN: Final = 10.0
"""Seconds that sinks get at the end; what they did not take comes at the next start."""


class Journal:
    """What the executor writes rows to (see `taxiway.records`). This one takes nothing: where no store, sink or folder was configured.

    `opened`: an attempt is about to be sent, and how the call's previous one ended. Raises SpoolUnavailable: don't send.
    `ended`: a generation ended, and the client does not know yet. Never raises. None: it is not told, and no record is made.
    """

    opened: Callable[[Row], None] | None = None
    ended: Callable[[Row], None] | None = None


class Spool(Journal):
    """A journal on disk, and the sinks' supplier.

    `counts`: `torn`, `corrupt` and `lost` of the recovery; `refused` attempts, and `unaccounted` ones, let through because
    the spool is not `required`; `given_up` segments of sinks that were too far behind. `writable`: whether the last write was
    taken. `failing`: the sinks that take nothing now, and why.
    """

    def __init__(self, folder: Path, sinks: Mapping[str, Sink], clock: Clock, *, required: bool = True) -> None:
        """Keep segments under `folder`, which `start` makes."""
        self.counts: Counter[str] = Counter()
        self.writable = True
        self._root, self._clock, self._required = folder, clock, required
        self._delivery = Delivery(sinks, clock)
        self._segments, self._news, self.failing = self._delivery.segments, self._delivery.news, self._delivery.failing
        self._live: Segment  # the last of them
        self._open: dict[str, Segment] = {}
        self._unwritten: list[tuple[str, bytes]] = []
        self._recovered = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Lock a folder of this process's own; recovery and delivery go on in the background. Raises SpoolUnavailable."""
        try:
            self._live = SpoolFolder.create(self._root, self._clock.now()).create_segment(1)
        except OSError as error:
            raise SpoolUnavailable(f"the spool in {self._root} can't be written: {error.strerror}") from error
        self._segments.append(self._live)
        self._task = asyncio.create_task(self._run(), name="spool")

    def opened(self, row: Row) -> None:
        """Write down an attempt before it is sent. Raises SpoolUnavailable where it can't be, and the spool is required."""
        try:
            segment = self._append(encoded(row))
        except OSError as error:
            self.counts["refused" if self._required else "unaccounted"] += 1
            if self._required:
                raise SpoolUnavailable(f"the spool can't be written: {error.strerror}") from None
        else:
            self._open.setdefault(row[1][0], segment)

    def ended(self, row: Row) -> None:
        """Write down a generation's end, for the sinks to read. Where the disk takes nothing, it is kept and written later."""
        id_, body = row[1][0], encoded(row)
        if not self._append_end(id_, body) and len(self._unwritten) < UNWRITTEN:
            self._unwritten.append((id_, body))

    async def settled(self) -> None:
        """Wait until recovery is over and every sink has taken all there is."""
        while not self._recovered or self._flush() or any(map(self._delivery.behind, self._segments)):
            await self._clock.sleep(0.01)

    async def aclose(self) -> None:
        """Deliver what is left, for a bounded time, and let go of the folder; it goes away where nothing is left in it."""
        if self._task is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN):
                await self.settled()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        self._live.seal()
        await self._let_go(self._segments)
        for folder in {segment.folder for segment in self._segments}:
            folder.release()
        self._segments.clear()

    def _append(self, body: bytes, *, ended: bool = False) -> Segment:
        live = self._live
        try:
            if live.descriptor < 0 or live.size >= SEGMENT_BYTES:
                live = self._follow()
            live.append(body, ended=ended)
        except OSError as error:
            if error.errno in {errno.EFBIG, errno.EIO}:  # this file's own trouble: another may do
                live.seal()
            if self.writable:
                self.writable = False
                outcome = "new calls are refused" if self._required else "calls go unaccounted"
                _log.error("the spool in %s can't be written, so %s: %s", self._root, outcome, error.strerror)
            raise
        if not self.writable:
            self.writable = True
            _log.warning("the spool can be written again")
        return live

    def _append_end(self, id_: str, body: bytes) -> bool:
        try:
            self._append(body, ended=True)
        except OSError:
            return False
        self._open.pop(id_, None)
        self._news.set()
        return True

    def _follow(self) -> Segment:
        """Go on in a new segment; where none can be made (no descriptors left), in the old one for a while."""
        old = self._live
        try:
            live = old.folder.create_segment(old.number + 1)
        except OSError:
            if old.descriptor < 0:
                raise
            return old
        old.seal()
        self._segments.append(live)
        self._live = live
        return live

    def _flush(self) -> bool:
        """Write the ends that the disk did not take; whether some are left."""
        while self._unwritten and self._append_end(*self._unwritten[0]):
            del self._unwritten[0]
        return bool(self._unwritten)

    async def _run(self) -> None:
        self._segments[:0], lost = await recover(self._root, self.counts)
        self._unwritten += [(generation.id, ended_body(generation)) for generation in lost]
        self._recovered = True
        await asyncio.gather(self._keep_house(), *map(self._delivery.feed, self._delivery.sinks))

    async def _keep_house(self) -> None:
        """Off the request path: what can go goes, what could not be written is tried again."""
        for number in count(1):
            self._flush()
            if self._live.size and number % SEGMENT_SWEEPS == 0:
                with suppress(OSError):  # it is tried again at the next record
                    self._follow()
            self._hold_cap()
            await self._let_go(self._segments[:-1])
            await self._clock.sleep(SWEEP)

    def _hold_cap(self) -> None:
        while sum(segment.size for segment in self._segments[:-1]) > MAX_BYTES:
            oldest = self._segments[0]
            if oldest in self._open.values():
                return
            behind = ", ".join(self._delivery.behind(oldest))
            _log.error("too far behind: sinks %s; the rest of %s is given up", behind, oldest.path)
            self.counts["given_up"] += 1
            self._drop(oldest)

    async def _let_go(self, segments: list[Segment]) -> None:
        """Delete those that every sink has passed and that hold no open attempt, oldest first.

        Before that sinks make durable what they took: it would be lost for good if they lost it with the power.
        """
        held = set(self._open.values())
        done = list(takewhile(lambda one: one not in held and not self._delivery.behind(one), segments))
        if self._unwritten or not done:  # what a recovery has lost may be unwritten, and begin in any
            return
        try:
            await self._delivery.checkpoint()
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
