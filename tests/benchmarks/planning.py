"""What planning costs: from a call to the reserved pick of its first attempt, in CPU microseconds.

By endpoints and keys, with the default strategy, where something was learnt of every endpoint; and for one model of a catalog
of thousands. Batches of 50 plans; the least disturbed one, and the median.
"""

import itertools
import statistics
import time
from random import Random

from taxiway.call import LIBRARY, Call, Facts
from taxiway.candidate import Account, Candidate, Credential, Endpoint
from taxiway.draws import Draws
from taxiway.health import Health
from taxiway.money import Price
from taxiway.outcome import Outcome
from taxiway.picks import NOTHING_TRIED
from taxiway.planner import plan
from taxiway.preferences import NO_PREFERENCES
from taxiway.quota import Quotas
from taxiway.snapshot import Offer, Snapshot
from taxiway.usage import Usage
from taxiway_standard.draws import BalancedStrategy
from taxiway_standard.options import Balanced

CASES = ((3, 3, 1), (30, 20, 1), (3, 3, 1667))
"""Endpoints of the model, keys of each, models of the catalog."""


def offers(model, endpoints, keys):
    """The endpoints of a model, one at each provider."""
    made = []
    for number in range(endpoints):
        endpoint = Endpoint(
            model=model, provider=f"p{number}", provider_name=f"P{number}", id=model, tag=f"p{number}",
            dialects={"chat": ("chat",)}, price=Price(input=1e-6 * (number + 1), output=2e-6),
        )  # fmt: skip
        credentials = [Credential(id=f"{number}-{key}", provider=f"p{number}", label=f"{key}") for key in range(keys)]
        accounts = [Account(credential=credential, label=credential.label) for credential in credentials]
        candidates = [Candidate(endpoint=endpoint, account=one, section="prioritised") for one in accounts]
        made.append(Offer(endpoint, "prioritised", tuple(candidates)))
    return tuple(made)


def plans(endpoints, keys, models):
    """Return a function that plans so many calls."""
    catalog = {f"acme/model-{number}": offers(f"acme/model-{number}", endpoints, keys) for number in range(models)}
    snapshot = Snapshot(offers={"default": catalog}, strategies=(("balanced", BalancedStrategy(Balanced())),))
    health, quotas, draws, now = Health(Random(1)), Quotas(Random(1)), Draws(), 100.0
    model = f"acme/model-{models // 2}"
    for offer in catalog[model]:
        for candidate in offer.candidates:
            health.opened(candidate, now - 1)
            health.observe(Outcome(candidate, now - 1, usage=Usage(output=50), first_token=now - 0.5, ended=now), now)
    seeds = itertools.count(1)

    def batch(count):
        """Return the CPU microseconds of one plan."""
        calls = [
            Call(
                "gen-1", next(seeds), "chat", "chat", {}, Facts((model,), tokens=500), NO_PREFERENCES, LIBRARY,
                0.0, now, now + 600, {},
            )
            for _ in range(count)
        ]  # fmt: skip
        picks = []
        before = time.thread_time()
        for call in calls:
            made = plan(call, snapshot, health.view(now, quotas), draws)
            picks.append(made.pick(NOTHING_TRIED, health, quotas, now, 0.0))
        taken = time.thread_time() - before
        for pick in picks:
            pick.reservation.release(now)
        return taken / count * 1e6

    return batch


def measure(batches):
    """By case: CPU microseconds of the least disturbed batch and of the median one. Cases take turns."""
    every = {case: plans(*case) for case in CASES}
    costs = {case: [] for case in CASES}
    for _ in range(batches):
        for case, batch in every.items():
            costs[case].append(batch(50))
    return {case: (min(taken), statistics.median(taken)) for case, taken in costs.items()}


def table(measured):
    """Lines for people."""
    small = measured[CASES[0]][0]
    yield "| endpoints x keys | endpoints in the catalog | us at best | us median | x the first |"
    yield "|---|---|---|---|---|"
    for (endpoints, keys, models), (least, median) in measured.items():
        yield f"| {endpoints} x {keys} | {endpoints * models:,} | {least:.1f} | {median:.1f} | {least / small:.2f} |"


if __name__ == "__main__":
    print("\n".join(table(measure(400))))
