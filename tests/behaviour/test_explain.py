"""Explaining a plan changes nothing of the next one."""

import httpx
from attrs import evolve
from doors import gateway
from simulated import BODY, KEYS, MODEL, over_http, over_sim

from taxiway.converter import structure
from taxiway.explain import Explanation
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


@virtual_time
async def test_printed_it_is_a_table_with_every_candidate():
    async with over_sim() as bench:
        told = await bench.router.explain(**{**BODY, "provider": {"ignore": ["second"]}})
        headline, _, columns, *rows = str(told).splitlines()
        assert headline.startswith(f"{MODEL}: strategy balanced")
        assert columns.split()[:3] == ["place", "model", "endpoint"]
        assert [row.split()[0] for row in rows] == ["1", "2", "3", "out"]
        assert "provider.ignore" in rows[-1]
        assert told.rows[-1].excluded_by == "allowed_providers"
        assert structure(told.to_json(), Explanation) == told


async def test_the_gateway_explains_any_dialect_as_json_and_as_text(tmp_path, monkeypatch):
    for number, key in enumerate(KEYS, 1):
        monkeypatch.setenv(f"SIMULATED_{number}", key)
    async with over_http(data_dir=tmp_path) as bench, gateway(bench.router) as served, httpx.AsyncClient() as client:
        fields = {"authorization": f"Bearer {served.key}"}
        url = f"{served.base_url}/explain"
        told = await client.post(url, json=BODY, headers=fields)
        rows = told.json()["rows"]
        assert [row["place"] for row in rows] == [1, 2, 3, 4, None, None, None]
        assert {row["endpoint"] for row in rows[4:]} == {"openai/priority"}
        body = {"model": MODEL, "input": "Hello"}
        text = await client.post(
            url, json=body, headers={**fields, "accept": "text/plain"}, params={"dialect": "responses"}
        )
        assert text.text.startswith(f"{MODEL}: strategy balanced")
        wrong = await client.post(url, json=body, headers=fields, params={"dialect": "latin"})
        assert wrong.status_code == 400
        assert "responses" in wrong.json()["error"]["message"]
        assert not bench.first.log


@virtual_time
async def test_each_strategy_s_score_is_told():
    async with over_sim(routing={"strategy": ["uptime", "price"]}) as bench:
        rows = (await bench.router.explain(**{**BODY, "provider": {}})).rows
        assert all(len(row.scores) == 2 for row in rows)
        assert [row.scores for row in rows] == sorted(row.scores for row in rows)
        assert all(row.scores[1] == row.price for row in rows)
