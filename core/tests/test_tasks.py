"""Tasks beside calls: each is under way once at a time, and none outlives its owner."""

import asyncio

import pytest

from taxiway.tasks import Tasks
from taxiway.testing.virtual import virtual_time


class Work:
    """Takes a second, or as long as `for_ever` says, and then fails with `error` where there is one."""

    def __init__(self, *, for_ever=False, error=None):
        self.begun = self.ended = self.cancelled = 0
        self._seconds, self._error = 1e9 if for_ever else 1.0, error

    async def run(self):
        self.begun += 1
        try:
            await asyncio.sleep(self._seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.ended += 1
        if self._error is not None:
            raise self._error
        return self.ended


@virtual_time
async def test_what_is_under_way_is_not_begun_again_and_both_wait_for_it():
    tasks, work = Tasks(), Work()
    first = tasks.begin("it", work.run)
    await asyncio.sleep(0.5)
    second = tasks.begin("it", work.run)
    assert first is second
    assert (await first, await second, work.begun) == (1, 1, 1)


@virtual_time
async def test_what_is_over_begins_again_also_before_it_was_noted_that_it_is():
    tasks, work, again = Tasks(), Work(), []

    async def runs_and_asks_for_more():
        await work.run()
        asyncio.get_running_loop().call_soon(lambda: again.append(tasks.begin("it", work.run)))

    await tasks.begin("it", runs_and_asks_for_more)
    await asyncio.sleep(0.5)
    assert tasks.begin("it", work.run) is again[0]
    assert await again[0] == work.begun == 2


@virtual_time
async def test_what_failed_tells_who_waits_and_begins_again():
    tasks, work = Tasks(), Work(error=OSError("no"))
    for count in (1, 2):
        with pytest.raises(OSError, match="no"):
            await tasks.begin("it", work.run)
        assert work.ended == count


@virtual_time
async def test_one_does_not_wait_for_another():
    tasks, slow, quick = Tasks(), Work(for_ever=True), Work()
    tasks.begin(("a", 1), slow.run)
    assert await tasks.begin(("a", 2), quick.run) == 1
    await tasks.aclose()


@virtual_time
async def test_at_the_end_nothing_goes_on_whatever_it_ends_with():
    class Stubborn(Work):
        async def run(self):
            try:
                return await super().run()
            except asyncio.CancelledError:
                raise OSError("can't be closed") from None

    tasks, works = Tasks(), [Work(for_ever=True), Stubborn(for_ever=True), Work(for_ever=True)]
    running = [tasks.begin(index, work.run) for index, work in enumerate(works)]
    await asyncio.sleep(0)
    await tasks.aclose()
    assert [work.cancelled for work in works] == [1, 1, 1]
    assert all(task.done() for task in running)
    await tasks.aclose()
