"""The tables of the configuration: one attrs class for each, with the names that a file uses.

They are checked by `converter` and turned into the values of the lower floors by `config`; `schema` describes them.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

from attrs import field, fields, frozen, validators

from taxiway.call import Preferences
from taxiway.candidate import Limits
from taxiway.clock import Duration
from taxiway.converter import Reference, later
from taxiway.money import Price
from taxiway.outcome import Kind
from taxiway.routing import Cycle, ModelRouting, RetryBudget, Routing, Timeouts

_MILLION: Final = 1_000_000


@later("apps")
@frozen(kw_only=True)
class Gateway:
    """The `[gateway]` table. `body_limit` in bytes; `max_calls`: calls in flight; `cors`: origins that browsers may call from."""

    listen: str = "127.0.0.1:8787"
    body_limit: int = field(default=32 * 1024 * 1024, validator=validators.gt(0))
    max_calls: int = field(default=1000, validator=validators.gt(0))
    cors: tuple[str, ...] = ()


@later("sync", "cap", "reserve")
@frozen(kw_only=True)
class SpoolTable:
    """The `[spool]` table. `required`: where the spool can't be written, new calls are refused, so that all use is accounted."""

    required: bool = True


@frozen(kw_only=True)
class PluginsTable:
    """The `[plugins]` table. `disabled`: full names (`strategy-x`) of what is installed and not to be used."""

    disabled: tuple[str, ...] = ()


@later("required", "byok_only", "zdr")
@frozen(kw_only=True)
class CredentialTable:
    """A `[[credentials]]` table. `key` is a reference (`env:NAME`, `file:PATH`), left out for servers that need none.

    `pool`: the operator's, open to every workspace; `fallback`: used when nothing else is left.
    """

    provider: str
    key: Reference | None = None
    label: str | None = None
    settings: Mapping[str, Any] = field(factory=dict)
    limits: Limits = field(factory=Limits)
    pool: bool = False
    fallback: bool = False
    sort_order: int = 0
    allowed_models: tuple[str, ...] | None = None
    quota_pool: str | None = None


@later(
    "hedge",
    "require_parameters",
    "data_collection",
    "zdr",
    "enforce_distillable_text",
    "quantizations",
    "sort",
    "max_price",
    "preferred_min_throughput",
    "preferred_max_latency",
)
@frozen(kw_only=True)
class RoutingTable:
    """The `[routing]` table: how calls are routed unless they say otherwise.

    `wait`: how long a call may wait for a rate limit to pass before another model is tried. `order`, `only`, `ignore` and
    `allow_fallbacks` are the defaults of a request's `provider` object.
    """

    strategy: str | tuple[str, ...] = "balanced"
    cycle: Cycle = "headroom"
    wait: Duration = field(default=0.0, validator=validators.ge(0.0))
    on_interrupted: Literal["error", "resume", "hold"] = "error"
    fallback_on: tuple[Kind, ...] | None = None
    timeouts: Timeouts = field(factory=Timeouts)
    retry_budget: RetryBudget = field(factory=RetryBudget)
    order: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    allow_fallbacks: bool = True

    def routing(self) -> Routing:
        """Return what the planner reads."""
        chosen: dict[str, Any] = {} if self.fallback_on is None else {"fallback_on": frozenset(self.fallback_on)}
        return Routing(
            strategies=(self.strategy,) if isinstance(self.strategy, str) else self.strategy,
            cycle=self.cycle,
            wait=self.wait,
            timeouts=self.timeouts,
            retry_budget=self.retry_budget,
            preferences=Preferences(
                order=self.order, only=self.only, ignore=self.ignore, allow_fallbacks=self.allow_fallbacks
            ),
            **chosen,
        )


@frozen(kw_only=True)
class PriceTable:
    """A price: USD per million tokens, and per `request` in USD.

    Without `output` a price of answers is unknown; anything else that is left out costs what its plain kind does.
    """

    input: float = field(validator=validators.ge(0.0))
    output: float | None = field(default=None, validator=validators.optional(validators.ge(0.0)))
    cache_read: float | None = None
    cache_write_5m: float | None = None
    cache_write_1h: float | None = None
    reasoning: float | None = None
    audio_in: float | None = None
    audio_out: float | None = None
    image_in: float | None = None
    image_out: float | None = None
    request: float = 0.0

    def price(self) -> Price:
        """Return it in USD per token."""
        parts = {part.name: getattr(self, part.name) for part in fields(PriceTable) if part.name != "request"}
        per_token: dict[str, Any] = {name: None if value is None else value / _MILLION for name, value in parts.items()}
        return Price(request=self.request, **per_token)


@later("on_interrupted")
@frozen(kw_only=True)
class ModelTable:
    """A `[models."name"]` table: for a name of your own, the models that it tries; for a model, what you know better.

    `price` in USD per million tokens; `context` and `max_output` in tokens; `parameters`: those that work, by their names in
    requests.
    """

    try_: tuple[str, ...] = ()
    timeouts: Timeouts | None = None
    price: PriceTable | None = None
    context: int | None = field(default=None, validator=validators.optional(validators.gt(0)))
    max_output: int | None = field(default=None, validator=validators.optional(validators.gt(0)))
    parameters: tuple[str, ...] | None = None

    def routing(self) -> ModelRouting:
        """Return what the planner reads."""
        return ModelRouting(try_=self.try_, timeouts=self.timeouts)
