"""Rolling windows: sums of what happened lately, against plain lists."""

from hypothesis import example, given
from hypothesis import strategies as st

from taxiway.windows import Window

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


def test_memory_of_a_sum_is_bounded():
    window = Window(300.0)
    for number in range(10_000):
        window.add(1, number * 0.03)
    assert len(window._parts) <= 12
