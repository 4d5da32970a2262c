"""Rows of one turn of the loop: one write and one record for all, and each row's own end for who waits for it."""

import asyncio
import errno
import os
from contextlib import asynccontextmanager

import pytest
from attrs import evolve

from taxiway import spool as spooling
from taxiway import spool_files
from taxiway.errors import SpoolUnavailable
from taxiway.records import read, row_of, unframed
from taxiway.spool import Spool
from taxiway.testing.spool import Keeps, attempt, call, done, opened_row
from taxiway.testing.virtual import virtual_time
from taxiway.usage import Usage
from taxiway.virtual import VirtualClock


class Writes:
    """Keeps what is written to segments. `refuses`: the disk takes nothing."""

    def __init__(self, monkeypatch):
        self.all, self.refuses, self._write = [], False, os.write
        monkeypatch.setattr(os, "write", self.take)

    def take(self, descriptor, data):
        if self.refuses:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.all.append(data)
        return self._write(descriptor, data)

    def bodies(self):
        """Return the generations that each write was of."""
        return [[read(body) for _, body in unframed(data)] for data in self.all]


@pytest.fixture
def writes(monkeypatch):
    return Writes(monkeypatch)


@asynccontextmanager
async def spool_in(path, sink=None, **options):
    spool = Spool(path, {} if sink is None else {"sink": sink}, VirtualClock(), **options)
    await spool.start()
    await spool.settled()
    yield spool
    await spool.aclose()


async def end(spool, generation):
    return await spool.ended(row_of(generation))


def opening(number):
    return opened_row(call(number), attempt(1))


@virtual_time
async def test_what_comes_in_one_turn_is_one_write_in_its_order(tmp_path, writes):
    async with spool_in(tmp_path) as spool:
        await asyncio.gather(spool.opened(opening(1)), spool.opened(opening(4)))
        await asyncio.gather(spool.opened(opening(2)), end(spool, done(1)), spool.opened(opening(3)))
        await spool.ended(row_of(done(2)))
        await spool.ended(row_of(done(3)))
        await spool.ended(row_of(done(4)))
    assert [[one.id for one in bodies] for bodies in writes.bodies()] == [
        ["gen-1", "gen-4"],
        ["gen-2", "gen-1", "gen-3"],
        ["gen-2"],
        ["gen-3"],
        ["gen-4"],
    ]
    together = list(unframed(writes.all[1]))
    assert {end for end, _ in together} == {len(writes.all[1])}, "a place is a record's end"


@virtual_time
async def test_who_is_alone_does_not_wait_for_the_turn(tmp_path, writes):
    async with spool_in(tmp_path) as spool:
        await spool.opened(opening(1))
        await asyncio.gather(spool.opened(opening(2)), end(spool, done(1)), spool.opened(opening(3)))
        assert [[one.id for one in bodies] for bodies in writes.bodies()] == [["gen-1"], ["gen-2"], ["gen-1", "gen-3"]]
        for number, at_once in ((2, False), (3, True)):
            written = spool.ended(row_of(done(number)))
            assert written.done() is at_once, "the turn before brought one row alone, or several"
            await written
            await asyncio.sleep(0)
        assert len(writes.all) == 5


@virtual_time
async def test_nobody_is_told_before_it_is_written(tmp_path, writes):
    async with spool_in(tmp_path) as spool:
        opened = [asyncio.create_task(spool.opened(opening(number))) for number in (1, 2)]
        await asyncio.sleep(0)
        assert (any(one.done() for one in opened), writes.all) == (False, [])
        await asyncio.gather(*opened)
        assert len(writes.all) == 1
        ended = spool.ended(row_of(done(1)))
        assert (ended.done(), len(writes.all)) == (False, 1)
        await ended
        assert len(writes.all) == 2
        ended = spool.ended(row_of(done(2)))
        assert (ended.done(), len(writes.all)) == (True, 3)


@pytest.mark.parametrize("state", ["failed", "interrupted", "cancelled"])
@virtual_time
async def test_whose_client_can_not_wait_is_written_at_once_behind_what_came_before(tmp_path, writes, state):
    async with spool_in(tmp_path) as spool:
        waiting = asyncio.create_task(spool.opened(opening(1)))
        await asyncio.sleep(0)
        spool.ended(row_of(done(1, state=state)))
        assert [[one.state for one in bodies] for bodies in writes.bodies()] == [["lost", state]]
        await waiting
    assert len(writes.all) == 1


@virtual_time
async def test_who_is_cancelled_leaves_the_others_alone(tmp_path, writes):
    async with spool_in(tmp_path) as spool:
        tasks = [asyncio.create_task(spool.opened(opening(number))) for number in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.wait(tasks)
        assert [task.cancelled() for task in tasks] == [False, True, False]
        for number in range(3):
            await spool.ended(row_of(done(number)))
    assert [one.id for one in writes.bodies()[0]] == ["gen-0", "gen-1", "gen-2"]
    assert list(tmp_path.iterdir()) == [], "nothing is open"


@virtual_time
async def test_what_the_disk_refuses_together_is_its_attempts_and_its_ends_come_later(tmp_path, writes):
    sink = Keeps()
    async with spool_in(tmp_path, sink) as spool:
        await asyncio.gather(*(spool.opened(opening(number)) for number in (1, 2)))
        writes.refuses = True
        rows = [spool.opened(opening(3)), end(spool, done(1)), end(spool, done(2)), spool.opened(opening(4))]
        three, one, two, four = await asyncio.gather(*rows, return_exceptions=True)
        assert all(isinstance(error, SpoolUnavailable) and "No space left" in str(error) for error in (three, four))
        assert three is not four
        assert not any(isinstance(told, Exception) for told in (one, two))
        assert (spool.counts["refused"], spool.writable) == (2, False)
        writes.refuses = False
        await spool.opened(opening(5))
        await spool.ended(row_of(done(5)))
        await asyncio.sleep(2)
        assert sorted(sink.ids) == ["gen-1", "gen-2", "gen-5"]
        assert {one.id for bodies in writes.bodies() for one in bodies} == set(sink.ids), (
            "a refused attempt is not written"
        )
    assert list(tmp_path.iterdir()) == []


@virtual_time
async def test_ends_that_waited_for_the_disk_keep_their_order(tmp_path, writes):
    sink = Keeps()
    async with spool_in(tmp_path, sink) as spool:
        writes.refuses = True
        for number in (1, 2, 3):
            await end(spool, done(number))
        await asyncio.sleep(2)
        writes.refuses = False
        await asyncio.sleep(2)
        assert sink.ids == ["gen-1", "gen-2", "gen-3"]


@virtual_time
async def test_whatever_goes_wrong_with_a_record_nobody_waits_for_ever(tmp_path, monkeypatch):
    def fails(bodies):
        raise MemoryError

    said = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context["exception"]))
    sink = Keeps()
    async with spool_in(tmp_path, sink) as spool:
        with monkeypatch.context() as broken:
            broken.setattr(spool_files, "framed", fails)
            async with asyncio.timeout(1):
                results = await asyncio.gather(spool.opened(opening(1)), end(spool, done(2)), return_exceptions=True)
                await end(spool, done(3))
                await end(spool, done(4))  # alone: written at once
                spool.ended(row_of(done(5, state="cancelled")))
        assert isinstance(results[0], SpoolUnavailable)
        assert {type(error) for error in said} == {MemoryError}
        assert len(said) == 4
    assert sink.ids == ["gen-2", "gen-3", "gen-4", "gen-5"]


@virtual_time
async def test_half_of_a_record_of_several_is_cut_off_again(tmp_path, monkeypatch):
    sink, write, halves = Keeps(), os.write, []

    def half(descriptor, data):
        if data.count(b"\n") and not halves:
            halves.append(data)
            return write(descriptor, data[: len(data) // 2])
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", half)
    async with spool_in(tmp_path, sink) as spool:
        tried = await asyncio.gather(*(spool.opened(opening(number)) for number in (1, 2)), return_exceptions=True)
        assert {type(error) for error in tried} == {SpoolUnavailable}
        await asyncio.gather(*(spool.ended(row_of(done(number))) for number in (3, 4)))
        for path in tmp_path.rglob("*.log"):
            data = path.read_bytes()
            assert [end for end, _ in unframed(data)][-1:] == ([len(data)] if data else [])
        await asyncio.sleep(1)
    assert sink.ids == ["gen-3", "gen-4"]


class Unsayable:
    """What no JSON can be made of, not even a text."""

    def __str__(self):
        raise ValueError("it says nothing")


@virtual_time
async def test_a_row_with_what_json_can_not_hold_does_no_harm_to_the_others(tmp_path, writes):
    odd = attempt(1, code="half \ud800 of it", cost=float("nan"), usage=Usage(input=2))
    made = [done(1), done(2, odd), evolve(done(3), error=Unsayable()), done(4, latency=float("inf"))]
    async with spool_in(tmp_path) as spool:
        told = await asyncio.gather(*(end(spool, each) for each in made), return_exceptions=True)
        assert [str(why) for why in told] == ["None", "None", "it says nothing", "None"]
    (bodies,) = writes.bodies()
    assert bodies[0] == made[0]
    assert (bodies[1].attempts[0].code, bodies[1].attempts[0].cost) == ("half ? of it", None)
    assert (bodies[2].latency, [each.id for each in bodies]) == (None, ["gen-1", "gen-2", "gen-4"])


@pytest.mark.parametrize("segment_bytes", [10**6, 100], ids=["from memory", "from the file"])
def test_sinks_get_a_record_of_several_whole_however_large_it_is(tmp_path, monkeypatch, segment_bytes):
    monkeypatch.setattr(spool_files, "BATCH_BYTES", 1_500)
    monkeypatch.setattr(spooling, "SEGMENT_BYTES", segment_bytes)
    sink = Keeps()

    @virtual_time
    async def main():
        async with spool_in(tmp_path, sink) as spool:
            for first in range(0, 60, 20):  # each is some times a batch
                await asyncio.gather(*(end(spool, done(number)) for number in range(first, first + 20)))
            await asyncio.sleep(5)
        assert sink.ids == [f"gen-{number}" for number in range(60)]

    main()
