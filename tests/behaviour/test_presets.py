"""Presets of the configuration, asked for by clients of every dialect."""

import anthropic
import httpx
import openai
import pytest
from doors import gateway
from upstream import Upstream

from taxiway.errors import ConfigError, InvalidRequest
from taxiway.records import generation_of
from taxiway.router import Router

MODEL, SMALL = "openai/gpt-4o", "openai/gpt-4o-mini"
HELLO = [{"role": "user", "content": "Hello"}]
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
SUPPORT = {
    "name": "Support",
    "model": SMALL,
    "provider": {"only": ["a"]},
    "temperature": 0.2,
    "max_tokens": 50,
    "tools": [TOOL],
    "system_prompt": "Be brief.",
}


def config(url, **presets):
    models = [{"slug": model, "id": model.partition("/")[2]} for model in (MODEL, SMALL)]
    return {
        "providers": [{"use": "openai-compatible", "slug": "a", "base_url": url, "models": models}],
        "credentials": [{"provider": "a", "key": "env:KEY_A"}],
        "presets": {"support": SUPPORT, **presets},
    }


@pytest.fixture
async def served(monkeypatch, tmp_path):
    monkeypatch.setenv("KEY_A", "sk-key-a-secret")
    async with (
        Upstream("sk-key-a-secret").serving() as upstream,
        Router.from_dict(config(upstream.url), gateway=True, data_dir=tmp_path) as router,
        gateway(router) as door,
    ):
        yield upstream, door


def asked(upstream):
    body = upstream.requests[-1].body
    return body["model"], body["messages"], body.get("temperature"), body["tools"][0]["function"]["name"]


WHOLE = ("gpt-4o-mini", [{"role": "system", "content": "Be brief."}, *HELLO], 0.2, "look_up")


@pytest.mark.parametrize("named", [{"model": "@preset/support"}, {"preset": "support"}])
async def test_chat_clients_name_a_preset_in_either_way(served, named):
    upstream, door = served
    reply = await door.router.chat(**named, messages=HELLO)
    assert reply["model"] == SMALL
    assert asked(upstream) == WHOLE
    client = openai.AsyncOpenAI(base_url=door.base_url, api_key=door.key, max_retries=0)
    async with client:
        body = {"model": None, **named, "messages": HELLO}
        await client.post("/chat/completions", body=body, cast_to=object)
        assert asked(upstream) == WHOLE
        await client.chat.completions.create(model=f"{MODEL}@preset/support", messages=HELLO, temperature=1)
    assert asked(upstream) == ("gpt-4o", WHOLE[1], 1, "look_up")


async def test_claude_clients_get_the_whole_preset(served):
    upstream, door = served
    claude = anthropic.AsyncAnthropic(base_url=door.base_url.removesuffix("/v1"), api_key=door.key, max_retries=0)
    async with claude:
        reply = await claude.messages.create(model="@preset/support", max_tokens=9, messages=HELLO)
        assert reply.model == SMALL
        assert asked(upstream) == WHOLE
        own = {"name": "mine", "input_schema": {"type": "object"}}
        await claude.messages.create(
            model=f"{MODEL}@preset/support", max_tokens=9, system="Be long.", messages=HELLO, tools=[own]
        )
        count = await claude.messages.count_tokens(model="@preset/support", messages=HELLO)
    sent = upstream.requests[-1].body
    assert (sent["model"], sent["messages"][0]["content"]) == ("gpt-4o", "Be long.")
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["look_up", "mine"]
    assert sent.get("max_completion_tokens", sent.get("max_tokens")) == 9
    assert count.input_tokens > 0


async def test_clients_of_the_responses_api_and_of_google_get_it_too(served):
    upstream, door = served
    google = door.base_url.removesuffix("/api/v1") + "/v1beta/models/"
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {door.key}"}) as client:
        reply = await client.post(f"{door.base_url}/responses", json={"model": "@preset/support", "input": "Hello"})
        assert reply.json()["model"] == SMALL
        assert asked(upstream) == WHOLE
        contents = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
        reply = await client.post(f"{google}@preset/support:generateContent", json=contents)
        assert reply.json()["modelVersion"] == SMALL
        assert asked(upstream) == WHOLE
        reply = await client.post(f"{google}{MODEL}:generateContent", json={**contents, "preset": "support"})
        assert reply.json()["modelVersion"] == MODEL
        assert asked(upstream) == ("gpt-4o", *WHOLE[1:])


async def test_a_preset_that_is_not_there_is_the_clients_mistake_in_every_dialect(served):
    upstream, door = served
    bodies = {
        "chat/completions": {"messages": HELLO},
        "messages": {"messages": HELLO},
        "responses": {"input": "Hello"},
        "embeddings": {"input": "Hello"},
    }
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {door.key}"}) as client:
        for route, body in bodies.items():
            for named in ({"model": "@preset/suport"}, {"model": MODEL, "preset": "suport"}):
                reply = await client.post(f"{door.base_url}/{route}", json={**body, **named})
                assert (reply.status_code, "there is no preset" in reply.text) == (400, True)
    assert not upstream.requests


async def test_presets_are_listed(served):
    _, door = served
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {door.key}"}) as client:
        listed = (await client.get(f"{door.base_url}/presets")).json()
        one = (await client.get(f"{door.base_url}/presets/support")).json()
        assert (await client.get(f"{door.base_url}/presets/other")).status_code == 404
    assert (listed["total_count"], listed["data"]) == (1, [one["data"]])
    version = one["data"]["designated_version"]
    assert (version["system_prompt"], version["config"]["temperature"]) == ("Be brief.", 0.2)


async def test_the_generation_says_that_a_preset_was_put_in(served, monkeypatch):
    _, door = served
    kept = []
    monkeypatch.setattr(door.router.engine.journal, "ended", lambda row: kept.append(generation_of(row)))
    claude = anthropic.AsyncAnthropic(base_url=door.base_url.removesuffix("/v1"), api_key=door.key, max_retries=0)
    async with claude:
        await claude.messages.create(model="@preset/support", max_tokens=9, messages=HELLO)
    assert "preset" in kept[-1].applied


async def test_explaining_knows_presets(served):
    _, door = served
    told = await door.router.explain(model="@preset/support", messages=HELLO)
    assert told.models == (SMALL,)


def test_what_is_wrong_in_a_preset_is_found_with_all_else():
    wrong = {"temperature": 9, "model": MODEL}
    with pytest.raises(ConfigError) as refused:
        Router.from_dict(config("http://127.0.0.1:1/v1", hot=wrong, typo={"temprature": 1}))
    assert [problem.path for problem in refused.value.problems] == [
        "presets.hot.temperature",
        "presets.typo.temprature",
    ]


async def test_without_any_preset_naming_one_says_how_they_are_written():
    async with Router.from_dict({}, environment={}) as router:
        for body in ({"model": "@preset/support"}, {"model": "test/echo", "preset": "support"}):
            with pytest.raises(InvalidRequest, match=r"written as \[presets.slug\]"):
                await router.chat(**body, messages=HELLO)
