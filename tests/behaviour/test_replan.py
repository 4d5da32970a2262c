"""Each plan's record, planned again, gives the same order."""

import asyncio
from contextlib import suppress
from operator import attrgetter
from random import Random

import pytest
from attrs import evolve

import taxiway.run
from taxiway import Router
from taxiway.call import Caller
from taxiway.errors import InvalidRequest
from taxiway.outcome import CallError
from taxiway.planner import plan
from taxiway.preferences import Sort
from taxiway.records import encoded
from taxiway.records import read as read_row
from taxiway.replan import replan
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock
from taxiway_simulator.replay.traffic import read

MODELS = ("acme/large", "acme/small")
PROVIDERS = ("alpha", "beta", "gamma", "delta")
CALLS = 70
MEASURED = {"latency", "throughput", "duration", "success", "limited", "in_flight"}
LIMITED = {slug: {"quota": {"requests": 4, "window": "1m"}} for slug in PROVIDERS[:2]}
STRATEGIES = [
    ["balanced"],
    ["uptime", "price"],
    ["latency", "throughput"],
    ["adjusted"],
    ["bandit"],
    ["canary", "round-robin"],
    ["least-busy", "weighted"],
    ["pareto"],
    ["auto"],
]


def configuration(path, strategies):
    """Four providers, which differ in price, speed and luck; keys of all sections, some of them for some callers only."""
    providers, credentials = [], []
    for number, slug in enumerate(PROVIDERS):
        models = [
            {"id": model.partition("/")[2], "slug": model, "price": {"input": 1.0 + number, "output": 2.0 + 3 * place}}
            for place, model in enumerate(MODELS)
        ]
        faults = [{"kind": "server_error", "share": 0.15 * number}] if number else []
        pace = {"first_token": f"{5 * (number + 1)}ms", "spread": 0.8, "tokens_per_second": 2000 - 300 * number}
        keys = [f"simulated-key-{slug}-{n}" for n in range(3)]
        providers.append(
            {
                "use": "simulator",
                "slug": slug,
                "keys": keys,
                "models": models,
                "pace": pace,
                "faults": faults,
                **LIMITED.get(slug, {}),
            }
        )
        flags = {"allowed_api_keys": ["key_1"], "required": True} if slug == "beta" else {}
        for key, table in zip(keys, ({"pool": True}, flags, {"fallback": True, "sort_order": 1}), strict=True):
            credentials.append({"provider": slug, "label": key[-7:], "settings": {"key": key}, **table})
    return {
        "providers": providers,
        "credentials": credentials,
        "routing": {
            "strategy": strategies,
            "cycle": "round-robin",
            "hedge": {"after": "p50"},
            "retry_budget": {"least": 1000},
        },
        "models": {"team/auto": {"try": MODELS, "strategy": "auto"}},
        "strategies": {"canary": {"to": "gamma", "share": 0.4}, "weighted": {"weights": {"delta": 0.0}}},
        "telemetry": [{"use": "jsonl", "path": str(path / "generations.jsonl")}],
        "data_dir": str(path),
    }


def body(draw):
    """A random request."""
    models = draw.sample(MODELS, draw.choice([1, 1, 2]))
    if draw.random() < 0.3:
        models[0] = "team/auto"
    made = {
        "model": models[0],
        "messages": [{"role": "user", "content": f"secret {draw.randrange(9)} " * draw.randrange(1, 60)}],
    }
    if len(models) > 1:
        made["models"] = models[1:]
    wishes = {
        "order": draw.sample(PROVIDERS, 2),
        "ignore": draw.sample(PROVIDERS, 1),
        "only": draw.sample(PROVIDERS, 3),
        "allow_fallbacks": False,
        "quantizations": ["fp8", "unknown"],
        "max_price": {"prompt": 1000},
        "enforce_distillable_text": False,
        "require_parameters": True,
    }
    more = {
        "session_id": f"session {draw.randrange(4)}",
        "max_tokens": draw.randrange(1, 900),
        "provider": {name: value for name, value in wishes.items() if draw.random() < 0.15},
        "temperature": 0.5,
        "user": "ada",
    }
    return {**made, **{name: value for name, value in more.items() if draw.random() < 0.4}}


def speeds(draw):
    """Random wishes for prices and speeds."""
    sort = Sort(draw.choice(["price", "latency", "throughput", "exacto"]), draw.choice(["model", "none"]))
    return {
        "sort": draw.choice([None, sort]),
        "preferred_max_latency": draw.choice([{}, {0.5: 0.012, 0.9: 0.03}]),
        "preferred_min_throughput": draw.choice([{}, {0.75: 1500.0}]),
    }


def places(planned):
    return [(name, one.section, one.endpoint.key, one.candidates) for name, offers in planned.models for one in offers]


@pytest.mark.parametrize("strategies", STRATEGIES, ids="-".join)
def test_a_record_planned_again_gives_the_same_order(tmp_path, monkeypatch, strategies):
    planned, figures, read_back = {}, {}, {}

    def remembered(call, *rest):
        planned[call.id] = made = plan(call, *rest)
        figures[call.id] = {name: dict(read) for name, read in made.view.figures.items() if name in MEASURED}
        return made

    monkeypatch.setattr(taxiway.run, "plan", remembered)

    @virtual_time
    async def run():
        draw = Random(7)
        config = configuration(tmp_path, strategies)
        async with Router.from_dict(config, clock=VirtualClock(), random=Random(1)) as router:
            engine, dialect = router.engine, router.dialects["chat"]
            ended = engine.journal.ended

            def kept(row):
                generation = read_row(encoded(row))
                read_back[generation.id] = generation
                ended(row)

            engine.journal.ended = kept

            async def ask():
                asked = {**body(draw), "stream": draw.random() < 0.5}
                caller = Caller(api_key=draw.choice(["key_1", "key_2"]))
                call = engine.call(dialect, asked, caller=caller)
                if draw.random() < 0.4:
                    call.preferences = evolve(call.preferences, **speeds(draw))
                with suppress(CallError, InvalidRequest):
                    if not call.facts.stream:
                        await engine.complete(call)
                    else:
                        # A hedge, too, reads how fast endpoints are.
                        async for _ in engine.stream(call):
                            pass

            async with asyncio.TaskGroup() as group:
                for _ in range(CALLS):
                    group.create_task(ask())
                    await asyncio.sleep(draw.choice([0.0, 0.01, 0.4]))
            return router.snapshot

    snapshot = run()
    lines = {one.id: one for one in read([tmp_path / "generations.jsonl"]).generations}
    assert len(planned) > 0.8 * CALLS
    assert set(planned) == set(lines) == set(read_back)
    assert any(one.attempts and one.attempts[0].passed for one in lines.values())
    assert any(attempt.role == "hedge" for one in lines.values() for attempt in one.attempts)
    for id_, before in planned.items():
        for generation in (lines[id_], read_back[id_]):
            assert generation.snapshot == snapshot.hash
            again = replan(generation, snapshot)
            assert places(again) == places(before)
            # What was read later, by a hedge, is no part of it.
            assert {name: read for name, read in generation.figures.items() if name in MEASURED} == figures[id_]
            assert "secret" not in repr(generation.figures)
            if not generation.attempts:
                continue
            # The first attempt is the first of the plan that was not passed by; a hedge may have ended before it.
            attempt = min(generation.attempts, key=attrgetter("number"))
            passed = attempt.passed or {}
            left = [one.candidates for _, offers in again.models for one in offers]
            free = [some[0].endpoint.key for some in left if any(one.key not in passed for one in some)]
            # Where all are out, one of whose limit nobody is sure is tried, or one whose probe is due.
            assert not free or attempt.endpoint == free[0]
