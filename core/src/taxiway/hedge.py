"""Hedging: where a stream's first token is late, another candidate is asked as well, and the first token of either wins.

Tasks exist only where a hedge is configured, and none outlives `begin`.
"""

import asyncio
from typing import TYPE_CHECKING, Final

from attrs import evolve

from taxiway.outcome import Failure
from taxiway.picks import Pick
from taxiway.routing import Hedge

if TYPE_CHECKING:
    from taxiway.attempt import Attempt
    from taxiway.codec import Json
    from taxiway.run import Run

_COARSE: Final = 1.05
"""A learnt quantile is known to 5 %: who always takes as long is not late."""


async def begin(run: "Run", first: "Attempt", hedge: Hedge) -> "tuple[Attempt, list[Json] | Failure]":
    """Wait for the first token of an attempt, and of a second one where that is late. Once a call.

    Returns who gave it, with the events until then; or the failure of the last, where nobody did. Whoever lost is ended: its connection
    is closed, and what it used is accounted.
    """
    late = None if run.hedged or run.broken is not None else _late(run, first, hedge)
    if late is None:
        return first, await first.begin()
    loop = run.engine.loop
    running = {loop.create_task(first.begin()): first}
    try:
        done, _ = await asyncio.wait(running, timeout=late)
        if not done and (pick := _another(run, first)) is not None:
            second = run.hedge(pick)
            running[loop.create_task(run.begin_hedge(second))] = second
        while True:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in [task for task in running if task.done()]:
                attempt, result = running.pop(task), task.result()
                if running and isinstance(result, Failure):
                    run.failed(attempt, result)
                    (run.attempt,) = running.values()
                    continue
                run.attempt = attempt
                return attempt, result
    finally:
        # Whoever still runs has lost, or the client is gone.
        for task, attempt in running.items():
            if attempt is not run.attempt:
                run.lost(attempt)
            task.cancel()
        if running:
            await asyncio.wait(running)


def _late(run: "Run", attempt: "Attempt", hedge: Hedge) -> float | None:
    """Return the seconds after which an attempt is late; None where too little is known of its endpoint."""
    if hedge.share is None:
        return hedge.seconds
    # Not the plan's own view, which keeps what the plan was made of.
    view = run.engine.health.view(run.engine.clock.monotonic())
    usual = view.latency(attempt.candidate.endpoint, hedge.share)
    return None if usual is None else usual * _COARSE


def _another(run: "Run", first: "Attempt") -> Pick | None:
    """Pick another candidate of the same model: at another endpoint, else by another account. None: nobody, or the budget is spent."""
    engine, plan, behind, candidate = run.engine, run.plan, run.tried, first.candidate
    assert plan is not None
    now = engine.clock.monotonic()
    if now >= run.call.deadline:
        return None
    model, candidates = candidate.endpoint.model, behind.candidates | {candidate.key}
    others = {name for name, offers in plan.models if all(offer.endpoint.model != model for offer in offers)}
    for endpoints in (behind.endpoints | {candidate.endpoint.key}, behind.endpoints):
        models = behind.models | others
        tried = evolve(behind, models=models, endpoints=endpoints, candidates=candidates, resorted=True)
        pick = plan.pick(tried, engine.health, engine.quotas, now, 0.0)
        if isinstance(pick, Pick):
            if engine.budgets[run.call.caller.workspace].spend(now):
                return pick
            pick.reservation.release(now)
            return None
    return None
