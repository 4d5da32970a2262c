"""In which order a call's endpoints are tried: values in, a plan out."""

from random import Random

import pytest
from attrs import evolve

from taxiway.call import Call, Caller, Conversation, Facts
from taxiway.candidate import SECTIONS, Account, Candidate, Credential, Endpoint
from taxiway.draws import Draws
from taxiway.health import Health
from taxiway.money import Price
from taxiway.outcome import CallError
from taxiway.planner import Notes, plan
from taxiway.preferences import Preferences, Sort
from taxiway.snapshot import Offer, Snapshot
from taxiway.sticky import Stuck
from taxiway.strategy import Ranked
from taxiway.testing.dialect import make_endpoint
from taxiway.testing.strategy import FakeView as Figures
from taxiway.testing.strategy import make_chat

MODEL, OTHER = "acme/model-1", "acme/model-2"


class FakeView(Figures):
    """Given figures, which do not hang on what is ranked."""

    def sticky(self, call):
        return None


def endpoint(provider: str, price: float = 1.0, model: str = MODEL, **fields: object) -> Endpoint:
    """An endpoint whose tag is its provider's slug; `price` in USD per million tokens."""
    cost = Price(input=price / 1e6, output=price / 1e6)
    made = make_endpoint("chat", "chat", provider=provider, tag=provider, price=cost)
    return evolve(made, model=model, id=model, **fields)


def offer(endpoint: Endpoint, section: str = "prioritised") -> Offer:
    """It is served with one key of that section."""
    credential = Credential(
        id=f"{endpoint.provider}/{section}", provider=endpoint.provider, label=section, section=section
    )
    account = Account(credential=credential, label=f"{endpoint.provider} {section}")
    return Offer(endpoint, section, (Candidate(endpoint=endpoint, account=account, section=section),))


def snapshot(*offers: Offer, strategies: object = ()) -> Snapshot:
    """What the default workspace is served, in the order of sections."""
    models: dict[str, list[Offer]] = {}
    for one in sorted(offers, key=lambda one: SECTIONS.index(one.section)):
        models.setdefault(one.endpoint.model, []).append(one)
    return Snapshot(offers={"default": {name: tuple(some) for name, some in models.items()}}, strategies=strategies)


def call(*models: str, seed: int = 1, tier: str | None = None, **preferences: object) -> Call:
    """A call of a thousand tokens."""
    facts = Facts(models or (MODEL,), tokens=1000, service_tier=tier)
    return evolve(make_chat(seed=seed), facts=facts, preferences=Preferences(**preferences))


def tried(call: Call, snapshot: Snapshot, view: FakeView | None = None, notes: Notes | None = None) -> list[str]:
    """The order of trying, as `provider` and the section's first letter ("p": the owner's, "o": the pool's, "f")."""
    letters = {"prioritised": "p", "pool": "o", "fallback": "f"}
    planned = plan(call, snapshot, view or FakeView(), Draws(), notes)
    return [f"{one.endpoint.provider} {letters[one.section]}" for _, offers in planned.models for one in offers]


class Listed:
    """A strategy that keeps the order; what it finds in `out` it leaves out."""

    def __init__(self, *out: str) -> None:
        self.out = out

    def rank(self, call, endpoints, view, random):
        return [Ranked(one, float(n), "listed") for n, one in enumerate(endpoints) if one.provider not in self.out]


LISTED = (("listed", Listed()),)


def test_own_keys_come_before_the_pool_and_the_pool_before_fallbacks() -> None:
    a, b = endpoint("a"), endpoint("b")
    served = snapshot(offer(a, "fallback"), offer(a, "pool"), offer(b, "pool"), offer(b), strategies=LISTED)
    assert tried(call(), served) == ["b p", "a o", "b o", "a f"]


def test_the_order_given_holds_among_own_keys_and_then_in_the_pool() -> None:
    a, b, c = endpoint("a"), endpoint("b"), endpoint("c")
    served = snapshot(*(offer(one, "pool") for one in (a, b, c)), offer(c), offer(b), offer(a), strategies=LISTED)
    everything = ["c p", "b p", "c o", "b o", "a p", "a o"]
    assert tried(call(order=("c", "b")), served) == everything
    assert tried(call(order=("c", "b"), allow_fallbacks=False), served) == everything[:4]


def test_a_provider_with_an_own_key_jumps_ahead_of_one_that_was_given_before_it() -> None:
    served = snapshot(offer(endpoint("a"), "pool"), offer(endpoint("b")), strategies=LISTED)
    assert tried(call(order=("a", "b")), served) == ["b p", "a o"]


def test_a_given_order_stands_above_a_sort() -> None:
    served = snapshot(
        offer(endpoint("a", 1.0)), offer(endpoint("b", 2.0)), offer(endpoint("c", 3.0)), strategies=LISTED
    )
    assert tried(call(order=("c",), sort=Sort("price")), served) == ["c p", "a p", "b p"]


def test_an_order_that_names_nobody_and_allows_no_fallbacks_leaves_nothing() -> None:
    with pytest.raises(CallError, match="not in provider") as caught:
        tried(call(order=("b",), allow_fallbacks=False), snapshot(offer(endpoint("a"))))
    assert caught.value.availability.code == "no_endpoints"


def test_without_fallbacks_only_that_endpoint_is_left_that_led_without_own_keys() -> None:
    a, b = endpoint("a", 2.0), endpoint("b", 1.0)
    pool = offer(a, "pool"), offer(b, "pool")
    by_price = call(allow_fallbacks=False)
    assert tried(by_price, snapshot(*pool, offer(a))) == ["b o"]
    assert tried(by_price, snapshot(*pool, offer(a), offer(b), offer(b, "fallback"))) == ["b p", "b o", "b f"]
    assert tried(by_price, snapshot(offer(a), offer(b))) == ["b p"]


def test_a_sort_is_a_strict_order_in_each_section() -> None:
    a, b, c = endpoint("a", 3.0), endpoint("b", 2.0), endpoint("c", 1.0)
    served = snapshot(offer(a), offer(b), offer(c, "pool"), strategies=LISTED)
    assert tried(call(sort=Sort("price")), served) == ["b p", "a p", "c o"]


@pytest.mark.parametrize(
    ("by", "order"), [("latency", "bac"), ("throughput", "abc"), ("exacto", "bac"), ("price", "cab")]
)
def test_what_is_sorted_by(by: str, order: str) -> None:
    a, b, c = endpoint("a", 2.0), endpoint("b", 3.0), endpoint("c", 1.0)
    view = FakeView(latencies={a: 0.5, b: 0.1}, throughputs={a: 90.0, b: 80.0}, successes={a: 0.9, b: 1.0})
    served = snapshot(offer(a), offer(b), offer(c), strategies=LISTED)
    assert tried(call(sort=Sort(by)), served, view) == [f"{one} p" for one in order]


def test_without_a_partition_models_are_mixed_and_own_keys_go_before_the_first_model() -> None:
    a, b = endpoint("a", 1.0), endpoint("b", 3.0)
    c, d = endpoint("c", 2.0, OTHER), endpoint("d", 4.0, OTHER)
    served = snapshot(offer(a, "pool"), offer(b, "pool"), offer(c, "pool"), offer(d))
    planned = plan(call(MODEL, OTHER, sort=Sort("price", "none")), served, FakeView(), Draws())
    assert [(name, [one.endpoint for one in offers]) for name, offers in planned.models] == [
        (OTHER, [d]),
        (MODEL, [a]),
        (OTHER, [c]),
        (MODEL, [b]),
    ]
    assert planned.mixed
    assert tried(call(MODEL, OTHER, sort=Sort("price")), served) == ["a o", "b o", "d p", "c o"]


def test_an_endpoint_that_two_names_mean_is_mixed_in_once() -> None:
    served = snapshot(offer(endpoint("a")), offer(endpoint("b", 2.0)))
    served = evolve(served, ids={"default": {"a/x": served.offers["default"][MODEL][:1]}})
    assert tried(call("a/x", MODEL, sort=Sort("price", "none")), served) == ["a p", "b p"]


def test_slower_endpoints_than_preferred_come_last_and_unknown_ones_are_not_slow() -> None:
    a, b, c = endpoint("a"), endpoint("b"), endpoint("c")
    served = snapshot(offer(a), offer(b), offer(c), offer(a, "pool"), strategies=LISTED)
    view = FakeView(latencies={a: 2.0, b: 1.0}, throughputs={b: 50.0})
    assert tried(call(preferred_max_latency={0.5: 1.5}), served, view) == ["b p", "c p", "a p", "a o"]
    assert tried(call(preferred_min_throughput={0.9: 60.0}), served, view) == ["a p", "c p", "b p", "a o"]
    both = call(preferred_max_latency={0.5: 1.5}, preferred_min_throughput={0.5: 60.0})
    assert tried(both, served, view) == ["c p", "a p", "b p", "a o"]


def test_all_cutoffs_of_a_kind_must_hold_and_throughput_is_what_that_share_of_calls_reaches() -> None:
    asked: list[tuple[str, float]] = []

    class Shares(FakeView):
        def latency(self, endpoint, share=0.5):
            asked.append((endpoint.provider, share))
            return 1.0 if share == 0.5 else 9.0

        def throughput(self, endpoint, share=0.5):
            asked.append((endpoint.provider, share))
            return 100.0 if share >= 0.5 else 5.0

    served = snapshot(offer(endpoint("a")), offer(endpoint("b")), strategies=LISTED)
    notes = Notes()
    tried(call(preferred_max_latency={0.5: 2.0, 0.99: 8.0}), served, Shares(), notes)
    assert ("a", 0.99) in asked
    assert all("slower than preferred" in [row.why for row in rows] for rows in notes.said.values())
    tried(call(preferred_min_throughput={0.75: 10.0}), served, Shares(), notes := Notes())
    assert ("a", 0.25) in asked
    assert all("slower than preferred" in [row.why for row in rows] for rows in notes.said.values())


def test_another_model_goes_first_where_the_rest_of_the_first_is_slower_than_preferred() -> None:
    a, b, c = endpoint("a"), endpoint("b"), endpoint("c", 1.0, OTHER)
    served = snapshot(offer(a), offer(b), offer(c), strategies=LISTED)
    slow = FakeView(latencies={a: 9.0, b: 9.0, c: 1.0})
    wish = call(MODEL, OTHER, preferred_max_latency={0.5: 2.0})
    assert tried(wish, served, slow) == ["c p", "a p", "b p"]
    assert tried(wish, served, evolve(slow, latencies={a: 9.0})) == ["b p", "c p", "a p"]
    assert tried(wish, served, evolve(slow, latencies={a: 9.0, b: 9.0, c: 9.0})) == ["a p", "b p", "c p"]


def test_a_slow_own_key_still_comes_before_the_pool() -> None:
    a, b, c = endpoint("a"), endpoint("b"), endpoint("c", 1.0, OTHER)
    served = snapshot(offer(a), offer(b, "pool"), offer(c, "pool"), strategies=LISTED)
    wish = call(MODEL, OTHER, preferred_max_latency={0.5: 2.0})
    assert tried(wish, served, FakeView(latencies={a: 9.0})) == ["a p", "b o", "c o"]


def test_a_tier_that_is_asked_for_comes_first_by_its_own_figure() -> None:
    a, b, c = endpoint("a", tier="priority"), endpoint("b", tier="priority"), endpoint("c")
    served = snapshot(offer(c), offer(a), offer(b), offer(a, "pool"), strategies=LISTED)
    view = FakeView(throughputs={a: 10.0, b: 20.0, c: 90.0})
    assert tried(call(tier="priority"), served, view) == ["b p", "a p", "c p", "a o"]
    a, b = endpoint("a", 2.0, tier="flex"), endpoint("b", 1.0, tier="flex")
    assert tried(call(tier="flex"), snapshot(offer(a), offer(b), strategies=LISTED)) == ["b p", "a p"]


@pytest.mark.parametrize(("by", "order"), [("price", "bac"), ("throughput", "abc")])
def test_a_tier_that_is_asked_for_comes_before_the_others_in_a_strict_order_too(by: str, order: str) -> None:
    a, b, c = endpoint("a", 9.0, tier="priority"), endpoint("b", 8.0, tier="priority"), endpoint("c", 1.0)
    served = snapshot(offer(c), offer(a), offer(b), strategies=LISTED)
    view = FakeView(throughputs={a: 20.0, b: 10.0, c: 90.0})
    assert tried(call(tier="priority", sort=Sort(by)), served, view) == [f"{one} p" for one in order]


def test_what_a_strategy_leaves_out_is_told() -> None:
    served = snapshot(offer(endpoint("a")), offer(endpoint("b")), strategies=(("listed", Listed("a")),))
    notes = Notes()
    assert tried(call(), served, notes=notes) == ["b p"]
    assert [(one.offer.endpoint.provider, one.reason.text) for one in notes.excluded] == [
        ("a", "a strategy leaves it out")
    ]
    with pytest.raises(CallError, match="a strategy leaves it out"):
        tried(call(), snapshot(*served.offers["default"][MODEL], strategies=(("listed", Listed("a", "b")),)))


class StuckTo(FakeView):
    """The conversation was served by this candidate last."""

    stuck: Candidate

    def sticky(self, call):
        return Stuck(self.stuck.endpoint.key, self.stuck.key)


def test_who_served_a_conversation_comes_first_in_its_section_unless_it_has_an_outage() -> None:
    a, b = endpoint("a"), endpoint("b", 2.0)
    offers = [offer(a), offer(b), offer(a, "pool"), offer(b, "pool")]
    served = snapshot(*offers, strategies=LISTED)
    view, again = StuckTo(), call()
    view.stuck = offers[1].candidates[0]
    again.facts.conversation = Conversation("session", "s")
    assert tried(again, served, view) == ["b p", "a p", "b o", "a o"]
    assert plan(again, served, view, Draws()).stuck == offers[1].candidates[0].key
    assert tried(call(), served, view) == ["a p", "b p", "a o", "b o"]
    again.preferences = Preferences(order=("a",))
    assert tried(again, served, view) == ["a p", "a o", "b p", "b o"]
    assert plan(again, served, view, Draws()).stuck is None
    again.preferences, view.outages = Preferences(), frozenset({b})
    assert tried(again, served, view) == ["a p", "b p", "a o", "b o"]


def test_without_fallbacks_both_sides_say_why() -> None:
    a, b = endpoint("a", 2.0), endpoint("b", 1.0)
    notes = Notes()
    assert tried(call(allow_fallbacks=False), snapshot(offer(a), offer(b), offer(b, "pool")), notes=notes) == [
        "b p",
        "b o",
    ]
    said = [rows[-1].why for one, rows in notes.said.items() if one.endpoint is b]
    assert said == ["first, and provider.allow_fallbacks is false"] * 2
    assert [one.offer.endpoint for one in notes.excluded] == [a]


def test_a_key_for_others_is_left_out_of_each_name_of_a_model() -> None:
    offers = []
    for one, key in ((endpoint("a", 0.0), "key_1"), (endpoint("b"), "key_2")):
        made = offer(one)
        account = made.candidates[0].account
        guarded = evolve(account, credential=evolve(account.credential, allowed_api_keys=frozenset({key})))
        offers.append(evolve(made, candidates=(evolve(made.candidates[0], account=guarded),)))
    both = evolve(call(f"{MODEL}:free", MODEL), caller=Caller(api_key="key_1"))
    view = Health(Random(1)).view(0.0)
    assert set(tried(both, snapshot(*offers, strategies=LISTED), view)) == {"a p"}
