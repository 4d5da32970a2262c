"""The files of a spool: a locked folder for each process, its segments, and a cursor for each sink."""

import errno
import logging
import os
import shutil
from bisect import bisect_right
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Final
from urllib.parse import quote

from attrs import Factory, define

from taxiway.records import framed, is_ended, unframed

_log = logging.getLogger("taxiway.spool")

BATCH_BYTES: Final = 256 * 1024
"""What a sink gets at once: a millisecond where it takes bodies as they are, some where they are decoded. Up to four times as much
of the live segment's end is in memory too: what sinks that keep up take is not read back and checked."""


@define(eq=False)
class SpoolFolder:
    """One process's folder, `<epoch>-<pid>-<letters>`, held by a lock that ends with the process. Modes 0700 and 0600."""

    path: Path
    lock: int

    @classmethod
    def create(cls, root: Path, now: float) -> "SpoolFolder":
        """Make and lock a new folder under `root`. Raises OSError."""
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Before it is locked, another process's recovery may take the empty folder, and remove it.
        while (folder := cls.take(Path(mkdtemp(prefix=f"{int(now)}-{os.getpid()}-", dir=root)))) is None:
            pass
        return folder

    @classmethod
    def take(cls, path: Path) -> "SpoolFolder | None":
        """Lock a folder that is there; None where another process holds it, just removed it, or owns it. Raises OSError."""
        import fcntl

        lock = -1
        with suppress(BlockingIOError, FileNotFoundError, PermissionError):
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.stat()  # else what was locked is a folder that is gone
            return cls(path, lock)
        if lock >= 0:
            os.close(lock)
        return None

    def segments(self) -> list["Segment"]:
        """List the segments that are there, oldest first, as if nothing were in them."""
        return [Segment(self, int(path.stem)) for path in sorted(self.path.glob("*.log"))]

    def create_segment(self, number: int) -> "Segment":
        """Make a segment to be appended to. Raises OSError."""
        segment = Segment(self, number)
        segment.descriptor = os.open(segment.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        return segment

    def cursor_path(self, sink: str) -> str:
        """Where it is kept how far a sink is: the number of a segment, and a place in it."""
        return f"{self.path}/{quote(sink, safe='')}.cursor"

    def remove(self) -> None:
        """Delete the folder and let go of its lock."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.release()

    def release(self) -> None:
        """Let go of the lock; what is in the folder is the next recovery's."""
        os.close(self.lock)


@define(eq=False)
class Segment:
    """One file of a spool. `size`: how many of its bytes are whole records. `descriptor`: -1 where nothing is appended.

    `places`: how far sinks are that have asked. `bodies`: the generations that were appended and end after the place `kept`;
    `ends` says where.
    """

    folder: SpoolFolder
    number: int
    size: int = 0
    descriptor: int = -1
    places: dict[str, int] = Factory(dict)
    kept: int = 0
    ends: list[int] = Factory(list)
    bodies: list[bytes] = Factory(list)

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.folder.path / f"{self.number:08d}.log"

    def append(self, bodies: list[bytes]) -> None:
        """Append bodies as one record, in one write; those that end a generation stay in memory too.

        Raises OSError, also where only a part of it was taken, which is cut off again.
        """
        record = framed(b"\n".join(bodies))
        taken = os.write(self.descriptor, record)
        if taken != len(record):
            # A half record followed by good ones would hide those.
            with suppress(OSError):
                os.ftruncate(self.descriptor, self.size)
            raise OSError(errno.EFBIG, "no room for a whole record")
        self.size += taken
        ended = list(filter(is_ended, bodies))
        self.bodies += ended
        self.ends += [self.size] * len(ended)
        if self.size - self.kept > 4 * BATCH_BYTES:
            self.kept = self.size - 2 * BATCH_BYTES
            gone = bisect_right(self.ends, self.kept)
            del self.ends[:gone], self.bodies[:gone]

    def seal(self) -> None:
        """Append no more."""
        self.ends, self.bodies = [], []
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def left(self, sink: str) -> int:
        """How many bytes a sink has not taken yet: all where its cursor is gone or broken."""
        if sink not in self.places:
            number = place = 0
            with suppress(OSError, ValueError):
                number, place = map(int, Path(self.folder.cursor_path(sink)).read_text("ascii").split())
            self.places[sink] = place if number == self.number else self.size if number > self.number else 0
        return self.size - self.places[sink]

    def read(self, place: int) -> tuple[list[bytes], int]:
        """Return the bodies of the next generations from `place`, and where to go on. Raises OSError."""
        if self.descriptor >= 0 and place >= self.kept:
            first = bisect_right(self.ends, place)
            # At the least one record, and that whole.
            last = bisect_right(self.ends, max([place + BATCH_BYTES, *self.ends[first : first + 1]]))
            return self.bodies[first:last], self.ends[last - 1] if last < len(self.ends) else self.size
        for most in (BATCH_BYTES, self.size):
            with self.path.open("rb") as file:
                file.seek(place)
                records = list(unframed(file.read(most)))
            if records:
                return [body for _, body in records if is_ended(body)], place + records[-1][0]
        # A broken cursor points between two records: from the beginning, then; sinks know the ids that they have.
        if place and all(place != end for end, _ in unframed(self.path.read_bytes())):
            return [], 0
        self.keep_broken(place)
        return [], self.size

    def keep_broken(self, place: int) -> None:
        """Keep the file beside its folder: from a place on it is corrupt. Raises OSError."""
        kept = self.folder.path.with_name(f"{self.folder.path.name}-{self.path.stem}.broken")
        kept.unlink(missing_ok=True)
        os.link(self.path, kept)
        _log.error("%s is not accounted from byte %d on, where it is corrupt: see %s", self.path, place, kept)

    def passed(self, sink: str, place: int) -> None:
        """Write down how far a sink is."""
        self.places[sink] = place
        with suppress(OSError):  # only after a crash does it matter: the sink gets again what it has
            # In place, as one write of always the same length: to rename a file makes the file system flush it.
            path = self.folder.cursor_path(sink)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(b"%08d %012d" % (self.number, place))
