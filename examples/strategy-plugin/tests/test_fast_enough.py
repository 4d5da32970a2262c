from random import Random

import acme_taxiway
import pytest
from acme_taxiway.ranking import FastEnoughStrategy

from taxiway.converter import structure
from taxiway.testing.strategy import FakeView, StrategyContract, make_chat, make_endpoints, order


class TestFastEnough(StrategyContract):
    """Everything that Taxiway expects of a strategy."""

    module = acme_taxiway


@pytest.fixture
def endpoints():
    """Three endpoints, each dearer than the one before."""
    return make_endpoints(3)


def ranked(endpoints, **figures):
    return order(FastEnoughStrategy(1.0).rank(make_chat(), endpoints, FakeView(**figures), Random(1)))


def test_the_cheapest_that_is_fast_enough_comes_first_and_the_slow_last(endpoints):
    cheap, middle, dear = endpoints
    assert ranked(endpoints, latencies={cheap: 3.0, middle: 0.9, dear: 0.1}) == [middle, dear, cheap]


def test_where_all_are_slow_the_fastest_comes_first(endpoints):
    cheap, middle, dear = endpoints
    assert ranked(endpoints, latencies={cheap: 9.0, middle: 3.0, dear: 2.0}) == [dear, middle, cheap]


def test_one_that_nothing_is_known_of_gets_a_chance(endpoints):
    cheap, middle, dear = endpoints
    assert ranked(endpoints, latencies={middle: 0.1, dear: 0.1})[0] is cheap


def test_an_outage_comes_last(endpoints):
    cheap, middle, _ = endpoints
    assert ranked(endpoints, outages=frozenset([cheap]), latencies={middle: 5.0})[-1] is cheap


def test_the_limit_is_written_as_a_duration():
    assert structure({"within": "800ms"}, acme_taxiway.FastEnough).within == 0.8
