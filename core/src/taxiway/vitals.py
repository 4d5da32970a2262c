"""How endpoints do: what was counted of each in rolling windows, and the view of it that strategies read."""

from collections.abc import Mapping
from typing import Final

from taxiway.candidate import Endpoint
from taxiway.outcome import Outcome
from taxiway.windows import Median, Ring

_ENOUGH: Final = 3
"""A median of fewer is no knowledge."""


class Vitals:
    """What is known of one endpoint."""

    __slots__ = ("bad_30", "bad_300", "good_30", "good_300", "in_flight", "latency", "seen", "throughput")

    def __init__(self) -> None:
        self.in_flight = 0
        self.seen = 0.0
        self.good_30, self.bad_30, self.good_300, self.bad_300 = Ring(30), Ring(30), Ring(300), Ring(300)
        self.latency, self.throughput = Median(300), Median(300)

    def good(self, outcome: Outcome, now: float) -> None:
        """Count an attempt that served."""
        self.good_30.add(1, now)
        self.good_300.add(1, now)
        began = outcome.started
        if outcome.first_token is not None:
            began = outcome.first_token
            self.latency.add(began - outcome.started, now)
        usage, seconds = outcome.usage, outcome.ended - began
        # A reply that came in one piece says nothing of the model's speed after its first token.
        if usage is not None and seconds > 1e-3 and not usage.estimated and usage.completion > 1:
            self.throughput.add(usage.completion / seconds, now)

    def bad(self, now: float) -> None:
        """Count an attempt that failed for a reason of the endpoint's own."""
        self.bad_30.add(1, now)
        self.bad_300.add(1, now)

    def outage(self, now: float) -> bool:
        """Whether at least 20 % of at least 5 attempts failed in the last 30 s. No traffic is not an outage."""
        bad = self.bad_30.total(now)
        return bad > 0 and (total := bad + self.good_30.total(now)) >= 5 and bad >= 0.2 * total


class View:
    """What is known of endpoints at `now`: the `HealthView` that strategies read. One is made for each plan.

    `peek`: reading takes no turn, so that explaining a plan doesn't change the next one.
    """

    __slots__ = ("_endpoints", "_peek", "_taken", "_turns", "now")

    def __init__(self, endpoints: Mapping[str, Vitals], turns: dict[str, int], now: float, *, peek: bool) -> None:
        self._endpoints, self._turns, self.now = endpoints, turns, now
        self._peek = peek
        self._taken: dict[str, int] | None = None

    def latency(self, endpoint: Endpoint) -> float | None:
        """Return the median time to the first token of the last 5 minutes."""
        vitals = self._endpoints.get(endpoint.key)
        return None if vitals is None else vitals.latency.value(self.now, _ENOUGH)

    def throughput(self, endpoint: Endpoint) -> float | None:
        """Return the median tokens per second of the last 5 minutes."""
        vitals = self._endpoints.get(endpoint.key)
        return None if vitals is None else vitals.throughput.value(self.now, _ENOUGH)

    def success(self, endpoint: Endpoint) -> float | None:
        """Return the share of attempts of the last 5 minutes that succeeded."""
        vitals = self._endpoints.get(endpoint.key)
        if vitals is None:
            return None
        good = vitals.good_300.total(self.now)
        total = good + vitals.bad_300.total(self.now)
        return good / total if total else None

    def outage(self, endpoint: Endpoint) -> bool:
        """Whether at least 20 % of at least 5 attempts failed in the last 30 s."""
        vitals = self._endpoints.get(endpoint.key)
        return vitals is not None and vitals.outage(self.now)

    def in_flight(self, endpoint: Endpoint) -> int:
        """Return the attempts under way."""
        vitals = self._endpoints.get(endpoint.key)
        return 0 if vitals is None else vitals.in_flight

    def turn(self, model: str) -> int:
        """Return a number that grows by one with every plan of the model that asks for it."""
        if self._taken is None:
            self._taken = {}
        if model not in self._taken:
            self._taken[model] = self._turns.get(model, 0)
            if not self._peek:
                self._turns[model] = self._taken[model] + 1
        return self._taken[model]
