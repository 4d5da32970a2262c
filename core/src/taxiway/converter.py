"""From TOML to typed options, strictly: cattrs as it comes turns 3 into "3" and "abc" into a tuple of letters.

All problems of a value are found at once, each with its path and, for a misspelt name, the nearest valid one. No message
quotes a text that was given: it may be a key pasted into the wrong place.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar, Union, get_args, get_origin

import attrs
import cattrs
from cattrs.errors import (
    AttributeValidationNote,
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
    IterableValidationNote,
    StructureHandlerNotFoundError,
)
from cattrs.gen import make_dict_structure_fn, override

from taxiway.clock import Duration
from taxiway.errors import ConfigError, Problem
from taxiway.secret import Secret, scrub

T = TypeVar("T")

Reference: TypeAlias = Annotated[str, "a reference to a key"]
"""Where a key is: `env:NAME`, `file:PATH`."""

NOT_BUILT: Final = "is not built yet"

DURATION_PATTERN: Final = r"(\d+(?:\.\d+)?)(ms|s|m|h)"
REFERENCE_PATTERN: Final = r"[a-z][a-z0-9-]*:."

_DURATION: Final = re.compile(DURATION_PATTERN)
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_MANY: Final = 5
_NAMES: Final = {str: "text", bool: "true or false", int: "a whole number", float: "a number", NoneType: "nothing"}
_LATER: Final = "taxiway_later"
_ATTRIBUTE: Final = re.compile(r"^'(\w+)' ")
_REFERENCE: Final = re.compile(REFERENCE_PATTERN, re.DOTALL)
_BARE: Final = re.compile(r"[\w-]+")


class Wrong(ValueError):
    """A value that can't be used. The message is shown as it is, so it must not quote a text that was given."""


def later(*names: str) -> Callable[[type[T]], type[T]]:
    """Mark a class of options: these names are known, but not built yet."""

    def mark(cls: type[T]) -> type[T]:
        setattr(cls, _LATER, frozenset(names))
        return cls

    return mark


def later_names(cls: type) -> frozenset[str]:
    """Return the names that `later` marked a class with."""
    return getattr(cls, _LATER, frozenset())


def toml_name(field: str) -> str:
    """Return what an attribute is called in TOML: `try_` and `from_` have an underscore for Python's sake only."""
    return field.rstrip("_")


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


def seconds(value: Any) -> float:
    """Read a duration: "250ms", "2s", "5m", "1h", or a number of seconds."""
    if type(value) in {int, float}:
        return float(value)
    match = _DURATION.fullmatch(value) if type(value) is str else None
    if match is None:
        raise Wrong('must be a duration such as "250ms", "2s", "5m" or "1h"')
    return float(match[1]) * _SECONDS[match[2]]


def _problems(error: BaseException, path: str) -> Iterator[Problem]:
    if isinstance(error, IterableValidationError):
        indexed, rest = error.group_exceptions()
        for child, note in indexed:
            where = f"{path}[{note.index}]" if isinstance(note.index, int) else join(path, str(note.index))
            yield from _problems(child, where)
        for child in rest:
            yield from _problems(child, path)
    elif isinstance(error, ClassValidationError):
        fields, others = error.group_exceptions()
        for child, field in fields:
            yield from _field_problems(child, field, path)
        for child in others:
            yield from _problems(child, path)
    elif isinstance(error, ForbiddenExtraKeysError):
        valid = [toml_name(field.name) for field in attrs.fields(error.cl) if field.init]
        for name in sorted(error.extra_fields, key=str):
            yield _extra(str(name), valid, later_names(error.cl), path)
    elif isinstance(error, ConfigError):
        for problem in error.problems:
            yield Problem(problem.message, below(path, problem.path))
    else:
        yield _plain(error, path)


def _field_problems(error: Exception, note: AttributeValidationNote, path: str) -> Iterator[Problem]:
    where = join(path, toml_name(note.name))
    if isinstance(error, KeyError) and error.args == (toml_name(note.name),):
        yield Problem("is missing", where)
    else:
        yield from _problems(error, where)


def _extra(name: str, valid: Sequence[str], not_built: Iterable[str], path: str) -> Problem:
    if name in not_built:
        return Problem(NOT_BUILT, join(path, name))
    hint = nearest(name, valid) or (f"; there is {', '.join(valid)}" if valid else "; it takes no options")
    return Problem(f"is not a known key{hint}", join(path, scrub(name)))


def _plain(error: BaseException, path: str) -> Problem:
    text = str(error)
    if isinstance(error, StructureHandlerNotFoundError):
        kind = getattr(error.type_, "__name__", error.type_)
        return Problem(f"can't be given in a file: the options have a field of type {kind}", path)
    if len(error.args) > 1 and isinstance(error.args[-1], str):
        # What attrs' validators say ends with the value.
        text = str(error.args[0]).replace(repr(error.args[-1]), "another text")
    if (match := _ATTRIBUTE.match(text)) is not None:
        # A validator's failure is reported at its class, and its text begins with the attribute's name.
        path, text = join(path, toml_name(match[1])), text[match.end() :]
    return Problem(scrub(text) or "can't be used", path)


def join(path: str, name: str) -> str:
    """Return the path of a key inside the table at `path`; quoted where TOML would need it."""
    bare = name if _BARE.fullmatch(name) else f'"{name}"'
    return f"{path}.{bare}" if path and name else path or bare


def below(path: str, rest: str) -> str:
    """Return the place `rest` inside the table at `path`; also where `rest` begins with the table, with or without its index."""
    for start in (path, path.partition("[")[0]):
        if start and (rest == start or rest.startswith(f"{start}.")):
            rest = rest[len(start) :].lstrip(".")
    return ".".join(part for part in (path, rest) if part)


def _exact(kind: type, *also: type) -> Callable[[Any, Any], Any]:
    # bool is an int, and an int is welcome as a float.
    allowed = {kind, *also}

    def hook(value: Any, _: Any) -> Any:
        if type(value) not in allowed:
            raise Wrong(f"must be {_NAMES[kind]}, not {_kind(value)}")
        return kind(value)

    return hook


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, (list, tuple, set, frozenset)):
        return "a list"
    return _NAMES.get(type(value), type(value).__name__)


def _literal(value: Any, cls: Any) -> Any:
    valid = get_args(cls)
    if not any(type(value) is type(one) and value == one for one in valid):
        near = nearest(value, [one for one in valid if isinstance(one, str)]) if isinstance(value, str) else ""
        if near and len(valid) > _MANY:
            raise Wrong(f"is not a known name{near}")
        raise Wrong(f"must be {' or '.join(_shown(one) for one in valid)}{near}")
    return value


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _sequence(cls: Any) -> Callable[[Any, Any], Any]:
    """Lists in any of their types. A bare string is no list, although Python can walk over it."""
    make = {tuple: tuple, frozenset: frozenset, set: set}.get(get_origin(cls), list)
    item = (get_args(cls) or (Any,))[0]

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, (list, tuple, set, frozenset)):
            raise Wrong(f"must be a list, not {_kind(value)}")
        return make(_each(cls, item, enumerate(value)).values())

    return hook


def _mapping(cls: Any) -> Callable[[Any, Any], Any]:
    item = (get_args(cls) or (str, Any))[1]

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, Mapping):
            raise Wrong(f"must be a table, not {_kind(value)}")
        return _each(cls, item, ((str(key), one) for key, one in value.items()))

    return hook


def _each(cls: Any, item: Any, pairs: Iterable[tuple[int | str, Any]]) -> dict[int | str, Any]:
    made: dict[int | str, Any] = {}
    errors: list[Exception] = []
    for index, value in pairs:
        try:
            made[index] = value if item is Any else _converter.structure(value, item)
        except Exception as error:  # noqa: BLE001 - each has its note, and all are raised together
            error.add_note(IterableValidationNote("", index, item))
            errors.append(error)
    if errors:
        raise IterableValidationError("", errors, cls)
    return made


def _union(cls: Any) -> Callable[[Any, Any], Any]:
    """`X | None`, and unions whose members are told apart by the kind of value: text, a number, a list, a table."""
    members = [member for member in get_args(cls) if member is not NoneType]

    def hook(value: Any, _: Any) -> Any:
        if value is None and len(members) < len(get_args(cls)):
            return None
        if len(members) == 1:
            return _converter.structure(value, members[0])
        for member in members:
            if _fits(value, member):
                return _converter.structure(value, member)
        raise Wrong(f"must not be {_kind(value)}")

    return hook


def _fits(value: Any, member: Any) -> bool:
    origin = get_origin(member) or member
    if attrs.has(origin) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return isinstance(value, Mapping)
    if isinstance(origin, type) and issubclass(origin, (list, tuple, set, frozenset, Sequence)) and origin is not str:
        return isinstance(value, (list, tuple, set, frozenset))
    return type(value) is origin or (origin is float and type(value) is int)


def _class(cls: Any) -> Callable[[Any, Any], Any]:
    names = {field.name: toml_name(field.name) for field in attrs.fields(cls) if field.init}
    renamed: dict[str, Any] = {name: override(rename=new) for name, new in names.items() if new != name}
    make = make_dict_structure_fn(cls, _converter, _cattrs_forbid_extra_keys=True, **renamed)

    def hook(value: Any, kind: Any) -> Any:
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise Wrong(f"must be a table, not {_kind(value)}")
        try:
            return make(value, kind)
        except ClassValidationError as error:
            raise _with_validators(error, value, names) from None

    return hook


def _with_validators(error: ClassValidationError, value: Mapping[str, Any], names: Mapping[str, str]) -> Exception:
    """Add what all validators say: attrs runs none after a wrong type, and stops at the first that fails."""
    fields, others = error.group_exceptions()
    found = [child for child, _ in fields] + [child for child in others if isinstance(child, ForbiddenExtraKeysError)]
    failed = {note.name for _, note in fields}
    said: list[Exception] = []
    for field in attrs.fields(error.cl):
        if field.validator is None or field.name in failed or names.get(field.name) not in value:
            continue
        try:
            field.validator(None, field, _converter.structure(value[names[field.name]], field.type or Any))
        except AttributeError:
            # It looks at the other fields, and there is no instance to look at.
            continue
        except Exception as wrong:  # noqa: BLE001 - a plugin's validator raises what it likes
            said.append(wrong)
    return ClassValidationError("", found + said or others, error.cl)


def _secret(_: Any, __: Any) -> Any:
    raise Wrong('a key is never written here: refer to it, as in "env:NAME" or "file:PATH"')


def _reference(value: Any, _: Any) -> str:
    # What is no reference is most likely the key itself.
    if type(value) is not str or not _REFERENCE.match(value):
        raise Wrong('must say where the key is, as in "env:NAME" or "file:PATH", never the key itself')
    return value


def _path(value: Any, _: Any) -> Path:
    if isinstance(value, Path):
        return value
    if type(value) is not str or not value:
        raise Wrong("must be a path")
    return Path(value).expanduser()


def _origin(cls: Any) -> Any:
    return get_origin(cls)


def _is_sequence(cls: Any) -> bool:
    return _origin(cls) in {list, tuple, set, frozenset, Sequence}


def _make() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    for kind in (str, int, bool):
        converter.register_structure_hook(kind, _exact(kind))
    converter.register_structure_hook(float, _exact(float, int))
    converter.register_structure_hook(Secret, _secret)
    converter.register_structure_hook(Path, _path)
    converter.register_structure_hook_func(lambda cls: _origin(cls) is Literal, _literal)
    converter.register_structure_hook_factory(attrs.has, _class)
    converter.register_structure_hook_factory(_is_sequence, _sequence)
    converter.register_structure_hook_factory(lambda cls: _origin(cls) in {dict, Mapping}, _mapping)
    converter.register_structure_hook_factory(lambda cls: _origin(cls) in {Union, UnionType}, _union)
    converter.register_structure_hook_func(lambda cls: cls == Reference, _reference)
    converter.register_structure_hook_func(lambda cls: cls == Duration, lambda value, _: seconds(value))
    return converter


_converter: Final = _make()
