"""`adjusted` and `bandit`: what they learn of attempts, and what they make of it."""

from collections import Counter
from random import Random

import pytest

from taxiway import Price
from taxiway.outcome import Failure, Outcome
from taxiway.testing.dialect import make_candidate, make_endpoint
from taxiway.testing.strategy import FakeView, make_chat, make_endpoints, order
from taxiway.usage import Usage
from taxiway_standard.adjusted import AdjustedStrategy
from taxiway_standard.bandit import BanditStrategy
from taxiway_standard.options import Adjusted, Bandit


def at(name, price):
    return make_endpoint("chat", "chat", provider=name, tag=name, price=price)


def adjusted(call, endpoints, view=None, **options):
    options = {"dollars_per_hour": 0.0, "tolerance": 0.0, **options}
    return AdjustedStrategy(Adjusted(**options)).rank(call, endpoints, view or FakeView(), Random(1))


def cost(row):
    return float(row.why.removeprefix("$").split()[0])


def outcome(endpoint, usage=None, kind=None, first_token=1.0, ended=3.0):
    failure = None if kind is None else Failure(kind=kind, message="no")
    return Outcome(make_candidate(endpoint), 0.0, failure, usage=usage, first_token=first_token, ended=ended)


# --- adjusted


def test_without_anything_learnt_it_is_the_expected_price():
    one, two = endpoints = make_endpoints(2)
    rows = adjusted(make_chat(1000, 100), endpoints)
    assert order(rows) == [one, two]
    assert cost(rows[0]) == pytest.approx(1000 * 1e-6 + 100 * 4e-6)


def test_the_share_that_is_cached_costs_what_cached_tokens_cost():
    plain = at("plain", Price(input=1.0e-6, output=1e-6))
    caches = at("caches", Price(input=1.1e-6, output=1e-6, cache_read=0.1e-6))
    call = make_chat(10_000, 10)
    assert order(adjusted(call, [plain, caches])) == [plain, caches]
    view = FakeView(records={(caches, "adjusted-cached"): 0.5, (plain, "adjusted-cached"): 0.5})
    rows = adjusted(call, [plain, caches], view)
    assert order(rows) == [caches, plain]
    assert cost(rows[1]) == pytest.approx(5_000 * 1.1e-6 + 5_000 * 0.1e-6 + 10 * 1e-6, abs=1e-6)


def test_the_expected_reply_is_what_replies_had_there_and_never_more_than_was_asked_for():
    terse = at("terse", Price(input=1e-6, output=1.2e-6))
    wordy = at("wordy", Price(input=1e-6, output=1.0e-6))
    view = FakeView(records={(terse, "adjusted-output"): 200.0, (wordy, "adjusted-output"): 2_000.0})
    assert order(adjusted(make_chat(100), [wordy, terse], view)) == [terse, wordy]
    assert order(adjusted(make_chat(100, 200), [terse, wordy], view)) == [wordy, terse]


def test_failures_and_rate_limits_make_an_endpoint_dearer():
    one, two = make_endpoints(2)
    call = make_chat()
    assert order(adjusted(call, [one, two], FakeView(successes={one: 0.8}))) == [two, one]
    assert order(adjusted(call, [one, two], FakeView(successes={one: 0.8}), error_penalty=1.0)) == [one, two]
    assert order(adjusted(call, [one, two], FakeView(limits={one: 0.9}))) == [two, one]
    assert order(adjusted(call, [one, two], FakeView(limits={one: 0.9}), limit_penalty=0.0)) == [one, two]


def test_time_is_money_as_far_as_it_is_said_to_be():
    cheap, dear = make_endpoints(2)
    view = FakeView(latencies={cheap: 9.0, dear: 0.5}, throughputs={cheap: 10.0, dear: 100.0})
    call = make_chat(1000, 100)
    assert order(adjusted(call, [cheap, dear], view)) == [cheap, dear]
    rows = adjusted(call, [cheap, dear], view, dollars_per_hour=3.6)
    assert order(rows) == [dear, cheap]
    assert cost(rows[0]) == pytest.approx(0.0014 + (9.0 + 100 / 10) * 0.001)


def test_what_is_not_known_of_one_is_taken_from_its_peers():
    fast, slow, new = make_endpoints(3, Price(input=1e-6, output=1e-6))
    view = FakeView(durations={fast: 1.0, slow: 2.0})
    rows = adjusted(make_chat(), [slow, new, fast], view, dollars_per_hour=10.0, explore=0.0)
    assert order(rows)[0] is fast
    assert {cost(rows[0]), cost(rows[2])} >= {cost(rows[1])}
    unpriced = at("unpriced", Price())
    rows = adjusted(make_chat(), [unpriced, *make_endpoints(2)])
    assert cost(rows[0]) == cost(rows[2])


def test_what_was_not_measured_is_found_out_in_a_share_of_the_calls_but_not_in_an_outage():
    known, new = endpoints = make_endpoints(2)
    view = FakeView(durations={known: 1.0})
    strategy = AdjustedStrategy(Adjusted(explore=0.1))
    found = [order(strategy.rank(make_chat(), endpoints, view, Random(seed)))[0] for seed in range(2000)]
    assert found.count(new) / 2000 == pytest.approx(0.1, abs=0.02)
    out = FakeView(durations={known: 1.0}, outages=frozenset([new]))
    assert order(adjusted(make_chat(), endpoints, out, dollars_per_hour=1.0, explore=1.0)) == [known, new]
    assert order(adjusted(make_chat(), endpoints, view, dollars_per_hour=0.0, explore=1.0)) == [known, new]


def test_free_is_cheapest_but_not_so_where_it_fails():
    free, paid = at("free", Price(input=0.0, output=0.0)), at("paid", Price(input=1e-6, output=1e-6))
    assert order(adjusted(make_chat(), [paid, free])) == [free, paid]
    assert order(adjusted(make_chat(), [free, paid], FakeView(successes={free: 0.0}))) == [paid, free]


def test_costs_that_are_nearly_the_same_are_equal():
    endpoints = [at("a", Price(input=1e-6, output=1e-6)), at("b", Price(input=1.01e-6, output=1.01e-6))]
    rows = AdjustedStrategy(Adjusted()).rank(make_chat(), endpoints, FakeView(), Random(1))
    assert rows[0].score == rows[1].score


def test_adjusted_learns_of_replies_that_were_counted_by_their_provider():
    (endpoint,) = make_endpoints(1)
    strategy = AdjustedStrategy(Adjusted())
    usage = Usage(input=300, cache_read=100, output=50, reasoning=30)
    assert strategy.observe(outcome(endpoint, usage)) == {"adjusted-output": 80.0, "adjusted-cached": 0.25}
    assert strategy.observe(outcome(endpoint, Usage(output=50))) == {"adjusted-output": 50.0}
    assert not strategy.observe(outcome(endpoint, usage, "unavailable"))
    assert not strategy.observe(outcome(endpoint, Usage(output=50, estimated=True)))
    assert not strategy.observe(outcome(endpoint))


# --- bandit


def firsts(endpoints, view, calls=4000, **options):
    strategy = BanditStrategy(Bandit(**options))
    found = Counter(order(strategy.rank(make_chat(), endpoints, view, Random(seed)))[0] for seed in range(calls))
    return {endpoint: found[endpoint] / calls for endpoint in endpoints}


def losses(**figures):
    return {(endpoint, "bandit-loss"): loss for endpoint, loss in figures["of"].items()}


def test_the_least_loss_comes_first_but_in_the_share_that_explores():
    best, middle, worst = endpoints = make_endpoints(3)
    view = FakeView(records=losses(of={best: 0.001, middle: 0.002, worst: 0.05}))
    found = firsts(endpoints, view)
    assert found[best] == pytest.approx(0.95 + 0.05 / 3, abs=0.012)
    assert found[worst] == pytest.approx(0.05 / 3, abs=0.01)
    assert firsts(endpoints, view, 200, explore=0.0)[best] == 1.0


def test_exploring_goes_to_what_nothing_is_known_of_and_never_to_an_outage():
    best, new, out = endpoints = make_endpoints(3)
    view = FakeView(records=losses(of={best: 0.001, out: 0.02}), outages=frozenset([out]))
    found = firsts(endpoints, view)
    assert found[new] == pytest.approx(0.05, abs=0.012)
    assert found[out] == 0.0
    assert firsts(endpoints[2:], view, 10, explore=1.0) == {out: 1.0}


def test_what_nothing_is_known_of_stands_in_the_middle():
    best, worst, _ = endpoints = make_endpoints(3)
    view = FakeView(records=losses(of={best: 0.001, worst: 0.05}))
    rows = BanditStrategy(Bandit(explore=0.0)).rank(make_chat(), endpoints, view, Random(1))
    assert order(rows)[0] is best
    assert rows[2].score == rows[1].score
    assert rows[2].why == "nothing known yet"


def test_a_loss_counts_cost_time_and_failure():
    endpoint = at("a", Price(input=1e-6, output=3e-6))
    strategy = BanditStrategy(Bandit(dollars_per_hour=3.6, failure=0.5))
    served = outcome(endpoint, Usage(input=500, output=500), first_token=2.0)
    assert strategy.observe(served)["bandit-loss"] == pytest.approx(0.002 + 0.002)
    assert strategy.observe(outcome(endpoint, kind="timeout", first_token=None))["bandit-loss"] == pytest.approx(0.503)
    assert not strategy.observe(outcome(endpoint, kind="cancelled"))
    assert not strategy.observe(outcome(endpoint, kind="invalid_request"))
