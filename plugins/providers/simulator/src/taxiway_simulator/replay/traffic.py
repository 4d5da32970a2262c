"""Recorded traffic: the lines that the telemetry sink `jsonl` writes, one generation each."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from attrs import NOTHING, AttrsInstance, define, fields_dict

from taxiway.codec import loads_bounded
from taxiway.errors import ConfigError, Malformed, Problem
from taxiway.outcome import AttemptRecord, Generation
from taxiway.usage import Usage

T = TypeVar("T", bound=AttrsInstance)

_NUMBER: Final = (int, float)
_NEEDED: Final[tuple[tuple[type, str, Any, str], ...]] = (
    (Generation, "id", str, "a text"),
    (Generation, "operation", str, "a text"),
    (Generation, "requested", str, "a text"),
    (Generation, "created", _NUMBER, "a number"),
    (Generation, "attempts", list, "a list"),
    (AttemptRecord, "provider", str, "a text"),
    (AttemptRecord, "endpoint", str, "a text"),
    (AttemptRecord, "account", str, "a text"),
    (AttemptRecord, "model", str, "a text"),
    (AttemptRecord, "opened", _NUMBER, "a number"),
    (AttemptRecord, "tokens", int, "a whole number"),
    (Usage, "input", int, "a whole number"),
    (Usage, "output", int, "a whole number"),
)
"""What a replay needs to be there, and of which type."""


@define
class Traffic:
    """What was read. `left_out`: lines that could not be."""

    generations: list[Generation]
    left_out: int = 0


def read(paths: Iterable[Path], *, lenient: bool = False) -> Traffic:
    """Read files, each id once. Raises ConfigError, which names file and line; `lenient`: such lines are only counted."""
    found: dict[str, Generation] = {}
    left_out = 0
    for path in paths:
        try:
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    if not line.strip():
                        continue
                    try:
                        generation = _generation(line)
                    except _Unreadable as reason:
                        if not lenient:
                            said = f"{reason}; it is no line that the sink jsonl wrote whole. --lenient leaves such lines out"
                            raise ConfigError([Problem(said)], f"{path}, line {number}") from None
                        left_out += 1
                    else:
                        found.setdefault(generation.id, generation)
        except OSError as error:
            raise ConfigError([Problem(f"can't be read: {error.strerror}")], str(path)) from None
    return Traffic(sorted(found.values(), key=lambda one: (one.created, one.id)), left_out)


class _Unreadable(Exception):
    """What is wrong with a line."""


def _generation(line: bytes) -> Generation:
    try:
        raw = loads_bounded(line)
    except Malformed:
        raise _Unreadable("is not JSON") from None
    return _made(
        Generation, raw, usage=_usage, attempts=lambda some: [_made(AttemptRecord, one, usage=_usage) for one in some]
    )


def _usage(raw: Any) -> Usage | None:
    return None if raw is None else _made(Usage, raw)


def _made(cls: type[T], raw: Any, **inner: Any) -> T:
    """Make a record of what is known of it; a newer version's fields are passed over."""
    what = cls.__name__.removesuffix("Record").lower()
    if not isinstance(raw, Mapping):
        raise _Unreadable(f"its {what} is no object")
    for owner, name, kind, wanted in _NEEDED:
        if owner is cls and not (isinstance(raw.get(name), kind) and not isinstance(raw.get(name), bool)):
            raise _Unreadable(f'"{name}" of its {what} is {"not " + wanted if name in raw else "missing"}')
    known = {name: value for name, value in raw.items() if name in fields_dict(cls)}
    known |= {name: make(known.get(name)) for name, make in inner.items()}
    try:
        return cls(**known)
    except TypeError:
        missing = [name for name, one in fields_dict(cls).items() if one.default is NOTHING and name not in known]
        raise _Unreadable(f"its {what} lacks {', '.join(missing) or 'something'}") from None
