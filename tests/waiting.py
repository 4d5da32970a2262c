"""Waiting for what has no event, for as long as it takes: how fast a machine is decides no test."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition; what never comes is ended by the test's own timeout."""
    while not condition():  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0.001)
