"""The default draw, through the planner: a share for each endpoint by its price, in each section by itself."""

from collections import Counter
from random import Random

from attrs import evolve
from simulated import MODEL, over_sim

from taxiway.money import Price
from taxiway.planner import plan
from taxiway.snapshot import Offer
from taxiway.testing.virtual import virtual_time

PRICES = (1.0, 2.0, 3.0)
DRAWS = 20_000
TWO = ("prioritised", "pool")


@virtual_time
async def test_shares_are_those_of_the_inverse_squares_of_prices():
    async with over_sim() as bench:
        engine, dialect = bench.router.engine, bench.router.dialects["chat"]
        candidates = bench.router.snapshot.offers["default"][MODEL][0].candidates
        endpoints = [
            evolve(candidates[0].endpoint, tag=f"p{price:.0f}", price=Price(input=price / 1e6, output=price / 1e6))
            for price in PRICES
        ]
        offers = tuple(Offer(one, section, candidates[:1]) for section in TWO for one in endpoints)
        snapshot = evolve(bench.router.snapshot, offers={"default": {MODEL: offers}})
        body = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
        call = engine.call(dialect, body)
        seeds, firsts = Random(5), Counter()
        for _ in range(DRAWS):
            call.seed = seeds.getrandbits(48)
            planned = plan(call, snapshot, engine.health.view(0.0, engine.quotas), engine.draws)
            ((_, order),) = planned.models
            firsts.update((one.section, one.endpoint.tag) for one in order[:: len(PRICES)])
        whole = sum(price**-2 for price in PRICES)
        for section in TWO:
            for price in PRICES:
                assert abs(firsts[section, f"p{price:.0f}"] / DRAWS - price**-2 / whole) < 0.01
