"""Frames of AWS's binary event stream (`application/vnd.amazon.eventstream`), decoded however the bytes are split.

A frame: its length, the headers' length and a checksum of both; headers; payload; a checksum of all before it. Numbers are
big-endian, checksums CRC32. Source: docs.aws.amazon.com/transcribe/latest/dg, "Event stream encoding", and smithy.io's
`vnd.amazon.eventstream`.
"""

import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final
from zlib import crc32

from attrs import define

from taxiway.errors import Malformed

MAX_FRAME: Final = 24 * 1024 * 1024
"""Bytes of one frame: what AWS's own clients take."""

_PRELUDE: Final = struct.Struct(">III")
_CRC: Final = 4
_SHORTEST: Final = _PRELUDE.size + _CRC
_TEXT: Final = 7
# Bytes of a header's value by its type: true, false, byte, short, int, long, and, with a length of their own before them, bytes
# and text; time, UUID.
_SIZES: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 6: None, 7: None, 8: 8, 9: 16}


@define(eq=True)
class Frame:
    """One frame: its headers that are text, and its payload."""

    headers: Mapping[str, str]
    payload: bytes


class FrameParser:
    """Turns bytes into frames."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take bytes, give the frames that they complete. Raises Malformed where lengths or checksums are wrong, after those before."""
        self._rest += data
        while (end := self._end()) is not None:
            yield _frame(bytes(self._rest[:end]))
            del self._rest[:end]

    def close(self) -> None:
        """The body ended. Raises Malformed where it ended within a frame."""
        if self._rest:
            raise Malformed("a frame that was cut")

    def _end(self) -> int | None:
        """Return where the frame ends; None where not all of it is there."""
        rest = self._rest
        if len(rest) < _PRELUDE.size:
            return None
        length, headers, checksum = _PRELUDE.unpack_from(rest)
        if crc32(rest[:8]) != checksum:
            raise Malformed("a frame whose prelude has a wrong checksum")
        if length > MAX_FRAME or length < _SHORTEST + headers:
            raise Malformed(f"a frame of {length} bytes, {headers} of them headers")
        end: int = length
        return end if len(rest) >= end else None


def _frame(raw: bytes) -> Frame:
    if crc32(raw[:-_CRC]) != int.from_bytes(raw[-_CRC:], "big"):
        raise Malformed("a frame with a wrong checksum")
    payload = _PRELUDE.size + int.from_bytes(raw[4:8], "big")
    return Frame(_headers(raw[_PRELUDE.size : payload]), raw[payload:-_CRC])


@lru_cache(maxsize=64)
def _headers(raw: bytes) -> Mapping[str, str]:
    """Read the headers that are text. A stream has three or four sets of them, over and over."""
    headers: dict[str, str] = {}
    place = 0
    try:
        while place < len(raw):
            name_end = place + 1 + raw[place]
            name, kind = raw[place + 1 : name_end].decode(), raw[name_end]
            place = name_end + 1
            size = _SIZES[kind]
            if size is None:
                size = int.from_bytes(raw[place : place + 2], "big")
                place += 2
            if kind == _TEXT:
                headers[name] = raw[place : place + size].decode()
            place += size
    except (IndexError, KeyError, UnicodeDecodeError):
        raise Malformed("a frame whose headers can't be read") from None
    if place != len(raw):
        raise Malformed("a frame whose headers are cut")
    return headers
