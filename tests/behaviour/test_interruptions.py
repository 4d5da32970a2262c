"""Streams that break, at every event, under each policy, for clients of several dialects."""

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from itertools import product
from random import Random

import httpx
import pytest
from asking import ASK, BREAKS, CLIENTS, Watched, dialect_of, say
from attrs import define, field
from doors import gateway
from simulated import EXACT, MODEL

from taxiway import Router
from taxiway.codec import loads
from taxiway.health import Health
from taxiway.http import HttpHead
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock
from taxiway_gateway import inference
from taxiway_simulator.options import Fault

PLACES = (0, 1, 3, 5, 6, 99)
"""After how many of the six tokens; 99: only what comes after the finish reason is missing."""


@define
class Given:
    """What a client got: text, and how it ended; and what is recorded of the call."""

    text: str = ""
    failed: bool = False
    ended: bool = False
    whole: bool = False
    events: list = field(factory=list)
    generation: object = None


@define
class Bench(Watched):
    bodies: list = field(factory=list)

    def breaks(self, slug, kind, after):
        """From now on, a provider fails so. What was learnt of all is forgotten."""
        self.router.engine.health = Health(Random(1))
        self.router.snapshot.providers[slug].simulation.faults[:] = [Fault(kind=kind, after=after)]

    @property
    def sent(self):
        """The bodies that were sent."""
        return [loads(body) for body in self.bodies]

    async def ask(self, dialect="chat", **more):
        body, path, read = CLIENTS[dialect]
        body = {"model": MODEL, "provider": {"order": ["first"]}, **body, **more}
        engine, spoken = self.router.engine, dialect_of(dialect)
        given, first = Given(), len(self.generations)
        path = path and {**path, "model": MODEL}
        call = engine.call(spoken, body, path=path)
        stream = engine.stream(call)
        async for batch in stream:
            given.events += batch
            given.whole = stream.whole
        for event in given.events:
            text, failed, ended = read(event)
            given.text += text
            given.failed, given.ended = given.failed or failed, given.ended or ended
        (given.generation,) = self.generations[first:]
        return given


def answering(bodies, answer, method, target, headers, body, now):
    bodies.append(body)
    return answer(method, target, headers, body, now)


@asynccontextmanager
async def bench(policy, *more, prefill=("first", "second", "third"), pace="5ms", others=(), **config):
    model = {"id": "gpt-4o-mini", "slug": MODEL, "price": {"input": 0.15, "output": 0.6}}
    pace = {"first_token": pace, "tokens_per_second": 100}
    providers = [
        {"use": "simulator", "slug": slug, "models": [{**model, "prefill": slug in prefill}], "pace": pace}
        for slug in ("first", "second", *more)
    ]
    providers += others
    routing = {"on_interrupted": policy, "retry_budget": {"least": 100_000}}
    whole = {"providers": providers, **config, "routing": {**routing, **config.get("routing", {})}}
    async with Router.from_dict(whole, clock=VirtualClock(), random=Random(1)) as router:
        router.engine.dialects = {name: dialect_of(name) for name in CLIENTS}
        made = Bench(router)
        for provider in router.snapshot.providers.values():
            answer = provider.simulation.answer
            provider.simulation.answer = partial(answering, made.bodies, answer)
        yield made
        # The executor's clean-ups may take a turn of the loop.
        await asyncio.sleep(0)
        made.assert_healthy()


@pytest.mark.parametrize("dialect", CLIENTS)
@pytest.mark.parametrize("policy", ["error", "hold", "resume"])
@virtual_time
async def test_an_answer_is_whole_and_right_or_it_ends_with_an_error(policy, dialect):
    async with bench(policy) as made:
        for kind, after in product(BREAKS, PLACES):
            made.breaks("first", kind, after)
            given = await made.ask(dialect)
            # Without its mark alone, a stream that HTTP calls whole and that had its finish reason is whole.
            served = kind == "truncated" and after == 99
            # A first token in one piece with an error is sent to nobody.
            unseen = after == 0 or (kind, after) == ("error_in_stream", 1)
            resumed = policy == "resume" and after < 99 and not unseen
            moved = not served and (unseen or policy == "hold" or resumed)
            generation = given.generation
            if served or moved:
                assert (given.text, given.failed, given.ended, given.whole) == (EXACT, False, True, True)
                assert generation.state == "done"
            else:
                assert (given.failed, given.ended, given.whole) == (True, False, False), (kind, after)
                assert EXACT.startswith(given.text)
                assert generation.state == "interrupted"
            assert len(generation.attempts) == 1 + moved
            assert min(generation.usage.prompt, generation.usage.completion) > 0
            of_attempts = [one.cost for one in generation.attempts if one.cost]
            assert generation.cost == pytest.approx(sum(of_attempts) if resumed else of_attempts[-1])
            made.assert_healthy()


@virtual_time
async def test_the_switch_shows_in_the_chunks_and_in_the_generation_and_the_bill_is_the_sum():
    async with bench("resume") as made:
        # After a minute of silence: the second provider's clock has gone on.
        made.breaks("first", "stall", 3)
        given = await made.ask()
        names = [event["provider"] for event in given.events]
        assert names == sorted(names)
        assert set(names) == {"First", "Second"}
        assert len({(event["id"], event["model"], event["created"]) for event in given.events}) == 1
        first, second = given.generation.attempts
        assert [(one.provider, one.kind, one.role) for one in (first, second)] == [
            ("first", "timeout", ""),
            ("second", None, "resumption"),
        ]
        assert given.generation.provider == "second"
        assert given.generation.usage == first.usage + second.usage
        told = given.events[-1]["usage"]
        assert told["completion_tokens"] == first.usage.completion + second.usage.completion
        assert told["cost"] == pytest.approx(first.cost + second.cost)
        assert told["completion_tokens_details"] == {"reasoning_tokens": 0}, "no part's own details stand beside sums"
        assert given.generation.latency == pytest.approx(0.015)


@virtual_time
async def test_who_goes_on_is_told_what_was_said_and_may_say_so_much_less():
    async with bench("resume") as made:
        made.breaks("first", "cut", 3)
        given = await made.ask(max_tokens=40, reasoning={"effort": "low"})
        assert given.text == EXACT
        first, second = made.sent
        assert second["messages"] == [*first["messages"], {"role": "assistant", "content": "one two three"}]
        said = given.generation.attempts[0].usage.completion
        assert (first["max_tokens"], second["max_tokens"]) == (40, 40 - said)
        assert "reasoning" not in second


@virtual_time
async def test_an_answer_that_its_client_began_is_gone_on_with_as_one():
    async with bench("resume") as made:
        made.breaks("first", "cut", 2)
        began = {"role": "assistant", "content": "one two"}
        given = await made.ask(messages=[*say(ASK)["messages"], began])
        assert given.text == EXACT.removeprefix("one two")
        assert made.sent[1]["messages"][-1] == {"role": "assistant", "content": "one two three four"}


@virtual_time
async def test_an_answer_may_break_off_more_than_once():
    async with bench("resume", "third") as made:
        made.breaks("first", "cut", 2)
        made.breaks("second", "stall", 2)
        given = await made.ask()
        assert (given.text, given.whole) == (EXACT, True)
        assert [one.provider for one in given.generation.attempts] == ["first", "second", "third"]
        assert given.generation.usage.requests == 3
        assert given.generation.latency == pytest.approx(0.015)


@virtual_time
async def test_an_endpoint_without_others_goes_on_with_its_own_answer():
    async with bench("resume") as made:
        made.breaks("first", "cut", 2)
        mend = asyncio.get_running_loop().call_later(0.03, made.breaks, "first", "slow", 0)
        given = await made.ask(provider={"only": ["first"]})
        assert mend.when() < asyncio.get_running_loop().time()
        assert given.text == EXACT


class Refuses:
    """A transport that lets a provider's first request through and answers each other one with a 400."""

    schemes = frozenset({"sim"})

    def __init__(self, transport):
        self.transport, self.asked = transport, 0

    def open(self, request, connect):
        self.asked += 1
        return self.transport.open(request, connect) if self.asked == 1 else Refusal()


class Refusal:
    phase, sent, moved, framed, reused = "body", "whole", 1, True, False

    def __init__(self):
        self.parts = [b"", b'{"error": {"message": "this model does not support prefill", "code": "x"}}']

    async def head(self):
        return HttpHead(400, {})

    async def read(self):
        return self.parts.pop()

    def abort(self, reason="cancelled"): ...


@pytest.mark.parametrize("dialect", CLIENTS)
@virtual_time
async def test_a_refused_prefill_does_not_hide_why_the_answer_broke_off(dialect):
    async with bench("resume", "third") as made:
        made.breaks("first", "error_in_stream", 3)
        transport = Refuses(made.router.engine.transports["sim"])
        made.router.engine.transports = {"sim": transport}
        given = await made.ask(dialect)
        assert (given.text, given.failed, given.ended) == ("one two three", True, False)
        assert "had an error while processing" in str(given.events[-1])
        assert "prefill" not in given.events[-1].get("error", {}).get("message", "")
        # Another may take what one refuses; the one that broke off comes last.
        attempts = [(one.provider, one.kind) for one in given.generation.attempts]
        refusals = [(provider, "invalid_request") for provider in ("second", "third", "first")]
        assert attempts[:1] == [("first", "unavailable")]
        assert sorted(attempts[1:]) == sorted(refusals)
        assert (given.generation.state, given.generation.error) == ("interrupted", "unavailable")
        assert given.generation.provider == "first"
        assert given.generation.usage.completion > 0


TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
FORM = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}


@pytest.mark.parametrize(
    "asked",
    [
        {"messages": say("call get_weather")["messages"], "tools": [TOOL]},
        {"response_format": FORM, "messages": say(ASK)["messages"]},
        {"n": 2},
    ],
)
@virtual_time
async def test_more_than_plain_text_is_not_gone_on_with(asked):
    async with bench("resume") as made:
        made.breaks("first", "cut", 1)
        given = await made.ask(**asked)
        assert (given.failed, given.whole, len(given.generation.attempts)) == (True, False, 1)


@virtual_time
async def test_a_resumption_counts_against_the_retry_budget():
    async with bench("resume", routing={"retry_budget": {"share": 0.0, "least": 1}}) as made:
        made.breaks("first", "cut", 3)
        assert [(await made.ask()).whole for _ in range(2)] == [True, False]


@virtual_time
async def test_where_nobody_takes_a_prefill_the_stream_ends_at_once():
    async with bench("resume", prefill=()) as made:
        made.breaks("first", "cut", 3)
        given = await made.ask()
        assert (given.failed, len(given.generation.attempts)) == (True, 1)
        assert asyncio.get_running_loop().time() < 0.1


@virtual_time
async def test_who_takes_no_prefill_is_not_asked_again_whatever_becomes_of_the_others():
    async with bench("resume", prefill=("second",)) as made:
        made.breaks("first", "cut", 3)
        made.breaks("second", "overloaded", 0)
        given = await made.ask()
        assert (given.failed, given.generation.error) == (True, "unavailable")
        assert [one.provider for one in given.generation.attempts] == ["first", "second", "second", "second"]


@virtual_time
async def test_an_answer_is_one_models_whatever_others_the_call_may_be_tried_with():
    other = {"use": "simulator", "slug": "third", "models": [{"id": "b", "slug": "b/other", "prefill": True}]}
    async with bench("resume", prefill=(), others=(other,)) as made:
        made.breaks("first", "cut", 3)
        given = await made.ask(models=[MODEL, "b/other"])
        assert (given.failed, len(given.generation.attempts)) == (True, 1)


@pytest.mark.parametrize("policy", ["hold", "resume"])
@virtual_time
async def test_a_client_that_leaves_at_any_moment_leaves_nothing_behind(policy):
    async with bench(policy, pace="50ms") as made:
        for leaves in range(5, 300, 10):
            made.breaks("first", "cut", 3)
            asked = asyncio.ensure_future(made.ask())
            await asyncio.sleep(leaves / 1000)
            if asked.cancel():
                with pytest.raises(asyncio.CancelledError):
                    await asked
                assert made.generations[-1].state == "cancelled"
            await asyncio.sleep(0)
            made.assert_healthy()


@virtual_time
async def test_a_client_that_leaves_between_two_attempts_is_accounted_what_it_got():
    async with bench("resume") as made:
        made.breaks("first", "cut", 3)
        asked = asyncio.ensure_future(made.ask(provider={"only": ["first"]}))
        await asyncio.sleep(0.04)
        assert made.log("first")[-1].ending == "closed"
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        (generation,) = made.generations
        assert (generation.state, generation.provider, len(generation.attempts)) == ("cancelled", "first", 1)
        assert generation.usage == generation.attempts[0].usage


@virtual_time
async def test_what_is_held_comes_in_one_piece_at_the_end():
    async with bench("hold", pace="1s") as made:
        dialect = dialect_of("chat")
        body = {"model": MODEL, "stream": True, **say(ASK)}
        call = made.router.engine.call(dialect, body)
        stream = made.router.engine.stream(call)
        batches = [(asyncio.get_running_loop().time(), batch) async for batch in stream]
        assert len(batches) == 1
        assert batches[0][0] == pytest.approx(1.06)


@virtual_time
async def test_of_an_answer_so_much_is_held_and_a_longer_one_comes_as_it_is(monkeypatch):
    monkeypatch.setattr("taxiway.stream.MOST_KEPT", 900)
    async with bench("hold") as made:
        made.breaks("first", "cut", 5)
        given = await made.ask()
        assert (given.failed, given.text) == (True, "one two three four five")
        made.breaks("first", "cut", 1)
        assert (await made.ask()).text == EXACT


@virtual_time
async def test_a_model_and_a_name_of_ones_own_have_their_own_word():
    models = {MODEL: {"on_interrupted": "hold"}, "team/fast": {"try": [MODEL], "on_interrupted": "error"}}
    async with bench("resume", models=models) as made:
        made.breaks("first", "cut", 3)
        assert {event["provider"] for event in (await made.ask()).events} == {"Second"}
        assert (await made.ask(model="team/fast")).failed


@pytest.mark.parametrize("policy", ["hold", "resume"])
async def test_through_the_gateway_a_held_answer_is_kept_alive_and_a_resumed_one_is_whole(policy, monkeypatch):
    monkeypatch.setattr(inference, "QUIET", 0.02)
    pace = {"first_token": "1ms", "tokens_per_second": 50}
    model = {"id": "gpt-4o-mini", "slug": MODEL, "prefill": True}
    providers = [{"use": "simulator", "slug": slug, "models": [model], "pace": pace} for slug in ("first", "second")]
    providers[0]["faults"] = [{"kind": "cut", "after": 3}]
    config = {"providers": providers, "routing": {"on_interrupted": policy}}
    async with Router.from_dict(config) as router, gateway(router) as served, httpx.AsyncClient() as client:
        body = {"model": MODEL, "provider": {"order": ["first"]}, "stream": True, **say(ASK)}
        headers = {"authorization": f"Bearer {served.key}"}
        reply = await client.post(f"{served.base_url}/chat/completions", json=body, headers=headers)
    lines = [line for line in reply.text.splitlines() if line]
    assert lines[-1] == "data: [DONE]"
    events = [loads(line[6:].encode()) for line in lines[:-1] if line.startswith("data:")]
    assert "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event["choices"]) == EXACT
    if policy == "hold":
        assert {event["provider"] for event in events} == {"Second"}
        kept = [line.startswith(":") for line in lines]
        assert kept == sorted(kept, reverse=True), "nothing but keep-alives before the answer is whole"
        assert sum(kept) > 1
