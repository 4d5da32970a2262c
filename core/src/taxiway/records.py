"""How generations are written down: framed rows for the spool, the same rows for stores, JSON by name for people.

A record is `u32 length, u32 checksum, body` (little-endian), the checksum a crc32 of the body that starts from a
number made of the length. A body is compact JSON: arrays without names, a third of the bytes. What is written together is one
record, its bodies a line each: there is no newline in compact JSON. Columns are only ever added, at a row's end: so a
version reads another's rows. What it does not know is left out, what is missing has its default.
"""

import json
import struct
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, Final, TypeAlias
from zlib import crc32

from attrs import asdict, fields, has

from taxiway.codec import UNWRITABLE, Json, encode, loads
from taxiway.errors import Malformed
from taxiway.outcome import AttemptRecord, Generation
from taxiway.usage import Usage

Row: TypeAlias = tuple[int, tuple[Any, ...], Any, Sequence[tuple[Any, Any]]]
"""What is recorded: `OPENED` or `ENDED`, the columns of a generation, of its usage, and of each attempt with its usage.

An attempt's usage is True where it is the generation's own. The executor makes rows without making a `Generation`.
"""
OPENED: Final = 1
ENDED: Final = 2
_ENDED_BODY: Final = b"[%d," % ENDED

_HEAD: Final = struct.Struct("<II")


def _columns(cls: type, *nested: str) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls) if field.name not in nested)


# In the order in which the fields are declared.
USAGE: Final = _columns(Usage)
ATTEMPT: Final = _columns(AttemptRecord, "usage")
GENERATION: Final = _columns(Generation, "usage", "attempts")

usage_row: Final = attrgetter(*USAGE)
_attempt_row: Final = attrgetter(*ATTEMPT)
_generation_row: Final = attrgetter(*GENERATION)


def framed(body: bytes) -> bytes:
    """Return a record.

    Its CRC-32 begins at a number that the length alone decides: zeros are no record, and a damaged length shows. The length is
    multiplied, since CRC is linear: a bit that flips in it could be made up for by the body's first byte.
    """
    length = len(body)
    return _HEAD.pack(length, crc32(body, (length + 1) * 0x9E3779B1 & 0xFFFFFFFF)) + body


def unframed(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield `(where its record ends, body)` of all bodies, up to the first record that is torn or corrupt."""
    end = 0
    while end + _HEAD.size <= len(data):
        record = data[end : end + _HEAD.size + _HEAD.unpack_from(data, end)[0]]
        bodies = record[_HEAD.size :]
        if framed(bodies) != record:
            return
        end += len(record)
        for body in bodies.split(b"\n"):
            yield end, body


def is_torn(rest: bytes) -> bool:
    """Whether what follows the last good record is only a write that never finished (else: corruption).

    In what a damaged length calls a part of a record, others follow, and a record begins with a zero somewhere in its length.
    """
    size = _HEAD.size + int.from_bytes(rest[:4], "little")
    return not any(rest) or (size > len(rest) and b"\0" not in rest[_HEAD.size :])


def row_of(generation: Generation) -> Row:
    """Return a generation as one row."""
    usage = generation.usage
    # Nearly always an attempt's is the generation's own: nothing failed over.
    used = [one.usage and (one.usage is usage or usage_row(one.usage)) for one in generation.attempts]
    attempts = list(zip(map(_attempt_row, generation.attempts), used, strict=True))
    return ENDED, _generation_row(generation), usage and usage_row(usage), attempts


def ended_body(generation: Generation) -> bytes:
    """Return a generation as its row is in the spool, and as stores keep it."""
    return encoded(row_of(generation))


def encoded(value: Any) -> bytes:
    """Encode as JSON whatever peers sent: half surrogates become "?", NaN null, what is no JSON text."""
    try:
        return encode(value)
    except UNWRITABLE:
        text = json.dumps(value, ensure_ascii=False, skipkeys=True, default=_plain).encode(errors="replace")
        return encode(json.loads(text, parse_constant=lambda _: None))


def _plain(value: Any) -> Any:
    return asdict(value) if has(type(value)) else str(value)


def is_ended(body: bytes) -> bool:
    """Whether a body is a generation's end; tells without decoding it."""
    return body.startswith(_ENDED_BODY)


def read(body: bytes) -> Generation:
    """Decode a generation: as it ended, or what an attempt's record says of it. Raises Malformed."""
    return generation_of(loads(body))


def generation_of(row: Any) -> Generation:
    """Return what a row says by name. Raises Malformed."""
    if row[0] not in {OPENED, ENDED}:
        raise Malformed("a record of a kind that this version does not know")
    _, columns, usage, attempts = row
    known = _read_usage(usage)
    read_attempts = [_read_attempt(one, known) for one in attempts]
    return Generation(**_named(GENERATION, columns), usage=known, attempts=read_attempts)


def _read_attempt(row: Any, known: Usage | None) -> AttemptRecord:
    columns, usage = row
    return AttemptRecord(**_named(ATTEMPT, columns), usage=known if usage is True else _read_usage(usage))


def _read_usage(row: Any) -> Usage | None:
    return None if row is None else Usage(**_named(USAGE, row))


def _named(names: tuple[str, ...], row: Any) -> Json:
    return dict(zip(names, row, strict=False))
