"""The framing of a stream that was not asked for as server-sent events: one JSON array, its elements as they come.

Both of Google's APIs answer `streamGenerateContent` so, unless the address says `alt=sse`.
"""

import re
from collections.abc import Sequence
from typing import Final

from taxiway.codec import loads
from taxiway.errors import Malformed
from taxiway.provider import Event, InBandError
from taxiway.sse import MAX_EVENT
from taxiway_openai_compatible import Quirk, StreamReplies

_STRUCTURE: Final = re.compile(rb'[\[\]{}",\\]')
_SPACE: Final = b" \t\r\n"


class ArrayReplies(StreamReplies):
    """Decodes a stream that is one JSON array of objects, however its bytes are split. An object with a top-level `error` is
    an in-band error. `mark`: the closing bracket came.
    """

    __slots__ = ("_depth", "_element", "_escaped", "_open", "_quirk", "_text")

    def __init__(self, quirk: Quirk | None = None) -> None:
        super().__init__()
        self._quirk = quirk
        self._element = bytearray()
        self._open = False  # the array's own bracket came
        self._depth = 0  # inside the element
        self._text = self._escaped = False

    def feed(self, data: bytes) -> Sequence[Event]:
        """Take bytes, give the elements that they complete. Raises Malformed."""
        return self.decoded(self._scan, data)

    def close(self, framed: bool) -> Sequence[Event]:
        """The body ended; what is left is no whole element. Raises Malformed where an element was cut."""
        return self.decoded(self._end, None)

    def _end(self, _: None, events: list[Event]) -> None:
        if bytes(self._element).strip(_SPACE) and not self.mark:
            raise Malformed("an array that ends inside an element")

    def _scan(self, data: bytes, events: list[Event]) -> None:
        start, skip = 0, -1
        if self._escaped and data:
            self._escaped, skip = False, 0
        for match in _STRUCTURE.finditer(data):
            place = match.start()
            if place == skip or self.mark:
                continue
            byte = data[place]
            if self._text:
                if byte == 0x5C:  # a backslash: whatever follows is text
                    skip = place + 1
                    self._escaped = skip == len(data)
                elif byte == 0x22:
                    self._text = False
                continue
            start = self._structure(byte, data, start, place, events)
        if not self.mark:
            self._element += data[start:]
            if len(self._element) > MAX_EVENT:
                raise Malformed(f"an event of more than {MAX_EVENT} bytes")

    def _structure(self, byte: int, data: bytes, start: int, place: int, events: list[Event]) -> int:
        """Take one character that is no text; return where what is not yet taken begins in `data`."""
        if byte == 0x22:
            self._text = True
        elif not self._open:
            if byte != 0x5B or bytes(self._element + data[start:place]).strip(_SPACE):
                raise Malformed("a stream that is no JSON array")
            self._open = True
            self._element.clear()
            return place + 1
        elif byte in b"[{":
            self._depth += 1
        elif byte in b"]}" and self._depth:
            self._depth -= 1
            if not self._depth:
                self._element += data[start : place + 1]
                self._whole(events)
                return place + 1
        elif not self._depth:
            # Between elements: nothing may be left there but space.
            self._element += data[start:place]
            if byte == 0x7D or bytes(self._element).strip(_SPACE):
                raise Malformed("an element that is not a JSON object")
            self.mark = byte == 0x5D
            return place + 1
        return start

    def _whole(self, events: list[Event]) -> None:
        value = loads(bytes(self._element))
        self._element.clear()
        if type(value) is not dict:
            raise Malformed("an element that is not a JSON object")
        if value.get("error"):
            events.append(InBandError(value))
        elif self._quirk is None:
            events.append(value)
        else:
            events.extend(self._quirk(value))
