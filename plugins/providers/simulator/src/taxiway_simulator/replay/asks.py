"""What clients ask for in a replay: taken from recorded generations, or made up by a load's description."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import exp
from random import Random
from statistics import median
from typing import Any, Final, Literal

from attrs import field, frozen, validators

from taxiway.candidate import Operation
from taxiway.chat_facts import PRESET
from taxiway.clock import Duration
from taxiway.codec import Json
from taxiway.outcome import Generation
from taxiway_simulator.answers import MESSAGE_TOKENS, pieces

REPLAYED: Final[tuple[Operation, ...]] = ("chat", "embeddings")
"""The operations that a simulated provider serves."""

_PIECE: Final = " abc"
"""One token by the simulator's count and by the planner's estimate, which takes four characters for one."""
_TYPICAL: Final = 200
"""Tokens of a reply where nothing is known of any."""


@frozen(kw_only=True)
class Ask:
    """One call of a client: `at` seconds after the start, with so many tokens in, and a reply of so many. `models` in order."""

    at: float
    models: tuple[str, ...]
    prompt: int
    output: int
    max_output: int | None = None
    stream: bool = True
    operation: Operation = "chat"

    def body(self, number: int) -> Json:
        """Return the request. No two are alike, so that none is taken for the other's conversation."""
        model, *others = self.models
        asked = f"No. {number}: reply in {self.output} tokens."
        text = asked + _PIECE * (self.prompt - MESSAGE_TOKENS - len(pieces(asked)))
        if self.operation == "embeddings":
            return {"model": model, "input": text}
        body: Json = {"model": model, "messages": [{"role": "user", "content": text}]}
        if others:
            body["models"] = others
        if self.max_output is not None:
            body["max_tokens"] = self.max_output
        return body


_positive = validators.gt(0.0)
_text = validators.instance_of(str)


@frozen(kw_only=True)
class Load:
    """A made-up load: `rate` calls a minute for `duration` seconds. `models`: their shares, by name.

    `prompt` and `output` are medians in tokens, `tail` the sigma of their lognormal distributions (0: always the median; above 1
    a few calls are as large as all others together). `streams`: the share of calls that are streamed. `arrivals`: at random, as
    independent clients come (`poisson`), or `even`.
    """

    rate: float = field(default=60.0, validator=_positive)
    duration: Duration = field(default=600.0, validator=_positive)
    models: Mapping[str, float] = field(factory=dict, validator=validators.deep_mapping(_text, _positive))
    prompt: int = field(default=400, validator=validators.gt(0))
    output: int = field(default=150, validator=validators.gt(0))
    tail: float = field(default=0.5, validator=[validators.ge(0.0), validators.le(3.0)])
    streams: float = field(default=1.0, validator=[validators.ge(0.0), validators.le(1.0)])
    arrivals: Literal["poisson", "even"] = "poisson"

    def asks(self, models: Mapping[str, float], seed: int) -> Iterator[Ask]:
        """Make the calls. `models`: shares of those that are asked for. The same seed makes the same calls."""
        random = Random(f"{seed}|load")  # noqa: S311 - it is a simulation
        names, weights = list(models), list(models.values())
        for at in self._times(random):
            yield Ask(
                at=at,
                models=tuple(random.choices(names, weights)),
                prompt=_drawn(self.prompt, self.tail, random),
                output=_drawn(self.output, self.tail, random),
                stream=random.random() < self.streams,
            )

    def _times(self, random: Random) -> Iterator[float]:
        pause = 60.0 / self.rate
        if self.arrivals == "even":
            count = round(self.duration / pause)
            return (number * pause for number in range(count))
        gaps = iter(lambda: random.expovariate(1.0 / pause), None)
        return itertools.takewhile(lambda at: at < self.duration, itertools.accumulate(gaps))


_MOST: Final = 100_000
"""Tokens that a made-up prompt or reply has at most."""


def _drawn(middle: int, sigma: float, random: Random) -> int:
    return max(1, min(_MOST, round(middle * exp(random.gauss(0.0, sigma))))) if sigma else middle


def recorded(generations: Sequence[Generation], names: Iterable[str] = ()) -> list[Ask]:
    """Return the calls that were recorded, by time. What a simulation can't serve (`rerank`, ...) is left out.

    `names`: what is no model of anybody's but a name of the configuration's own, which says itself what it falls back to.
    A reply that nobody recorded is as long as that model's others.
    """
    served = [one for one in generations if one.operation in REPLAYED]
    begin = min((one.created for one in served), default=0.0)
    usual = _usual(served)
    own = set(names)
    return sorted((_ask(one, begin, usual, own) for one in served), key=lambda ask: ask.at)


def _ask(one: Generation, begin: float, usual: Mapping[str, int], own: set[str]) -> Ask:
    first = one.attempts[0] if one.attempts else None
    served = [attempt.model for attempt in one.attempts]
    fallbacks = () if one.requested in own else served
    # What a preset stood for is known by who was tried.
    asked = () if served and PRESET in one.requested else (one.requested,)
    whole = one.usage is not None and one.state == "done"
    estimate = first.tokens if first is not None else _TYPICAL
    return Ask(
        at=one.created - begin,
        models=tuple(dict.fromkeys((*asked, *fallbacks))),
        prompt=max(1, one.usage.prompt if whole and one.usage is not None else estimate),
        output=max(1, one.usage.completion if whole and one.usage is not None else usual.get(one.requested, _TYPICAL)),
        max_output=first.max_output if first is not None else None,
        stream=one.streamed,
        operation=one.operation,
    )


def _usual(generations: Iterable[Generation]) -> dict[str, int]:
    lengths: dict[str, list[int]] = {}
    for one in generations:
        if one.state == "done" and one.usage is not None:
            lengths.setdefault(one.requested, []).append(one.usage.completion)
    return {model: round(median(some)) for model, some in lengths.items()}


def shares(asks: Iterable[Ask]) -> dict[str, Any]:
    """Say how many calls ask for which model."""
    found: dict[str, int] = {}
    for ask in asks:
        found[ask.models[0]] = found.get(ask.models[0], 0) + 1
    return dict(sorted(found.items()))
