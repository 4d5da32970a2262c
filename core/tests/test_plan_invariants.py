"""What holds of every plan, whatever the catalog, the credentials, the call's wishes and what was learnt."""

from itertools import chain, groupby, pairwise
from random import Random

from attrs import asdict, evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from taxiway.call import Call, Caller, Conversation, Facts
from taxiway.candidate import SECTIONS, Account, Candidate, Credential, Endpoint, Section
from taxiway.draws import Draws
from taxiway.errors import InvalidRequest
from taxiway.explain import explain
from taxiway.filters import matches
from taxiway.health import Health
from taxiway.money import Price
from taxiway.names import asked
from taxiway.outcome import CallError
from taxiway.picks import Plan
from taxiway.planner import Notes, plan
from taxiway.preferences import Preferences, Sort
from taxiway.quota import Quotas
from taxiway.routing import ModelRouting
from taxiway.snapshot import Offer, Snapshot
from taxiway.sticky import Stuck
from taxiway.strategy import Ranked
from taxiway.testing.dialect import make_endpoint
from taxiway.testing.strategy import FakeView, make_chat
from taxiway.variants import VARIANTS

MODELS = ("acme/one", "acme/two")
TAGS = ("a", "a/east", "b", "b/west", "c")
SLUGS = (*TAGS, "d")
KEYS = ("key_1", "key_2")


class View(FakeView):
    """Given figures, for a plan."""

    figures: dict[str, object] = {}  # noqa: RUF012 - nothing is put in

    stuck = None

    def sticky(self, call):
        return self.stuck


class Some:
    """A strategy that draws, and leaves out a tag."""

    def __init__(self, out: str) -> None:
        self.out = out

    def rank(self, call, endpoints, view, random):
        kept = [one for one in endpoints if one.tag != self.out]
        return [Ranked(one, float(random.random() > 0.5), "drawn") for one in kept]


class Gives:
    """A strategy that leaves nothing out, and gives scores alone, too: some are equal, now and then none."""

    def rank(self, call, endpoints, view, random):
        return list(map(Ranked, endpoints, self.scores(call, endpoints, view, random)))

    def scores(self, call, endpoints, view, random):
        return [float(int(random.random() * 8)) for _ in endpoints]


def some_of(draw: Random, what, least: int = 0) -> list:
    """A few of them, in any order."""
    return draw.sample(what, draw.randint(least, len(what)))


def catalog(draw: Random) -> Snapshot:
    """Endpoints of two models, each offered in one section or more, with keys that may be for one API key only."""
    models: dict[str, tuple[Offer, ...]] = {}
    for model in MODELS:
        offers: list[Offer] = []
        for tag in some_of(draw, TAGS, 1):
            endpoint = _endpoint(model, tag, draw.randint(0, 3), draw.choice(["", "", "priority"]))
            offers += [_offer(draw, endpoint, section) for section in some_of(draw, SECTIONS, 1)]
        models[model] = tuple(sorted(offers, key=lambda one: SECTIONS.index(one.section)))
    ids: dict[str, list[Offer]] = {}
    for one in chain.from_iterable(models.values()):
        ids.setdefault(f"{one.endpoint.provider}/{one.endpoint.id}", []).append(one)
    strategies = some_of(draw, [("some", Some("a/east")), ("all", Some(""))])
    listed = [*MODELS, *ids, *(f"{model}:{variant}" for model in MODELS for variant in VARIANTS)]
    names = {"mine": tuple(some_of(draw, listed, 1)), "taxiway/auto": tuple(draw.sample(listed, 2)), "ranked": MODELS}
    return Snapshot(
        offers={"default": models},
        ids={"default": {name: tuple(some) for name, some in ids.items()}},
        names={name: ModelRouting(try_=some) for name, some in names.items()},
        strategies=tuple(strategies),
        named_strategies={"ranked": (("all", Some("")),), MODELS[0]: (("some", Some("b")),)},
    )


def for_all(snapshot: Snapshot) -> Snapshot:
    """The same with keys that serve everybody."""

    def opened(one: Candidate) -> Candidate:
        return evolve(
            one, account=evolve(one.account, credential=evolve(one.account.credential, allowed_api_keys=None))
        )

    offers = {
        model: tuple(evolve(one, candidates=tuple(map(opened, one.candidates)), closed_by=()) for one in some)
        for model, some in snapshot.offers["default"].items()
    }
    return evolve(snapshot, offers={"default": offers})


def _endpoint(model: str, tag: str, price: int, tier: str) -> Endpoint:
    cost = Price(input=(price - 1) / 1e6, output=(price - 1) / 1e6) if price else Price()
    made = make_endpoint("chat", "chat", provider=tag.partition("/")[0], tag=tag, price=cost)
    searches = ("web_search_options",) if price % 2 else ()
    return evolve(made, model=model, id=model, tier=tier, parameters=frozenset(searches), reasoning=price > 1)


def _offer(draw: Random, endpoint: Endpoint, section: Section) -> Offer:
    candidates = []
    for number in range(draw.randint(1, 2)):
        name = f"{endpoint.tag}/{endpoint.model}/{section}/{number}"
        allowed = draw.choice([None, frozenset(KEYS[:1]), frozenset(KEYS[1:])])
        given = {"provider": endpoint.provider, "section": section, "sort_order": number, "allowed_api_keys": allowed}
        account = Account(credential=Credential(id=name, label=name, **given), label=name)
        candidates.append(Candidate(endpoint=endpoint, account=account, section=section))
    flags = {"required": True, "allowed_api_keys": frozenset(KEYS[:1])}
    required = Credential(id="required", provider=endpoint.provider, label="required", **flags)
    closed_by = (required,) if section == "pool" and draw.random() < 0.3 else ()
    return Offer(endpoint, section, tuple(candidates), closed_by)


def call_of(draw: Random) -> Call:
    """A call for one model or both, with wishes, by one of two API keys."""
    sorts = [Sort(by, part) for by in ("price", "latency", "throughput", "exacto") for part in ("model", "none")]
    wishes = Preferences(
        order=tuple(draw.sample(SLUGS, draw.choice([0, 0, 1, 2, 3]))),
        only=tuple(draw.sample(SLUGS, draw.choice([0, 0, 0, 3, 4]))),
        ignore=tuple(draw.sample(SLUGS, draw.choice([0, 0, 1]))),
        allow_fallbacks=draw.random() < 0.7,
        sort=draw.choice([None, None, *sorts]),
        preferred_max_latency=draw.choice([{}, {}, {0.5: 1.0}]),
        preferred_min_throughput=draw.choice([{}, {}, {0.9: 50.0}]),
    )
    models = draw.choice([MODELS[:1], MODELS, MODELS[::-1]])
    facts = Facts(models, tokens=draw.randint(0, 5000), service_tier=draw.choice([None, None, "priority"]))
    caller = Caller(api_key=draw.choice(KEYS))
    return evolve(make_chat(seed=draw.randint(0, 99)), facts=facts, preferences=wishes, caller=caller)


def named_call_of(draw: Random, snapshot: Snapshot) -> Call:
    """A call by names of every kind, some of them twice, with variants, now and then with plugins."""
    bases = [*MODELS, *MODELS, *snapshot.ids["default"], *snapshot.names, "openrouter/auto", "openrouter/free"]
    every = [base + variant for base in bases for variant in ("", *(f":{one}" for one in VARIANTS))]
    names = [name for name in (*draw.sample(every, 6), MODELS[0]) if served(snapshot, name)][: draw.randint(1, 3)]
    if draw.random() < 0.3:
        names += [draw.choice(names)]
    router = {"excluded_models": some_of(draw, ["acme/one", "acme/t*"])}
    plugins = dict(some_of(draw, [("web", {}), ("auto-router", router)])) if draw.random() < 0.3 else {}
    call = call_of(draw)
    return evolve(call, facts=evolve(call.facts, models=tuple(names)), plugins=plugins)


def served(snapshot: Snapshot, name: str) -> bool:
    """Whether a name means something. `:free` and `:online` of what nobody gives so does not."""
    try:
        return bool(asked(snapshot, "default", (name,)))
    except InvalidRequest:
        return False


def view_of(draw: Random, snapshot: Snapshot) -> View:
    """Something is known of some endpoints."""
    endpoints = list(dict.fromkeys(one.endpoint for some in snapshot.offers["default"].values() for one in some))
    known = [{one: draw.choice([0.5, 1.5, 40.0, 60.0]) for one in some_of(draw, endpoints)} for _ in range(3)]
    return View(latencies=known[0], throughputs=known[1], successes=known[2])


EVERY = given(st.integers(0, 2**32).map(Random))
"""Each example is made by a generator, which is a hundred times faster than to draw it piece by piece."""


DRAWS = Draws()
"""One for all, as in the engine: each plan begins it anew."""


def planned(call: Call, snapshot: Snapshot, view: View, notes: Notes | None) -> Plan | None:
    """Plan; None where nothing may serve."""
    try:
        return plan(call, snapshot, view, DRAWS, notes)
    except CallError:
        return None


def flat(plan: Plan | None) -> list[tuple[str, Offer]]:
    return [] if plan is None else [(name, offer) for name, offers in plan.models for offer in offers]


def rises(numbers) -> bool:
    return all(one <= next_ for one, next_ in pairwise(numbers))


@settings(max_examples=300, deadline=None)
@EVERY
def test_every_candidate_is_in_the_plan_or_out_for_a_reason_and_none_is_there_twice(draw) -> None:
    snapshot, call, notes = catalog(draw), call_of(draw), Notes()
    found = flat(planned(call, snapshot, view_of(draw, snapshot), notes))
    kept = [one for _, offer in found for one in offer.candidates]
    out = [one for each in notes.excluded for one in each.offer.candidates]
    asked = [
        one for model in call.facts.models for offer in snapshot.offers["default"][model] for one in offer.candidates
    ]
    assert sorted(one.key + one.section for one in (*kept, *out)) == sorted(one.key + one.section for one in asked)
    assert all(each.reason.text for each in notes.excluded)


@settings(max_examples=300, deadline=None)
@EVERY
def test_who_may_serve_holds(draw) -> None:
    snapshot, call = catalog(draw), call_of(draw)
    wishes = call.preferences
    for _, offer in flat(planned(call, snapshot, view_of(draw, snapshot), Notes())):
        endpoint = offer.endpoint
        assert not wishes.only or any(matches(slug, endpoint) for slug in wishes.only)
        assert not any(matches(slug, endpoint) for slug in wishes.ignore)
        assert wishes.allow_fallbacks or not wishes.order or any(matches(slug, endpoint) for slug in wishes.order)
        for candidate in offer.candidates:
            assert candidate.account.credential.admits([call.caller.api_key], None)
        assert not offer.closed_by or call.caller.api_key != KEYS[0]


@settings(max_examples=300, deadline=None)
@EVERY
def test_own_keys_come_before_the_pool_and_the_order_given_holds(draw) -> None:
    snapshot, call = catalog(draw), call_of(draw)
    wishes = call.preferences
    found = flat(planned(call, snapshot, view_of(draw, snapshot), Notes()))
    together = wishes.sort is not None and wishes.sort.partition == "none" and not wishes.order
    for model in ("",) if together else MODELS:
        offers = [offer for name, offer in found if together or name == model]
        named = [offer for offer in offers if any(matches(slug, offer.endpoint) for slug in wishes.order)]
        others = [offer for offer in offers if offer not in named]
        assert offers == [*named, *others]
        for part in (named, others):
            assert rises([SECTIONS.index(offer.section) for offer in part])
        for _, some in groupby(named, lambda offer: offer.section):
            assert rises([min(n for n, slug in enumerate(wishes.order) if matches(slug, one.endpoint)) for one in some])
        if not wishes.allow_fallbacks and not wishes.order:
            assert len({offer.endpoint for offer in offers}) <= 1


@settings(max_examples=200, deadline=None)
@EVERY
def test_a_sort_is_strict_and_slow_endpoints_are_behind_the_others_of_their_section(draw) -> None:
    snapshot, call = catalog(draw), call_of(draw)
    wishes, view = call.preferences, view_of(draw, snapshot)
    if wishes.order:
        return
    found = flat(planned(call, snapshot, view, Notes()))

    def slow(offer: Offer) -> bool:
        latency, throughput = view.latency(offer.endpoint), view.throughput(offer.endpoint)
        return any(latency is not None and latency > most for most in wishes.preferred_max_latency.values()) or any(
            throughput is not None and throughput < least for least in wishes.preferred_min_throughput.values()
        )

    for _, group in groupby(found, lambda pair: (pair[0], pair[1].section, pair[1].endpoint.tier, slow(pair[1]))):
        some = [offer for _, offer in group]
        if wishes.sort is not None and wishes.sort.by == "price":
            assert rises([call.expected_price(one.endpoint) for one in some if one.endpoint.price.known])
    for model in MODELS:
        for section in SECTIONS:
            assert rises([slow(offer) for name, offer in found if (name, offer.section) == (model, section)])


@settings(max_examples=150, deadline=None)
@EVERY
def test_a_plan_is_a_function_of_its_inputs_and_changes_none(draw) -> None:
    snapshot, call = catalog(draw), call_of(draw)
    view = view_of(draw, snapshot)
    offers = {model: tuple(some) for model, some in snapshot.offers["default"].items()}
    before = repr(
        (
            call,
            view.latencies,
            view.throughputs,
            view.successes,
            [asdict(one) for some in offers.values() for one in some],
        )
    )
    first = flat(planned(call, snapshot, view, Notes()))
    fresh = evolve(snapshot)
    for again in (flat(planned(call, snapshot, view, Notes())), flat(planned(call, fresh, view, Notes()))):
        assert [(name, one.endpoint, one.section) for name, one in again] == [
            (name, one.endpoint, one.section) for name, one in first
        ]
    assert snapshot.offers["default"] == offers
    assert before == repr(
        (
            call,
            view.latencies,
            view.throughputs,
            view.successes,
            [asdict(one) for some in offers.values() for one in some],
        )
    )


@settings(max_examples=100, deadline=None)
@EVERY
def test_an_explanation_has_a_row_for_every_candidate_and_a_reason_in_it(draw) -> None:
    snapshot, call = catalog(draw), call_of(draw)
    asked = [
        one for model in call.facts.models for offer in snapshot.offers["default"][model] for one in offer.candidates
    ]
    explained = explain(call, snapshot, Health(Random(1)), Quotas(Random(1)), 0.0)
    rows = [(row.model, row.endpoint, row.section, row.account) for row in explained.rows]
    assert sorted(rows) == sorted(
        (one.endpoint.model, one.endpoint.tag, one.section, one.account.label) for one in asked
    )
    assert all(row.reason for row in explained.rows)
    text = str(explained)
    assert all(one.account.label in text for one in asked)
    places = [row.place for row in explained.rows if row.place is not None]
    assert places == list(range(1, len(places) + 1))


@settings(max_examples=400, deadline=None)
@EVERY
def test_a_call_goes_where_its_explanation_says_whatever_has_a_say_in_the_order(draw) -> None:
    snapshot = catalog(draw)
    call, view = named_call_of(draw, snapshot), view_of(draw, snapshot)
    if draw.random() < 0.7:
        # Nothing but the strategies has.
        strategies = draw.choice([snapshot.strategies, (("gives", Gives()),)])
        snapshot = evolve(for_all(snapshot), strategies=strategies, named_strategies={})
        facts = evolve(call.facts, service_tier=None, models=draw.choice([call.facts.models, MODELS]))
        call = evolve(call, facts=facts, preferences=Preferences(), plugins={})
    if draw.random() < 0.5:
        call.facts.conversation = Conversation("session", "one")
        endpoint = draw.choice(snapshot.offers["default"][MODELS[0]]).endpoint
        view.stuck = Stuck(endpoint.key, "")
        view.outages = frozenset(some_of(draw, [endpoint]))
    orders = [
        [(name, one.endpoint, one.section, one.candidates) for name, one in flat(planned(call, snapshot, view, notes))]
        for notes in (None, Notes())
    ]
    assert orders[0] == orders[1]


def named(call: Call, snapshot: Snapshot) -> set[str]:
    """The candidates that a call's names stand for, those that a variant leaves out among them."""
    every = asked(snapshot, "default", call.facts.models)
    offers = chain.from_iterable((*one.offers.offers, *(offer for offer, _ in one.excluded)) for one in every)
    return {one.key + one.section for offer in offers for one in offer.candidates}


@settings(max_examples=400, deadline=None)
@EVERY
def test_whatever_the_names_say_every_candidate_is_in_the_plan_or_out_for_a_reason(draw) -> None:
    snapshot = catalog(draw)
    call, notes = named_call_of(draw, snapshot), Notes()
    every = named(call, snapshot)
    found = flat(planned(call, snapshot, view_of(draw, snapshot), notes))
    out = [one for each in notes.excluded for one in each.offer.candidates]
    kept = [one for _, offer in found for one in offer.candidates]
    assert {one.key + one.section for one in (*kept, *out)} == every
    assert all(each.reason.text for each in notes.excluded)
    explained = explain(call, snapshot, Health(Random(1)), Quotas(Random(1)), 0.0)
    assert {row.account for row in explained.rows} >= {one.account.label for one in (*kept, *out)}
    assert all(row.reason for row in explained.rows)


@settings(max_examples=400, deadline=None)
@EVERY
def test_whatever_the_names_say_a_plan_is_a_function_of_its_inputs_with_one_wish_for_each_endpoint(draw) -> None:
    snapshot = catalog(draw)
    call, view = named_call_of(draw, snapshot), view_of(draw, snapshot)
    first, again = (planned(call, one, view, Notes()) for one in (snapshot, evolve(snapshot)))
    assert [(name, one.endpoint, one.section) for name, one in flat(first)] == [
        (name, one.endpoint, one.section) for name, one in flat(again)
    ]
    if first is None:
        assert again is None
        return
    wishes = call.preferences
    for name, offer in flat(first):
        endpoint = offer.endpoint
        assert name in {endpoint.model, f"{endpoint.provider}/{endpoint.id}"}
        assert not wishes.only or any(matches(slug, endpoint) for slug in wishes.only)
        assert not any(matches(slug, endpoint) for slug in wishes.ignore)
        assert not first.adds or endpoint in first.adds
        assert "web" not in call.plugins or "web_search_options" in first.adds[endpoint]
    if all(name.endswith(":free") for name in call.facts.models):
        assert all(offer.endpoint.price.input == 0 for _, offer in flat(first))
