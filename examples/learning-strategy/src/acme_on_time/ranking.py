"""The ranking, and what it learns of attempts. It keeps nothing itself: the view does."""

from collections.abc import Mapping, Sequence
from random import Random

from acme_on_time import Options
from taxiway import Call, Endpoint, HealthView, Ranked
from taxiway.outcome import Outcome

METRIC = "acme-late"
PRICE_UNKNOWN, LATE, OUTAGE = 1e5, 1e6, 1e9


class OnTime:
    """The cheapest endpoint of which at most the share `late` of the answers came later than `within` seconds; then the least late.

    One that nothing is known of yet counts as on time. What was found to be late is asked again in the share `second_chances` of the
    calls, since what is not asked can't get better.
    """

    def __init__(self, options: Options) -> None:
        self._options = options

    def observe(self, outcome: Outcome) -> Mapping[str, float]:
        """Say of an attempt that ended whether it was late: 1 or 0. The view keeps the mean of each endpoint."""
        in_time = outcome.ended - outcome.started <= self._options.within
        if outcome.failure is None:
            return {METRIC: 0.0 if in_time else 1.0}
        # A failure says something of the time only if it came after it: a user left, a timeout.
        return {} if in_time else {METRIC: 1.0}

    def rank(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[Ranked]:
        """Give each endpoint a score; lower ones are tried first."""
        forgives = random.random() < self._options.second_chances
        return [self._rank(call, endpoint, view, forgives) for endpoint in endpoints]

    def _rank(self, call: Call, endpoint: Endpoint, view: HealthView, forgives: bool) -> Ranked:
        if view.outage(endpoint):
            return Ranked(endpoint, OUTAGE, "an outage")
        late = view.recorded(endpoint, METRIC) or 0.0
        if late > self._options.late and not forgives:
            return Ranked(endpoint, LATE + late, lambda: f"late: {late:.0%} of its answers")
        price = call.expected_price(endpoint)
        said = "a second chance" if late > self._options.late else "on time"
        if price is None:
            return Ranked(endpoint, PRICE_UNKNOWN, f"{said}, price unknown")
        return Ranked(endpoint, price, lambda: f"{said}, ${price:.6f} expected")
