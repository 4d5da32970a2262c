"""What is shut: accounts, candidates, origins and endpoints, until when, and how they open again. Pure."""

import math
from collections.abc import Mapping
from typing import Final

from attrs import define

from taxiway.candidate import Candidate, Subject
from taxiway.outcome import Kind
from taxiway.windows import MINUTE, Tally

BREAKER_PAUSES: Final = (1.0, 2.0, 4.0, 8.0)
"""How long a breaker stays open, each time after the first: never longer than the last, so that recovery is noticed in 10 s."""
PAUSES: Final[Mapping[Kind, tuple[float, ...]]] = {
    "quota_exhausted": (15 * MINUTE, 60 * MINUTE),
    "credential_invalid": (MINUTE, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE),
    "permission_denied": (10 * MINUTE,),
    "not_found": (10 * MINUTE,),
}
"""After how long one live call is let through to an account or candidate that was shut; the last one repeats."""
OTHER_PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, MINUTE)
"""The same after any other failure."""
SPREAD: Final = (0.8, 1.2)
"""What is probed is probed so much earlier or later, so that many don't ask at the same instant."""
_RAMP: Final = 32
"""With more calls at a time a breaker is closed: with the sixth good one, or one that comes `CALM` seconds after the first."""
CALM: Final = 30.0
"""A breaker that trips this long after it closed begins with the shortest pause again, and alerts again."""


class Breaker:
    """Trips at 5 failures in a row, or below 80 % success of at least 10 attempts in 10 s.

    `served` counts the attempts that did. It had tripped `times` times in a row when it closed, at `closed`.
    """

    __slots__ = ("_bad", "_before", "_run", "closed", "served", "times")

    def __init__(self) -> None:
        self.served = Tally()
        self.close(0, -math.inf)

    def close(self, times: int, now: float) -> None:
        """Begin anew: what led to a pause must not trip it again."""
        self.times, self.closed, self._run = times, now, (0, 0)
        self._before, self._bad = self.served.total, Tally()

    def bad(self, now: float) -> str | None:
        """Count a failure. Why it trips, if it does."""
        served, run = self._run
        run = run + 1 if served == self.served.total else 1
        self._run = self.served.total, run
        self._bad.add(now)
        bad = self._bad.since(now - 10.0)
        total = bad + self.served.since(now - 10.0, self._before)
        if run >= 5:
            return f"{run} attempts in a row failed"
        return f"{bad} of {total} attempts failed within 10 s" if total >= 10 and bad > 0.2 * total else None


@define(eq=False)
class Block:
    """Why a candidate can't be used now. `until`: when it may be (None: no time is known). `breaker`: only a breaker says so.

    `soft`: it can be used, but comes last.
    """

    reason: str
    kind: Kind
    until: float | None
    breaker: bool = False
    soft: bool = False


@define(eq=False)
class Gate:
    """A subject that is shut from `since` until `until`; then one live call at a time is let through, and its outcome decides.

    It was shut `times` times in a row; `candidate` met it last. `verifying`: a probe's verdict is on its way. `silent`: nothing
    was heard of it, so that anything heard opens it. `refusing`: it refuses every key. A breaker's good calls double how many may
    come at a time, `allowed`; `inside` are those under way. One that is silent for `patience` seconds keeps no other from trying.
    `looked`: when somebody last tried, or probed; `proved`: a free probe was good. `over`: it is open for all.
    """

    subject: Subject
    candidate: Candidate | None = None
    breaker: Breaker | None = None
    kind: Kind = "unavailable"
    reason: str = ""
    since: float = -math.inf
    until: float = -math.inf
    times: int = 0
    patience: float = math.inf
    verifying: bool = False
    silent: bool = False
    refusing: bool = False
    proved: bool = False
    over: bool = False
    allowed: int = 1
    inside: int = 0
    looked: float = 0.0

    def shut(self, kind: Kind, reason: str, now: float, until: float) -> None:
        """Shut it, once more: whoever is inside has nothing to say any more."""
        self.kind, self.reason, self.since, self.until, self.times = kind, reason, now, until, self.times + 1
        self.allowed, self.inside, self.looked, self.proved = 1, 0, now, False

    def block(self, now: float) -> Block | None:
        """Say why nothing may pass now."""
        if now < self.until:
            # Until a refused key is verified nobody knows, so clients are not told to give up.
            kind = "unavailable" if self.verifying else self.kind
            return Block(self.reason, kind, self.until, self.breaker is not None)
        if self.inside >= self.allowed and now - self.looked < self.patience:
            return Block(f"{self.reason}; live calls are trying it", self.kind, None, self.breaker is not None)
        return None

    def enter(self, now: float) -> None:
        """A live call passes."""
        if now >= self.until:
            self.inside, self.looked = self.inside + 1, now

    def leave(self) -> None:
        """It is over, whatever it met."""
        self.inside = max(0, self.inside - 1)

    def good(self, now: float) -> bool:
        """A live call was served. Whether that opens it for all."""
        if self.allowed == 1:
            self.until = now
        self.allowed *= 2
        return self.breaker is None or self.silent or self.allowed > _RAMP or now - self.until > CALM

    def open(self, now: float) -> None:
        """Let everybody in."""
        self.over = True
        if self.breaker is not None:
            self.breaker.close(self.times, now)
