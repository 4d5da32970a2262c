"""The configuration: TOML, or a mapping of the same shape, to typed tables. All problems of a file come at once.

Options of plugins stay as they were written until `composition` has loaded the plugins that are named.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from itertools import chain, count
from pathlib import Path, PurePath
from typing import Any, Final, Self, TypeAlias

from attrs import field, frozen

from taxiway.candidate import Credential
from taxiway.converter import NOT_BUILT, collect, join, nearest
from taxiway.errors import ConfigError, Problem
from taxiway.names import AUTO
from taxiway.routing import Routing
from taxiway.secret import scrub
from taxiway.tables import CredentialTable, Gateway, MediaTable, ModelTable, PluginsTable, RoutingTable, SpoolTable
from taxiway.variants import base_of

Raw: TypeAlias = Mapping[str, Any]

TABLES: Final[Mapping[str, Any]] = {
    "gateway": Gateway,
    "store": Raw,
    "routing": RoutingTable,
    "catalog": Raw,
    "transport": Raw,
    "spool": SpoolTable,
    "plugins": PluginsTable,
    "data_dir": Path,
    "models": dict[str, ModelTable],
    "media": MediaTable,
    "presets": dict[str, Raw],
    "strategies": dict[str, Raw],
    "keystores": dict[str, Raw],
}
"""What may stand once, and what it becomes."""

LISTS: Final[Mapping[str, Any]] = {
    "credentials": CredentialTable,
    "providers": Raw,
    "telemetry": Raw,
    "transforms": Raw,
}
"""Tables that may be written more than once (`[[credentials]]`)."""

LATER: Final = frozenset({"state", "guards"})
"""Tables that are known, but not built yet."""

_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]*")
_FILE: Final = re.compile(r"[\w.-]{1,32}")


@frozen(kw_only=True)
class Config:
    """A whole configuration. `paths` says where each credential was written; `others` are tables that no part of core knows.

    Tables that become a plugin's options are as they were written; those of `providers`, `telemetry` and `transforms` by their place.
    `data_dir` None: the gateway's `~/.taxiway`; a library writes nothing. `problems`: what is wrong, and therefore left out.
    """

    gateway: Gateway = field(factory=Gateway)
    routing: Routing = field(factory=Routing)
    spool: SpoolTable = field(factory=SpoolTable)
    plugins: PluginsTable = field(factory=PluginsTable)
    data_dir: Path | None = None
    credentials: tuple[Credential, ...] = ()
    paths: Mapping[str, str] = field(factory=dict)
    providers: Mapping[str, Raw] = field(factory=dict)
    telemetry: Mapping[str, Raw] = field(factory=dict)
    transforms: Mapping[str, Raw] = field(factory=dict)
    media: MediaTable = field(factory=MediaTable)
    models: Mapping[str, ModelTable] = field(factory=dict)
    presets: Mapping[str, Raw] = field(factory=dict)
    strategies: Mapping[str, Raw] = field(factory=dict)
    keystores: Mapping[str, Raw] = field(factory=dict)
    store: Raw | None = None
    catalog: Raw | None = None
    transport: Raw = field(factory=dict)
    others: Mapping[str, Raw] = field(factory=dict)
    source: str = ""
    problems: tuple[Problem, ...] = ()

    def checked(self) -> Self:
        """Return it where nothing is wrong. Raises ConfigError with every problem of its shape.

        Names of plugins and their options are checked by `composition`.
        """
        if self.problems:
            raise ConfigError(self.problems, self.source)
        return self


def load(path: Path | str | None) -> Config:
    """Read a TOML file as `read` does; without one, the configuration is empty. Raises ConfigError where it is no TOML."""
    if path is None:
        return Config()
    try:
        return read(tomllib.loads(Path(path).read_text("utf-8")), str(path))
    except OSError as error:
        said = f"can't be read: {error.strerror}"
    except UnicodeDecodeError:
        said = "is not UTF-8"
    except tomllib.TOMLDecodeError as error:
        # It quotes no more of the file than one character, or the name of a key.
        said = f"is not TOML: {scrub(str(error))}"
    raise ConfigError([Problem(said)], str(path))


def read(raw: Raw, source: str = "") -> Config:
    """Read as much as can be read: a configuration of what is right, and what is wrong with the rest.

    Raises ConfigError for what is no mapping.
    """
    problems: list[Problem] = []
    if not isinstance(raw, Mapping):
        raise ConfigError([Problem("must be a mapping of tables")], source)
    given: dict[str, Any] = {}
    others: dict[str, Raw] = {}
    for name, value in ((str(name), value) for name, value in raw.items()):
        if name in TABLES:
            given[name] = _right(problems, value, TABLES[name], name)
        elif name in LISTS:
            given[name] = _items(problems, value, name)
        elif name in LATER:
            problems.append(Problem(NOT_BUILT, name))
        elif isinstance(value, Mapping):
            others[name] = value
        else:
            problems.append(Problem(f"is not a known key{nearest(name, (*TABLES, *LISTS))}", scrub(name)))
    given = {name: table for name, table in given.items() if table is not None}
    credentials = dict(_credentials(problems, given.get("credentials", {})))
    _check_names(problems, given.get("models", {}))
    given["routing"] = given.get("routing", RoutingTable()).routing()
    given["credentials"] = tuple(credentials.values())
    paths = {credential.id: path for path, credential in credentials.items()}
    return Config(**given, paths=paths, others=others, source=source, problems=tuple(problems))


def _right(problems: list[Problem], raw: Any, cls: Any, path: str) -> Any:
    """Structure a table, leaving out the keys that are wrong, so that the others are checked further; None where that can't be.

    What looks at several keys has its say once each of them is right by itself.
    """
    found: list[Problem] = []
    made = collect(found, raw, cls, path)
    # A key that was left out is not missing.
    told = {problem.path for problem in problems}
    problems += [problem for problem in found if problem.path not in told]
    if made is not None or not isinstance(raw, Mapping):
        return made
    right = {key: value for key, value in raw.items() if not _wrong(found, join(path, str(key)))}
    return _right(problems, right, cls, path) if right and len(right) < len(raw) else None


def _wrong(found: list[Problem], path: str) -> bool:
    return any(problem.path == path or problem.path.startswith((f"{path}.", f"{path}[")) for problem in found)


def _items(problems: list[Problem], value: Any, name: str) -> dict[str, Any]:
    """Structure the tables of a list, each by itself, and return those that are right by their place."""
    if not isinstance(value, (list, tuple)):
        problems.append(Problem(f"must be a list of tables: write [[{name}]]", name))
        return {}
    made = {(path := f"{name}[{index}]"): _right(problems, item, LISTS[name], path) for index, item in enumerate(value)}
    return {path: table for path, table in made.items() if table is not None}


def _credentials(problems: list[Problem], tables: Mapping[str, CredentialTable]) -> Iterator[tuple[str, Credential]]:
    taken: dict[str, str] = {}
    for path, table in tables.items():
        found = _label(table)
        free = (name for name in chain([found], (f"{found}-{n}" for n in count(2))) if table.id(name) not in taken)
        credential = table.credential(table.label or next(free))
        if (other := taken.setdefault(credential.id, path)) != path:
            problems.append(Problem(f"the label of {other} is the same; give one of them another", f"{path}.label"))
        yield path, credential


def _label(table: CredentialTable) -> str:
    """A label from the reference, where that is a variable's or a file's name and not a key put in the wrong place."""
    rest = (table.key or "").partition(":")[2]
    name = PurePath(rest).name if "/" in rest else rest
    safe = _FILE.fullmatch(name) if "/" in rest else _VARIABLE.fullmatch(name)
    return name if safe and scrub(name) == name else table.provider


def _check_names(problems: list[Problem], models: Mapping[str, ModelTable]) -> None:
    own = {name for name, table in models.items() if table.try_}
    if own.intersection(AUTO):
        own.update(AUTO)
    for name, table in models.items():
        for index, target in enumerate(table.try_):
            if target in own or base_of(target) in own:
                where = f"{join('models', name)}.try[{index}]"
                problems.append(Problem("is a name of your own; name models", where))
