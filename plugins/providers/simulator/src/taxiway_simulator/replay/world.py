"""Who there is in a replay: the configuration's providers, or those that the traffic knows, each simulated; and nothing that is real."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any, Final

from attrs import evolve, fields_dict, frozen

from taxiway.candidate import Credential, Limits
from taxiway.clock import Clock
from taxiway.composition import Composition, compose
from taxiway.config import Config, read
from taxiway.converter import nearest, structure
from taxiway.errors import ConfigError, Problem
from taxiway.outcome import Generation
from taxiway.preferences import Preferences
from taxiway.provider import Provider
from taxiway.routing import Routing
from taxiway.tables import ModelTable, RoutingTable
from taxiway.variants import base_of
from taxiway_simulator.carrier import SCHEME
from taxiway_simulator.options import Fault, Key, Model, Pace, Quota, SimulatorOptions
from taxiway_simulator.provider import SimulatorProvider
from taxiway_simulator.replay.fitting import FLUSH, Observed
from taxiway_simulator.replay.scenario import Scenario
from taxiway_simulator.replay.stand_in import NOBODY, StandIn, place

_QUIET: Final = logging.getLogger("taxiway.simulator.replay")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


@frozen(kw_only=True)
class Run:
    """One run of a replay: what it is called, and what it changes in `[routing]`."""

    name: str
    routing: Mapping[str, Any]


@frozen(kw_only=True)
class World:
    """Who there is. `config` has no reference to a key; `keyed` are the ids of the credentials that had one.

    `unpriced`: how many endpoints cost nothing here only because the traffic does not know what they cost.
    """

    config: Config
    keyed: frozenset[str]
    observed: Observed
    scenario: Scenario
    unpriced: int = 0

    def build(self, run: Run, seed: int, clock: Clock) -> Composition:
        """Build everything anew for one run: no key, no disk, no network. Raises ConfigError."""
        routing = routed(routed(self.config.routing, self.scenario.routing), run.routing)
        random = Random(f"{seed}|router")  # noqa: S311 - routing draws
        built = compose(evolve(self.config, routing=routing), clock=clock, random=random, environment={})
        built.context = evolve(built.context, log=_QUIET)
        self._check(built)
        for slug, provider in built.providers.items():
            simulated = self._simulated(built, provider, seed, clock)
            built.providers[slug] = simulated
            built.transports[SCHEME] = simulated.transport
        return built

    def _simulated(self, built: Composition, provider: Provider, seed: int, clock: Clock) -> SimulatorProvider:
        if not isinstance(provider, SimulatorProvider):
            return self._stand_in(built, provider, seed, clock)
        options = provider.simulation.options
        models = (evolve(one, pace=one.pace and self._pace(options.slug, one.pace)) for one in options.named_models())
        changed = evolve(
            options,
            seed=options.seed + seed,
            pace=self._pace(options.slug, options.pace),
            quota=self._limit(options.slug, "") or options.quota,
            keys=tuple(
                evolve(one, quota=self._limit(options.slug, one.name) or one.quota) for one in options.named_keys()
            ),
            models=tuple(models),
        )
        return SimulatorProvider(_with(changed, self.scenario.faults.get(options.slug, ())), clock)

    def _stand_in(self, built: Composition, provider: Provider, seed: int, clock: Clock) -> SimulatorProvider:
        """Take a real provider's place: its endpoints and accounts, its prices, and as fast and as good as was seen."""
        slug, observed = provider.slug, self.observed
        theirs = [one for one in built.credentials if one.provider == slug]
        found = place(provider, built.catalog, theirs, self.keyed)
        models = {one.id: one for one in found.models()}
        for (owner, id_), seen in observed.endpoints.items():
            if owner == slug:
                known = models.get(id_) or Model(id=id_, slug=seen.model, operation=_operation(seen.operation))
                models[id_] = evolve(known, pace=seen.pace())
        models = models or {NOBODY: Model(id=NOBODY)}
        limits = {one.id: one.limits for one in theirs}
        options = SimulatorOptions(
            slug=slug,
            name=provider.name,
            seed=seed,
            pace=self._pace(slug, Pace()),
            keys=tuple(
                Key(key=key, name=name, quota=self._quota(slug, name, limits[credential]))
                for credential, name, key in found.keyed()
            ),
            models=tuple(models.values()),
        )
        faults = (*observed.faults.get(slug, ()), *self.scenario.faults.get(slug, ()))
        return StandIn(_with(options, faults), clock, found)

    def _pace(self, slug: str, pace: Pace) -> Pace:
        """A stream's tokens come together, unless somebody says how."""
        pace = self.scenario.pace.get(slug, pace)
        return pace if pace.flush else evolve(pace, flush=FLUSH)

    def _quota(self, slug: str, key: str, limits: Limits) -> Quota:
        """What a key may do: as the scenario says, else as its owner says, else as it was seen."""
        known = Quota(requests=limits.requests_per_minute, tokens=limits.tokens_per_minute)
        if known == Quota():
            known = self.observed.limits.get((slug, key), known)
        return self._limit(slug, key) or known

    def _limit(self, slug: str, key: str) -> Quota | None:
        limits = self.scenario.limits.get(slug, {})
        return limits.get(key) or limits.get("")

    def _check(self, built: Composition) -> None:
        """What a scenario names must be there."""
        scenario = self.scenario
        for table, named in (("faults", scenario.faults), ("limits", scenario.limits), ("pace", scenario.pace)):
            for slug in named:
                if slug not in built.providers:
                    hint = nearest(slug, built.providers) or f"; there is {', '.join(built.providers)}"
                    raise ConfigError([Problem(f'no provider is called "{slug}"{hint}', table)], "scenario")


def make(config: Config, generations: Sequence[Generation], observed: Observed, scenario: Scenario) -> World:
    """Make the world: of the configuration where it names providers, else of what the traffic tells. Raises ConfigError."""
    unpriced = 0
    if not _named(config):
        if not observed.endpoints:
            said = (
                "nothing says who the providers are: give a traffic file, a --config that names some, or a --scenario"
            )
            raise ConfigError([Problem(said)])
        config = _of_traffic(config, generations, observed)
        unpriced = sum(one.price_in is None or one.price_out is None for one in observed.endpoints.values())
    keyless = _keyless(config)
    bare = evolve(
        config,
        credentials=(*(evolve(one, key=None) for one in config.credentials), *keyless),
        paths={**config.paths, **{one.id: "" for one in keyless}},
        store=None,
        telemetry={},
        transport={},
        keystores={},
        data_dir=None,
    )
    keyed = frozenset(one.id for one in config.credentials if one.key is not None)
    return World(config=bare, keyed=keyed, observed=observed, scenario=scenario, unpriced=unpriced)


def _keyless(config: Config) -> list[Credential]:
    """Providers that no credential names. Said here, since without any credential keys would be looked for in the environment."""
    tables = [*((None, raw) for raw in config.providers.values()), *config.others.items()]
    slugs = [raw.get("slug") or name or raw.get("use") for name, raw in tables]
    taken = {one.provider for one in config.credentials}
    return [
        Credential(id=slug, provider=slug, label=slug) for slug in slugs if isinstance(slug, str) and slug not in taken
    ]


def _named(config: Config) -> bool:
    return bool(config.credentials or config.providers or config.others)


def _of_traffic(config: Config, generations: Iterable[Generation], observed: Observed) -> Config:
    """Complete a configuration by the providers, models and keys that were seen, as tables of simulated providers."""
    accounts: dict[str, list[str]] = {}
    for provider, account in observed.limits:
        accounts.setdefault(provider, []).append(account)
    providers, credentials = [], []
    for slug in observed.providers:
        labels = accounts.get(slug, [])
        providers.append(
            {
                "use": "simulator",
                "slug": slug,
                "models": [_model(seen) for (owner, _), seen in observed.endpoints.items() if owner == slug],
                "keys": [
                    {"key": f"simulated-{number}", "name": label, "quota": _plain(observed.limits[slug, label])}
                    for number, label in enumerate(labels, 1)
                ],
                "faults": [_plain(fault) for fault in observed.faults.get(slug, ())],
            }
        )
        credentials += [
            {"provider": slug, "label": label, "settings": {"key": f"simulated-{number}"}}
            for number, label in enumerate(labels, 1)
        ]
    made = read({"providers": providers, "credentials": credentials}, "the traffic").checked()
    names = {**_names(generations, observed), **config.models}
    return evolve(config, providers=made.providers, credentials=made.credentials, paths=made.paths, models=names)


def _model(seen: Any) -> dict[str, Any]:
    return {
        "id": seen.id,
        "slug": seen.model,
        "operation": _operation(seen.operation),
        "price": {"input": seen.price_in or 0.0, "output": seen.price_out or 0.0},
        "pace": _plain(seen.pace()),
    }


def _operation(operation: str) -> Any:
    return operation if operation == "embeddings" else "chat"


def _plain(value: Any) -> dict[str, Any]:
    """Write options as they would stand in a file."""
    return {name: one for name in fields_dict(type(value)) if (one := getattr(value, name)) is not None}


def _names(generations: Iterable[Generation], observed: Observed) -> dict[str, ModelTable]:
    """Names that calls asked for and no endpoint is called by, with or without a variant: each leads to the models that served it."""
    models = {seen.model for seen in observed.endpoints.values()}
    found: dict[str, dict[str, None]] = {}
    for generation in generations:
        if generation.requested not in models and base_of(generation.requested) not in models:
            found.setdefault(generation.requested, {}).update(dict.fromkeys(one.model for one in generation.attempts))
    return {name: ModelTable(try_=tuple(some)) for name, some in sorted(found.items()) if some}


_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "strategy": ("strategies",),
    "cycle": ("cycle", "cycles"),
    "only": ("ceiling",),
    "sort": ("sort", "default_sort"),
    "enforce_distillable_text": ("distillable",),
}
"""What keys of `[routing]` become, where that has another name."""


def routed(routing: Routing, raw: Mapping[str, Any]) -> Routing:
    """Lay what a `[routing]` table says over what holds. Raises ConfigError."""
    if not raw:
        return routing
    made = structure(raw, RoutingTable, "routing").routing()
    names = {field for name in raw for field in _FIELDS.get(name, (name,))}
    changed = {name: getattr(made, name) for name in fields_dict(Routing) if name in names}
    preferred = {name: getattr(made.preferences, name) for name in fields_dict(Preferences) if name in names}
    if preferred:
        changed["preferences"] = evolve(routing.preferences, **preferred)
    return evolve(routing, **changed)


def _with(options: SimulatorOptions, faults: Iterable[Fault]) -> SimulatorOptions:
    """Add faults. Theirs may name a model by its slug. Raises ConfigError for one that names nothing."""
    ids = {model.slug: id_ for id_, model in options.all_models().items()}
    named = tuple(evolve(fault, model=ids.get(fault.model, fault.model)) for fault in faults)
    for fault in named:
        try:
            evolve(options, faults=(fault,))
        except ConfigError as error:
            said = f'"{fault.kind}" of {options.slug}: {error.problems[0].message}'
            raise ConfigError([Problem(said, "faults")], "scenario") from None
    return evolve(options, faults=(*options.faults, *named))
