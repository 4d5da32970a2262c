"""What a strategy plugin implements: in which order the endpoints of a model are tried."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

from attrs import define

from taxiway.call import Call
from taxiway.candidate import Endpoint


@define(eq=False)
class Ranked:
    """An endpoint's place: lower scores are tried first, equal ones go by the next strategy, then by a draw.

    `reason` is for people (`taxiway explain`), "$0.00042 expected"; what has to be formatted is given as a function, since
    nearly every ranking goes unread.
    """

    endpoint: Endpoint
    score: float
    reason: str | Callable[[], str] = ""

    @property
    def why(self) -> str:
        """The reason, as text."""
        return self.reason if isinstance(self.reason, str) else self.reason()


class HealthView(Protocol):
    """What is known of endpoints at this moment. Seconds and tokens per second; None: not enough is known."""

    now: float

    def latency(self, endpoint: Endpoint) -> float | None:
        """Return the median time to the first token of the last 5 minutes."""
        ...

    def throughput(self, endpoint: Endpoint) -> float | None:
        """Return the median tokens per second of the last 5 minutes."""
        ...

    def success(self, endpoint: Endpoint) -> float | None:
        """Return the share of attempts of the last 5 minutes that succeeded."""
        ...

    def outage(self, endpoint: Endpoint) -> bool:
        """Whether at least 20 % of at least 5 attempts failed in the last 30 s."""
        ...

    def in_flight(self, endpoint: Endpoint) -> int:
        """Return the attempts under way."""
        ...

    def turn(self, model: str) -> int:
        """Return a number that grows by one with every plan of the model: what round-robin turns on."""
        ...


class Strategy(Protocol):
    """Ranks the endpoints of one model and section. Synchronous, pure, and without state of its own.

    Called for every request where there is a choice: no IO, no logging, and randomness only from `random`.
    """

    def rank(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[Ranked]:
        """Return every endpoint that may be tried, each once, in any order. One left out is not tried."""
        ...
