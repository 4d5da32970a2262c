"""From a configuration to built parts: loads what is named, structures its options, builds it once. No IO.

All that is wrong with names, plugins and options is found in one go: a table that fails leaves the others to be built.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Final

from attrs import define, evolve, field

from taxiway.building import Builder
from taxiway.candidate import Credential
from taxiway.catalog import Catalog, CatalogModel
from taxiway.clock import Clock, SystemClock
from taxiway.config import DEFAULT_STORE, KNOWN, Config, Raw, Table, read
from taxiway.converter import collect, join, nearest
from taxiway.dialect import Dialect
from taxiway.errors import ConfigError, PluginError, Problem
from taxiway.keystore import Environment, KeyStore
from taxiway.plugins import Plugins, unknown
from taxiway.provider import Carries, Provider
from taxiway.registration import AnyRegistration, Context
from taxiway.secret import scrub
from taxiway.sink import Sink
from taxiway.store import Store
from taxiway.strategy import Strategy
from taxiway.transport import Transport

DEFAULT_STRATEGY: Final = "balanced"
DEFAULT_CATALOG: Final = "models-dev"
DEFAULT_KEY_STORE: Final = "env"
DEFAULT_FOLDER: Final = Path("~/.taxiway")
_OWN_DIALECTS: Final = ("dialect-chat", "dialect-embeddings")
_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


class NoCatalog:
    """Stands in where no catalog is installed: knows nothing."""

    def provider(self, name: str) -> Mapping[str, CatalogModel]:
        """Return nothing."""
        return {}


@define(kw_only=True)
class Composition:
    """What was built. `providers` by slug; `credentials` name providers by slug.

    `found`: the providers whose keys the environment had. `last_resort`: nothing was found, and something that needs no key
    serves instead. `warnings` are for people.
    """

    config: Config
    builder: Builder
    key_stores: dict[str, KeyStore] = field(factory=dict)
    providers: dict[str, Provider] = field(factory=dict)
    credentials: list[Credential] = field(factory=list)
    strategies: list[tuple[str, Strategy]] = field(factory=list)
    transports: dict[str, Transport] = field(factory=dict)
    catalog: Catalog = field(factory=NoCatalog)
    store: Store | None = None
    sinks: dict[str, Sink] = field(factory=dict)
    found: list[str] = field(factory=list)
    last_resort: bool = False
    warnings: list[str] = field(factory=list)

    @property
    def plugins(self) -> Plugins:
        """What is installed, and what of it was loaded."""
        return self.builder.plugins

    @property
    def context(self) -> Context:
        """What every build leant on."""
        return self.builder.context

    @property
    def dialects(self) -> Mapping[str, Dialect]:
        """The dialects by name: core's own, and those that a plugin requires."""
        return self.builder.dialects

    @property
    def data_dir(self) -> Path | None:
        """Where files may be written; None: nowhere."""
        return self.context.data_dir


def prepare(
    raw: Raw,
    source: str = "",
    *,
    data_dir: Path | None = None,
    clock: Clock | None = None,
    random: Random | None = None,
    environment: Mapping[str, str] | None = None,
    gateway: bool = False,
) -> Composition:
    """Read a configuration and build what it names, with whatever is installed. Raises ConfigError: all problems at once.

    `data_dir` wins over the configuration's own.
    """
    config, problems = read(raw, source)
    return compose(
        evolve(config, data_dir=data_dir or config.data_dir),
        Plugins.discover(config.disabled),
        clock=clock,
        random=random,
        environment=environment,
        gateway=gateway,
        problems=problems,
    )


def compose(
    config: Config,
    plugins: Plugins,
    *,
    clock: Clock | None = None,
    random: Random | None = None,
    environment: Mapping[str, str] | None = None,
    gateway: bool = False,
    problems: Iterable[Problem] = (),
) -> Composition:
    """Build what the configuration names. Raises ConfigError with every problem; `problems` are those already known.

    `environment` are the program's variables. The `gateway` has a store and a data folder where none are named.
    """
    folder = config.data_dir or (DEFAULT_FOLDER if gateway else None)
    context = Context(
        clock=clock or SystemClock(),
        random=random or Random(),  # noqa: S311 - routing draws, not secrets
        log=logging.getLogger("taxiway"),
        environment=os.environ if environment is None else environment,
        data_dir=folder.expanduser() if folder else None,
    )
    made = _Composer(config, Builder(plugins, context, list(problems)), gateway).compose()
    if made.builder.problems:
        raise ConfigError(made.builder.problems, config.source)
    return made


class _Composer:
    """One composition under way."""

    def __init__(self, config: Config, builder: Builder, gateway: bool) -> None:
        self.config = config
        self.builder = builder
        self.gateway = gateway
        self.made = Composition(config=config, builder=builder)
        # What credentials may call a provider, and its slug.
        self._slugs: dict[str, str] = {}

    def compose(self) -> Composition:
        config, made = self.config, self.made
        self._check_disabled()
        self._key_stores()
        if (found := next((one for one in made.key_stores.values() if isinstance(one, Environment)), None)) is not None:
            self.builder.context = evolve(self.builder.context, environment=found.environment())
        self._dialects()
        self._providers()
        self._credentials()
        self._preferences()
        self._strategies()
        self._catalog()
        self._transports()
        self._store()
        for table in config.telemetry:
            name = table.use if table.use not in made.sinks else table.path
            if (sink := self.builder.table("sink", table)) is not None:
                made.sinks[name] = sink
        return made

    def _check_disabled(self) -> None:
        installed = self.builder.plugins.all()
        for index, plugin in enumerate(self.config.disabled):
            if plugin not in installed:
                near = nearest(plugin, installed)
                self.builder.problem(f'no plugin is called "{scrub(plugin)}"{near}', f"plugins.disabled[{index}]")

    def _key_stores(self) -> None:
        config = self.config
        installed = self.builder.plugins.names("keystore")
        wanted = {scheme: join("keystores", scheme) for scheme in config.keystores}
        for credential in config.credentials:
            scheme = (credential.key or "").partition(":")[0]
            if scheme in installed:
                wanted.setdefault(scheme, f"{self._path(credential)}.key")
            elif scheme and scheme not in wanted:
                # The scheme is not shown: it may be the beginning of a key that has a colon in it.
                hint = nearest(scheme, installed) or f"; there is {', '.join(installed) or 'none'}"
                self.builder.problem(f"no such key store is installed{hint}", f"{self._path(credential)}.key")
        if not config.credentials and DEFAULT_KEY_STORE in installed:
            wanted.setdefault(DEFAULT_KEY_STORE, join("keystores", DEFAULT_KEY_STORE))
        for scheme, named in wanted.items():
            table = Table(use=scheme, options=config.keystores.get(scheme, {}), path=join("keystores", scheme))
            if (store := self.builder.make("keystore", table, named)) is not None:
                self.made.key_stores[scheme] = store

    def _dialects(self) -> None:
        """Core's own, and for the gateway whatever else is installed; the others come with who requires them."""
        for plugin in _OWN_DIALECTS:
            try:
                self.builder.require(plugin)
            except PluginError as error:
                self.builder.problem(str(error), "")
        for name in self.builder.plugins.names("dialect") if self.gateway else ():
            try:
                self.builder.require(f"dialect-{name}")
            except PluginError as error:
                self.made.warnings.append(str(error))

    def _path(self, credential: Credential) -> str:
        return self.config.paths.get(credential.id, credential.id)

    def _provider_tables(self) -> Iterator[tuple[str, Table]]:
        """Yield `[[providers]]`, and tables that are called like an installed provider, by the name that credentials use."""
        taken: dict[str, str] = {}
        tables = list(self.config.providers)
        for name, raw in self.config.others.items():
            if name in self.builder.plugins.names("provider"):
                tables.append(Table(use=name, options=dict(raw), path=name))
            else:
                valid = (*KNOWN, *self.builder.plugins.names("provider"))
                self.builder.problem(f"is not a known table{nearest(name, valid)}", scrub(name))
        for table in tables:
            name = table.slug or table.use
            if name in taken:
                self.builder.problem(f"{taken[name]} has the same name; give each a `slug` of its own", table.path)
                continue
            taken[name] = table.path
            yield name, table

    def _providers(self) -> None:
        for name, table in self._provider_tables():
            self._slugs[name] = name
            provider = self.builder.table("provider", table)
            if provider is not None:
                if table.slug and provider.slug != table.slug:
                    self.builder.problem(f'its slug is always "{provider.slug}"', f"{table.path}.slug")
                self._keep(name, provider)

    def _keep(self, name: str, provider: Provider) -> None:
        self._slugs[name] = self._slugs[provider.slug] = provider.slug
        if self.made.providers.setdefault(provider.slug, provider) is provider and isinstance(provider, Carries):
            self._add_transport(provider.transport)

    def _credentials(self) -> None:
        config = self.config
        tables = set(self.made.providers)
        for credential in config.credentials:
            self._credential(credential, self._path(credential))
        if not config.credentials and not config.providers and not config.others:
            # With mistakes in the file it may be the credentials that are missing here.
            if not self.builder.problems:
                self._from_environment()
            return
        served = {credential.provider for credential in self.made.credentials}
        for slug in sorted(tables - served):
            self._credential(Credential(id=slug, provider=slug, label=slug), "")

    def _credential(self, credential: Credential, path: str) -> None:
        """Resolve a credential's provider, by slug or by the plugin's name, and structure its settings."""
        name = credential.provider
        if name not in self._slugs:
            table = Table(use=name, options={}, path=join("providers", name))
            made = self.builder.make("provider", table, join(path, "provider"), self._slugs)
            self._slugs[name] = name
            if made is not None:
                self._keep(name, made)
        provider = self.made.providers.get(self._slugs[name])
        if provider is None:
            return
        # The provider structures them once more, for each account it makes; here their mistakes are found with all others.
        if collect(self.builder.problems, credential.settings, provider.settings, join(path, "settings")) is not None:
            self.made.credentials.append(evolve(credential, provider=provider.slug))

    def _from_environment(self) -> None:
        """No file, or one without providers: use those whose keys are in the environment, else the last resort."""
        made = self.made
        asked: set[object] = set()
        resort: AnyRegistration | None = None
        for name in self.builder.plugins.names("provider"):
            try:
                registration = self.builder.plugins.load(f"provider-{name}")
            except PluginError as error:
                made.warnings.append(str(error))
                continue
            resort = registration if registration.last_resort else resort
            offers = registration.environment
            if offers is None or offers in asked:
                continue
            asked.add(offers)
            self._found(name, offers)
        if not made.credentials and resort is not None:
            made.last_resort = True
            self._credential(Credential(id=resort.name, provider=resort.name, label=resort.name), "")

    def _found(self, name: str, offers: Callable[[Mapping[str, str]], Iterable[Credential]]) -> None:
        """Take what the environment has for one provider. Nobody named it, so its mistakes stop nothing."""
        made, problems, before = self.made, self.builder.problems, len(self.builder.problems)
        try:
            for credential in offers(self.builder.context.environment):
                self._credential(credential, credential.label)
                slug = self._slugs[credential.provider]
                if slug in made.providers and slug not in made.found:
                    made.found.append(slug)
        except Exception as error:  # noqa: BLE001 - as everywhere: one plugin's mistake is its own
            self.builder.problem(f"can't read the environment: {scrub(str(error))}", f"provider-{name}")
        made.warnings += map(str, problems[before:])
        del problems[before:]

    def _preferences(self) -> None:
        """Providers that `[routing]` names must be known: one misspelt in `ignore` would go on being used."""
        preferences = self.config.routing.preferences
        valid = [*self._slugs, *self.builder.plugins.names("provider")]
        for name in ("order", "only", "ignore"):
            for index, slug in enumerate(getattr(preferences, name)):
                if slug.partition("/")[0] not in valid:
                    self.builder.problem(unknown(slug, valid, "provider"), f"routing.{name}[{index}]")

    def _strategies(self) -> None:
        config = self.config
        names = config.routing.strategies
        for index, name in enumerate(names):
            path = "routing.strategy" if len(names) == 1 else f"routing.strategy[{index}]"
            if names == (DEFAULT_STRATEGY,) and not self.builder.plugins.has(f"strategy-{name}"):
                self.made.warnings.append(f'no strategy "{name}" is installed: endpoints are tried by price')
                continue
            table = Table(use=name, options=config.strategies.get(name, {}), path=join("strategies", name))
            if (strategy := self.builder.make("strategy", table, path)) is not None:
                self.made.strategies.append((name, strategy))
        for name, raw in config.strategies.items():
            # A table of a strategy that is not used must be right all the same.
            if name not in names:
                path = join("strategies", name)
                self.builder.make("strategy", Table(use=name, options=raw, path=path), path)

    def _catalog(self) -> None:
        table = self.config.catalog
        if table is None and not self.builder.plugins.has(f"catalog-{DEFAULT_CATALOG}"):
            return
        catalog = self.builder.table("catalog", table or Table(use=DEFAULT_CATALOG, options={}, path="catalog"))
        self.made.catalog = catalog or self.made.catalog

    def _transports(self) -> None:
        """The fast one where it is installed. It speaks to origins directly, so behind a proxy it is the other one."""
        table = self.config.transport or Table(use="", options={}, path="transport")
        if not table.use:
            proxied = table.options.get("proxy") or any(map(self.builder.context.environment.get, _PROXIES))
            direct = self.builder.plugins.has("transport-httptools") and not proxied
            table = evolve(table, use="httptools" if direct else "httpx")
        if (transport := self.builder.table("transport", table)) is not None:
            self._add_transport(transport)

    def _add_transport(self, transport: Transport) -> None:
        for scheme in transport.schemes:
            self.made.transports.setdefault(scheme, transport)

    def _store(self) -> None:
        table = self.config.store
        if table is None:
            scheme = DEFAULT_STORE.partition(":")[0]
            if not self.gateway or not self.builder.plugins.has(f"store-{scheme}"):
                return
            table = Table(use=scheme, options={"url": DEFAULT_STORE}, path="store")
        self.made.store = self.builder.make("store", table, f"{table.path}.url")
