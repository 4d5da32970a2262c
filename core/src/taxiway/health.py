"""What was learnt of endpoints, accounts and candidates: windows, breakers, and what is shut until when.

Nothing here waits or does IO. Every `now` is in seconds of the monotonic clock. What is idle is forgotten, so memory
is bounded by what was used in the last day, and a lookup that finds nothing means healthy.
"""

import math
from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Final

from attrs import define, frozen

from taxiway.candidate import Account, Candidate, Endpoint, Subject
from taxiway.failures import POLICIES
from taxiway.history import DURATION, Figures
from taxiway.outcome import Failure, Kind, Outcome
from taxiway.view import ENOUGH, View
from taxiway.vitals import Breaker, Vitals

if TYPE_CHECKING:
    from taxiway.quota import Quotas

MINUTES: Final = 60.0
BREAKER_PAUSES: Final = (1.0, 2.0, 4.0, 8.0)
"""How long a breaker stays open, each time after the first: never longer than the last, so that recovery is noticed in 10 s."""
PAUSES: Final[Mapping[Kind, tuple[float, ...]]] = {
    "quota_exhausted": (15 * MINUTES, 60 * MINUTES),
    "credential_invalid": (15 * MINUTES, 60 * MINUTES),
    "permission_denied": (10 * MINUTES,),
    "not_found": (10 * MINUTES,),
}
"""After how long one live call is let through to an account or candidate that was shut; the last one repeats."""
_OTHER_PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, MINUTES)
_VERIFYING: Final = 30.0
"""How long a suspect account waits for its probe's verdict, before a live call gives one."""
_CALM: Final = 30.0
"""A breaker that trips this long after it closed begins with the shortest pause again, and alerts again."""
_USUAL: Final = 5.0
"""Seconds that an attempt is reckoned with where too few have ended."""
_SWEEP: Final = MINUTES
_FORGOTTEN: Final = 24 * 60 * MINUTES


@define(eq=False)
class Block:
    """Why a candidate can't be used now. `until`: when it may be (None: no time is known). `breaker`: only a breaker says so."""

    reason: str
    kind: Kind
    until: float | None
    breaker: bool = False


@frozen
class Alert:
    """Something that its owner should know, said once an event (`credential_disabled`, `credential_exhausted`, `endpoint_out`)."""

    event: str
    subject: str
    message: str


@define(eq=False)
class _Gate:
    """A subject that is shut from `since` until `until`; then one live call at a time is let through, and its outcome decides.

    It was shut `times` times in a row. `verifying`: a probe's verdict is on its way.
    """

    subject: Subject
    kind: Kind
    reason: str
    since: float
    until: float
    times: int
    breaker: Breaker | None = None
    verifying: bool = False
    claimed: bool = False

    def block(self, now: float) -> Block | None:
        if now < self.until:
            # Until a refused key is verified nobody knows, so clients are not told to give up.
            kind = "unavailable" if self.verifying else self.kind
            return Block(self.reason, kind, self.until, self.breaker is not None)
        if self.claimed:
            return Block(f"{self.reason}; a live call is trying it", self.kind, None, self.breaker is not None)
        return None


_NEVER: Final = _Gate(("", ""), "credential_invalid", "", -math.inf, -math.inf, 0)
"""What stands for the gate of an account whose key was not refused."""


class Health:
    """What was learnt from outcomes. `random` spreads the pauses of breakers."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._vitals: dict[str, Vitals] = {}
        self._gates: dict[Subject, _Gate] = {}
        self._turns: dict[str, int] = {}
        self._sweep_at = 0.0

    def view(self, now: float, quotas: "Quotas | None" = None, *, peek: bool = False) -> View:
        """Return what strategies may read, at this moment. `peek`: without taking a turn."""
        return View(self._vitals, dict(self._turns) if peek else self._turns, now, self, quotas)

    def figures(self, endpoint: Endpoint, now: float, seconds: float) -> Figures | None:
        """Return what is known of the last 300, 1,800 or 86,400 seconds of an endpoint."""
        vitals = self._vitals.get(endpoint.key)
        return None if vitals is None else vitals.history.since(now, seconds)

    def record(self, endpoint: Endpoint, figures: Mapping[str, float], now: float) -> None:
        """Keep what a strategy says of an attempt there. Raises ValueError for what can't be kept."""
        self._of(endpoint.key, now).record(figures, now)

    def usual(self, endpoint: Endpoint, now: float) -> float:
        """Return the seconds that an attempt there usually takes: who waits less can't say that it failed."""
        vitals = self._vitals.get(endpoint.key)
        return (vitals and vitals.history.figures(now).quantile(DURATION, 0.5, ENOUGH)) or _USUAL

    def block(self, candidate: Candidate, now: float) -> Block | None:
        """Return why the candidate can't be used now, None if it can. Breakers come last: what they say alone is `breaker`."""
        if self._gates:
            for gate in self._gates_of(candidate):
                if found := gate.block(now):
                    return found
        return None

    def opened(self, candidate: Candidate, now: float) -> None:
        """An attempt begins; where something is due for a live call, this is it. `now` is the outcome's `started`."""
        self._of(candidate.endpoint.key, now).in_flight += 1
        for gate in self._gates_of(candidate):
            gate.claimed = gate.claimed or now >= gate.until

    def observe(self, outcome: Outcome, now: float) -> Sequence[Alert]:
        """An attempt ended. What its failure penalises is said by the failure's scope, else by the table.

        A rate limit is for the quotas, an invalid key for `suspect`: neither counts here.
        """
        candidate, failure = outcome.candidate, outcome.failure
        vitals = self._of(candidate.endpoint.key, now)
        vitals.in_flight -= 1
        if now >= self._sweep_at:
            self._sweep(now)
        # A client that left after the first token saw it work.
        if failure is None or (failure.kind == "cancelled" and outcome.first_token is not None):
            vitals.served(outcome, now)
            if origin := self._vitals.get(candidate.subjects[2][1]):
                origin.breaker.good(now)
            for gate in self._gates_of(candidate):
                if outcome.started > gate.since:
                    del self._gates[gate.subject]
                    if gate.breaker is not None:
                        gate.breaker.close(gate.times, now)
            return ()
        alerts = self._penalise(outcome, failure, vitals, now)
        for gate in self._gates_of(candidate):
            # Whatever a live call met, it is over: the next may try. (Where it failed as before, this is a new gate.)
            if outcome.started > gate.since:
                gate.claimed = False
        return alerts

    def suspect(self, account: Account, now: float) -> bool:
        """A provider refused the account's key: it waits while somebody verifies it.

        True where that is news: the caller reads the key again and probes, then calls `disable` or `reopen`.
        """
        gate, subject = self._refused(account), ("account", account.key)
        if now < gate.until:
            return False
        reason, until = "its key was refused, and is being verified", now + _VERIFYING
        self._gates[subject] = _Gate(subject, "credential_invalid", reason, now, until, gate.times, verifying=True)
        return True

    def disable(self, account: Account, reason: str, now: float) -> Sequence[Alert]:
        """The account's key is bad, verified: it is shut but for one live call now and then. `reason` is for people."""
        gate = self._refused(account)
        if now < gate.until and not gate.verifying:
            return ()
        self._shut(("account", account.key), "credential_invalid", reason, gate.times, now)
        message = f"{account.label} is disabled: {reason}"
        return () if gate.times else (Alert("credential_disabled", account.label, message),)

    def reopen(self, account: Account) -> None:
        """A probe was good, or the key was replaced."""
        self._gates.pop(("account", account.key), None)

    def reloaded(self) -> None:
        """There is a new configuration: what was refused to a candidate is tried anew."""
        self._gates = {subject: gate for subject, gate in self._gates.items() if subject[0] != "candidate"}

    def _of(self, key: str, now: float) -> Vitals:
        """Return the vitals of an endpoint, or of an origin that failed."""
        vitals = self._vitals.get(key)
        if vitals is None:
            vitals = self._vitals[key] = Vitals()
        vitals.seen = now
        return vitals

    def _gates_of(self, candidate: Candidate) -> Sequence[_Gate]:
        gates = self._gates
        return [gates[subject] for subject in candidate.subjects if subject in gates] if gates else ()

    def _refused(self, account: Account) -> _Gate:
        gate = self._gates.get(("account", account.key), _NEVER)
        return gate if gate.kind == "credential_invalid" else _NEVER

    def _penalise(self, outcome: Outcome, failure: Failure, vitals: Vitals, now: float) -> Sequence[Alert]:
        candidate, kind, reason = outcome.candidate, failure.kind, failure.message
        if kind == "rate_limited":
            vitals.limited(now)
        usual = POLICIES[kind].penalise
        scope = failure.scope or usual
        if scope in {"none", "pool"} or kind == "credential_invalid" or (scope, kind) == ("account", "rate_limited"):
            return ()
        if scope == "origin" or "endpoint" in {scope, usual}:
            vitals.failed(now)
        key = dict(candidate.subjects)[scope]
        breaker = self._of(key, now).breaker if scope in {"endpoint", "origin"} else None
        gate, times = self._gates.get((scope, key)), 0
        if gate is not None:
            # Attempts that began before it was shut say nothing new.
            if not gate.claimed or outcome.started <= gate.since:
                return ()
            times = gate.times
        if breaker is not None:
            why = "its probe failed" if gate is not None else breaker.bad(now)
            if why is None:
                return ()
            reason = f"{why} ({kind}: {reason})"
            if now - breaker.closed < _CALM:
                times = max(times, breaker.times)
        self._shut((scope, key), kind, reason, times, now, breaker)
        endpoint, label = candidate.endpoint, candidate.account.label
        event = "credential_exhausted" if kind == "quota_exhausted" else "credential_refused"
        alerts = {
            "account": (event, label, f"{label} can't be used: {reason}"),
            "origin": ("origin_out", key, f"{key} can't be reached: {reason}"),
            "endpoint": ("endpoint_out", key, f"{endpoint.model} at {endpoint.provider_name} is out: {reason}"),
        }
        return () if times or scope not in alerts else (Alert(*alerts[scope]),)

    def _shut(
        self, subject: Subject, kind: Kind, reason: str, times: int, now: float, breaker: Breaker | None = None
    ) -> None:
        """Shut a subject that was shut so many times in a row before."""
        pauses = PAUSES.get(kind, _OTHER_PAUSES) if breaker is None else BREAKER_PAUSES
        pause = pauses[min(times, len(pauses) - 1)] * (1 if breaker is None else self._random.uniform(0.8, 1.2))
        self._gates[subject] = _Gate(subject, kind, reason, now, now + pause, times + 1, breaker)

    def _sweep(self, now: float) -> None:
        """Forget what nobody asked for during a day: it is not configured any more."""
        self._sweep_at = now + _SWEEP
        self._gates = {subject: gate for subject, gate in self._gates.items() if now - gate.until <= _FORGOTTEN}
        for key, vitals in list(self._vitals.items()):
            if vitals.in_flight == 0 and now - vitals.seen > _FORGOTTEN:
                del self._vitals[key]
            else:
                vitals.history.forget(now)
