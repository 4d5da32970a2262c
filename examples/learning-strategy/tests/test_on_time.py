import asyncio
from collections import Counter
from random import Random

import acme_on_time
import pytest
from acme_on_time.ranking import OnTime

from taxiway import Router
from taxiway.outcome import Failure, Outcome
from taxiway.testing.dialect import make_candidate
from taxiway.testing.strategy import FakeView, StrategyContract, make_chat, make_endpoints, order
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock


class TestContract(StrategyContract):
    """Everything that Taxiway expects of a strategy."""

    module = acme_on_time


STRICT = acme_on_time.Options(within=5.0, late=0.1, second_chances=0.0)


def ranked(endpoints, late, options=STRICT, seed=1, **figures):
    view = FakeView(records={(endpoint, "acme-late"): share for endpoint, share in late.items()}, **figures)
    return order(OnTime(options).rank(make_chat(), endpoints, view, Random(seed)))


def test_the_cheapest_that_is_on_time_comes_first_and_the_late_last():
    cheap, middle, dear = endpoints = make_endpoints(3)
    assert ranked(endpoints, {cheap: 0.5, middle: 0.1}) == [middle, dear, cheap]
    assert ranked(endpoints, {cheap: 0.5, middle: 0.9, dear: 0.2}) == [dear, cheap, middle]


def test_an_outage_comes_last():
    cheap, dear = endpoints = make_endpoints(2)
    assert ranked(endpoints, {dear: 1.0}, outages=frozenset([cheap])) == [dear, cheap]


def test_what_was_late_gets_second_chances():
    cheap, dear = endpoints = make_endpoints(2)
    options = acme_on_time.Options(second_chances=0.1)
    firsts = Counter(ranked(endpoints, {cheap: 1.0}, options, seed)[0] for seed in range(2000))
    assert firsts[cheap] / 2000 == pytest.approx(0.1, abs=0.02)
    assert firsts[dear] + firsts[cheap] == 2000


@pytest.mark.parametrize(
    ("ended", "kind", "figures"),
    [
        (5.0, None, {"acme-late": 0.0}),
        (5.1, None, {"acme-late": 1.0}),
        (1.0, "unavailable", {}),
        (30.0, "timeout", {"acme-late": 1.0}),
    ],
)
def test_it_learns_whether_an_attempt_was_late(ended, kind, figures):
    candidate = make_candidate(make_endpoints(1)[0])
    failure = None if kind is None else Failure(kind=kind, message="no")
    assert OnTime(STRICT).observe(Outcome(candidate, started=0.0, failure=failure, ended=ended)) == figures


@virtual_time
async def test_a_router_learns_who_is_on_time():
    """The whole way, in virtual time: the cheap one needs 20 s for an answer."""

    def provider(slug, price, tokens_per_second):
        model = {"id": "answers", "slug": "acme/answers", "price": {"input": price, "output": price}, "tokens": 40}
        pace = {"first_token": "100ms", "tokens_per_second": tokens_per_second}
        return {"use": "simulator", "slug": slug, "models": [model], "pace": pace}

    config = {
        "routing": {"strategy": "on-time"},
        "strategies": {"on-time": {"within": "5s", "second_chances": 0.0}},
        "providers": [provider("cheap", 1, 2), provider("quick", 2, 100)],
    }
    request = {"model": "acme/answers", "messages": [{"role": "user", "content": "Hello"}]}
    async with Router.from_dict(config, environment={}, clock=VirtualClock(), random=Random(1)) as router:
        served = []
        for _ in range(20):
            served.append((await router.chat(**request))["provider"])
            await asyncio.sleep(1)
        reasons = {row.provider: row.reason for row in (await router.explain(**request)).rows}
    assert served == ["Cheap", *["Quick"] * 19]
    assert reasons["cheap"].startswith("late: ")
    assert reasons["quick"].startswith("on time, $")
