"""What is known of endpoints at one moment: the `HealthView` that strategies read."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from attrs import define

from taxiway.call import Call, Facts
from taxiway.candidate import Endpoint
from taxiway.gates import Block
from taxiway.history import BAD, DURATION, GOOD, LATENCY, LIMITED, THROUGHPUT
from taxiway.sticky import Stuck
from taxiway.vitals import Vitals

if TYPE_CHECKING:
    from taxiway.health import Health
    from taxiway.quota import Quotas

ENOUGH: Final = 3
"""A quantile of fewer is no knowledge."""

_UNKNOWN: Final = Vitals()
"""What nothing was ever counted in."""


@define(eq=False)
class View:
    """What is known of endpoints at `now`. One is made for each plan."""

    _vitals: Mapping[str, Vitals]
    _turns: dict[str, int]
    now: float
    _health: "Health"
    _quotas: "Quotas | None" = None
    _facts: Facts | None = None
    _offered: Mapping[Endpoint, Any] | None = None
    _taken: dict[str, int] | None = None

    def consider(self, facts: Facts, offered: Mapping[Endpoint, Any]) -> None:
        """Take what is ranked next: the call's facts, and of each endpoint the offer, which has its `candidates`."""
        self._facts, self._offered = facts, offered

    def latency(self, endpoint: Endpoint, share: float = 0.5) -> float | None:
        """Return a quantile of the time to the first token of the last 5 minutes."""
        return self._quantile(endpoint, LATENCY, share)

    def throughput(self, endpoint: Endpoint, share: float = 0.5) -> float | None:
        """Return a quantile of the tokens per second of the last 5 minutes."""
        return self._quantile(endpoint, THROUGHPUT, share)

    def duration(self, endpoint: Endpoint, share: float = 0.5) -> float | None:
        """Return a quantile of the seconds that whole attempts took in the last 5 minutes."""
        return self._quantile(endpoint, DURATION, share)

    def success(self, endpoint: Endpoint) -> float | None:
        """Return the share of attempts of the last 5 minutes that succeeded."""
        figures = self._of(endpoint).history.figures(self.now)
        good, bad = figures.total(GOOD), figures.total(BAD)
        return good / (good + bad) if good + bad else None

    def limited(self, endpoint: Endpoint) -> float | None:
        """Return the share of attempts of the last 5 minutes that met a rate limit."""
        figures = self._of(endpoint).history.figures(self.now)
        limited = figures.total(LIMITED)
        total = limited + figures.total(GOOD) + figures.total(BAD)
        return limited / total if total else None

    def outage(self, endpoint: Endpoint) -> bool:
        """Whether at least 20 % of at least 5 attempts failed in the last 30 s. No traffic is not an outage."""
        vitals = self._vitals.get(endpoint.key)
        return vitals is not None and not vitals.well and vitals.outage(self.now)

    def in_flight(self, endpoint: Endpoint) -> int:
        """Return the attempts under way."""
        return self._of(endpoint).in_flight

    def recorded(self, endpoint: Endpoint, name: str) -> float | None:
        """Return the mean of what a strategy recorded of the endpoint's attempts, the latest counting most."""
        found = self._of(endpoint).recorded.get(name)
        return None if found is None else found[0] / found[1]

    def room(self, endpoint: Endpoint) -> bool:
        """Whether an account of the endpoint could take this call now, within its limits and what is shut."""
        facts, quotas, now = self._facts, self._quotas, self.now
        offer = None if self._offered is None else self._offered.get(endpoint)
        if offer is None or facts is None or quotas is None:
            return True
        return any(
            self._health.block(one, now) is None
            and not isinstance(quotas.room(one, facts.tokens, facts.max_output, now), Block)
            for one in offer.candidates
        )

    def sticky(self, call: Call) -> Stuck | None:
        """Return who served the call's conversation last."""
        return self._health.sticky.of(call, self.now)

    def turn(self, model: str) -> int:
        """Return a number that grows by one with every plan of the model that asks for it."""
        if self._taken is None:
            self._taken = {}
        if model not in self._taken:
            turn = self._taken[model] = self._turns.get(model, 0)
            self._turns[model] = turn + 1
        return self._taken[model]

    def _of(self, endpoint: Endpoint) -> Vitals:
        return self._vitals.get(endpoint.key, _UNKNOWN)

    def _quantile(self, endpoint: Endpoint, measure: int, share: float) -> float | None:
        vitals = self._vitals.get(endpoint.key)
        return None if vitals is None else vitals.history.figures(self.now).quantile(measure, share, ENOUGH)
