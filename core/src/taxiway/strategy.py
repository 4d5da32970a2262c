"""What a strategy plugin implements: in which order the endpoints of a model are tried."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Protocol, TypeVar, runtime_checkable

from attrs import define

from taxiway.call import Call
from taxiway.candidate import Endpoint
from taxiway.outcome import Outcome

T = TypeVar("T")


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
    """What is known of endpoints at this moment. Seconds and tokens per second; None: not enough is known.

    Figures are of the last 5 minutes and at most a second old. `share`: the quantile, 0.5 is the median.
    """

    now: float

    def latency(self, endpoint: Endpoint, share: float = 0.5) -> float | None:
        """Return the time to the first token that this share of the attempts did not exceed."""
        ...

    def throughput(self, endpoint: Endpoint, share: float = 0.5) -> float | None:
        """Return the tokens per second that this share of the attempts did not exceed."""
        ...

    def duration(self, endpoint: Endpoint, share: float = 0.5) -> float | None:
        """Return the time of a whole attempt that this share of them did not exceed."""
        ...

    def success(self, endpoint: Endpoint) -> float | None:
        """Return the share of attempts that succeeded, rate limits left out."""
        ...

    def limited(self, endpoint: Endpoint) -> float | None:
        """Return the share of attempts that met a rate limit."""
        ...

    def outage(self, endpoint: Endpoint) -> bool:
        """Whether at least 20 % of at least 5 attempts failed in the last 30 s."""
        ...

    def in_outage(self, endpoints: Iterable[Endpoint]) -> Sequence[Endpoint]:
        """Return those of some endpoints that have an outage: nearly always none, which is quicker to find out of all at once."""
        return [one for one in endpoints if self.outage(one)]

    def in_flight(self, endpoint: Endpoint) -> int:
        """Return the attempts under way."""
        ...

    def room(self, endpoint: Endpoint) -> bool:
        """Whether an account of the endpoint, in the section that is ranked, could take this call now."""
        ...

    def recorded(self, endpoint: Endpoint, name: str) -> float | None:
        """Return the mean of what `Observes` gave for attempts there; what is 5 minutes older counts half as much."""
        ...

    def turn(self, model: str) -> int:
        """Return a number that grows by one with every plan of the model: what round-robin turns on."""
        ...

    def derived(self, name: str, read: Callable[[], T]) -> T:
        """Return what `read` works out of the call's text or conversation, which no record holds.

        It is recorded under that name, so that the decision can be replayed: numbers, texts, None, or a list of these.
        """
        ...


class Strategy(Protocol):
    """Ranks the endpoints of one model and section. Synchronous, pure, and without state of its own.

    Called for every request where there is a choice: no IO, no logging, and randomness only from `random`.
    """

    def rank(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[Ranked]:
        """Return every endpoint that may be tried, each once, in any order. One left out is not tried."""
        ...


@runtime_checkable
class Scores(Protocol):
    """Optional, for a strategy that leaves nothing out: it is asked for scores alone where nobody reads the reasons."""

    def scores(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[float]:
        """Return what `rank` gives the endpoints, in their order. It reads and draws as much, so that an explanation holds."""
        ...


@runtime_checkable
class Observes(Protocol):
    """Optional, for a strategy that learns: the view keeps what it says of attempts, so that it needs no state of its own."""

    def observe(self, outcome: Outcome) -> Mapping[str, float]:
        """Return figures of one attempt that ended, by names of its own (`acme-reward`), for `HealthView.recorded`.

        Called for every attempt, of other strategies' calls too: quick and pure, and nothing where it has nothing to say.
        """
        ...
