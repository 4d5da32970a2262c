"""A second attempt beside one whose first token is late: who wins, what becomes of the other, and what it costs."""

import asyncio
from contextlib import asynccontextmanager
from random import Random

import pytest
from asking import Watched
from attrs import define
from simulated import EXACT, KEYS, MODEL, over_http

from taxiway import Router
from taxiway.outcome import CallError
from taxiway.testing.peer import spent
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock
from taxiway_simulator.options import Fault

ASK = {"model": MODEL, "messages": [{"role": "user", "content": f"reply exactly: {EXACT}"}]}
LATE = {"first_token": "2s", "tokens_per_second": 100}
QUICK = {"first_token": "100ms", "tokens_per_second": 100}


@define
class Bench(Watched):
    def breaks(self, slug, *faults):
        self.router.snapshot.providers[slug].simulation.faults[:] = [Fault(**fault) for fault in faults]

    async def ask(self, **more):
        """Ask for a stream; the text, and how long its first token took."""
        began, text, first = asyncio.get_running_loop().time(), "", None
        async for event in self.router.stream(**{**ASK, "provider": {"order": ["first"]}, **more}):
            if "error" in event:
                raise AssertionError(event["error"])
            piece = event["choices"][0]["delta"].get("content") if event["choices"] else None
            if piece and first is None:
                first = asyncio.get_running_loop().time() - began
            text += piece or ""
        return text, first


@asynccontextmanager
async def bench(after="500ms", first=LATE, second=QUICK, keys=(), **routing):
    model = {"id": "gpt-4o-mini", "slug": MODEL, "price": {"input": 0.15, "output": 0.6}, "prefill": True}
    providers = [{"slug": "first", "pace": first, "keys": list(keys)}]
    providers += [{"slug": "second", "pace": second}] if second else []
    hedge = {} if after is None else {"hedge": {"after": after}}
    config = {
        "providers": [{"use": "simulator", "models": [model], **provider} for provider in providers],
        "credentials": [{"provider": "first", "label": key, "settings": {"key": key}} for key in keys],
        "routing": {**hedge, **routing},
    }
    async with Router.from_dict(config, clock=VirtualClock(), random=Random(1)) as router:
        made = Bench(router)
        yield made
        await asyncio.sleep(0)
        made.assert_healthy()


@virtual_time
async def test_where_the_first_token_is_late_another_endpoint_gives_it_and_the_late_one_is_closed_at_once():
    async with bench() as made:
        text, first = await made.ask()
        assert (text, first) == (EXACT, pytest.approx(0.61))
        (lost,) = made.log("first")
        assert (lost.ending, lost.ended - lost.at) == ("aborted", pytest.approx(0.61))
        (generation,) = made.generations
        assert (generation.provider, generation.state) == ("second", "done")
        assert generation.latency == pytest.approx(0.61)
        late, quick = generation.attempts
        assert [(one.number, one.role, one.kind) for one in (late, quick)] == [(1, "", "cancelled"), (2, "hedge", None)]
        assert late.usage.estimated
        assert late.usage.prompt > 0
        assert late.cost > 0
        assert generation.usage == quick.usage


@virtual_time
async def test_who_is_in_time_is_not_hedged():
    async with bench(first=QUICK) as made:
        assert (await made.ask())[1] == pytest.approx(0.11)
        assert not made.log("second")


@virtual_time
async def test_the_first_may_still_win_and_the_hedge_is_the_one_that_is_closed():
    async with bench(second={"first_token": "5s"}) as made:
        assert await made.ask() == (EXACT, pytest.approx(2.01))
        (lost,) = made.log("second")
        assert (lost.ending, lost.ended - lost.at) == ("aborted", pytest.approx(1.51))
        assert [one.kind for one in made.generations[0].attempts] == [None, "cancelled"]


@virtual_time
async def test_with_one_endpoint_the_hedge_goes_to_another_account():
    async with bench(second=None, keys=("key-one", "key-two")) as made:
        made.breaks("first", {"kind": "slow", "key": "key-1", "factor": 1.0})
        assert (await made.ask())[0] == EXACT
        assert len({seen.key for seen in made.log("first")}) == 2


@virtual_time
async def test_with_nobody_else_the_call_waits_as_without_a_hedge():
    async with bench(second=None) as made:
        assert await made.ask() == (EXACT, pytest.approx(2.01))


@virtual_time
async def test_a_learnt_quantile_decides_and_where_nothing_is_learnt_nobody_is_late():
    async with bench(after="p95", first=QUICK, second=QUICK) as made:
        made.breaks("first", {"kind": "slow", "factor": 20.0, "lasts": 1.0})
        assert (await made.ask())[1] == pytest.approx(2.2)
        for _ in range(50):
            await made.ask()
        assert not made.log("second"), "always as long is not late"
        await asyncio.sleep(400)
        for _ in range(20):
            await made.ask()
        made.breaks("first", {"kind": "slow", "factor": 20.0})
        assert (await made.ask())[1] == pytest.approx(0.215, abs=0.01)
        assert len(made.log("second")) == 1


@virtual_time
async def test_what_is_late_stays_one_in_twenty_though_the_late_ones_are_never_seen_to_their_end():
    heavy = {"first_token": "200ms", "tail": 1.2, "tokens_per_second": 1000}
    async with bench(after="p95", first=heavy, second=heavy, retry_budget={"least": 100_000}) as made:
        for _ in range(1200):
            await made.ask()
        hedges = [len(generation.attempts) - 1 for generation in made.generations]
        assert sum(hedges[600:]) / 600 == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize("kind", ["server_error", "reset", "cut", "empty", "malformed", "error_in_stream"])
@virtual_time
async def test_a_failure_of_either_leaves_the_call_to_the_other(kind):
    slow = {"kind": "slow", "factor": 7.0}
    for broken, provider in (("first", "second"), ("second", "first")):
        async with bench(first={"first_token": "600ms"}, second={"first_token": "200ms"}) as made:
            made.breaks(broken, *([slow] if broken == "second" else []), {"kind": kind, "after": 0})
            assert (await made.ask())[0] == EXACT
            assert made.generations[0].provider == provider


@virtual_time
async def test_where_both_fail_the_call_goes_on_as_after_any_failure():
    async with bench(first={"first_token": "600ms"}, second={"first_token": "600ms"}) as made:
        for slug in ("first", "second"):
            made.breaks(slug, {"kind": "cut", "after": 0, "lasts": 1.2})
        assert (await made.ask())[0] == EXACT
        kinds = [one.kind for one in made.generations[0].attempts]
        assert kinds[:2] == ["unavailable", "unavailable"]
        assert kinds[-1] is None
    async with bench(first={"first_token": "600ms"}, second={"first_token": "600ms"}) as made:
        for slug in ("first", "second"):
            made.breaks(slug, {"kind": "cut", "after": 0})
        with pytest.raises(CallError):
            await made.ask()


@virtual_time
async def test_a_client_that_leaves_at_any_moment_leaves_nothing_behind():
    async with bench(first={"first_token": "800ms"}, second={"first_token": "200ms"}) as made:
        for leaves in range(10, 900, 20):
            asked = asyncio.ensure_future(made.ask())
            await asyncio.sleep(leaves / 1000)
            if asked.cancel():
                with pytest.raises(asyncio.CancelledError):
                    await asked
                assert made.generations[-1].state == "cancelled"
                assert {one.kind for one in made.generations[-1].attempts} == {"cancelled"}
            await asyncio.sleep(0)
            made.assert_healthy()


@virtual_time
async def test_hedges_count_against_the_retry_budget():
    async with bench(retry_budget={"share": 0.0, "least": 1}) as made:
        assert [(await made.ask())[1] for _ in range(2)] == [pytest.approx(0.61), pytest.approx(2.01)]


@virtual_time
async def test_a_hedged_stream_that_breaks_is_resumed_as_any_other():
    async with bench(on_interrupted="resume") as made:
        made.breaks("second", {"kind": "cut", "after": 2})
        assert (await made.ask())[0] == EXACT
        kinds = [(one.provider, one.role, one.kind) for one in made.generations[0].attempts]
        assert kinds == [
            ("first", "", "cancelled"),
            ("second", "hedge", "unavailable"),
            ("first", "resumption", None),
        ]


@pytest.mark.parametrize(("after", "stream"), [(None, True), ("10ms", False)])
@virtual_time
async def test_without_a_hedge_no_task_is_made_and_calls_that_are_not_streamed_get_none(after, stream):
    async with bench(after=after) as made:
        tasks = []

        def counted(loop, coro, **more):
            tasks.append(coro)
            return asyncio.Task(coro, loop=loop, **more)

        loop = asyncio.get_running_loop()
        loop.set_task_factory(counted)
        if stream:
            await made.ask()
        else:
            await made.router.chat(**ASK, provider={"order": ["first"]})
        loop.set_task_factory(None)
        assert not tasks
        assert not made.log("second")


async def test_over_real_connections_the_late_one_is_closed_within_a_tenth_of_a_second(monkeypatch):
    for number, key in enumerate(KEYS, 1):
        monkeypatch.setenv(f"SIMULATED_{number}", key)
    slow = {"kind": "slow", "factor": 1000.0}
    async with over_http(slow, routing={"hedge": {"after": "50ms"}}) as made:
        stream = made.router.stream(**ASK, provider={"order": ["openai", "second"]})
        first = await anext(stream)
        assert first["provider"] == "second"
        await spent(lambda: made.first.log[-1].ending)
        assert made.first.log[-1].ending == "aborted"
        events = [first, *[event async for event in stream]]
        pieces = [event["choices"][0]["delta"].get("content") or "" for event in events if event["choices"]]
        assert "".join(pieces) == EXACT
