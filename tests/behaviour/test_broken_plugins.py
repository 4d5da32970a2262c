"""A plugin that raises costs its own share of a call, and never the call."""

import json

import pytest
from attrs import evolve
from simulated import BODY, EXACT, MODEL, over_sim
from upstream import Answer

from taxiway import Router
from taxiway.assembly import Parts
from taxiway.chat import CHAT
from taxiway.outcome import CallError, Failure
from taxiway.strategy import Ranked
from taxiway.tasks import Tasks
from taxiway.testing.virtual import virtual_time

ASK = {"model": MODEL, "messages": BODY["messages"]}
SSE = {"content-type": "text/event-stream"}


class Raises:
    def rank(self, call, endpoints, view, random):
        raise ZeroDivisionError("key sk-planted-planted-planted-planted")


class Stranger:
    """Ranks an endpoint that it was not given."""

    def rank(self, call, endpoints, view, random):
        return [Ranked(evolve(endpoint), 1.0) for endpoint in endpoints]


def ranked_by(bench, *strategies):
    named = tuple((type(strategy).__name__, strategy) for strategy in strategies)
    bench.router.engine.snapshot = evolve(bench.router.snapshot, strategies=named)


@virtual_time
async def test_a_strategy_that_raises_leaves_the_configured_order(caplog):
    ask = {**BODY, "provider": {}}
    for strategy in (Raises(), Stranger()):
        async with over_sim() as bench:
            ranked_by(bench, strategy)
            reply = await bench.router.chat(**ask)
            assert reply["choices"][0]["message"]["content"] == EXACT
            rows = (await bench.router.explain(**ask)).rows
            assert [row.provider for row in rows] == ["openai"] * 3 + ["second"]
            assert all("a strategy failed" in row.reason for row in rows)
    assert "ZeroDivisionError" in caplog.text
    assert "sk-planted" not in caplog.text


class Learns:
    """Keeps the seconds of each attempt; one that served badly."""

    def rank(self, call, endpoints, view, random):
        return [Ranked(endpoint, view.recorded(endpoint, "seconds") or 0.0) for endpoint in endpoints]

    def observe(self, outcome):
        return {"seconds": outcome.ended - outcome.started, "failed": float(outcome.failure is not None)}


class Forgets(Learns):
    def observe(self, outcome):
        raise ZeroDivisionError("key sk-planted-planted-planted-planted")


@virtual_time
async def test_what_a_strategy_observes_is_in_its_view_and_one_that_raises_hurts_no_call(caplog):
    async with over_sim({"kind": "server_error", "lasts": "1s"}) as bench:
        ranked_by(bench, Forgets(), Learns())
        assert (await bench.router.chat(**BODY))["choices"][0]["message"]["content"] == EXACT
        view = bench.router.engine.health.view(0.0)
        first, second = (offer.endpoint for offer in bench.router.snapshot.models("default")[MODEL])
        assert (view.recorded(first, "failed"), view.recorded(second, "failed")) == (1.0, 0.0)
        assert view.recorded(second, "seconds") > 0
    assert "strategy Forgets: can't observe" in caplog.text
    assert "sk-planted" not in caplog.text


class NoTransport:
    schemes = frozenset({"sim"})

    def open(self, request, connect):
        raise ZeroDivisionError


@virtual_time
async def test_a_transport_that_raises_is_a_failure_like_others():
    async with over_sim() as bench:
        engine = bench.router.engine
        good = engine.transports
        engine.transports = {"sim": NoTransport()}
        with pytest.raises(CallError) as caught:
            await bench.router.chat(**BODY)
        assert caught.value.failure.kind == "unavailable"
        engine.transports = good
        assert (await bench.router.chat(**BODY))["choices"][0]["message"]["content"] == EXACT


class Unreadable:
    """A dialect's reader that fails when the text so far is asked for."""

    def __init__(self, progress):
        self.__dict__["inner"] = progress

    def __getattr__(self, name):
        if name == "usage":
            raise ZeroDivisionError
        return getattr(self.inner, name)


@virtual_time
async def test_a_dialect_that_raises_at_the_end_leaves_nothing_reserved(monkeypatch):
    made = CHAT.upstream.progress
    monkeypatch.setattr(type(CHAT.upstream), "progress", lambda self, stream: Unreadable(made(stream)))
    async with over_sim() as bench:
        with pytest.raises(CallError):
            await bench.router.chat(**BODY)
        view = bench.router.engine.health.view(0.0)
        offers = bench.router.snapshot.models("default")[MODEL]
        assert [view.in_flight(offer.endpoint) for offer in offers] == [0, 0]


class Odd:
    """Classifies as nobody knows."""

    def __init__(self, inner, failure):
        self.inner, self.failure = inner, failure

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def classify(self, *_):
        return self.failure


@pytest.mark.parametrize("failure", [None, Failure(kind="of another version", message="")])
@virtual_time
async def test_a_provider_that_classifies_wrongly_is_passed_over(failure):
    async with over_sim({"kind": "server_error"}) as bench:
        providers = dict(bench.router.snapshot.providers)
        providers["openai"] = Odd(providers["openai"], failure)
        bench.router.engine.snapshot = evolve(bench.router.snapshot, providers=providers)
        assert (await bench.router.chat(**BODY))["choices"][0]["message"]["content"] == EXACT


@virtual_time
async def test_a_body_that_is_no_json_is_the_callers_mistake(caplog):
    async with over_sim() as bench:
        with pytest.raises(CallError) as caught:
            await bench.router.chat(**BODY, logit_bias={"1": float("nan"), "2": object()})
        assert caught.value.failure.kind == "invalid_request"
    assert not caplog.text


@virtual_time
async def test_whatever_fails_while_closing_the_rest_is_closed(monkeypatch):
    closed = []

    async def close(self):
        closed.append(self)
        raise ZeroDivisionError

    monkeypatch.setattr(Tasks, "aclose", close)
    monkeypatch.setattr(Parts, "aclose", close)
    async with over_sim() as bench:
        with pytest.raises(ZeroDivisionError):
            await bench.router.aclose()
        assert [type(part) for part in closed] == [Tasks, Parts]


@pytest.mark.real_time
@pytest.mark.parametrize("stream", [False, True])
async def test_replies_of_a_form_that_nobody_expects_shut_the_endpoint(monkeypatch, upstream, caplog, stream):
    monkeypatch.setenv("OWN_KEY", "sk-upstream-test")
    choice = {"message": {"content": "text"}, "delta": {"content": "text"}, "finish_reason": ["stop"]}
    odd = {"id": "x", "object": "chat.completion", "model": "m", "choices": [choice]}
    upstream.always(Answer(200, odd) if not stream else Answer(200, b"data: %b\n\n" % json.dumps(odd).encode(), SSE))
    models = [{"id": "gpt-4o-mini", "slug": MODEL}]
    provider = {"use": "openai-compatible", "slug": "own", "base_url": upstream.url, "models": models}
    credential = {"provider": "own", "key": "env:OWN_KEY"}
    async with Router.from_dict({"providers": [provider], "credentials": [credential]}) as router:
        for _ in range(5):
            with pytest.raises(CallError) as caught:
                await (anext(router.stream(**ASK)) if stream else router.chat(**ASK))
            assert caught.value.failure.kind == "unavailable"
    assert "endpoint_out" in caplog.text
