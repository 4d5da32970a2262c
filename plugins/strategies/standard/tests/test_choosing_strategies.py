"""`canary` and `pareto`."""

from collections import Counter
from random import Random

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from taxiway import Price
from taxiway.call import Caller, Conversation
from taxiway.converter import structure
from taxiway.errors import ConfigError
from taxiway.testing.dialect import make_endpoint
from taxiway.testing.strategy import FakeView, make_chat, make_endpoints, order
from taxiway_standard.canary import CanaryStrategy
from taxiway_standard.options import Canary, Pareto
from taxiway_standard.pareto import ParetoStrategy


def spoken(text, api_key=""):
    """A call of a conversation, by an API key."""
    call = make_chat()
    call.facts = evolve(call.facts, conversation=None if text is None else Conversation("messages", text))
    call.caller = Caller(api_key=api_key)
    return call


def first(strategy, call, endpoints, seed=1, **figures):
    return order(strategy.rank(call, endpoints, FakeView(**figures), Random(seed)))[0]


# --- canary


def test_a_share_of_the_conversations_goes_to_the_canary_and_each_stays_on_its_side():
    _, new = endpoints = make_endpoints(2)
    strategy = CanaryStrategy(Canary(to="provider-1", share=0.1))
    sides = {f"talk {number}": first(strategy, spoken(f"talk {number}"), endpoints) for number in range(5000)}
    assert Counter(sides.values())[new] / 5000 == pytest.approx(0.1, abs=0.015)
    for text in list(sides)[:200]:
        assert {first(strategy, spoken(text), endpoints, seed) for seed in range(5)} == {sides[text]}
    # With a larger share those who were there stay.
    wider = CanaryStrategy(Canary(to="provider-1", share=0.3))
    assert all(first(wider, spoken(text), endpoints) is new for text, side in sides.items() if side is new)


def test_the_next_canary_meets_other_conversations():
    endpoints = make_endpoints(3)
    one, two = (CanaryStrategy(Canary(to=f"provider-{number}", share=0.5)) for number in (1, 2))
    calls = [spoken(f"talk {number}") for number in range(400)]
    both = sum(
        first(one, call, endpoints) is endpoints[1] and first(two, call, endpoints) is endpoints[2] for call in calls
    )
    assert both / 400 == pytest.approx(0.25, abs=0.08)


def test_by_api_key_all_of_a_keys_conversations_are_on_one_side():
    old, new = endpoints = make_endpoints(2)
    strategy = CanaryStrategy(Canary(to="provider-1", share=0.5, by="api-key"))
    sides = {}
    for key in range(50):
        found = {first(strategy, spoken(f"talk {number}", f"key-{key}"), endpoints) for number in range(5)}
        assert len(found) == 1
        sides[key] = found.pop()
    assert set(sides.values()) == {old, new}


def test_what_hangs_on_nothing_is_drawn_for_each_call():
    _, new = endpoints = make_endpoints(2)
    strategy = CanaryStrategy(Canary(to="provider-1", share=0.2))
    found = [first(strategy, spoken(None), endpoints, seed) for seed in range(2000)]
    assert found.count(new) / 2000 == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("to", ["acme/model-2", "p/eu", "p"])
def test_a_canary_is_a_model_a_tag_or_a_provider(to):
    new = make_endpoint("chat", "chat", model="acme/model-2", provider="p", tag="p/eu")
    (old,) = make_endpoints(1)
    strategy = CanaryStrategy(Canary(to=to, share=1.0))
    rows = strategy.rank(spoken("x"), [old, new], FakeView(), Random(1))
    assert order(rows) == [new, old]
    assert rows[1].why == "the canary's side"


def test_one_sides_outage_is_the_other_sides_work():
    old, new = endpoints = make_endpoints(2)
    for share, out, left in ((1.0, new, old), (0.0, old, new)):
        strategy = CanaryStrategy(Canary(to="provider-1", share=share))
        assert first(strategy, spoken("x"), endpoints, outages=frozenset([out])) is left


def test_within_a_side_all_are_equal_so_that_the_next_strategy_decides():
    endpoints = make_endpoints(4)
    rows = CanaryStrategy(Canary(to="provider-1", share=0.0)).rank(spoken("x"), endpoints, FakeView(), Random(1))
    assert [row.score for row in rows] == [0.0, 1.0, 0.0, 0.0]


def test_a_canary_without_a_name_is_refused():
    for options in ({}, {"to": ""}, {"to": "p", "share": 2.0}):
        with pytest.raises(ConfigError):
            structure(options, Canary)


# --- pareto


def priced(name, price):
    return make_endpoint("chat", "chat", provider=name, tag=name, price=Price(input=price, output=price))


def pareto(endpoints, view=None, **options):
    rows = ParetoStrategy(Pareto(**options)).rank(make_chat(), endpoints, view or FakeView(), Random(1))
    return [endpoint.provider for endpoint in order(rows)]


def test_what_another_beats_in_everything_comes_after_what_none_beats():
    cheap, beaten, fast = priced("cheap", 1e-6), priced("beaten", 2e-6), priced("fast", 3e-6)
    view = FakeView(latencies={cheap: 1.0, beaten: 1.5, fast: 0.2})
    assert pareto([beaten, fast, cheap], view) == ["cheap", "fast", "beaten"]
    # A quality of its own makes it one that none beats.
    assert pareto([beaten, fast, cheap], view, quality={"beaten": 0.9, "cheap": 0.1}) == ["cheap", "beaten", "fast"]


@given(st.lists(st.tuples(*[st.sampled_from([0.0, 1.0, 2.0, 3.0])] * 3), max_size=12))
def test_the_front_is_what_no_other_beats(figures):
    def beats(one, other):
        return one != other and all(a <= b for a, b in zip(one, other, strict=True))

    endpoints = [priced(f"p{n}", price * 1e-6) for n, (price, _, _) in enumerate(figures)]
    view = FakeView(latencies={endpoint: figure[1] for endpoint, figure in zip(endpoints, figures, strict=True)})
    quality = {f"p{n}": 3.0 - worse for n, (_, _, worse) in enumerate(figures)}
    rows = ParetoStrategy(Pareto(quality=quality)).rank(make_chat(), endpoints, view, Random(1))
    beaten = [row.why.endswith("better in everything") for row in rows]
    assert beaten == [any(beats(other, one) for other in figures) for one in figures]


def test_the_cheapest_is_chosen_among_those_that_meet_the_bounds():
    cheap, good, best = priced("cheap", 1e-6), priced("good", 2e-6), priced("best", 3e-6)
    view = FakeView(latencies={cheap: 0.5, good: 2.0, best: 1.0})
    quality = {"cheap": 0.2, "good": 0.8, "best": 0.9}
    assert pareto([cheap, good, best], view, quality=quality, least_quality=0.7) == ["good", "best", "cheap"]
    assert pareto([cheap, good, best], view, quality=quality, least_quality=0.7, within=1.5) == [
        "best",
        "cheap",
        "good",
    ]


def test_equals_beat_nobody_and_have_equal_scores():
    endpoints = [priced("a", 1e-6), priced("b", 1e-6)]
    rows = ParetoStrategy(Pareto()).rank(make_chat(), endpoints, FakeView(), Random(1))
    assert rows[0].score == rows[1].score == 0.0


def test_one_with_an_outage_beats_nobody():
    best, beaten, fast = priced("best", 1e-6), priced("beaten", 2e-6), priced("fast", 3e-6)
    latencies = {best: 0.1, beaten: 1.5, fast: 0.2}
    quality = {"best": 0.9, "beaten": 0.1, "fast": 0.5}
    view = FakeView(latencies=latencies, outages=frozenset([best]))
    rows = ParetoStrategy(Pareto(quality=quality)).rank(make_chat(), [best, beaten, fast], view, Random(1))
    assert [row.score for row in rows][1:] == [1.0, 2.0]


def test_an_outage_is_last_and_unknown_figures_are_assumed():
    cheap, unknown, dear = priced("cheap", 1e-6), priced("unknown", None), priced("dear", 5e-6)
    assert pareto([unknown, cheap, dear], FakeView(outages=frozenset([cheap])))[-1] == "cheap"
    rows = ParetoStrategy(Pareto()).rank(make_chat(), [unknown, cheap, dear], FakeView(), Random(1))
    assert rows[0].score == rows[2].score
