"""What goes on beside calls: tasks, each of which is under way once at a time."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any, TypeVar

from attrs import Factory, define

T = TypeVar("T")


@define(eq=False)
class Tasks:
    """Tasks by what they do."""

    _running: dict[Hashable, asyncio.Task[Any]] = Factory(dict)

    def begin(self, what: Hashable, run: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        """Begin a task, unless it is under way. Returns it."""
        task = self._running.get(what)
        if task is None or task.done():
            task = self._running[what] = asyncio.get_running_loop().create_task(run())
            task.add_done_callback(partial(self._ended, what))
        return task

    async def aclose(self) -> None:
        """Stop what is under way."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _ended(self, what: Hashable, task: asyncio.Task[Any]) -> None:
        if self._running[what] is task:
            del self._running[what]
