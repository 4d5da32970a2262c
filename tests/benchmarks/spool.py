"""What accounting costs a call, in microseconds of CPU: the two records, and a row's way into SQLite on the store's thread.

`python tests/benchmarks/spool.py`. One core is enough; the figures are the least of some runs.
"""

import asyncio
import shutil
import tempfile
import time
from pathlib import Path

from taxiway.clock import SystemClock
from taxiway.outcome import Generation
from taxiway.records import ended_body, row_of
from taxiway.spool import Spool
from taxiway.testing.spool import attempt, call, done, opened_row
from taxiway.usage import Usage
from taxiway_sql.store import SqliteStore

CALLS = 12_000
TOGETHER = 8
"""Calls that end in one turn of the loop under load."""
BATCH = 200
"""Rows of a transaction: what gathers in a tenth of a second under load."""


def generation(number: int) -> Generation:
    """Make the end of an ordinary call."""
    usage = Usage(input=20, output=7)
    known = {"usage": usage, "cost": 0.0003, "latency": 0.2, "duration": 0.5}
    return done(
        number,
        attempt(1, status=200, **known),
        id=f"gen-1760000000-{number:024x}",
        endpoint="somebody:name",
        finish_reason="stop",
        native_finish_reason="stop",
        upstream_id="chatcmpl-0123456789",
        snapshot="0123456789abcdef",
        figures={"somebody:name": {"latency": 0.25, "price": 0.3}},
        **known,
    )


async def writing(folder: Path) -> tuple[float, float]:
    """Return what `opened` takes of who is alone, and `ended` where some come in one turn of the loop."""
    spool = Spool(folder, {}, SystemClock())
    await spool.start()
    starts = [opened_row(call(number), attempt(1)) for number in range(CALLS)]
    ends = [row_of(generation(number)) for number in range(CALLS)]
    began = time.thread_time()
    for row in starts:
        await spool.opened(row)
    between = time.thread_time()
    for first in range(0, CALLS, TOGETHER):
        for row in ends[first : first + TOGETHER]:
            written = spool.ended(row)
        await written
    done_at = time.thread_time()
    await spool.aclose()
    return (between - began) / CALLS * 1e6, (done_at - between) / CALLS * 1e6


async def storing(folder: Path) -> float:
    """Return what a row takes on the store's thread, commits and checkpoints among it."""
    store = SqliteStore(str(folder / "taxiway.db"), SystemClock())
    await store.start()
    rows = [ended_body(generation(number)) for number in range(CALLS)]

    async def spent() -> float:
        return await store._writer.run(lambda _: time.thread_time(), 10.0)

    started = await spent()
    for start in range(0, CALLS, BATCH):
        await store.deliver_records(rows[start : start + BATCH])
    await store.checkpoint()
    each_row = (await spent() - started) / CALLS * 1e6
    await store.aclose()
    return each_row


def main() -> None:
    """Measure and print."""
    runs = []
    for _ in range(4):
        folder = Path(tempfile.mkdtemp())
        runs.append((*asyncio.run(writing(folder / "spool")), asyncio.run(storing(folder))))
        shutil.rmtree(folder)
    for name, figures in zip(("opened", "ended", "stored"), zip(*runs, strict=True), strict=True):
        print(f"{name:9} {min(figures):6.2f} us")


if __name__ == "__main__":
    main()
