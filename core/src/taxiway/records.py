"""How generations are written down: framed rows for the spool, the same rows for stores, JSON by name for people.

A record is `u32 length, u32 checksum, body` (little-endian), the checksum a crc32 of the body that starts from a
number made of the length. A body is compact JSON: arrays without names, a third of the bytes. Columns are only ever
added, at a row's end: so a version reads what another wrote. What it does not know is left out, what is missing has its default.
"""

import json
import struct
from collections.abc import Iterator
from operator import attrgetter
from typing import Any, Final
from zlib import crc32

from attrs import asdict, fields, has

from taxiway.call import Call
from taxiway.codec import UNWRITABLE, Json, encode, loads
from taxiway.errors import Malformed
from taxiway.outcome import AttemptRecord, Generation
from taxiway.usage import Usage

_HEAD: Final = struct.Struct("<II")
_OPENED: Final = 1
_ENDED: Final = 2


def _columns(cls: type, *nested: str) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls) if field.name not in nested)


# In the order in which the fields are declared.
USAGE: Final = _columns(Usage)
ATTEMPT: Final = _columns(AttemptRecord, "usage")
GENERATION: Final = _columns(Generation, "usage", "attempts")

_usage_row: Final = attrgetter(*USAGE)
_planned_row: Final = attrgetter(*ATTEMPT[:12])  # what is known before it is sent
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
    """Yield `(where it ends, body)` of each record, up to the first that is torn or corrupt."""
    end = 0
    while end + _HEAD.size <= len(data):
        record = data[end : end + _HEAD.size + _HEAD.unpack_from(data, end)[0]]
        body = record[_HEAD.size :]
        if framed(body) != record:
            return
        end += len(record)
        yield end, body


def is_torn(rest: bytes) -> bool:
    """Whether what follows the last good record is only a write that never finished (else: corruption)."""
    return len(rest) < _HEAD.size or _HEAD.size + _HEAD.unpack_from(rest)[0] > len(rest) or not any(rest)


def opened_record(call: Call, attempt: AttemptRecord, before: AttemptRecord | None) -> bytes:
    """Return the record of an attempt that is about to be sent; `before`: how the one before it ended.

    It is the generation as it will be if nothing follows: as much of the row as is known by now.
    """
    caller, facts = call.caller, call.facts
    who = call.id, "lost", caller.workspace, caller.api_key
    what = call.operation, call.dialect, facts.models[0], call.created, facts.stream
    planned = _planned_row(attempt), None
    attempts = (planned,) if before is None else (_attempt(before), planned)
    return framed(encoded((_OPENED, who + what, None, attempts)))


def ended_body(generation: Generation) -> bytes:
    """Return a generation as one row: what is in the spool, and what stores keep."""
    usage = generation.usage
    attempts = [_attempt(attempt, usage) for attempt in generation.attempts]
    return encoded((_ENDED, _generation_row(generation), usage and _usage_row(usage), attempts))


def _attempt(attempt: AttemptRecord, known: Usage | None = None) -> tuple[Any, Any]:
    usage = attempt.usage
    # Nearly always it is the generation's own: nothing failed over.
    return _attempt_row(attempt), usage and (usage is known or _usage_row(usage))


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
    return body.startswith(b"[%d," % _ENDED)


def read(body: bytes) -> Generation:
    """Decode a generation: as it ended, or what an attempt's record says of it. Raises Malformed."""
    kind, *parts = loads(body)
    if kind not in {_OPENED, _ENDED}:
        raise Malformed("a record of a kind that this version does not know")
    row, usage, attempts = parts
    known = _read_usage(usage)
    return Generation(**_named(GENERATION, row), usage=known, attempts=[_read_attempt(one, known) for one in attempts])


def _read_attempt(row: Any, known: Usage | None = None) -> AttemptRecord:
    columns, usage = row
    return AttemptRecord(**_named(ATTEMPT, columns), usage=known if usage is True else _read_usage(usage))


def _read_usage(row: Any) -> Usage | None:
    return None if row is None else Usage(**_named(USAGE, row))


def _named(names: tuple[str, ...], row: Any) -> Json:
    return dict(zip(names, row, strict=False))
