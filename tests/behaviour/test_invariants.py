"""What holds of every call, whatever fails."""

import asyncio
from collections import Counter
from contextlib import suppress
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from taxiway import Router
from taxiway.failures import POLICIES
from taxiway.outcome import CallError
from taxiway.picks import SAME_ENDPOINT
from taxiway.records import generation_of
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock

MODEL, OTHER = "acme/one", "acme/two"
SLUGS = ("alpha", "beta", "gamma")
KINDS = (
    "reset hang server_error overloaded capacity revoked insufficient_quota malformed empty cut truncated stall error_in_stream"
).split()
CALLS = 12
PERMANENT = {"account", "candidate"}
"""Where a call goes after failures that do not pass while it waits: it never comes back."""


def configuration(draw: Random):
    """Three providers with two keys each, in random sections, that fail at random."""
    models = [
        {"id": slug.partition("/")[2], "slug": slug, "price": {"input": 1.0, "output": 1.0}} for slug in (MODEL, OTHER)
    ]
    providers, credentials = [], []
    for slug in SLUGS:
        keys = [f"simulated-key-{slug}-{n}" for n in (1, 2)]
        faults = [
            {
                "kind": draw.choice(KINDS),
                "share": draw.choice([0.3, 0.7, 1.0]),
                "key": draw.choice(["", "key-1", "key-2"]),
            }
            for _ in range(draw.randint(0, 2))
        ]
        quota = {"requests": draw.choice([5, 1000]), "window": "1m"}
        table = {"use": "simulator", "slug": slug, "keys": keys, "models": models, "faults": faults, "quota": quota}
        providers.append({"pace": {"first_token": "5ms", "tokens_per_second": 2000}, **table})
        for key in keys:
            section = draw.choice([{}, {}, {"pool": True}, {"fallback": True}])
            credentials.append({"provider": slug, "label": key, "settings": {"key": key}, **section})
    timeouts = {"first_token": "2s", "idle": "2s", "total": "20s"}
    routing = {
        "timeouts": timeouts,
        "wait": draw.choice(["0s", "3s"]),
        "on_interrupted": draw.choice(["error", "hold", "resume"]),
    }
    return {"providers": providers, "credentials": credentials, "routing": routing}


def body(draw: Random):
    """A request with random wishes."""
    wishes = {
        "order": draw.sample(SLUGS, draw.choice([0, 0, 1, 2])),
        "only": draw.sample(SLUGS, draw.choice([0, 0, 2])),
        "ignore": draw.sample(SLUGS, draw.choice([0, 0, 1])),
        "allow_fallbacks": draw.random() < 0.8,
    }
    models = draw.choice([{}, {"models": [OTHER]}])
    return {"model": MODEL, "messages": [{"role": "user", "content": "hello"}], "provider": wishes, **models}


def check(generation, wishes):
    """What holds of one call's record."""
    shut, left, tries = set(), set(), Counter()
    for attempt in generation.attempts:
        tries[attempt.endpoint] += attempt.kind is not None and POLICIES[attempt.kind].next == "endpoint"
        assert attempt.credential not in shut
        assert (attempt.endpoint, attempt.credential) not in shut
        assert attempt.endpoint not in left
        assert not wishes["only"] or attempt.provider in wishes["only"]
        assert attempt.provider not in wishes["ignore"]
        assert wishes["allow_fallbacks"] or not wishes["order"] or attempt.provider in wishes["order"]
        match attempt.kind and POLICIES[attempt.kind].next:
            case "account" if attempt.kind != "rate_limited":
                shut.add(attempt.credential)
            case "candidate":
                shut.add((attempt.endpoint, attempt.credential))
            case "endpoint" if attempt.kind == "timeout" or tries[attempt.endpoint] == SAME_ENDPOINT:
                left.add(attempt.endpoint)
    served = [attempt for attempt in generation.attempts if attempt.kind is None]
    assert len(served) == (generation.state == "done")
    assert not served or served == generation.attempts[-1:]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_who_failed_for_good_is_not_tried_again_and_a_call_is_one_generation(seed):
    draw = Random(seed)

    @virtual_time
    async def run():
        generations, asked = [], {}
        async with Router.from_dict(configuration(draw), clock=VirtualClock(), random=Random(seed)) as router:
            engine, dialect = router.engine, router.dialects["chat"]
            engine.journal.ended = lambda row: generations.append(generation_of(row))

            async def ask(request, stream):
                request["stream"] = stream
                call = engine.call(dialect, request)
                asked[call.id] = request["provider"]
                with suppress(CallError):
                    if not stream:
                        await engine.complete(call)
                        return
                    async for _ in engine.stream(call):
                        pass

            async with asyncio.TaskGroup() as group:
                for _ in range(CALLS):
                    group.create_task(ask(body(draw), draw.random() < 0.5))
                    await asyncio.sleep(draw.choice([0.0, 0.1, 3.0]))
        return generations, asked

    generations, asked = run()
    assert max(Counter(one.id for one in generations).values(), default=1) == 1
    for generation in generations:
        check(generation, asked[generation.id])
