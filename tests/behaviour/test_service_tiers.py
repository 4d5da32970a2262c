"""Service tiers: endpoints of their own, which only who asks for them gets, and what is sent then."""

import contextlib

import anthropic
import pytest
from doors import gateway
from upstream import Answer, Upstream

from taxiway.router import Router

MODEL = "openai/gpt-4o"
HELLO = [{"role": "user", "content": "Hello"}]


@contextlib.asynccontextmanager
async def served(monkeypatch, *, tiers, **around):
    """A provider with one model that may run at some tiers: `tiers` is what the configuration says of them."""
    monkeypatch.setenv("KEY_A", "sk-key-a-secret")
    async with Upstream("sk-key-a-secret").serving() as upstream:
        model = {"slug": MODEL, "id": "gpt-4o", "price": {"input": 1.0, "output": 2.0}}
        config = {
            "providers": [{"use": "openai-compatible", "slug": "a", "base_url": upstream.url, "models": [model]}],
            "credentials": [{"provider": "a", "key": "env:KEY_A"}],
            "models": {"a/gpt-4o": {"tiers": tiers}},
        }
        async with Router.from_dict(config, **around) as router:
            yield router, upstream


BOTH = {"flex": {"price": {"input": 0.5, "output": 1.0}}, "priority": {"price": {"input": 2.0, "output": 4.0}}}


@pytest.mark.parametrize(
    ("asks", "tried"),
    [
        ({}, ["a"]),
        ({"service_tier": "default"}, ["a"]),
        ({"service_tier": "auto"}, ["a"]),
        ({"service_tier": "priority"}, ["a/priority", "a"]),
        ({"service_tier": "fast"}, ["a/priority", "a"]),
        ({"service_tier": "flex"}, ["a/flex"]),
        ({"provider": {"order": ["a/priority"]}}, ["a/priority", "a"]),
        ({"provider": {"only": ["a/flex"]}}, ["a/flex"]),
        ({"provider": {"only": ["a"]}}, ["a"]),
        ({"model": f"{MODEL}:floor"}, ["a/flex", "a"]),
        ({"model": f"{MODEL}:floor", "service_tier": "default"}, ["a"]),
        ({"model": f"{MODEL}:nitro", "provider": {"order": ["a"]}}, ["a"]),
    ],
)
async def test_a_tier_serves_who_asks_for_it_by_any_of_its_names(monkeypatch, asks, tried):
    async with served(monkeypatch, tiers=BOTH) as (router, _):
        rows = (await router.explain(**{"model": MODEL, "messages": HELLO, **asks})).rows
        assert [row.endpoint for row in rows if row.place] == tried


async def test_nitro_lets_priority_in_beside_the_usual_tier(monkeypatch):
    async with served(monkeypatch, tiers=BOTH) as (router, _):
        rows = (await router.explain(model=f"{MODEL}:nitro", messages=HELLO)).rows
        assert {row.endpoint for row in rows if row.place} == {"a", "a/priority"}


@pytest.mark.parametrize(
    ("asks", "sent", "cost"),
    [
        ({}, None, 1),
        ({"service_tier": "priority"}, "priority", 2),
        ({"service_tier": "flex"}, "flex", 0.5),
        ({"model": f"{MODEL}:floor"}, "flex", 0.5),
        ({"provider": {"only": ["a/priority"]}}, "priority", 2),
    ],
)
async def test_the_tier_is_sent_and_costs_what_it_costs(monkeypatch, asks, sent, cost):
    async with served(monkeypatch, tiers=BOTH) as (router, upstream):
        usual = (await router.chat(model=MODEL, messages=HELLO))["usage"]["cost"]
        reply = await router.chat(**{"model": MODEL, "messages": HELLO, **asks})
        assert upstream.requests[-1].body.get("service_tier") == sent
        assert reply["usage"]["cost"] == pytest.approx(usual * cost)


async def test_where_priority_has_no_room_the_usual_tier_serves_at_its_own_price(monkeypatch):
    async with served(monkeypatch, tiers={"priority": {}}) as (router, upstream):
        upstream.script(Answer(503, {"error": {"message": "busy"}}))
        reply = await router.chat(model=MODEL, messages=HELLO, service_tier="priority")
        assert [request.body["service_tier"] for request in upstream.requests] == ["priority", "default"]
        assert reply["usage"]["cost"] > 0


async def test_a_tier_whose_price_is_not_known_says_no_cost(monkeypatch):
    async with served(monkeypatch, tiers={"priority": {}}) as (router, _):
        reply = await router.chat(model=MODEL, messages=HELLO, service_tier="priority")
        assert "cost" not in reply["usage"]


async def test_a_provider_that_declares_no_tiers_gets_what_the_client_said(monkeypatch):
    async with served(monkeypatch, tiers={}) as (router, upstream):
        await router.chat(model=MODEL, messages=HELLO, service_tier="flex")
        assert upstream.requests[-1].body["service_tier"] == "flex"


async def test_clients_of_other_dialects_reach_a_tier_by_a_name(monkeypatch, tmp_path):
    async with (
        served(monkeypatch, tiers=BOTH, gateway=True, data_dir=tmp_path) as (router, upstream),
        gateway(router) as door,
    ):
        claude = anthropic.AsyncAnthropic(base_url=door.base_url.removesuffix("/v1"), api_key=door.key, max_retries=0)
        async with claude:
            await claude.messages.create(model=f"{MODEL}:floor", max_tokens=9, messages=HELLO)
        assert upstream.requests[-1].body["service_tier"] == "flex"
