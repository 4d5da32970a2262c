"""What a model's name may say, through the library and the gateway, in several dialects."""

import contextlib
from random import Random

import anthropic
import httpx
import openai
import pytest
from doors import Library, Refusal, Wire, gateway
from upstream import Answer, Upstream

from taxiway.outcome import CallError
from taxiway.records import generation_of
from taxiway.router import Router
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock

MESSAGES = [{"role": "user", "content": "Hello"}]
OFFERS = {
    "a": {"openai/gpt-4o": (2.0, 8.0), "openai/gpt-4o-mini": (1.0, 4.0)},
    "b": {"openai/gpt-4o": (1.0, 4.0), "openai/gpt-4o-mini": (0.0, 0.0)},
}
CONFIG = {
    "routing": {"strategy": "order"},
    "models": {
        "team/fast": {"try": ["openai/gpt-4o", "openai/gpt-4o-mini"]},
        "team/cheap": {"try": ["openai/gpt-4o", "openai/gpt-4o-mini"], "strategy": "price"},
        "taxiway/auto": {"try": ["openai/gpt-4o", "openai/gpt-4o-mini"], "strategy": ["price"]},
        # What this provider's models do besides.
        "b/gpt-4o": {"parameters": ["web_search_options", "reasoning", "temperature"]},
    },
}


def provider(slug, upstream):
    models = [
        {"slug": model, "id": model.partition("/")[2], "price": {"input": into, "output": out}}
        for model, (into, out) in OFFERS[slug].items()
    ]
    return {"use": "openai-compatible", "slug": slug, "base_url": upstream.url, "models": models}


@contextlib.asynccontextmanager
async def two_providers(monkeypatch, **around):
    """A router in front of two providers that have two models each, and what they are."""
    async with contextlib.AsyncExitStack() as stack:
        upstreams = {}
        for slug in OFFERS:
            monkeypatch.setenv(f"KEY_{slug.upper()}", f"sk-key-{slug}-secret")
            upstreams[slug] = await stack.enter_async_context(Upstream(f"sk-key-{slug}-secret").serving())
        config = {
            **CONFIG,
            "providers": [provider(slug, upstream) for slug, upstream in upstreams.items()],
            "credentials": [{"provider": slug, "key": f"env:KEY_{slug.upper()}"} for slug in upstreams],
        }
        router = await stack.enter_async_context(Router.from_dict(config, **around))
        yield router, upstreams


@pytest.fixture(params=["library", "gateway"])
async def served(request, monkeypatch):
    async with two_providers(monkeypatch) as (router, upstreams), contextlib.AsyncExitStack() as stack:
        if request.param == "library":
            yield Library(router), upstreams, router
            return
        door = await stack.enter_async_context(gateway(router))
        client = openai.AsyncOpenAI(base_url=door.base_url, api_key=door.key, max_retries=0)
        yield Wire(await stack.enter_async_context(client)), upstreams, router


async def test_a_provider_s_own_name_of_a_model_means_it_at_every_provider(served):
    door, upstreams, _ = served
    assert (await door.chat(model="gpt-4o", messages=MESSAGES))["model"] == "openai/gpt-4o"
    upstreams["a"].script(Answer(500), Answer(500))
    assert (await door.chat(model="gpt-4o:floor", messages=MESSAGES))["model"] == "openai/gpt-4o"
    with pytest.raises(Refusal, match="gpt-5o is not a valid model ID"):
        await door.chat(model="gpt-5o", messages=MESSAGES)


async def test_the_reply_names_the_model_itself(served):
    door, _, _ = served
    for name in ("openai/gpt-4o:floor", "team/fast:nitro", "openai/gpt-4o:extended"):
        assert (await door.chat(model=name, messages=MESSAGES))["model"] == "openai/gpt-4o"


async def test_floor_asks_the_cheapest_first(served):
    door, _, _ = served
    assert (await door.chat(model="openai/gpt-4o", messages=MESSAGES))["provider"] == "a"
    assert (await door.chat(model="openai/gpt-4o:floor", messages=MESSAGES))["provider"] == "b"


async def test_free_is_served_by_who_takes_nothing(served):
    door, _, _ = served
    reply = await door.chat(model="openai/gpt-4o-mini:free", messages=MESSAGES)
    assert (reply["provider"], reply["usage"]["cost"]) == ("b", 0)
    with pytest.raises(Refusal) as refused:
        await door.chat(model="openai/gpt-4o:free", messages=MESSAGES)
    assert refused.value.status == 400
    assert "openai/gpt-4o:free is not a valid model ID" in refused.value.error["message"]


async def test_the_free_router_asks_a_free_model(served):
    door, _, _ = served
    reply = await door.chat(model="openrouter/free", messages=MESSAGES)
    assert (reply["provider"], reply["model"]) == ("b", "openai/gpt-4o-mini")


@pytest.mark.parametrize("name", ["team/cheap", "taxiway/auto", "openrouter/auto"])
async def test_models_of_a_name_with_a_strategy_are_ranked_together(served, name):
    door, upstreams, _ = served
    reply = await door.chat(model=name, messages=MESSAGES)
    assert (reply["model"], reply["provider"]) == ("openai/gpt-4o-mini", "b")
    upstreams["b"].always(Answer(503, {"error": {"message": "busy"}}))
    reply = await door.chat(model=name, messages=MESSAGES)
    assert (reply["model"], reply["provider"]) == ("openai/gpt-4o-mini", "a")


async def test_a_call_may_leave_out_models_of_a_router(served):
    door, _, _ = served
    plugin = {"id": "auto-router", "allowed_models": ["openai/*"], "excluded_models": ["*-mini"]}
    reply = await door.chat(model="openrouter/auto", messages=MESSAGES, plugins=[plugin])
    assert (reply["model"], reply["provider"]) == ("openai/gpt-4o", "b")
    with pytest.raises(Refusal) as refused:
        await door.chat(model="openrouter/auto", messages=MESSAGES, plugins=[{**plugin, "excluded_models": ["*"]}])
    assert (refused.value.status, refused.value.error["message"]) == (
        404,
        "No models match your request and model restrictions",
    )


@pytest.mark.parametrize(
    "asks", [{"model": "openai/gpt-4o:online"}, {"model": "openai/gpt-4o", "plugins": [{"id": "web"}]}]
)
async def test_online_asks_who_searches_the_web_to_search_it(served, asks):
    door, upstreams, _ = served
    reply = await door.chat(**asks, messages=MESSAGES)
    assert reply["provider"] == "b"
    assert upstreams["b"].requests[-1].body["web_search_options"] == {}
    assert not upstreams["a"].requests
    with pytest.raises(Refusal) as refused:
        await door.chat(**{**asks, "model": asks["model"].replace("4o", "4o-mini")}, messages=MESSAGES)
    assert refused.value.status == (404 if "plugins" in asks else 400)


async def test_what_is_asked_of_one_model_of_a_list_is_not_asked_of_the_next(served):
    door, upstreams, _ = served
    upstreams["b"].script(Answer(503, {"error": {"message": "busy"}}))
    reply = await door.chat(model="openai/gpt-4o:online", models=["openai/gpt-4o-mini"], messages=MESSAGES)
    assert (reply["model"], reply["provider"]) == ("openai/gpt-4o-mini", "a")
    assert "web_search_options" in upstreams["b"].requests[-1].body
    assert "web_search_options" not in upstreams["a"].requests[-1].body


async def test_what_the_body_says_itself_goes_before_the_name(served):
    door, upstreams, _ = served
    options = {"search_context_size": "low"}
    await door.chat(model="openai/gpt-4o:online", messages=MESSAGES, web_search_options=options)
    assert upstreams["b"].requests[-1].body["web_search_options"] == options


@pytest.mark.parametrize("plugin", [{"id": "web", "engine": "exa"}, {"id": "nothing-like-this"}])
async def test_a_plugin_that_is_not_built_is_refused(served, plugin):
    door, _, _ = served
    with pytest.raises(Refusal) as refused:
        await door.chat(model="openai/gpt-4o", messages=MESSAGES, plugins=[plugin])
    assert refused.value.status == 400
    assert refused.value.error["message"].startswith("plugins[0].")


async def test_a_stream_is_asked_for_by_variants_too(served):
    door, upstreams, _ = served
    chunks = await door.stream(model="openai/gpt-4o:thinking", messages=MESSAGES)
    assert {chunk["model"] for chunk in chunks} == {"openai/gpt-4o"}
    sent = [*upstreams["a"].requests, *upstreams["b"].requests][-1].body
    assert sent["reasoning_effort"] == "medium"


async def test_explaining_says_what_a_name_leaves_out(served):
    _, _, router = served
    rows = (await router.explain(model="openai/gpt-4o:online", messages=MESSAGES)).rows
    assert [(row.provider, row.place) for row in rows] == [("b", 1), ("a", None)]
    assert "is not known to search the web" in rows[-1].reason


async def test_every_dialect_takes_variants(monkeypatch, tmp_path):
    async with (
        two_providers(monkeypatch, gateway=True, data_dir=tmp_path) as (router, upstreams),
        gateway(router) as door,
    ):
        name = "openai/gpt-4o:online"
        claude = anthropic.AsyncAnthropic(base_url=door.base_url.removesuffix("/v1"), api_key=door.key, max_retries=0)
        async with claude, httpx.AsyncClient(headers={"authorization": f"Bearer {door.key}"}) as http:
            said = await claude.messages.create(model=name, max_tokens=9, messages=MESSAGES)
            assert said.model == "openai/gpt-4o"
            reply = await http.post(f"{door.base_url}/responses", json={"model": name, "input": "Hello"})
            assert reply.json()["model"] == "openai/gpt-4o"
            google = door.base_url.removesuffix("/api/v1") + f"/v1beta/models/{name}:generateContent"
            reply = await http.post(google, json={"contents": [{"parts": [{"text": "Hello"}]}]})
            assert reply.json()["modelVersion"] == "openai/gpt-4o"
        assert [request.body["web_search_options"] for request in upstreams["b"].requests] == [{}, {}, {}]


async def test_the_generation_says_what_a_name_added(monkeypatch):
    async with two_providers(monkeypatch) as (router, _):
        kept = []
        monkeypatch.setattr(router.engine.journal, "ended", lambda row: kept.append(generation_of(row)))
        await router.chat(model="openai/gpt-4o:thinking", messages=MESSAGES)
        await router.chat(model="openai/gpt-4o", messages=MESSAGES)
    assert [(one.requested, one.model, list(one.applied)) for one in kept] == [
        ("openai/gpt-4o:thinking", "openai/gpt-4o", ["reasoning"]),
        ("openai/gpt-4o", "openai/gpt-4o", []),
    ]


async def test_the_gateway_lists_what_a_name_chooses_among(monkeypatch):
    async with two_providers(monkeypatch) as (router, _), gateway(router) as door, httpx.AsyncClient() as client:
        reply = await client.get(f"{door.base_url}/models", headers={"authorization": f"Bearer {door.key}"})
        assert {"team/fast", "team/cheap", "taxiway/auto"} <= {row["id"] for row in reply.json()["data"]}


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        ("openai/gpt-4o", "direct"),
        ("openai/gpt-4o:floor", "direct"),
        ("a/gpt-4o", "direct"),
        ("team/fast", "alias"),
        ("~openai/gpt-mini-latest", "latest"),
        ("openrouter/auto", "auto"),
        ("taxiway/auto:nitro", "auto"),
        ("openrouter/free", "free"),
    ],
)
async def test_who_asks_how_a_call_was_routed_is_told_what_its_name_meant(monkeypatch, name, strategy):
    async with two_providers(monkeypatch) as (router, _), gateway(router) as door, httpx.AsyncClient() as client:
        fields = {"authorization": f"Bearer {door.key}", "x-openrouter-metadata": "enabled"}
        body = {"model": name, "messages": MESSAGES}
        reply = (await client.post(f"{door.base_url}/chat/completions", json=body, headers=fields)).json()
        assert (reply["openrouter_metadata"]["requested"], reply["openrouter_metadata"]["strategy"]) == (name, strategy)


@virtual_time
async def test_the_timeouts_of_a_name_of_ones_own_hold_for_its_streams_behind_variants_too():
    slow = {
        "use": "simulator",
        "slug": "slow",
        "models": [{"id": "m", "slug": "acme/m"}],
        "pace": {"first_token": "5s"},
    }
    models = {
        "mine": {"try": ["acme/m"], "timeouts": {"first_token": "1s"}},
        "patient": {"try": ["acme/m"]},
    }
    config = {"providers": [slow], "models": models}
    async with Router.from_dict(config, clock=VirtualClock(), random=Random(1)) as router:
        for name in ("mine", "mine:nitro"):
            with pytest.raises(CallError) as caught:
                await anext(router.stream(model=name, messages=MESSAGES))
            assert caught.value.failure.kind == "timeout"
        assert await anext(router.stream(model="patient", messages=MESSAGES))
