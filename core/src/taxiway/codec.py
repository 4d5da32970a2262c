"""JSON in and out: msgspec where it is installed, the standard library otherwise; one behaviour."""

import json
from typing import Any, Final, TypeAlias

import attrs

from taxiway.errors import Malformed

Json: TypeAlias = dict[str, Any]
"""A decoded JSON object."""

MAX_DEPTH: Final = 128
"""Objects and lists inside each other that a client may send."""
UNWRITABLE: Final = (ValueError, TypeError, RecursionError)
"""What `encode` raises for what JSON can't hold: `dumps` without its own exception, for who writes it otherwise then."""

try:
    import msgspec as _msgspec
except ImportError:
    _msgspec = None  # type: ignore[assignment]

if _msgspec is not None:
    _decode = _msgspec.json.Decoder().decode
    encode = _msgspec.json.Encoder().encode
else:

    def _decode(data: bytes) -> Any:
        value = json.loads(data.decode(), parse_constant=_refuse)
        if b"\\u" in data:
            # Half of a surrogate pair decodes, but no text can hold it: better refused here than when it is sent on.
            encode(value)
        return value

    def encode(value: Any) -> bytes:
        """Encode as msgspec does."""
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_by_name)
        return text.encode()


def loads(data: bytes) -> Any:
    """Decode bytes that came from a provider or from us. Raises Malformed."""
    try:
        return _decode(data)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {_where(error)}") from None


def loads_bounded(data: bytes) -> Any:
    """Decode bytes that came from a client. Raises Malformed, also where nested deeper than `MAX_DEPTH`.

    Counting brackets is enough for nearly every body (0.1 ms for 131 KB); only where there are many is the value walked.
    """
    value = loads(data)
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH and _deeper(value):
        raise Malformed(f"nested deeper than {MAX_DEPTH}")
    return value


def dumps(value: Any) -> bytes:
    """Encode to compact UTF-8, attrs values as objects. Raises Malformed for what JSON can't hold (NaN, lone surrogates)."""
    try:
        return encode(value)
    except UNWRITABLE as error:
        raise Malformed(f"can't be written as JSON: {type(error).__name__}") from None


def text_of(value: Any) -> str:
    """Return a text, or none at all where the value is no text: foreign JSON may hold anything anywhere."""
    return value if type(value) is str else ""


def items(value: Any) -> list[Json]:
    """Return the objects of a list; of none where it is absent. A single object stands for a list of one, as Google takes it."""
    if type(value) is dict:
        return [value]
    return [item for item in value if type(item) is dict] if type(value) is list else []


def _by_name(value: Any) -> Json:
    # What msgspec does by itself. Raises TypeError for what is no attrs value, as json wants it.
    return {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _deeper(value: Any) -> bool:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True


def _where(error: Exception) -> str:
    # A decoder's message may quote the document; its position says enough.
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} (byte {error.pos})"
    if isinstance(error, UnicodeDecodeError):
        return f"invalid UTF-8 (byte {error.start})"
    if isinstance(error, RecursionError):
        return f"nested deeper than {MAX_DEPTH}"
    return str(error)
