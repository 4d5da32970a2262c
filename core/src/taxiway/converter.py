"""From TOML to typed options, strictly: cattrs as it comes turns 3 into "3" and "abc" into a tuple of letters.

All problems of a value are found at once, each with its path and, for a misspelt name, the nearest valid one. No message
quotes a text that was given: it may be a key pasted into the wrong place.

A class of options may name, in a class variable `not_built`, words that are known and come later.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeAlias, TypeVar, Union, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.cols import is_mapping, list_structure_factory, mapping_structure_factory
from cattrs.errors import (
    AttributeValidationNote,
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
    IterableValidationNote,
    StructureHandlerNotFoundError,
)
from cattrs.gen import make_dict_structure_fn, override

from taxiway.candidate import Reference
from taxiway.clock import Duration
from taxiway.errors import ConfigError, Problem
from taxiway.secret import Secret, scrub

T = TypeVar("T")
Hook: TypeAlias = Callable[[Any, Any], Any]

NOT_BUILT: Final = "is not built yet"

DURATION_PATTERN: Final = r"(\d+(?:\.\d+)?)(ms|s|m|h)"
REFERENCE_PATTERN: Final = r"[a-z][a-z0-9-]*:."

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_MANY: Final = 5
_PLAIN: Final = {str: "text", bool: "true or false", int: "a whole number", float: "a number", NoneType: "nothing"}
_TABLE: Final = "a table"
_LIST: Final = "a list"
_LISTS: Final = (list, tuple, set, frozenset)
_ATTRIBUTE: Final = re.compile(r"^'(\w+)' ")


class Wrong(ValueError):
    """A value that can't be used. The message is shown as it is, so it must not quote a text that was given."""


def structure(raw: Any, cls: type[T], path: str = "") -> T:
    """Turn what TOML gave into `cls`. Raises ConfigError with every problem."""
    try:
        return _converter.structure(raw, cls)
    except Exception as error:  # noqa: BLE001 - validators of plugins raise what they like
        raise ConfigError(list(_problems(error, path))) from None


def collect(problems: list[Problem], raw: Any, cls: Any, path: str) -> Any:
    """As `structure`, but problems go into a list, and what has some becomes None."""
    try:
        return structure(raw, cls, path)
    except ConfigError as error:
        problems += error.problems
    return None


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return `; did you mean "x"?`, or nothing where no valid name is near."""
    near = get_close_matches(name, list(valid), n=1)
    return f'; did you mean "{near[0]}"?' if near else ""


def toml_name(field: str) -> str:
    """Return what an attribute is called in TOML: `try_` and `from_` have an underscore for Python's sake only."""
    return field.rstrip("_")


def join(path: str, name: str) -> str:
    """Return the path of a key inside the table at `path`; quoted where TOML would need it."""
    bare = name if re.fullmatch(r"[\w-]+", name) else f'"{name}"'
    return f"{path}.{bare}" if path and name else path or bare


def below(path: str, rest: str) -> str:
    """Return the place `rest` inside the table at `path`; also where `rest` begins with the table, with or without its index."""
    for start in (path, path.partition("[")[0]):
        if start and (rest == start or rest.startswith(f"{start}.")):
            rest = rest[len(start) :].lstrip(".")
    return ".".join(part for part in (path, rest) if part)


def _problems(error: Exception, path: str) -> Iterator[Problem]:
    """Walk through what cattrs raised: a tree, with notes that say where."""
    if isinstance(error, (ClassValidationError, IterableValidationError)):
        noted, others = error.group_exceptions()
        for child, note in noted:
            yield from _problems(child, _place(path, note))
        for child in others:
            yield from _problems(child, path)
    elif isinstance(error, ForbiddenExtraKeysError):
        for name in sorted(error.extra_fields, key=str):
            yield _extra(str(name), error.cl, path)
    elif isinstance(error, ConfigError):
        for problem in error.problems:
            yield Problem(problem.message, below(path, problem.path))
    elif isinstance(error, KeyError):
        # cattrs names the key that is not there; a validator's own may quote what was given.
        missing = path == error.args[0] or path.endswith(f".{error.args[0]}")
        yield Problem("is missing" if missing else "can't be used", path)
    else:
        yield _other(error, path)


def _place(path: str, note: AttributeValidationNote | IterableValidationNote) -> str:
    if isinstance(note, AttributeValidationNote):
        return join(path, toml_name(note.name))
    return f"{path}[{note.index}]" if isinstance(note.index, int) else join(path, note.index)


def _extra(name: str, cls: type, path: str) -> Problem:
    if name in getattr(cls, "not_built", ()):
        return Problem(NOT_BUILT, join(path, name))
    valid = [toml_name(field.name) for field in attrs.fields(cls) if field.init]
    hint = nearest(name, valid) or (f"; there is {', '.join(valid)}" if valid else "; it takes no options")
    return Problem(f"is not a known key{hint}", join(path, scrub(name)))


def _other(error: Exception, path: str) -> Problem:
    text = str(error)
    if isinstance(error, StructureHandlerNotFoundError):
        kind = getattr(error.type_, "__name__", error.type_)
        return Problem(f"can't be given in a file: the options have a field of type {kind}", path)
    if len(error.args) > 1 and isinstance(error.args[-1], str):
        # What attrs' validators say ends with the value.
        text = str(error.args[0]).replace(repr(error.args[-1]), "another text")
    if (match := _ATTRIBUTE.match(text)) is not None:
        # It begins with the attribute's name, which the path has already unless the whole class was looked at.
        name, text = toml_name(match[1]), text[match.end() :]
        path = path if path.endswith(name) else join(path, name)
    return Problem(scrub(text) or "can't be used", path)


def _kind(value: Any) -> str:
    """Say what a value is."""
    if isinstance(value, Mapping):
        return _TABLE
    return _LIST if isinstance(value, _LISTS) else _PLAIN.get(type(value), type(value).__name__)


def _made_from(cls: Any) -> str:
    """Say what kind of value a type is made from."""
    if attrs.has(cls) or is_mapping(cls):
        return _TABLE
    return _PLAIN[str] if _origin(cls) is Literal else _PLAIN.get(cls, _LIST)


def _checked(value: Any, wanted: str) -> Any:
    # A bool is an int for Python only; an int is welcome as a float.
    if (kind := _kind(value)) not in {wanted, "a whole number" if wanted == _PLAIN[float] else wanted}:
        raise Wrong(f"must be {wanted}, not {kind}")
    return value


def _literal(value: Any, cls: Any) -> Any:
    valid = get_args(cls)
    if type(value) is not str or value not in valid:
        near = nearest(value, valid) if type(value) is str else ""
        names = " or ".join(f'"{one}"' for one in valid)
        raise Wrong(f"is not a known name{near}" if near and len(valid) > _MANY else f"must be {names}{near}")
    return value


def seconds_of(value: Any, _: Any = None) -> float:
    """Read "250ms", "2s", "5m", "1h", or a number of seconds. Raises Wrong."""
    if type(value) in {int, float}:
        return float(value)
    match = re.fullmatch(DURATION_PATTERN, value) if type(value) is str else None
    if match is None:
        raise Wrong('must be a duration such as "250ms", "2s", "5m" or "1h"')
    return float(match[1]) * _SECONDS[match[2]]


def _secret(_: Any, __: Any) -> Any:
    raise Wrong('a key is never written here: refer to it, as in "env:NAME" or "file:PATH"')


def _reference(value: Any, _: Any) -> str:
    # What is no reference is most likely the key itself.
    if type(value) is not str or not re.match(REFERENCE_PATTERN, value, re.DOTALL):
        raise Wrong('must say where the key is, as in "env:NAME" or "file:PATH", never the key itself')
    return value


def _path(value: Any, _: Any) -> Path:
    if not value or not isinstance(value, (str, Path)):
        raise Wrong("must be a path")
    return Path(value).expanduser()


def _sequence(cls: Any, converter: Converter) -> Hook:
    """A bare string is no list, although Python can walk over it."""
    origin, each = _origin(cls), list_structure_factory(cls, converter)
    make = origin if origin in _LISTS else list
    return lambda value, kind: make(each(_checked(value, _LIST), kind))


def _mapping(cls: Any, converter: Converter) -> Hook:
    each = mapping_structure_factory(cls, converter)
    return lambda value, kind: each(_checked(value, _TABLE), kind)


def _union(cls: Any, converter: Converter) -> Hook:
    """Members are told apart by the kind of value: text, a number, a list, a table."""
    members = {_made_from(member): member for member in get_args(cls)}
    if float in get_args(cls):
        members.setdefault(_PLAIN[int], float)

    def hook(value: Any, _: Any) -> Any:
        if (kind := _kind(value)) not in members:
            raise Wrong(f"must not be {kind}")
        return None if value is None else converter.structure(value, members[kind])

    return hook


def _class(cls: Any, converter: Converter) -> Hook:
    fields = {
        field.name: override(rename=toml_name(field.name), struct_hook=_field(field, converter))
        for field in attrs.fields(cls)
        if field.init
    }
    make = make_dict_structure_fn(cls, converter, _cattrs_forbid_extra_keys=True, **fields)  # type: ignore[arg-type]
    return lambda value, kind: make(_checked(value, _TABLE), kind)


def _field(field: "attrs.Attribute[Any]", converter: Converter) -> Hook:
    """With its validator at once: attrs runs none after a wrong type elsewhere, and stops at the first that fails."""

    def hook(value: Any, kind: Any) -> Any:
        made = converter.structure(value, kind)
        if field.validator is not None:
            # One that looks at other fields, of which there are none here, has its say when the whole is made.
            with suppress(AttributeError):
                field.validator(None, field, made)
        return made

    return hook


def _origin(cls: Any) -> Any:
    return get_origin(cls)


def _is_list(cls: Any) -> bool:
    return _origin(cls) in {*_LISTS, Sequence}


def _is_choice(cls: Any) -> bool:
    """Whether it is a union; `X | None` is cattrs' own."""
    return _origin(cls) in {Union, UnionType} and (NoneType not in get_args(cls) or len(get_args(cls)) > 2)


def _make() -> Converter:
    converter = Converter(detailed_validation=True)
    for kind in (str, int, float, bool):
        converter.register_structure_hook(kind, lambda value, cls: cls(_checked(value, _PLAIN[cls])))
    converter.register_structure_hook(Secret, _secret)
    converter.register_structure_hook(Path, _path)
    converter.register_structure_hook_factory(attrs.has, _class)
    converter.register_structure_hook_factory(_is_list, _sequence)
    converter.register_structure_hook_factory(is_mapping, _mapping)
    converter.register_structure_hook_factory(_is_choice, _union)
    converter.register_structure_hook_func(lambda cls: _origin(cls) is Literal, _literal)
    converter.register_structure_hook_func(lambda cls: cls == Reference, _reference)
    converter.register_structure_hook_func(lambda cls: cls == Duration, seconds_of)
    return converter


_converter: Final = _make()
