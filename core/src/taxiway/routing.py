"""How calls are routed unless they say otherwise: the `[routing]` table."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from attrs import field, frozen, validators

from taxiway.clock import Duration
from taxiway.failures import POLICIES
from taxiway.outcome import Kind
from taxiway.preferences import NO_PREFERENCES, Preferences

Cycle: TypeAlias = Literal["headroom", "waterfall", "round-robin"]
"""How equal accounts of an endpoint take turns: most room first, the first until it is full, one after the other."""

OnInterrupted: TypeAlias = Literal["error", "resume", "hold"]
"""What follows when a stream breaks after its first token: an error event; another endpoint goes on with the answer; it can't
happen, since nothing is sent before the answer is whole."""

_positive = validators.gt(0.0)


@frozen(kw_only=True)
class Timeouts:
    """Four limits of an attempt, in seconds.

    `connect`: name, connection, TLS. `first_token`: until a token was decoded (pings don't count). `idle`: between bytes (pings
    do). `total`: the whole call. Calls that are not streamed have `connect` and `total` only.
    """

    connect: Duration = field(default=5.0, validator=_positive)
    first_token: Duration = field(default=120.0, validator=_positive)
    idle: Duration = field(default=60.0, validator=_positive)
    total: Duration = field(default=600.0, validator=_positive)


@frozen(kw_only=True)
class RetryBudget:
    """How many further attempts after overload, unavailability and timeouts: a share of the calls of the last 10 s.

    Never fewer than `least` in 10 s, so that a quiet workspace can retry at all.
    """

    share: float = field(default=0.2, validator=validators.ge(0.0))
    least: int = field(default=10, validator=validators.ge(0))


@frozen(kw_only=True)
class Hedge:
    """When a second attempt is made beside one whose first token is late: after so many seconds, or after this share (quantile) of
    the times to the first token that were learnt of its endpoint.
    """

    share: float | None = None
    seconds: float = 0.0


@frozen(kw_only=True)
class Routing:
    """The `[routing]` table. `wait`: seconds that a call may wait for a rate limit to pass before another model is tried.

    `cycles`: by provider, where that is not `cycle`.
    """

    strategies: tuple[str, ...] = ("balanced",)
    cycle: Cycle = "headroom"
    cycles: Mapping[str, Cycle] = field(factory=dict)
    wait: Duration = field(default=0.0, validator=validators.ge(0.0))
    on_interrupted: OnInterrupted = "error"
    hedge: Hedge | None = None
    fallback_on: frozenset[Kind] = frozenset(POLICIES) - {"cancelled"}
    timeouts: Timeouts = Timeouts()
    retry_budget: RetryBudget = RetryBudget()
    preferences: Preferences = NO_PREFERENCES

    @property
    def cycling(self) -> str:
        """Say how accounts take turns, for people."""
        return ", ".join([self.cycle, *(f"{cycle} at {provider}" for provider, cycle in self.cycles.items())])


@frozen(kw_only=True)
class ModelRouting:
    """A `[models."name"]` table: for a name of one's own, the models that it tries; for a slug, its own routing.

    `strategy`: instead of `[routing]`'s. All models of a name that has one are ranked together.
    """

    try_: tuple[str, ...] = ()
    strategy: str | tuple[str, ...] = ()
    timeouts: Timeouts | None = None
    on_interrupted: OnInterrupted | None = None

    @property
    def strategies(self) -> tuple[str, ...]:
        """Its strategies by name."""
        return (self.strategy,) if isinstance(self.strategy, str) else self.strategy
