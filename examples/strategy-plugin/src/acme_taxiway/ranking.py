"""The ranking: lower scores are tried first."""

from collections.abc import Sequence
from random import Random

from taxiway import Call, Endpoint, HealthView, Ranked

PRICE_UNKNOWN, TOO_SLOW, OUTAGE = 1e5, 1e6, 1e9


class FastEnough:
    """The cheapest endpoint whose median time to the first token is below `within` seconds; where all are slower, the fastest.

    One that nothing is known of yet counts as fast enough: nobody would ever measure it otherwise.
    """

    def __init__(self, within: float) -> None:
        self._within = within

    def rank(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[Ranked]:
        return [self._rank(call, endpoint, view) for endpoint in endpoints]

    def _rank(self, call: Call, endpoint: Endpoint, view: HealthView) -> Ranked:
        latency, price = view.latency(endpoint), call.expected_price(endpoint)
        if view.outage(endpoint):
            return Ranked(endpoint, OUTAGE, "an outage")
        if latency is not None and latency >= self._within:
            return Ranked(endpoint, TOO_SLOW + latency, lambda: f"too slow: {latency:.2f} s")
        if price is None:
            return Ranked(endpoint, PRICE_UNKNOWN, "fast enough, price unknown")
        return Ranked(endpoint, price, lambda: f"fast enough, ${price:.6f} expected")
