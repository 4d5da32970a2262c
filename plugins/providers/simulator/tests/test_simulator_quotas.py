"""Quotas: three shapes of a limit, and what OpenAI's headers say of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway_simulator.ledger import Ledger, Refusal, go_duration
from taxiway_simulator.options import Quota
from taxiway_simulator.windows import WINDOWS


def test_fixed_forgets_all_at_its_end():
    window = WINDOWS["fixed"](2, 60.0)
    window.take(1, 10.0)
    window.take(1, 30.0)
    assert window.wait(1, 40.0) == 30.0
    assert window.left(40.0) == (0, 30.0)
    assert window.wait(2, 70.0) == 0.0
    assert window.left(70.0) == (2, 0.0)


def test_sliding_forgets_one_by_one():
    window = WINDOWS["sliding"](2, 60.0)
    window.take(1, 10.0)
    window.take(1, 30.0)
    assert window.wait(1, 40.0) == 30.0
    assert window.wait(2, 40.0) == 50.0
    assert window.left(70.0) == (1, 20.0)
    assert window.wait(1, 70.0) == 0.0


def test_bucket_refills_evenly():
    window = WINDOWS["bucket"](60, 60.0)
    for _ in range(60):
        window.take(1, 0.0)
    assert window.wait(1, 0.0) == pytest.approx(1.0)
    assert window.left(0.0) == (0, 60.0)
    assert window.wait(1, 1.0) == 0.0
    assert window.left(30.0) == (30, 30.0)


@given(
    shape=st.sampled_from(["fixed", "sliding", "bucket"]),
    limit=st.integers(1, 30),
    steps=st.lists(st.tuples(st.floats(0, 20), st.integers(1, 5)), max_size=60),
)
def test_who_waits_as_told_fits_and_no_window_gives_more_than_its_limit(shape, limit, steps):
    window, now, taken = WINDOWS[shape](limit, 60.0), 0.0, []
    for pause, wanted in steps:
        amount = min(wanted, limit)
        now += pause
        if wait := window.wait(amount, now):
            assert wait > 0
            now += wait + 1e-6
            assert window.wait(amount, now) == 0.0
        window.take(amount, now)
        taken.append((now, amount))
        left, reset = window.left(now)
        assert 0 <= left <= limit
        assert 0 <= reset <= 60.0 + 1e-6
    # A sliding window never has more than its limit in any 60 s; the others may have twice, at a border.
    most = limit if shape == "sliding" else 2 * limit
    for end, _ in taken:
        assert sum(amount for at, amount in taken if end - 60.0 < at <= end) <= most


def test_a_ledger_counts_nothing_that_it_refuses():
    ledger = Ledger(Quota(requests=10, tokens=100))
    assert ledger.admit(80, 0.0) is None
    assert ledger.admit(30, 1.0) == Refusal("tokens", 100, 59.0)
    assert ledger.admit(20, 2.0) is None
    assert ledger.headers(2.0) == {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "8",
        "x-ratelimit-reset-requests": "58s",
        "x-ratelimit-limit-tokens": "100",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "58s",
    }


def test_without_limits_there_are_no_headers():
    ledger = Ledger(Quota())
    assert ledger.admit(10**9, 0.0) is None
    assert ledger.headers(0.0) == {}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.006, "6ms"),
        (0.0061, "7ms"),
        (7.66, "7.66s"),
        (1, "1s"),
        (60, "1m0s"),
        (79.156, "1m19.156s"),
        (360, "6m0s"),
        (79_380, "22h3m0s"),
    ],
)
def test_durations_are_written_as_openai_does(seconds, text):
    assert go_duration(seconds) == text
