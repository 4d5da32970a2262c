"""Server-sent events, decoded from bytes as they come (WHATWG HTML, 9.2), however they are split."""

from typing import Final, NamedTuple

from taxiway.errors import Malformed

MAX_EVENT: Final = 16 * 1024 * 1024
"""Bytes of one event: a 12 MB image as base64 fits."""


class SseEvent(NamedTuple):
    """One event: its `data` lines joined by LF, and its name where it has one."""

    data: bytes
    name: str | None = None


class SseParser:
    """Turns bytes into events. Comments are skipped; a last event without its blank line comes out of `close`."""

    __slots__ = ("_data", "_name", "_rest", "_size", "_skip_lf")

    def __init__(self) -> None:
        self._rest = bytearray()  # a line that goes on
        self._data: list[bytes] = []
        self._name: str | None = None
        self._size = 0
        self._skip_lf = False

    def feed(self, data: bytes) -> list[SseEvent]:
        """Take bytes, give the events that they complete. Raises Malformed where one is larger than `MAX_EVENT`."""
        if self._skip_lf and data:
            # The last bytes ended in CR, which ended a line: an LF now belongs to it.
            self._skip_lf = False
            if data[:1] == b"\n":
                data = data[1:]
        if self._rest:
            self._rest += data
            # An image comes in hundreds of pieces: what went before is not looked through for each.
            if b"\n" in data or b"\r" in data:
                data, self._rest = bytes(self._rest), bytearray()
            else:
                data = b""
        lines, end = data.splitlines(), data[-1:]
        if end == b"\r":
            self._skip_lf = True
        elif lines and end != b"\n":
            self._rest += lines.pop()
        events: list[SseEvent] = []
        for line in lines:
            self._line(line, events)
        if self._size + len(self._rest) > MAX_EVENT:
            raise Malformed(f"an event of more than {MAX_EVENT} bytes")
        return events

    @property
    def between(self) -> bool:
        """Whether nothing is held: what comes next begins an event."""
        return not (self._rest or self._data or self._skip_lf) and self._name is None

    def close(self) -> list[SseEvent]:
        """Give what is left: providers have been seen to end without the last blank line."""
        events: list[SseEvent] = []
        if self._rest:
            self._line(bytes(self._rest), events)
            self._rest.clear()
        self._line(b"", events)
        return events

    def _line(self, line: bytes, events: list[SseEvent]) -> None:
        if not line:
            if self._data:
                events.append(SseEvent(b"\n".join(self._data), self._name))
            self._data, self._name, self._size = [], None, 0
            return
        field, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if field == b"data":
            self._data.append(value)
            self._size += len(value) + 1
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")
