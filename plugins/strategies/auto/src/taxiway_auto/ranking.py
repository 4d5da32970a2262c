"""The ranking: which of the models a call goes to."""

from collections.abc import Sequence
from functools import partial
from math import inf
from random import Random
from typing import Final

from attrs import evolve

from taxiway import Call, Endpoint, Facts, HealthView, Ranked
from taxiway_auto.complexity import any_occurs, complexity
from taxiway_auto.options import Auto, Rule
from taxiway_auto.text import asked, has_code

_OUTAGE: Final = 1e9


class AutoStrategy:
    """The model of the first rule that fits, else the one for the call's complexity; then harder ones, then easier ones.

    A score is the place of an endpoint's model: the endpoints of one model are equal, and the next strategy decides. Models that the
    options don't name come after those that they do.
    """

    def __init__(self, options: Auto) -> None:
        self._models = [choice.model for choice in options.models]
        self._bounds = [choice.up_to for choice in options.models]
        self._rules = [evolve(rule, words=tuple(word.lower() for word in rule.words)) for rule in options.rules]
        self._words = {word.lower(): weight for word, weight in options.words.items()}
        self._weights = options.weights

    def rank(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[Ranked]:
        """Give each endpoint the place of its model."""
        out = view.in_outage(endpoints)
        if len({endpoint.model for endpoint in endpoints}) < 2:
            return [Ranked(one, _OUTAGE if one in out else 0.0, "the only model there is") for one in endpoints]
        seems, rule = view.derived("auto", partial(self._seen, call))
        order = self._order(call, endpoints, seems)
        if rule is not None:
            chosen = self._rules[rule].model
            order = [chosen, *(model for model in order if model != chosen)]
        places = {model: float(place) for place, model in enumerate(order)}
        last = float(len(places))
        why = partial(_say, seems, rule, order[0])
        ranked = []
        for endpoint in endpoints:
            score = places.get(endpoint.model, last)
            ranked.append(Ranked(endpoint, score + _OUTAGE if endpoint in out else score, why))
        return ranked

    def _order(self, call: Call, endpoints: Sequence[Endpoint], seems: float) -> list[str]:
        """Return the models, the one for this complexity first."""
        if self._models:
            models = self._models
            at = next(place for place, bound in enumerate(self._bounds) if seems <= bound)
        else:
            models = _by_price(call, endpoints)
            at = min(int(seems * len(models)), len(models) - 1)
        return [*models[at:], *reversed(models[:at])]

    def _seen(self, call: Call) -> tuple[float, int | None]:
        """Read the call's text: how hard it seems, and which rule fits."""
        text = asked(call.body)
        rule = self._rule(call.facts, text) if self._rules else None
        return complexity(call.facts, text, self._words, self._weights), rule

    def _rule(self, facts: Facts, text: str) -> int | None:
        """Return which rule fits first."""
        lowered = text.lower()
        return next((place for place, rule in enumerate(self._rules) if _fits(rule, facts, text, lowered)), None)


def _fits(rule: Rule, facts: Facts, text: str, lowered: str) -> bool:
    return (
        (not rule.parameters or not rule.parameters.isdisjoint(facts.parameters))
        and (not rule.inputs or not rule.inputs.isdisjoint(facts.inputs))
        and (rule.tokens_from is None or facts.tokens >= rule.tokens_from)
        and (rule.tokens_to is None or facts.tokens <= rule.tokens_to)
        and (not rule.words or any_occurs(rule.words, lowered))
        and (rule.code is None or rule.code is has_code(text))
    )


def _by_price(call: Call, endpoints: Sequence[Endpoint]) -> list[str]:
    """Return the models there are, the cheapest first; one of unknown price is taken for the best."""
    prices: dict[str, float] = {}
    for endpoint in endpoints:
        price = call.expected_price(endpoint)
        prices[endpoint.model] = min(prices.get(endpoint.model, inf), inf if price is None else price)
    return sorted(prices, key=lambda model: (prices[model], model))


def _say(seems: float, rule: int | None, chosen: str) -> str:
    by = f"complexity {seems:.2f}" if rule is None else f"rule {rule + 1}"
    return f"{by}: {chosen}"
