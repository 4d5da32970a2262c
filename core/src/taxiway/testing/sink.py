"""The contract of telemetry sinks, as tests: subclass it in a plugin's tests."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from taxiway.clock import SystemClock
from taxiway.converter import structure
from taxiway.errors import ConfigError
from taxiway.outcome import AttemptRecord, Generation
from taxiway.registration import AnyRegistration, Closes, Context, Starts
from taxiway.sink import Checkpoints, Sink
from taxiway.testing.spool import done
from taxiway.usage import Usage


def generation(number: int = 1, **changed: Any) -> Generation:
    """Make a generation as the spool delivers it: two attempts, tokens, a cost. Its id ends in `number`."""
    usage = Usage(input=20, cache_read=100, output=7, reasoning=3)
    attempts = (
        _attempt(1, kind="rate_limited", status=429, duration=0.1),
        _attempt(2, usage=usage, cost=0.00003, latency=0.2, duration=0.5),
    )
    known: dict[str, Any] = {
        "id": f"gen-1760000000-{number:020d}",
        "streamed": True,
        "endpoint": "somebody:name",
        "usage": usage,
        "cost": 0.00003,
        "latency": 0.3,
        "duration": 0.6,
        "finish_reason": "stop",
        "seed": 2**64 - 1,
        "figures": {"somebody:name": {"latency": 0.25}},
        "dropped": ["logit_bias"],
    }
    return done(number, *changed.pop("attempts", attempts), **(known | changed))


def _attempt(number: int, **known: Any) -> AttemptRecord:
    return AttemptRecord(
        number=number,
        endpoint="somebody:name",
        provider="somebody",
        account="main",
        credential="credential-1",
        model="author/name",
        opened=1_760_000_001.0,
        tokens=118,
        max_output=400,
        price_in=1e-7,
        price_out=2e-6,
        **known,
    )


class SinkContract:
    """What every sink holds to. Set `registration`, and override `options` where it needs some, and `taken`."""

    registration: AnyRegistration

    @pytest.fixture
    def options(self, tmp_path: Path) -> Mapping[str, Any]:
        """The sink's table, without `use`."""
        return {}

    async def build(self, options: Mapping[str, Any], data_dir: Path | None) -> Any:
        """Build and start one."""
        context = Context(
            clock=SystemClock(),
            random=Random(1),  # noqa: S311 - a test
            log=logging.getLogger("taxiway.test"),
            data_dir=data_dir,
        )
        built = self.registration.build(structure(options, self.registration.options), context)
        if isinstance(built, Starts):
            await built.start()
        return built

    @pytest.fixture
    async def sink(self, options: Mapping[str, Any], tmp_path: Path) -> Any:
        """The built and started sink."""
        built = await self.build(options, tmp_path)
        yield built
        if isinstance(built, Closes):
            await built.aclose()

    async def taken(self, sink: Any) -> Sequence[str]:
        """Ids that arrived where the sink brings them, in order, as often as they are there. Override it."""
        raise NotImplementedError("override `taken`: the ids that arrived")

    async def test_what_is_delivered_arrives_in_order(self, sink: Sink) -> None:
        """Nothing is lost or turned round, over several batches."""
        made = [generation(number) for number in range(1, 8)]
        await sink.deliver(made[:3])
        await sink.deliver(made[3:])
        assert list(await self.taken(sink)) == [one.id for one in made]

    async def test_an_empty_batch_is_nothing(self, sink: Sink) -> None:
        """It is taken, and nothing arrives."""
        await sink.deliver([])
        assert list(await self.taken(sink)) == []

    async def test_a_batch_that_comes_again_arrives_once(self, sink: Sink) -> None:
        """After a crash the same ids may come again, mixed with new ones, and twice in one batch."""
        one, two, three = generation(1), generation(2), generation(3)
        await sink.deliver([one, two])
        await sink.deliver([two, three, one, three])
        assert sorted(await self.taken(sink)) == [one.id, two.id, three.id]

    async def test_whatever_a_generation_holds_is_taken(self, sink: Sink) -> None:
        """Text from peers may hold anything: emoji, nulls of JSON, lone surrogates; a lost call has no usage, no price."""
        odd = [
            generation(1, requested="модель/🚕", error='"quoted"\n\t\\'),
            generation(2, finish_reason="\ud800", error="lone \udfff", model="\ud800"),
            generation(3, usage=None, cost=None, attempts=[], state="lost", latency=None, duration=None),
        ]
        await sink.deliver(odd)
        assert len(await self.taken(sink)) == len(odd)

    async def test_a_checkpoint_can_be_made_any_time(self, sink: Sink) -> None:
        """Before anything was delivered, after it, and twice."""
        if not isinstance(sink, Checkpoints):
            pytest.skip("no checkpoints: what it took may be lost with the power")
        await sink.checkpoint()
        await sink.deliver([generation(1)])
        await sink.checkpoint()
        await sink.checkpoint()
        assert len(await self.taken(sink)) == 1

    async def test_closing_works_twice_and_without_a_start(self, options: Mapping[str, Any], tmp_path: Path) -> None:
        """`aclose` lets go of what there is."""
        context = Context(
            clock=SystemClock(),
            random=Random(1),  # noqa: S311 - a test
            log=logging.getLogger("taxiway.test"),
            data_dir=tmp_path,
        )
        built = self.registration.build(structure(options, self.registration.options), context)
        for _ in range(2):
            if isinstance(built, Closes):
                await built.aclose()

    def test_a_misspelt_option_is_refused(self, options: Mapping[str, Any]) -> None:
        """The options' class says what there is."""
        with pytest.raises(ConfigError):
            structure({**options, "no_such_option": 1}, self.registration.options)
