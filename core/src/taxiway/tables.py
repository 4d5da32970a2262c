"""The tables of the configuration: one attrs class for each, with the names that a file uses.

They are checked by `converter` and turned into the values of the lower floors by `config`; `taxiway schema` describes them.
`not_built` are words that are known and come later.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal

from attrs import asdict, evolve, field, frozen, validators

from taxiway.candidate import Credential, Section, Terms
from taxiway.clock import Duration
from taxiway.converter import DURATION_PATTERN, Wrong, seconds_of
from taxiway.errors import ConfigError, InvalidRequest, Problem
from taxiway.money import Price, Rates
from taxiway.outcome import Kind
from taxiway.preferences import PROVIDER_FIELDS, DataCollection, Quantization, Sort, preferences_of
from taxiway.routing import Cycle, Hedge, ModelRouting, OnInterrupted, RetryBudget, Routing, Timeouts

_MILLION: Final = 1_000_000


def address_of(listen: str) -> tuple[str, int]:
    """Split `[gateway] listen`: host and port, or a host alone. Raises Wrong."""
    found = re.fullmatch(r"(?:\[([^][\s]+)\]|([^][:\s]+))(?::(\d{1,5}))?", listen, re.ASCII)
    if found is None or int(found[3] or 0) > 65535:
        raise Wrong('must be "host:port", "127.0.0.1:8787" for example')
    return found[1] or found[2], int(found[3] or 8787)


@frozen(kw_only=True)
class Gateway:
    """The `[gateway]` table. `body_limit` in bytes; `max_calls`: calls in flight; `cors`: origins that browsers may call from."""

    not_built: ClassVar = {"apps"}

    listen: str = field(default="127.0.0.1:8787", validator=lambda _, __, value: address_of(value))
    body_limit: int = field(default=32 * 1024 * 1024, validator=validators.gt(0))
    max_calls: int = field(default=1000, validator=validators.gt(0))
    cors: tuple[str, ...] = ()


@frozen(kw_only=True)
class SpoolTable:
    """The `[spool]` table. `required`: where the spool can't be written, new calls are refused, so that all use is accounted."""

    not_built: ClassVar = {"sync", "cap", "reserve"}

    required: bool = True


@frozen(kw_only=True)
class MediaTable:
    """The `[media]` table. `fetch`: images and files given by URL are fetched for endpoints that take bytes only."""

    fetch: bool = True


@frozen(kw_only=True)
class PluginsTable:
    """The `[plugins]` table. `disabled`: full names (`strategy-x`) of what is installed and not to be used."""

    disabled: tuple[str, ...] = ()


@frozen(kw_only=True)
class CredentialTable(Terms):
    """A `[[credentials]]` table. `pool`: the operator's, open to every workspace; `fallback`: used when nothing else is left."""

    label: str | None = None
    pool: bool = False
    fallback: bool = False

    def __attrs_post_init__(self) -> None:
        closing = "keeps the pool's keys from being used, and this one is the pool's"
        problems = [
            Problem(said, name)
            for name, other, said in (
                ("fallback", self.pool, "a credential is the pool's or a fallback, not both"),
                ("byok_only", self.fallback, "a key that alone may be used is no fallback: leave out one of the two"),
                ("required", self.pool, closing),
                ("byok_only", self.pool, closing),
            )
            if other and getattr(self, name)
        ]
        if problems:
            raise ConfigError(problems)

    def id(self, label: str) -> str:
        """Return what names it under that label."""
        return f"{self.provider}/{label}"

    def credential(self, label: str) -> Credential:
        """Return it under that label."""
        given = asdict(self, recurse=False) | {"label": label}
        pool, fallback = given.pop("pool"), given.pop("fallback")
        section: Section = "pool" if pool else "fallback" if fallback else "prioritised"
        return Credential(id=self.id(label), section=section, **given)


def _named(_: object, __: object, value: str | tuple[str, ...]) -> None:
    if not value:
        raise Wrong("must name a strategy")


_QUANTILES: Final = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99}


def _moment(_: object, __: object, value: str) -> None:
    if value not in _QUANTILES and not re.fullmatch(DURATION_PATTERN, value):
        raise Wrong(f'must be {", ".join(_QUANTILES)}, or a duration such as "800ms"')


@frozen(kw_only=True)
class HedgeTable:
    """When a second attempt is made beside one whose first token is late. `after`: "p95" of its endpoint's usual time, or "800ms"."""

    after: str = field(validator=_moment)

    def hedge(self) -> Hedge:
        """Return what the executor reads."""
        share = _QUANTILES.get(self.after)
        return Hedge(share=share, seconds=seconds_of(self.after) if share is None else 0.0)


@frozen(kw_only=True)
class RoutingTable:
    """The `[routing]` table: how calls are routed unless they say otherwise.

    `wait`: how long a call may wait for a rate limit to pass before another model is tried. The fields from `order` on are the
    defaults of a request's `provider` object and have its forms; `only` is a ceiling.
    """

    strategy: str | tuple[str, ...] = field(default="balanced", validator=_named)
    cycle: Cycle | Mapping[str, Cycle] = "headroom"
    wait: Duration = field(default=0.0, validator=validators.ge(0.0))
    on_interrupted: OnInterrupted = "error"
    hedge: HedgeTable | None = None
    fallback_on: frozenset[Kind] | None = None
    timeouts: Timeouts = field(factory=Timeouts)
    retry_budget: RetryBudget = field(factory=RetryBudget)
    order: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    allow_fallbacks: bool = True
    require_parameters: bool = False
    data_collection: DataCollection = "allow"
    zdr: bool = False
    enforce_distillable_text: bool = False
    quantizations: tuple[Quantization, ...] = ()
    sort: str | Sort | None = None
    max_price: Mapping[str, float] | None = None
    preferred_min_throughput: float | Mapping[str, float] | None = None
    preferred_max_latency: float | Mapping[str, float] | None = None

    def __attrs_post_init__(self) -> None:
        self.routing()

    def routing(self) -> Routing:
        """Return what the planner reads. Raises ConfigError."""
        given = asdict(self, recurse=False, filter=lambda _, value: value is not None)
        strategy, cycle = given.pop("strategy"), given.pop("cycle")
        cycles: dict[str, Cycle] = dict(cycle) if isinstance(cycle, Mapping) else {"default": cycle}
        if self.hedge is not None:
            given["hedge"] = self.hedge.hedge()
        wishes = {name: given.pop(name) for name in PROVIDER_FIELDS if name in given}
        if isinstance(self.sort, Sort):
            wishes["sort"] = asdict(self.sort)
        ceiling = wishes.pop("only")
        try:
            preferences = preferences_of(wishes)
            preferences = evolve(preferences, ceiling=ceiling, default_sort=preferences.sort is not None)
        except InvalidRequest as error:
            raise ConfigError([Problem(error.message, error.field.removeprefix("provider."))]) from None
        return Routing(
            strategies=(strategy,) if isinstance(strategy, str) else strategy,
            preferences=preferences,
            cycle=cycles.pop("default", "headroom"),
            cycles=cycles,
            **given,
        )


@frozen(kw_only=True)
class PriceTable(Rates):
    """A price: USD per million tokens, and per `request` in USD.

    Without `output` a price of answers is unknown; anything else that is left out costs what its plain kind does.
    """

    input: float = field(validator=validators.ge(0.0))
    output: float | None = field(default=None, validator=validators.optional(validators.ge(0.0)))

    def price(self) -> Price:
        """Return it in USD per token."""
        given = asdict(self, filter=lambda _, value: value is not None)
        return Price(request=given.pop("request"), **{name: value / _MILLION for name, value in given.items()})


@frozen(kw_only=True)
class TierTable:
    """A service tier of a model. Without a `price` it is unknown what it costs."""

    price: PriceTable | None = None


def _slug(_: object, __: object, value: str | None) -> None:
    if value is not None and not all(value.partition("/")):
        raise Wrong('must be the slug of a model, as in "author/name"')


# Without slots, so that a class can have another base beside it.
@frozen(kw_only=True, slots=False)
class Declared:
    """What no catalog knows of endpoints, and their owner says: of one provider's, or of a model's.

    `quantization` of the weights; `zdr`: nothing of a call is kept; `data_collection`: whether prompts may be kept for training;
    `distillable_text`: whether answers may train other models. What is not said is not known, and satisfies no filter.
    """

    quantization: Quantization | None = None
    zdr: bool | None = None
    data_collection: DataCollection | None = None
    distillable_text: bool | None = None

    def changes(self) -> dict[str, Any]:
        """Return what is said, by the names of an `Endpoint`."""
        collects = None if self.data_collection is None else self.data_collection == "allow"
        said = {"zdr": self.zdr, "collects": collects, "distillable": self.distillable_text}
        known = {"quantization": self.quantization, **said}
        return {name: value for name, value in known.items() if value is not None}


@frozen(kw_only=True)
class ModelTable(ModelRouting, Declared):
    """A `[models."name"]` table: for a name of your own, the models that it tries; for a model, what you know better.

    `price` in USD per million tokens; `context` and `max_output` in tokens; `parameters`: those that work, by their names in
    requests; `tiers`: service tiers that it may run at; `slug`, of a `<provider>/<id>`: the model that it is.
    """

    price: PriceTable | None = None
    context: int | None = field(default=None, validator=validators.optional(validators.gt(0)))
    max_output: int | None = field(default=None, validator=validators.optional(validators.gt(0)))
    parameters: frozenset[str] | None = None
    tiers: dict[Literal["priority", "flex"], TierTable] = field(factory=dict)
    slug: str | None = field(default=None, validator=_slug)

    def __attrs_post_init__(self) -> None:
        known = self.price or self.context or self.max_output or self.slug or self.tiers or self.changes()
        if self.try_ and (known or self.parameters is not None):
            raise Wrong("a name with `try` has no price, limits or parameters: its models have")
