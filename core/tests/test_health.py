"""Health: breakers, gates of accounts and candidates, outages, and what strategies may read. Times are plain numbers."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway.call import Facts
from taxiway.candidate import Account, Candidate, Credential, Endpoint
from taxiway.health import Health
from taxiway.outcome import Failure, Outcome
from taxiway.quota import Quotas
from taxiway.snapshot import Offer
from taxiway.usage import Usage


def candidate(account="a", model="m", origin=""):
    credential = Credential(id=account, provider="p", label=f"label {account}")
    endpoint = Endpoint(
        model=f"author/{model}", provider="p", provider_name="P", id=model, tag="p", dialects={"chat": ("chat",)}
    )
    who = Account(credential=credential, label=credential.label, origin=origin)
    return Candidate(endpoint=endpoint, account=who, section="prioritised")


@pytest.fixture
def health():
    return Health(Random(1))


ONE = candidate()


def attempt(health, one=ONE, now=0.0, kind=None, *, takes=0.0, scope=None, **more):
    """Run an attempt: it begins at `now`, takes so many seconds, and fails where a kind is given."""
    health.opened(one, now)
    failure = None if kind is None else Failure(kind=kind, message=f"it said {kind}", scope=scope)
    return health.observe(Outcome(one, now, failure, ended=now + takes, **more), now + takes)


def trip(health, one=ONE, now=0.0, kind="unavailable"):
    """Open the endpoint's breaker; return until when."""
    for _ in range(5):
        attempt(health, one, now, kind)
    return health.block(one, now).until


def recover(health, one=ONE, now=0.0):
    """Run as many good attempts, one after the other, as let everybody in again."""
    for _ in range(6):
        attempt(health, one, now)


# --- breakers


@pytest.mark.parametrize("kind", ["unavailable", "overloaded", "timeout"])
def test_five_failures_in_a_row_open_the_breaker(health, kind):
    for number in range(4):
        attempt(health, now=number * 100.0, kind=kind)
        assert health.block(ONE, number * 100.0) is None
    (alert,) = attempt(health, now=400.0, kind=kind)
    block = health.block(ONE, 400.0)
    assert block.breaker
    assert block.kind == kind
    assert 0.8 <= block.until - 400.0 <= 1.2
    assert (alert.event, alert.subject) == ("endpoint_out", ONE.endpoint.key)
    assert "5 attempts in a row failed" in alert.message
    assert health.block(candidate("b"), 400.0).breaker, "it is the endpoint's, whatever account"
    assert health.block(candidate(model="n"), 400.0) is None


def test_a_success_between_begins_the_count_anew(health):
    for number in range(40):
        attempt(health, now=number * 20.0, kind=None if number % 5 == 4 else "unavailable")
        assert health.block(ONE, number * 20.0) is None


def test_a_share_of_failures_opens_the_breaker(health):
    for number in range(10):
        assert health.block(ONE, number * 0.5) is None
        attempt(health, now=number * 0.5, kind="unavailable" if number % 3 == 0 else None)
    block = health.block(ONE, 4.5)
    assert block.breaker
    assert "4 of 10 attempts failed within 10 s" in block.reason


def test_five_of_six_are_enough(health):
    for number in range(50):
        attempt(health, now=number * 0.5, kind="unavailable" if number % 6 == 5 else None)
        assert health.block(ONE, number * 0.5) is None


def test_fewer_than_ten_in_ten_seconds_are_no_share(health):
    for number in range(60):
        attempt(health, now=number * 1.5, kind="unavailable" if number % 2 else None)
        assert health.block(ONE, number * 1.5) is None


def test_pauses_double_up_to_eight_seconds(health):
    until, now, pauses = trip(health), 0.0, []
    for _ in range(6):
        pauses.append(until - now)
        now = until
        assert health.block(ONE, now) is None
        assert not attempt(health, now=now, kind="unavailable"), "that it is out is no news"
        until = health.block(ONE, now).until
    for pause, base in zip(pauses, (1, 2, 4, 8, 8, 8), strict=True):
        assert 0.8 * base <= pause <= 1.2 * base


def test_pauses_are_spread():
    assert len({trip(Health(Random(seed))) for seed in range(9)}) == 9


def test_a_due_breaker_lets_one_call_through_at_a_time(health):
    until = trip(health)
    assert health.block(ONE, until - 0.001) is not None
    health.opened(ONE, until)
    waiting = health.block(ONE, until + 0.1)
    assert waiting.breaker
    assert waiting.until is None
    health.observe(Outcome(ONE, until, ended=until + 1), until + 1)
    assert health.block(ONE, until + 1) is None


def test_a_probe_that_the_client_cancelled_decides_nothing(health):
    until = trip(health)
    attempt(health, now=until, kind="cancelled")
    assert health.block(ONE, until) is None, "the next call may try"
    health.opened(ONE, until)
    assert health.block(ONE, until) is not None


def test_calls_that_were_under_way_neither_close_nor_lengthen(health):
    health.opened(ONE, -1.0)
    health.opened(ONE, -1.0)
    until = trip(health)
    health.observe(Outcome(ONE, -1.0, ended=0.1), 0.1)
    health.observe(Outcome(ONE, -1.0, Failure(kind="unavailable", message=""), ended=0.2), 0.2)
    assert health.block(ONE, 0.3).until == until


def test_what_led_to_a_pause_does_not_open_it_again(health):
    until = trip(health)
    recover(health, now=until)
    attempt(health, now=until, kind="unavailable")
    assert health.block(ONE, until) is None
    assert not health.view(until).outage(ONE.endpoint)


def test_after_a_good_probe_as_many_calls_as_doubled_successes_are_let_in(health):
    until, let_in = trip(health), []
    for _ in range(6):
        inside = 0
        while inside < 99 and health.block(ONE, until) is None:
            health.opened(ONE, until)
            inside += 1
        let_in.append(inside)
        for _ in range(inside - 1):
            health.observe(Outcome(ONE, until, Failure(kind="cancelled", message=""), ended=until), until)
        health.observe(Outcome(ONE, until, ended=until), until)
    assert let_in == [1, 2, 4, 8, 16, 32]
    assert health.block(ONE, until) is None
    assert not health.gates


def test_a_failure_on_the_way_up_shuts_it_again_for_longer(health):
    until = trip(health)
    attempt(health, now=until)
    attempt(health, now=until)
    attempt(health, now=until, kind="unavailable")
    assert 1.6 <= health.block(ONE, until).until - until <= 2.4


def test_where_few_call_a_good_call_half_a_minute_after_the_first_opens_it_for_all(health):
    until = trip(health)
    attempt(health, now=until + 100)
    assert health.gates
    attempt(health, now=until + 131)
    assert not health.gates


def test_a_live_call_that_is_silent_keeps_no_other_from_trying(health):
    until = trip(health)
    health.opened(ONE, until)
    assert health.block(ONE, until + 4.9) is not None
    assert health.block(ONE, until + 10.0) is None


def test_an_outage_alerts_once_and_a_relapse_soon_after_goes_on_where_it_was(health):
    until = trip(health)
    recover(health, now=until)
    again = trip(health, now=until + 5)
    assert again - (until + 5) >= 1.6
    alerts = [alert for _ in range(5) for alert in attempt(health, now=again + 500, kind="timeout")]
    assert not alerts, "a probe's failure is no news"
    recover(health, now=again + 600)
    news = [alert for _ in range(5) for alert in attempt(health, now=again + 700, kind="timeout")]
    assert [alert.event for alert in news] == ["endpoint_out"]


def test_recovery_is_noticed_within_ten_seconds(health):
    now, until = 0.0, trip(health)
    while now < 600.0:
        now = until
        attempt(health, now=now, kind="unavailable")
        until = health.block(ONE, now).until
    assert until - now <= 10.0


def test_an_origin_that_refuses_is_shut_for_all_its_endpoints(health):
    here, there = candidate(origin="http://h:1"), candidate("b", origin="http://h:2")
    alerts = [alert for _ in range(5) for alert in attempt(health, here, 0.0, "unavailable", scope="origin")]
    assert [(alert.event, alert.subject) for alert in alerts] == [("origin_out", "http://h:1")]
    assert health.block(candidate(model="n", origin="http://h:1"), 0.0).breaker
    assert health.block(there, 0.0) is None
    until = health.block(here, 0.0).until
    attempt(health, here, until)
    assert health.block(here, until) is None


NO_PENALTY = [
    "rate_limited",
    "credential_invalid",
    "token_expired",
    "clock_skewed",
    "unsupported_here",
    "context_length",
    "content_policy",
    "refusal",
    "payload_too_large",
    "invalid_request",
    "cancelled",
]


@pytest.mark.parametrize("kind", NO_PENALTY)
def test_what_is_not_the_endpoints_fault_shuts_nothing(health, kind):
    for _ in range(30):
        assert not attempt(health, kind=kind)
    assert health.block(ONE, 0.0) is None
    assert not health.view(0.0).outage(ONE.endpoint)


def test_our_own_failure_shuts_nothing(health):
    for _ in range(30):
        attempt(health, kind="unavailable", scope="none")
    assert health.block(ONE, 0.0) is None


# --- accounts and candidates


def test_an_exhausted_account_is_tried_after_15_minutes_then_hourly(health):
    (alert,) = attempt(health, kind="quota_exhausted")
    assert (alert.event, alert.subject) == ("credential_exhausted", "label a")
    block = health.block(candidate(model="n"), 0.0)
    assert (block.kind, block.until, block.breaker) == ("quota_exhausted", 900.0, False)
    assert health.block(candidate("b"), 0.0) is None
    assert health.block(ONE, 900.0) is None
    assert not attempt(health, now=900.0, kind="quota_exhausted")
    assert health.block(ONE, 900.0).until == 900.0 + 3600.0
    attempt(health, now=4500.0, kind="quota_exhausted")
    assert health.block(ONE, 4500.0).until == 4500.0 + 3600.0
    attempt(health, now=8100.0)
    assert health.block(ONE, 8100.0) is None


def test_one_live_call_at_a_time_tries_an_account(health):
    attempt(health, kind="quota_exhausted")
    health.opened(ONE, 900.0)
    assert health.block(candidate(model="n"), 900.0) is not None
    health.observe(Outcome(ONE, 900.0, Failure(kind="timeout", message=""), ended=1020.0), 1020.0)
    assert health.block(ONE, 1020.0) is None, "a timeout says nothing of the account: the next may try"


@pytest.mark.parametrize("kind", ["permission_denied", "not_found"])
def test_what_is_refused_to_a_candidate_shuts_it_alone(health, kind):
    attempt(health, kind=kind)
    assert health.block(ONE, 0.0).until == 600.0
    assert health.block(candidate("b"), 0.0) is None
    assert health.block(candidate(model="n"), 0.0) is None
    assert health.block(ONE, 600.0) is None
    attempt(health, now=600.0, kind=kind)
    assert health.block(ONE, 600.0).until == 1200.0
    health.reloaded()
    assert health.block(ONE, 601.0) is None


def test_a_scope_of_the_provider_goes_before_the_table(health):
    attempt(health, kind="permission_denied", scope="account")
    assert health.block(candidate(model="n"), 0.0) is not None
    attempt(health, candidate("c"), kind="unavailable", scope="candidate")
    assert health.block(candidate("c"), 0.0) is not None
    assert health.block(candidate("d"), 0.0) is None


def test_a_suspect_account_waits_for_its_verdict(health):
    assert health.suspect(ONE, 0.0)
    assert not health.suspect(ONE, 1.0), "it is being verified"
    block = health.block(candidate(model="n"), 1.0)
    assert (block.kind, block.breaker) == ("unavailable", False), "clients are not told to give up"
    health.reopen(ONE.account)
    assert health.block(ONE, 1.0) is None


def test_a_verified_bad_key_is_disabled_with_one_alert(health):
    health.suspect(ONE, 0.0)
    (alert,) = health.disable(ONE, "the provider refuses its key", 1.0)
    assert (alert.event, alert.subject) == ("credential_disabled", "label a")
    assert "the provider refuses its key" in alert.message
    assert not health.disable(ONE, "again", 2.0)
    until = health.block(ONE, 2.0).until
    assert 48.0 <= until - 1.0 <= 72.0
    # The live call meets the same refusal: again a suspect, again bad, and no news.
    assert health.block(ONE, until) is None
    attempt(health, now=until, kind="credential_invalid")
    assert health.suspect(ONE, until)
    assert not health.disable(ONE, "again", until + 1)
    assert 240.0 <= health.block(ONE, until + 1).until - (until + 1) <= 360.0


def test_a_bad_key_is_probed_after_1_5_and_15_minutes_then_hourly(health):
    now, pauses = 0.0, []
    for _ in range(6):
        health.suspect(ONE, now)
        health.disable(ONE, "refused", now)
        assert not list(health.due(now))
        until = health.block(ONE, now).until
        pauses.append((until - now) / 60)
        now = until
        assert list(health.due(now)) == [("account", ONE)]
    for pause, base in zip(pauses, (1, 5, 15, 60, 60, 60), strict=True):
        assert 0.8 * base <= pause <= 1.2 * base


def refuse(health, number, now):
    one = candidate(f"key-{number}")
    attempt(health, one, now, "credential_invalid")
    return health.suspect(one, now)


def test_three_keys_refused_within_a_minute_are_the_providers_fault(health):
    one = candidate("key-0")
    assert refuse(health, 0, 0.0)
    health.disable(one, "refused", 1.0)
    health.alerts()
    assert refuse(health, 1, 30.0)
    assert not refuse(health, 2, 59.0)
    (alert,) = health.alerts()
    assert (alert.event, alert.subject) == ("origin_out", "p")
    assert not health.disable(candidate("key-1"), "refused", 59.5), "a verdict that comes late changes nothing"
    blocks = [health.block(candidate(f"key-{number}"), 59.5) for number in range(4)]
    assert all(block.breaker and block.kind == "unavailable" for block in blocks)
    until = blocks[0].until
    assert until - 59.0 <= 1.2
    assert not refuse(health, 1, until), "the call that tries it says the same of another key"
    assert 1.6 <= health.block(one, until).until - until <= 2.4
    assert not health.alerts()
    recover(health, one, until + 3)
    assert not health.gates


def test_two_keys_or_three_in_a_longer_time_are_judged_one_by_one(health):
    assert [refuse(health, number, number * 31.0) for number in range(5)] == [True] * 5


def test_where_the_provider_serves_with_another_key_each_is_judged_by_itself(health):
    assert refuse(health, 0, 0.0)
    assert refuse(health, 1, 1.0)
    attempt(health, now=2.0)
    assert refuse(health, 2, 3.0)


# --- silence


def test_streams_that_wait_in_vain_open_the_breaker_before_they_time_out(health):
    endpoint = ONE.endpoint
    for number in range(30):
        health.waits(endpoint, number, float(number))
        health.heard(endpoint, number, number + 3.0)
    for who in "abc":
        health.opened(ONE, 40.0)
        health.waits(endpoint, who, 40.0)
    assert health.block(ONE, 48.5) is None
    block = health.block(ONE, 49.5)
    assert (block.kind, block.breaker) == ("timeout", True)
    (alert,) = health.alerts()
    assert alert.event == "endpoint_out"
    health.heard(endpoint, "b", 50.0)
    assert health.block(ONE, 50.0) is None, "whatever is heard closes it"


def test_silence_is_half_a_minute_where_little_is_known_and_five_seconds_at_least(health):
    endpoint, quick = ONE.endpoint, candidate(model="quick")
    for number in range(30):
        health.waits(quick.endpoint, number, 0.0)
        health.heard(quick.endpoint, number, 0.1)
    for who in range(3):
        health.waits(endpoint, who, 100.0)
        health.waits(quick.endpoint, who, 100.0)
    assert health.block(quick, 105.0) is None
    assert health.block(quick, 105.1) is not None
    assert health.block(ONE, 130.0) is None
    assert health.block(ONE, 130.1) is not None


def test_two_that_wait_are_no_evidence_nor_are_three_of_which_one_came(health):
    endpoint = ONE.endpoint
    health.waits(endpoint, 1, 0.0)
    health.waits(endpoint, 2, 0.0)
    assert health.block(ONE, 100.0) is None
    health.waits(endpoint, 3, 0.0)
    health.left(endpoint, 3)
    assert health.block(ONE, 100.0) is None
    health.waits(endpoint, 4, 0.0)
    health.waits(endpoint, 5, 0.0)
    health.heard(endpoint, 4, 90.0)
    assert health.block(ONE, 100.0) is None


# --- probes without a call


def test_an_open_breaker_that_no_call_tries_is_probed_once_a_minute(health):
    until = trip(health)
    assert not list(health.due(50.0))
    assert list(health.due(61.0)) == [("endpoint", ONE)]
    assert not list(health.due(62.0)), "it is under way"
    health.probed(ONE, False, 63.0)
    assert 6.4 <= health.block(ONE, 63.0).until - 63.0 <= 9.6
    assert list(health.due(122.0)) == [("endpoint", ONE)]
    health.probed(ONE, True, 123.0)
    assert health.block(ONE, 123.0) is None
    assert not list(health.due(999.0)), "the next call shows the rest"
    assert until < 2.0


def test_no_account_stays_shut_without_a_verdict(health):
    health.suspect(ONE, 0.0)
    until = health.block(ONE, 0.0).until
    assert until <= 60.0
    attempt(health, now=until)
    assert health.block(ONE, until) is None


# --- what strategies read


def test_an_outage_is_a_fifth_of_at_least_five_failing_within_30_s(health):
    view = health.view
    for number in range(4):
        attempt(health, now=number, kind="unavailable" if number == 0 else None)
        assert not view(number).outage(ONE.endpoint)
    attempt(health, now=4.0)
    assert view(4.0).outage(ONE.endpoint)
    assert view(4.0).in_outage([candidate(model="n").endpoint, ONE.endpoint]) == [ONE.endpoint]
    attempt(health, now=5.0)
    assert not view(5.0).outage(ONE.endpoint)


def test_no_traffic_is_not_an_outage(health):
    assert not health.view(0.0).outage(ONE.endpoint)
    trip(health)
    assert health.view(0.0).outage(ONE.endpoint)
    assert not health.view(40.0).outage(ONE.endpoint)


def test_figures_of_an_endpoint(health):
    view = health.view(0.0)
    figures = [view.latency, view.throughput, view.success]
    assert [figure(ONE.endpoint) for figure in figures] == [None, None, None]
    assert view.in_flight(ONE.endpoint) == 0
    for number in range(9):
        seconds = 0.2 if number < 5 else 3.0
        attempt(health, now=number, takes=seconds + 1, first_token=number + seconds, usage=Usage(output=50))
    attempt(health, now=10.0, kind="unavailable")
    health.opened(ONE, 10.0)
    view = health.view(14.0)
    assert view.latency(ONE.endpoint) == pytest.approx(0.2, rel=0.06)
    assert view.throughput(ONE.endpoint) == pytest.approx(50.0, rel=0.06)
    assert view.success(ONE.endpoint) == pytest.approx(0.9)
    assert view.in_flight(ONE.endpoint) == 1
    assert view.latency(ONE.endpoint, 0.9) == pytest.approx(3.0, rel=0.03)
    assert view.throughput(ONE.endpoint, 0.9) == pytest.approx(50.0, rel=0.03)
    assert view.duration(ONE.endpoint, 0.9) == pytest.approx(4.0, rel=0.03)
    assert view.limited(ONE.endpoint) == 0.0
    assert health.view(400.0).latency(ONE.endpoint) is None
    assert health.view(400.0).success(ONE.endpoint) is None


def test_a_rate_limit_is_counted_apart(health):
    for number in range(8):
        attempt(health, now=1.0, kind="rate_limited" if number < 2 else None)
    view = health.view(2.0)
    assert (view.limited(ONE.endpoint), view.success(ONE.endpoint)) == (0.25, 1.0)
    assert health.view(2.0).limited(candidate(model="n").endpoint) is None


def test_there_is_room_where_an_account_is_open_and_within_its_limits(health):
    quotas, endpoint = Quotas(Random(1)), ONE.endpoint
    other = Candidate(endpoint=endpoint, account=candidate("b").account, section="prioritised")
    view = health.view(0.0, quotas, Facts(("m",)))
    assert view.room(endpoint), "where nothing is known nothing is in the way"
    view.offered = {endpoint: Offer(endpoint, "prioritised", (ONE, other))}
    assert view.room(endpoint)
    refused = quotas.reserve(ONE, 1, None, 0.0)
    refused.release(0.0)
    quotas.shut(refused, 10.0, 0.0)
    assert view.room(endpoint)
    attempt(health, other, 0.0, "quota_exhausted")
    assert not view.room(endpoint)
    later = health.view(20.0, quotas, Facts(("m",)))
    later.offered = view.offered
    assert later.room(endpoint)


def test_what_strategies_record_is_a_mean_in_which_the_latest_count_most(health):
    endpoint = ONE.endpoint
    assert health.view(0.0).recorded(endpoint, "reward") is None
    health.record(endpoint, {"reward": 1.0, "other": 7.0}, 0.0)
    assert health.view(0.0).recorded(endpoint, "reward") == 1.0
    health.record(endpoint, {"reward": 4.0}, 300.0)
    assert health.view(300.0).recorded(endpoint, "reward") == pytest.approx(3.0)
    assert health.view(300.0).recorded(endpoint, "other") == 7.0
    for bad in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="reward can't be kept"):
            health.record(endpoint, {"reward": bad}, 300.0)
    with pytest.raises(ValueError, match="can't be kept"):
        health.record(endpoint, {f"figure-{number}": 1.0 for number in range(100)}, 300.0)
    assert health.view(300.0).recorded(endpoint, "reward") == pytest.approx(3.0)


def test_a_client_that_left_after_the_first_token_saw_it_work(health):
    until = trip(health)
    attempt(health, now=until, kind="cancelled", first_token=until)
    assert health.block(ONE, until) is None
    health.opened(ONE, until)
    assert health.block(ONE, until) is None


def test_turns_are_taken_by_plans_and_not_by_explanations(health):
    turns = [health.view(0.0).turn("m") for _ in range(3)]
    assert turns == [0, 1, 2]
    assert health.view(0.0, peek=True).turn("m") == health.view(0.0, peek=True).turn("m") == 3
    view = health.view(0.0)
    assert view.turn("m") == view.turn("m") == 3, "one plan is one turn"
    assert health.view(0.0).turn("n") == 0


# --- memory


def test_what_is_idle_for_a_day_is_forgotten(health):
    for number in range(500):
        attempt(health, candidate(f"k{number}", f"m{number}"), 0.0, "rate_limited" if number % 2 else None)
    attempt(health, now=90_000.0)
    assert len(health.vitals) == 1
    assert not health._origins
    assert not health.gates


def test_what_is_shut_is_remembered_for_a_day(health):
    trip(health)
    attempt(health, candidate("b", "n", "o"), kind="unavailable", scope="origin")
    attempt(health, candidate("b", "n"), kind="quota_exhausted")
    attempt(health, candidate("c", "n"), kind="not_found")
    other = candidate("z", "z")
    attempt(health, other, 1200.0)
    assert {ONE.endpoint.key, other.endpoint.key} <= set(health.vitals)
    assert list(health._origins) == ["o"]
    assert sorted(scope for scope, _ in health.gates) == ["account", "candidate", "endpoint"]
    attempt(health, other, 3 * 86_400.0)
    attempt(health, other, 3 * 86_400.0 + 61.0)
    assert len(health.vitals) == 1
    assert not health._origins
    assert not health.gates
    assert not health.unwell


# --- promises

KINDS = [
    None,
    "unavailable",
    "timeout",
    "overloaded",
    "quota_exhausted",
    "credential_invalid",
    "not_found",
    "cancelled",
]
STEPS = st.lists(
    st.tuples(
        st.sampled_from([candidate(account, model) for account in "abc" for model in "mn"]),
        st.sampled_from(KINDS),
        st.sampled_from([None, "origin", "account"]),
        st.floats(0.0, 2000.0),
        st.booleans(),
    ),
    max_size=60,
)


@given(STEPS)
def test_nothing_stays_shut_without_a_probe_or_a_live_call_to_come(steps):
    health, now, under_way, seen = Health(Random(1)), 0.0, [], set()
    for one, kind, scope, wait, ends in steps:
        now += wait
        seen.add(one)
        health.opened(one, now)
        under_way.append((one, now, kind, scope))
        while under_way and ends:
            it, began, how, of = under_way.pop()
            failure = None if how is None else Failure(kind=how, message="", scope=of if how == "unavailable" else None)
            health.observe(Outcome(it, began, failure, ended=now), now)
            if how == "credential_invalid" and health.suspect(it, now) and wait > 1000:
                health.disable(it, "refused", now)
    for it, began, *_ in under_way:
        health.observe(Outcome(it, began, Failure(kind="cancelled", message=""), ended=now), now)
    for one in seen:
        while (block := health.block(one, now)) is not None:
            assert block.until is not None
            assert now < block.until <= now + 1.2 * 3600
            now = block.until
