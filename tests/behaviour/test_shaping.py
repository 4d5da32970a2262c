"""What is done for an endpoint before it is asked: whoever fails in it, the call is accounted and nothing stays reserved."""

import asyncio

import pytest
from simulated import BODY, EXACT, MODEL, over_sim

from taxiway.chat import CHAT
from taxiway.errors import InvalidRequest, Malformed
from taxiway.outcome import CallError
from taxiway.shaping import Shaper
from taxiway.testing.virtual import virtual_time


class Odd:
    """A transform for the provider `openai` that raises, or takes its time."""

    fetches = frozenset()

    def __init__(self, error=None, asked=None, seconds=0.0):
        self.error, self.asked, self.seconds = error, asked, seconds

    def applies(self, call, endpoint):
        if self.asked is not None:
            raise self.asked
        return endpoint.provider == "openai"

    async def request(self, call, endpoint, body):
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        return body


def shaped_by(bench, transform):
    engine = bench.router.engine
    engine.shaper = Shaper(engine.dialects, [("odd", transform)], engine.shaper.media)


def in_flight(bench):
    engine = bench.router.engine
    view = engine.health.view(engine.clock.monotonic())
    return [view.in_flight(offer.endpoint) for offer in bench.router.snapshot.models("default")[MODEL]]


@virtual_time
async def test_a_transform_that_raises_where_it_is_asked_leaves_nothing_reserved():
    async with over_sim() as bench:
        shaped_by(bench, Odd(asked=ZeroDivisionError()))
        with pytest.raises(CallError) as caught:
            await bench.router.chat(**BODY)
        assert caught.value.failure.kind == "unavailable"
        assert in_flight(bench) == [0, 0]


@pytest.mark.parametrize("error", [ZeroDivisionError(), TimeoutError("its own")])
@virtual_time
async def test_a_transform_that_raises_leaves_the_call_to_others(error, caplog):
    async with over_sim() as bench:
        shaped_by(bench, Odd(error))
        reply = await bench.router.chat(**BODY)
        assert reply["provider"] == "Second"
        assert reply["choices"][0]["message"]["content"] == EXACT
        assert in_flight(bench) == [0, 0]
    assert type(error).__name__ in caplog.text


@pytest.mark.parametrize("error", [InvalidRequest("messages[0].content", "is wrong"), Malformed("is wrong")])
@virtual_time
async def test_what_a_translator_finds_wrong_is_the_callers_mistake(error, monkeypatch, caplog):
    def from_canonical(self, body, endpoint):
        raise error

    monkeypatch.setattr(type(CHAT.upstream), "from_canonical", from_canonical)
    async with over_sim() as bench:
        with pytest.raises(CallError, match="is wrong") as caught:
            await bench.router.chat(**BODY)
        failure = caught.value.failure
        assert (failure.kind, failure.field) == ("invalid_request", getattr(error, "field", None))
        assert in_flight(bench) == [0, 0]
    assert "plugin failed" not in caplog.text


@virtual_time
async def test_what_a_transform_finds_malformed_is_no_failure_of_the_endpoint():
    async with over_sim() as bench:
        shaped_by(bench, Odd(Malformed("is wrong")))
        with pytest.raises(CallError) as caught:
            await bench.router.chat(**BODY)
        assert caught.value.failure.kind == "invalid_request"


@virtual_time
async def test_no_endpoint_is_slow_because_a_transform_was():
    async with over_sim(routing={"timeouts": {"first_token": "2s", "connect": "1s"}}) as bench:
        shaped_by(bench, Odd(seconds=10.0))
        events = [event async for event in bench.router.stream(**BODY)]
        assert {event["provider"] for event in events} == {"Openai"}
