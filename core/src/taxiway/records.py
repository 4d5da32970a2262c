"""How generations are written down: framed rows for the spool and for stores, plain JSON by name for people.

A record is `u32 length, u32 checksum, body` (little-endian), the checksum a crc32 of the body that starts from the length, so
that a tail of zeros can't pass. A body is compact JSON: arrays without names. Columns are only ever added, at a row's end: so
a version reads what another wrote. What it does not know is left out, what is missing has its default.
"""

import struct
import zlib
from collections.abc import Iterator
from math import isfinite
from operator import attrgetter
from typing import Any, Final

from attrs import asdict, define

from taxiway.call import Call
from taxiway.codec import Json, dumps, loads
from taxiway.errors import Malformed
from taxiway.outcome import AttemptRecord, Generation
from taxiway.usage import Usage

_HEAD: Final = struct.Struct("<II")
_OPENED: Final = 1
_ENDED: Final = 2

USAGE: Final = tuple(
    "input cache_read cache_write_5m cache_write_1h output reasoning audio_in audio_out image_in image_out requests "
    "reported_cost estimated".split()
)
PLANNED: Final = tuple(
    "number endpoint provider account credential model opened tokens max_output price_in price_out headroom".split()
)
"""What is known of an attempt before it is sent."""
ATTEMPT: Final = (*PLANNED, *"kind status code sent latency duration cost".split())
GENERATION: Final = tuple(
    "id workspace api_key created cost state operation dialect requested streamed model provider endpoint is_byok estimated "
    "latency duration finish_reason native_finish_reason upstream_id error seed snapshot figures dropped origin".split()
)
# What an attempt's record says of its call, so that a generation without an end can still be named and billed.
_CALL: Final = ("id", "workspace", "api_key", "operation", "dialect", "requested", "created", "streamed", "seed")

_usage_row: Final = attrgetter(*USAGE)
_planned_row: Final = attrgetter(*PLANNED)
_attempt_row: Final = attrgetter(*ATTEMPT)
_generation_row: Final = attrgetter(*GENERATION)


def framed(body: bytes) -> bytes:
    """Return a record."""
    return _HEAD.pack(len(body), _checksum(body)) + body


def unframed(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield `(where it ends, body)` of each record, up to the first that is torn or corrupt."""
    start = 0
    while start + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, start)
        begin, start = start + _HEAD.size, start + _HEAD.size + length
        body = data[begin:start]
        if len(body) != length or _checksum(body) != checksum:
            return
        yield start, body


def _checksum(body: bytes) -> int:
    """CRC-32, begun at a number that the length alone decides: zeros are no record, and a damaged length shows.

    The length is multiplied, since CRC is linear: a bit that flips in it could be made up for by the body's first byte.
    """
    return zlib.crc32(body, (len(body) + 1) * 0x9E3779B1 & 0xFFFFFFFF)


def is_torn(data: bytes, good: int) -> bool:
    """Whether what follows the last good record, at `good`, is only a write that never finished (else: corruption)."""
    if len(data) - good < _HEAD.size:
        return True
    return good + _HEAD.size + _HEAD.unpack_from(data, good)[0] > len(data) or not any(data[good:])


def opened_record(call: Call, attempt: AttemptRecord, before: AttemptRecord | None) -> bytes:
    """Return the record of an attempt that is about to be sent; `before`: how the one before it ended."""
    caller, facts = call.caller, call.facts
    asked = facts.models[0] if facts.models else ""
    row = (
        call.id,
        caller.workspace,
        caller.api_key,
        call.operation,
        call.dialect,
        asked,
        call.created,
        facts.stream,
        call.seed,
    )
    return framed(_json((_OPENED, row, _planned_row(attempt), None if before is None else _attempt(before))))


def ended_body(generation: Generation) -> bytes:
    """Return a generation as one row: what is in the spool, and what stores keep. `read` reads it."""
    usage = generation.usage
    attempts = [_attempt(attempt, usage) for attempt in generation.attempts]
    return _json((_ENDED, _generation_row(generation), None if usage is None else _usage_row(usage), attempts))


def _json(row: Any) -> bytes:
    try:
        return dumps(row)
    except Malformed:
        return dumps(_plain(row))


def _plain(value: Any) -> Any:
    """Return what JSON can hold of a value: peers send lone surrogates, and a record must be written whatever it says."""
    if isinstance(value, dict):
        return {_plain(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    return str(value).encode(errors="replace").decode()


def _attempt(attempt: AttemptRecord, known: Usage | None = None) -> tuple[Any, Any]:
    usage = attempt.usage
    if usage is not None and usage is known:  # nearly always: nothing failed over
        return _attempt_row(attempt), True
    return _attempt_row(attempt), None if usage is None else _usage_row(usage)


@define(eq=False)
class Opened:
    """An attempt's record, read back. `call` has the fields of a Generation that are known before its end."""

    call: Json
    attempt: AttemptRecord
    before: AttemptRecord | None


def is_ended(body: bytes) -> bool:
    """Whether a body is a generation's end; tells without decoding it."""
    return body.startswith(b"[%d," % _ENDED)


def read(body: bytes) -> Opened | Generation:
    """Decode a body. Raises Malformed."""
    row = loads(body)
    try:
        if row[0] == _OPENED:
            attempt = AttemptRecord(**_named(PLANNED, row[2]))
            return Opened(_named(_CALL, row[1]), attempt, None if row[3] is None else _read_attempt(row[3]))
        if row[0] == _ENDED:
            usage = _read_usage(row[2])
            attempts = [_read_attempt(attempt, usage) for attempt in row[3]]
            return Generation(**_named(GENERATION, row[1]), usage=usage, attempts=attempts)
    except (TypeError, IndexError, KeyError) as error:
        raise Malformed(f"not a spool's record: {type(error).__name__}") from None
    raise Malformed("a record of a kind that this version does not know")


def _read_attempt(row: Any, known: Usage | None = None) -> AttemptRecord:
    return AttemptRecord(**_named(ATTEMPT, row[0]), usage=known if row[1] is True else _read_usage(row[1]))


def _read_usage(row: Any) -> Usage | None:
    return None if row is None else Usage(**_named(USAGE, row))


def _named(names: tuple[str, ...], row: Any) -> Json:
    return dict(zip(names, row, strict=False))


def generation_json(generation: Generation) -> bytes:
    """Return a generation as a JSON object, its attempts and usage by name."""
    try:
        return dumps(generation)
    except Malformed:
        return dumps(_plain(asdict(generation)))
