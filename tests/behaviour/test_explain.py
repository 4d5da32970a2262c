"""Explaining a plan changes nothing of the next one."""

from attrs import evolve
from simulated import BODY, MODEL, over_sim

from taxiway.money import Price
from taxiway.testing.virtual import virtual_time


@virtual_time
async def test_explaining_takes_no_turn():
    async with over_sim(routing={"cycle": "round-robin"}) as bench:

        async def first():
            return (await bench.router.explain(**BODY)).rows[0].account

        served = []
        for _ in range(3):
            expected = await first()
            assert await first() == expected
            await bench.router.chat(**BODY)
            assert bench.first.log[-1].key == expected
            served.append(expected)
        assert len(set(served)) == 3


@virtual_time
async def test_an_endpoint_that_no_strategy_ranked_says_why_it_stands_where_it_stands():
    async with over_sim() as bench:
        assert {row.reason for row in (await bench.router.explain(**BODY)).rows} == {"as provider.order says"}
        only = {**BODY, "provider": {"only": ["second"]}}
        rows = (await bench.router.explain(**only)).rows
        assert [row.reason for row in rows if row.place] == ["there was nothing to choose"]


@virtual_time
async def test_without_a_strategy_the_cheapest_comes_first():
    async with over_sim() as bench:
        snapshot = bench.router.snapshot
        offers = [
            evolve(offer, endpoint=evolve(offer.endpoint, price=Price(input=price, output=price)))
            for offer, price in zip(snapshot.offers["default"][MODEL], (2.0, 1.0), strict=True)
        ]
        bench.router.engine.snapshot = evolve(snapshot, strategies=(), offers={"default": {MODEL: tuple(offers)}})
        rows = (await bench.router.explain(**{**BODY, "provider": {}})).rows
        assert [row.provider for row in rows] == ["second", "openai", "openai", "openai"]


@virtual_time
async def test_an_own_name_goes_past_a_model_that_nobody_serves():
    own = {"team/fast": {"try": ["nobody/serves-this", MODEL]}}
    async with over_sim(models=own) as bench:
        rows = (await bench.router.explain(**{**BODY, "model": "team/fast"})).rows
        assert {row.model for row in rows} == {MODEL}
