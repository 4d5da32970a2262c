"""In which order a call's endpoints are tried: its models, the sections of credentials, then the strategies' ranking. Pure."""

import logging
import traceback
from collections.abc import Iterable, Sequence
from itertools import chain
from math import inf
from operator import attrgetter
from random import Random
from typing import Final

from attrs import Factory, define

from taxiway.call import Call
from taxiway.candidate import Endpoint
from taxiway.filters import kept_of, matches, nothing_left, passes
from taxiway.picks import Plan
from taxiway.secret import scrub
from taxiway.snapshot import Offer, SectionOffers, Snapshot, in_sections
from taxiway.strategy import HealthView, Ranked
from taxiway.view import View

_log: Final = logging.getLogger("taxiway.planner")

_score: Final = attrgetter("score")


@define(eq=False)
class Notes:
    """What planning says of its reasons: `excluded` by filters and why, and what the strategies `said` of an endpoint."""

    excluded: list[tuple[Offer, str]] = Factory(list)
    said: dict[Endpoint, list[Ranked]] = Factory(dict)


def plan(call: Call, snapshot: Snapshot, view: View, random: Random, notes: Notes | None = None) -> Plan:
    """Order the endpoints of the call's models, taking notes where wanted. `random` is seeded with the call's seed here.

    Raises InvalidRequest for an unknown model, CallError where the filters leave nothing.
    """
    models: list[tuple[str, Sequence[Offer]]] = []
    excluded: list[tuple[Offer, str]] = [] if notes is None else notes.excluded
    random.seed(call.seed)
    for name in _names(call, snapshot):
        model = snapshot.find(call.caller.workspace, name)
        sections = model.sections if passes(call, model) else in_sections(kept_of(call, model.offers, excluded))
        if sections:
            models.append((name, _order(call, sections, snapshot, view, random, notes)))
    if not models:
        raise nothing_left(call, excluded)
    return Plan(call, models, snapshot.routing, view)


def _names(call: Call, snapshot: Snapshot) -> Iterable[str]:
    """Replace names of the owner's own by what they stand for."""
    models, workspace = call.facts.models, call.caller.workspace
    if len(models) == 1:
        return snapshot.stands_for(workspace, models[0])
    return dict.fromkeys(one for model in models for one in snapshot.stands_for(workspace, model))


def _order(
    call: Call,
    sections: Sequence[SectionOffers],
    snapshot: Snapshot,
    view: View,
    random: Random,
    notes: Notes | None,
) -> Sequence[Offer]:
    """Order the offers of a model: by section, then as the call's `order` says, then by the strategies."""
    if len(sections) == 1 and len(sections[0].offers) == 1:
        return sections[0].offers
    order, fallbacks = call.preferences.order, call.preferences.allow_fallbacks
    ordered: list[Offer] = []
    for section in sections:
        endpoints = section.endpoints
        view.consider(call.facts, section.by_endpoint)
        if order:
            named = dict.fromkeys(one for slug in order for one in endpoints if matches(slug, one))
            ordered += map(section.by_endpoint.__getitem__, named)
            endpoints = [endpoint for endpoint in endpoints if endpoint not in named] if fallbacks else ()
        try:
            ordered += [section.by_endpoint[one] for one in _rank(call, endpoints, snapshot, view, random, notes)]
        except Exception as error:  # noqa: BLE001 - whoever wrote the strategy, the call can be served
            said = f"in the configured order, since a strategy failed: {type(error).__name__}"
            _log.error("%s", f"{said}\n{scrub(traceback.format_exc())}")
            ordered += [section.by_endpoint[one] for one in endpoints]
            if notes is not None:
                notes.said.update((one, [Ranked(one, 0.0, said)]) for one in endpoints)
    return ordered if fallbacks or order else ordered[:1]


def _rank(
    call: Call,
    endpoints: Sequence[Endpoint],
    snapshot: Snapshot,
    view: HealthView,
    random: Random,
    notes: Notes | None,
) -> Iterable[Endpoint]:
    """Order the endpoints of a section by the strategies: the first one's score, then the next one's, then a draw.

    An endpoint that a strategy leaves out is out. Where no strategy is installed, by the expected price.
    """
    if len(endpoints) < 2:
        return endpoints
    if not snapshot.strategies:
        return sorted(endpoints, key=lambda one: _price(call, one))
    said = [strategy.rank(call, endpoints, view, random) for _, strategy in snapshot.strategies]
    if notes is not None:
        for row in chain.from_iterable(said):
            notes.said.setdefault(row.endpoint, []).append(row)
    first = said[0]
    if len(said) == 1 and len({row.score for row in first}) == len(first):  # nearly always: nothing to break
        return [row.endpoint for row in sorted(first, key=_score)]
    scores: dict[Endpoint, list[float]] = {}
    for row in chain.from_iterable(said):
        scores.setdefault(row.endpoint, []).append(row.score)
    draws = {endpoint: (of_it, random.random()) for endpoint, of_it in scores.items() if len(of_it) == len(said)}
    return sorted(draws, key=draws.__getitem__)


def _price(call: Call, endpoint: Endpoint) -> float:
    price = call.expected_price(endpoint)
    return inf if price is None else price
