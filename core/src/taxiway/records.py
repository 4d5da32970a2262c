"""How generations are written down: framed rows for the spool, plain JSON for stores, sinks and people.

A record is `u32 length, u32 crc32(length || body), body` (little-endian); the body is compact JSON. The checksum covers the
length too, so a tail of zeros can't pass. Rows are arrays without names; the first record of a segment says what their
columns are called, so another version reads them: a column that it does not know is left out, one that is missing has its default.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from math import isfinite
from operator import attrgetter
from typing import Any, Final

from attrs import asdict, define, fields

from taxiway.call import Call
from taxiway.codec import Json, dumps, loads
from taxiway.errors import Malformed
from taxiway.outcome import AttemptRecord, Generation
from taxiway.usage import Usage

VERSION: Final = 1
_HEAD: Final = struct.Struct("<II")
_OPENED: Final = 1
_ENDED: Final = 2


def _columns(cls: type, *without: str) -> tuple[str, ...]:
    return tuple(f.name for f in fields(cls) if f.name not in without)


_USAGE: Final = _columns(Usage)
_ATTEMPT: Final = _columns(AttemptRecord, "usage")
_GENERATION: Final = _columns(Generation, "usage", "attempts")
# What an attempt's record says of its call, so that a generation without an end can still be named and billed.
_CALL: Final = ("id", "workspace", "api_key", "operation", "dialect", "requested", "created", "streamed", "seed")

_usage_row: Final = attrgetter(*_USAGE)
_attempt_row: Final = attrgetter(*_ATTEMPT)
_generation_row: Final = attrgetter(*_GENERATION)


def framed(body: bytes) -> bytes:
    """Return a record."""
    length = len(body)
    return _HEAD.pack(length, zlib.crc32(body, zlib.crc32(length.to_bytes(4, "little")))) + body


def unframed(data: bytes, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield `(where it ends, body)` of each record from `start` on, up to the first that is torn or corrupt."""
    while start + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, start)
        begin, start = start + _HEAD.size, start + _HEAD.size + length
        body = data[begin:start]
        if len(body) != length or zlib.crc32(body, zlib.crc32(length.to_bytes(4, "little"))) != checksum:
            return
        yield start, body


def is_torn(data: bytes, good: int) -> bool:
    """Whether what follows the last good record, at `good`, is only a write that never finished (else: corruption)."""
    rest = len(data) - good
    if rest < _HEAD.size:
        return True
    return good + _HEAD.size + _HEAD.unpack_from(data, good)[0] > len(data) or not any(data[good:])


HEADER: Final = framed(
    dumps({"version": VERSION, "call": _CALL, "attempt": _ATTEMPT, "usage": _USAGE, "generation": _GENERATION})
)
"""The first record of every segment."""


def opened_record(call: Call, attempt: AttemptRecord, before: AttemptRecord | None) -> bytes:
    """Return the record of an attempt that is about to be sent; `before`: how the one before it ended."""
    caller, facts = call.caller, call.facts
    row = (
        call.id,
        caller.workspace,
        caller.api_key,
        call.operation,
        call.dialect,
        facts.models[0] if facts.models else "",
        call.created,
        facts.stream,
        call.seed,
    )
    return framed(_json((_OPENED, row, _attempt(attempt), None if before is None else _attempt(before))))


def ended_record(generation: Generation) -> bytes:
    """Return the record of a generation's end."""
    usage = generation.usage
    attempts = [_attempt(attempt) for attempt in generation.attempts]
    return framed(_json((_ENDED, _generation_row(generation), None if usage is None else _usage_row(usage), attempts)))


def _json(row: Any) -> bytes:
    try:
        return dumps(row)
    except Malformed:
        return dumps(plain(row))


def plain(value: Any) -> Any:
    """Return what JSON can hold of a value: peers send lone surrogates, and a record must be written whatever it says."""
    if isinstance(value, dict):
        return {plain(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    return str(value).encode(errors="replace").decode()


def _attempt(attempt: AttemptRecord) -> tuple[Any, Any]:
    usage = attempt.usage
    return _attempt_row(attempt), None if usage is None else _usage_row(usage)


@define(eq=False)
class Opened:
    """An attempt's record, read back. `call` has the fields of a Generation that are known before its end."""

    call: Json
    attempt: AttemptRecord
    before: AttemptRecord | None


class Rows:
    """Reads the bodies of one segment."""

    def __init__(self, header: bytes) -> None:
        """Take the columns' names from the segment's first record. Raises Malformed."""
        names = loads(header)
        try:
            if names["version"] != VERSION:
                raise Malformed(f"a spool of version {names['version']}, where {VERSION} is known")
            self._call = _known(names["call"], Generation)
            self._attempts = _known(names["attempt"], AttemptRecord)
            self._usages = _known(names["usage"], Usage)
            self._generations = _known(names["generation"], Generation)
        except (TypeError, KeyError) as error:
            raise Malformed(f"not a spool's first record: {type(error).__name__}") from None

    def read(self, body: bytes) -> Opened | Generation:
        """Decode a body. Raises Malformed."""
        row = loads(body)
        try:
            if row[0] == _OPENED:
                before = None if row[3] is None else self._attempt(row[3])
                return Opened(_named(self._call, row[1]), self._attempt(row[2]), before)
            return Generation(
                **_named(self._generations, row[1]),
                usage=self._usage(row[2]),
                attempts=[self._attempt(attempt) for attempt in row[3]],
            )
        except (TypeError, IndexError, KeyError) as error:
            raise Malformed(f"not a spool's record: {type(error).__name__}") from None

    def _attempt(self, row: Any) -> AttemptRecord:
        return AttemptRecord(**_named(self._attempts, row[0]), usage=self._usage(row[1]))

    def _usage(self, row: Any) -> Usage | None:
        return None if row is None else Usage(**_named(self._usages, row))


def is_ended(body: bytes) -> bool:
    """Whether a body is a generation's end; tells without decoding it."""
    return body.startswith(b"[%d," % _ENDED)


def _known(names: list[str], cls: type) -> list[tuple[int, str]]:
    here = {f.name for f in fields(cls)}
    return [(index, name) for index, name in enumerate(names) if name in here]


def _named(names: list[tuple[int, str]], row: Any) -> Json:
    return {name: row[index] for index, name in names}


def generation_json(generation: Generation) -> bytes:
    """Return a generation as a JSON object, its attempts and usage by name: what sinks write and stores keep."""
    try:
        return dumps(generation)
    except Malformed:
        return dumps(plain(asdict(generation)))


def generation_of(value: Mapping[str, Any]) -> Generation:
    """Read what `generation_json` wrote, decoded; names that this version does not know are left out. Raises Malformed."""
    try:
        attempts = [
            AttemptRecord(**_only(attempt, _ATTEMPT), usage=_usage_of(attempt["usage"]))
            for attempt in value["attempts"]
        ]
        return Generation(**_only(value, _GENERATION), usage=_usage_of(value["usage"]), attempts=attempts)
    except (TypeError, KeyError) as error:
        raise Malformed(f"not a generation: {type(error).__name__}") from None


def _usage_of(value: Mapping[str, Any] | None) -> Usage | None:
    return None if value is None else Usage(**_only(value, _USAGE))


def _only(value: Mapping[str, Any], names: tuple[str, ...]) -> Json:
    return {name: value[name] for name in names if name in value}
