"""Broken streams of every wire that providers speak, and what goes on with them: in virtual time, in front of simulated servers."""

import json
from itertools import product
from random import Random

import pytest
from asking import BREAKS, CLIENTS, dialect_of, tasks_of_calls
from simulated import EXACT

from taxiway import Router
from taxiway.health import Health
from taxiway.http import HttpHead
from taxiway.records import generation_of
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock
from taxiway_simulator.carrier import SimulatorTransport
from taxiway_simulator.options import Fault, Model, Pace, SimulatorOptions
from taxiway_simulator.simulation import Simulation

KEY = "simulated-key-one"
SIGNING = json.dumps({"accessKeyId": KEY, "secretAccessKey": "simulated-secret-key"})
WIRES = {
    "messages": ("anthropic", "anthropic/claude-haiku-4.5", "claude-haiku-4-5", "/v1", {}, KEY),
    "gemini": ("google", "google/gemini-2.5-flash", "gemini-2.5-flash", "/v1beta", {}, KEY),
    "responses": ("openai", "openai/gpt-5-codex", "gpt-5-codex", "/v1", {}, KEY),
    "cohere": ("cohere", "cohere/command-a", "command-a-03-2025", "", {}, KEY),
    "converse": (
        "bedrock",
        "amazon/nova-pro-v1",
        "amazon.nova-pro-v1:0",
        "",
        {"region": "us-east-1", "models": {"amazon/nova-pro-v1": "amazon.nova-pro-v1:0"}},
        SIGNING,
    ),
}
"""By wire: the plugin, the model's slug and id, what follows the host in its base URL, settings, key."""


class Served:
    """A router in front of a real provider's plugin, whose server is simulated, and of a simulated provider that takes a prefill."""

    def __init__(self, router, simulation, slug, order):
        self.router, self.simulation, self.slug, self.order = router, simulation, slug, order
        self.spare = router.snapshot.providers["spare"].simulation
        self.ended = []
        router.engine.journal.ended = lambda row: self.ended.append(generation_of(row))

    async def ask(self, dialect, **more):
        body, path, read = CLIENTS[dialect]
        body = {**body, **more, "model": self.slug, "provider": {"order": list(self.order)}}
        path = path and {**path, "model": self.slug}
        client, engine = dialect_of(dialect), self.router.engine
        engine.health = Health(Random(1))
        call = engine.call(client, body, path=path)
        text, failed, ended = "", False, False
        async for batch in (stream := engine.stream(call)):
            for told, wrong, last in map(read, batch):
                text, failed, ended = text + told, failed or wrong, ended or last
        return text, failed, ended and stream.whole


async def serving(wire, policy, monkeypatch, order):
    provider, slug, id_, base, settings, key = WIRES[wire]
    clock, pace = VirtualClock(), Pace(first_token=0.005, tokens_per_second=100)
    models = (Model(id=id_, slug=slug, prefill=True), Model(id="other"))
    simulation = Simulation(SimulatorOptions(slug="first", pace=pace, models=models), clock.now())
    transport = SimulatorTransport(simulation, clock)
    monkeypatch.setenv("WIRED", key)
    config = {
        "providers": [
            {
                "use": "simulator",
                "slug": "spare",
                "models": [{"id": "spare", "slug": slug, "prefill": True}],
                "pace": {"first_token": "5ms"},
            }
        ],
        "credentials": [
            {
                "provider": provider,
                "key": "env:WIRED",
                "settings": {**settings, "base_url": f"http://{transport.host}{base}"},
            }
        ],
        "routing": {"on_interrupted": policy, "retry_budget": {"least": 100_000}},
    }
    router = Router.from_dict(config, clock=clock, random=Random(1))
    await router.__aenter__()
    router.engine.transports = {**router.engine.transports, "http": transport}
    router.engine.dialects = {**router.engine.dialects, **{name: dialect_of(name) for name in CLIENTS}}
    return Served(router, simulation, slug, order)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("policy", ["error", "hold", "resume"])
@virtual_time
async def test_whatever_breaks_the_client_gets_the_answer_or_an_error(policy, wire, monkeypatch):
    slug = WIRES[wire][0]
    slug = {"google": "google-ai-studio", "bedrock": "amazon-bedrock"}.get(slug, slug)
    served = await serving(wire, policy, monkeypatch, (slug, "spare"))
    before = tasks_of_calls()
    try:
        for dialect, kind, after in product(CLIENTS, BREAKS, (0, 3, 99)):
            served.simulation.faults[:] = [Fault(kind=kind, after=after)]
            text, failed, ended = await served.ask(dialect)
            where = (dialect, kind, after, text)
            assert failed is not ended, where
            assert EXACT.startswith(text) if failed else text == EXACT, where
            if policy == "hold" or after == 0 or (policy == "resume" and after == 3):
                assert ended, where
            generation = served.ended[-1]
            assert generation.state == ("done" if ended else "interrupted")
            assert generation.usage.prompt > 0
        assert tasks_of_calls() == before
    finally:
        await served.router.aclose()


@pytest.mark.parametrize("dialect", CLIENTS)
@virtual_time
async def test_claude_goes_on_with_what_another_began(dialect, monkeypatch):
    served = await serving("messages", "resume", monkeypatch, ("spare", "anthropic"))
    try:
        served.spare.faults[:] = [Fault(kind="cut", after=4)]
        assert await served.ask(dialect) == (EXACT, False, True)
        assert [(one.provider, one.role) for one in served.ended[-1].attempts] == [
            ("spare", ""),
            ("anthropic", "resumption"),
        ]
    finally:
        await served.router.aclose()


@virtual_time
async def test_what_canonical_chat_has_no_place_for_passes_untouched_and_is_not_gone_on_with(monkeypatch):
    served = await serving("messages", "resume", monkeypatch, ("anthropic", "spare"))
    sent, answer = [], served.simulation.answer

    def answering(method, target, headers, body, now):
        sent.append(json.loads(body))
        return answer(method, target, headers, body, now)

    served.simulation.answer = answering
    try:
        served.simulation.faults[:] = [Fault(kind="cut", after=3)]
        assert await served.ask("messages") == (EXACT, False, True)
        assert await served.ask("messages", container="container-1") == ("one two three", True, False)
        assert sent[-1]["container"] == "container-1"
    finally:
        await served.router.aclose()


CHUNK = b'data: {"choices": [{"index": 0, "delta": %b}]}\n\n'
TEXT, BROKEN = CHUNK % b'{"content": "one"}', CHUNK % b'{"tool_calls": [{"index": 0, "function": {"arguments": "x"}}]}'


class Together:
    """A transport of streams whose pieces come in the reads that are given."""

    schemes = frozenset({"sim"})
    phase, sent, moved, framed, reused = "body", "whole", 1, False, False

    def __init__(self, transport, *reads):
        self.transport, self.reads, self.opened = transport, list(reads), 0

    def open(self, request, connect):
        self.opened += 1
        return self if self.opened == 1 else self.transport.open(request, connect)

    async def head(self):
        return HttpHead(200, {"content-type": "text/event-stream"})

    async def read(self):
        return self.reads.pop(0)

    def abort(self, reason="cancelled"): ...


@virtual_time
async def test_white_space_at_the_end_of_what_was_said_comes_once(monkeypatch):
    served = await serving("messages", "resume", monkeypatch, ("spare", "anthropic"))
    transports = served.router.engine.transports
    served.router.engine.transports = {
        **transports,
        "sim": Together(transports["sim"], CHUNK % b'{"content": "one "}', b""),
    }
    try:
        assert await served.ask("messages") == (EXACT, False, True)
    finally:
        await served.router.aclose()


@virtual_time
async def test_after_a_failure_that_does_not_pass_nobody_goes_on(monkeypatch):
    served = await serving("messages", "resume", monkeypatch, ("spare", "anthropic"))
    transports = served.router.engine.transports
    error = b'data: {"error": {"message": "bad key", "code": "invalid_api_key"}}\n\n'
    served.router.engine.transports = {**transports, "sim": Together(transports["sim"], TEXT, error)}
    try:
        assert await served.ask("messages") == ("one", True, False)
        assert served.ended[-1].error == "credential_invalid"
    finally:
        await served.router.aclose()


@pytest.mark.parametrize("error", [BROKEN, b'data: {"error": {"message": "broken"}}\n\n'])
@pytest.mark.parametrize("policy", ["error", "resume"])
@virtual_time
async def test_a_first_token_that_comes_with_a_failure_reaches_nobody_and_a_later_one_does(policy, error, monkeypatch):
    for reads, resumes in (((TEXT + error,), True), ((TEXT, TEXT + error), False)):
        served = await serving("messages", policy, monkeypatch, ("spare", "anthropic"))
        transports = served.router.engine.transports
        served.router.engine.transports = {**transports, "sim": Together(transports["sim"], *reads)}
        try:
            text, failed, ended = await served.ask("messages")
            if resumes:
                assert (text, failed, ended) == (EXACT, False, True)
            elif policy == "error":
                assert (text, failed, ended) == ("oneone", True, False)
            else:
                assert text.startswith("oneone")
                assert ended
        finally:
            await served.router.aclose()
