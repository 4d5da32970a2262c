"""Histories: counts and spreads of what happened lately, against plain lists."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway.history import BAD, GOOD, HEAD, LATENCY, LIMITED, THROUGHPUT, History, bucket

SHARES = (0.5, 0.75, 0.9, 0.95, 0.99)


@given(st.lists(st.floats(0.001, 1e6), min_size=3, max_size=80), st.sampled_from(SHARES))
def test_a_quantile_is_right_to_a_few_percent(values, share):
    history = History()
    for value in values:
        history.present(1.0)[bucket(LATENCY, value)] += 1
        history.present(1.0)[bucket(THROUGHPUT, 1e9)] += 1
    exact = sorted(values)[ceil(share * len(values)) - 1]
    assert history.figures(1.0).quantile(LATENCY, share, 3) == pytest.approx(exact, rel=0.03)


@given(st.lists(st.tuples(st.floats(0.0, 900.0), st.sampled_from([GOOD, BAD, LIMITED])), max_size=60))
def test_counts_cover_their_stretch_and_at_most_a_part_more(steps):
    history, now, counted = History(), 0.0, []
    for wait, what in steps:
        now += wait
        history.present(now)[what] += 1
        counted.append((now, what))
    for seconds, part in ((300.0, 30.0), (1800.0, 330.0), (86_400.0, 3630.0)):
        figures = history.since(now, seconds)
        for what in (GOOD, BAD) if seconds > 1800 else (GOOD, BAD, LIMITED):
            least = sum(at > now - seconds for at, one in counted if one == what)
            most = sum(at > now - seconds - part for at, one in counted if one == what)
            assert least <= figures.total(what) <= most


def test_a_quantile_of_few_is_none_and_old_numbers_leave():
    history = History()
    for value in (1.0, 1.0):
        history.present(0.0)[bucket(LATENCY, value)] += 1
    assert history.figures(0.0).quantile(LATENCY, 0.5, 3) is None
    for value in (5.0, 5.0, 5.0):
        history.present(200.0)[bucket(LATENCY, value)] += 1
    assert history.figures(201.0).quantile(LATENCY, 0.1, 3) == pytest.approx(1.0, rel=0.03)
    assert history.figures(340.0).quantile(LATENCY, 0.1, 3) == pytest.approx(5.0, rel=0.03)
    assert history.figures(600.0).quantile(LATENCY, 0.5, 3) is None
    assert history.since(600.0, 1800.0).quantile(LATENCY, 0.9, 3) == pytest.approx(5.0, rel=0.03)


def test_what_lies_beyond_reason_counts_as_the_bound():
    history = History()
    for value in (0.0, -1.0, 0.0):
        history.present(0.0)[bucket(HEAD, value)] += 1
    assert history.figures(0.0).quantile(HEAD, 0.5, 3) == pytest.approx(1e-6, rel=0.03)


def test_figures_are_computed_once_a_second():
    history = History()
    history.present(0.0)[GOOD] += 1
    first = history.figures(10.0)
    history.present(10.0)[GOOD] += 1
    assert history.figures(10.9) is first
    assert history.figures(11.0).total(GOOD) == 2


def test_memory_is_bounded_and_let_go():
    history = History()
    for number in range(200_000):
        history.present(number * 1.0)[GOOD] += 1
        history.present(number * 1.0)[bucket(LATENCY, 0.1 + number % 1000)] += 1
    now = 200_000.0
    assert [len(level) for level in history._levels] <= [11, 7, 25]
    assert max(len(part.counts) for level in history._levels for part in level) < 200
    assert history.since(now, 86_400.0).total(GOOD) == pytest.approx(86_400, rel=0.05)
    history.forget(now + 2000.0)
    assert [len(level) for level in history._levels][:2] == [0, 0]
