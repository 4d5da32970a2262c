"""What a telemetry sink implements: who takes generations once they are durable."""

from collections.abc import Sequence
from typing import Protocol

from taxiway.outcome import Generation


class Sink(Protocol):
    """Takes generations in batches, off the request path."""

    async def deliver(self, batch: Sequence[Generation]) -> None:
        """Take a batch. The same ids may come again after a crash. Whatever it raises, the batch comes again later."""
        ...
