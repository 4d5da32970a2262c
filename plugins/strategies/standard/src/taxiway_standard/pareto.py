"""The strategy `pareto`: endpoints that another one beats in everything come last."""

from bisect import bisect_right
from collections.abc import Sequence
from functools import partial
from random import Random
from typing import TypeAlias

from taxiway import Call, Endpoint, HealthView, Ranked
from taxiway_standard.options import Pareto
from taxiway_standard.scores import OUTAGE, closest, middle

_Figures: TypeAlias = tuple[float, float, float]
"""Price, time and quality, the last one negative."""
_BEATEN = 1e4
_MISSES = 1e5


class ParetoStrategy:
    """The cheapest first among those that no other beats in price, time to the first token and quality, and that meet the bounds.

    One without an outage beats another that is nowhere better and somewhere worse. After those come the beaten ones, then those that
    miss `least_quality` or `within`, then outages; each group by price. An unknown price counts as the dearest known one, an
    unknown time as the median, an unlisted quality as the lowest that is listed.
    """

    def __init__(self, options: Pareto) -> None:
        self._options = options
        self._lowest = min(options.quality.values(), default=0.0)

    def rank(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[Ranked]:
        """Sort by group, then by price; equal prices are equal."""
        options = self._options
        costs = call.expected_prices(endpoints)
        dearest = max((cost for cost in costs if cost is not None), default=0.0)
        waits = [view.latency(endpoint) for endpoint in endpoints]
        usual = middle(waits, 0.0)
        figures = [
            (
                dearest if cost is None else cost,
                usual if wait is None else wait,
                -closest(options.quality, endpoint, self._lowest),
            )
            for endpoint, cost, wait in zip(endpoints, costs, waits, strict=True)
        ]
        out = view.in_outage(endpoints)
        front = _front([figure for endpoint, figure in zip(endpoints, figures, strict=True) if endpoint not in out])
        places = {price: float(place) for place, price in enumerate(sorted({figure[0] for figure in figures}))}
        ranked = []
        for endpoint, figure in zip(endpoints, figures, strict=True):
            price, wait, worse = figure
            score, said = places[price], ""
            if endpoint in out:
                score, said = score + OUTAGE, "outage"
            elif -worse < options.least_quality or (options.within is not None and wait > options.within):
                score, said = score + _MISSES, "misses a bound"
            elif figure not in front:
                score, said = score + _BEATEN, "another is better in everything"
            ranked.append(Ranked(endpoint, score, partial(_say, figure, said)))
        return ranked


def _front(figures: Sequence[_Figures]) -> set[_Figures]:
    """Return the figures that no others beat; lower is better in each part."""
    front: set[_Figures] = set()
    # Of those so far, which all cost no more: longer waits, each with a quality that is better than all before it.
    waits: list[float] = []
    worst: list[float] = []
    for figure in sorted(set(figures)):
        _, wait, worse = figure
        after = bisect_right(waits, wait)
        if after and worst[after - 1] <= worse:
            continue
        front.add(figure)
        end = after
        while end < len(worst) and worst[end] >= worse:
            end += 1
        waits[after:end], worst[after:end] = [wait], [worse]
    return front


def _say(figure: _Figures, said: str) -> str:
    price, wait, worse = figure
    text = f"${price:.6f} expected, {wait:.2f} s, quality {-worse:g}"
    return f"{text}; {said}" if said else text
