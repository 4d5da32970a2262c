"""Waiting for what has no event, on a machine that may be busy with other things."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

SOON: Final = 0.1
"""Seconds within which an upstream must see that its client has left."""


async def until(condition: Callable[[], Any]) -> None:
    """Wait for as long as it takes; what never comes is ended by the test's own timeout."""
    while not condition():  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0.001)


async def soon(condition: Callable[[], Any]) -> None:
    """Wait, and fail where that takes more than SOON of this thread's own time, in which all that is waited for has to run.

    The loop goes round and round meanwhile: a timer in the way is time spent, and other programs' share of the machine is none.
    """
    began = time.thread_time()
    while not condition():
        assert time.thread_time() - began < SOON, "it takes too long"
        await asyncio.sleep(0)
