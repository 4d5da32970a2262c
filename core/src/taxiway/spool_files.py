"""The files of a spool: a locked folder for each process, its segments, and a cursor for each sink."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final
from urllib.parse import quote

from attrs import define, field

from taxiway.errors import Malformed
from taxiway.outcome import Generation
from taxiway.records import HEADER, Opened, Rows, is_ended, unframed

_CHUNK: Final = 256 * 1024
"""Bytes read at once for a sink that is behind: a few milliseconds of decoding."""


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

    def numbers(self) -> list[int]:
        """List the segments that are there, oldest first."""
        return sorted(int(path.stem) for path in self.path.glob("*.log") if path.stem.isdigit())

    def segment_path(self, number: int) -> Path:
        """Where a segment is."""
        return self.path / f"{number:08d}.log"

    def create_segment(self, number: int) -> tuple["Segment", int]:
        """Make a segment and return it with its descriptor, to be appended to. Raises OSError, and leaves nothing then."""
        path = self.segment_path(number)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        segment = Segment(self, number, path, 0)
        try:
            write_record(descriptor, segment, HEADER)
        except OSError:
            os.close(descriptor)
            path.unlink()
            raise
        return segment, descriptor

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
    """One file of a spool. `size`: how many of its bytes are whole records."""

    folder: SpoolFolder
    number: int
    path: Path
    size: int
    _rows: Rows | None = field(default=None, init=False)

    def entry(self, sink: str) -> int:
        """Where a sink begins to read here."""
        number, place = self.folder.cursor(sink)
        if number == self.number:
            return min(place, self.size)
        return self.size if number > self.number else 0

    def read(self, place: int) -> tuple[list[Generation], int]:
        """Read the next generations from `place`; return them, and where to go on. Raises OSError and Malformed."""
        rows = self.rows()
        for most in (_CHUNK, self.size):
            with self.path.open("rb") as file:
                file.seek(place)
                data = file.read(min(most, self.size - place))
            end, found = 0, []
            for end, body in unframed(data):  # noqa: B007 - where the last one ended is used below
                if is_ended(body):
                    found.append(self._generation(rows, body))
            if end:
                return found, place + end
        # A broken cursor points between two records: from the beginning, then; sinks know the ids that they have.
        return [], 0 if place else self.size

    def all(self, data: bytes) -> Iterator[tuple[int, Opened | Generation]]:
        """Read everything up to the first bad record, as `(where it ends, what it is)`. Raises Malformed."""
        rows = self.rows(data)
        records = unframed(data)
        next(records)
        for end, body in records:
            yield end, rows.read(body)

    def rows(self, data: bytes | None = None) -> Rows:
        """Return the reader that this segment's first record makes. Raises OSError and Malformed."""
        if self._rows is None:
            if data is None:
                with self.path.open("rb") as file:
                    data = file.read(_CHUNK)
            first = next(unframed(data), None)
            if first is None:
                raise Malformed("its first record is torn")
            self._rows = Rows(first[1])
        return self._rows

    @staticmethod
    def _generation(rows: Rows, body: bytes) -> Generation:
        generation = rows.read(body)
        assert isinstance(generation, Generation)
        return generation


def write_record(descriptor: int, segment: Segment, record: bytes) -> None:
    """Append a record in one write. Raises OSError, also where only a part of it was taken, which is cut off again."""
    written = os.write(descriptor, record)
    if written != len(record):
        # A half record followed by good ones would hide those.
        with suppress(OSError):
            os.ftruncate(descriptor, segment.size)
        raise OSError(errno.EFBIG, "no room for a whole record")
    segment.size += written
