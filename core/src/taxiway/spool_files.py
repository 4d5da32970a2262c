"""The files of a spool: a locked folder for each process, its segments, and a cursor for each sink."""

import errno
import os
import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final
from urllib.parse import quote

from attrs import define

from taxiway.records import is_ended, unframed

_CHUNK: Final = 256 * 1024
"""Bytes read at once for a sink: a millisecond where it takes bodies as they are, some where they are decoded."""


class SpoolFolder:
    """One process's folder, `<epoch>-<pid>-<n>`, held by a lock that ends with the process. Modes 0700 and 0600."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def create(cls, root: Path, now: float) -> "SpoolFolder":
        """Make and lock a new folder under `root`. Raises OSError."""
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in count():
            path = root / f"{int(now)}-{os.getpid()}-{number}"
            with suppress(FileExistsError):
                path.mkdir(mode=0o700)
                # Between the two another process's recovery may have taken the empty folder, and removed it.
                folder = cls.take(path)
                if folder is not None:
                    return folder
        raise AssertionError("counting never ends")

    @classmethod
    def take(cls, path: Path) -> "SpoolFolder | None":
        """Lock a folder that is there; None where another process holds it, or just removed it. Raises OSError."""
        import fcntl

        try:
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock).st_ino == path.stat().st_ino:
                return cls(path, lock)
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(lock)
        return None

    def segments(self) -> list["Segment"]:
        """List the segments that are there, oldest first, as if nothing were in them."""
        numbers = sorted(int(path.stem) for path in self.path.glob("*.log") if path.stem.isdigit())
        return [Segment(self, number) for number in numbers]

    def create_segment(self, number: int) -> "Segment":
        """Make a segment to be appended to. Raises OSError."""
        segment = Segment(self, number)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        segment.descriptor = os.open(segment.path, flags, 0o600)
        return segment

    def cursor(self, sink: str) -> tuple[int, int]:
        """How far a sink is: a segment's number and a place in it. The beginning where its cursor is gone or broken."""
        try:
            number, place = self._cursor_path(sink).read_text("ascii").split()
            return int(number), int(place)
        except (OSError, ValueError):
            return 0, 0

    def save_cursor(self, sink: str, number: int, place: int) -> None:
        """Write down how far a sink is. Raises OSError."""
        path = self._cursor_path(sink)
        new = path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, b"%d %d" % (number, place))
        finally:
            os.close(descriptor)
        new.replace(path)

    def _cursor_path(self, sink: str) -> Path:
        return self.path / f"{quote(sink, safe='')}.cursor"

    def remove(self) -> None:
        """Delete the folder and let go of its lock."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.release()

    def release(self) -> None:
        """Let go of the lock; what is in the folder is the next recovery's."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


@define(eq=False)
class Segment:
    """One file of a spool. `size`: how many of its bytes are whole records. `descriptor`: -1 where nothing is appended."""

    folder: SpoolFolder
    number: int
    size: int = 0
    descriptor: int = -1

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.folder.path / f"{self.number:08d}.log"

    def append(self, record: bytes) -> None:
        """Append a record in one write. Raises OSError, also where only a part of it was taken, which is cut off again."""
        written = os.write(self.descriptor, record)
        if written != len(record):
            # A half record followed by good ones would hide those.
            with suppress(OSError):
                os.ftruncate(self.descriptor, self.size)
            raise OSError(errno.EFBIG, "no room for a whole record")
        self.size += written

    def seal(self) -> None:
        """Append no more."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def entry(self, sink: str) -> int:
        """Where a sink begins to read here."""
        number, place = self.folder.cursor(sink)
        if number == self.number:
            return min(place, self.size)
        return self.size if number > self.number else 0

    def read(self, place: int) -> tuple[list[bytes], int]:
        """Read the bodies of the next generations from `place`; return them, and where to go on. Raises OSError."""
        for most in (_CHUNK, self.size):
            with self.path.open("rb") as file:
                file.seek(place)
                data = file.read(min(most, self.size - place))
            end, found = 0, []
            for end, body in unframed(data):  # noqa: B007 - where the last one ended is used below
                if is_ended(body):
                    found.append(body)
            if end:
                return found, place + end
        # A broken cursor points between two records: from the beginning, then; sinks know the ids that they have.
        return [], 0 if place else self.size
