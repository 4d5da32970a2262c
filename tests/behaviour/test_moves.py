"""Where a call goes after a failure, and where it does not go again."""

import asyncio
from random import Random

import pytest
from attrs import evolve
from simulated import BODY, EXACT, FAST, KEYS, MODEL, over_sim

from taxiway import Router
from taxiway.http import HttpHead
from taxiway.outcome import CallError
from taxiway.picks import NOTHING_TRIED, Tried
from taxiway.records import generation_of
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock

ASK = {"model": MODEL, "messages": BODY["messages"]}
OUT_OF_QUOTA = {"kind": "insufficient_quota"}
OVERLOADED = {"kind": "overloaded"}


class Refusal:
    """An exchange that ends with a 400."""

    phase, sent, moved, framed, reused = "body", "whole", 1, True, False

    def __init__(self):
        self.parts = [b"", b'{"error": {"message": "no", "code": "x"}}']

    async def head(self):
        return HttpHead(400, {})

    async def read(self):
        return self.parts.pop()

    def abort(self, reason="cancelled"): ...


class Refuses:
    schemes = frozenset({"sim"})
    opened = 0

    def open(self, request, connect):
        self.opened += 1
        assert self.opened < 20
        return Refusal()


@virtual_time
async def test_a_request_that_is_wrong_is_asked_once_however_its_model_is_named():
    for name in (MODEL, "second/gpt-4o-mini"):
        async with over_sim() as bench:
            transport = Refuses()
            bench.router.engine.transports = {"sim": transport}
            with pytest.raises(CallError) as caught:
                await bench.router.chat(**{**ASK, "model": name})
            assert caught.value.failure.kind == "invalid_request"
            assert transport.opened == 1


@virtual_time
async def test_after_an_outage_an_endpoint_without_others_serves_again():
    async with over_sim({"kind": "server_error", "lasts": "20s"}) as bench:
        ask = {**ASK, "provider": {"only": ["openai"]}}
        while asyncio.get_running_loop().time() < 19:
            with pytest.raises(CallError):
                await bench.router.chat(**ask)
            await asyncio.sleep(0.4)
        await asyncio.sleep(15)
        assert (await bench.router.chat(**ask))["choices"][0]["message"]["content"] == EXACT
    assert repr(NOTHING_TRIED) == repr(Tried())


def many_keys(count, first, faults):
    """A provider with many keys and a second, third, ... with one each; `faults` are all of those others'."""
    model = {"id": "gpt-4o-mini", "slug": MODEL, "price": {"input": 0.15, "output": 0.6}}
    keys = [f"simulated-key-{n:03d}" for n in range(count)]
    providers = [{"use": "simulator", "slug": "first", "keys": keys, "faults": first}]
    providers += [{"use": "simulator", "slug": f"p{n}", "faults": one} for n, one in enumerate(faults)]
    return {
        "providers": [{"models": [model], "pace": FAST, **provider} for provider in providers],
        "credentials": [{"provider": "first", "label": key[-3:], "settings": {"key": key}} for key in keys],
    }


@virtual_time
async def test_moves_between_accounts_are_no_attempts_after_trouble():
    config = many_keys(12, [OUT_OF_QUOTA], [[OVERLOADED], []])
    async with Router.from_dict(config, clock=VirtualClock(), random=Random(1)) as router:
        reply = await router.chat(**ASK, provider={"order": ["first", "p0", "p1"]})
        assert reply["provider"] == "P1"


@virtual_time
async def test_an_endpoint_is_tried_again_after_trouble_whatever_other_accounts_met():
    faults = [{**OUT_OF_QUOTA, "key": f"key-{n}"} for n in (1, 2)]
    trouble = {**OVERLOADED, "key": "key-3", "lasts": "1ms"}
    async with over_sim(*faults, trouble) as bench:
        reply = await bench.router.chat(**ASK, provider={"only": ["openai"]})
        assert reply["choices"][0]["message"]["content"] == EXACT
        assert len(bench.first.log) == len(KEYS) + 1


@virtual_time
async def test_with_the_budget_spent_an_open_breaker_gets_no_further_attempt():
    config = many_keys(1, [{"kind": "server_error"}], [[{"kind": "server_error"}]])
    config["routing"] = {"retry_budget": {"share": 0.0, "least": 0}}
    async with Router.from_dict(config, clock=VirtualClock(), random=Random(1)) as router:
        for _ in range(5):
            with pytest.raises(CallError):
                await router.chat(**ASK, provider={"only": ["p0"]})
        log = router.snapshot.providers["p0"].simulation.log
        before = len(log)
        with pytest.raises(CallError):
            await router.chat(**ASK, provider={"order": ["first", "p0"]})
        assert len(log) == before


@virtual_time
async def test_a_call_goes_on_with_the_snapshot_that_it_began_with():
    async with over_sim(pace={"first_token": "1s", "tokens_per_second": 100}) as bench:
        engine, ended = bench.router.engine, []
        engine.journal.ended = lambda row: ended.append(generation_of(row))
        old = engine.snapshot
        call = asyncio.create_task(bench.router.chat(**ASK))
        await asyncio.sleep(0.5)
        engine.snapshot = evolve(old, hash="another", providers={})
        await call
        assert [one.snapshot for one in ended] == [old.hash]


def two_models(*kinds, **routing):
    """A model whose provider fails, and another whose provider is well."""
    faults = [{"kind": kind} for kind in kinds]
    quota = {} if kinds else {"quota": {"requests": 1, "window": "1m"}}
    first = {"use": "simulator", "slug": "one", "models": [{"id": "a/one"}], "faults": faults, **quota}
    second = {"use": "simulator", "slug": "two", "models": [{"id": "a/two"}]}
    config = {"providers": [first, second], "routing": routing}
    return Router.from_dict(config, clock=VirtualClock(), random=Random(1))


BOTH = {"models": ["a/one", "a/two"], "messages": BODY["messages"]}


@pytest.mark.parametrize(
    ("kind", "named", "moves"),
    [
        ("overloaded", None, True),
        ("overloaded", ["overloaded"], True),
        ("overloaded", ["rate_limited"], False),
        ("overloaded", [], False),
        ("insufficient_quota", ["overloaded"], False),
        ("revoked", ["credential_invalid"], True),
        ("server_error", ["unavailable"], True),
    ],
)
@virtual_time
async def test_the_kinds_that_go_on_to_the_next_model_are_configured(kind, named, moves):
    async with two_models(kind, **({} if named is None else {"fallback_on": named})) as router:
        # Again and again: also when the endpoint or its account is shut by then.
        for _ in range(8):
            if moves:
                assert (await router.chat(**BOTH))["model"] == "a/two"
            else:
                with pytest.raises(CallError):
                    await router.chat(**BOTH)


@pytest.mark.parametrize("named", [["rate_limited"], ["overloaded"]])
@virtual_time
async def test_a_model_that_is_known_to_be_limited_is_left_as_after_a_refusal(named):
    async with two_models(fallback_on=named) as router:
        await router.chat(**BOTH)
        for _ in range(3):
            if "rate_limited" in named:
                assert (await router.chat(**BOTH))["model"] == "a/two"
            else:
                with pytest.raises(CallError) as caught:
                    await router.chat(**BOTH)
                assert caught.value.failure.kind == "rate_limited"
