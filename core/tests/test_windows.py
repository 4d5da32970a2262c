"""Rolling windows: sums and medians of what happened lately, against plain lists."""

import statistics

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from taxiway.windows import Median, Window

STEPS = st.lists(st.tuples(st.floats(0.0, 30.0), st.floats(0.01, 1000.0)), max_size=60)


@given(STEPS)
@example([(1.9856129275081962, 1.0), (1.67099033474065, 1.0), (30.0, 1.0)])  # 30 s ago but for a rounding
def test_a_sum_covers_its_window_and_at_most_one_slot_more(steps):
    window, now, added = Window(30.0), 0.0, []
    for wait, amount in steps:
        now += wait
        window.add(amount, now)
        added.append((now, amount))
        total = window.total(now)
        least = sum(amount for at, amount in added if at > now - 30.0)
        most = sum(amount for at, amount in added if at >= now - 33.0 - 1e-6)
        assert least - 1e-6 <= total <= most + 1e-6


def test_a_sum_ends_with_its_window():
    window = Window(10.0)
    window.add(5, 1.0)
    assert window.total(10.9) == 5
    assert window.total(12.1) == 0
    assert window.total(1e6) == 0


@given(st.lists(st.floats(0.001, 1e6), min_size=3, max_size=50))
def test_a_median_is_right_to_a_few_percent(values):
    median = Median(300.0)
    for value in values:
        median.add(value, 1.0)
    ordered = sorted(values)
    assert median.value(1.0, 3) == pytest.approx(ordered[(len(ordered) - 1) // 2], rel=0.06)


def test_a_median_of_few_is_none_and_old_values_leave():
    median = Median(300.0)
    for value in (1.0, 1.0):
        median.add(value, 0.0)
    assert median.value(0.0, 3) is None
    for value in (5.0, 5.0, 5.0):
        median.add(value, 200.0)
    assert median.value(201.0, 3) == pytest.approx(statistics.median([1, 1, 5, 5, 5]), rel=0.06)
    assert median.value(340.0, 3) == pytest.approx(5.0, rel=0.06)
    assert median.value(600.0, 3) is None


def test_what_lies_beyond_reason_counts_as_the_bounds():
    median = Median(300.0)
    for value in (0.0, -1.0, 0.0):
        median.add(value, 0.0)
    assert median.value(0.0, 3) == pytest.approx(1e-6, rel=0.1)


def test_a_median_is_of_the_latest_and_memory_is_bounded():
    median, window = Median(300.0), Window(300.0)
    for number in range(10_000):
        median.add(1.0 if number < 9_000 else 5.0, number * 0.03)
        window.add(1, number * 0.03)
    assert median.value(300.0, 3) == 5.0
    assert len(median._numbers) <= 127
    assert len(window._parts) <= 12
