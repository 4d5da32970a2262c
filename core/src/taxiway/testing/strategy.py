"""The contract of strategies, as tests: subclass it in a plugin's tests.

class TestNearest(StrategyContract):
    module = my_strategies
    name = "nearest"
"""

import copy
import itertools
import math
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from random import Random
from types import ModuleType
from typing import Any, ClassVar, NoReturn, TypeVar

import pytest
from attrs import define
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taxiway.call import LIBRARY, Call, Conversation, Facts
from taxiway.candidate import Endpoint
from taxiway.converter import structure
from taxiway.draws import Draws
from taxiway.errors import ConfigError
from taxiway.failures import POLICIES
from taxiway.hookspecs import API
from taxiway.money import Price
from taxiway.outcome import Failure, Outcome
from taxiway.preferences import NO_PREFERENCES
from taxiway.registration import AnyRegistration
from taxiway.strategy import HealthView, Observes, Ranked, Scores, Strategy
from taxiway.testing.dialect import INHERITED, JSON, context, make_candidate, make_endpoint
from taxiway.usage import Usage

T = TypeVar("T")

PRICES: Mapping[str, Price] = {
    "known": Price(input=1e-6, output=2e-6),
    "dear": Price(input=1e-4, output=2e-4),
    "free": Price(input=0.0, output=0.0),
    "unknown": Price(),
    "input only": Price(input=1e-6),
    "stepped": Price(input=1e-6, output=2e-6, above=((100, Price(input=3e-6, output=6e-6)),)),
}
_FOREVER = 0.02
"""Seconds that ranking 30 endpoints may take, on the slowest machine: a hundred times what it should."""


@define
class FakeView(HealthView):
    """A `HealthView` of given figures, by endpoint; what is not given is not known."""

    now: float = 0.0
    latencies: Mapping[Endpoint, float] = {}
    throughputs: Mapping[Endpoint, float] = {}
    successes: Mapping[Endpoint, float] = {}
    outages: frozenset[Endpoint] = frozenset()
    under_way: Mapping[Endpoint, int] = {}
    turns: int = 0
    durations: Mapping[Endpoint, float] = {}
    limits: Mapping[Endpoint, float] = {}
    full: frozenset[Endpoint] = frozenset()
    records: Mapping[tuple[Endpoint, str], float] = {}

    def latency(self, endpoint: Endpoint, share: float = 0.5) -> float | None:
        """Return the given figure, for every share."""
        return self.latencies.get(endpoint)

    def throughput(self, endpoint: Endpoint, share: float = 0.5) -> float | None:
        """Return the given figure, for every share."""
        return self.throughputs.get(endpoint)

    def duration(self, endpoint: Endpoint, share: float = 0.5) -> float | None:
        """Return the given figure, for every share."""
        return self.durations.get(endpoint)

    def limited(self, endpoint: Endpoint) -> float | None:
        """Return the given figure."""
        return self.limits.get(endpoint)

    def room(self, endpoint: Endpoint) -> bool:
        """Whether it was not said to be full."""
        return endpoint not in self.full

    def recorded(self, endpoint: Endpoint, name: str) -> float | None:
        """Return the given figure."""
        return self.records.get((endpoint, name))

    def success(self, endpoint: Endpoint) -> float | None:
        """Return the given figure."""
        return self.successes.get(endpoint)

    def outage(self, endpoint: Endpoint) -> bool:
        """Return what was given."""
        return endpoint in self.outages

    def in_flight(self, endpoint: Endpoint) -> int:
        """Return the given figure."""
        return self.under_way.get(endpoint, 0)

    def turn(self, model: str) -> int:
        """Return the given figure."""
        return self.turns

    def derived(self, name: str, read: Callable[[], T]) -> T:
        """Work it out."""
        return read()


def make_endpoints(count: int, price: Price | None = None) -> list[Endpoint]:
    """Make endpoints of one model at so many providers; without a price, each costs more than the one before."""
    return [
        make_endpoint(
            "chat",
            "chat",
            provider=f"provider-{number}",
            tag=f"provider-{number}",
            price=price or Price(input=1e-6 * (number + 1), output=4e-6 * (number + 1)),
        )
        for number in range(count)
    ]


def make_chat(tokens: int = 1000, max_output: int | None = None, seed: int = 1) -> Call:
    """Make a call of so many tokens."""
    facts = Facts(("acme/model-1",), tokens=tokens, max_output=max_output)
    return Call("gen-1", seed, "chat", "chat", {}, facts, NO_PREFERENCES, LIBRARY, 1_760_000_000.5, 0.0, 600.0, {})


def order(rows: Sequence[Ranked]) -> list[Endpoint]:
    """Return the endpoints, best first."""
    return [row.endpoint for row in sorted(rows, key=lambda row: row.score)]


def _busy(endpoints: Sequence[Endpoint]) -> FakeView:
    """Return a view that knows something different of each third endpoint."""
    return FakeView(
        latencies={endpoint: 0.1 * (number + 1) for number, endpoint in enumerate(endpoints) if number % 3 != 2},
        throughputs={endpoint: 100.0 - number for number, endpoint in enumerate(endpoints) if number % 3 != 2},
        successes={endpoint: 0.9 for number, endpoint in enumerate(endpoints) if number % 3 != 2},
        outages=frozenset(endpoints[1::3]),
        under_way={endpoint: number for number, endpoint in enumerate(endpoints)},
        turns=7,
    )


@define
class _Remembers(FakeView):
    """A view that has one figure of each endpoint for whatever a strategy may have recorded."""

    any_record: Mapping[Endpoint, float] = {}

    def recorded(self, endpoint: Endpoint, name: str) -> float | None:
        return self.any_record.get(endpoint)


_AMOUNTS = st.none() | st.sampled_from([0.0, 1e-9, 1e-6, 1.0]) | st.floats(0.0, 1e9)
_PRICES = st.builds(
    Price,
    input=_AMOUNTS,
    output=_AMOUNTS,
    cache_read=_AMOUNTS,
    request=st.sampled_from([0.0, 0.01]),
    above=st.sampled_from([(), ((100, Price(input=3e-6, output=6e-6)),), ((0, Price()),)]),
)
_ENDPOINTS = st.lists(st.tuples(st.sampled_from(["acme/model-1", "acme/model-2", "other/model"]), _PRICES), max_size=5)
_TEXTS = st.text(max_size=20) | st.sampled_from(["Hello", "```\nx = 1\n```", "Prove it step by step"])
_MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "system"]), "content": JSON | _TEXTS}), max_size=3
)
_FIELDS = st.sampled_from(["messages", "contents", "input", "prompt"])
_BODIES = st.dictionaries(_FIELDS, JSON | _TEXTS | _MESSAGES, max_size=2)
_CALLS = st.builds(
    lambda operation, body, facts: Call(
        "gen-1", 1, operation, "chat", body, facts, NO_PREFERENCES, LIBRARY, 1_760_000_000.5, 0.0, 600.0, {}
    ),
    st.sampled_from(["chat", "embeddings", "rerank"]),
    _BODIES,
    st.builds(
        Facts,
        st.just(("acme/model-1",)),
        parameters=st.frozensets(st.sampled_from(["tools", "reasoning", "response_format"])),
        inputs=st.frozensets(st.sampled_from(["text", "image", "file"])),
        tokens=st.integers(0, 2_000_000),
        max_output=st.none() | st.integers(0, 100_000),
        conversation=st.none() | st.builds(Conversation, st.just("messages"), st.text()),
    ),
)


@st.composite
def _moments(draw: st.DrawFn) -> tuple[list[Endpoint], FakeView]:
    """Draw endpoints, and what is known of them."""
    endpoints = [
        make_endpoint("chat", "chat", model=model, provider=f"p-{number}", tag=f"p-{number}/eu", price=price)
        for number, (model, price) in enumerate(draw(_ENDPOINTS))
    ]

    def figures(numbers: st.SearchStrategy[float]) -> dict[Endpoint, float]:
        drawn = [(endpoint, draw(st.none() | numbers)) for endpoint in endpoints]
        return {endpoint: number for endpoint, number in drawn if number is not None}

    times, shares = st.sampled_from([0.0, 1e-6, 0.3]) | st.floats(0.0, 1e6), st.floats(0.0, 1.0)
    view = _Remembers(
        latencies=figures(times),
        throughputs=figures(times),
        durations=figures(times),
        successes=figures(shares),
        limits=figures(shares),
        any_record=figures(st.floats(-1e9, 1e9)),
        under_way={endpoint: draw(st.integers(0, 10**6)) for endpoint in endpoints},
        outages=frozenset(endpoint for endpoint in endpoints if draw(st.booleans())),
        full=frozenset(endpoint for endpoint in endpoints if draw(st.booleans())),
        turns=draw(st.integers(0, 100)),
    )
    return endpoints, view


class StrategyContract:
    """What every strategy holds to. Set `module`, and `name` where it registers several; `options` as its TOML table has them."""

    module: ModuleType
    name: str | None = None
    options: ClassVar[Mapping[str, Any]] = {}

    @pytest.fixture
    def registration(self) -> AnyRegistration:
        """Return what the module registers."""
        found = list(self.module.taxiway_strategies())
        return next(one for one in found if self.name in {None, one.name})

    @pytest.fixture
    def strategy(self, registration: AnyRegistration) -> Strategy:
        """Return the strategy, built of `options`."""
        built: Strategy = registration.build(structure(self.options, registration.options), context())
        return built

    def test_the_module_says_its_api(self) -> None:
        major, minor = self.module.TAXIWAY_API
        assert major == API[0]
        assert minor <= API[1]

    def test_a_misspelt_option_is_refused(self, registration: AnyRegistration) -> None:
        with pytest.raises(ConfigError, match="no_such_option"):
            structure({**self.options, "no_such_option": 1}, registration.options)

    def test_the_summary_is_one_line(self, registration: AnyRegistration) -> None:
        assert registration.summary
        assert "\n" not in registration.summary

    @pytest.mark.parametrize("count", [1, 2, 5, 30])
    def test_each_endpoint_is_ranked_at_most_once_and_none_is_made_up(self, strategy: Strategy, count: int) -> None:
        endpoints = make_endpoints(count)
        for view in (FakeView(), _busy(endpoints)):
            found = [row.endpoint for row in _rank(strategy, endpoints, view)]
            assert len(set(found)) == len(found)
            assert set(found) <= set(endpoints)

    @pytest.mark.parametrize("price", PRICES.values(), ids=PRICES)
    @pytest.mark.parametrize("tokens", [0, 1, 100_000])
    def test_scores_are_finite_whatever_the_price(self, strategy: Strategy, price: Price, tokens: int) -> None:
        same = make_endpoints(3, price)
        mixed = [*make_endpoints(2), *make_endpoints(4, price)[2:]]
        for endpoints in (same[:1], same, mixed):
            for view in (FakeView(), _busy(endpoints)):
                rows = _rank(strategy, endpoints, view, call=make_chat(tokens))
                assert all(math.isfinite(row.score) for row in rows)
                assert all("\n" not in row.why for row in rows)

    @settings(INHERITED, suppress_health_check=list(HealthCheck), max_examples=25)
    @given(moment=_moments(), call=_CALLS, seed=st.integers(0, 2**32))
    def test_whatever_is_asked_and_known_a_ranking_is_sound_and_hangs_on_nothing_else(
        self, strategy: Strategy, moment: tuple[list[Endpoint], FakeView], call: Call, seed: int
    ) -> None:
        endpoints, view = moment
        rows = _rank(strategy, endpoints, view, seed=seed, call=call)
        found = [row.endpoint for row in rows]
        assert len(set(found)) == len(found)
        assert set(found) <= set(endpoints)
        assert all(math.isfinite(row.score) for row in rows)
        assert all("\n" not in row.why for row in rows)
        assert _values(rows) == _values(_rank(strategy, endpoints, view, seed=seed, call=call))

    @settings(INHERITED, suppress_health_check=list(HealthCheck), max_examples=25)
    @given(moment=_moments(), call=_CALLS, seed=st.integers(0, 2**32))
    def test_scores_alone_are_those_of_its_ranking(
        self, strategy: Strategy, moment: tuple[list[Endpoint], FakeView], call: Call, seed: int
    ) -> None:
        if not isinstance(strategy, Scores):
            return
        endpoints, view = moment
        alone, explained = _random(seed), _random(seed)
        scores = strategy.scores(call, endpoints, view, alone)
        rows = strategy.rank(call, endpoints, view, explained)
        assert list(zip(endpoints, scores, strict=True)) == [(row.endpoint, row.score) for row in rows]
        assert alone.random() == explained.random(), "they draw as much"

    def test_everything_in_an_outage_is_still_ranked(self, strategy: Strategy) -> None:
        endpoints = make_endpoints(3)
        usual = _rank(strategy, endpoints, FakeView())
        rows = _rank(strategy, endpoints, FakeView(outages=frozenset(endpoints)))
        assert {row.endpoint for row in rows} == {row.endpoint for row in usual}

    def test_one_seed_gives_one_order(self, strategy: Strategy) -> None:
        endpoints = make_endpoints(8)
        view = _busy(endpoints)
        for seed in range(20):
            first, second = (_rank(strategy, endpoints, view, seed=seed) for _ in range(2))
            assert _values(first) == _values(second)

    def test_it_keeps_no_state_between_calls(self, strategy: Strategy, registration: AnyRegistration) -> None:
        endpoints = make_endpoints(5)
        for seed in range(20):
            _rank(strategy, endpoints, _busy(endpoints), seed=seed, call=make_chat(seed))
        fresh: Strategy = registration.build(structure(self.options, registration.options), context())
        used, unused = (_rank(one, endpoints, FakeView(), seed=3) for one in (strategy, fresh))
        assert _values(used) == _values(unused)

    def test_its_inputs_stay_as_they_are(self, strategy: Strategy) -> None:
        endpoints = make_endpoints(5)
        call, view = make_chat(), _busy(endpoints)
        given = list(endpoints)
        facts, body, figures = call.facts, copy.deepcopy(call.body), dict(view.latencies)
        _rank(strategy, endpoints, view, call=call)
        assert endpoints == given
        assert (call.facts, call.body, view.latencies) == (facts, body, figures)

    def test_it_uses_no_clock_and_no_randomness_but_what_it_is_given(
        self, strategy: Strategy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        endpoints = make_endpoints(5)
        _rank(strategy, endpoints, FakeView())
        forbidden = [
            (random, name) for name in ("random", "uniform", "choice", "choices", "shuffle", "sample", "randint")
        ]
        forbidden += [(time, name) for name in ("time", "monotonic", "perf_counter", "time_ns", "sleep")]
        with monkeypatch.context() as patched:
            for module, name in [*forbidden, (os, "urandom")]:
                patched.setattr(module, name, _forbid(f"{module.__name__}.{name}"))
            for view in (FakeView(), _busy(endpoints)):
                _rank(strategy, endpoints, view)

    def test_what_it_records_of_any_attempt_are_figures(self, strategy: Strategy) -> None:
        if not isinstance(strategy, Observes):
            return
        one = make_candidate(make_endpoints(1)[0])
        failures = [None, *(Failure(kind=kind, message="it failed") for kind in POLICIES)]
        for failure, usage, first in itertools.product(
            failures, (None, Usage(), Usage(input=9, output=50)), (None, 1.2)
        ):
            outcome = Outcome(one, 1.0, failure, usage=usage, first_token=first, ended=3.0, sent=True)
            figures = strategy.observe(outcome)
            assert all(map(math.isfinite, figures.values()))
            assert figures == strategy.observe(outcome), "it keeps no state of its own"

    def test_thirty_endpoints_are_ranked_quickly(self, strategy: Strategy) -> None:
        endpoints = make_endpoints(30)
        call, view, source = make_chat(), _busy(endpoints), _random(1)
        assert min(_seconds(strategy, call, endpoints, view, source) for _ in range(5)) < _FOREVER


def _random(seed: int) -> Random:
    return Draws(seed)


def _rank(
    strategy: Strategy, endpoints: Sequence[Endpoint], view: HealthView, *, seed: int = 1, call: Call | None = None
) -> Sequence[Ranked]:
    return strategy.rank(call or make_chat(), endpoints, view, _random(seed))


def _values(rows: Sequence[Ranked]) -> list[tuple[Endpoint, float, str]]:
    return [(row.endpoint, row.score, row.why) for row in rows]


def _seconds(strategy: Strategy, call: Call, endpoints: Sequence[Endpoint], view: HealthView, source: Random) -> float:
    began = time.perf_counter()
    strategy.rank(call, endpoints, view, source)
    return time.perf_counter() - began


def _forbid(name: str) -> Callable[..., NoReturn]:
    def refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
        raise AssertionError(f"a strategy must not use {name}: it is given `view.now` and `random`")

    return refuse
