"""Strategies that draw nothing: the same inputs in the same state give the same order."""

from collections.abc import Sequence
from functools import partial
from random import Random

from taxiway import Call, Endpoint, HealthView, Ranked

_UNKNOWN = 1e18
"""The score of an endpoint of unknown price: finite, and behind every price."""


class OrderStrategy:
    """As the configuration lists the providers."""

    def rank(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[Ranked]:
        """Keep the order."""
        return [
            Ranked(endpoint, float(index), partial("listed as number {}".format, index + 1))
            for index, endpoint in enumerate(endpoints)
        ]


class PriceStrategy:
    """The cheapest for this very call first, strictly. Unknown prices come last; equal ones go on to the next strategy."""

    def rank(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[Ranked]:
        """Sort by price."""
        ranked = []
        for endpoint, price in zip(endpoints, call.expected_prices(endpoints), strict=True):
            if price is None:
                ranked.append(Ranked(endpoint, _UNKNOWN, "price unknown"))
            else:
                ranked.append(Ranked(endpoint, price, partial("${:.6f} expected".format, price)))
        return ranked


class RoundRobinStrategy:
    """One after the other: each call begins where the one before it began, and one further."""

    def rank(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[Ranked]:
        """Turn by one."""
        count = len(endpoints)
        turn = view.turn(endpoints[0].model) % count if count else 0
        return [
            Ranked(endpoint, float((index - turn) % count), partial("turn {}".format, (index - turn) % count + 1))
            for index, endpoint in enumerate(endpoints)
        ]
