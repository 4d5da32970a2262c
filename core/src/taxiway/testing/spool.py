"""Calls, attempts and a sink to try a spool with."""

from collections.abc import Sequence
from typing import Any

from taxiway.call import Call, Caller, Facts
from taxiway.outcome import AttemptRecord, Generation
from taxiway.preferences import NO_PREFERENCES
from taxiway.records import OPENED, Row, encoded, framed, row_of


def call(number: int = 1, **facts: Any) -> Call:
    """Make a call as the executor does, of the generation `gen-<number>`."""
    return Call(
        id=f"gen-{number}",
        seed=2**64 - number,
        operation="chat",
        dialect="chat",
        body={"messages": [{"role": "user", "content": "what nobody may read: xyzzy"}]},
        facts=Facts(**({"models": ("author/name",)} | facts)),
        preferences=NO_PREFERENCES,
        caller=Caller("default", "key-1", "an app"),
        created=1_760_000_000.0 + number,
        started=0.0,
        deadline=600.0,
        headers={},
    )


def attempt(number: int = 1, **known: Any) -> AttemptRecord:
    """Make an attempt's record: as it is opened, or, with `known`, as it ended."""
    start: dict[str, Any] = {"tokens": 100, "max_output": 50, "price_in": 0.001, "price_out": 0.002}
    return AttemptRecord(
        number, "somebody:name", "somebody", "main", "credential-1", "author/name", 1.0, **(start | known)
    )


def done(number: int = 1, *attempts: AttemptRecord, **known: Any) -> Generation:
    """Make the end of `call(number)`."""
    made = call(number)
    facts: dict[str, Any] = {
        "id": made.id,
        "state": "done",
        "workspace": "default",
        "api_key": "key-1",
        "operation": "chat",
        "dialect": "chat",
        "requested": "author/name",
        "created": made.created,
        "streamed": False,
        "model": "author/name",
        "provider": "somebody",
        "seed": made.seed,
    }
    return Generation(attempts=list(attempts), **(facts | known))


def opened_row(call: Call, attempt: AttemptRecord, before: AttemptRecord | None = None) -> Row:
    """Make the row of an attempt that is about to be sent; `before`: how the one before it ended."""
    asked = {"id": call.id, "state": "lost", "created": call.created, "requested": call.facts.models[0]}
    _, columns, _, attempts = row_of(done(1, *([] if before is None else [before]), attempt, **asked))
    return OPENED, columns[:9], None, [*attempts[:-1], (attempts[-1][0][:12], None)]


def opened_record(call: Call, attempt: AttemptRecord, before: AttemptRecord | None = None) -> bytes:
    """Make that row as it is in a file."""
    return framed(encoded(opened_row(call, attempt, before)))


class Keeps:
    """A sink that keeps what it takes. Before that it does what `before` says: raise, wait."""

    def __init__(self) -> None:
        self.taken: list[Generation] = []
        self.batches: list[int] = []

    async def before(self) -> None:
        """Do nothing; overridden."""

    async def deliver(self, batch: Sequence[Generation]) -> None:
        """Take a batch."""
        await self.before()
        self.batches.append(len(batch))
        self.taken += batch

    @property
    def ids(self) -> list[str]:
        """The ids that were taken, in order, as often as they came."""
        return [generation.id for generation in self.taken]


class Down(Keeps):
    """A sink that takes nothing as long as it is `down`; `why` is its error."""

    def __init__(self, why: str = "down") -> None:
        super().__init__()
        self.down, self.why = True, why

    async def before(self) -> None:
        """Raise OSError while it is down."""
        if self.down:
            raise OSError(self.why)
