"""In which order a call's endpoints are tried. Pure.

Outermost first: the model, the section of credentials, then the rank of endpoints in it: a strict order where the call asks for one,
else the strategies'. Where the call wants one order over all its models (`partition` "none"), the section comes before the model.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, groupby
from math import inf
from operator import attrgetter
from random import Random
from typing import Any, Final

from attrs import Factory, define, field

from taxiway.call import Call
from taxiway.candidate import SECTIONS, Endpoint
from taxiway.codec import Json
from taxiway.filters import asks_for_tiers, fits, kept_of, matches, nothing_left
from taxiway.names import asked, restricted
from taxiway.picks import Plan
from taxiway.preferences import SortBy
from taxiway.secret import trace
from taxiway.snapshot import Asked, Excluded, ModelOffers, Offer, Reason, SectionOffers, Snapshot, in_sections
from taxiway.sticky import Stuck
from taxiway.strategy import Ranked
from taxiway.view import View

_log: Final = logging.getLogger("taxiway.planner")

_NOT_IN_ORDER: Final = Reason(
    "allowed_providers", "provider.allow_fallbacks", "not in provider.order, and provider.allow_fallbacks is false"
)
_NOT_FIRST: Final = Reason(
    "allowed_providers",
    "provider.allow_fallbacks",
    "provider.allow_fallbacks is false, and another endpoint comes first",
)
_FIRST: Final = "first, and provider.allow_fallbacks is false"
_ASKED_BEFORE: Final = Reason(
    "variant", "models", "an earlier name of the call asks it for something else, and each is asked for one thing only"
)
_NOT_RANKED: Final = Reason("strategy", "", "a strategy leaves it out")

_FIGURES: Final[Mapping[SortBy, Callable[[View, Endpoint], tuple[float, ...]]]] = {
    "price": lambda _view, _one: (),
    "latency": lambda view, one: (_known(view.latency(one)),),
    "throughput": lambda view, one: (-(view.throughput(one) or 0.0),),
    "exacto": lambda view, one: (-(view.success(one) or 0.0), -(view.throughput(one) or 0.0)),
}
"""What a sort compares, the least first."""

_TIERS: Final[dict[str | None, SortBy]] = {"priority": "throughput", "flex": "price"}
"""How endpoints of a service tier that was asked for are sorted; they come before the others."""


@define(eq=False)
class Notes:
    """What planning says of its reasons: `excluded` and why, and what was `said` of the place of an endpoint in its section."""

    excluded: list[Excluded] = Factory(list)
    said: dict[Offer, list[Ranked]] = Factory(dict)

    def take(self, rows: Iterable[Ranked], offered: Mapping[Endpoint, Offer]) -> None:
        """Note what is said of endpoints."""
        for row in rows:
            self.said.setdefault(offered[row.endpoint], []).append(row)


def plan(call: Call, snapshot: Snapshot, view: View, random: Random, notes: Notes | None = None) -> Plan:
    """Order the endpoints of the call's models, taking notes where wanted. `random` is seeded with the call's seed here.

    Raises InvalidRequest for an unknown model, CallError where nothing may serve.
    """
    facts, wants, workspace = call.facts, call.preferences, call.caller.workspace
    every: Sequence[Asked] = asked(snapshot, workspace, facts.models)
    stuck = None if facts.conversation is None or wants.order else view.sticky(call)
    if notes is None and wants.plain and facts.service_tier is None and not call.plugins:
        ordered = _by_strategies_alone(call, every, view, random, stuck)
        if ordered:
            return Plan(call, ordered, snapshot.routing, view, stuck and stuck.candidate)
    random.seed(call.seed)
    excluded: list[Excluded] = [] if notes is None else notes.excluded
    if call.plugins:
        every = restricted(call, every, excluded)
    models: list[tuple[Asked, Sequence[SectionOffers]]] = []
    for one in every:
        model = one.offers if notes is not None or asks_for_tiers(call, one.tier) else one.usual
        excluded += one.excluded
        left = _admitted(call, every.index(one), model, view, excluded) if model.guarded else model
        if left is None:
            continue
        sections = left.sections
        if wants.filters or left.tiers or not fits(call, left):
            sections = in_sections(kept_of(call, left, excluded, one.tier))
        if sections:
            models.append((one, sections))
    models, adds = _added(models, excluded) if any(one.adds for one, _ in models) else (models, {})
    ordered = _Order(call, view, random, excluded, notes, stuck).of(models)
    if not ordered:
        raise nothing_left(call, excluded)
    return Plan(call, ordered, snapshot.routing, view, stuck and stuck.candidate, adds)


def _by_strategies_alone(
    call: Call, every: Sequence[Asked], view: View, random: Random, stuck: Stuck | None
) -> list[tuple[str, Sequence[Offer]]]:
    """Order what only sections and strategies have a say in, as the long way would. Empty: something else has, or nothing is left."""
    for one in every:
        if not one.plain or not fits(call, one.usual):
            return []
    random.seed(call.seed)
    ordered: list[tuple[str, Sequence[Offer]]] = []
    for one in every:
        offers: list[Offer] = []
        for section in one.usual.sections:
            view.offered = section.by_endpoint
            ranked = _by_strategies(call, one, section.endpoints, view, random, None)
            offers += ranked if stuck is None else chain(*_cached_first(ranked, stuck, view))
        if offers:
            ordered.append((one.model, offers))
    return ordered


def _added(
    models: Sequence[tuple[Asked, Sequence[SectionOffers]]], excluded: list[Excluded]
) -> tuple[list[tuple[Asked, Sequence[SectionOffers]]], Mapping[Endpoint, Mapping[str, Json]]]:
    """Say what names add to the body, by endpoint, and return the models so that each endpoint is asked for one thing only.

    One may stand in a list twice, as what searches the web and as what does not: the first name holds, since what failed is not
    tried again.
    """
    kept: list[tuple[Asked, Sequence[SectionOffers]]] = []
    added: dict[Endpoint, Mapping[str, Json]] = {}
    for one, sections in models:
        offers = [offer for section in sections for offer in section.offers]
        left = [offer for offer in offers if added.get(offer.endpoint, one.adds) == one.adds]
        excluded += [Excluded(offer, _ASKED_BEFORE) for offer in offers if offer not in left]
        if left:
            kept.append((one, sections if len(left) == len(offers) else in_sections(left)))
            added.update((offer.endpoint, one.adds) for offer in left)
    return kept, added


def _admitted(call: Call, place: int, model: ModelOffers, view: View, excluded: list[Excluded]) -> ModelOffers | None:
    """Return what is left for this caller where some credentials serve only others. `place`: the model's, among those asked for."""

    def barred() -> list[str]:
        names, user = (call.caller.api_key, call.caller.label), call.user
        return [one.id for one in model.guarded if not one.admits(names, user)]

    left, out = model.without(frozenset(view.derived(f"barred {place}", barred)))
    excluded += out
    return left


def _by_strategies(
    call: Call, one: Asked, endpoints: Sequence[Endpoint], view: View, random: Random, notes: Notes | None
) -> Sequence[Offer]:
    """Order endpoints by the first strategy's score, then the next one's, then a draw. What a strategy leaves out is out."""
    offered = view.offered
    if len(endpoints) < 2:
        return [offered[endpoint] for endpoint in endpoints]
    rows: list[Ranked] = []
    try:
        every: list[Mapping[Endpoint, float]] = []
        if notes is None and one.scores is not None:
            scores = one.scores(call, endpoints, view, random)
            placed = dict(zip(scores, map(offered.__getitem__, endpoints), strict=True))
            if len(placed) == len(endpoints):
                # No two are equal, so that there is nothing to draw.
                return list(map(placed.__getitem__, sorted(placed)))
            every.append(dict(zip(endpoints, scores, strict=True)))
        else:
            for _, strategy in one.strategies:
                rows += (ranked := strategy.rank(call, endpoints, view, random))
                every.append({row.endpoint: row.score for row in ranked})
        by: Mapping[Endpoint, Any] = every[0]
        if len(every) > 1 or len(set(by.values())) < len(by):
            by = _drawn(every, random)
        offers = list(map(offered.__getitem__, sorted(by, key=by.__getitem__)))
    except Exception as error:  # noqa: BLE001 - whoever wrote the strategy, the call can be served
        why = f"in the configured order, since a strategy failed: {type(error).__name__}"
        _log.error("%s", f"{why}\n{trace()}")
        offers, rows = [offered[one] for one in endpoints], [Ranked(one, 0.0, why) for one in endpoints]
    if notes is not None:
        notes.take(rows, offered)
    return offers


def _cached_first(ranked: Sequence[Offer], stuck: Stuck, view: View) -> tuple[Sequence[Offer], Sequence[Offer]]:
    """Return the endpoint that served the conversation before, unless it has an outage, and the others."""
    cached = [one for one in ranked if one.endpoint.key == stuck.endpoint and not view.outage(one.endpoint)]
    return cached, [one for one in ranked if one not in cached]


def _drawn(every: Sequence[Mapping[Endpoint, float]], random: Random) -> Mapping[Endpoint, tuple[float, ...]]:
    """Return what all have scored: by all scores, then by a draw."""
    kept = [endpoint for endpoint in every[0] if all(endpoint in scores for scores in every)]
    return {endpoint: (*(scores[endpoint] for scores in every), random.random()) for endpoint in kept}


@define(eq=False)
class _Order:
    """The ordering of one call's offers."""

    call: Call
    view: View
    random: Random
    excluded: list[Excluded]
    notes: Notes | None
    stuck: Stuck | None
    _asked: Asked = field(init=False)

    def of(self, models: Sequence[tuple[Asked, Sequence[SectionOffers]]]) -> list[tuple[str, Sequence[Offer]]]:
        """Order the offers of models; a model comes more than once where others come between its endpoints."""
        preferences = self.call.preferences
        sort = preferences.sort
        if sort is not None and sort.partition == "none" and not preferences.order and len(models) > 1:
            return self._mixed(models)
        ordered: list[tuple[str, Sequence[Offer]]] = []
        for self._asked, sections in models:
            offers = self._model(sections)
            if self._asked.mixed:
                ordered += [(name, tuple(run)) for name, run in groupby(offers, attrgetter("endpoint.model"))]
            elif offers:
                ordered.append((self._asked.model, offers))
        wishes = preferences.preferred_min_throughput or preferences.preferred_max_latency
        return self._slow_last(ordered) if wishes and len(ordered) > 1 and not preferences.order else ordered

    def _mixed(self, models: Sequence[tuple[Asked, Sequence[SectionOffers]]]) -> list[tuple[str, Sequence[Offer]]]:
        """One order over all models: what OpenRouter calls `partition` "none"."""
        names: dict[Endpoint, str] = {}
        offers: list[Offer] = []
        for self._asked, sections in models:
            new = [offer for section in sections for offer in section.offers if offer.endpoint not in names]
            asked_as = None if self._asked.mixed else self._asked.model
            names.update((offer.endpoint, asked_as or offer.endpoint.model) for offer in new)
            offers += new
        offers.sort(key=lambda offer: SECTIONS.index(offer.section))
        # One order has one sort and one list of strategies: the first model's.
        self._asked = models[0][0]
        ordered = self._model(in_sections(offers))
        return [(name, tuple(run)) for name, run in groupby(ordered, lambda offer: names[offer.endpoint])]

    def _model(self, sections: Sequence[SectionOffers]) -> Sequence[Offer]:
        """Order the offers of a model: by section, then as the call or the strategies say."""
        preferences = self.call.preferences
        if preferences.order:
            return self._as_given(sections)
        if len(sections) == 1 and len(sections[0].offers) == 1:
            return sections[0].offers
        if not preferences.allow_fallbacks:
            return self._primary(sections)
        return [offer for section in sections for offer in self._offers(section, section.endpoints)]

    def _as_given(self, sections: Sequence[SectionOffers]) -> Sequence[Offer]:
        """First those that `order` names, section by section (own keys first, then the pool's), then the others."""
        named: list[Offer] = []
        others: list[Offer] = []
        order, fallbacks = self.call.preferences.order, self.call.preferences.allow_fallbacks
        for section in sections:
            found = dict.fromkeys(one for slug in order for one in section.endpoints if matches(slug, one))
            self.view.offered = section.by_endpoint
            self._say(found, "as provider.order says")
            named += map(section.by_endpoint.__getitem__, found)
            left = [endpoint for endpoint in section.endpoints if endpoint not in found]
            if fallbacks:
                others += self._offers(section, left)
            else:
                self._exclude(section, left, _NOT_IN_ORDER)
        return [*named, *others]

    def _primary(self, sections: Sequence[SectionOffers]) -> Sequence[Offer]:
        """The one endpoint that would lead without keys of one's own (the pool's first, where there is a pool), by any key."""
        pool = [section for section in sections if section.offers[0].section == "pool"]
        every: dict[Endpoint, Offer] = {}
        for offer in (offer for section in pool or sections for offer in section.offers):
            every.setdefault(offer.endpoint, offer)
        self.view.offered = every
        first = [offer.endpoint for offer in self._ranked(list(every))[:1]]
        for section in sections:
            self._exclude(section, [one for one in section.endpoints if one not in first], _NOT_FIRST)
            self.view.offered = section.by_endpoint
            self._say([one for one in first if one in section.by_endpoint], _FIRST)
        return [section.by_endpoint[one] for section in sections for one in first if one in section.by_endpoint]

    def _offers(self, section: SectionOffers, endpoints: Sequence[Endpoint]) -> Sequence[Offer]:
        """Order some endpoints of a section."""
        self.view.offered = section.by_endpoint
        ranked = self._ranked(endpoints)
        self._exclude(section, [one for one in endpoints if section.by_endpoint[one] not in ranked], _NOT_RANKED)
        return ranked

    def _ranked(self, endpoints: Sequence[Endpoint]) -> Sequence[Offer]:
        """Order endpoints; those whose speed misses the call's wishes come last."""
        if len(endpoints) < 2:
            return self._listed(endpoints)
        preferences, tier, sort = self.call.preferences, self.call.facts.service_tier, self._sort()
        if tier in _TIERS:
            first = [endpoint for endpoint in endpoints if endpoint.tier == tier]
            others = [endpoint for endpoint in endpoints if endpoint.tier != tier]
            ranked: Sequence[Offer] = [*self._sorted(first, sort or _TIERS[tier]), *self._by(others, sort)]
        else:
            ranked = self._by(endpoints, sort)
        if self.stuck is not None:
            cached, rest = _cached_first(ranked, self.stuck, self.view)
            self._say((offer.endpoint for offer in cached), "served this conversation before")
            ranked = [*cached, *rest]
        if preferences.preferred_min_throughput or preferences.preferred_max_latency:
            slow = [offer for offer in ranked if self._slow(offer.endpoint)]
            ranked = [*(offer for offer in ranked if offer not in slow), *slow]
            self._say((offer.endpoint for offer in slow), "slower than preferred")
        return ranked

    def _sort(self) -> SortBy | None:
        """The strict order that is asked for: by the call, else by the model's name, else by the defaults. `order` is above all."""
        preferences, by_name = self.call.preferences, self._asked.sort
        if preferences.order:
            return None
        by = None if preferences.sort is None else preferences.sort.by
        return by_name or by if preferences.default_sort else by or by_name

    def _by(self, endpoints: Sequence[Endpoint], sort: SortBy | None) -> Sequence[Offer]:
        """Order endpoints by the strategies; where none is installed, by the expected price."""
        if sort is None and (self._asked.strategies or len(endpoints) < 2):
            return _by_strategies(self.call, self._asked, endpoints, self.view, self.random, self.notes)
        return self._sorted(endpoints, sort or "price")

    def _sorted(self, endpoints: Sequence[Endpoint], by: SortBy) -> list[Offer]:
        """A strict order. What is not known comes last; equal ones go by price, then as they are listed."""
        figures, priced = _FIGURES[by], zip(endpoints, self.call.expected_prices(endpoints), strict=True)
        keys = {endpoint: (*figures(self.view, endpoint), _known(price)) for endpoint, price in priced}
        self._say(endpoints, f"sorted by {by}")
        return self._listed(sorted(endpoints, key=keys.__getitem__))

    def _listed(self, endpoints: Iterable[Endpoint]) -> list[Offer]:
        return [self.view.offered[endpoint] for endpoint in endpoints]

    def _slow(self, endpoint: Endpoint) -> bool:
        """Whether something is known that misses a cutoff: a throughput that too few calls reach, a latency that too many exceed."""
        preferences, view = self.call.preferences, self.view
        return any(
            (known := view.throughput(endpoint, 1.0 - share)) is not None and known < least
            for share, least in preferences.preferred_min_throughput.items()
        ) or any(
            (known := view.latency(endpoint, share)) is not None and known > most
            for share, most in preferences.preferred_max_latency.items()
        )

    def _slow_last(self, models: Sequence[tuple[str, Sequence[Offer]]]) -> list[tuple[str, Sequence[Offer]]]:
        """The slow endpoints that end a model come after all other models, so that a faster one of these is tried first."""
        heads: list[tuple[str, Sequence[Offer]]] = []
        tails: list[tuple[str, Sequence[Offer]]] = []
        for name, offers in models:
            fast = [place for place, offer in enumerate(offers, 1) if not self._slow(offer.endpoint)]
            cut = max(fast, default=0)
            heads.append((name, offers[:cut]))
            tails.append((name, offers[cut:]))
        return [(name, offers) for name, offers in (*heads, *tails) if offers]

    def _say(self, endpoints: Iterable[Endpoint], reason: str) -> None:
        if self.notes is not None:
            self.notes.take((Ranked(endpoint, 0.0, reason) for endpoint in endpoints), self.view.offered)

    def _exclude(self, section: SectionOffers, endpoints: Iterable[Endpoint], reason: Reason) -> None:
        self.excluded += [Excluded(section.by_endpoint[endpoint], reason) for endpoint in endpoints]


def _known(figure: float | None) -> float:
    return inf if figure is None else figure
