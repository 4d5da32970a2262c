"""From a configuration to built parts: loads what is named, structures its options, builds it once. No IO.

All that is wrong with names, plugins and options is found in one go: a table that fails leaves the others to be built.
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Final, TypedDict, Unpack

from attrs import define, evolve, field, fields

from taxiway.building import DEFAULT_STORE, Builder
from taxiway.candidate import Credential
from taxiway.catalog import Catalog, CatalogModel
from taxiway.clock import Clock, SystemClock
from taxiway.config import LISTS, TABLES, Config, Raw
from taxiway.converter import collect, join, nearest, structure
from taxiway.errors import ConfigError, InvalidRequest, PluginError
from taxiway.keystore import Environment, KeyStore
from taxiway.names import AUTO
from taxiway.plugins import Plugins, unknown
from taxiway.presets import Preset
from taxiway.provider import Carries, Provider
from taxiway.registration import AnyRegistration, Context
from taxiway.secret import scrub
from taxiway.sink import Sink
from taxiway.snapshot import Strategies
from taxiway.store import Store
from taxiway.strategy import Strategy
from taxiway.tables import Declared
from taxiway.transform import Transform
from taxiway.transport import Transport

DEFAULT_STRATEGY: Final = "balanced"
DEFAULT_CATALOG: Final = "models-dev"
DEFAULT_KEY_STORE: Final = "env"
DEFAULT_FOLDER: Final = Path("~/.taxiway")
_SLUG: Final = re.compile(r"[a-z0-9]+([-._][a-z0-9]+)*")
_OWN_DIALECTS: Final = ("chat", "embeddings")
_DECLARED: Final = frozenset(one.name for one in fields(Declared))
_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


class NoCatalog:
    """Stands in where no catalog is installed: knows nothing."""

    def provider(self, name: str) -> Mapping[str, CatalogModel]:
        """Return nothing."""
        return {}


@define(kw_only=True)
class Composition(Builder):
    """What was built, and with what. `providers` by slug; `credentials` name providers by slug.

    `slugs` has the slugs by all the names that a provider may go by, `declared` what its table says of its endpoints. `found`:
    the providers whose keys the environment had. `last_resort`: nothing was found, and something that needs no key serves
    instead. `warnings` are for people.
    """

    config: Config
    key_stores: dict[str, KeyStore] = field(factory=dict)
    providers: dict[str, Provider] = field(factory=dict)
    slugs: dict[str, str] = field(factory=dict)
    declared: dict[str, Declared] = field(factory=dict)
    credentials: list[Credential] = field(factory=list)
    strategies: list[tuple[str, Strategy]] = field(factory=list)
    named_strategies: dict[str, Strategies] = field(factory=dict)
    presets: dict[str, Preset] = field(factory=dict)
    transports: dict[str, Transport] = field(factory=dict)
    catalog: Catalog = field(factory=NoCatalog)
    store: Store | None = None
    sinks: dict[str, Sink] = field(factory=dict)
    transforms: list[tuple[str, Transform]] = field(factory=list)
    found: list[str] = field(factory=list)
    last_resort: bool = False
    warnings: list[str] = field(factory=list)


class Around(TypedDict, total=False):
    """What a router finds around it, where that is not the machine's own.

    `data_dir` wins over the configuration's own; `environment` stands for the program's variables. A `gateway` has a store and a
    data folder where none are named.
    """

    data_dir: Path | None
    clock: Clock | None
    random: Random | None
    environment: Mapping[str, str] | None
    gateway: bool


def compose(config: Config, plugins: Plugins | None = None, **around: Unpack[Around]) -> Composition:
    """Build what the configuration names, with whatever is installed. Raises ConfigError: all problems at once."""
    gateway, environment = around.get("gateway", False), around.get("environment")
    folder = around.get("data_dir") or config.data_dir or (DEFAULT_FOLDER if gateway else None)
    context = Context(
        clock=around.get("clock") or SystemClock(),
        random=around.get("random") or Random(),  # noqa: S311 - routing draws, not secrets
        log=logging.getLogger("taxiway"),
        environment=os.environ if environment is None else environment,
        data_dir=structure(folder, Path, "data_dir") if folder else None,
    )
    plugins = plugins or Plugins.discover(config.plugins.disabled)
    made = Composition(config=config, plugins=plugins, context=context, problems=list(config.problems))
    _check_disabled(made)
    _key_stores(made)
    _dialects(made, gateway)
    _providers(made)
    _credentials(made)
    _check_preferences(made)
    _strategies(made)
    _presets(made)
    _transports(made)
    catalog = {"use": DEFAULT_CATALOG} if config.catalog is None else config.catalog
    if config.catalog is not None or made.plugins.has(f"catalog-{DEFAULT_CATALOG}"):
        made.catalog = made.make("catalog", catalog, "catalog") or made.catalog
    if config.store is not None or (gateway and made.plugins.has(f"store-{DEFAULT_STORE.partition(':')[0]}")):
        made.store = made.build_store(config.store or {})
    _transforms(made)
    for path, raw in config.telemetry.items():
        if (sink := made.make("sink", raw, path)) is not None:
            made.sinks[path if raw["use"] in made.sinks else raw["use"]] = sink
    if made.problems:
        raise ConfigError(made.problems, config.source)
    return made


def _check_disabled(made: Composition) -> None:
    installed = made.plugins.entries
    for index, name in enumerate(made.config.plugins.disabled):
        if name not in installed:
            made.problem(f'no plugin is called "{scrub(name)}"{nearest(name, installed)}', f"plugins.disabled[{index}]")


def _key_stores(made: Composition) -> None:
    config, installed = made.config, made.plugins.names("keystore")
    wanted = {scheme: join("keystores", scheme) for scheme in config.keystores}
    for credential in config.credentials:
        scheme, path = (credential.key or "").partition(":")[0], f"{config.paths[credential.id]}.key"
        if scheme in installed:
            wanted.setdefault(scheme, path)
        elif scheme and scheme not in wanted:
            # The scheme is not shown: it may be the beginning of a key that has a colon in it.
            hint = nearest(scheme, installed) or f"; there is {', '.join(installed) or 'none'}"
            made.problem(f"no such key store is installed{hint}", path)
    if not config.credentials and DEFAULT_KEY_STORE in installed:
        wanted.setdefault(DEFAULT_KEY_STORE, join("keystores", DEFAULT_KEY_STORE))
    for scheme, named in wanted.items():
        raw, path = config.keystores.get(scheme, {}), join("keystores", scheme)
        if (store := made.make("keystore", raw, path, scheme, named)) is not None:
            made.key_stores[scheme] = store
    if (found := next((one for one in made.key_stores.values() if isinstance(one, Environment)), None)) is not None:
        made.context = evolve(made.context, environment=found.environment())


def _dialects(made: Composition, gateway: bool) -> None:
    """Core's own, and for the gateway whatever else is installed; the others come with who requires them."""
    for name in (*_OWN_DIALECTS, *(made.plugins.names("dialect") if gateway else ())):
        try:
            made.require(f"dialect-{name}")
        except PluginError as error:
            if name in _OWN_DIALECTS:
                made.problem(str(error), "")
            else:
                made.warnings.append(str(error))


def _providers(made: Composition) -> None:
    """Build `[[providers]]`, and tables that are called like an installed provider."""
    installed = made.plugins.names("provider")
    tables: dict[str, tuple[Raw, str | None]] = {path: (raw, None) for path, raw in made.config.providers.items()}
    for name, raw in made.config.others.items():
        if name in installed:
            tables[name] = raw, name
        else:
            near = nearest(name, (*TABLES, *LISTS, *installed))
            made.problem(f"is not a known table{near}", scrub(name))
    taken: dict[str, str] = {}
    for path, (raw, use) in tables.items():
        slug, named = raw.get("slug"), use or raw.get("use")
        if slug is not None and not (isinstance(slug, str) and _SLUG.fullmatch(slug)):
            made.problem(
                "must be lower-case letters and digits, with hyphens, dots or underscores in between", f"{path}.slug"
            )
            continue
        name = slug or (named if isinstance(named, str) else path)
        if (other := taken.setdefault(name, path)) != path:
            made.problem(f"{other} has the same name; give each a `slug` of its own", path)
            continue
        made.slugs[name] = name
        said = {key: value for key, value in raw.items() if key in _DECLARED}
        declared = collect(made.problems, said, Declared, path) if said else None
        options = {key: value for key, value in raw.items() if key not in said}
        if (provider := made.make("provider", options, path, use)) is not None:
            if slug and provider.slug != slug:
                made.problem(f'its slug is always "{provider.slug}"', f"{path}.slug")
            if declared is not None:
                made.declared[provider.slug] = declared
            _keep(made, name, provider)


def _keep(made: Composition, name: str, provider: Provider) -> None:
    made.slugs[name] = made.slugs[provider.slug] = provider.slug
    made.providers.setdefault(provider.slug, provider)


def _credentials(made: Composition) -> None:
    config, tables = made.config, set(made.providers)
    for credential in config.credentials:
        _credential(made, credential, config.paths[credential.id])
    if config.credentials or config.providers or config.others:
        for slug in sorted(tables.difference(credential.provider for credential in made.credentials)):
            _credential(made, Credential(id=slug, provider=slug, label=slug), "")
    elif not made.problems:
        # With mistakes in the file it may be the credentials that are missing here.
        _from_environment(made)


def _credential(made: Composition, credential: Credential, path: str) -> None:
    """Resolve a credential's provider, by slug or by the plugin's name, and structure its settings."""
    name = credential.provider
    if name not in made.slugs:
        provider = made.make("provider", {}, join("providers", name), name, join(path, "provider"), made.slugs)
        made.slugs[name] = name
        if provider is not None:
            _keep(made, name, provider)
    provider = made.providers.get(made.slugs[name])
    # The provider structures them once more, for each account it makes; here their mistakes are found with all others.
    if provider and collect(made.problems, credential.settings, provider.settings, join(path, "settings")) is not None:
        made.credentials.append(evolve(credential, provider=provider.slug))


def _from_environment(made: Composition) -> None:
    """No file, or one without providers: use those whose keys are in the environment, else the last resort.

    Nobody named them, so their mistakes stop nothing.
    """
    registrations = list(_loaded(made))
    asked: set[object] = set()
    for registration in registrations:
        if (offers := registration.environment) is None or offers in asked:
            continue
        # A provider's name and its slug are two plugins with the same function.
        asked.add(offers)
        try:
            for credential in offers(made.context.environment):
                _credential(made, credential, credential.label)
        except Exception as error:  # noqa: BLE001 - as everywhere: one plugin's mistake is its own
            made.problem(f"can't read the environment: {scrub(str(error))}", f"provider-{registration.name}")
        made.warnings += map(str, made.problems)
        made.problems.clear()
    made.found = list(made.providers)
    resort = next((one for one in registrations if one.last_resort), None)
    if not made.credentials and resort is not None:
        made.last_resort = True
        _credential(made, Credential(id=resort.name, provider=resort.name, label=resort.name), "")


def _loaded(made: Composition) -> Iterator[AnyRegistration]:
    for name in made.plugins.names("provider"):
        try:
            yield made.plugins.load(f"provider-{name}")
        except PluginError as error:
            made.warnings.append(str(error))


def _check_preferences(made: Composition) -> None:
    """Providers that `[routing]` names must be known: one misspelt in `ignore` would go on being used."""
    valid = [*made.slugs, *made.plugins.names("provider")]
    for name, attribute in (("order", "order"), ("only", "ceiling"), ("ignore", "ignore")):
        for index, slug in enumerate(getattr(made.config.routing.preferences, attribute)):
            if slug.partition("/")[0] not in valid:
                made.problem(unknown(slug, valid, "provider"), f"routing.{name}[{index}]")
    routing = made.config.routing
    for slug in routing.cycles:
        if slug not in valid:
            made.problem(unknown(slug, ["default", *valid], "provider"), join("routing.cycle", slug))
    if routing.cycles:
        cycles = {made.slugs.get(name, name): cycle for name, cycle in routing.cycles.items()}
        made.config = evolve(made.config, routing=evolve(routing, cycles=cycles))


def _strategies(made: Composition) -> None:
    config, names = made.config, made.config.routing.strategies
    if names == (DEFAULT_STRATEGY,) and not made.plugins.has(f"strategy-{DEFAULT_STRATEGY}"):
        made.warnings.append(f'no strategy "{DEFAULT_STRATEGY}" is installed: endpoints are tried by price')
        names = ()
    tables = {name: table.strategies for name, table in config.models.items() if table.strategies}
    for name in AUTO:
        if name in config.models and name not in tables and made.plugins.has("strategy-auto"):
            tables[name] = ("auto", *(one for one in names if one != "auto"))
    written = {one: join(join("models", name), "strategy") for name, some in tables.items() for one in some}
    paths = [f"routing.strategy[{index}]" for index in range(len(names))] if names[1:] else ["routing.strategy"]
    written.update(zip(names, paths, strict=False))
    built: dict[str, Strategy] = {}
    # A table of a strategy that is not used must be right all the same.
    for name in (*written, *(name for name in config.strategies if name not in written)):
        path = join("strategies", name)
        strategy = made.make("strategy", config.strategies.get(name, {}), path, name, written.get(name, path))
        if strategy is not None:
            built[name] = strategy
    made.strategies = [(name, built[name]) for name in names if name in built]
    made.named_strategies = {
        name: tuple((one, built[one]) for one in some if one in built) for name, some in tables.items()
    }


def _presets(made: Composition) -> None:
    for slug, table in made.config.presets.items():
        try:
            made.presets[slug] = Preset.of(slug, table)
        except InvalidRequest as error:
            made.problem(error.message, f"{join('presets', slug)}.{error.field}")


def _transports(made: Composition) -> None:
    """The fast one where it is installed. It speaks to origins directly, so behind a proxy it is the other one."""
    raw = made.config.transport
    proxied = raw.get("proxy") or any(map(made.context.environment.get, _PROXIES))
    fast = made.plugins.has("transport-httptools") and not proxied
    own = [provider.transport for provider in made.providers.values() if isinstance(provider, Carries)]
    if (common := made.make("transport", {"use": "httptools" if fast else "httpx", **raw}, "transport")) is not None:
        made.transports = {scheme: one for one in (common, *reversed(own)) for scheme in one.schemes}
        made.context.door.transports = made.transports


def _transforms(made: Composition) -> None:
    """Those of `[[transforms]]`, in that order, then whatever else is installed."""
    tables = {path: (raw, None) for path, raw in made.config.transforms.items()}
    named = {raw.get("use") for raw, _ in tables.values()}
    others: dict[str, tuple[Raw, str]] = {
        join("transforms", name): ({}, name) for name in made.plugins.names("transform") if name not in named
    }
    for path, (raw, use) in {**tables, **others}.items():
        name = use or raw.get("use")
        if (transform := made.make("transform", raw, path, use)) is None:
            continue
        if any(name == other for other, _ in made.transforms):
            made.problem(f'"{name}" is there already', f"{path}.use")
        made.transforms.append((str(name), transform))
