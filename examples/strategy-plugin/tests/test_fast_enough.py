from random import Random

import acme_taxiway
from acme_taxiway.ranking import FastEnough

from taxiway.testing.strategy import FakeView, StrategyContract, make_chat, make_endpoints, order


class TestContract(StrategyContract):
    """Everything that Taxiway expects of a strategy."""

    module = acme_taxiway


def ranked(endpoints, **figures):
    return order(FastEnough(1.0).rank(make_chat(), endpoints, FakeView(**figures), Random(1)))


def test_the_cheapest_that_is_fast_enough_comes_first_and_the_slow_last():
    cheap, middle, dear = endpoints = make_endpoints(3)
    assert ranked(endpoints, latencies={cheap: 3.0, middle: 0.9, dear: 0.1}) == [middle, dear, cheap]


def test_where_all_are_slow_the_fastest_comes_first():
    cheap, middle, dear = endpoints = make_endpoints(3)
    assert ranked(endpoints, latencies={cheap: 9.0, middle: 3.0, dear: 2.0}) == [dear, middle, cheap]


def test_one_that_nothing_is_known_of_gets_a_chance():
    cheap, middle, dear = endpoints = make_endpoints(3)
    assert ranked(endpoints, latencies={middle: 0.1, dear: 0.1}) == [cheap, middle, dear]


def test_an_outage_comes_last():
    cheap, middle, dear = endpoints = make_endpoints(3)
    assert ranked(endpoints, outages=frozenset([cheap]), latencies={middle: 5.0}) == [dear, middle, cheap]
