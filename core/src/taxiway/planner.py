"""Which candidate serves a call: filters, the strategies' order, and the pick at each attempt. Pure but for the reservation.

A plan ranks endpoints. Which account of an endpoint is used is decided at each attempt, in the synchronous step that reserves:
headroom is stale by the second attempt, and ordering every candidate up front costs ten times as much.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import Factory, define, frozen

from taxiway.call import Call, Preferences
from taxiway.candidate import Candidate, Endpoint, Section
from taxiway.errors import InvalidRequest
from taxiway.health import Block, Health
from taxiway.outcome import CallError, Failure
from taxiway.provider import Provider
from taxiway.quota import Quotas, Reservation
from taxiway.routing import ModelRouting, Routing, Timeouts
from taxiway.strategy import HealthView, Ranked, Strategy

SAME_ENDPOINT: Final = 3
"""Attempts at one endpoint after overload or unavailability (Google's SRE book has the same number)."""

_SOFT: Final = frozenset({"tools", "tool_choice", "response_format", "structured_outputs", "verbosity"})
"""Where some endpoints of a model take these and others don't, only the former are used; where none does, it is no filter."""


@frozen(eq=False)
class Offer:
    """One endpoint with the accounts that may serve it in one section, by `sort_order` and then rank."""

    endpoint: Endpoint
    section: Section
    candidates: tuple[Candidate, ...]


@frozen(kw_only=True, eq=False)
class Snapshot:
    """Everything a plan is made from that is not the call. Immutable; replaced whole on a change.

    `offers`: by workspace and model slug, in the order of sections. `ids`: the same by `<provider>/<id>`, where that is no
    slug. `names`: the `[models]` tables. `hash` identifies it in records.
    """

    offers: Mapping[str, Mapping[str, tuple[Offer, ...]]]
    ids: Mapping[str, Mapping[str, tuple[Offer, ...]]] = Factory(dict)
    names: Mapping[str, ModelRouting] = Factory(dict)
    providers: Mapping[str, Provider] = Factory(dict)
    strategies: tuple[tuple[str, Strategy], ...] = ()
    routing: Routing = Factory(Routing)
    hash: str = ""

    def models(self, workspace: str) -> Mapping[str, tuple[Offer, ...]]:
        """Return what a workspace can be served."""
        return self.offers.get(workspace, _NOTHING)

    def timeouts(self, model: str) -> Timeouts:
        """Return the limits that hold for a model."""
        own = self.names.get(model)
        return self.routing.timeouts if own is None or own.timeouts is None else own.timeouts


_NOTHING: Mapping[str, tuple[Offer, ...]] = {}


@frozen
class Exclusion:
    """An endpoint that a filter took out, and why."""

    offer: Offer
    reason: str


@define(eq=False)
class Tried:
    """What a call has behind it: who is not to be tried again. `attempts` counts by endpoint key."""

    models: set[str] = Factory(set)
    endpoints: set[str] = Factory(set)
    accounts: set[str] = Factory(set)
    candidates: set[str] = Factory(set)
    limited: set[str] = Factory(set)
    again: dict[str, Candidate] = Factory(dict)
    attempts: dict[str, int] = Factory(dict)
    last_resort: bool = False


@define(eq=False)
class Pick:
    """Who is tried next, with its reservation taken. `why` is what the record says of it."""

    candidate: Candidate
    reservation: Reservation
    why: str


@frozen(eq=False)
class Pause:
    """Nothing can be tried before `until` (monotonic seconds), then something can."""

    until: float
    why: str


@frozen(eq=False)
class Exhausted:
    """Nothing is left. `block`: why the best-ranked candidate is out; `frees`: when the first of all frees (monotonic)."""

    block: Block | None
    frees: float | None


@define(eq=False)
class Plan:
    """The endpoints of each model, in the order in which they are tried."""

    call: Call
    models: list[tuple[str, list[Offer]]]
    routing: Routing

    def pick(
        self, tried: Tried, health: Health, quotas: Quotas, now: float, patience: float
    ) -> Pick | Pause | Exhausted:
        """Choose a candidate and reserve for it, in one synchronous step. `patience`: seconds that a pause may take."""
        blocks: list[tuple[Candidate, Block]] = []
        for model, offers in self.models:
            if model in tried.models:
                continue
            limits: list[float] = []
            only_limited = True
            for offer in offers:
                if offer.endpoint.key in tried.endpoints:
                    continue
                candidate, out = self.choose(offer, tried, health, quotas, now)
                if candidate is not None:
                    return self._reserve(candidate, quotas, now)
                for _, block in out:
                    if block.kind == "rate_limited" and not block.breaker and block.until is not None:
                        limits.append(block.until)
                    else:
                        only_limited = False
                blocks += out
            if limits and only_limited and min(limits) - now <= patience:
                return Pause(min(limits), "every candidate is rate limited")
        return self._resort(blocks, tried, quotas, now)

    def choose(
        self, offer: Offer, tried: Tried, health: Health, quotas: Quotas, now: float
    ) -> tuple[Candidate | None, Sequence[tuple[Candidate, Block]]]:
        """Choose among the accounts of an endpoint; or say of each why it is out."""
        call, facts = self.call, self.call.facts
        free: list[Candidate] = []
        out: list[tuple[Candidate, Block]] = []
        order = 0
        for candidate in offer.candidates:
            if free and candidate.account.credential.sort_order != order:
                break
            if (
                candidate.key in tried.candidates
                or candidate.key in tried.limited
                or candidate.account.key in tried.accounts
            ):
                continue
            block = health.block(candidate, now) or quotas.block(candidate, facts.tokens, facts.max_output, now)
            if block is None:
                free.append(candidate)
                order = candidate.account.credential.sort_order
                if self.routing.cycle == "waterfall":
                    break
            else:
                out.append((candidate, block))
        if len(free) < 2:
            return (free[0] if free else None), out
        if self.routing.cycle == "round-robin":
            return free[health.view(now).turn(offer.endpoint.key) % len(free)], out
        # Equal room is the rule where nothing is learnt yet: the call's seed spreads it.
        turn = call.seed % len(free)
        free = free[turn:] + free[:turn]
        return max(free, key=lambda candidate: quotas.headroom(candidate, now)), out

    def _reserve(self, candidate: Candidate, quotas: Quotas, now: float, why: str = "") -> Pick:
        facts = self.call.facts
        room = quotas.headroom(candidate, now)
        return Pick(
            candidate,
            quotas.reserve(candidate, facts.tokens, facts.max_output, now),
            why or f"{self.routing.cycle}, {room:.0%} free",
        )

    def _resort(
        self, blocks: list[tuple[Candidate, Block]], tried: Tried, quotas: Quotas, now: float
    ) -> Pick | Exhausted:
        """Nothing is free: where breakers alone are the reason, try the one whose probe is due first, once a call."""
        breakers = [(block.until or now, candidate) for candidate, block in blocks if block.breaker]
        if breakers and not tried.last_resort:
            tried.last_resort = True
            _, candidate = min(breakers, key=lambda pair: pair[0])
            facts = self.call.facts
            if quotas.block(candidate, facts.tokens, facts.max_output, now) is None:
                return self._reserve(candidate, quotas, now, "every breaker is open; its probe is due first")
        times = [block.until for _, block in blocks if block.until is not None]
        return Exhausted(blocks[0][1] if blocks else None, min(times, default=None))

    def again(self, tried: Tried) -> bool:
        """Let endpoints that failed in passing be tried once more; False where none may."""
        for key in tried.again:
            tried.endpoints.discard(key)
        found = bool(tried.again)
        tried.again.clear()
        return found


def plan(call: Call, snapshot: Snapshot, view: HealthView, excluded: list[Exclusion] | None = None) -> Plan:
    """Order the endpoints of the call's models.

    `excluded`, where given, takes what filters took out. Raises InvalidRequest for an unknown model, CallError where the
    filters leave nothing.
    """
    known = snapshot.models(call.caller.workspace)
    models: list[tuple[str, list[Offer]]] = []
    filtered: list[Exclusion] = [] if excluded is None else excluded
    for model in _names(call.facts.models, snapshot):
        offers: Sequence[Offer] | None = known.get(model) or snapshot.ids.get(call.caller.workspace, _NOTHING).get(model)
        if offers is None:
            raise InvalidRequest("model", f"{model} is not a valid model ID")
        kept = _filter(call, offers, filtered)
        if kept:
            models.append((model, [ranked[0] for ranked in rank(call, kept, snapshot, view)]))
    if not models:
        raise _nothing_left(call, filtered)
    return Plan(call, models, snapshot.routing)


def rank(
    call: Call, offers: Sequence[Offer], snapshot: Snapshot, view: HealthView
) -> list[tuple[Offer, Sequence[Ranked]]]:
    """Order offers: by section, then as the call's `order` says, then by the strategies, with what each of these said."""
    if len(offers) == 1:
        return [(offers[0], ())]
    result: list[tuple[Offer, Sequence[Ranked]]] = []
    start = 0
    while start < len(offers):
        section, end = offers[start].section, start + 1
        while end < len(offers) and offers[end].section == section:
            end += 1
        result += _rank_section(call, offers[start:end], snapshot, view)
        start = end
    return result if call.preferences.allow_fallbacks or call.preferences.order else result[:1]


def _rank_section(
    call: Call, offers: Sequence[Offer], snapshot: Snapshot, view: HealthView
) -> list[tuple[Offer, Sequence[Ranked]]]:
    preferences = call.preferences
    named = [offer for slug in preferences.order for offer in offers if matches(slug, offer.endpoint)]
    first = list(dict.fromkeys(named))
    result: list[tuple[Offer, Sequence[Ranked]]] = [(offer, ()) for offer in first]
    rest = [offer for offer in offers if offer not in first] if first else offers
    if preferences.allow_fallbacks or not preferences.order:
        result += _by_strategy(call, rest, snapshot, view)
    return result


def _by_strategy(
    call: Call, offers: Sequence[Offer], snapshot: Snapshot, view: HealthView
) -> list[tuple[Offer, Sequence[Ranked]]]:
    if len(offers) < 2:
        return [(offer, ()) for offer in offers]
    random = call.random
    endpoints = [offer.endpoint for offer in offers]
    by_endpoint = {offer.endpoint: offer for offer in offers}
    if len(snapshot.strategies) == 1:
        rows = snapshot.strategies[0][1].rank(call, endpoints, view, random)
        drawn = sorted((row.score, random.random(), index) for index, row in enumerate(rows))
        return [(by_endpoint[rows[index].endpoint], (rows[index],)) for _, _, index in drawn]
    said: dict[Endpoint, list[Ranked]] = {endpoint: [] for endpoint in endpoints}
    for _, strategy in snapshot.strategies:
        for ranked in strategy.rank(call, endpoints, view, random):
            said[ranked.endpoint].append(ranked)
    chain = len(snapshot.strategies)
    kept = [(endpoint, rows) for endpoint, rows in said.items() if len(rows) == chain]
    keyed = [(*(row.score for row in rows), random.random(), index) for index, (_, rows) in enumerate(kept)]
    order = sorted(range(len(kept)), key=keyed.__getitem__)
    return [(by_endpoint[kept[index][0]], kept[index][1]) for index in order]


def matches(slug: str, endpoint: Endpoint) -> bool:
    """Whether a provider's slug, as `order`, `only` and `ignore` name it, means this endpoint.

    A base slug matches every region and variant (`a` matches `a/us-east5`).
    """
    return endpoint.tag == slug or endpoint.tag.startswith(f"{slug}/")


def _names(models: Iterable[str], snapshot: Snapshot) -> list[str]:
    """Replace names of the owner's own by what they stand for."""
    names = snapshot.names
    found: list[str] = []
    for model in models:
        own = names.get(model)
        found += own.try_ if own is not None and own.try_ else (model,)
    return found if len(found) < 2 else list(dict.fromkeys(found))


def _filter(call: Call, offers: Sequence[Offer], excluded: list[Exclusion]) -> Sequence[Offer]:
    facts, preferences = call.facts, call.preferences
    kept: list[Offer] = []
    for offer in offers:
        reason = _excluded(call, offer.endpoint, preferences)
        if reason is None:
            kept.append(offer)
        else:
            excluded.append(Exclusion(offer, reason))
    if len(kept) > 1 and (facts.parameters or len(facts.inputs) > 1):
        wanted = facts.parameters & _SOFT
        able = [o for o in kept if not wanted & o.endpoint.unsupported and facts.inputs <= o.endpoint.inputs]
        if able and len(able) < len(kept):
            excluded += [Exclusion(offer, "lacks a parameter or input in use") for offer in kept if offer not in able]
            return able
    return kept


def _excluded(call: Call, endpoint: Endpoint, preferences: Preferences) -> str | None:
    if call.operation not in endpoint.dialects:
        return f"does not serve {call.operation}"
    if preferences.only and not any(matches(slug, endpoint) for slug in preferences.only):
        return "not in provider.only"
    if preferences.ignore and any(matches(slug, endpoint) for slug in preferences.ignore):
        return "in provider.ignore"
    limit, wanted = endpoint.max_output, call.facts.max_output
    if limit is not None and wanted is not None and wanted > limit:
        return f"gives at most {limit} tokens, {wanted} were asked for"
    return None


def _nothing_left(call: Call, excluded: Sequence[Exclusion]) -> CallError:
    reasons = {exclusion.reason for exclusion in excluded}
    models = call.facts.models
    if reasons == {f"does not serve {call.operation}"}:
        failure = Failure(
            kind="invalid_request", message=f"{models[0]} does not serve {call.operation}", field="model", status=400
        )
        return CallError(failure, availability="wrong_endpoint", generation=call.id, models=models)
    failure = Failure(
        kind="not_found",
        message=f"No allowed providers are available for the selected model. {'; '.join(sorted(reasons))}",
        status=404,
    )
    return CallError(failure, availability="no_endpoints", generation=call.id, models=models)
