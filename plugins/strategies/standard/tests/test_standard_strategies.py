import asyncio
from collections import Counter
from random import Random

import pytest

from taxiway import Price, Router
from taxiway.converter import structure
from taxiway.errors import ConfigError
from taxiway.testing.dialect import make_endpoint
from taxiway.testing.strategy import FakeView, make_chat, make_endpoints, order
from taxiway_standard.draws import BalancedStrategy, WeightedStrategy
from taxiway_standard.fixed import OrderStrategy, PriceStrategy, RoundRobinStrategy
from taxiway_standard.options import Balanced, Weighted


def at(name, price):
    """An endpoint at one price per token, in and out (None: unknown)."""
    return make_endpoint("chat", "chat", provider=name, tag=name, price=Price(input=price, output=price))


def shares(strategy, endpoints, view=None, draws=6000):
    """How often each endpoint comes first."""
    firsts = Counter()
    for seed in range(draws):
        firsts[order(strategy.rank(make_chat(), endpoints, view or FakeView(), Random(seed)))[0].provider] += 1
    return {endpoint.provider: firsts[endpoint.provider] / draws for endpoint in endpoints}


# --- balanced


def test_a_draw_is_weighted_by_one_over_the_squared_price():
    """OpenRouter's own example: 1, 2 and 3 dollars; the first is nine times as likely as the last."""
    found = shares(BalancedStrategy(Balanced()), [at("one", 1e-6), at("two", 2e-6), at("three", 3e-6)])
    total = 1 + 1 / 4 + 1 / 9
    assert found["one"] == pytest.approx(1 / total, abs=0.02)
    assert found["two"] == pytest.approx(1 / 4 / total, abs=0.02)
    assert found["three"] == pytest.approx(1 / 9 / total, abs=0.02)


def test_the_second_is_drawn_among_those_left():
    endpoints = [at("one", 1e-6), at("two", 2e-6), at("three", 3e-6)]
    seconds, draws = Counter(), 0
    for seed in range(6000):
        first, second, _ = order(BalancedStrategy(Balanced()).rank(make_chat(), endpoints, FakeView(), Random(seed)))
        if first.provider == "one":
            draws += 1
            seconds[second.provider] += 1
    assert seconds["two"] / draws == pytest.approx(9 / 13, abs=0.02)


def test_the_exponent_is_an_option():
    assert shares(BalancedStrategy(Balanced(exponent=1.0)), [at("one", 1e-6), at("two", 2e-6)])["one"] == pytest.approx(
        2 / 3, abs=0.02
    )
    assert structure({}, Balanced).exponent == 2.0
    with pytest.raises(ConfigError, match="exponent"):
        structure({"exponent": 0.0}, Balanced)


def test_a_price_is_that_of_the_very_call():
    """Cheap input against cheap output: who wins depends on the call's own tokens."""
    reader = make_endpoint("chat", "chat", provider="reader", tag="reader", price=Price(input=1e-6, output=1e-4))
    writer = make_endpoint("chat", "chat", provider="writer", tag="writer", price=Price(input=1e-5, output=1e-6))
    strategy = PriceStrategy()
    long_prompt, long_reply = make_chat(100_000, 10), make_chat(100, 500)
    assert order(strategy.rank(long_prompt, [writer, reader], FakeView(), Random(1)))[0] is reader
    assert order(strategy.rank(long_reply, [reader, writer], FakeView(), Random(1)))[0] is writer


def test_an_outage_comes_last_whatever_it_costs():
    endpoints = [at("cheap", 1e-9), at("dear", 1e-3), at("dearer", 2e-3)]
    view = FakeView(outages=frozenset(endpoints[:1]))
    for seed in range(300):
        rows = BalancedStrategy(Balanced()).rank(make_chat(), endpoints, view, Random(seed))
        assert order(rows)[-1].provider == "cheap"
    assert rows[0].why.endswith("outage")


def test_free_is_preferred_and_not_the_only_one():
    found = shares(BalancedStrategy(Balanced()), [at("free", 0.0), at("paid", 1e-6)])
    assert found["free"] == pytest.approx(100 / 101, abs=0.01)
    assert found["paid"] > 0


def test_unknown_counts_as_the_dearest():
    found = shares(BalancedStrategy(Balanced()), [at("one", 1e-6), at("two", 2e-6), at("unknown", None)])
    assert found["unknown"] == pytest.approx(found["two"], abs=0.02)


@pytest.mark.parametrize("price", [None, 0.0, 1e-6])
def test_equal_prices_are_drawn_equally(price):
    found = shares(BalancedStrategy(Balanced()), [at("a", price), at("b", price)])
    assert found["a"] == pytest.approx(0.5, abs=0.02)


# --- order, price


def test_order_is_the_configurations():
    endpoints = make_endpoints(4)[::-1]
    assert order(OrderStrategy().rank(make_chat(), endpoints, FakeView(), Random(1))) == endpoints


def test_price_is_strict_and_unknown_last():
    endpoints = [at("unknown", None), at("dear", 5e-6), at("free", 0.0), at("cheap", 1e-6)]
    rows = PriceStrategy().rank(make_chat(), endpoints, FakeView(), Random(1))
    assert [endpoint.provider for endpoint in order(rows)] == ["free", "cheap", "dear", "unknown"]
    assert {row.endpoint.provider: row.why for row in rows}["unknown"] == "price unknown"


def test_equal_prices_have_equal_scores_so_that_the_next_strategy_decides():
    rows = PriceStrategy().rank(make_chat(), [at("a", 1e-6), at("b", 1e-6)], FakeView(), Random(1))
    assert rows[0].score == rows[1].score


# --- weighted


def test_weights_are_shares():
    endpoints = [at("one", 1e-6), at("three", 1e-6)]
    assert shares(WeightedStrategy(Weighted(weights={"three": 3.0})), endpoints)["three"] == pytest.approx(
        0.75, abs=0.02
    )


def test_the_closest_name_wins_and_zero_takes_out():
    here = make_endpoint("chat", "chat", provider="p", tag="p/eu", id="a")
    there = make_endpoint("chat", "chat", provider="p", tag="p/us", id="b")
    rows = WeightedStrategy(Weighted(weights={"p": 4.0, "p/us": 0.0})).rank(
        make_chat(), [here, there], FakeView(), Random(1)
    )
    assert [(row.endpoint, row.why) for row in rows] == [(here, "weight 4")]
    by_model = WeightedStrategy(Weighted(weights={"acme/model-1": 2.0, "p": 9.0}))
    assert by_model.rank(make_chat(), [here], FakeView(), Random(1))[0].why == "weight 2"


@pytest.mark.parametrize("weights", [{"a": -1.0}, {"a": "much"}, {"a": float("nan")}, {"a": float("inf")}])
def test_weights_that_make_no_sense_are_refused(weights):
    with pytest.raises(ConfigError, match="weights"):
        structure({"weights": weights}, Weighted)


# --- round robin


def test_each_turn_begins_one_further():
    endpoints = make_endpoints(3)
    strategy = RoundRobinStrategy()
    orders = [order(strategy.rank(make_chat(), endpoints, FakeView(turns=turn), Random(1))) for turn in range(4)]
    first, second, third = endpoints
    assert orders[:3] == [[first, second, third], [second, third, first], [third, first, second]]
    assert orders[3] == orders[0]


def test_round_robin_turns_with_the_calls_of_a_router():
    """The whole way: named in the configuration, found, built, asked for each call, each in its turn."""
    names = ("one", "two", "three")
    configuration = {
        "routing": {"strategy": "round-robin"},
        "providers": [{"use": "simulator", "slug": name, "models": ["acme/model-1"]} for name in names],
    }

    async def served():
        async with Router.from_dict(configuration, environment={}) as router:
            body = {"model": "acme/model-1", "messages": [{"role": "user", "content": "Hello"}]}
            await router.explain(**body)
            return [(await router.chat(**body))["provider"] for _ in range(6)]

    turns = asyncio.run(served())
    assert len(set(turns[:3])) == 3
    assert turns[:3] == turns[3:]
