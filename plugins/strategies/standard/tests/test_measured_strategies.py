"""What was measured: the best first, in steps, and what happens to those that nobody measured yet."""

from random import Random

import pytest

from taxiway.converter import structure
from taxiway.errors import ConfigError
from taxiway.testing.strategy import FakeView, make_chat, make_endpoints, order
from taxiway_standard.measured import LatencyStrategy, LeastBusyStrategy, ThroughputStrategy, UptimeStrategy
from taxiway_standard.options import Speed, Uptime


class Quantiles(FakeView):
    """A view whose figure is the quantile that was asked for."""

    def latency(self, endpoint, share=0.5):
        return share

    throughput = latency


def ranked(strategy, endpoints, seed=1, **figures):
    return strategy.rank(make_chat(), endpoints, FakeView(**figures), Random(seed))


def scores(rows):
    return [row.score for row in rows]


def test_the_fastest_comes_first_and_those_within_the_tolerance_are_equal():
    a, b, c, d = endpoints = make_endpoints(4)
    latencies = {a: 0.5, b: 1.0, c: 0.52, d: 0.549}
    rows = ranked(LatencyStrategy(Speed()), endpoints, latencies=latencies)
    assert order(rows) == [a, c, d, b]
    assert rows[0].score == rows[2].score == rows[3].score < rows[1].score
    assert rows[1].why == "1.00 s to the first token"
    strict = ranked(LatencyStrategy(Speed(tolerance=0.0)), endpoints, latencies=latencies)
    assert len(set(scores(strict))) == 4


def test_the_most_tokens_a_second_come_first():
    a, b, c = endpoints = make_endpoints(3)
    rows = ranked(ThroughputStrategy(Speed()), endpoints, throughputs={a: 50.0, b: 100.0, c: 99.0})
    assert order(rows) == [b, c, a]
    assert rows[1].score == rows[2].score
    assert rows[1].why == "100 tokens per second"


def test_a_quantile_says_what_that_share_of_the_calls_is_at_least_as_good_as():
    endpoints = make_endpoints(1)
    nine_of_ten = Speed(quantile=0.9)
    slow = LatencyStrategy(nine_of_ten).rank(make_chat(), endpoints, Quantiles(), Random(1))
    few = ThroughputStrategy(nine_of_ten).rank(make_chat(), endpoints, Quantiles(), Random(1))
    assert slow[0].why == "0.90 s to the first token"
    assert few[0].why == "0 tokens per second"


@pytest.mark.parametrize(("strategy", "figures"), [(LatencyStrategy, "latencies"), (ThroughputStrategy, "throughputs")])
def test_what_was_not_measured_comes_last_but_first_in_the_share_that_explores(strategy, figures):
    a, b, new = endpoints = make_endpoints(3)
    known = {figures: {a: 5.0, b: 500.0}}
    explored = 0
    for seed in range(2000):
        found = order(ranked(strategy(Speed()), endpoints, seed, **known))
        explored += found[0] is new
        assert found[0] is new or found[-1] is new
    assert explored / 2000 == pytest.approx(0.1, abs=0.02)
    out = ranked(strategy(Speed(explore=1.0)), endpoints, outages=frozenset([new]), **known)
    assert order(out)[-1] is new
    never = ranked(strategy(Speed(explore=0.0)), endpoints, **known)
    assert order(never)[-1] is new


def test_where_nothing_was_measured_all_are_equal():
    assert set(scores(ranked(LatencyStrategy(Speed()), make_endpoints(3)))) == {0.0}


def test_an_outage_comes_after_all_others_however_fast():
    a, b, c = endpoints = make_endpoints(3)
    rows = ranked(LatencyStrategy(Speed()), endpoints, latencies={a: 0.01, b: 600.0}, outages=frozenset([a]))
    assert order(rows) == [b, c, a]
    assert rows[0].why.endswith("; outage")


# --- uptime, least-busy


def test_uptime_is_in_steps_so_that_the_next_strategy_decides_between_equals():
    a, b, c, d = endpoints = make_endpoints(4)
    rows = ranked(UptimeStrategy(Uptime()), endpoints, successes={a: 0.981, b: 1.0, c: 0.9, d: 0.5})
    assert scores(rows) == [0.0, 0.0, 5.0, 25.0]
    assert rows[0].why == "98.1% succeeded"


def test_no_traffic_counts_as_up_and_an_outage_is_last():
    a, b, c = endpoints = make_endpoints(3)
    rows = ranked(UptimeStrategy(Uptime()), endpoints, successes={a: 0.9, c: 1.0}, outages=frozenset([c]))
    assert order(rows) == [b, a, c]
    assert [row.why for row in rows] == ["90.0% succeeded", "no calls lately", "outage"]


def test_the_fewest_calls_under_way_come_first():
    a, b, c = endpoints = make_endpoints(3)
    rows = ranked(LeastBusyStrategy(), endpoints, under_way={a: 2, b: 1}, outages=frozenset([c]))
    assert order(rows) == [b, a, c]
    assert rows[0].why == "2 under way"


@pytest.mark.parametrize(
    ("options", "given"),
    [
        (Speed, {"quantile": 1.0}),
        (Speed, {"quantile": 0.0}),
        (Speed, {"explore": 1.1}),
        (Speed, {"tolerance": -0.1}),
        (Speed, {"tolerance": float("nan")}),
        (Uptime, {"step": 0.0}),
    ],
)
def test_options_that_make_no_sense_are_refused(options, given):
    with pytest.raises(ConfigError, match=next(iter(given))):
        structure(given, options)
