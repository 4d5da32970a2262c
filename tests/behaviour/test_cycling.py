"""Keys cycled past their limits: what a hundred per cent of their summed quota looks like, where nobody configured a limit."""

import asyncio
from collections import Counter
from random import Random

import pytest
from attrs import Factory, define
from simulated import FAST, MODEL

from taxiway import Router
from taxiway.errors import ConfigError
from taxiway.outcome import CallError
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock

TOLD = ("all", "refusals", "nothing")
"""What the simulated provider tells of its limits: in every reply; by refusals, when to come again; nothing at all."""
SHAPES = ("fixed", "sliding", "bucket")
LONG = "x" * 400
"""A prompt of 100 tokens."""


@define
class Run:
    """What the provider saw, by minute, and how many calls failed at the client. `by_key`: served, in all."""

    served: Counter[int] = Factory(Counter)
    refused: Counter[int] = Factory(Counter)
    by_key: Counter[str] = Factory(Counter)
    failed: int = 0

    @property
    def later(self) -> float:
        """The share of requests after the first minute that were refused."""
        refused = self.refused.total() - self.refused[0]
        return refused / (refused + self.served.total() - self.served[0])


def a_router(quotas, clock, *, pace=FAST, accounts=(), **routing):
    """One provider, a key for each quota."""
    keys = [
        {"key": f"simulated-key-{n}", "quota": quota, "account": accounts[n] if accounts else ""}
        for n, quota in enumerate(quotas)
    ]
    provider = {
        "use": "simulator", "slug": "openai", "keys": keys, "pace": pace, "quota": {"shape": quotas[0].get("shape", "fixed")},
        "models": [{"id": "gpt-4o-mini", "slug": MODEL, "price": {"input": 0.15, "output": 0.6}}],
    }  # fmt: skip
    credentials = [
        {"provider": "openai", "label": f"key-{n}", "settings": {"key": key["key"]}} for n, key in enumerate(keys)
    ]
    return Router.from_dict(
        {"providers": [provider], "credentials": credentials, "routing": {"wait": "2s", **routing}},
        clock=clock, random=Random(1),
    )  # fmt: skip


async def offered(quotas, a_minute, minutes, *, prompt="reply exactly: one two", **more) -> Run:
    """Offer calls evenly, and say what came of them."""
    run, loop = Run(), asyncio.get_running_loop()
    async with a_router(quotas, VirtualClock(), **more) as router, asyncio.TaskGroup() as group:

        async def ask():
            try:
                await router.chat(model=MODEL, messages=[{"role": "user", "content": prompt}])
            except CallError:
                run.failed += 1

        began = loop.time()
        for number in range(a_minute * minutes):
            await asyncio.sleep(began + number * 60 / a_minute - loop.time())
            group.create_task(ask())
        await asyncio.sleep(5)
        simulation = router.snapshot.providers["openai"].simulation
        for seen in simulation.log:
            by_minute = run.served if seen.status == 200 else run.refused
            by_minute[int(seen.at - simulation.started) // 60] += 1
            run.by_key[seen.key] += seen.status == 200
    return run


def quotas_of(told, shape, *limits, unit="requests"):
    return [{unit: limit, "window": "1m", "shape": shape, "tells": told} for limit in limits]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("told", TOLD)
@virtual_time
async def test_five_keys_give_five_times_the_quota(told, shape):
    run = await offered(quotas_of(told, shape, *[60] * 5), 300, 4)
    assert run.failed == 0
    assert run.served.total() == 4 * 300
    assert run.later < 0.01


@pytest.mark.parametrize("told", TOLD)
@virtual_time
async def test_so_they_do_where_tokens_are_what_is_limited(told):
    run = await offered(quotas_of(told, "fixed", *[6000] * 5, unit="tokens"), 300, 4, prompt=LONG)
    assert run.failed == 0
    assert run.served.total() == 4 * 300
    assert run.later < 0.01


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("told", TOLD)
@virtual_time
async def test_keys_of_different_limits_are_used_to_the_full_each(told, shape):
    """Evenly used they would be refused: what each allows is learnt, from headers or from refusals."""
    run = await offered(quotas_of(told, shape, 30, 45, 60, 75, 90), 295, 3)
    assert run.failed == 0
    assert run.later < 0.01
    assert run.by_key["key-5"] > 2.4 * run.by_key["key-1"]


@pytest.mark.parametrize("shape", ["fixed", "sliding"])
@pytest.mark.parametrize("told", TOLD)
@virtual_time
async def test_more_than_all_keys_allow_is_not_sent(told, shape):
    """Who asks for a fifth too much gets nearly all that there is, and the provider is hardly bothered."""
    run = await offered(quotas_of(told, shape, *[60] * 5), 360, 4)
    assert run.served.total() >= 0.98 * 4 * 300
    assert run.later < 0.02


@pytest.mark.parametrize("told", TOLD[:2])
@virtual_time
async def test_keys_that_are_out_for_the_day_are_left_alone(told):
    day = [{"requests": limit, "window": "24h", "tells": told} for limit in (5, 8)]
    run = await offered([*day, *quotas_of(told, "fixed", *[60] * 3)], 180, 5)
    assert run.failed == 0
    # Each of them is refused once at most: by that one reply it is known when its day is over.
    assert run.refused.total() <= 2
    assert run.refused.total() == run.refused[0]
    assert run.by_key["key-1"] <= 5


@virtual_time
async def test_replies_that_take_long_spoil_nothing():
    slow = {"first_token": "800ms", "spread": 0.4, "tokens_per_second": 50}
    run = await offered(quotas_of("all", "sliding", *[60] * 5), 300, 4, pace=slow)
    assert (run.failed, run.served.total()) == (0, 4 * 300)
    assert run.later < 0.01


@virtual_time
async def test_a_call_that_may_not_wait_still_gets_what_a_guess_would_deny():
    """The provider begins its minute anew, which it does not say: nobody is turned away because of what is only guessed."""
    clock = VirtualClock()
    async with a_router(quotas_of("nothing", "fixed", 10), clock, wait=0.0) as router:
        ask = {"model": MODEL, "messages": [{"role": "user", "content": "reply exactly: x"}]}
        await router.chat(**ask)
        await asyncio.sleep(50)
        for _ in range(9):
            await router.chat(**ask)
        with pytest.raises(CallError):
            await router.chat(**ask)
        await asyncio.sleep(12)
        for _ in range(10):
            await router.chat(**ask)


SAY = {"model": MODEL, "messages": [{"role": "user", "content": "reply exactly: x"}]}


async def spread(count, quotas, **routing):
    """Ask one call after the other: which keys served, in order."""
    async with a_router(quotas, VirtualClock(), **routing) as router:
        for _ in range(count):
            await router.chat(**SAY)
        return [seen.key.removeprefix("key-") for seen in router.snapshot.providers["openai"].simulation.log]


@pytest.mark.parametrize(
    ("cycle", "order"),
    [
        ("headroom", "123331"),
        ("round-robin", "123123"),
        ("waterfall", "111223"),
        ({"openai": "waterfall"}, "111223"),
        ({"default": "waterfall", "openai": "headroom"}, "123331"),
    ],
)
@virtual_time
async def test_how_keys_take_turns_is_said_for_all_or_for_one_provider(cycle, order):
    assert "".join(await spread(6, quotas_of("all", "fixed", 3, 2, 9), cycle=cycle)) == order


@virtual_time
async def test_a_plan_says_what_was_learnt_and_of_whom():
    async with a_router(quotas_of("nothing", "fixed", 2, 2), VirtualClock(), wait=0.0) as router:
        for _ in range(4):
            await router.chat(**SAY)
        with pytest.raises(CallError):
            await router.chat(**SAY)
        await asyncio.sleep(5)
        told = await router.explain(**SAY)
        assert told.cycle == "headroom"
        assert [row.reason for row in told.rows] == ["its learnt limit has 0 of 2 requests left"] * 2


def test_a_provider_that_is_misspelt_in_cycle_is_an_error():
    with pytest.raises(ConfigError, match=r"routing.cycle.opnai: .*did you mean \"openai\""):
        Router.from_dict({"routing": {"cycle": {"opnai": "waterfall"}}, "simulator": {}})


async def shared(accounts, shape, a_minute, minutes):
    """Serve calls at random moments: whom each key is found to share its quota with, and what its plan says."""
    random, found = Random(3), {}
    async with a_router(quotas_of("all", shape, *[60] * len(accounts)), VirtualClock(), accounts=accounts) as router:
        async with asyncio.TaskGroup() as group:
            for _ in range(a_minute * minutes):
                group.create_task(router.chat(**SAY))
                await asyncio.sleep(random.expovariate(a_minute / 60))
        for row in (await router.explain(**SAY)).rows:
            found[row.account] = row.shares
        await router.reload_keys()
        assert {row.shares for row in (await router.explain(**SAY)).rows} == {()}, "other keys may be there now"
    return found


@pytest.mark.parametrize("shape", ["fixed", "bucket"])
@virtual_time
async def test_two_keys_that_draw_from_one_quota_are_noticed_and_told(shape):
    assert await shared(["one", "one", "", "", ""], shape, 180, 5) == {
        "key-0": ("key-1",), "key-1": ("key-0",), "key-2": (), "key-3": (), "key-4": (),
    }  # fmt: skip


@virtual_time
async def test_keys_that_all_draw_from_one_quota_are_noticed():
    found = await shared(["one"] * 3, "fixed", 45, 8)
    assert [len(others) for others in found.values()] == [2, 2, 2]


@pytest.mark.parametrize("shape", SHAPES)
@virtual_time
async def test_keys_with_quotas_of_their_own_are_not_taken_for_one(shape):
    assert set((await shared([""] * 4, shape, 180, 6)).values()) == {()}
