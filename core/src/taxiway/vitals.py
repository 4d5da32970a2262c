"""How endpoints do: what was counted of each, its breaker, and what strategies recorded of it."""

import math
from collections.abc import Mapping
from typing import Final

from taxiway.history import BAD, DURATION, GOOD, LATENCY, LIMITED, THROUGHPUT, History
from taxiway.outcome import Outcome
from taxiway.windows import Window

HALF_LIFE: Final = 300.0
"""Seconds after which a figure that a strategy recorded counts half as much as a new one."""
MOST_RECORDED: Final = 64
"""Names of figures that are kept for one endpoint at most."""


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
    """What is known of one endpoint. `recorded`: what strategies recorded, as (sum, weight, when)."""

    __slots__ = tuple("bad_30 breaker good_30 history in_flight recorded seen".split())

    def __init__(self) -> None:
        self.in_flight, self.seen, self.breaker = 0, 0.0, Breaker()
        self.good_30, self.bad_30, self.history = Window(30), Window(30), History()
        self.recorded: dict[str, tuple[float, float, float]] = {}

    def served(self, outcome: Outcome, now: float) -> None:
        """Count an attempt that served."""
        history, began = self.history, outcome.started
        history.count(GOOD, now)
        self.good_30.add(1, now)
        self.breaker.good(now)
        history.add(DURATION, outcome.ended - began, now)
        if outcome.first_token is not None:
            began = outcome.first_token
            history.add(LATENCY, began - outcome.started, now)
        usage, seconds = outcome.usage, outcome.ended - began
        # A reply that came in one piece says nothing of the model's speed after its first token.
        if usage is not None and seconds > 1e-3 and not usage.estimated and (tokens := usage.completion) > 1:
            history.add(THROUGHPUT, tokens / seconds, now)

    def failed(self, now: float) -> None:
        """Count an attempt that failed for a reason of the endpoint's own."""
        self.history.count(BAD, now)
        self.bad_30.add(1, now)

    def limited(self, now: float) -> None:
        """Count an attempt that met a rate limit."""
        self.history.count(LIMITED, now)

    def outage(self, now: float) -> bool:
        """Whether at least 20 % of at least 5 attempts failed in the last 30 s. No traffic is not an outage."""
        bad = self.bad_30.total(now)
        return bad > 0 and (total := bad + self.good_30.total(now)) >= 5 and bad >= 0.2 * total

    def record(self, figures: Mapping[str, float], now: float) -> None:
        """Keep what a strategy says of an attempt. Raises ValueError for what is no finite number, or a name too many."""
        for name, number in figures.items():
            total, weight, at = self.recorded.get(name, (0.0, 0.0, now))
            if not math.isfinite(number) or (not weight and len(self.recorded) >= MOST_RECORDED):
                raise ValueError(f"{name} can't be kept: finite numbers, at most {MOST_RECORDED} of an endpoint")
            left = 0.5 ** ((now - at) / HALF_LIFE)
            self.recorded[name] = (total * left + number, weight * left + 1.0, now)
