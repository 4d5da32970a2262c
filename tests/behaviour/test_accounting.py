"""What a call leaves behind, whichever way it ends: its reservation, its record, its endpoint's good name."""

import asyncio
import json

import pytest
from simulated import BODY, EXACT, MODEL, over_sim

from taxiway.errors import SpoolUnavailable
from taxiway.http import HttpHead
from taxiway.outcome import CallError
from taxiway.records import generation_of
from taxiway.spool import Journal
from taxiway.testing.virtual import virtual_time

ASK = {"model": MODEL, "messages": BODY["messages"]}
LIMITED = [{"provider": "second", "label": "limited", "limits": {"requests_per_minute": 2}}]
ONLY_SECOND = {**ASK, "provider": {"only": ["second"]}}


@virtual_time
async def test_a_stream_that_was_left_counts_against_its_limits():
    async with over_sim(pace={"first_token": "1s", "tokens_per_second": 5}, credentials=LIMITED) as bench:
        for _ in range(2):
            stream = bench.router.stream(**ONLY_SECOND)
            await anext(stream)
            await stream.aclose()
        with pytest.raises(CallError) as caught:
            await bench.router.chat(**ONLY_SECOND)
        assert caught.value.failure.kind == "rate_limited"


class FullAfter(Journal):
    """A spool that takes so many attempts; ends are taken always."""

    def __init__(self, attempts):
        self.attempts, self.states = attempts, []

    async def opened(self, row):
        self.attempts -= 1
        if self.attempts < 0:
            raise SpoolUnavailable("full")

    def ended(self, row):
        generation = generation_of(row)
        self.states.append((generation.state, len(generation.attempts)))


@virtual_time
async def test_a_call_whose_second_attempt_can_not_be_written_down_has_an_end():
    async with over_sim({"kind": "server_error"}) as bench:
        journal = bench.router.engine.journal = FullAfter(1)
        with pytest.raises(CallError) as caught:
            await bench.router.chat(**BODY)
        assert caught.value.should_retry
        assert journal.states == [("failed", 1)]


@virtual_time
async def test_a_model_may_think_before_the_head_as_long_as_the_first_token_may_take():
    async with over_sim(pace={"first_token": "100s", "tokens_per_second": 100}) as bench:
        events = [event async for event in bench.router.stream(**ASK)]
    assert "".join(e["choices"][0]["delta"].get("content") or "" for e in events if e["choices"]) == EXACT


async def hasty(router, ask):
    """Ask with a deadline of the caller's own, in 10 s; whether its endpoint is open after that."""
    engine, dialect = router.engine, router.dialects["chat"]
    call = engine.call(dialect, ask, headers={"x-taxiway-timeout": "10"})
    with pytest.raises(CallError) as caught:
        await engine.complete(call)
    assert caught.value.failure.kind == "timeout"
    return any(row.place for row in (await router.explain(**ask)).rows)


@virtual_time
async def test_callers_without_patience_give_nobody_a_bad_name():
    async with over_sim(pace={"first_token": "20s", "tokens_per_second": 100}) as bench:
        for _ in range(3):
            await bench.router.chat(**ONLY_SECOND)  # from now on 20 s are known to be usual
        assert all([await hasty(bench.router, ONLY_SECOND) for _ in range(8)])


@virtual_time
async def test_who_is_silent_for_longer_than_usual_has_failed_whoever_set_the_deadline():
    async with over_sim({"kind": "hang"}) as bench:
        ask = {**ASK, "provider": {"only": ["openai"]}}
        assert [await hasty(bench.router, ask) for _ in range(5)] == [True] * 4 + [False]


class Chatters:
    """A transport whose streams go on and on without a token."""

    schemes = frozenset({"sim"})
    phase, sent, moved, framed, reused = "body", "whole", 1, False, False

    def open(self, request, connect):
        return self

    async def head(self):
        return HttpHead(200, {"content-type": "text/event-stream"})

    async def read(self):
        await asyncio.sleep(0.1)
        return b'data: {"choices": [{"index": 0, "delta": {"role": "assistant"}}]}\n\n' * 100

    def abort(self, reason="cancelled"): ...


@virtual_time
async def test_of_a_stream_without_tokens_only_so_much_is_held():
    async with over_sim() as bench:
        bench.router.engine.transports = {"sim": Chatters()}
        stream = bench.router.stream(**ASK)
        await anext(stream)
        assert asyncio.get_running_loop().time() < 2
        await stream.aclose()


class Told:
    """A transport that answers everything with the same bytes."""

    schemes = frozenset({"sim"})
    phase, sent, moved, framed, reused = "body", "whole", 1, True, False

    def __init__(self, body, kind="application/json"):
        self.given, self.kind = body, kind

    def open(self, request, connect):
        self.left = [b"", self.given]
        return self

    async def head(self):
        return HttpHead(200, {"content-type": self.kind})

    async def read(self):
        return self.left.pop()

    def abort(self, reason="cancelled"): ...


class Kept(Journal):
    """Keeps the generations."""

    def __init__(self):
        self.generations = []

    def ended(self, row):
        self.generations.append(generation_of(row))


USAGE = {"prompt_tokens": 1_000_000, "completion_tokens": 0, "total_tokens": 1_000_000}


@virtual_time
async def test_an_answer_that_ends_in_an_error_costs_the_client_nothing_and_keeps_the_providers_charge():
    message = {"role": "assistant", "content": "so f"}
    reply = {"choices": [{"index": 0, "message": message, "finish_reason": "error"}], "usage": USAGE}
    chunks = [{"choices": [{"index": 0, "delta": message, "finish_reason": "error"}]}, {"choices": [], "usage": USAGE}]
    stream = b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"
    async with over_sim() as bench:
        engine = bench.router.engine
        journal = engine.journal = Kept()
        engine.transports = {"sim": Told(json.dumps(reply).encode())}
        answered = await bench.router.chat(**ASK)
        assert answered["usage"]["cost"] == 0
        engine.transports = {"sim": Told(stream, "text/event-stream")}
        events = [event async for event in bench.router.stream(**ASK)]
        assert events[-1]["usage"]["cost"] == 0
    assert [generation.cost for generation in journal.generations] == [0.0, 0.0]
    assert [generation.attempts[-1].cost for generation in journal.generations] == [0.15, 0.15]


@virtual_time
async def test_an_answer_without_a_token_and_a_finish_costs_nothing_and_another_endpoint_is_asked():
    empty = {"choices": [{"index": 0, "message": {"content": ""}, "finish_reason": None}], "usage": USAGE}
    async with over_sim() as bench:
        engine = bench.router.engine
        journal = engine.journal = Kept()
        engine.transports = {"sim": Told(json.dumps(empty).encode())}
        with pytest.raises(CallError) as caught:
            await bench.router.chat(**ASK)
        assert caught.value.failure.kind == "unavailable"
        assert len({provider for provider, _ in caught.value.previous}) == 2
    (generation,) = journal.generations
    assert generation.cost is None
    assert {attempt.cost for attempt in generation.attempts} == {0.15}
