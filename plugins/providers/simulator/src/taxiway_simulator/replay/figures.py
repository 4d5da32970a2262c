"""What a run comes to, in figures: JSON, the same for the same run, byte for byte."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from taxiway.codec import Json
from taxiway.outcome import AttemptRecord, Generation
from taxiway_simulator.replay.asks import Ask, shares
from taxiway_simulator.replay.play import Answer, Played

VERSION: Final = 1
"""Of the report's form."""

_BUCKETS: Final = 60
"""About so many points in time has a report."""
_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400)
_MINUTE: Final = 60.0
_QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_CURVE: Final = 100


def report(asks: Sequence[Ask], played: Sequence[Played], *, seed: int, source: str, notes: Mapping[str, int]) -> Json:
    """Return the whole report. `source`: where the traffic came from; `notes`: what else is to be known of it, and how many."""
    duration = max((ask.at for ask in asks), default=0.0)
    step = next((step for step in _STEPS if duration / step <= _BUCKETS), _STEPS[-1])
    return {
        "version": VERSION,
        "seed": seed,
        "traffic": {
            "source": source,
            "calls": len(asks),
            "seconds": _rounded(duration),
            "streamed": sum(ask.stream for ask in asks),
            "models": shares(asks),
            "tokens_in": sum(ask.prompt for ask in asks),
            "tokens_out": sum(ask.output for ask in asks),
            "notes": dict(notes),
        },
        "step_seconds": step,
        "runs": [_run(one, step) for one in played],
    }


def _run(played: Played, step: int) -> Json:
    attempts = [(one, generation) for generation in played.generations for one in generation.attempts]
    limited = [one for one, _ in attempts if one.status == 429]
    settled = [one for one, _ in attempts if one.opened - played.start >= _MINUTE]
    costs = [one.cost for one, _ in attempts if one.cost is not None]
    firsts = sorted(answer.first for answer in played.answers if answer.first is not None)
    return {
        "name": played.run.name,
        "routing": dict(played.run.routing),
        "calls": len(played.answers),
        "failed": sum(1 for answer in played.answers if answer.failure),
        "failures": _counted(answer.failure for answer in played.answers if answer.failure),
        "cost_usd": _rounded(math.fsum(costs), 10),
        "unpriced_attempts": sum(1 for one, _ in attempts if one.cost is None and one.usage is not None),
        "first_token": _quantiles(firsts),
        "first_token_curve": [_rounded(_quantile(firsts, n / _CURVE)) for n in range(_CURVE + 1)] if firsts else [],
        "whole_answer": _quantiles(sorted(answer.ended for answer in played.answers if not answer.failure)),
        "attempts": len(attempts),
        "attempts_per_call": _share(len(attempts), len(played.answers)),
        "upstream_429": {
            "count": len(limited),
            "share": _share(len(limited), len(attempts)),
            "share_after_first_minute": _share(sum(one.status == 429 for one in settled), len(settled)),
        },
        "endpoints": _spread(
            attempts, lambda one: {"provider": one.provider, "endpoint": one.endpoint, "model": one.model}
        ),
        "keys": _spread(attempts, lambda one: {"provider": one.provider, "key": one.account}),
        "timeline": _timeline(played, attempts, step),
    }


def _spread(attempts: Sequence[tuple[AttemptRecord, Generation]], named: Any) -> list[Json]:
    """Say how attempts, what they cost and what went wrong are spread, by what each is named after."""
    groups: dict[tuple[str, ...], list[AttemptRecord]] = {}
    names: dict[tuple[str, ...], Json] = {}
    for one, _ in attempts:
        name = named(one)
        key = tuple(name.values())
        names[key] = name
        groups.setdefault(key, []).append(one)
    served = {key: sum(one.kind is None for one in some) for key, some in groups.items()}
    total = sum(served.values())
    return [
        {
            **names[key],
            "attempts": len(groups[key]),
            "served": served[key],
            "share": _share(served[key], total),
            "cost_usd": _rounded(math.fsum(one.cost for one in groups[key] if one.cost is not None), 10),
            "upstream_429": sum(one.status == 429 for one in groups[key]),
            "failures": _counted(one.kind for one in groups[key] if one.kind is not None),
        }
        for key in sorted(groups)
    ]


def _timeline(played: Played, attempts: Sequence[tuple[AttemptRecord, Generation]], step: int) -> Json:
    """Count in steps of time, by when something began."""
    clients: dict[int, list[Answer]] = {}
    tries: dict[int, list[AttemptRecord]] = {}
    for answer in played.answers:
        clients.setdefault(int(answer.asked // step), []).append(answer)
    for one, _ in attempts:
        tries.setdefault(int((one.opened - played.start) // step), []).append(one)
    steps = range(max([*clients, *tries], default=-1) + 1)
    endpoints = sorted({one.endpoint for one, _ in attempts})
    firsts = {n: sorted(one.first for one in some if one.first is not None) for n, some in clients.items()}
    return {
        "calls": [len(clients.get(n, ())) for n in steps],
        "failed": [sum(1 for one in clients.get(n, ()) if one.failure) for n in steps],
        "upstream_429": [sum(one.status == 429 for one in tries.get(n, ())) for n in steps],
        "cost_usd": [
            _rounded(math.fsum(one.cost for one in tries.get(n, ()) if one.cost is not None), 10) for n in steps
        ],
        "first_token_p95": [_rounded(_quantile(firsts[n], 0.95)) if firsts.get(n) else None for n in steps],
        "attempts": {
            name: [sum(one.endpoint == name for one in tries.get(n, ())) for n in steps] for name in endpoints
        },
    }


def _counted(kinds: Iterable[str | None]) -> dict[str, int]:
    return {
        str(kind): count for kind, count in sorted(Counter(kinds).items(), key=lambda pair: (-pair[1], str(pair[0])))
    }


def _quantiles(values: Sequence[float]) -> dict[str, float | None]:
    return {name: _rounded(_quantile(values, share)) if values else None for name, share in _QUANTILES.items()}


def _quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least that share does not exceed (values are sorted)."""
    return values[max(0, math.ceil(share * len(values)) - 1)]


def _share(part: int, whole: int) -> float:
    return _rounded(part / whole) if whole else 0.0


def _rounded(value: float, digits: int = 6) -> float:
    return round(value, digits)
