"""What is known of endpoints at one moment: the `HealthView` that strategies read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from attrs import define, field

from taxiway.call import Call, Facts
from taxiway.candidate import Endpoint
from taxiway.gates import Block
from taxiway.history import BAD, DURATION, GOOD, LATENCY, LIMITED, THROUGHPUT
from taxiway.sticky import Stuck
from taxiway.vitals import Vitals

if TYPE_CHECKING:
    from taxiway.health import Health
    from taxiway.quota import Quotas
    from taxiway.snapshot import Offer

T = TypeVar("T")

ENOUGH: Final = 3
"""A quantile of fewer is no knowledge."""

_UNKNOWN: Final = Vitals()
"""What nothing was ever counted in."""


def named(figure: str, share: float) -> str:
    """Return the name under which a quantile is kept: the median's is the figure's own."""
    return figure if share == 0.5 else f"{figure} {share}"


@define(eq=False)
class View:
    """What is known of endpoints at `now`. One is made for each plan, which says what is ranked next: `offered`.

    `peek`: it takes no turns. `figures` has what was read and is not the usual (None, False, 0), so that the plan can be made
    again: see `taxiway.replan`.
    """

    _health: "Health"
    now: float
    _quotas: "Quotas | None" = None
    _facts: Facts | None = None
    _peek: bool = False
    offered: Mapping[Endpoint, "Offer"] = {}
    _taken: dict[str, int] = field(factory=dict, init=False)
    figures: dict[str, dict[str, Any]] = field(factory=dict, init=False)

    def latency(self, endpoint: Endpoint, share: float = 0.5) -> float | None:
        """Return a quantile of the time to the first token of the last 5 minutes."""
        return self._quantile("latency", endpoint, LATENCY, share)

    def throughput(self, endpoint: Endpoint, share: float = 0.5) -> float | None:
        """Return a quantile of the tokens per second of the last 5 minutes."""
        return self._quantile("throughput", endpoint, THROUGHPUT, share)

    def duration(self, endpoint: Endpoint, share: float = 0.5) -> float | None:
        """Return a quantile of the seconds that whole attempts took in the last 5 minutes."""
        return self._quantile("duration", endpoint, DURATION, share)

    def success(self, endpoint: Endpoint) -> float | None:
        """Return the share of attempts of the last 5 minutes that succeeded."""
        return self._share("success", endpoint, GOOD, BAD)

    def limited(self, endpoint: Endpoint) -> float | None:
        """Return the share of attempts of the last 5 minutes that met a rate limit."""
        return self._share("limited", endpoint, LIMITED, GOOD, BAD)

    def outage(self, endpoint: Endpoint) -> bool:
        """Whether at least 20 % of at least 5 attempts failed in the last 30 s. No traffic is not an outage."""
        key, unwell = endpoint.key, self._health.unwell
        if key not in unwell:
            return False
        vitals = self._of(endpoint)
        out = vitals.outage(self.now)
        if vitals.well:
            unwell.discard(key)
        return out and self._note("outage", key, True)

    def in_outage(self, endpoints: Iterable[Endpoint]) -> Sequence[Endpoint]:
        """Return those of some endpoints that have an outage."""
        return [one for one in endpoints if self.outage(one)] if self._health.unwell else ()

    def in_flight(self, endpoint: Endpoint) -> int:
        """Return the attempts under way."""
        count = self._of(endpoint).in_flight
        return count and self._note("in_flight", endpoint.key, count)

    def recorded(self, endpoint: Endpoint, name: str) -> float | None:
        """Return the mean of what a strategy recorded of the endpoint's attempts, the latest counting most."""
        found = self._of(endpoint).recorded.get(name)
        return None if found is None else self._note(f"recorded {name}", endpoint.key, found[0] / found[1])

    def room(self, endpoint: Endpoint) -> bool:
        """Whether an account of the endpoint could take this call now, within its limits and what is shut."""
        facts, quotas, now = self._facts, self._quotas, self.now
        offer = self.offered.get(endpoint)
        if offer is None or facts is None or quotas is None:
            return True
        free = any(
            self._health.block(one, now) is None
            and not isinstance(quotas.room(one, facts.tokens, facts.max_output, now), Block)
            for one in offer.candidates
        )
        return free or self._note(f"room {offer.section}", endpoint.key, False)

    def sticky(self, call: Call) -> Stuck | None:
        """Return who served the call's conversation last."""
        stuck = self._health.sticky.of(call, self.now) if self._health.sticky.held else None
        if stuck is not None:
            self._note("sticky", *stuck)
        return stuck

    def derived(self, name: str, read: Callable[[], T]) -> T:
        """Work something out, once for a plan."""
        known: Mapping[str, T] = self.figures.get("derived", {})
        return known[name] if name in known else self._note("derived", name, read())

    def turn(self, model: str) -> int:
        """Return a number that grows by one with every plan of the model that asks for it."""
        if model not in self._taken:
            turn = self._taken[model] = self._health.turns[model]
            if not self._peek:
                self._health.turns[model] = turn + 1
            if turn:
                self._note("turn", model, turn)
        return self._taken[model]

    def _of(self, endpoint: Endpoint) -> Vitals:
        return self._health.vitals.get(endpoint.key, _UNKNOWN)

    def _share(self, name: str, endpoint: Endpoint, *counted: int) -> float | None:
        """Return the share of the first that is counted in all that are."""
        counts = list(map(self._of(endpoint).history.figures(self.now).total, counted))
        return self._note(name, endpoint.key, counts[0] / sum(counts)) if any(counts) else None

    def _quantile(self, name: str, endpoint: Endpoint, measure: int, share: float) -> float | None:
        value = self._of(endpoint).history.figures(self.now).quantile(measure, share, ENOUGH)
        return None if value is None else self._note(named(name, share), endpoint.key, value)

    def _note(self, name: str, key: str, value: T) -> T:
        self.figures.setdefault(name, {})[key] = value
        return value
