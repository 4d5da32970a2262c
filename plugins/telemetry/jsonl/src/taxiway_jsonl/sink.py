"""The file of generations, and its rotation."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from taxiway.codec import loads
from taxiway.errors import Malformed
from taxiway.outcome import Generation
from taxiway.records import encoded

_REMEMBERED: Final = 4_000
"""Ids that are known to be in the file; what comes again after a crash is the last batch, or a part of one."""
_TAIL: Final = 8 * 1024 * 1024
"""Bytes at the file's end that are read for them at the start."""


class JsonlSink:
    """Appends one line for each generation. Mode 0600; other processes may append to the same file."""

    def __init__(self, path: Path, max_bytes: int, keep: int) -> None:
        """Write to `path`; put it aside as `path.1`, `path.2`, ... at `max_bytes`, and keep so many of those."""
        self._path, self._max_bytes, self._keep = path, max_bytes, keep
        self._descriptor = -1
        self._known: dict[str, None] = {}

    async def start(self) -> None:
        """Open the file. Raises OSError."""
        for path in (self._aside(1), self._path):
            for id_ in self._ids_in(path):
                self._remember(id_)
        self._open()

    async def deliver(self, batch: Sequence[Generation]) -> None:
        """Append a batch in one write. Raises OSError."""
        new = {generation.id: generation for generation in batch if generation.id not in self._known}
        if not new:
            return
        self._rotate()
        data = b"".join(encoded(generation) + b"\n" for generation in new.values())
        size = os.fstat(self._descriptor).st_size
        # A half line, of whatever process, stays and is closed first: to cut it off could cut another process's lines.
        start = b"\n" if size and os.pread(self._descriptor, 1, size - 1) != b"\n" else b""
        written = os.write(self._descriptor, start + data) - len(start)
        for id_, _ in zip(new, range(data[: max(written, 0)].count(b"\n")), strict=False):
            self._remember(id_)
        if written < len(data):
            raise OSError(f"{self._path} took a part of a batch: is the disk full?")

    async def aclose(self) -> None:
        """Close the file."""
        self._close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o600)

    def _rotate(self) -> None:
        """Open the file anew where it is too large, or was put aside or deleted by somebody else."""
        try:
            here, there = os.fstat(self._descriptor), self._path.stat()
            if here.st_ino == there.st_ino and here.st_size < self._max_bytes:
                return
            if here.st_ino == there.st_ino:
                for number in range(self._keep - 1, 0, -1):
                    with suppress(FileNotFoundError):
                        self._aside(number).replace(self._aside(number + 1))
                self._path.replace(self._aside(1))
        except OSError:  # the file is gone, or was never opened again
            pass
        self._close()
        self._open()

    def _aside(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _remember(self, id_: str) -> None:
        self._known[id_] = None
        if len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]

    @staticmethod
    def _ids_in(path: Path) -> Iterator[str]:
        try:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - _TAIL))
                lines = file.read().splitlines()
        except FileNotFoundError:
            return
        for line in lines[-_REMEMBERED:]:
            with suppress(Malformed, TypeError, KeyError):  # the first may be a part of one, the last torn
                yield str(loads(line)["id"])
