"""Strategies that draw: the first endpoint, and then each further one among those that are left, by weight.

A draw without replacement by weight w is one sort by `-log(1 - u) / w` (Efraimidis and Spirakis), u uniform in [0, 1).
"""

from collections.abc import Sequence
from functools import partial
from math import log
from random import Random

from taxiway import Call, Endpoint, HealthView, Ranked
from taxiway_standard.options import Balanced, Weighted
from taxiway_standard.scores import FREE, OUTAGE, closest

_TINY = 1e-300
"""What stands for the one draw in 2^53 that is 0, which has no logarithm."""


class BalancedStrategy:
    """OpenRouter's default: endpoints without an outage first, drawn with the weight 1 / price^2 of this very call.

    A free endpoint counts as a tenth of the cheapest paid one, so it is preferred and not the only one; one of unknown price as
    the dearest known one. Where no price is known at all, all weigh the same.
    """

    def __init__(self, options: Balanced) -> None:
        self._exponent = options.exponent

    def rank(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[Ranked]:
        """Draw, and say what was expected to be paid."""
        scores, prices = self.scores(call, endpoints, view, random), call.expected_prices(endpoints)
        return [
            Ranked(endpoint, score, partial(_say, price, score >= OUTAGE / 2))
            for endpoint, score, price in zip(endpoints, scores, prices, strict=True)
        ]

    def scores(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[float]:
        """Draw."""
        prices, exponent, draw = call.expected_prices(endpoints), self._exponent, random.random
        paid = list(filter(None, prices))
        cheapest = min(paid) if paid else 1.0
        if len(paid) < len(prices):
            dearest, free = max(paid, default=1.0), cheapest * FREE or _TINY
            paid = [dearest if price is None else price or free for price in prices]
        # The logarithm keeps the order, and keeps every score below an outage's, whatever the prices and the exponent.
        least = log(cheapest)
        scores = [log(-log(1.0 - draw()) or _TINY) + exponent * (dear - least) for dear in map(log, paid)]
        if out := view.in_outage(endpoints):
            scores = [score + OUTAGE if one in out else score for one, score in zip(endpoints, scores, strict=True)]
        return scores


class WeightedStrategy:
    """A draw by the weights of the configuration. An endpoint of weight 0 is not tried."""

    def __init__(self, options: Weighted) -> None:
        self._weights = options.weights

    def rank(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[Ranked]:
        """Draw."""
        ranked = []
        for endpoint in endpoints:
            weight = closest(self._weights, endpoint, 1.0)
            if weight > 0:
                ranked.append(
                    Ranked(endpoint, -log(1.0 - random.random()) / weight, partial("weight {:g}".format, weight))
                )
        return ranked


def _say(price: float | None, out: bool) -> str:
    said = "price unknown" if price is None else f"${price:.6f} expected"
    return f"{said}; outage" if out else said
