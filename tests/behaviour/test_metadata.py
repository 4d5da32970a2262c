"""`openrouter_metadata`: a client that asks for it is told how its call was routed; nobody else is."""

import httpx
import pytest
from doors import gateway
from openrouter import OpenRouter
from simulated import BODY, EXACT, KEYS, MODEL, over_http

from taxiway import Router

ASKING = {"X-OpenRouter-Metadata": "Enabled"}
BROKEN = {"kind": "server_error"}


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    for number, key in enumerate(KEYS, 1):
        monkeypatch.setenv(f"SIMULATED_{number}", key)


@pytest.fixture
def post_to():
    async def ask(credentials):
        async with over_http() as usual:
            settings = {"base_url": usual.router.built.credentials[0].settings["base_url"]}
            own = [{**one, "settings": settings} for one in credentials]
            router = Router.from_dict({"credentials": own})
            async with router, gateway(router) as served, httpx.AsyncClient() as client:
                fields = {"authorization": f"Bearer {served.key}", **ASKING}
                return await client.post(f"{served.base_url}/chat/completions", json=BODY, headers=fields)

    return ask


@pytest.fixture
async def post(tmp_path):
    async with (
        over_http(BROKEN, data_dir=tmp_path) as bench,
        gateway(bench.router) as served,
        httpx.AsyncClient() as client,
    ):

        async def ask(path="/chat/completions", headers=ASKING, **more):
            fields = {"authorization": f"Bearer {served.key}", **headers}
            return await client.post(served.base_url + path, json={**BODY, **more}, headers=fields)

        yield ask


async def test_a_reply_tells_of_every_attempt(post):
    told = (await post()).json()["openrouter_metadata"]
    assert told["requested"] == MODEL
    assert told["strategy"] == "direct"
    assert told["attempt"] == len(told["attempts"]) > 1
    assert [one["status"] for one in told["attempts"]] == [500] * (told["attempt"] - 1) + [200]
    assert told["is_byok"] is True
    chosen = [one for one in told["endpoints"]["available"] if one["selected"]]
    assert told["endpoints"]["total"] == 2
    assert [one["provider"] for one in chosen] == ["second"]
    assert "second" in told["summary"]


@pytest.mark.parametrize("headers", [{}, {"X-OpenRouter-Metadata": "yes"}, {"X-OpenRouter-Metadata": "disabled"}])
async def test_who_does_not_ask_is_not_told(post, headers):
    assert "openrouter_metadata" not in (await post(headers=headers)).json()


@pytest.mark.parametrize(
    ("path", "held", "more"),
    [
        ("/chat/completions", lambda event: event, {}),
        ("/messages", lambda event: event, {"max_tokens": 50}),
        ("/responses", lambda event: event["response"], {"input": f"reply exactly: {EXACT}"}),
    ],
)
async def test_a_stream_tells_at_its_end_in_every_dialect(post, path, held, more):
    lines = (await post(path, stream=True, **more)).text.splitlines()
    events = [httpx.Response(200, text=line[6:]).json() for line in lines if line.startswith("data: {")]
    assert held(events[-1])["openrouter_metadata"]["attempts"][-1]["status"] == 200
    assert not any("openrouter_metadata" in str(event) for event in events[:-1])


@pytest.mark.parametrize(
    ("name", "strategy"),
    [(f"{MODEL}:floor", "direct"), ("taxiway/auto", "auto"), ("openrouter/auto:floor", "auto"), ("team/mini", "alias")],
)
async def test_the_way_from_the_name_to_the_model_is_told(name, strategy):
    own = {"taxiway/auto": {"try": [MODEL], "strategy": "price"}, "team/mini": {"try": [MODEL]}}
    async with over_http(models=own) as bench, gateway(bench.router) as served, httpx.AsyncClient() as client:
        fields = {"authorization": f"Bearer {served.key}", **ASKING}
        reply = await client.post(f"{served.base_url}/chat/completions", json={**BODY, "model": name}, headers=fields)
        assert reply.json()["openrouter_metadata"]["strategy"] == strategy


async def test_labels_of_the_operator_s_keys_are_told_to_nobody(post_to):
    mine, theirs = {"label": "my-own"}, {"label": "the-operators", "pool": True}
    for flags, told in ((mine, "(my-own)"), (theirs, "(pool)")):
        credentials = [{"provider": "openai", "key": "env:SIMULATED_1", **flags}]
        summary = (await post_to(credentials)).json()["openrouter_metadata"]["summary"]
        assert told in summary
        assert "the-operators" not in summary


async def test_an_error_tells_too(post):
    reply = await post(provider={"only": ["openai"]})
    assert reply.status_code >= 500
    told = reply.json()["openrouter_metadata"]
    assert told["attempt"] == 0
    assert {one["status"] for one in told["attempts"]} == {500}


async def test_the_official_client_reads_it():
    async with (
        over_http() as bench,
        gateway(bench.router) as served,
        OpenRouter(api_key=served.key, server_url=served.base_url, retry_config=None) as client,
    ):
        reply = await client.chat.send_async(
            model=MODEL, messages=BODY["messages"], http_headers={"X-OpenRouter-Metadata": "enabled"}
        )
        assert reply.openrouter_metadata.attempt == 1
        assert reply.openrouter_metadata.endpoints.total == 2
