"""A call leaves nothing to the garbage collector: its rounds would be the latency of other calls, its rarity their memory."""

import pytest
from simulated import BODY, over_sim

from taxiway.outcome import CallError
from taxiway.testing.garbage import left_to_the_collector
from taxiway.testing.virtual import virtual_time

FAULTS = {
    "served": (),
    "elsewhere": ({"kind": "server_error"},),
    "unreachable": ({"kind": "refused"},),
    "broken": ({"kind": "cut", "after": 3},),
    "told": ({"kind": "error_in_stream", "after": 3},),
    "malformed": ({"kind": "malformed", "after": 3},),
}
ON_INTERRUPTED = ("error", "hold", "resume")


async def asked(router, body):
    """Ask, to the end; whatever it is."""
    try:
        if body.get("stream"):
            async for _ in router.stream(**body):
                pass
        else:
            await router.chat(**body)
    except CallError:
        pass


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("policy", [None, *ON_INTERRUPTED])
@virtual_time
async def test_calls_leave_no_circles(faults, policy):
    body = BODY if policy is None else {**BODY, "stream": True}
    async with over_sim(*faults, routing={"on_interrupted": policy or "error"}) as bench:
        await asked(bench.router, body)
        with left_to_the_collector() as left:
            for _ in range(3):
                await asked(bench.router, body)
    assert not {type(one).__qualname__ for one in left if type(one).__module__.startswith("taxiway.")}
