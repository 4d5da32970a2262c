"""Quotas: reservations, what providers state, and refusals. Times are plain numbers: nothing here waits."""

import copy
from collections import Counter
from random import Random

import pytest
from attrs import Factory, define
from hypothesis import given
from hypothesis import strategies as st

from taxiway.candidate import Account, Candidate, Credential, Endpoint, Limits
from taxiway.gates import Block
from taxiway.ledgers import Stated
from taxiway.outcome import QuotaHint
from taxiway.quota import Quotas
from taxiway.usage import Usage

EPOCH = 1_760_000_000.0


def candidate(key="a", *, model="m", charges="usage", pool=None, **limits):
    credential = Credential(id=key, provider="p", label=key, limits=Limits(**limits), quota_pool=pool)
    endpoint = Endpoint(
        model=f"author/{model}",
        provider="p",
        provider_name="P",
        id=model,
        tag="p",
        dialects={"chat": ("chat",)},
        charges=charges,
    )
    return Candidate(endpoint=endpoint, account=Account(credential=credential, label=key), section="prioritised")


def requests(remaining, *, limit=100.0, reset=None, **more):
    """What a provider says of its limit on requests; `reset` in seconds from the epoch of these tests."""
    return QuotaHint(
        unit="requests", limit=limit, remaining=remaining, reset=None if reset is None else EPOCH + reset, **more
    )


@pytest.fixture
def quotas():
    return Quotas(Random(1))


def blocked(quotas, one, tokens, max_output, now):
    """Why a call of that size can't be taken now, None where it can."""
    room = quotas.room(one, tokens, max_output, now)
    return room if isinstance(room, Block) and not room.soft else None


def headroom(quotas, one, now):
    """The free share of the tightest limit, for the smallest of calls."""
    room = quotas.room(one, 0, 1, now)
    return 0.0 if isinstance(room, Block) else room


def free(quotas, one, now, most=1000):
    """How many requests are let through at this moment, reserving each."""
    for count in range(most):
        if blocked(quotas, one, 1, 1, now) is not None:
            return count
        quotas.reserve(one, 1, 1, now)
    return most


def test_where_nothing_is_known_nothing_is_in_the_way(quotas):
    one = candidate()
    assert free(quotas, one, 0.0, most=500) == 500
    assert headroom(quotas, one, 0.0) == 1.0


# --- configured limits


def test_a_hundred_concurrent_picks_do_not_see_one_slot(quotas):
    one = candidate(requests_per_minute=7)
    assert free(quotas, one, 0.0) == 7
    block = blocked(quotas, one, 1, 1, 0.0)
    assert block.kind == "rate_limited"
    assert not block.breaker
    assert block.until == pytest.approx(60.0)
    assert "0 of 7 requests left" in block.reason
    assert headroom(quotas, one, 0.0) == 0.0


def test_a_limit_counts_the_whole_account(quotas):
    one, other = candidate(model="m", requests_per_minute=5), candidate(model="n", requests_per_minute=5)
    assert free(quotas, one, 0.0) == 5
    assert blocked(quotas, other, 1, 1, 0.0) is not None
    assert blocked(quotas, candidate("b", requests_per_minute=5), 1, 1, 0.0) is None


@pytest.mark.parametrize("first", ["a", "b"])
def test_keys_of_one_quota_pool_share_limits_whoever_names_them(quotas, first):
    keys = {"a": candidate("a", pool="team", requests_per_minute=5), "b": candidate("b", pool="team")}
    quotas.reserve(keys[first], 1, 1, 0.0).release(0.0)
    assert free(quotas, keys["a"], 0.0) == 5
    assert blocked(quotas, keys["b"], 1, 1, 0.0) is not None


def test_keys_of_one_quota_pool_share_what_is_learnt(quotas):
    one, other = candidate("a", pool="team"), candidate("b", pool="team")
    quotas.learn(quotas.reserve(one, 1, 1, 0.0), [requests(0, reset=30)], 1.0, EPOCH)
    assert blocked(quotas, other, 1, 1, 2.0) is not None


def test_the_tightest_of_several_limits_holds(quotas):
    one = candidate(requests_per_minute=100, tokens_per_minute=1000, charges="admission")
    quotas.reserve(one, 900, None, 0.0)
    assert blocked(quotas, one, 100, None, 1.0) is None
    assert "tokens" in blocked(quotas, one, 101, None, 1.0).reason
    assert headroom(quotas, one, 1.0) == pytest.approx(0.1)


def test_a_block_is_over_when_all_limits_have_room(quotas):
    one = candidate(requests_per_minute=1, requests_per_day=1)
    quotas.reserve(one, 1, 1, 0.0)
    assert blocked(quotas, one, 1, 1, 0.0).until == pytest.approx(86_400.0)


def test_a_call_larger_than_the_limit_is_for_the_provider_to_refuse(quotas):
    one = candidate(tokens_per_minute=1000)
    assert blocked(quotas, one, 5000, None, 0.0) is None
    quotas.reserve(one, 5000, None, 0.0)
    assert blocked(quotas, one, 1, 1, 1.0) is not None
    assert blocked(quotas, one, 5000, None, 60.0) is None


@given(
    st.lists(
        st.tuples(
            st.floats(0.0, 40.0, allow_nan=False),  # until the next pick
            st.integers(1, 60),  # tokens reserved
            st.floats(0.0, 150.0, allow_nan=False),  # how long its reply takes
            st.integers(-60, 0),  # what the reply used less
        ),
        max_size=60,
    )
)
def test_no_window_ever_holds_more_than_its_limit(steps):
    """Also where replies come long after the window in which their request was counted."""
    quotas, limit, now = Quotas(Random(1)), 100, 0.0
    one = candidate(tokens_per_minute=limit, charges="reserve-max")
    sent, open_ = [], []
    for wait, tokens, takes, less in steps:
        now += wait
        for due in sorted((entry for entry in open_ if entry[0] <= now), key=lambda entry: entry[0]):
            open_.remove(due)
            due[1].settle(Usage(input=due[2]), due[0])
        if blocked(quotas, one, tokens, 0, now) is not None:
            continue
        used = max(1, tokens + less)
        sent.append((now, used))
        open_.append((now + takes, quotas.reserve(one, tokens, 0, now), used))
        assert sum(used for at, used in sent if at > now - 60.0) <= limit


@given(st.lists(st.floats(0.0, 20.0, allow_nan=False), min_size=1, max_size=80), st.integers(1, 20))
def test_a_limit_on_requests_holds_and_reopens_when_it_says(waits, limit):
    quotas, now, sent = Quotas(Random(1)), 0.0, []
    one = candidate(requests_per_minute=limit)
    for wait in waits:
        now += wait
        block = blocked(quotas, one, 1, 1, now)
        if block is None:
            quotas.reserve(one, 1, 1, now)
            sent.append(now)
        else:
            assert block.until > now
            assert blocked(copy.deepcopy(quotas), one, 1, 1, block.until) is None
        assert len([at for at in sent if at > now - 60.0]) <= limit


# --- settle and release


def test_what_was_reserved_is_settled_to_what_was_used(quotas):
    one = candidate(tokens_per_minute=1000)
    reservation = quotas.reserve(one, 400, 200, 0.0)
    assert headroom(quotas, one, 0.0) == pytest.approx(0.4)
    reservation.settle(Usage(input=100, output=50), 1.0)
    assert headroom(quotas, one, 1.0) == pytest.approx(0.85)


def test_used_beyond_the_reservation_counts_too(quotas):
    one = candidate(tokens_per_minute=1000)
    quotas.reserve(one, 100, 100, 0.0).settle(Usage(input=100, output=700), 1.0)
    assert headroom(quotas, one, 1.0) == pytest.approx(0.2)


def test_what_counts_at_admission_is_not_settled(quotas):
    one = candidate(tokens_per_minute=1000, charges="admission")
    quotas.reserve(one, 400, 500, 0.0).settle(Usage(input=10, output=800), 1.0)
    assert headroom(quotas, one, 1.0) == pytest.approx(0.6)


def test_what_reserves_the_most_is_settled(quotas):
    one = candidate(tokens_per_minute=1000, charges="reserve-max")
    reservation = quotas.reserve(one, 100, 700, 0.0)
    assert headroom(quotas, one, 0.0) == pytest.approx(0.2)
    reservation.settle(Usage(input=90, output=10), 1.0)
    assert headroom(quotas, one, 1.0) == pytest.approx(0.9)


def test_unknown_usage_leaves_the_reservation(quotas):
    one = candidate(tokens_per_minute=1000, charges="reserve-max")
    quotas.reserve(one, 100, 700, 0.0).settle(None, 1.0)
    assert headroom(quotas, one, 1.0) == pytest.approx(0.2)


def test_release_gives_everything_back_once(quotas):
    one = candidate(requests_per_minute=1)
    reservation = quotas.reserve(one, 1, 1, 0.0)
    reservation.release(0.5)
    reservation.release(0.5)
    reservation.settle(Usage(), 0.5)
    assert free(quotas, one, 1.0) == 1


# --- what providers state


def test_a_stated_remainder_is_what_is_left(quotas):
    one = candidate()
    quotas.learn(quotas.reserve(one, 1, 1, 0.0), [requests(3, reset=30)], 1.0, EPOCH)
    assert headroom(quotas, one, 1.0) == pytest.approx(0.03)
    assert free(quotas, one, 1.0) == 3


def test_what_is_stated_counts_at_once_also_for_who_asked_a_moment_ago(quotas):
    one = candidate()
    quotas.learn(quotas.reserve(one, 1, 1, 0.0), [requests(80, reset=30)], 0.0, EPOCH)
    second = quotas.reserve(one, 1, 1, 1.0)
    assert headroom(quotas, one, 1.0) == pytest.approx(0.79)
    quotas.learn(second, [requests(3, reset=30)], 1.0, EPOCH)
    assert headroom(quotas, one, 1.0) == pytest.approx(0.03)


def test_calls_of_one_instant_are_each_taken_off_once(quotas):
    """Ten go out together; the first reply knows of itself alone, the last of all: neither lets an eleventh see ten slots."""
    one = candidate()
    sent = [quotas.reserve(one, 1, 1, 0.0) for _ in range(10)]
    quotas.learn(sent[0], [requests(11, limit=12, reset=30)], 1.0, EPOCH)
    assert headroom(quotas, one, 1.0) == pytest.approx(2 / 12)
    quotas.learn(sent[9], [requests(2, limit=12, reset=30)], 1.1, EPOCH)
    assert free(quotas, one, 1.1) == 2


def test_what_an_earlier_call_gives_back_was_never_taken_off(quotas):
    """What is left was stated to the second call: the first had not reached the provider, and never will."""
    one = candidate()
    first, second, _ = [quotas.reserve(one, 1, 1, number * 0.1) for number in range(3)]
    first.release(0.5)
    quotas.learn(second, [requests(10, reset=30)], 1.0, EPOCH)
    assert headroom(quotas, one, 1.0) == pytest.approx(0.09)


def test_a_late_settlement_of_an_earlier_call_does_not_stand_for_later_ones(quotas):
    one = candidate(charges="reserve-max")
    first, second, _ = [quotas.reserve(one, 100, 400, number * 0.1) for number in range(3)]
    first.settle(Usage(input=100), 0.5)
    hint = QuotaHint(unit="tokens", limit=10_000, remaining=2000, reset=EPOCH + 30)
    quotas.learn(second, [hint], 1.0, EPOCH)
    assert headroom(quotas, one, 1.0) == pytest.approx(0.15)


def test_after_a_window_that_was_used_up_the_next_one_is_not_stormed(quotas):
    """A tenth at once, the rest at twice the even rate; who can't wait is not held back."""
    one = candidate()
    quotas.learn(quotas.reserve(one, 1, 1, 0.0), [requests(0, limit=60, reset=19, window=60)], 0.0, EPOCH)
    taken = 0
    while not isinstance(room := quotas.room(one, 1, 1, 20.0), Block):
        quotas.reserve(one, 1, 1, 20.0)
        taken += 1
    assert (taken, room.soft) == (6, True)
    assert 20.0 < room.until <= 20.5
    assert not isinstance(quotas.room(one, 1, 1, room.until), Block)
    assert free(quotas, one, 20.0) == 54


def test_a_window_of_which_something_was_left_is_not_paced(quotas):
    one = candidate()
    quotas.learn(quotas.reserve(one, 1, 1, 0.0), [requests(1, limit=60, reset=19, window=60)], 0.0, EPOCH)
    quotas.reserve(one, 1, 1, 20.0)
    assert quotas.room(one, 1, 1, 20.0) == pytest.approx(59 / 60)


def test_what_was_given_back_meanwhile_is_not_taken_off(quotas):
    one = candidate()
    first, *others = [quotas.reserve(one, 1, 1, number * 0.01) for number in range(5)]
    others[0].release(0.5)
    quotas.learn(first, [requests(10, reset=30)], 1.0, EPOCH)
    assert headroom(quotas, one, 1.0) == pytest.approx(0.07)
    others[1].release(1.5)
    assert headroom(quotas, one, 1.5) == pytest.approx(0.08)


def test_what_the_provider_counted_already_is_not_given_back_again(quotas):
    one = candidate(charges="reserve-max")
    first = quotas.reserve(one, 500, 400, 0.0)
    second = quotas.reserve(one, 10, 10, 1.0)
    hint = QuotaHint(unit="tokens", limit=1000, remaining=80, reset=EPOCH + 30)
    quotas.learn(second, [hint], 2.0, EPOCH)
    first.settle(Usage(input=10), 3.0)
    assert headroom(quotas, one, 3.0) == pytest.approx(0.08)


def test_a_refusal_that_states_a_remainder_does_not_count_itself_out(quotas):
    one = candidate()
    first, _, __ = [quotas.reserve(one, 1, 1, 0.0) for _ in range(3)]
    first.release(1.0)
    quotas.learn(first, [requests(5, limit=10, reset=30)], 1.0, EPOCH)
    assert headroom(quotas, one, 1.0) == pytest.approx(0.3)


def test_figures_of_an_earlier_request_that_come_late_are_dropped(quotas):
    one = candidate()
    slow, quick = quotas.reserve(one, 1, 1, 0.0), quotas.reserve(one, 1, 1, 5.0)
    quotas.learn(quick, [requests(2, reset=60)], 6.0, EPOCH)
    quotas.learn(slow, [requests(90, reset=60)], 50.0, EPOCH)
    assert free(quotas, one, 51.0) == 2


def test_a_reset_renews_the_limit(quotas):
    one = candidate()
    quotas.learn(quotas.reserve(one, 1, 1, 0.0), [requests(0, limit=4, reset=20, window=60)], 1.0, EPOCH)
    block = blocked(quotas, one, 1, 1, 2.0)
    assert block.until == pytest.approx(22.0)  # a second later than stated: providers round down
    assert free(quotas, one, block.until) == 4
    assert blocked(quotas, one, 1, 1, 81.9) is not None
    assert free(quotas, one, 82.1) == 4


def test_a_reset_by_the_providers_clock_may_lie_in_the_past(quotas):
    one = candidate()
    quotas.learn(quotas.reserve(one, 1, 1, 0.0), [requests(0, limit=4, reset=-5)], 1.0, EPOCH)
    assert blocked(quotas, one, 1, 1, 2.0) is None


def test_a_remainder_without_limit_or_reset_opens_again(quotas):
    one = candidate()
    hint = QuotaHint(unit="requests", remaining=0)
    quotas.learn(quotas.reserve(one, 1, 1, 0.0), [hint], 1.0, EPOCH)
    block = blocked(quotas, one, 1, 1, 2.0)
    assert block.until == pytest.approx(61.0)
    assert blocked(quotas, one, 1, 1, block.until) is None


def test_a_leaky_bucket_refills_before_it_is_full(quotas):
    one = candidate()
    hint = requests(0, limit=60, reset=60, refill=1.0, window=60)
    quotas.learn(quotas.reserve(one, 1, 1, 0.0), [hint], 1.0, EPOCH)
    assert blocked(quotas, one, 1, 1, 0.5).until == pytest.approx(1.0)
    assert free(quotas, one, 3.0) == 3
    assert free(quotas, one, 1000.0) == 60
    assert free(quotas, one, 1001.0) == 1


def test_a_bucket_that_is_full_holds_its_limit_and_no_more(quotas):
    one = candidate()
    hint = requests(59, limit=60, reset=1, refill=1.0, window=60)
    quotas.learn(quotas.reserve(one, 1, 1, 0.0), [hint], 0.1, EPOCH)
    assert free(quotas, one, 500.0) == 60


@pytest.mark.parametrize("limit", [0, -1])
@pytest.mark.parametrize("confidence", [0.2, 1.0])
def test_a_limit_of_nothing_is_no_limit(quotas, confidence, limit):
    """Where a provider means it, it refuses, and that shuts the pool."""
    one = candidate()
    quotas.learn(quotas.reserve(one, 1, 1, 0.0), [requests(0, limit=limit, reset=1, confidence=confidence)], 0.1, EPOCH)
    for now in (0.2, 0.3, 5.0, 5.1):
        assert quotas.room(one, 1, 1, now) == 1.0
        quotas.reserve(one, 1, 1, now)
    assert quotas.closed(5.2) == frozenset()


def test_a_guessed_limit_shuts_nothing(quotas):
    one = candidate()
    quotas.learn(quotas.reserve(one, 1, 1, 0.0), [requests(0, reset=30, confidence=0.2)], 1.0, EPOCH)
    assert blocked(quotas, one, 1, 1, 2.0) is None
    assert headroom(quotas, one, 2.0) == 0.0


def test_units_that_calls_are_not_counted_in_are_left_out(quotas):
    one = candidate()
    hint = QuotaHint(unit="images", limit=5, remaining=0, reset=EPOCH + 30)
    quotas.learn(quotas.reserve(one, 1, 1, 0.0), [hint], 1.0, EPOCH)
    assert blocked(quotas, one, 1, 1, 2.0) is None


# --- refusals


def test_a_refusal_shuts_the_pool_until_its_time(quotas):
    one = candidate()
    until = quotas.shut(quotas.reserve(one, 1, 1, 0.0), 30.0, 1.0)
    assert 31.0 <= until <= 33.0
    block = blocked(quotas, one, 1, 1, 30.9)
    assert (block.kind, block.until) == ("rate_limited", until)
    assert blocked(quotas, one, 1, 1, until) is None
    assert headroom(quotas, one, 2.0) == 0.0


def test_waiting_for_one_instant_is_spread():
    untils = {
        Quotas(Random(seed)).shut(Quotas(Random(0)).reserve(candidate(), 1, 1, 0.0), 30.0, 1.0) for seed in range(9)
    }
    assert len(untils) == 9


def test_refusals_without_a_time_wait_longer_each_time(quotas):
    one, now, pauses = candidate(), 0.0, []
    for _ in range(9):
        until = quotas.shut(quotas.reserve(one, 1, 1, now), None, now)
        pauses.append(until - now)
        now = until
    for pause, base in zip(pauses, (1, 2, 4, 8, 16, 32, 60, 60, 60), strict=True):
        assert 0.8 * base <= pause <= 1.2 * base


def test_calls_refused_together_are_one_refusal(quotas):
    one = candidate()
    for reservation in [quotas.reserve(one, 1, 1, 0.0) for _ in range(6)]:
        until = quotas.shut(reservation, None, 1.0)
    assert until <= 1.0 + 2 * 1.2
    until = quotas.shut(quotas.reserve(one, 1, 1, until), None, until)
    assert blocked(quotas, one, 1, 1, until - 0.1) is not None


def test_a_success_ends_the_doubling_only_if_it_was_sent_later(quotas):
    one = candidate()
    early = quotas.reserve(one, 1, 1, 0.0)
    until = quotas.shut(quotas.reserve(one, 1, 1, 0.1), None, 1.0)
    early.settle(Usage(), 1.5)
    assert quotas.shut(quotas.reserve(one, 1, 1, until), None, until) - until >= 1.6
    until += 3.0
    quotas.reserve(one, 1, 1, until).settle(Usage(), until)
    assert quotas.shut(quotas.reserve(one, 1, 1, until), None, until) - until <= 1.2


@given(st.lists(st.tuples(st.floats(0.0, 10.0), st.none() | st.floats(0.1, 100.0)), min_size=1, max_size=20))
def test_until_only_grows_while_a_pool_is_shut(refusals):
    quotas, one, now, until = Quotas(Random(3)), candidate(), 0.0, 0.0
    for wait, stated in refusals:
        now += wait
        found = quotas.shut(quotas.reserve(one, 1, 1, now), stated, now)
        assert found >= until
        until = found


def test_a_header_of_a_request_sent_later_reopens_the_pool(quotas):
    one = candidate()
    early, refused, late = (quotas.reserve(one, 1, 1, at) for at in (0.0, 0.1, 0.2))
    quotas.shut(refused, 30.0, 1.0)
    quotas.learn(early, [requests(50, reset=30)], 1.1, EPOCH)
    assert blocked(quotas, one, 1, 1, 1.2) is not None
    quotas.learn(late, [requests(50, reset=30)], 1.3, EPOCH)
    assert blocked(quotas, one, 1, 1, 1.4) is None


# --- limits that only refusals tell


def go_through(quotas, one, count, since, *, tokens=10):
    """So many calls are served, one a second."""
    for number in range(count):
        quotas.reserve(one, tokens, None, since + number).settle(Usage(), since + number)


def refuse(quotas, one, now, retry_after=None, *, tokens=10):
    refused = quotas.reserve(one, tokens, None, now)
    refused.release(now)
    return quotas.shut(refused, retry_after, now)


def taught(one):
    return {ledger.unit: ledger.limit for ledger in one if ledger.source == "learnt"}


def test_what_had_gone_through_when_a_call_was_refused_is_taken_for_the_limit(quotas):
    one = candidate(charges="admission")
    go_through(quotas, one, 20, 0.0)
    refuse(quotas, one, 20.0)
    assert taught(quotas.ledgers(one)) == {0: 20, 1: 200}
    room = quotas.room(one, 10, None, 30.0)
    assert (room.soft, room.reason) == (True, "its learnt limit has 0 of 20 requests left")
    assert room.until == pytest.approx(60.0, abs=0.2), "when the first of them is a minute old"
    assert quotas.room(one, 10, None, 65.0) == pytest.approx(6 / 20)


def test_a_limit_that_further_refusals_confirm_shuts_but_for_a_try_now_and_then(quotas):
    one = candidate()
    go_through(quotas, one, 20, 0.0)
    refuse(quotas, one, 20.0)
    refuse(quotas, one, 25.0)
    assert blocked(quotas, one, 10, None, 30.0) is not None
    assert blocked(quotas, one, 10, None, 35.1) is None, "twice the time since the last refusal is over"
    quotas.reserve(one, 10, None, 35.1)
    assert blocked(quotas, one, 10, None, 35.2) is not None, "one try is enough"


def test_a_try_that_goes_through_raises_the_limit_at_once(quotas):
    one = candidate()
    go_through(quotas, one, 20, 0.0)
    refuse(quotas, one, 20.0)
    refuse(quotas, one, 25.0)
    quotas.reserve(one, 10, None, 36.0).settle(Usage(), 36.5)
    assert blocked(quotas, one, 10, None, 37.0) is None
    assert taught(quotas.ledgers(one))[0] == 21


def test_time_without_a_refusal_raises_it_too(quotas):
    one = candidate()
    go_through(quotas, one, 20, 0.0)
    refuse(quotas, one, 20.0)
    quotas.room(one, 10, None, 20.0 + 60 + 120)
    assert taught(quotas.ledgers(one))[0] == pytest.approx(20 * 1.1)


def test_calls_that_went_out_together_teach_what_was_left_of_them(quotas):
    """All were refused, so none of them went through."""
    one = candidate()
    go_through(quotas, one, 20, 0.0)
    together = [quotas.reserve(one, 10, None, 20.0) for _ in range(15)]
    for refused in together:
        refused.release(20.5)
        quotas.shut(refused, None, 20.5)
    assert taught(quotas.ledgers(one))[0] == 20


def test_a_refusal_at_quite_another_level_says_that_it_was_another_limit(quotas):
    """Of a second, for example: nobody is turned away because of it."""
    one = candidate()
    go_through(quotas, one, 20, 0.0)
    refuse(quotas, one, 20.0)
    go_through(quotas, one, 5, 90.0)
    refuse(quotas, one, 95.0)
    assert taught(quotas.ledgers(one))[0] == 14
    assert blocked(quotas, one, 10, None, 97.0) is None


def test_a_refusal_for_the_day_teaches_no_limit_of_a_minute(quotas):
    one = candidate()
    go_through(quotas, one, 5, 0.0)
    until = refuse(quotas, one, 5.0, 40_000.0)
    assert taught(quotas.ledgers(one)) == {}
    assert blocked(quotas, one, 10, None, 39_000.0).until == until


def test_what_is_stated_by_the_minute_is_not_guessed(quotas):
    one = candidate()
    quotas.learn(quotas.reserve(one, 1, 1, 0.0), [requests(50, reset=30, window=60.0)], 0.5, EPOCH)
    go_through(quotas, one, 5, 1.0)
    refuse(quotas, one, 6.0)
    assert taught(quotas.ledgers(one)).keys() == {1}


def test_a_window_whose_end_moves_rolls(quotas):
    """What was used is free again a minute later, each by itself, long before nothing at all was used for a minute."""
    one = candidate()
    for at in range(10):
        reservation = quotas.reserve(one, 1, 1, float(at))
        quotas.learn(reservation, [requests(9 - at, limit=10, reset=60, window=60.0)], float(at), EPOCH)
    block = blocked(quotas, one, 1, 1, 10.0)
    assert block.until == pytest.approx(60.0, abs=0.3)
    assert free(copy.deepcopy(quotas), one, 62.5) == 3


def test_a_rolling_window_whose_stated_end_has_passed_frees_when_its_calls_are_a_window_old(quotas):
    one = candidate()
    for number, at in enumerate((0.0, 5.0, 10.0, 15.0, 20.0)):
        reservation = quotas.reserve(one, 1, 1, at)
        quotas.learn(reservation, [requests(4 - number, limit=5, reset=at + 6, window=60.0)], at, EPOCH + at)
    block = blocked(quotas, one, 1, 1, 30.0)
    assert block.until == pytest.approx(60.0, abs=0.3)
    assert blocked(quotas, one, 1, 1, block.until) is None


_STATED = st.builds(
    QuotaHint,
    unit=st.sampled_from(["requests", "tokens"]),
    limit=st.sampled_from([None, 0, 0.5, 1, 5, 100, 1000]),
    remaining=st.sampled_from([0, 1, 3, 80]),
    reset=st.none() | st.floats(EPOCH - 5, EPOCH + 3600),
    refill=st.sampled_from([None, None, 0.5]),
    window=st.sampled_from([None, 60.0, 1.0, 86_400.0]),
    confidence=st.sampled_from([0.2, 1.0]),
)
_HAPPENS = _STATED | st.sampled_from(["served", "refused", "refused for 7 s", "released", "nothing"])


def assert_nothing_is_stale(pool, now):
    """What is known of a pool's room, and of a limit's, is what it is by all that was taken and stated, now and later."""
    for later in (now, now + 0.4, now + 50.0):
        for ledger in pool.ledgers:
            assert later >= ledger.steady or copy.copy(ledger).room(later) == ledger.level
        for amounts in ((1, 1, 1, 0), (1, 400, 400, 0)):
            anew = copy.copy(pool)
            anew.arrange()
            assert repr(pool.room(amounts, later)) == repr(anew.room(amounts, later))


@pytest.mark.parametrize("limits", [{}, {"requests_per_minute": 3}, {"tokens_per_minute": 300}], ids=str)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.001, 0.5, 3.0, 20.0, 45.0, 61.0]), st.sampled_from([1, 50, 400]), _HAPPENS),
        max_size=50,
    )
)
def test_what_is_blocked_is_blocked_until_later(limits, steps):
    """Whatever was stated, refused and used: who waits until then has waited."""
    quotas, one, now = Quotas(Random(1)), candidate(charges="reserve-max", **limits), 0.0
    for wait, tokens, happens in steps:
        now += wait
        room = quotas.room(one, tokens, tokens, now)
        assert not isinstance(room, Block) or room.until > now
        reservation = quotas.reserve(one, tokens, tokens, now)
        quotas.room(one, tokens, tokens, now)
        if isinstance(happens, QuotaHint):
            quotas.learn(reservation, [happens], now, EPOCH + min(now, 30.0))
            assert_nothing_is_stale(quotas.found[one], now)
        elif happens.startswith("refused"):
            quotas.shut(reservation, 7.0 if happens.endswith("s") else None, now)
        if happens in {"refused", "released"}:
            reservation.release(now)
        elif happens != "nothing":
            reservation.settle(Usage(input=tokens // 2, output=tokens), now)
        assert_nothing_is_stale(quotas.found[one], now)


# --- keys that share a quota


@define
class Provider:
    """Accounts with a limit of requests in a fixed minute, and processes that spread calls over their keys.

    `by_day`: there is a limit of a day too. `refused` counts what was sent beyond a limit, `turned_away` what nobody sent, `told`
    calls after which some key seemed to share its quota.
    """

    accounts: dict[str, str]
    processes: int = 1
    by_day: bool = False
    limit: int = 500
    limits: dict[str, int] = Factory(dict)
    used: Counter[tuple[str, int]] = Factory(Counter)
    now: float = 0.0
    calls: int = 0
    refused: int = 0
    turned_away: int = 0
    told: int = 0
    quotas: list[Quotas] = Factory(lambda self: [Quotas(Random(n)) for n in range(self.processes)], takes_self=True)
    keys: list[Candidate] = Factory(
        lambda self: [candidate(key, **self.limits) for key in self.accounts], takes_self=True
    )

    def serve(self, a_minute, minutes, random=None):
        """At random moments and by a process at random, or evenly and by one after the other."""
        until = self.now + 60.0 * minutes
        while self.now < until:
            self.now += random.expovariate(a_minute / 60) if random else 60 / a_minute
            self.calls += 1
            self.call(random.choice(self.quotas) if random else self.quotas[self.calls % self.processes])
            self.told += any(any(self.shared(number)) for number in range(self.processes))

    def call(self, quotas):
        now, rooms = self.now, [(key, quotas.room(key, 1, 1, self.now)) for key in self.keys]
        rooms = [(key, room) for key, room in rooms if not isinstance(room, Block)]
        if not rooms:
            self.turned_away += 1
            return
        key, _ = min(rooms, key=lambda one: (-one[1], quotas.found[one[0]].latest))
        reservation, minute = quotas.reserve(key, 1, 1, now), now // 60
        counter = self.accounts[key.account.label], minute
        if self.used[counter] >= self.limit:
            self.refused += 1
            reservation.release(now)
            quotas.shut(reservation, 60 * (minute + 1) - now, now)
            return
        self.used[counter] += 1
        hint = requests(self.limit - self.used[counter], limit=self.limit, reset=60 * (minute + 1), window=60.0)
        hints = [hint]
        if self.by_day:
            left = 9000 - sum(self.used[of] for of in self.used if of[0] == counter[0])
            hints.append(requests(left, limit=9000, reset=86_400, window=86_400.0))
        quotas.learn(reservation, hints, now + 0.01, EPOCH + now + 0.01)
        reservation.settle(Usage(input=1, output=1), now + 0.02)

    def shared(self, process=0):
        return [self.quotas[process].shared(key) for key in self.keys]


@pytest.mark.parametrize("seed", [None, 5], ids=["even", "random"])
@pytest.mark.parametrize("keys", ["ab", "abc"])
def test_keys_on_one_counter_are_told(keys, seed):
    provider = Provider(dict.fromkeys(keys, "one"))
    provider.serve(120, 4, seed and Random(seed))
    assert provider.shared() == [tuple(other for other in keys if other != key) for key in keys]


def test_keys_whose_provider_counts_by_the_minute_and_by_the_day_are_told_too():
    provider = Provider({"a": "one", "b": "one"}, by_day=True)
    provider.serve(120, 4)
    assert provider.shared() == [("b",), ("a",)]


def test_only_the_keys_on_one_counter_are_told():
    provider = Provider({"a": "one", "b": "one", "c": "two", "d": "three"})
    provider.serve(240, 4, Random(2))
    assert provider.shared() == [("b",), ("a",), (), ()]


@pytest.mark.parametrize("seed", [None, 5], ids=["even", "random"])
@pytest.mark.parametrize("number", [2, 3])
def test_all_quota_of_keys_with_counters_of_their_own_is_used_by_several_processes(number, seed):
    """Whatever evenly spread load looks like."""
    provider = Provider({key: key for key in "abc"[:number]}, processes=number, limit=60)
    provider.serve(number * 50, 6, seed and Random(seed))
    assert provider.turned_away + provider.refused <= 0.01 * provider.calls


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("number", [2, 3])
def test_keys_with_counters_of_their_own_are_not_taken_for_one_by_several_processes(number, seed):
    provider = Provider({key: key for key in "abc"[:number]}, processes=number)
    provider.serve(300, 8, Random(seed))
    assert provider.told == 0


def test_what_is_told_ends_when_counters_say_otherwise():
    provider = Provider({"a": "one", "b": "one"})
    provider.serve(120, 3)
    assert provider.shared() == [("b",), ("a",)]
    provider.accounts["b"] = "two"
    provider.serve(120, 1)
    assert provider.shared() == [(), ()]


def test_what_is_told_is_found_out_again_after_a_reload():
    provider = Provider({"a": "one", "b": "one"})
    provider.serve(120, 3)
    provider.quotas[0].reloaded()
    assert provider.shared() == [(), ()]
    provider.serve(120, 3)
    assert provider.shared() == [("b",), ("a",)]


def test_keys_that_seem_to_share_a_quota_keep_the_limits_that_are_configured_for_each():
    """Also when what nobody uses is forgotten."""
    provider = Provider({"a": "one", "b": "one"}, limits={"requests_per_day": 1000})
    provider.serve(120, 3)
    assert provider.shared() == [("b",), ("a",)]
    (quotas,) = provider.quotas
    rooms = [quotas.ledgers(key)[0].room(provider.now) for key in provider.keys]
    assert rooms == [820, 820]


# --- memory


def test_memory_of_one_pool_is_bounded(quotas):
    one = candidate(requests_per_minute=10**9, tokens_per_day=10**12)
    for number in range(30_000):
        quotas.reserve(one, 1, 1, number * 0.11).settle(Usage(), number * 0.11)
    (pool,) = quotas._pools.values()
    assert len(pool.limits) == 2
    assert all(len(limit.used._parts) <= 122 for limit in pool.limits)


def test_pools_that_nobody_uses_are_forgotten(quotas):
    for number in range(100):
        quotas.reserve(candidate(f"k{number}", requests_per_minute=5), 1, 1, 0.0)
    quotas.reserve(candidate("k1", requests_per_minute=5), 1, 1, 3 * 86_400.0)
    quotas.reserve(candidate("k1", requests_per_minute=5), 1, 1, 3 * 86_400.0 + 61)
    assert len(quotas._pools) == len(quotas.found) == len(quotas._limits) == 1


@given(st.floats(0.01, 50), st.floats(-5, 0.9), st.floats(0, 1e5))
def test_when_a_bucket_is_said_to_have_room_it_has(refill, level, now):
    bucket = Stated(0, 60.0, limit=100.0, refill=refill, level=level, at=now)
    assert bucket.room(bucket.frees(1, now)) >= 1
