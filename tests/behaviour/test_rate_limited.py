"""One key that is out of its limit: the client is told when to come again, or the call waits where it may."""

import asyncio
import json
from random import Random

import pytest
from simulated import BODY, EXACT, FAST, MODEL
from upstream import Answer, Upstream

from taxiway import Router
from taxiway.outcome import CallError
from taxiway.picks import Pause, Plan
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock

ASK = {"model": MODEL, "messages": BODY["messages"]}


def one_key(faults=(), quota=None, **routing):
    provider = {
        "use": "simulator", "slug": "openai", "keys": ["simulated-key-one"], "pace": FAST, "faults": list(faults),
        "models": [{"id": "gpt-4o-mini", "slug": MODEL, "price": {"input": 0.15, "output": 0.6}}],
        **({"quota": quota} if quota else {}),
    }  # fmt: skip
    credential = {"provider": "openai", "label": "only", "settings": {"key": "simulated-key-one"}}
    clock = VirtualClock()
    config = {"providers": [provider], "credentials": [credential], "routing": routing}
    return Router.from_dict(config, clock=clock, random=Random(1)), clock


@virtual_time
async def test_a_call_waits_for_its_only_key_where_it_may():
    router, clock = one_key(quota={"requests": 2, "window": "10s"}, wait="15s")
    async with router:
        began = clock.monotonic()
        for _ in range(3):
            assert (await router.chat(**ASK))["choices"][0]["message"]["content"] == EXACT
        assert 2 < clock.monotonic() - began < 15


@virtual_time
async def test_calls_that_wait_for_the_last_microsecond_do_not_keep_each_other_waiting(monkeypatch):
    router, clock = one_key()
    async with router:
        until, pick = clock.monotonic() + 9e-7, Plan.pick
        monkeypatch.setattr(Plan, "pick", lambda *by: Pause(until) if clock.monotonic() < until else pick(*by))
        async with asyncio.TaskGroup() as group:
            group.create_task(router.chat(**ASK))
            await asyncio.sleep(0)
            group.create_task(router.chat(**ASK))


def refused(**headers):
    """A 429 that states nothing, or what `headers` say."""
    error = {"message": "Slow down.", "type": "requests", "code": "rate_limit_exceeded"}
    return Answer(429, json.dumps({"error": error}).encode(), {"content-type": "application/json", **headers})


@pytest.fixture
async def own(monkeypatch):
    """An upstream with one key, and how to make a router in front of it."""
    monkeypatch.setenv("OWN_KEY", "sk-upstream-test")
    async with Upstream().serving() as upstream:
        provider = {
            "use": "openai-compatible", "slug": "own", "base_url": upstream.url,
            "models": [{"id": "gpt-4o-mini", "slug": MODEL, "price": {"input": 0.15, "output": 0.6}}],
        }  # fmt: skip
        credential = {"provider": "own", "label": "only", "key": "env:OWN_KEY"}
        yield (
            upstream,
            lambda **routing: Router.from_dict(
                {"providers": [provider], "credentials": [credential], "routing": routing}
            ),
        )


async def test_the_first_refusal_says_already_when_to_come_again(own):
    upstream, router = own
    upstream.script(refused())
    async with router() as running:
        for _ in range(2):
            with pytest.raises(CallError) as caught:
                await running.chat(**ASK)
            assert caught.value.failure.kind == "rate_limited"
            assert 0.5 < caught.value.retry_after < 1.5
    assert len(upstream.requests) == 1


@pytest.mark.real_time
async def test_a_call_that_is_refused_waits_where_it_may(own):
    upstream, router = own
    upstream.script(refused(**{"retry-after-ms": "50"}))
    async with router(wait="2s") as running:
        await running.chat(**ASK)
    assert len(upstream.requests) == 2


def interleaved(**routing):
    """Two endpoints of one model, and between them in price one of another; the first model's are limited for 5 s."""
    rows = (("a", "m", 1), ("b", "n", 2), ("c", "m", 3))
    providers = [
        {
            "use": "simulator",
            "slug": slug,
            "models": [{"id": i, "slug": f"acme/{i}", "price": {"input": p, "output": p}}],
        }
        for slug, i, p in rows
    ]
    clock = VirtualClock()
    return Router.from_dict({"providers": providers, "routing": routing}, clock=clock, random=Random(1)), clock


MIXED = {"sort": {"by": "price", "partition": "none"}}


def limit(router, *providers):
    """Let these have met their limit on acme/m, for 5 s."""
    engine = router.engine
    now = engine.clock.monotonic()
    for offer in router.snapshot.models("default")["acme/m"]:
        if offer.endpoint.provider in providers:
            engine.quotas.shut(engine.quotas.reserve(offer.candidates[0], 1, 1, now), 5.0, now)


@virtual_time
@pytest.mark.parametrize("provider", [{}, MIXED])
async def test_a_call_waits_for_its_model_also_where_another_s_endpoint_is_cheaper_than_its_last(provider):
    router, clock = interleaved(wait="10s")
    async with router:
        limit(router, "a", "c")
        began = clock.monotonic()
        reply = await router.chat(**{**ASK, "models": ["acme/m", "acme/n"], "model": None}, provider=provider)
        assert reply["model"] == "acme/m"
        assert 5 <= clock.monotonic() - began < 10


@virtual_time
@pytest.mark.parametrize("provider", [{}, MIXED])
async def test_where_a_limit_is_no_reason_for_another_model_none_is_asked(provider):
    router, _ = interleaved(fallback_on=["unavailable"])
    async with router:
        limit(router, "a", "c")
        with pytest.raises(CallError) as refused:
            await router.chat(**{**ASK, "models": ["acme/m", "acme/n"], "model": None}, provider=provider)
        assert refused.value.failure.kind == "rate_limited"


@virtual_time
async def test_one_of_a_model_s_endpoints_that_is_free_is_asked_after_another_model_s():
    router, _ = interleaved(wait="10s")
    async with router:
        limit(router, "a")
        reply = await router.chat(**{**ASK, "models": ["acme/m", "acme/n"], "model": None}, provider=MIXED)
        assert reply["model"] == "acme/n"
