"""After a crash: what dead processes left in their spools, read to the first bad record of each segment.

A generation without an end becomes one that is `lost`: its attempts as they ended, and the open ones as estimates.
"""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeAlias

from taxiway.codec import Json
from taxiway.outcome import AttemptRecord, Generation
from taxiway.records import is_ended, is_torn, read_ended, read_opened, unframed
from taxiway.spool_files import Segment, SpoolFolder
from taxiway.usage import Usage

_log = logging.getLogger("taxiway.spool")
_AT_ONCE: Final = 500
"""Records decoded before other tasks get their turn: some milliseconds."""

_Unended: TypeAlias = dict[str, tuple[Json, dict[int, AttemptRecord]]]
"""By id, generations whose end was not yet seen: what is known of the call, and its attempts by number."""


async def recover(root: Path, counts: Counter[str]) -> tuple[list[Segment], list[Generation]]:
    """Take every folder under `root` that no process holds. Return its segments, oldest first, and what was lost.

    Segments may be delivered, but not deleted before the ends of what was lost are written. Until then the next recovery
    finds the same. A folder that can't be read stays as it is, for the next start, and is spoken of. `counts`: torn, corrupt, lost.
    """
    segments: list[Segment] = []
    unended: _Unended = {}
    for path in sorted(root.glob("*-*-*/")):  # noqa: ASYNC240 - file IO here is as short as that of a write
        folder = SpoolFolder.take(path)
        if folder is None:
            continue
        there, found = folder.segments(), dict(unended)
        try:
            for segment in there:
                await _scan(segment, found, counts, last=segment is there[-1])
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one, the others have nothing to do with it
            _log.error("%s can't be recovered and is kept as it is: %s", path, error)
            folder.release()
            continue
        if not there:
            folder.remove()
        segments += there
        unended = found
    if unended:
        counts["lost"] += len(unended)
        _log.warning("%d calls had no end; they are accounted as estimates", len(unended))
    return segments, [_lost(call, attempts.values()) for call, attempts in unended.values()]


async def _scan(segment: Segment, unended: _Unended, counts: Counter[str], *, last: bool) -> None:
    data = segment.path.read_bytes()
    for index, (end, body) in enumerate(unframed(data), 1):
        if is_ended(body):
            unended.pop(read_ended(body).id, None)
        else:
            call, attempts = read_opened(body)
            unended.setdefault(call["id"], (call, {}))[1].update((one.number, one) for one in attempts)
        segment.size = end
        if index % _AT_ONCE == 0:
            await asyncio.sleep(0)
    rest = data[segment.size :]
    if rest and last and is_torn(rest):
        # Else the next recovery, were this one killed, would find the tail in a segment that is not the last any more.
        os.truncate(segment.path, segment.size)
        counts["torn"] += 1
    elif rest:
        counts["corrupt"] += 1
        kept = segment.folder.path.with_name(f"{segment.folder.path.name}-{segment.path.stem}.broken")
        kept.unlink(missing_ok=True)
        os.link(segment.path, kept)
        _log.error(
            "%s is corrupt after byte %d, and not accounted from there: see %s", segment.path, segment.size, kept
        )


def _lost(call: Json, attempts: Iterable[AttemptRecord]) -> Generation:
    attempts = list(attempts)
    for attempt in attempts:
        if attempt.kind is None:
            _estimate(attempt)
    usages = [attempt.usage for attempt in attempts if attempt.usage is not None]
    costs = [attempt.cost for attempt in attempts if attempt.usage is not None and attempt.cost is not None]
    last = attempts[-1]
    return Generation(
        **call,
        state="lost",
        model=last.model,
        provider=last.provider,
        endpoint=last.endpoint,
        attempts=attempts,
        usage=sum(usages, Usage(requests=0)),
        # One unknown cost makes the sum unknown: a part of it would look like the whole.
        cost=sum(costs) if len(costs) == len(usages) else None,
        estimated=True,
        error="lost",
    )


def _estimate(attempt: AttemptRecord) -> None:
    out = attempt.max_output or 0
    attempt.kind = "lost"
    attempt.usage = Usage(input=attempt.tokens, output=out, estimated=True)
    if attempt.price_in is not None and (attempt.price_out is not None or not out):
        attempt.cost = attempt.tokens * attempt.price_in + out * (attempt.price_out or 0.0)
