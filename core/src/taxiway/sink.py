"""What a telemetry sink implements: who takes generations once they are durable."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from taxiway.outcome import Generation


class Sink(Protocol):
    """Takes generations in batches, off the request path."""

    async def deliver(self, batch: Sequence[Generation]) -> None:
        """Take a batch. The same ids may come again after a crash. Whatever it raises, the batch comes again later."""
        ...


@runtime_checkable
class TakesRecords(Protocol):
    """Optional, for sinks that keep generations as they are: nothing is decoded and encoded again for them."""

    async def deliver_records(self, batch: Sequence[bytes]) -> None:
        """Take a batch like `deliver`, each generation as the JSON that `taxiway.records.read` reads."""
        ...


@runtime_checkable
class Checkpoints(Protocol):
    """Optional: what was delivered survives a crash of the program, but a power loss only after `checkpoint`."""

    async def checkpoint(self) -> None:
        """Make durable what was delivered; the spool lets go of it after that. Raises where it could not."""
        ...
