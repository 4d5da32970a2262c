"""After a crash: what dead processes left in their spools, read to the first bad record of each segment.

A generation without an end becomes one that is `lost`: its attempts as they ended, and the open ones as estimates.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Final, TypeAlias

from taxiway.money import Price
from taxiway.outcome import Generation
from taxiway.records import is_ended, is_torn, read, unframed
from taxiway.spool_files import Segment, SpoolFolder
from taxiway.usage import Usage

_log = logging.getLogger("taxiway.spool")
_Lost: TypeAlias = tuple[Segment, Generation]
"""A generation without an end, and where its first attempt was opened."""
_AT_ONCE: Final = 500
"""Records decoded before other tasks get their turn: some milliseconds."""


async def recover(root: Path, counts: Counter[str]) -> tuple[list[Segment], Collection[_Lost]]:
    """Take every folder under `root` that no process holds. Return its segments, oldest first, and what was lost.

    Segments may be delivered, but from the one in which something lost begins not deleted before its end is written. Until then
    the next recovery finds the same. A folder that can't be read stays as it is, for the next start, and is spoken of.
    `counts`: torn, corrupt, lost.
    """
    segments: list[Segment] = []
    unended: dict[str, _Lost] = {}
    for path in sorted(root.glob("*-*-*/")):  # noqa: ASYNC240 - file IO here is as short as that of a write
        folder, found = None, dict(unended)
        try:
            if (folder := SpoolFolder.take(path)) is None:
                continue
            there = folder.segments()
            for segment in there:
                await _scan(segment, found, counts, last=segment is there[-1])
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one, the others have nothing to do with it
            _log.error("%s can't be recovered and is kept as it is: %s", path, error)
            if folder is not None:
                folder.release()
            continue
        if not there:
            folder.remove()
        segments += there
        unended = found
    if unended:
        counts["lost"] += len(unended)
        _log.warning("%d calls had no end; they are accounted as estimates", len(unended))
    for _, generation in unended.values():
        _estimate(generation)
    return segments, unended.values()


async def _scan(segment: Segment, unended: dict[str, _Lost], counts: Counter[str], *, last: bool) -> None:
    data = segment.path.read_bytes()
    for index, (end, body) in enumerate(unframed(data), 1):
        generation = read(body)
        if is_ended(body):
            unended.pop(generation.id, None)
        else:
            first, before = unended.get(generation.id, (segment, generation))
            generation.attempts = list({one.number: one for one in before.attempts + generation.attempts}.values())
            unended[generation.id] = first, generation
        segment.size = end
        if index % _AT_ONCE == 0:
            await asyncio.sleep(0)
    rest = data[segment.size :]
    if rest and last and is_torn(rest):
        counts["torn"] += 1
    elif rest:
        counts["corrupt"] += 1
        segment.keep_broken(segment.size)


def _estimate(lost: Generation) -> None:
    """Account a generation as the most that its open attempts can have used."""
    for attempt in lost.attempts:
        if attempt.kind is None:
            attempt.kind = "lost"
            attempt.usage = Usage(input=attempt.tokens, output=attempt.max_output or 0, estimated=True)
            attempt.cost = Price(input=attempt.price_in, output=attempt.price_out).cost(attempt.usage)
    last = lost.attempts[-1]
    lost.model, lost.provider, lost.endpoint = last.model, last.provider, last.endpoint
    lost.estimated, lost.error = True, "lost"
    lost.usage = sum((one.usage for one in lost.attempts if one.usage is not None), Usage(requests=0))
    costs = [one.cost for one in lost.attempts if one.usage is not None]
    # One unknown cost makes the sum unknown: a part of it would look like the whole.
    lost.cost = None if None in costs else sum(cost or 0.0 for cost in costs)
