"""A disk that takes nothing, or not all: new attempts are refused, ends are kept, and nothing half written hides what follows."""

import asyncio
import contextlib
import errno
import os
import subprocess
import sys

import pytest

from taxiway import spool as spooling
from taxiway.errors import SpoolUnavailable
from taxiway.records import ended_body, framed, row_of
from taxiway.spool import Spool
from taxiway.testing.spool import Down, Keeps, attempt, call, done, opened_record, opened_row
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock


class Disk:
    """Stands before `os.write` for spool files. `room`: bytes that it still takes, None: as many as come."""

    def __init__(self, monkeypatch):
        self.room, self.error, self._write = None, errno.ENOSPC, os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, descriptor, data):
        if self.room is None or len(data) < 100:  # a cursor
            return self._write(descriptor, data)
        taken = min(self.room, len(data))
        if not taken:
            raise OSError(self.error, os.strerror(self.error))
        self.room -= taken
        return self._write(descriptor, data[:taken])


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch)


@virtual_time
async def test_a_full_disk_refuses_new_attempts_and_keeps_ends(tmp_path, disk, caplog):
    sink = Keeps()
    spool = Spool(tmp_path, {"sink": sink}, VirtualClock())
    await spool.start()
    await spool.settled()
    await spool.opened(opened_row(call(1), attempt(1)))
    disk.room = 0
    for number in (2, 3):
        with pytest.raises(SpoolUnavailable, match="No space left"):
            await spool.opened(opened_row(call(number), attempt(1)))
    assert not spool.writable
    assert spool.counts["refused"] == 2
    await spool.ended(row_of(done(1, attempt(1))))
    await asyncio.sleep(2)
    assert sink.ids == [], "sinks read what was written"
    assert len(caplog.records) == 1, "said once, not at every call"
    disk.room = None
    await asyncio.sleep(2)
    assert spool.writable
    await spool.opened(opened_row(call(4), attempt(1)))
    await spool.ended(row_of(done(4)))
    await spool.aclose()
    assert sink.ids == ["gen-1", "gen-4"]
    assert list(tmp_path.iterdir()) == []


@virtual_time
async def test_where_the_spool_is_not_required_calls_go_on_and_are_counted(tmp_path, disk):
    spool = Spool(tmp_path, {}, VirtualClock(), required=False)
    await spool.start()
    disk.room = 0
    await spool.opened(opened_row(call(1), attempt(1)))
    await spool.opened(opened_row(call(2), attempt(1)))
    assert spool.counts["unaccounted"] == 2
    disk.room = None
    await spool.aclose()


@pytest.mark.parametrize("room", [1, 100, 300])
def test_a_half_record_is_cut_off_again(tmp_path, disk, room):
    @virtual_time
    async def main():
        sink = Keeps()
        spool = Spool(tmp_path, {"sink": sink}, VirtualClock())
        await spool.start()
        await spool.ended(row_of(done(1)))
        disk.room = room
        await spool.ended(row_of(done(2)))
        disk.room = None
        await spool.ended(row_of(done(3)))
        await asyncio.sleep(1)
        taken, crashed = set(sink.ids), tmp_path / "copy"
        (spool_folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
        crashed.mkdir()
        spool_folder_copy = crashed / "1700000000-1-0"
        spool_folder_copy.mkdir()
        for path in spool_folder.glob("*.log"):
            (spool_folder_copy / path.name).write_bytes(path.read_bytes())
        await spool.aclose()
        assert set(sink.ids) == {"gen-1", "gen-2", "gen-3"}
        again = Keeps()
        spool = Spool(crashed, {"sink": again}, VirtualClock())
        await spool.start()
        await spool.settled()
        await spool.aclose()
        assert taken | set(again.ids) == {"gen-1", "gen-2", "gen-3"}
        assert spool.counts == {}

    main()


@virtual_time
async def test_a_file_that_can_grow_no_more_is_followed_by_another(tmp_path, disk):
    spool = Spool(tmp_path, {}, VirtualClock())
    await spool.start()
    await spool.opened(opened_row(call(0), attempt(1)))
    disk.room, disk.error = 0, errno.EFBIG
    with pytest.raises(SpoolUnavailable):
        await spool.opened(opened_row(call(1), attempt(1)))
    disk.room = None
    await spool.opened(opened_row(call(2), attempt(1)))
    assert len(list(tmp_path.rglob("*.log"))) == 2
    await spool.ended(row_of(done(2)))
    await spool.aclose()


@virtual_time
async def test_where_no_file_can_be_opened_the_old_one_goes_on(tmp_path, monkeypatch):
    spool = Spool(tmp_path, {}, VirtualClock())
    await spool.start()

    def refuse(*args, **kwargs):
        raise OSError(errno.EMFILE, "too many open files")

    await spool.opened(opened_row(call(0), attempt(1)))
    await spool.ended(row_of(done(0)))
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        await asyncio.sleep(400)
        await spool.opened(opened_row(call(1), attempt(1)))
        await spool.ended(row_of(done(1)))
    assert spool.writable
    await spool.aclose()


@virtual_time
async def test_what_a_crash_left_stays_until_the_ends_of_what_it_lost_are_written(tmp_path, disk):
    dead = tmp_path / "1700000000-1-0"
    dead.mkdir()
    (dead / "00000001.log").write_bytes(opened_record(call(1), attempt(1)))
    sink = Keeps()
    spool = Spool(tmp_path, {"sink": sink}, VirtualClock())
    await spool.start()
    disk.room = 0
    await asyncio.sleep(5)
    assert (sink.ids, dead.exists()) == ([], True)
    disk.room = None
    await asyncio.sleep(5)
    assert (sink.ids, dead.exists()) == (["gen-1"], False)
    await spool.aclose()


@virtual_time
async def test_what_sinks_have_taken_makes_room_for_ends_that_wait(tmp_path, monkeypatch):
    """Else a disk that the spool itself has filled would stay full, and an empty file more come of every try."""
    monkeypatch.setattr(spooling, "SEGMENT_BYTES", 2_000)
    write = os.write

    def files():
        return list(tmp_path.rglob("*.log"))

    def full(descriptor, data):
        room = 10_000 - sum(path.stat().st_size for path in files())
        return write(descriptor, data[: max(0, room)] if len(data) > 100 else data)

    monkeypatch.setattr(os, "write", full)
    sink = Down()
    spool = Spool(tmp_path, {"sink": sink}, VirtualClock())
    await spool.start()
    await spool.settled()
    served = 0
    with contextlib.suppress(SpoolUnavailable):
        while True:
            await spool.opened(opened_row(call(served), attempt(1)))
            await spool.ended(row_of(done(served, attempt(1))))
            served += 1
    before = len(files())
    await asyncio.sleep(60)
    assert (spool.writable, len(files())) == (False, before)
    sink.down = False
    await asyncio.sleep(60)
    assert spool.writable
    assert sink.ids == [f"gen-{number}" for number in range(served)]
    assert len(files()) == 1
    await spool.aclose()


@virtual_time
async def test_what_a_crash_left_makes_room_up_to_where_something_lost_begins(tmp_path, disk):
    dead = tmp_path / "1700000000-1-0"
    dead.mkdir()
    for number in (1, 2, 3):
        end = b"" if number == 2 else framed(ended_body(done(number)))
        (dead / f"{number:08d}.log").write_bytes(opened_record(call(number), attempt(1)) + end)
    sink = Keeps()
    spool = Spool(tmp_path, {"sink": sink}, VirtualClock())
    await spool.start()
    disk.room = 0
    await asyncio.sleep(5)
    assert (sink.ids, sorted(path.name for path in dead.glob("*.log"))) == (
        ["gen-1", "gen-3"],
        ["00000002.log", "00000003.log"],
    )
    disk.room = None
    await asyncio.sleep(5)
    assert (sink.ids, dead.exists()) == (["gen-1", "gen-3", "gen-2"], False)
    await spool.aclose()


LIMITED = """
import asyncio, resource, sys
from pathlib import Path
from taxiway.clock import SystemClock
from taxiway.errors import SpoolUnavailable
from taxiway.records import row_of
from taxiway.spool import Spool
from taxiway.testing.spool import Keeps, attempt, call, done, opened_row

async def main():
    sink = Keeps()
    spool = Spool(Path(sys.argv[1]), {"sink": sink}, SystemClock())
    await spool.start()
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
    served = refused = 0
    for number in range(100):
        try:
            await spool.opened(opened_row(call(number), attempt(1)))
        except SpoolUnavailable:
            refused += 1
            continue
        await spool.ended(row_of(done(number, attempt(1))))
        served += 1
    await spool.settled()
    print(served, refused, len(set(sink.ids)))
    await spool.aclose()

asyncio.run(main())
"""


@pytest.mark.real_time
def test_under_a_limit_on_file_size_it_goes_on_in_more_files(tmp_path):
    ran = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    served, refused, delivered = map(int, ran.stdout.split())
    assert served == delivered
    assert served + refused == 100
    assert refused < 50
    assert list(tmp_path.iterdir()) == []
