"""After a crash: what a dead process left in its spool, made whole so that it can be delivered.

Every segment is read to its first bad record. A generation without an end becomes one that is `lost`: its attempts as they
ended, and the open ones as estimates. These ends are written to a new segment of the same folder (never to an old one), so
a recovery that is itself killed goes on where it was.
"""

import asyncio
import logging
import os
from collections import Counter
from pathlib import Path
from typing import Final

from attrs import define, field

from taxiway.codec import Json
from taxiway.errors import Malformed
from taxiway.outcome import AttemptRecord, Generation
from taxiway.records import Opened, ended_body, framed, is_torn, read, unframed
from taxiway.spool_files import Segment, SpoolFolder
from taxiway.usage import Usage

_log = logging.getLogger("taxiway.spool")
_AT_ONCE: Final = 500
"""Records decoded before other tasks get their turn: some milliseconds."""


@define(eq=False)
class _Unended:
    """A generation whose end was not yet seen."""

    call: Json
    attempts: dict[int, AttemptRecord] = field(factory=dict)
    open: set[int] = field(factory=set)

    def see(self, record: Opened) -> None:
        if record.before is not None:
            self.attempts[record.before.number] = record.before
            self.open.discard(record.before.number)
        self.attempts[record.attempt.number] = record.attempt
        self.open.add(record.attempt.number)


async def recover(root: Path, counts: Counter[str]) -> list[Segment]:
    """Take every folder under `root` that no process holds; return its segments, oldest first, ready for delivery.

    A folder that can't be read stays as it is, for the next start, and is spoken of. `counts`: torn, corrupt, lost.
    """
    segments: list[Segment] = []
    for path in sorted(root.glob("*-*-*/")):  # noqa: ASYNC240 - file IO here is as short as that of a write
        folder = SpoolFolder.take(path)
        if folder is None:
            continue
        try:
            found = await _recover_folder(folder, counts)
        except (OSError, Malformed) as error:
            _log.error("%s can't be recovered and is kept as it is: %s", path, error)
            folder.release()
            continue
        if not found:
            folder.remove()
        segments += found
    return segments


async def _recover_folder(folder: SpoolFolder, counts: Counter[str]) -> list[Segment]:
    unended: dict[str, _Unended] = {}
    segments: list[Segment] = []
    there = folder.segments()
    for segment in there:
        await _scan(segment, unended, counts, last=segment is there[-1])
        if segment.size:
            segments.append(segment)
    if unended:
        segments.append(_write_lost(folder, there[-1].number + 1, [lost(call) for call in unended.values()]))
        counts["lost"] += len(unended)
        _log.warning("%s: %d calls had no end; they are accounted as estimates", folder.path, len(unended))
    return segments


async def _scan(segment: Segment, unended: dict[str, _Unended], counts: Counter[str], *, last: bool) -> None:
    data = segment.path.read_bytes()
    for index, (end, body) in enumerate(unframed(data)):
        record = read(body)
        segment.size = end
        if isinstance(record, Generation):
            unended.pop(record.id, None)
        else:
            unended.setdefault(record.call["id"], _Unended(record.call)).see(record)
        if index % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)
    if segment.size >= len(data):
        return
    if last and is_torn(data, segment.size):
        # Else, were this recovery killed too, the next one would find the tail in a segment that is not the last any more.
        os.truncate(segment.path, segment.size)
        counts["torn"] += 1
        return
    counts["corrupt"] += 1
    kept = segment.folder.path.with_name(f"{segment.folder.path.name}-{segment.path.stem}.broken")
    kept.unlink(missing_ok=True)
    os.link(segment.path, kept)
    _log.error(
        "%s is corrupt after byte %d; what follows is not accounted. Kept as %s", segment.path, segment.size, kept
    )


def lost(unended: _Unended) -> Generation:
    """Make the generation of a call whose process died: open attempts are estimates."""
    attempts = [unended.attempts[number] for number in sorted(unended.attempts)]
    for attempt in attempts:
        if attempt.number in unended.open:
            _estimate(attempt)
    used = [attempt.usage for attempt in attempts if attempt.usage is not None]
    costs = [attempt.cost for attempt in attempts if attempt.usage is not None and attempt.cost is not None]
    last = attempts[-1]
    return Generation(
        **unended.call,
        state="lost",
        model=last.model,
        provider=last.provider,
        endpoint=last.endpoint,
        attempts=attempts,
        usage=sum(used[1:], used[0]) if used else None,
        # One unknown cost makes the sum unknown: a part of it would look like the whole.
        cost=sum(costs) if costs and len(costs) == len(used) else None,
        estimated=True,
        error="lost",
    )


def _estimate(attempt: AttemptRecord) -> None:
    out = attempt.max_output or 0
    attempt.kind = "lost"
    attempt.usage = Usage(input=attempt.tokens, output=out, estimated=True)
    if attempt.price_in is not None and (attempt.price_out is not None or not out):
        attempt.cost = round(attempt.tokens * attempt.price_in + out * (attempt.price_out or 0.0), 10)


def _write_lost(folder: SpoolFolder, number: int, generations: list[Generation]) -> Segment:
    segment = folder.create_segment(number)
    try:
        for generation in generations:
            segment.append(framed(ended_body(generation)))
    except OSError:
        segment.path.unlink()
        raise
    finally:
        segment.seal()
    return segment
