"""Virtual time: asyncio unchanged, the clock in jumps."""

import asyncio
import socket
import time

import pytest

from taxiway.testing.virtual import virtual_time
from taxiway.virtual import START, Deadlock, VirtualClock, VirtualLoop, run


def test_a_simulated_day_takes_seconds():
    async def tick():
        clock, ticks = VirtualClock(), 0
        while clock.monotonic() < 86_400:
            await asyncio.sleep(1)
            ticks += 1
        return ticks

    began = time.perf_counter()
    assert run(tick()) == 86_400
    assert time.perf_counter() - began < 20


@virtual_time
async def test_the_clock_is_the_loops():
    clock = VirtualClock()
    assert clock.monotonic() == asyncio.get_running_loop().time() == 0
    assert clock.now() == START
    await clock.sleep(0.25)
    assert clock.monotonic() == pytest.approx(0.25)
    assert clock.now() == pytest.approx(START + 0.25)


def test_start_is_a_choice():
    async def read():
        return VirtualClock().now(), VirtualClock(start=5.0).now()

    assert run(read(), start=100.0) == (100.0, 5.0)
    loop = VirtualLoop(7.0)
    assert VirtualClock(loop).now() == 7.0
    loop.close()


@virtual_time
async def test_timers_fire_in_order_at_their_time():
    loop, seen = asyncio.get_running_loop(), []
    for delay in (3, 1, 2):
        loop.call_later(delay, lambda delay=delay: seen.append((delay, loop.time())))
    await asyncio.sleep(10)
    assert seen == [(1, 1.0), (2, 2.0), (3, 3.0)]


@virtual_time
async def test_timeout_and_task_groups_work_unchanged():
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(30):
            await asyncio.Event().wait()
    assert VirtualClock().monotonic() == pytest.approx(30)

    async def work(seconds):
        await asyncio.sleep(seconds)
        return seconds

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work(seconds)) for seconds in (5, 60, 3600)]
    assert [task.result() for task in tasks] == [5, 60, 3600]
    assert VirtualClock().monotonic() == pytest.approx(3630)


@virtual_time
async def test_a_wait_of_weeks_is_one_sleep():
    await asyncio.sleep(30 * 86_400)
    assert VirtualClock().monotonic() == pytest.approx(30 * 86_400)


def test_late_in_a_run_timers_still_fire_exactly():
    async def year():
        await asyncio.sleep(365 * 86_400)
        before = VirtualClock().monotonic()
        await asyncio.sleep(0.001)
        return VirtualClock().monotonic() - before

    assert run(year()) == pytest.approx(0.001, abs=1e-7)


def test_a_deadlock_is_an_error_that_says_who_waits():
    async def never():
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match=r"deadlock at 0\.000000 s .*never at .*test_virtual\.py"):
        run(never())


def test_a_deadlock_still_cleans_up():
    ended = []

    async def never():
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append("cleaned up")

    with pytest.raises(Deadlock):
        run(never())
    assert ended == ["cleaned up"]


@virtual_time
async def test_threads_are_refused():
    with pytest.raises(RuntimeError, match="a thread can't be used in virtual time"):
        await asyncio.to_thread(int)
    with pytest.raises(RuntimeError, match="a thread"):
        await asyncio.get_running_loop().getaddrinfo("localhost", 80)


@virtual_time
async def test_sockets_and_subprocesses_are_refused():
    with pytest.raises(RuntimeError, match="a connection"):
        await asyncio.open_connection("127.0.0.1", 1)
    with pytest.raises(RuntimeError, match="a server"):
        await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    with pytest.raises(RuntimeError, match="a subprocess"):
        await asyncio.create_subprocess_exec("true")
    with socket.socket() as sock, pytest.raises(RuntimeError, match="a file descriptor"):
        asyncio.get_running_loop().add_reader(sock, print)


def test_errors_and_results_come_out_as_of_asyncio_run():
    async def fail():
        await asyncio.sleep(1)
        raise KeyError("x")

    with pytest.raises(KeyError):
        run(fail())


@virtual_time
async def test_the_decorator_keeps_fixtures(tmp_path):
    assert tmp_path.exists()
    await asyncio.sleep(1_000)


@pytest.mark.parametrize("number", [1, 2])
def test_the_same_run_twice_gives_the_same_times(number):
    async def times():
        seen = []

        async def worker(step):
            for _ in range(3):
                await asyncio.sleep(step)
                seen.append((step, VirtualClock().monotonic()))

        await asyncio.gather(worker(0.3), worker(0.7))
        return seen

    assert run(times()) == run(times())
