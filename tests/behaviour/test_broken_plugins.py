"""A plugin that raises costs its own share of a call, and never the call."""

import pytest
from attrs import evolve
from simulated import BODY, EXACT, over_sim

from taxiway.outcome import CallError
from taxiway.strategy import Ranked
from taxiway.testing.virtual import virtual_time


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
