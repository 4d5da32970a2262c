"""The strategy `adjusted`: what this very call is expected to cost once caches, failures and time are counted."""

from collections.abc import Mapping, Sequence
from functools import partial
from random import Random

from taxiway import Call, Endpoint, HealthView, Ranked
from taxiway.outcome import Outcome
from taxiway_standard.options import Adjusted
from taxiway_standard.scores import FREE, OUTAGE, middle, steps

_HOUR = 3600.0
_OUTPUT = "adjusted-output"
_CACHED = "adjusted-cached"


class AdjustedStrategy:
    """The cheapest first, where cheap means: USD for the tokens, and for the time, made dearer by failures and rate limits.

    `(price of the uncached prompt + of the cached one + of the expected reply + seconds * dollars_per_hour / 3600)
    * (1 + error_penalty * share that failed + limit_penalty * share that met a rate limit)`.

    What is not known of an endpoint is taken from its peers: the median time, the dearest price; no failures. So that its time becomes
    known, one that was not measured comes first in the share `explore` of the calls.
    """

    def __init__(self, options: Adjusted) -> None:
        self._options = options
        self._second = options.dollars_per_hour / _HOUR

    def observe(self, outcome: Outcome) -> Mapping[str, float]:
        """Learn how long replies are, and how much of a prompt was cached."""
        usage = outcome.usage
        if usage is None or usage.estimated or outcome.failure is not None:
            return {}
        prompt = usage.prompt
        figures = {_OUTPUT: float(usage.completion)}
        if prompt:
            figures[_CACHED] = usage.cache_read / prompt
        return figures

    def rank(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[Ranked]:
        """Sort by the adjusted cost, in steps."""
        options = self._options
        outputs = [self._output(call, view, endpoint) for endpoint in endpoints]
        costs = self._money(call, view, endpoints, outputs)
        unmeasured: set[Endpoint] = set()
        if self._second:
            seconds = [_seconds(view, one, output) for one, output in zip(endpoints, outputs, strict=True)]
            usual = middle(seconds, 0.0)
            if usual and None in seconds and random.random() < options.explore:
                unmeasured.update(one for one, time in zip(endpoints, seconds, strict=True) if time is None)
            for index, time in enumerate(seconds):
                costs[index] += self._second * (usual if time is None else time)
        success, limited, out = view.success, view.limited, view.in_outage(endpoints)
        for index, endpoint in enumerate(endpoints):
            share = success(endpoint)
            failed = 0.0 if share is None else 1.0 - share
            penalty = options.error_penalty * failed + options.limit_penalty * (limited(endpoint) or 0.0)
            costs[index] *= 1.0 + penalty
        ranked = []
        for endpoint, cost, score in zip(endpoints, costs, steps(costs, options.tolerance), strict=True):
            if endpoint in out:
                ranked.append(Ranked(endpoint, OUTAGE + score, partial("${:.6f} all counted; outage".format, cost)))
            elif endpoint in unmeasured:
                ranked.append(Ranked(endpoint, -1.0, "not measured yet, and this call explores"))
            else:
                ranked.append(Ranked(endpoint, score, partial("${:.6f} all counted".format, cost)))
        return ranked

    def _output(self, call: Call, view: HealthView, endpoint: Endpoint) -> float:
        """Return the tokens that a reply is expected to have there."""
        usual = call.expected_output
        learnt = view.recorded(endpoint, _OUTPUT) if usual else None
        if learnt is None:
            return usual
        most = call.facts.max_output
        return learnt if most is None or learnt < most else most

    @staticmethod
    def _money(call: Call, view: HealthView, endpoints: Sequence[Endpoint], outputs: Sequence[float]) -> list[float]:
        """Return the USD that the tokens are expected to cost at each endpoint."""
        tokens, recorded = call.facts.tokens, view.recorded
        found: list[float | None] = []
        for endpoint, output in zip(endpoints, outputs, strict=True):
            price = endpoint.price.at(tokens) if endpoint.price.above else endpoint.price
            into, out = price.input, price.output
            if into is None or (out is None and output):
                found.append(None)
                continue
            cost = tokens * into + output * (out or 0.0) + price.request
            if price.cache_read is not None:
                cost -= (recorded(endpoint, _CACHED) or 0.0) * tokens * (into - price.cache_read)
            found.append(cost)
        paid = [cost for cost in found if cost]
        cheapest, dearest = (min(paid), max(paid)) if paid else (1e-6, 1e-6)
        return [dearest if cost is None else cost or cheapest * FREE for cost in found]


def _seconds(view: HealthView, endpoint: Endpoint, output: float) -> float | None:
    """Return how long a reply is expected to take there."""
    wait, rate = view.latency(endpoint), view.throughput(endpoint)
    if wait is None or not rate:
        # Replies that came in one piece have neither.
        return view.duration(endpoint)
    return wait + output / rate
