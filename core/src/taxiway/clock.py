"""Time as a value that is passed in, so that one code serves production, tests and a simulation."""

import asyncio
import time
from typing import Annotated, Protocol, TypeAlias

Duration: TypeAlias = Annotated[float, "duration"]
"""Seconds. In a file: "250ms", "2s", "5m", "1h", or a number of seconds."""


class Clock(Protocol):
    """Where time comes from. All in seconds."""

    def now(self) -> float:
        """Return the time since the epoch: for records, resets and signatures."""
        ...

    def monotonic(self) -> float:
        """Return a time that never goes back, of the running loop: for waits and deadlines."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's clock. Its readings are the machine's functions themselves: a call makes a dozen of them."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)  # asyncio's and uvloop's `loop.time()` is the same clock

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
