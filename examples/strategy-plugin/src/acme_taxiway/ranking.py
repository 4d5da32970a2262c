"""The ranking: lower scores are tried first."""

from collections.abc import Sequence
from random import Random

from taxiway import Call, Endpoint, HealthView, Ranked

PRICE_UNKNOWN, TOO_SLOW, OUTAGE = 1e5, 1e6, 1e9


class FastEnoughStrategy:
    """The cheapest endpoint whose median latency is below `within` seconds; where all are slower, the fastest.

    One that nothing is known of yet counts as fast enough: nobody would ever measure it otherwise.
    """

    def __init__(self, within: float) -> None:
        self._within = within

    def rank(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[Ranked]:
        """Rank by price, or by latency."""
        return [self._rank(call, endpoint, view) for endpoint in endpoints]

    def _rank(self, call: Call, endpoint: Endpoint, view: HealthView) -> Ranked:
        latency = view.latency(endpoint)
        out = OUTAGE if view.outage(endpoint) else 0.0
        if latency is not None and latency >= self._within:
            return Ranked(endpoint, out + TOO_SLOW + latency, f"too slow: {latency:.2f} s")
        price = endpoint.price.expected(call.facts.tokens, call.facts.max_output or 500)
        if price is None:
            return Ranked(endpoint, out + PRICE_UNKNOWN, "fast enough, price unknown")
        return Ranked(endpoint, out + price, f"fast enough, ${price:.6f} expected")
