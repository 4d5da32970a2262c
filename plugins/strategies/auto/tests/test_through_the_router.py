"""The whole way: `auto` chooses among the models of a name, each at two simulated providers, in virtual time."""

from contextlib import asynccontextmanager
from random import Random

import pytest

from taxiway import Router
from taxiway.records import encoded, read
from taxiway.replan import replan
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock

MODELS = {"small": 0.1, "middle": 1.0, "big": 10.0}
CHOICES = {
    "models": [{"model": "acme/small", "up_to": 0.2}, {"model": "acme/middle", "up_to": 0.5}, {"model": "acme/big"}]
}
HARD = "Prove the theorem step by step, and debug the race condition."


def provider(slug, factor, **more):
    models = [
        {"id": name, "slug": f"acme/{name}", "price": {"input": price * factor, "output": price * factor}}
        for name, price in MODELS.items()
    ]
    pace = {"first_token": "50ms", "tokens_per_second": 1000}
    return {"use": "simulator", "slug": slug, "name": slug, "models": models, "pace": pace, **more}


@asynccontextmanager
async def router(name, *, options=CHOICES, faults=(), **table):
    config = {
        "providers": [provider("dear", 2.0, faults=list(faults)), provider("cheap", 1.0, faults=list(faults))],
        "models": {name: {"try": ["acme/big", "acme/small", "acme/middle"], **table}},
        "strategies": {"auto": options},
        "routing": {"strategy": "price"},
    }
    async with Router.from_dict(config, environment={}, clock=VirtualClock(), random=Random(1)) as made:

        async def ask(text, **more):
            reply = await made.chat(model=name, messages=[{"role": "user", "content": text}], **more)
            return reply["model"], reply["provider"]

        ask.router = made
        yield ask


@virtual_time
async def test_a_call_goes_to_the_model_for_its_complexity_and_there_as_the_next_strategy_says():
    async with router("team/auto", strategy=["auto", "price"]) as ask:
        assert await ask("Hello") == ("acme/small", "cheap")
        assert await ask("Hello", reasoning={"effort": "high"}) == ("acme/middle", "cheap")
        assert await ask(HARD, reasoning={"effort": "high"}) == ("acme/big", "cheap")
        plan = await ask.router.explain(model="team/auto", messages=[{"role": "user", "content": HARD}])
        assert [row.model for row in plan.rows] == [
            f"acme/{name}" for name in ("middle", "middle", "big", "big", "small", "small")
        ]
        assert plan.rows[0].reason.startswith("complexity 0.40: acme/middle")
        assert plan.strategies == ("auto", "price")
        other = await ask.router.explain(model="acme/big", messages=[{"role": "user", "content": HARD}])
        assert other.strategies == ("price",)


@virtual_time
async def test_where_a_model_fails_a_harder_one_answers():
    faults = [{"kind": "server_error", "model": "small"}]
    async with router("team/auto", strategy=["auto", "price"], faults=faults) as ask:
        assert await ask("Hello") == ("acme/middle", "cheap")


@virtual_time
async def test_a_rule_decides():
    options = {**CHOICES, "rules": [{"words": ["liability"], "model": "acme/big"}]}
    async with router("team/auto", strategy=["auto", "price"], options=options) as ask:
        assert await ask("What is our liability?") == ("acme/big", "cheap")


@virtual_time
@pytest.mark.parametrize("name", ["taxiway/auto", "openrouter/auto"])
async def test_the_routers_names_use_it_without_being_told_and_by_price(name):
    async with router(name, options={}) as ask:
        for _ in range(5):
            assert await ask("Hello") == ("acme/small", "cheap")
        assert await ask(HARD, reasoning={"effort": "high"}) == ("acme/big", "cheap")


@virtual_time
async def test_a_record_planned_again_gives_the_same_order_though_it_has_no_prompt():
    options = {**CHOICES, "rules": [{"words": ["liability"], "model": "acme/big"}]}
    async with router("team/auto", strategy=["auto", "price"], options=options) as ask:
        kept = []
        ask.router.engine.journal.ended = lambda row: kept.append(read(encoded(row)))
        for text, first in (("Hello", "acme/small"), (HARD, "acme/middle"), ("What is our liability?", "acme/big")):
            assert (await ask(text))[0] == first
            assert text not in str(kept[-1].figures)
            plan = await ask.router.explain(model="team/auto", messages=[{"role": "user", "content": text}])
            again = replan(kept[-1], ask.router.snapshot)
            found = [(offer.endpoint.model, offer.endpoint.provider) for _, offers in again.models for offer in offers]
            assert found == [(row.model, row.provider) for row in plan.rows]
