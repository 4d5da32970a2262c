"""Everything at once, at random: crashes, a disk that is full now and then, sinks that fail; nothing may be lost."""

import asyncio
import errno
import os
import random

import pytest

from taxiway import spool as spooling
from taxiway import spool_files
from taxiway.errors import SpoolUnavailable
from taxiway.records import row_of
from taxiway.spool import Spool
from taxiway.testing.spool import Keeps, attempt, call, done, opened_row
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock


class Flaky(Keeps):
    """Slow, fails before and after it took a batch; `states` is what a sink that knows its ids has."""

    def __init__(self, dice):
        super().__init__()
        self.dice, self.states = dice, {}

    async def deliver(self, batch):
        await asyncio.sleep(self.dice.choice([0, 0.01, 2]))
        if self.dice.random() < 0.3:
            raise OSError("before")
        for generation in batch:
            self.states.setdefault(generation.id, generation.state)
        if self.dice.random() < 0.1:
            raise OSError("after")

    async def checkpoint(self):
        if self.dice.random() < 0.5:
            raise OSError("busy")


class Life:
    """One process: calls that open, fail over and end, until it is closed or killed."""

    def __init__(self, dice, disk, opened, ended):
        self.dice, self.disk, self.opened, self.ended = dice, disk, opened, ended
        self.live, self.unsure = [], set()

    async def step(self, spool):
        drawn = self.dice.random()
        if drawn < 0.4:
            number = len(self.opened) + 1
            try:
                await spool.opened(opened_row(call(number), attempt(1)))
            except SpoolUnavailable:
                return
            self.opened.add(f"gen-{number}")
            self.live.append(number)
        elif drawn < 0.5 and self.live:
            try:
                await spool.opened(
                    opened_row(call(self.dice.choice(self.live)), attempt(2), attempt(1, kind="timeout"))
                )
            except SpoolUnavailable:
                return
        elif drawn < 0.85 and self.live:
            number = self.live.pop(self.dice.randrange(len(self.live)))
            await spool.ended(row_of(done(number)))
            self.unsure.add(f"gen-{number}")
        elif drawn < 0.9:
            self.disk.full = not self.disk.full
        if not spool._unwritten:  # what waits in memory may be lost with the process; its attempts are not
            self.ended |= self.unsure
            self.unsure.clear()


class Disk:
    """Stands before `os.write`; while `full`, it takes nothing, a part, or all."""

    def __init__(self, dice, monkeypatch):
        self.full, self.dice, self.write = False, dice, os.write
        monkeypatch.setattr(os, "write", self.take)

    def take(self, descriptor, data):
        if self.full:
            drawn = self.dice.random()
            if drawn < 0.5:
                raise OSError(self.dice.choice([errno.ENOSPC, errno.EFBIG]), "no room")
            if drawn < 0.8:
                return self.write(descriptor, data[: self.dice.randrange(len(data))])
        return self.write(descriptor, data)


def kill(spool):
    """What is left of a process after `kill -9`: its files, without their lock."""
    spool._task.cancel()
    spool._live.seal()
    for folder in {segment.folder for segment in spool._segments}:
        folder.release()


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_every_call_is_accounted(seed, tmp_path, monkeypatch):
    dice = random.Random(seed)
    monkeypatch.setattr(spooling, "SEGMENT_BYTES", dice.choice([2_000, 6_000, 10**6]))
    monkeypatch.setattr(spool_files, "BATCH_BYTES", dice.choice([200, 900, 2_000, 10**5]))
    disk, opened, ended = Disk(dice, monkeypatch), set(), set()
    sinks = {"one": Flaky(dice), "two": Flaky(dice)}

    @virtual_time
    async def main():
        for _ in range(dice.randrange(1, 5)):
            disk.full = False
            spool = Spool(tmp_path, sinks, VirtualClock())
            await spool.start()
            life = Life(dice, disk, opened, ended)
            for _ in range(dice.randrange(120)):
                # What several calls do in one turn of the loop is one record.
                await asyncio.gather(*(life.step(spool) for _ in range(dice.choice([1, 1, 4]))))
                if dice.random() < 0.1:
                    await asyncio.sleep(dice.choice([0, 0.05, 1, 5, 400]))
            if dice.random() < 0.5:
                kill(spool)
            else:
                disk.full = False
                await spool.aclose()
                ended.update(life.unsure)
        disk.full = False
        for _ in range(40):  # sinks that fail to the end of one start take the rest at a later one
            spool = Spool(tmp_path, sinks, VirtualClock())
            await spool.start()
            await spool.settled()
            await spool.aclose()
            if not list(tmp_path.iterdir()):
                break

    main()
    assert list(tmp_path.iterdir()) == []
    for sink in sinks.values():
        assert set(sink.states) == opened
        assert {sink.states[id_] for id_ in ended} <= {"done"}
