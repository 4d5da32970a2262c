"""What a dead process left: read, made whole, delivered once."""

import errno
import random
import signal
import subprocess
import sys
from collections import Counter

import pytest

from taxiway.records import encoded, ended_body, framed, row_of
from taxiway.spool import Spool
from taxiway.spool_files import SpoolFolder
from taxiway.spool_recovery import recover
from taxiway.testing.spool import Keeps, attempt, call, done, opened_record, opened_row
from taxiway.testing.virtual import virtual_time
from taxiway.usage import Usage
from taxiway.virtual import VirtualClock, run

DEAD = "1700000000-1-0"


def left_behind(root, *segments, folder=DEAD):
    """Write the spool of a process that is no more."""
    path = root / folder
    path.mkdir(parents=True)
    for number, data in enumerate(segments, 1):
        (path / f"{number:08d}.log").write_bytes(data)
    return path


def segment(*records):
    return b"".join(records)


def ended_record(generation):
    return framed(ended_body(generation))


async def recovered(root, *, sink=None):
    """Start on what is in `root`; return what a sink got, and the counts."""
    sink = sink or Keeps()
    spool = Spool(root, {"sink": sink}, VirtualClock())
    await spool.start()
    await spool.settled()
    await spool.aclose()
    return sink.taken, spool.counts


@virtual_time
async def test_a_call_without_an_end_is_lost_and_estimated(tmp_path):
    first = attempt(1, kind="rate_limited", status=429, duration=0.2)
    left_behind(
        tmp_path,
        segment(opened_record(call(1), attempt(1)), opened_record(call(1), attempt(2), first)),
    )
    (found,), counts = await recovered(tmp_path)
    assert (found.id, found.state, found.estimated) == ("gen-1", "lost", True)
    assert (found.workspace, found.api_key, found.requested) == ("default", "key-1", "author/name")
    assert found.attempts[0] == first
    estimate = found.attempts[1]
    assert estimate.usage == Usage(input=100, output=50, estimated=True)
    assert estimate.cost == pytest.approx(0.2)
    assert found.usage == estimate.usage
    assert found.cost == pytest.approx(0.2)
    assert counts == Counter(lost=1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("known", "tokens", "cost"),
    [
        ({"max_output": None}, 0, 0.1),
        ({"max_output": None, "price_out": None}, 0, 0.1),
        ({"price_out": None}, 50, None),
        ({"price_in": None}, 50, None),
    ],
)
def test_an_estimate_claims_no_more_than_is_known(tmp_path, known, tokens, cost):
    left_behind(tmp_path, segment(opened_record(call(1), attempt(1, **known))))
    (found,), _ = run(recovered(tmp_path))
    assert found.usage.output == tokens
    assert found.cost == (None if cost is None else pytest.approx(cost))


@virtual_time
async def test_what_earlier_attempts_used_is_in_the_sum(tmp_path):
    paid = attempt(1, kind="unavailable", usage=Usage(input=10, output=5), cost=0.05)
    left_behind(tmp_path, segment(opened_record(call(1), attempt(2), paid)))
    (found,), _ = await recovered(tmp_path)
    assert (found.usage.input, found.usage.output, found.usage.requests) == (110, 55, 2)
    assert found.cost == pytest.approx(0.25)


@virtual_time
async def test_what_ended_is_not_lost_whatever_segment_says_so(tmp_path):
    left_behind(
        tmp_path,
        segment(opened_record(call(1), attempt(1)), opened_record(call(2), attempt(1))),
        segment(ended_record(done(1, attempt(1)))),
    )
    found, counts = await recovered(tmp_path)
    assert [(one.id, one.state) for one in found] == [("gen-1", "done"), ("gen-2", "lost")]
    assert counts["lost"] == 1


@virtual_time
async def test_a_running_processs_spool_is_left_alone(tmp_path):
    alive = Spool(tmp_path, {"sink": Keeps()}, VirtualClock())
    await alive.start()
    await alive.opened(opened_row(call(1), attempt(1)))
    found, counts = await recovered(tmp_path)
    assert (found, counts) == ([], Counter())
    await alive.ended(row_of(done(1)))
    await alive.aclose()
    assert list(tmp_path.iterdir()) == []


@virtual_time
async def test_a_recovery_that_was_killed_goes_on(tmp_path):
    """Killed after the lost ends were written, or in the middle of that: nothing is lost twice."""
    path = left_behind(
        tmp_path,
        segment(opened_record(call(1), attempt(1)), opened_record(call(2), attempt(1))) + b"torn tail",
    )
    segments, lost = await recover(tmp_path, Counter())
    segments[0].folder.release()
    left_behind(tmp_path, segment(*(ended_record(one) for _, one in lost))[:-7], folder="1700000001-1-0")
    found, counts = await recovered(tmp_path)
    assert sorted((one.id, one.state) for one in found) == [("gen-1", "lost"), ("gen-2", "lost")]
    assert counts == Counter(lost=1, torn=2)
    assert not path.exists()


@virtual_time
async def test_each_sink_goes_on_where_it_was(tmp_path):
    path = left_behind(tmp_path, segment(*(ended_record(done(number)) for number in range(10))))
    size = sum(len(ended_record(done(number))) for number in range(4))
    (path / "half.cursor").write_text(f"1 {size}")
    (path / "broken.cursor").write_text("no cursor")
    (path / "between.cursor").write_text(f"1 {size + 3}")
    (path / "beyond.cursor").write_text("1 99999999")
    sinks = {name: Keeps() for name in ("half", "broken", "between", "beyond", "new one/")}
    spool = Spool(tmp_path, sinks, VirtualClock())
    await spool.start()
    await spool.settled()
    await spool.aclose()
    every = [f"gen-{number}" for number in range(10)]
    assert sinks["half"].ids == every[4:]
    assert sinks["broken"].ids == sinks["between"].ids == sinks["new one/"].ids == every
    assert sinks["beyond"].ids == []
    assert list(tmp_path.iterdir()) == []


@virtual_time
async def test_a_crash_while_delivering_repeats_at_most_a_batch(tmp_path):
    """The cursor follows the sink, so what was taken before it was written comes again, and nothing else does."""

    class Dies(Keeps):
        async def before(self):
            if len(self.batches) == 2:
                raise OSError("down")

    path = left_behind(tmp_path, *(segment(*(ended_record(done(s * 100 + n)) for n in range(100))) for s in range(4)))
    sink = Dies()
    spool = Spool(tmp_path, {"sink": sink}, VirtualClock())
    await spool.start()
    await spool.aclose()
    assert len(sink.taken) == 200
    assert path.exists()
    rest, _ = await recovered(tmp_path)
    assert [one.id for one in rest] == [f"gen-{number}" for number in range(200, 400)]


@virtual_time
async def test_every_cut_of_the_last_segment_is_a_torn_tail(tmp_path):
    records = [
        opened_record(call(1), attempt(1)),
        ended_record(done(1)),
        opened_record(call(2), attempt(1)),
    ]
    whole = segment(*records)
    ends = [sum(map(len, records[: count + 1])) for count in range(3)]
    for cut in range(0, len(whole), 7):
        root = tmp_path / str(cut)
        left_behind(root, whole[:cut])
        found, counts = await recovered(root)
        states = [(one.id, one.state) for one in found]
        if cut < ends[0]:
            assert states == []
        elif cut < ends[1]:
            assert states == [("gen-1", "lost")]
        elif cut < ends[2]:
            assert states == [("gen-1", "done")]
        assert counts["torn"] == (cut not in {0, ends[0], ends[1]})
        assert counts["corrupt"] == 0
        assert list(root.iterdir()) == []


@virtual_time
async def test_a_flipped_byte_anywhere_invents_nothing(tmp_path):
    """And the segments after the damaged one are read."""
    damaged = segment(*(ended_record(done(number)) for number in range(3)))
    after = segment(ended_record(done(9)))
    for at in range(0, len(damaged), 5):
        root = tmp_path / str(at)
        data = bytearray(damaged)
        data[at] ^= 0x41
        left_behind(root, bytes(data), after)
        found, counts = await recovered(root)
        ids = [one.id for one in found]
        assert ids == [f"gen-{number}" for number in range(len(ids) - 1)] + ["gen-9"]
        assert len(ids) < 4
        assert counts["corrupt"] == 1
        assert [path.name for path in root.iterdir()] == [f"{DEAD}-00000001.broken"]


@virtual_time
async def test_a_damaged_length_is_no_torn_tail_where_records_follow(tmp_path):
    records = [ended_record(done(number)) for number in range(3)]
    damaged = bytearray(segment(*records))
    damaged[len(records[0]) + 3] ^= 0x40  # of the second: longer than the file
    left_behind(tmp_path, bytes(damaged))
    found, counts = await recovered(tmp_path)
    assert [one.id for one in found] == ["gen-0"]
    assert counts == Counter(corrupt=1)
    assert [path.name for path in tmp_path.iterdir()] == [f"{DEAD}-00000001.broken"]


@virtual_time
async def test_what_of_a_lost_call_s_attempts_ended_did_so_and_the_pool_paid_for_the_last(tmp_path):
    first, second = attempt(1, kind="timeout"), attempt(2, kind="rate_limited")
    kind, columns, used, attempts = opened_row(call(1), attempt(3), second)
    row = kind, (*columns, "", "", "", None, False), used, [*row_of(done(1, first))[3], *attempts]
    left_behind(tmp_path, segment(opened_record(call(1), attempt(1)), framed(encoded(row))))
    (found,), _ = await recovered(tmp_path)
    assert [one.kind for one in found.attempts] == ["timeout", "rate_limited", "lost"]
    assert (found.is_byok, found.model, found.provider) == (False, "author/name", "somebody")


@virtual_time
async def test_zeros_at_the_end_are_a_torn_tail(tmp_path):
    left_behind(tmp_path, segment(ended_record(done(1))) + bytes(4096))
    found, counts = await recovered(tmp_path)
    assert [one.id for one in found] == ["gen-1"]
    assert counts == Counter(torn=1)


@virtual_time
async def test_a_folder_that_can_not_be_locked_keeps_no_other_from_its_recovery(tmp_path, caplog, monkeypatch):
    left_behind(tmp_path, b"", folder="1600000000-1-0")
    left_behind(tmp_path, segment(ended_record(done(1))))
    take = SpoolFolder.take

    def locked(path):
        if path.name.startswith("16"):
            raise OSError(errno.ENOLCK, "no locks available")
        return take(path)

    monkeypatch.setattr(SpoolFolder, "take", locked)
    taken, _ = await recovered(tmp_path)
    assert [generation.id for generation in taken] == ["gen-1"]
    assert "1600000000-1-0 can't be recovered" in caplog.text


@virtual_time
async def test_another_versions_spool_is_kept_for_it(tmp_path, caplog):
    path = left_behind(tmp_path, segment(framed(b'[9,"of a later version"]')))
    left_behind(tmp_path, segment(ended_record(done(2))), folder="1700000001-1-0")
    found, _ = await recovered(tmp_path)
    assert [one.id for one in found] == ["gen-2"]
    assert "a kind that this version does not know" in caplog.text
    assert path.exists()
    taken = SpoolFolder.take(path)
    assert taken is not None
    taken.release()


WRITER = """
import asyncio, sys
from pathlib import Path
from taxiway.clock import SystemClock
from taxiway.records import row_of
from taxiway.spool import Spool
from taxiway.testing.spool import Keeps, attempt, call, done, opened_row

class Tells(Keeps):
    async def deliver(self, batch):
        for generation in batch:
            print("took", generation.id, generation.state, flush=True)

async def main():
    base = int(sys.argv[2])
    spool = Spool(Path(sys.argv[1]), {"sink": Tells()}, SystemClock())
    await spool.start()
    for number in range(base, base + 10**6):
        one, two = call(number), attempt(1)
        await spool.opened(opened_row(one, two))
        print("opened", one.id, flush=True)
        if number % 3 == 0:
            await spool.opened(opened_row(one, attempt(2), attempt(1, kind="timeout")))
        if number % 10:
            await spool.ended(row_of(done(number, two)))
            print("ended", one.id, flush=True)
        await asyncio.sleep(0)

asyncio.run(main())
"""


@pytest.mark.real_time
def test_killed_at_any_moment_every_call_is_accounted_once_by_id(tmp_path):
    dice = random.Random(7)
    opened, ended, states, taken = set(), set(), {}, Counter()
    for kill in range(20):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(kill * 10**6)], stdout=subprocess.PIPE, text=True
        )
        lines = iter(writer.stdout)
        for _, line in zip(range(dice.randrange(1, 2_000)), lines, strict=False):
            note(line, opened, ended, states, taken)
        writer.send_signal(signal.SIGKILL)
        for line in lines:
            if line.endswith("\n"):
                note(line, opened, ended, states, taken)
        writer.stdout.close()
        assert writer.wait() == -signal.SIGKILL
    found, counts = run(recovered(tmp_path))
    for one in found:
        states.setdefault(one.id, one.state)
        taken[one.id] += 1
    assert opened <= set(states)
    assert all(states[id_] == "done" for id_ in ended)
    assert {states[id_] for id_ in opened - ended} <= {"lost", "done"}
    # Only what was delivered in the instant of a kill may have come again, for the sink to leave out.
    assert sum(count > 1 for count in taken.values()) <= 20 * 500
    assert counts["corrupt"] == 0
    assert list(tmp_path.iterdir()) == []


def note(line, opened, ended, states, taken):
    what, id_, *state = line.split()
    if what == "opened":
        opened.add(id_)
    elif what == "ended":
        ended.add(id_)
    else:
        states.setdefault(id_, state[0])
        taken[id_] += 1
