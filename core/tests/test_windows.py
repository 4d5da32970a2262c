"""Rolling windows: sums of what happened lately, against plain lists."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from taxiway.windows import Tally, Window

STEPS = st.lists(st.tuples(st.floats(0.0, 30.0), st.floats(0.01, 1000.0)), max_size=60)


@given(STEPS)
@example([(1.9856129275081962, 1.0), (1.67099033474065, 1.0), (30.0, 1.0)])  # 30 s ago but for a rounding
def test_a_sum_covers_its_window_and_at_most_one_slot_more(steps):
    window, now, added = Window(30.0, 10), 0.0, []
    for wait, amount in steps:
        now += wait
        window.add(amount, now)
        added.append((now, amount))
        total = window.total(now)
        least = sum(amount for at, amount in added if at > now - 30.0)
        most = sum(amount for at, amount in added if at >= now - 33.0 - 1e-6)
        assert least - 1e-6 <= total <= most + 1e-6


def test_a_sum_ends_with_its_window():
    window = Window(10.0, 10)
    window.add(5, 1.0)
    assert window.total(10.9) == 5
    assert window.total(12.1) == 0
    assert window.total(1e6) == 0


def test_memory_of_a_sum_is_bounded():
    window = Window(300.0, 10)
    for number in range(10_000):
        window.add(1, number * 0.03)
    assert len(window._parts) <= 12


@pytest.mark.parametrize("seconds", [10.0, 30.0])
@given(st.lists(st.floats(0.0, 12.0), max_size=60), st.floats(0.0, 31.0), st.integers(0, 60))
def test_a_tally_knows_the_last_seconds_and_at_most_one_more(seconds, waits, later, first):
    tally, now, added = Tally(), 0.0, []
    for wait in waits:
        now += wait
        tally.add(now)
        added.append(now)
    at, new = now + later - seconds, added[first:]
    least, most = sum(one > at for one in new), sum(one > at - 1.0 - 1e-6 for one in new)
    assert tally.total == len(added)
    assert least <= tally.since(at, min(first, len(added))) <= most


def test_memory_of_a_tally_is_bounded():
    tally = Tally()
    for number in range(10_000):
        tally.add(number * 0.03)
    assert len(tally._parts) <= 32
