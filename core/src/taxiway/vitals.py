"""How endpoints do: what was counted of each in rolling windows, its breaker, and the view of it that strategies read."""

import math
from collections.abc import Mapping
from typing import Final

from attrs import Factory, define

from taxiway.candidate import Endpoint
from taxiway.outcome import Outcome
from taxiway.windows import Median, Window

ENOUGH: Final = 3
"""A median of fewer is no knowledge."""


class Breaker:
    """Trips at 5 failures in a row, or below 80 % success of at least 10 attempts in 10 s.

    It had tripped `times` times in a row when it closed, at `closed`.
    """

    __slots__ = ("_bad", "_good", "closed", "run", "times")

    def __init__(self) -> None:
        self.close(0, -math.inf)

    def close(self, times: int, now: float) -> None:
        """Begin anew: what led to a pause must not trip it again."""
        self.times, self.closed, self.run = times, now, 0
        self._good, self._bad = Window(10), Window(10)

    def good(self, now: float) -> None:
        """Count an attempt that served."""
        self.run = 0
        self._good.add(1, now)

    def bad(self, now: float) -> str | None:
        """Count a failure. Why it trips, if it does."""
        self.run += 1
        self._bad.add(1, now)
        bad = self._bad.total(now)
        total = bad + self._good.total(now)
        if self.run >= 5:
            return f"{self.run} attempts in a row failed"
        return f"{bad:.0f} of {total:.0f} attempts failed within 10 s" if total >= 10 and bad > 0.2 * total else None


class Vitals:
    """What is known of one endpoint. Times are of the last 5 minutes where nothing else is said."""

    __slots__ = tuple("bad bad_30 breaker duration good good_30 in_flight latency seen throughput".split())

    def __init__(self) -> None:
        self.in_flight, self.seen, self.breaker = 0, 0.0, Breaker()
        self.good, self.bad, self.good_30, self.bad_30 = Window(300), Window(300), Window(30), Window(30)
        self.latency, self.throughput, self.duration = Median(300), Median(300), Median(300)

    def served(self, outcome: Outcome, now: float) -> None:
        """Count an attempt that served."""
        self.good.add(1, now)
        self.good_30.add(1, now)
        self.breaker.good(now)
        began = outcome.started
        self.duration.add(outcome.ended - began, now)
        if outcome.first_token is not None:
            began = outcome.first_token
            self.latency.add(began - outcome.started, now)
        usage, seconds = outcome.usage, outcome.ended - began
        # A reply that came in one piece says nothing of the model's speed after its first token.
        if usage is not None and seconds > 1e-3 and not usage.estimated and (tokens := usage.completion) > 1:
            self.throughput.add(tokens / seconds, now)

    def failed(self, now: float) -> None:
        """Count an attempt that failed for a reason of the endpoint's own."""
        self.bad.add(1, now)
        self.bad_30.add(1, now)


_UNKNOWN: Final = Vitals()
"""What nothing was ever counted in."""


@define(eq=False)
class View:
    """What is known of endpoints at `now`: the `HealthView` that strategies read. One is made for each plan."""

    _vitals: Mapping[str, Vitals]
    _turns: dict[str, int]
    now: float
    _taken: dict[str, int] = Factory(dict)

    def latency(self, endpoint: Endpoint) -> float | None:
        """Return the median time to the first token of the last 5 minutes."""
        return self._vitals.get(endpoint.key, _UNKNOWN).latency.value(self.now, ENOUGH)

    def throughput(self, endpoint: Endpoint) -> float | None:
        """Return the median tokens per second of the last 5 minutes."""
        return self._vitals.get(endpoint.key, _UNKNOWN).throughput.value(self.now, ENOUGH)

    def success(self, endpoint: Endpoint) -> float | None:
        """Return the share of attempts of the last 5 minutes that succeeded."""
        vitals = self._vitals.get(endpoint.key, _UNKNOWN)
        good = vitals.good.total(self.now)
        total = good + vitals.bad.total(self.now)
        return good / total if total else None

    def outage(self, endpoint: Endpoint) -> bool:
        """Whether at least 20 % of at least 5 attempts failed in the last 30 s. No traffic is not an outage."""
        vitals = self._vitals.get(endpoint.key, _UNKNOWN)
        bad = vitals.bad_30.total(self.now)
        return bad > 0 and (total := bad + vitals.good_30.total(self.now)) >= 5 and bad >= 0.2 * total

    def in_flight(self, endpoint: Endpoint) -> int:
        """Return the attempts under way."""
        return self._vitals.get(endpoint.key, _UNKNOWN).in_flight

    def turn(self, model: str) -> int:
        """Return a number that grows by one with every plan of the model that asks for it."""
        if model not in self._taken:
            turn = self._taken[model] = self._turns.get(model, 0)
            self._turns[model] = turn + 1
        return self._taken[model]
