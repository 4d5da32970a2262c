"""The spool: an append-only file that makes every attempt and every generation durable before anything else happens.

One row is written before an attempt is sent, one when a generation ends; both are waited for. Under load rows of one turn of
the loop are one write, which costs more than what is in it. A write that returned survives the process
(it is in the kernel's page cache), not a power loss: there is no fsync. No prompt and no key is in it. docs/durability.md
says what is promised.
"""

import asyncio
import errno
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from itertools import count, takewhile
from pathlib import Path
from typing import Any, Final

from taxiway.clock import Clock
from taxiway.errors import SpoolUnavailable
from taxiway.records import ENDED, OPENED, Row, encoded, ended_body
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
    `ended`: a generation ended, and the client does not know yet. Never raises. Only for one that is `done` is what it returns
    waited for (None: nothing is); any other is written when it returns. Where they are None, no record is made.
    `writable`: whether the last write was taken.
    """

    writable = True
    opened: Callable[[Row], Awaitable[None]] | None = None
    ended: Callable[[Row], Awaitable[Any] | None] | None = None


class Spool(Journal):
    """A journal on disk, and the sinks' supplier.

    `counts`: `torn`, `corrupt` and `lost` of the recovery; `refused` attempts, and `unaccounted` ones, let through because
    the spool is not `required`; `given_up` segments of sinks that were too far behind. `failing`: the sinks that take nothing
    now, and why.
    """

    def __init__(self, folder: Path, sinks: Mapping[str, Sink], clock: Clock, *, required: bool = True) -> None:
        """Keep segments under `folder`, which `start` makes."""
        self.counts: Counter[str] = Counter()
        self._root, self._clock, self._required = folder, clock, required
        self._delivery = Delivery(sinks, clock)
        self._segments, self._news, self.failing = self._delivery.segments, self._delivery.news, self._delivery.failing
        self._live: Segment  # the last of them
        self._gathered: list[tuple[tuple[int, str, bytes], asyncio.Future[str | None]]] = []
        self._came, self._alone = 0, False
        self._recovered, self._kept_for = False, ""
        self._open: dict[str, Segment] = {}
        self._unwritten: list[tuple[int, str, bytes]] = []
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Lock a folder of this process's own; recovery and delivery go on in the background. Raises SpoolUnavailable."""
        try:
            self._live = SpoolFolder.create(self._root, self._clock.now()).create_segment(1)
        except OSError as error:
            raise SpoolUnavailable(f"the spool in {self._root} can't be written: {error.strerror}") from error
        self._segments.append(self._live)
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._run(), name="spool")

    async def opened(self, row: Row) -> None:
        """Write down an attempt before it is sent. Raises SpoolUnavailable where it can't be, and the spool is required."""
        if (refused := await self._gather(row)) is not None:
            self.counts["refused" if self._required else "unaccounted"] += 1
            if self._required:
                raise SpoolUnavailable(f"the spool can't be written: {refused}")

    def ended(self, row: Row) -> Awaitable[Any]:
        """Write down a generation's end, for the sinks to read. Where the disk takes nothing, it is kept and written later."""
        written = self._gather(row)
        if row[1][1] != "done":  # a client that is gone, or is told of a failure, waits for nothing
            self._flush()
        return written

    def _gather(self, row: Row) -> "asyncio.Future[str | None]":
        """Write a row: at once where the last turn of the loop brought one alone, else with all others of this turn.

        Returns why it could not be, to be waited for. Each waits for a future of its own: who is cancelled leaves the others alone.
        """
        body, written = encoded(row), self._loop.create_future()
        self._gathered.append(((row[0], row[1][0], body), written))
        self._came += 1
        if self._came == 1:
            self._loop.call_soon(self._turn)
            if self._alone:
                self._flush()
        return written

    def _turn(self) -> None:
        """A turn of the loop is over that brought rows."""
        self._alone, self._came = self._came == 1, 0
        self._flush()

    def _flush(self) -> None:
        """Write the rows that were gathered, in their order; then wake who waits for them."""
        gathered, self._gathered = self._gathered, []
        rows = [row for row, _ in gathered]
        try:
            refused = self._write(rows) if rows else None
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody waits for ever
            refused = "its record could not be made"
            self._loop.call_exception_handler({"message": f"rows of the spool: {refused}", "exception": error})
        if refused is not None:
            ends = [row for row in rows if row[0] == ENDED]
            self._unwritten += ends[: max(0, UNWRITTEN - len(self._unwritten))]
        for _, written in gathered:
            if not written.cancelled():
                written.set_result(refused)

    async def settled(self) -> None:
        """Wait until recovery is over and every sink has taken all there is."""
        while not self._recovered or self._catch_up() or any(map(self._delivery.behind, self._segments)):
            self._news.set()  # an open attempt is none: they are past it once they look
            await self._clock.sleep(0.01)

    async def aclose(self) -> None:
        """Deliver what is left, for a bounded time, and let go of the folder; it goes away where nothing is left in it."""
        if self._task is None:
            return
        self._flush()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN):
                await self.settled()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        self._flush()  # what came meanwhile
        self._live.seal()
        await self._let_go(self._segments)
        for folder in {segment.folder for segment in self._segments}:
            folder.release()

    def _write(self, rows: list[tuple[int, str, bytes]]) -> str | None:
        """Write rows (kind, generation, body) as one record. Returns why the disk took none."""
        live, refused = self._live, None
        try:
            if live.descriptor < 0 or live.size >= SEGMENT_BYTES:
                live = self._follow()
            live.append([body for _, _, body in rows])
        except OSError as error:
            refused = str(error.strerror)
            if error.errno in {errno.EFBIG, errno.EIO}:  # this file's own trouble: another may do
                live.seal()
            if self.writable:
                outcome = "new calls are refused" if self._required else "calls go unaccounted"
                _log.error("the spool in %s can't be written, so %s: %s", self._root, outcome, refused)
        if refused is None and not self.writable:
            _log.warning("the spool can be written again")
        self.writable = refused is None
        for kind, id_, _ in rows if self.writable else ():
            if kind == OPENED:
                self._open.setdefault(id_, live)
            else:
                self._open.pop(id_, None)
                self._news.set()
        return refused

    def _follow(self) -> Segment:
        """Go on in a new segment; where none can be made (no descriptors left), in the old one for a while."""
        old = self._live
        try:
            self._live = live = old.folder.create_segment(old.number + 1)
        except OSError:
            if old.descriptor < 0:
                raise
            return old
        self._segments.append(live)
        old.seal()
        if not old.size:  # on a full disk there would be one more at every try
            self._drop(old)
        return live

    def _catch_up(self) -> bool:
        """Write the ends that the disk did not take; whether some are left."""
        # One by one: for all of them at once no file may have room.
        while self._unwritten and self._write(self._unwritten[:1]) is None:
            del self._unwritten[0]
        return bool(self._unwritten)

    async def _run(self) -> None:
        self._segments[:0], lost = await recover(self._root, self.counts)
        for segment, generation in lost:
            self._open[generation.id] = segment
            self._unwritten.append((ENDED, generation.id, ended_body(generation)))
        self._recovered = True
        await asyncio.gather(self._keep_house(), *map(self._delivery.feed, self._delivery.sinks))

    async def _keep_house(self) -> None:
        """Off the request path: what can go goes, what could not be written is tried again."""
        for number in count(1):
            self._catch_up()
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
            behind = self._delivery.behind(oldest)
            _log.error("too far behind: sinks %s; the rest of %s is given up", ", ".join(behind), oldest.path)
            self.counts["given_up"] += 1
            self._drop(oldest)

    async def _let_go(self, segments: list[Segment]) -> None:
        """Delete those that every sink has passed and that hold no open attempt, oldest first.

        Before that sinks make durable what they took: it would be lost for good if they lost it with the power.
        """
        held = set(self._open.values())
        done = list(takewhile(lambda one: one not in held and not self._delivery.behind(one), segments))
        if not done:
            return
        try:
            await self._delivery.checkpoint()
        except Exception as error:  # noqa: BLE001 - whatever it was, the segments stay until a later one works
            if str(error) != self._kept_for:
                _log.warning("spool segments are kept, since a sink can't make durable what it took: %s", error)
            self._kept_for = str(error)
            return
        self._kept_for = ""
        for segment in filter(self._segments.__contains__, done):  # at the end, a late record may have replaced one
            self._drop(segment)

    def _drop(self, segment: Segment) -> None:
        with suppress(OSError):  # what stays comes again at the next start, under ids that sinks have
            segment.path.unlink()
        self._segments.remove(segment)
        if all(other.folder is not segment.folder for other in self._segments):
            segment.folder.remove()
