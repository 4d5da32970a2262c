"""Which account of an endpoint is tried next."""

import math
from random import Random

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from taxiway.call import LIBRARY, Call, Facts
from taxiway.candidate import Account, Candidate, Credential, Endpoint, Limits
from taxiway.health import Health
from taxiway.outcome import Failure, Outcome
from taxiway.picks import NOTHING_TRIED, Pause, Pick, Plan, Tried
from taxiway.preferences import NO_PREFERENCES
from taxiway.quota import Quotas
from taxiway.routing import Routing
from taxiway.snapshot import Offer

ENDPOINT = Endpoint(
    model="a/m", provider="p", provider_name="P", id="m", tag="p", dialects={"chat": ("chat",)}
)  # fmt: skip
CALL = Call(
    "gen-1", 7, "chat", "chat", {}, Facts(models=("a/m",), tokens=10), NO_PREFERENCES, LIBRARY, 0.0, 0.0, math.inf, {}
)


class Desk:
    """Picks among accounts, given as credential, rank and sort order."""

    def __init__(self, *accounts, minute=3, **routing):
        names = dict.fromkeys((credential, order) for credential, _, order in accounts)
        made = {
            name: Credential(
                id=name, provider="p", label=name, sort_order=order, limits=Limits(requests_per_minute=minute)
            )
            for name, order in names
        }
        self.health, self.quotas = Health(Random(1)), Quotas(Random(1))
        candidates = tuple(
            Candidate(
                endpoint=ENDPOINT,
                account=Account(credential=made[name], part=str(rank), label=f"{name}{rank}", rank=rank),
                section="prioritised",
            )
            for name, rank, _ in accounts
        )
        self.candidates = {candidate.account.label: candidate for candidate in candidates}
        self.plan = Plan(
            CALL, [("a/m", [Offer(ENDPOINT, "prioritised", candidates)])], Routing(**routing), self.health.view(0.0)
        )

    def pick(self, *, tried=NOTHING_TRIED, now=0.0, patience=0.0):
        return self.plan.pick(tried, self.health, self.quotas, now, patience)

    def labels(self, count):
        picks = [self.pick() for _ in range(count)]
        return [pick.candidate.account.label if isinstance(pick, Pick) else "" for pick in picks]


@pytest.mark.parametrize("cycle", ["headroom", "round-robin", "waterfall"])
def test_inside_a_credential_the_first_account_is_used_until_it_is_full(cycle):
    desk = Desk(("a", 0, 0), ("a", 1, 0), cycle=cycle, minute=None)
    assert desk.labels(4) == ["a0"] * 4
    desk.quotas.shut(desk.pick().reservation, 30.0, 0.0)
    assert desk.labels(3) == ["a1"] * 3


def test_credentials_take_turns_whatever_the_ranks_inside_are():
    desk = Desk(("a", 0, 0), ("b", 0, 0), ("a", 1, 0), ("b", 1, 0), minute=None)
    assert desk.labels(4) == ["a0", "b0", "a0", "b0"]
    desk.quotas.shut(desk.quotas.reserve(desk.candidates["a0"], 1, 1, 0.0), 30.0, 0.0)
    assert sorted(desk.labels(4)) == ["a1", "a1", "b0", "b0"]


def test_a_lower_sort_order_is_used_up_first():
    desk = Desk(("a", 0, 0), ("b", 0, 1))
    assert desk.labels(7) == ["a0"] * 3 + ["b0"] * 3 + [""]


def test_of_accounts_with_equal_room_the_longest_unused_is_next():
    """Also where all of them are asked in one instant, and where nothing is known of any limit."""
    desk = Desk(*((name, 0, 0) for name in "abc"), minute=None)
    assert desk.labels(7) == ["a0", "b0", "c0", "a0", "b0", "c0", "a0"]


def learnt(desk, label, now):
    """Two calls went through, and the third was refused without a word."""
    candidate = desk.candidates[label]
    for at in (now - 2.0, now - 1.0):
        desk.quotas.reserve(candidate, 10, None, at)
    refused = desk.quotas.reserve(candidate, 10, None, now)
    refused.release(now)
    desk.quotas.shut(refused, None, now)


def test_what_is_only_guessed_comes_last_and_is_not_shut():
    desk = Desk(("a", 0, 0), ("b", 0, 0), minute=None)
    learnt(desk, "a0", 10.0)
    assert {desk.pick(now=15.0).candidate.account.label for _ in range(5)} == {"b0"}
    desk.quotas.shut(desk.pick(now=15.0).reservation, 300.0, 15.0)
    assert desk.pick(now=16.0).candidate.account.label == "a0"


def test_a_call_that_may_wait_waits_for_a_guessed_limit():
    desk = Desk(("a", 0, 0), minute=None)
    learnt(desk, "a0", 10.0)
    assert isinstance(desk.pick(now=67.0, patience=2.0), Pause)
    assert isinstance(desk.pick(now=65.0, patience=2.0), Pick)


def test_an_account_that_this_call_found_limited_is_not_its_last_resort():
    desk = Desk(("a", 0, 0), minute=None)
    learnt(desk, "a0", 10.0)
    tried = Tried(limited={desk.candidates["a0"].key})
    assert not isinstance(desk.pick(tried=tried, now=15.0), Pick)


def chosen(desk, tried, now):
    """Who is chosen with how much room, and who is out until when."""
    out = []
    ((_, (offer,)),) = desk.plan.models
    free = desk.plan.choose(offer, tried, desk.health, desk.quotas, now, out)
    return free, [(candidate, block.reason, block.until) for candidate, block in out]


@pytest.mark.parametrize("cycle", ["headroom", "round-robin", "waterfall"])
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=5, unique=True
    ),
    st.lists(st.tuples(st.floats(0.0, 30.0), st.sampled_from(["served", "refused", "refused for 9 s"])), max_size=15),
    st.none() | st.integers(1, 9),
    st.integers(0, 4),
)
def test_what_bars_nobody_here_changes_no_choice(cycle, accounts, steps, minute, stuck):
    """Whether nothing was tried and nothing is shut, or only something that is not of these accounts."""
    desk, now = Desk(*sorted(accounts, key=lambda one: (one[2], one[1])), minute=minute, cycle=cycle), 0.0
    names = list(desk.candidates.values())
    desk.plan.stuck = names[stuck].key if stuck < len(names) else None
    other = evolve(names[0], endpoint=evolve(ENDPOINT, id="n"), account=evolve(names[0].account, label="x", part="x"))
    for wait, happens in steps:
        now += wait
        usual = chosen(desk, NOTHING_TRIED, now)
        assert chosen(desk, Tried(), now) == usual
        failed = Outcome(other, now, Failure(kind="quota_exhausted", message="it is empty"), ended=now)
        desk.health.opened(other, now)
        desk.health.observe(failed, now)
        assert desk.health.gates
        assert chosen(desk, NOTHING_TRIED, now) == usual
        desk.health.gates.clear()
        pick = desk.pick(now=now)
        if isinstance(pick, Pick) and happens != "served":
            pick.reservation.release(now)
            desk.quotas.shut(pick.reservation, 9.0 if happens.endswith("s") else None, now)
