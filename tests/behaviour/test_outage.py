"""One provider of three is out, or poor, under steady load: clients see nothing of it, and it is back soon after it recovers."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from random import Random

import pytest
from attrs import define

from taxiway.history import BAD
from taxiway.outcome import CallError
from taxiway.router import Router
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock

MODEL = "openai/gpt-4o-mini"
NAMES = ("dead", "second", "third")
PACE = {"first_token": "400ms", "tokens_per_second": 200}


@define
class Scene:
    """A router in front of three providers of one model. `begun`: when."""

    router: Router
    begun: float

    def requests(self, name):
        """When requests reached a provider, in seconds from the beginning."""
        seen = self.router.snapshot.providers[name].simulation.log
        return [one.at - self.begun for one in seen]


@asynccontextmanager
async def scene(*faults, names=NAMES, keys=1, quota=None, seed=1, **config):
    """The first provider has the faults, so many keys, and a quota of each."""
    model = {"id": "gpt-4o-mini", "slug": MODEL, "price": {"input": 1.0, "output": 2.0}}
    clock = VirtualClock()
    own = {name: [f"{name}-key-{number}" for number in range(keys if name == names[0] else 1)] for name in names}
    providers = [
        {"use": "simulator", "slug": name, "models": [model], "pace": PACE, "keys": own[name], "faults": faults}
        for name, faults in zip(names, [list(faults), [], []], strict=False)
    ]
    providers[0]["quota"] = quota or {}
    credentials = [{"provider": name, "label": key, "settings": {"key": key}} for name in names for key in own[name]]
    whole = {"providers": providers, "credentials": credentials, **config}
    async with Router.from_dict(whole, clock=clock, random=Random(seed)) as router:
        yield Scene(router, clock.now())


async def load(router, per_second, seconds, *, stream=True):
    """Ask evenly; return what each call came to: "whole", or what the client saw."""

    async def one():
        ask = {"model": MODEL, "messages": [{"role": "user", "content": "reply exactly: ok"}]}
        try:
            if not stream:
                await router.chat(**ask)
                return "whole"
            async for chunk in router.stream(**ask):
                if "error" in chunk:
                    return "in-band"
        except CallError as error:
            return error.failure.kind
        return "whole"

    async with asyncio.TaskGroup() as group:
        tasks = []
        for _ in range(int(per_second * seconds)):
            tasks.append(group.create_task(one()))
            await asyncio.sleep(1 / per_second)
    return Counter(task.result() for task in tasks)


def per_second(times, begin, end):
    """How many fell into each second."""
    bins = Counter(int(at) for at in times)
    return [bins[second] for second in range(begin, end)]


OUT = {"at": "10s", "lasts": "60s"}


@pytest.mark.parametrize(
    ("kind", "strategy"), [("server_error", "balanced"), ("refused", "balanced"), ("server_error", "order")]
)
@virtual_time
async def test_a_dead_provider_is_hidden_hardly_asked_and_back_soon(kind, strategy):
    async with scene({"kind": kind, **OUT}, routing={"strategy": strategy}) as bench:
        assert await load(bench.router, 30, 85) == {"whole": 85 * 30}
        requests = bench.requests("dead")
        share = len([at for at in requests if at < 10]) / 10
        assert max(per_second(requests, 11, 70)) <= 3
        for begin in range(12, 60):
            assert any(begin <= at < begin + 10 for at in requests), "probes go on"
        assert len([at for at in requests if 80 <= at < 85]) / 5 > 0.7 * share, "it is back"


@virtual_time
async def test_a_poor_provider_loses_its_share_and_gets_it_back():
    faults = {"kind": "overloaded", "share": 0.3, **OUT}, {"kind": "slow", "factor": 5, **OUT}
    async with scene(*faults) as bench:
        assert await load(bench.router, 30, 85) == {"whole": 85 * 30}
        requests = bench.requests("dead")
        for begin in range(25, 60, 5):
            assert len([at for at in requests if begin <= at < begin + 10]) < 0.05 * 300
        assert any(60 <= at < 70 for at in requests)
        poor, good, _ = (offer.endpoint for offer in bench.router.snapshot.models("default")[MODEL])
        health, now = bench.router.engine.health, bench.router.clock.monotonic()
        assert health.figures(poor, now, 1800.0).total(BAD) > health.figures(good, now, 1800.0).total(BAD) == 0
        assert len([at for at in requests if 80 <= at < 85]) > 0.2 * 150


@virtual_time
async def test_a_provider_that_falls_silent_is_left_within_seconds_and_loses_no_call():
    async with scene({"kind": "hang", **OUT}) as bench:
        assert await load(bench.router, 20, 85) == {"whole": 85 * 20}
        requests = bench.requests("dead")
        assert max(per_second(requests, 17, 70)) <= 1, "nothing was heard for 5 s"
        assert len([at for at in requests if 80 <= at < 85]) / 5 > 4


@virtual_time
async def test_a_slow_first_token_is_waited_for_where_nobody_else_could_serve():
    slow = {"kind": "slow", "factor": 40, "at": "10s", "lasts": "1s"}
    for names in (("dead",), ("dead", "second")):
        async with scene(slow, names=names, routing={"strategy": "order"}) as bench:
            await load(bench.router, 10, 10)
            clock = bench.router.clock
            begun = clock.now()
            assert await load(bench.router, 1, 1) == {"whole": 1}
            taken = clock.now() - begun
            # 16 s to the first token; usually it is 0.4 s, so that more than 5 s are in vain.
            assert (taken > 16) == (len(names) == 1)
            if len(names) == 2:
                assert 5.4 < taken < 6


@virtual_time
async def test_where_all_are_out_attempts_do_not_multiply():
    fault = {"kind": "overloaded", "at": "10s"}
    async with scene(fault, names=("dead",)) as bench:
        results = await load(bench.router, 30, 40)
        assert set(results) == {"whole", "overloaded"}
        calls = results["overloaded"]
        attempts = len([at for at in bench.requests("dead") if at >= 10])
        # A fifth of the calls, 10 in each window, and those that open the breaker.
        assert attempts <= 1.2 * calls + 10 * 3 + 5


@virtual_time
async def test_an_sdks_retries_count_against_the_retry_budget():
    async with scene(routing={"retry_budget": {"share": 0.0, "least": 2}}) as bench:
        engine, chat = bench.router.engine, bench.router.dialects["chat"]
        body = {"model": MODEL, "messages": [{"role": "user", "content": "reply exactly: ok"}]}

        async def ask(count):
            headers = {"x-stainless-retry-count": count}
            await engine.complete(engine.call(chat, body, headers=headers))

        for count in ("0", "nonsense", "1"):
            await ask(count)
        now = engine.clock.monotonic()
        budget = engine.budgets["default"]
        assert budget.spend(now)
        assert not budget.spend(now), "one of the two was the client's own retry"


@virtual_time
async def test_three_keys_refused_at_once_are_the_providers_fault_and_all_work_again_after(caplog):
    async with scene({"kind": "revoked", **OUT}, keys=3, routing={"strategy": "order"}) as bench:
        assert await load(bench.router, 10, 85) == {"whole": 850}
        assert len([at for at in bench.requests("dead") if 15 <= at < 70]) < 60
        log = bench.router.snapshot.providers["dead"].simulation.log
        assert len({one.key for one in log if one.at - bench.begun > 80}) == 3
    assert caplog.text.count("origin_out") == 1
    assert "credential_disabled" not in caplog.text


@virtual_time
async def test_a_key_that_is_revoked_is_probed_until_it_works_again_though_nobody_calls(caplog):
    fault = {"kind": "revoked", "at": "10s", "lasts": "20m"}
    async with scene(fault, names=("dead",)) as bench:
        await load(bench.router, 1, 12)
        router = bench.router
        await asyncio.sleep(25 * 60)
        probes = [round(at / 60) for at in bench.requests("dead") if at > 15]
        assert len(probes) == 3
        assert probes[0] == 1
        assert 5 <= probes[1] <= 8
        assert 17 <= probes[2] <= 26
        await asyncio.sleep(80 * 60)
        assert not router.engine.health.gates
        assert await load(router, 1, 1) == {"whole": 1}
    assert caplog.text.count("credential_disabled") == 1
    assert "accounts_out: dead: dead has no usable key left for openai/gpt-4o-mini (workspace default)" in caplog.text


@virtual_time
async def test_a_bad_key_stays_disabled_while_its_provider_can_not_be_asked(caplog):
    faults = {"kind": "revoked", "at": "10s", "lasts": "2h"}, {"kind": "refused", "at": "30s", "lasts": "30m"}
    async with scene(*faults, names=("dead",)) as bench:
        await load(bench.router, 1, 12)
        await asyncio.sleep(40 * 60)
        assert caplog.text.count("credential_disabled") == 1
        (row,) = (await bench.router.explain(model=MODEL, messages=[{"role": "user", "content": "Hi"}])).rows
        assert row.reason == "the provider refuses its key"


@virtual_time
async def test_what_was_told_is_not_told_again_when_more_is_lost(caplog):
    async with scene({"kind": "revoked", "at": "1s"}, names=("dead", "second")) as bench:
        await load(bench.router, 10, 5)
        await asyncio.sleep(20)
        other = bench.router.snapshot.models("default")[MODEL][1].candidates[0]
        bench.router.engine.health.disable(other, "refused", bench.router.clock.monotonic())
        await asyncio.sleep(20)
    assert [caplog.text.count(f"accounts_out: {name}:") for name in ("dead", "second")] == [1, 1]


@virtual_time
async def test_an_open_breaker_without_traffic_is_probed_once_a_minute():
    async with scene({"kind": "reset", "at": "10s", "lasts": "10m"}, names=("dead",)) as bench:
        await load(bench.router, 5, 15)
        await asyncio.sleep(20 * 60)
        free = [at for at in bench.requests("dead") if at > 60]
        assert 7 <= len(free) <= 10
        assert max(free) < 13 * 60, "once it was good no more are needed"


@pytest.mark.parametrize("told", [{}, {"tells": "refusals"}])
@virtual_time
async def test_a_provider_whose_limits_are_used_up_for_the_day_is_told_of(caplog, told):
    async with scene(names=("dead",), quota={"requests": 3, "window": "6h", **told}) as bench:
        assert await load(bench.router, 1, 5) == {"whole": 3, "rate_limited": 2}
        await asyncio.sleep(60)
        assert caplog.text.count("accounts_out: dead") == 1
        await asyncio.sleep(7 * 3600)
        assert await load(bench.router, 1, 1) == {"whole": 1}
    assert caplog.text.count("accounts_out") == 1
