"""Whose keys serve a call: one's own, the operator's pool, fallbacks, and what keeps the pool's from being used."""

from random import Random

import pytest
from attrs import evolve
from simulated import FAST

from taxiway import Router
from taxiway.call import Caller
from taxiway.outcome import CallError
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock

BIG, SMALL = "openai/gpt-4o", "openai/gpt-4o-mini"
MESSAGES = [{"role": "user", "content": "hello"}]


def router(*credentials, providers=("openai",)):
    """Simulated providers that serve both models, with these credentials; a label names the provider's key too."""
    models = [
        {"id": slug.partition("/")[2], "slug": slug, "price": {"input": 1.0, "output": 1.0}} for slug in (BIG, SMALL)
    ]
    keys = [f"simulated-key-{one['label']}" for one in credentials]
    tables = [
        {"provider": "openai", "settings": {"key": key}, **one} for key, one in zip(keys, credentials, strict=True)
    ]
    config = {
        "providers": [
            {"use": "simulator", "slug": slug, "keys": keys, "models": models, "pace": FAST} for slug in providers
        ],
        "credentials": tables,
    }
    return Router.from_dict(config, clock=VirtualClock(), random=Random(1))


async def tried(router, model, caller=None, **body):
    """The labels of the credentials in the order of trying, and those that are out with the reason."""
    engine, dialect = router.engine, router.dialects["chat"]
    body = {"model": model, "messages": MESSAGES, **body}
    call = engine.call(dialect, body, caller=caller or Caller())
    rows = router.explain_call(call).rows
    return [row.account for row in rows if row.place], {row.account: row.reason for row in rows if not row.place}


@virtual_time
async def test_a_required_key_keeps_the_pool_from_the_models_that_it_serves():
    """OpenRouter's own example: key A for one model only and required, key B for all."""
    a = {"label": "A", "allowed_models": [BIG], "required": True}
    async with router(a, {"label": "B", "sort_order": 1}, {"label": "pool", "pool": True}) as bench:
        assert await tried(bench, BIG) == (["A", "B"], {})
        assert await tried(bench, SMALL) == (["B", "pool"], {})


@virtual_time
async def test_where_only_own_keys_may_be_used_the_pool_serves_no_model_of_that_provider_and_every_other_one():
    own = {"label": "own", "allowed_models": [BIG], "byok_only": True}
    pool, other = {"label": "pool", "pool": True}, {"label": "other", "pool": True, "provider": "second"}
    async with router(own, pool, other, providers=("openai", "second")) as bench:
        assert await tried(bench, BIG) == (["own", "other"], {})
        assert await tried(bench, SMALL) == (["other"], {})


@virtual_time
async def test_a_key_for_some_api_keys_or_users_serves_no_other_call():
    named = {"label": "named", "allowed_api_keys": ["key_1", "The app"]}
    users = {"label": "users", "allowed_users": ["ada"], "sort_order": 1}
    both = {"label": "both", "allowed_api_keys": ["key_1"], "allowed_users": ["ada"], "fallback": True}
    async with router(named, users, both) as bench:
        for caller in (Caller(api_key="key_1"), Caller(api_key="key_2", label="The app")):
            assert (await tried(bench, BIG, caller))[0] == ["named"]
        kept, out = await tried(bench, BIG, Caller(api_key="key_2"), user="ada")
        assert kept == ["users"]
        assert out == {"named": "not for this caller", "both": "not for this caller"}
        assert (await tried(bench, BIG, Caller(api_key="key_1"), user="ada"))[0] == ["named", "users", "both"]
        assert (await tried(bench, BIG, Caller(api_key="key_1"), metadata={"user_id": "ada"}))[0] == [
            "named",
            "users",
            "both",
        ]
        with pytest.raises(CallError, match="not for this caller") as caught:
            await bench.chat(model=BIG, messages=MESSAGES)
        assert caught.value.availability.code == "no_endpoints"


@virtual_time
async def test_a_required_key_for_some_callers_keeps_the_pool_from_these_alone():
    own = {"label": "own", "allowed_users": ["ada"], "required": True}
    async with router(own, {"label": "pool", "pool": True}) as bench:
        assert await tried(bench, BIG, user="ada") == (["own"], {"pool": "a required key of your own is used instead"})
        assert await tried(bench, BIG) == (["pool"], {"own": "not for this caller"})


@virtual_time
async def test_another_workspaces_required_key_keeps_the_pool_from_nobody_else():
    async with router({"label": "own", "required": True}, {"label": "pool", "pool": True}) as bench:
        parts = bench.engine.parts
        parts.built.credentials[:] = [
            evolve(one, workspace="other") if one.label == "own" else one for one in parts.built.credentials
        ]
        await bench.reload_keys()
        assert (await tried(bench, BIG))[0] == ["pool"]
        assert (await tried(bench, BIG, Caller(workspace="other")))[0] == ["own"]


@virtual_time
async def test_whom_a_key_serves_is_part_of_a_snapshots_name():
    hashes = set()
    for users in (["ada", "bob"], ["bob", "ada"], ["ada"], None):
        own = {"label": "own", **({} if users is None else {"allowed_users": users})}
        async with router(own) as bench:
            hashes.add(bench.snapshot.hash)
    assert len(hashes) == 3
