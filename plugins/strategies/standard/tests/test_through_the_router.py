"""The whole way: named in the configuration, in a row, fed by what calls met at simulated providers in virtual time."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from random import Random

import pytest

from taxiway import Router
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock

MODEL = "acme/model-1"
QUICK, SLOW = {"first_token": "50ms", "tokens_per_second": 1000}, {"first_token": "2s", "tokens_per_second": 20}


def provider(slug, price, pace=QUICK, **more):
    """A simulated provider of the model, at this price in USD per million tokens."""
    model = {"id": "model-1", "slug": MODEL, "price": {"input": price, "output": price}}
    return {"use": "simulator", "slug": slug, "pace": pace, "models": [model], **more}


@asynccontextmanager
async def router(strategy, *providers, **strategies):
    config = {"routing": {"strategy": strategy}, "strategies": strategies, "providers": list(providers)}
    async with Router.from_dict(config, environment={}, clock=VirtualClock(), random=Random(1)) as made:
        yield made


async def served(router, text="Hello"):
    """Who serves a streamed call."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": text}]}
    chunks = [chunk async for chunk in router.stream(**body)]
    return chunks[0]["provider"].lower()


async def order(router):
    """Who would be tried, in this order, and why."""
    plan = await router.explain(model=MODEL, messages=[{"role": "user", "content": "Hello"}])
    return {row.provider: row.reason for row in plan.rows}


@virtual_time
async def test_equal_scores_go_to_the_next_strategy():
    async with router(["uptime", "price"], provider("dear", 3), provider("cheap", 1), provider("middle", 2)) as up:
        assert [await served(up) for _ in range(5)] == ["cheap"] * 5
        assert list(await order(up)) == ["cheap", "middle", "dear"]


@virtual_time
async def test_the_first_strategy_goes_before_the_next_one():
    fails = [{"kind": "server_error", "share": 0.5}]
    async with router(["uptime", "price"], provider("dear", 3), provider("cheap", 1, faults=fails)) as up:
        for _ in range(20):
            assert await served(up) in {"cheap", "dear"}
        assert [await served(up) for _ in range(5)] == ["dear"] * 5
        assert "succeeded" in (await order(up))["cheap"] or "outage" in (await order(up))["cheap"]


@virtual_time
@pytest.mark.parametrize("strategy", ["latency", "throughput"])
async def test_the_faster_one_serves_once_it_is_known(strategy):
    async with router([strategy, "price"], provider("slow", 1, SLOW), provider("quick", 2)) as fast:
        for _ in range(60):
            await served(fast)
            await asyncio.sleep(1)
        found = Counter([await served(fast) for _ in range(20)])
        assert found["quick"] >= 18
        assert list(await order(fast)) == ["quick", "slow"]


@virtual_time
async def test_calls_go_where_the_fewest_are_under_way():
    async with router(["least-busy", "price"], provider("one", 1, SLOW), provider("two", 2, SLOW)) as even:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(served(even)) for _ in range(10)]
        assert Counter(task.result() for task in tasks) == {"one": 5, "two": 5}


@virtual_time
async def test_adjusted_learns_how_long_replies_are_and_what_time_costs():
    options = {"dollars_per_hour": 10.0}
    async with router("adjusted", provider("slow", 1, SLOW), provider("quick", 2), adjusted=options) as wise:
        before = await order(wise)
        assert list(before) == ["slow", "quick"]
        for _ in range(80):
            await served(wise)
            await asyncio.sleep(0.5)
        assert list(await order(wise)) == ["quick", "slow"]
        assert [await served(wise) for _ in range(5)] == ["quick"] * 5


@virtual_time
async def test_a_bandit_finds_what_is_best_and_goes_on_exploring():
    providers = (
        provider("slow", 1, SLOW),
        provider("quick", 2),
        provider("fails", 1, faults=[{"kind": "server_error"}]),
    )
    async with router("bandit", *providers, bandit={"dollars_per_hour": 20.0, "explore": 0.1}) as learns:
        for _ in range(100):
            await served(learns)
            await asyncio.sleep(0.5)
        found = Counter([await served(learns) for _ in range(200)])
        assert found["quick"] / 200 > 0.88
        assert found["slow"] > 0
        assert all("loss" in reason or "drawn" in reason for reason in (await order(learns)).values())


@virtual_time
async def test_a_conversation_stays_on_its_side_of_a_canary():
    providers = (provider("old", 1), provider("new", 2))
    async with router(["canary", "price"], *providers, canary={"to": "new", "share": 0.3}) as both:
        first = {f"talk {number}": await served(both, f"talk {number}") for number in range(100)}
        assert 15 <= Counter(first.values())["new"] <= 45
        for text, side in first.items():
            assert await served(both, text) == side


@virtual_time
async def test_a_canary_may_be_a_model_of_a_name_of_ones_own():
    def offers(slug, *models):
        return {
            "use": "simulator",
            "slug": slug,
            "name": slug,
            "pace": QUICK,
            "models": [{"id": one, "slug": f"acme/{one}"} for one in models],
        }

    config = {
        "providers": [offers("one", "old", "new"), offers("two", "old")],
        "models": {"team/assistant": {"try": ["acme/old", "acme/new"], "strategy": ["canary", "price"]}},
        "strategies": {"canary": {"to": "acme/new", "share": 0.3}},
    }
    async with Router.from_dict(config, environment={}, clock=VirtualClock(), random=Random(1)) as both:
        sides = Counter()
        for number in range(100):
            body = {"model": "team/assistant", "messages": [{"role": "user", "content": f"talk {number}"}]}
            models = {(await both.chat(**body))["model"] for _ in range(2)}
            assert len(models) == 1
            sides[models.pop()] += 1
    assert set(sides) == {"acme/old", "acme/new"}
    assert 15 <= sides["acme/new"] <= 45
