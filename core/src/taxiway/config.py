"""The configuration: TOML, or a mapping of the same shape, to typed tables. All problems of a file come at once.

Options of plugins stay as they were written until `composition` has loaded the plugins that are named.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from taxiway.candidate import Credential
from taxiway.converter import NOT_BUILT, collect, join, nearest
from taxiway.errors import ConfigError, Problem
from taxiway.routing import Routing
from taxiway.secret import scrub
from taxiway.tables import CredentialTable, Gateway, ModelTable, PluginsTable, RoutingTable, SpoolTable

Raw: TypeAlias = Mapping[str, Any]

TABLES: Final[Mapping[str, Any]] = {
    "gateway": Gateway,
    "store": Mapping[str, Any],
    "routing": RoutingTable,
    "catalog": Mapping[str, Any],
    "transport": Mapping[str, Any],
    "spool": SpoolTable,
    "plugins": PluginsTable,
    "data_dir": Path,
}
"""Single tables, and what each becomes."""

LISTS: Final[Mapping[str, Any]] = {
    "credentials": CredentialTable,
    "providers": Mapping[str, Any],
    "telemetry": Mapping[str, Any],
}
"""Tables that may be written more than once (`[[credentials]]`)."""

NAMED: Final[Mapping[str, Any]] = {
    "models": ModelTable,
    "strategies": Mapping[str, Any],
    "keystores": Mapping[str, Any],
}
"""Tables of tables (`[models."team/fast"]`)."""

LATER: Final = frozenset({"state", "transforms", "guards", "media"})
"""Tables that are known, but not built yet."""

KNOWN: Final = (*TABLES, *LISTS, *NAMED)

DEFAULT_STORE: Final = "sqlite://"
"""The store of a gateway that names none: a database in the data folder."""

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+-]*:")
_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]*")
_FILE: Final = re.compile(r"[\w.-]{1,32}")


@frozen(kw_only=True)
class Table:
    """A table that becomes a plugin's options: which plugin, what was written, and where (for messages)."""

    use: str
    options: Raw
    path: str
    slug: str | None = None


@frozen(kw_only=True)
class Config:
    """A whole configuration. `paths` says where each credential was written; `others` are tables that no part of core knows.

    `data_dir` None: the gateway's `~/.taxiway`; a library writes nothing.
    """

    gateway: Gateway = field(factory=Gateway)
    routing: Routing = field(factory=Routing)
    spool: SpoolTable = field(factory=SpoolTable)
    disabled: tuple[str, ...] = ()
    data_dir: Path | None = None
    credentials: tuple[Credential, ...] = ()
    paths: Mapping[str, str] = field(factory=dict)
    providers: tuple[Table, ...] = ()
    models: Mapping[str, ModelTable] = field(factory=dict)
    strategies: Mapping[str, Raw] = field(factory=dict)
    keystores: Mapping[str, Raw] = field(factory=dict)
    store: Table | None = None
    catalog: Table | None = None
    transport: Table | None = None
    telemetry: tuple[Table, ...] = ()
    others: Mapping[str, Raw] = field(factory=dict)
    source: str = ""


def load(path: Path | None) -> Config:
    """Read a TOML file; without one, the configuration is empty. Raises ConfigError with every problem."""
    return parse(document(path), "" if path is None else str(path))


def parse(mapping: Raw, source: str = "") -> Config:
    """Read a configuration that is no file. Raises ConfigError with every problem of its shape.

    Names of plugins and their options are checked by `composition`.
    """
    config, problems = read(mapping, source)
    if problems:
        raise ConfigError(problems, source)
    return config


def document(path: Path | None) -> Raw:
    """Return what a TOML file says. Raises ConfigError where it can't be read or is no TOML."""
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError([Problem(f"can't be read: {error.strerror}")], str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem("is not UTF-8")], str(path)) from None
    except tomllib.TOMLDecodeError as error:
        # It quotes no more of the file than one character, or the name of a key.
        raise ConfigError([Problem(f"is not TOML: {scrub(str(error))}")], str(path)) from None


def read(raw: Raw, source: str = "") -> tuple[Config, list[Problem]]:
    """Read as much as can be read: a configuration of what is right, and what is wrong with the rest."""
    problems: list[Problem] = []
    given: dict[str, Any] = {}
    for name, value in raw.items():
        if name in TABLES:
            if (made := collect(problems, value, TABLES[name], name)) is not None:
                given[name] = made
        elif name in LISTS:
            given[name] = list(_items(problems, value, name))
        elif name in NAMED:
            given[name] = _named(problems, value, name)
        elif name in LATER:
            problems.append(Problem(NOT_BUILT, name))
        elif not isinstance(value, Mapping):
            problems.append(Problem(f"is not a known key{nearest(name, KNOWN)}", scrub(name)))
        else:
            given.setdefault("others", {})[name] = value
    credentials = list(_credentials(problems, given.pop("credentials", ())))
    _check_routing(problems, given.get("routing", RoutingTable()), given.get("models", {}))
    config = Config(
        routing=given.pop("routing", RoutingTable()).routing(),
        disabled=given.pop("plugins", PluginsTable()).disabled,
        credentials=tuple(credential for _, credential in credentials),
        paths={credential.id: path for path, credential in credentials},
        providers=tuple(_uses(problems, given.pop("providers", ()))),
        telemetry=tuple(_uses(problems, given.pop("telemetry", ()))),
        store=_store(problems, given.pop("store", None)),
        catalog=next(_uses(problems, _one(given, "catalog")), None),
        transport=next(_uses(problems, _one(given, "transport"), optional=True), None),
        source=source,
        **given,
    )
    return config, problems


def _items(problems: list[Problem], value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Structure each table of a list by itself, so that a wrong one leaves the others to be checked further."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        problems.append(Problem(f"must be a list of tables: write [[{name}]]", name))
        return
    for index, item in enumerate(value):
        path = f"{name}[{index}]"
        if (made := collect(problems, item, LISTS[name], path)) is not None:
            yield path, made


def _named(problems: list[Problem], value: Any, name: str) -> dict[str, Any]:
    tables = collect(problems, value, Mapping[str, Any], name) or {}
    made = {key: collect(problems, table, NAMED[name], join(name, key)) for key, table in tables.items()}
    return {key: table for key, table in made.items() if table is not None}


def _one(given: dict[str, Any], name: str) -> list[tuple[str, Raw]]:
    return [(name, given.pop(name))] if name in given else []


def _uses(problems: list[Problem], tables: Sequence[tuple[str, Raw]], optional: bool = False) -> Iterator[Table]:
    """Split `use` and `slug` from the options of a plugin's table."""
    for path, raw in tables:
        options = dict(raw)
        use, slug = options.pop("use", "" if optional else None), options.get("slug")
        if use is None:
            problems.append(Problem("is missing: it names the plugin", f"{path}.use"))
        elif not isinstance(use, str):
            problems.append(Problem("must be a plugin's name", f"{path}.use"))
        elif slug is not None and (not isinstance(slug, str) or not slug):
            problems.append(Problem("must be text", f"{path}.slug"))
        else:
            yield Table(use=use, options=options, path=path, slug=slug)


def _store(problems: list[Problem], raw: Raw | None) -> Table | None:
    """The scheme of the URL names the plugin."""
    if raw is None:
        return None
    url = raw.get("url", DEFAULT_STORE)
    if not isinstance(url, str) or not _SCHEME.match(url):
        problems.append(Problem('must be a URL, such as "sqlite:///~/.taxiway/taxiway.db"', "store.url"))
        return None
    return Table(use=url.partition(":")[0], options=dict(raw), path="store")


def _credentials(
    problems: list[Problem], tables: Sequence[tuple[str, CredentialTable]]
) -> Iterator[tuple[str, Credential]]:
    labels: dict[tuple[str, str], str] = {}
    for path, table in tables:
        wrong = len(problems)
        if table.pool and table.fallback:
            problems.append(Problem("a credential is the pool's or a fallback, not both", f"{path}.fallback"))
        label = table.label or _free(_label(table), table.provider, labels)
        taken = labels.setdefault((table.provider, label), path)
        if taken != path:
            problems.append(Problem(f"the label of {taken} is the same; give one of them another", f"{path}.label"))
        if len(problems) == wrong:
            yield path, _credential(table, label)


def _credential(table: CredentialTable, label: str) -> Credential:
    return Credential(
        id=f"{table.provider}/{label}",
        provider=table.provider,
        label=label,
        key=table.key,
        settings=table.settings,
        limits=table.limits,
        section="pool" if table.pool else "fallback" if table.fallback else "prioritised",
        sort_order=table.sort_order,
        allowed_models=None if table.allowed_models is None else frozenset(table.allowed_models),
        quota_pool=table.quota_pool,
    )


def _label(table: CredentialTable) -> str:
    """A label from the reference, where that is a variable's or a file's name and not a key put in the wrong place."""
    scheme, _, rest = (table.key or "").partition(":")
    name = PurePath(rest).name if "/" in rest else rest
    safe = _FILE.fullmatch(name) if "/" in rest else _VARIABLE.fullmatch(name)
    return name if scheme and safe and scrub(name) == name else table.provider


def _free(label: str, provider: str, taken: Mapping[tuple[str, str], str]) -> str:
    found, number = label, 1
    while (provider, found) in taken:
        number += 1
        found = f"{label}-{number}"
    return found


def _check_routing(problems: list[Problem], routing: RoutingTable, models: Mapping[str, ModelTable]) -> None:
    if routing.on_interrupted != "error":
        problems.append(Problem(f'"{routing.on_interrupted}" {NOT_BUILT}', "routing.on_interrupted"))
    if not routing.strategy:
        problems.append(Problem("must name a strategy", "routing.strategy"))
    own = {name for name, table in models.items() if table.try_}
    for name, table in models.items():
        where = join("models", name)
        for index, target in enumerate(table.try_):
            if target in own:
                problems.append(Problem("is a name of your own; name models", f"{where}.try[{index}]"))
        if table.try_ and (table.price or table.context or table.max_output or table.parameters is not None):
            problems.append(Problem("a name with `try` has no price, limits or parameters: its models have", where))
