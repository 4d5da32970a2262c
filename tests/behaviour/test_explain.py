"""Explaining a plan changes nothing of the next one."""

from simulated import BODY, over_sim

from taxiway.testing.virtual import virtual_time


@virtual_time
async def test_explaining_takes_no_turn():
    async with over_sim(routing={"cycle": "round-robin"}) as bench:

        async def first():
            return (await bench.router.explain(**BODY)).rows[0].account

        served = []
        for _ in range(3):
            expected = await first()
            assert await first() == expected
            await bench.router.chat(**BODY)
            assert bench.first.log[-1].key == expected
            served.append(expected)
        assert len(set(served)) == 3
