"""The executor's timers: one for all exchanges that have just begun, and limits that are kept to the moment all the same."""

import asyncio

import pytest

from taxiway.testing.virtual import virtual_time
from taxiway.watch import TICK, Watch, Watches


class Silent:
    """An exchange that waits for its head for ever."""

    phase, moved = "head", 1

    def __init__(self) -> None:
        self.aborted: list[float] = []

    def abort(self, reason: str = "cancelled") -> None:
        self.aborted.append(asyncio.get_running_loop().time())


def watched(watches: Watches, seconds: float, idle: float = 60.0) -> tuple[Silent, Watch]:
    """Watch an exchange that may take so long from now."""
    exchange, now = Silent(), watches.loop.time()
    return exchange, Watch(watches, exchange, now, now + seconds, None, idle)


@pytest.mark.parametrize("begun", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("seconds", [0.05, 0.999, 1.0, 1.0625, 40.0, 600.0])
@virtual_time
async def test_a_limit_is_kept_to_the_moment_however_short_it_is(begun, seconds):
    watches = Watches(asyncio.get_running_loop())
    watched(watches, 3600.0)
    await asyncio.sleep(begun)
    exchange, _ = watched(watches, seconds)
    await asyncio.sleep(700.0)
    assert exchange.aborted == [pytest.approx(begun + seconds, abs=1e-6)]


@pytest.mark.parametrize("ended", [0.5, TICK, 5.0])
@virtual_time
async def test_what_has_ended_is_not_watched_any_more(ended):
    watches = Watches(asyncio.get_running_loop())
    exchange, watch = watched(watches, 20.0)
    other, _ = watched(watches, 20.0)
    await asyncio.sleep(ended)
    watch.cancel()
    await asyncio.sleep(60.0)
    assert (exchange.aborted, len(other.aborted)) == ([], 1)


@virtual_time
async def test_exchanges_that_are_over_soon_share_one_timer(monkeypatch):
    loop = asyncio.get_running_loop()
    watches, timers, call_at = Watches(loop), [], loop.call_at
    monkeypatch.setattr(loop, "call_at", lambda *what: timers.append(what) or call_at(*what))
    for _ in range(100):
        _, watch = watched(watches, 600.0)
        watch.cancel()
    assert len(timers) == 1
