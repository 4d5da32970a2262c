"""Which candidate serves a call: filters, the strategies' order, and the pick at each attempt. Pure but for the reservation.

A plan ranks endpoints. Which account of an endpoint is used is decided at each attempt, in the synchronous step that reserves:
headroom is stale by the second attempt, and ordering every candidate up front costs ten times as much.
"""

import logging
import traceback
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from math import inf
from operator import attrgetter
from random import Random
from typing import Final

from attrs import Factory, define, frozen

from taxiway.call import Call
from taxiway.candidate import Candidate, Endpoint
from taxiway.health import Block, Health
from taxiway.ledgers import Reservation
from taxiway.outcome import CallError, Failure
from taxiway.quota import Quotas
from taxiway.routing import Routing
from taxiway.secret import scrub
from taxiway.snapshot import SOFT, ModelOffers, Offer, SectionOffers, Snapshot, in_sections
from taxiway.strategy import HealthView, Ranked

_log: Final = logging.getLogger("taxiway.planner")

SAME_ENDPOINT: Final = 3
"""Attempts at one endpoint after overload or unavailability (Google's SRE book has the same number)."""


@define(eq=False)
class Tried:
    """What a call has behind it: who is not to be tried again, by key. `limited` ends with a pause, `again` with a backoff.

    `failures` counts those after which an endpoint or a candidate may be tried once more.
    """

    models: set[str] = Factory(set)
    endpoints: set[str] = Factory(set)
    accounts: set[str] = Factory(set)
    candidates: set[str] = Factory(set)
    limited: set[str] = Factory(set)
    again: set[str] = Factory(set)
    failures: Counter[str] = Factory(Counter)
    resorted: bool = False

    def has(self, candidate: Candidate) -> bool:
        """Whether a candidate is not to be tried again."""
        return candidate.key in self.candidates or candidate.account.key in self.accounts

    def once_more(self) -> bool:
        """Let endpoints that failed in passing be tried again; False where there are none."""
        self.endpoints -= self.again
        found = bool(self.again)
        self.again.clear()
        return found


_score: Final = attrgetter("score")

NOTHING_TRIED: Final = Tried()
"""What nearly every call has behind it when it picks: it is shared, and never changed."""


@define(eq=False)
class Pick:
    """Who is tried next, with its reservation taken. `headroom`: the share of its tightest limit that was free.

    `resort`: its breaker is open, as all are, and its probe was due first.
    """

    candidate: Candidate
    reservation: Reservation
    headroom: float
    resort: bool = False


@frozen(eq=False)
class Pause:
    """Nothing can be tried before `until` (monotonic seconds), then something can."""

    until: float


@frozen(eq=False)
class Exhausted:
    """Nothing is left. `block`: why the best-ranked candidate is out; `frees`: when the first of all frees (monotonic)."""

    block: Block | None
    frees: float | None


@define(eq=False)
class Plan:
    """The endpoints of each model, in the order in which they are tried."""

    call: Call
    models: list[tuple[str, Sequence[Offer]]]
    routing: Routing
    view: HealthView

    def pick(
        self, tried: Tried, health: Health, quotas: Quotas, now: float, patience: float
    ) -> Pick | Pause | Exhausted:
        """Choose a candidate and reserve for it, in one synchronous step. `patience`: seconds that a pause may take."""
        blocks: list[tuple[Candidate, Block]] = []
        for model, offers in self.models:
            if model in tried.models:
                continue
            start = len(blocks)
            for offer in offers:
                if offer.endpoint.key not in tried.endpoints:
                    chosen = self.choose(offer, tried, health, quotas, now, blocks)
                    if chosen is not None:
                        return self._reserve(*chosen, quotas, now)
            until = _all_limited(blocks[start:])
            if until is not None and until - now <= patience:
                return Pause(until)
        if not tried.resorted and (breakers := [pair for pair in blocks if pair[1].breaker]):
            # Where breakers alone are the reason, the one whose probe is due first is tried, once a call.
            candidate, _ = min(breakers, key=lambda pair: pair[1].until or now)
            room = quotas.room(candidate, self.call.facts.tokens, self.call.facts.max_output, now)
            if not isinstance(room, Block):
                return self._reserve(candidate, room, quotas, now, resort=True)
        times = [block.until for _, block in blocks if block.until is not None]
        return Exhausted(blocks[0][1] if blocks else None, min(times, default=None))

    def choose(
        self,
        offer: Offer,
        tried: Tried,
        health: Health,
        quotas: Quotas,
        now: float,
        blocks: list[tuple[Candidate, Block]],
    ) -> tuple[Candidate, float] | None:
        """Choose among the accounts of an endpoint: one with its headroom. `blocks` takes those that are out, and why."""
        facts, cycle = self.call.facts, self.routing.cycle
        free: list[tuple[Candidate, float]] = []
        for candidate in offer.candidates:
            if free and (
                cycle == "waterfall"
                or candidate.account.credential.sort_order != free[0][0].account.credential.sort_order
            ):
                break
            if tried is not NOTHING_TRIED and tried.has(candidate):
                continue
            room = health.block(candidate, now) or quotas.room(candidate, facts.tokens, facts.max_output, now)
            if isinstance(room, Block):
                # Also of one that this call itself found limited: when it frees is what a pause waits for.
                blocks.append((candidate, room))
            elif candidate.key not in tried.limited:
                free.append((candidate, room))
        if len(free) < 2:
            return free[0] if free else None
        if cycle == "round-robin":
            return free[self.view.turn(offer.endpoint.key) % len(free)]
        # Equal room is the rule where nothing is learnt yet: the call's seed spreads it.
        best = free[self.call.seed % len(free)]
        for one in free:
            if one[1] > best[1]:
                best = one
        return best

    def _reserve(self, candidate: Candidate, room: float, quotas: Quotas, now: float, *, resort: bool = False) -> Pick:
        facts = self.call.facts
        return Pick(candidate, quotas.reserve(candidate, facts.tokens, facts.max_output, now), room, resort)


@define(eq=False)
class Notes:
    """What planning says of its reasons: `excluded` by filters and why, and what the strategies `said` of an endpoint."""

    excluded: list[tuple[Offer, str]] = Factory(list)
    said: dict[Endpoint, list[Ranked]] = Factory(dict)


def plan(call: Call, snapshot: Snapshot, view: HealthView, random: Random, notes: Notes | None = None) -> Plan:
    """Order the endpoints of the call's models, taking notes where wanted. `random` is seeded with the call's seed here.

    Raises InvalidRequest for an unknown model, CallError where the filters leave nothing.
    """
    models: list[tuple[str, Sequence[Offer]]] = []
    excluded: list[tuple[Offer, str]] = [] if notes is None else notes.excluded
    random.seed(call.seed)
    for name in _names(call, snapshot):
        model = snapshot.find(call.caller.workspace, name)
        sections = model.sections if _passes(call, model) else in_sections(_filter(call, model.offers, excluded))
        if sections:
            models.append((name, _order(call, sections, snapshot, view, random, notes)))
    if not models:
        raise _nothing_left(call, excluded)
    return Plan(call, models, snapshot.routing, view)


def _names(call: Call, snapshot: Snapshot) -> Iterable[str]:
    """Replace names of the owner's own by what they stand for."""
    models, workspace = call.facts.models, call.caller.workspace
    if len(models) == 1:
        return snapshot.stands_for(workspace, models[0])
    return dict.fromkeys(one for model in models for one in snapshot.stands_for(workspace, model))


def _passes(call: Call, model: ModelOffers) -> bool:
    facts, preferences = call.facts, call.preferences
    return (
        call.operation in model.operations
        and not preferences.only
        and not preferences.ignore
        and (facts.max_output is None or model.max_output is None or facts.max_output <= model.max_output)
        and not facts.parameters & model.unsupported
        and facts.inputs <= model.inputs
    )


def _filter(call: Call, offers: Sequence[Offer], excluded: list[tuple[Offer, str]]) -> Sequence[Offer]:
    facts = call.facts
    kept: list[Offer] = []
    for offer in offers:
        reason = _excluded(call, offer.endpoint)
        if reason is None:
            kept.append(offer)
        else:
            excluded.append((offer, reason))
    wanted = facts.parameters & SOFT
    able = [o for o in kept if not wanted & o.endpoint.unsupported and facts.inputs <= o.endpoint.inputs]
    if not able:
        return kept
    excluded += [(offer, "lacks a parameter or input in use") for offer in kept if offer not in able]
    return able


def _excluded(call: Call, endpoint: Endpoint) -> str | None:
    preferences = call.preferences
    if call.operation not in endpoint.dialects:
        return f"does not serve {call.operation}"
    if preferences.only and not any(matches(slug, endpoint) for slug in preferences.only):
        return "not in provider.only"
    if any(matches(slug, endpoint) for slug in preferences.ignore):
        return "in provider.ignore"
    limit, wanted = endpoint.max_output, call.facts.max_output
    if limit is not None and wanted is not None and wanted > limit:
        return f"gives at most {limit} tokens, {wanted} were asked for"
    return None


def matches(slug: str, endpoint: Endpoint) -> bool:
    """Whether a provider's slug, as `order`, `only` and `ignore` name it, means this endpoint.

    A base slug matches every region and variant (`a` matches `a/us-east5`).
    """
    return endpoint.tag == slug or endpoint.tag.startswith(f"{slug}/")


def _order(
    call: Call,
    sections: Sequence[SectionOffers],
    snapshot: Snapshot,
    view: HealthView,
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


def _all_limited(blocks: Sequence[tuple[Candidate, Block]]) -> float | None:
    """Where every block is a rate limit that ends: when the first of them does."""
    times = [block.until for _, block in blocks if block.kind == "rate_limited" and block.until is not None]
    return min(times) if times and len(times) == len(blocks) else None


def _nothing_left(call: Call, excluded: Sequence[tuple[Offer, str]]) -> CallError:
    models, operation = call.facts.models, call.operation
    reasons = {reason for _, reason in excluded}
    if all(operation not in offer.endpoint.dialects for offer, _ in excluded):
        message = f"{models[0]} does not serve {operation}"
        failure = Failure(kind="invalid_request", message=message, field="model", status=400)
        return CallError(failure, availability="wrong_endpoint", generation=call.id, models=models)
    message = f"No allowed providers are available for the selected model: {'; '.join(sorted(reasons))}"
    failure = Failure(kind="not_found", message=message, status=404)
    return CallError(failure, availability="no_endpoints", generation=call.id, models=models)
