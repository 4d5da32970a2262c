"""How endpoints do: what was counted of each, its breaker, and what strategies recorded of it."""

import math
from collections.abc import Mapping
from typing import Final

from taxiway.gates import Breaker, Gate
from taxiway.history import BAD, DURATION, GOOD, LATENCY, LIMITED, THROUGHPUT, History, bucket
from taxiway.outcome import Outcome
from taxiway.windows import Tally

HALF_LIFE: Final = 300.0
"""Seconds after which a figure that a strategy recorded counts half as much as a new one."""
MOST_RECORDED: Final = 64
"""Names of figures that are kept for one endpoint at most."""


class Vitals:
    """What is known of one endpoint. `recorded`: what strategies recorded, as (sum, weight, when).

    `waiting`: streamed attempts that were sent and have no head yet, by when; `heard`: when the last head came. `gate`: what shut
    it, or its origin, last. `well`: nothing failed in the last 30 s, and nothing shut it.
    """

    __slots__ = tuple("_bad _before breaker gate heard history in_flight recorded seen waiting well".split())

    def __init__(self) -> None:
        self.in_flight, self.seen, self.breaker, self.history = 0, 0.0, Breaker(), History()
        self.recorded: dict[str, tuple[float, float, float]] = {}
        self.waiting: dict[object, float] = {}
        self.heard, self.well = -math.inf, True
        self.gate: Gate | None = None
        self.calm()

    def calm(self) -> None:
        """Begin anew after trouble: what led to it is no outage any more."""
        self._before, self._bad = self.breaker.served.total, Tally()

    def served(self, outcome: Outcome, now: float) -> None:
        """Count an attempt that served."""
        counts, began, first, usage = self.history.present(now), outcome.started, outcome.first_token, outcome.usage
        self.breaker.served.add(now)
        counts[GOOD] += 1
        seconds = outcome.ended - began
        counts[bucket(DURATION, seconds)] += 1
        if first is not None:
            counts[bucket(LATENCY, first - began)] += 1
            seconds = outcome.ended - first
        # A reply that came in one piece says nothing of the model's speed after its first token.
        if usage is not None and seconds > 1e-3 and not usage.estimated and (tokens := usage.completion) > 1:
            counts[bucket(THROUGHPUT, tokens / seconds)] += 1

    def failed(self, now: float) -> None:
        """Count an attempt that failed for a reason of the endpoint's own."""
        self.history.present(now)[BAD] += 1
        self._bad.add(now)
        self.well = False

    def limited(self, now: float) -> None:
        """Count an attempt that met a rate limit."""
        self.history.present(now)[LIMITED] += 1

    def outage(self, now: float) -> bool:
        """Whether at least 20 % of at least 5 attempts failed in the last 30 s. No traffic is not an outage.

        Where a breaker has opened it decides: once it is due for a live call, that call must not be the last resort.
        """
        gate = self.gate
        if gate is not None:
            if not gate.over:
                return gate.block(now) is not None
            self.gate = None
            self.calm()
        bad = self._bad.since(now - 30.0)
        if not bad:
            self.well = True
            return False
        total = bad + self.breaker.served.since(now - 30.0, self._before)
        return total >= 5 and bad >= 0.2 * total

    def record(self, figures: Mapping[str, float], now: float) -> None:
        """Keep what a strategy says of an attempt. Raises ValueError for what is no finite number, or a name too many."""
        for name, number in figures.items():
            total, weight, at = self.recorded.get(name, (0.0, 0.0, now))
            if not math.isfinite(number) or (not weight and len(self.recorded) >= MOST_RECORDED):
                raise ValueError(f"{name} can't be kept: finite numbers, at most {MOST_RECORDED} of an endpoint")
            left = 0.5 ** ((now - at) / HALF_LIFE)
            self.recorded[name] = (total * left + number, weight * left + 1.0, now)
