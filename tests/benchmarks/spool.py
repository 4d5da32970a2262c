"""What accounting costs a call, in microseconds of CPU: the two records, and bringing a row into SQLite beside a busy loop.

`python tests/benchmarks/spool.py`. One core is enough; the figures are the least of some runs.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from taxiway.clock import SystemClock
from taxiway.outcome import Generation
from taxiway.spool import Spool
from taxiway.testing.spool import attempt, call, done
from taxiway.usage import Usage
from taxiway_sql.store import SqliteStore

CALLS = 12_000
BUSY = 200
"""Microseconds or so that the loop is busy with something else for each call."""


def generation(number: int) -> Generation:
    """Make the end of an ordinary call."""
    usage = Usage(input=20, output=7)
    known = {"usage": usage, "cost": 0.0003, "latency": 0.2, "duration": 0.5}
    return done(
        number,
        attempt(1, status=200, **known),
        endpoint="somebody:name",
        finish_reason="stop",
        native_finish_reason="stop",
        upstream_id="chatcmpl-0123456789",
        snapshot="0123456789abcdef",
        figures={"somebody:name": {"latency": 0.25, "price": 0.3}},
        **known,
    )


def each(what: Callable[[int], None]) -> float:
    """Microseconds of CPU that one call of it takes."""
    started = time.thread_time()
    for number in range(CALLS):
        what(number)
    return (time.thread_time() - started) / CALLS * 1e6


async def writing(folder: Path) -> tuple[float, float]:
    """Return what `opened` and `ended` take."""
    spool = Spool(folder, {}, SystemClock())
    await spool.start()
    calls, ends, record = list(map(call, range(CALLS))), list(map(generation, range(CALLS))), attempt(1)
    opened = each(lambda number: spool.opened(calls[number], record, None))
    ended = each(lambda number: spool.ended(ends[number]))
    await spool.aclose()
    return opened, ended


async def beside_a_busy_loop(folder: Path, *, spooled: bool, stored: bool) -> float:
    """Return the CPU of the whole process for a call, its delivery and the last checkpoint among it."""
    store = SqliteStore(str(folder / "taxiway.db"), SystemClock())
    await store.start()
    spool = Spool(folder / "spool", {"store": store} if stored else {}, SystemClock())
    await spool.start()
    await spool.settled()
    record, filler = attempt(1), list(range(BUSY * 100))
    started = time.process_time()
    for number in range(CALLS):
        if spooled:
            spool.opened(call(number), record, None)
        sum(filler)
        if spooled:
            spool.ended(generation(number))
        await asyncio.sleep(0)
    await spool.aclose()
    spent = (time.process_time() - started) / CALLS * 1e6
    await store.aclose()
    return spent


def main() -> None:
    """Measure and print."""
    least: dict[str, float] = {}

    def note(name: str, figure: float) -> None:
        least[name] = min(figure, least.get(name, figure))

    for _ in range(4):
        folder = Path(tempfile.mkdtemp())
        opened, ended = asyncio.run(writing(folder / "writing"))
        note("opened", opened)
        note("ended", ended)
        for name, spooled, stored in (("nothing", False, False), ("spool", True, False), ("store", True, True)):
            note(name, asyncio.run(beside_a_busy_loop(folder / name, spooled=spooled, stored=stored)))
        shutil.rmtree(folder)
    print(f"opened    {least['opened']:6.2f} us")
    print(f"ended     {least['ended']:6.2f} us")
    print(
        f"delivery  {least['store'] - least['spool']:6.2f} us a row, beside {least['nothing']:.0f} us of other work a call"
    )


if __name__ == "__main__":
    main()
