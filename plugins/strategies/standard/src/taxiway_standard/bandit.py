"""The strategy `bandit`: what went best lately, and in a small share of the calls something else, to find out."""

from collections.abc import Mapping, Sequence
from functools import partial
from random import Random

from taxiway import Call, Endpoint, HealthView, Ranked
from taxiway.outcome import Kind, Outcome
from taxiway_standard.options import Bandit
from taxiway_standard.scores import OUTAGE, middle, steps

_LOSS = "bandit-loss"
_HOUR = 3600.0
_ITS_OWN: frozenset[Kind] = frozenset({"overloaded", "unavailable", "timeout", "rate_limited", "quota_exhausted"})
"""Failures that say something of an endpoint; the others are the request's, the key's or the client's."""


class BanditStrategy:
    """Epsilon-greedy: the least loss first; in the share `explore` of the calls an endpoint that was drawn.

    The loss of an attempt, in USD: what 1000 of its tokens cost, its time to the first token at `dollars_per_hour`, and `failure`
    where it failed. The view keeps the mean of each endpoint, of which what is 5 minutes older counts half.
    """

    def __init__(self, options: Bandit) -> None:
        self._options = options
        self._second = options.dollars_per_hour / _HOUR

    def observe(self, outcome: Outcome) -> Mapping[str, float]:
        """Return the loss of an attempt that says something of its endpoint."""
        failure = outcome.failure
        if failure is not None and failure.kind not in _ITS_OWN:
            return {}
        until = outcome.ended if outcome.first_token is None else outcome.first_token
        loss = (until - outcome.started) * self._second
        usage = outcome.usage
        if failure is not None:
            loss += self._options.failure
        elif usage is not None and usage.total:
            loss += 1000.0 * (outcome.candidate.endpoint.price.cost(usage) or 0.0) / usage.total
        return {_LOSS: loss}

    def rank(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[Ranked]:
        """Sort by the loss, in steps; sometimes a drawn one comes first."""
        recorded = view.recorded
        losses = [recorded(endpoint, _LOSS) for endpoint in endpoints]
        usual = middle(losses, 0.0)
        scores = steps([usual if loss is None else loss for loss in losses], self._options.tolerance)
        out = [view.outage(endpoint) for endpoint in endpoints]
        drawn = self._drawn(losses, out, random) if random.random() < self._options.explore else -1
        ranked = []
        for index, (endpoint, loss, score) in enumerate(zip(endpoints, losses, scores, strict=True)):
            if index == drawn:
                ranked.append(Ranked(endpoint, -1.0, "drawn, to find out"))
            else:
                ranked.append(
                    Ranked(endpoint, score + OUTAGE if out[index] else score, partial(_say, loss, out[index]))
                )
        return ranked

    def _drawn(self, losses: Sequence[float | None], out: Sequence[bool], random: Random) -> int:
        """Draw among those that nothing is known of, where there are any, else among all without an outage."""
        up = [index for index, down in enumerate(out) if not down]
        among = [index for index in up if losses[index] is None] or up
        return among[int(random.random() * len(among))] if among else -1


def _say(loss: float | None, out: bool) -> str:
    said = "nothing known yet" if loss is None else f"loss ${loss:.6f}"
    return f"{said}; outage" if out else said
