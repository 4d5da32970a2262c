"""What was learnt of endpoints, accounts and candidates: windows, breakers, and what is shut until when.

Nothing here waits or does IO. Every `now` is in seconds of the monotonic clock. What is healthy and idle is forgotten, so memory
is bounded by what was used in the last minutes, and a lookup that finds nothing means healthy.
"""

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Final

from attrs import define, field, frozen

from taxiway.candidate import Account, Candidate, Endpoint
from taxiway.failures import POLICIES
from taxiway.outcome import Failure, Kind, Outcome
from taxiway.vitals import View, Vitals
from taxiway.windows import Ring

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
_OTHER_PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 1 * MINUTES)
_VERIFYING: Final = 30.0
"""How long a suspect account waits for its probe's verdict, before a live call gives one."""
_CALM: Final = 30.0
"""A breaker that trips this long after it closed begins with the shortest pause again, and alerts again."""
_SWEEP: Final = 1 * MINUTES
_IDLE: Final = 10 * MINUTES
_FORGOTTEN: Final = 24 * 60 * MINUTES


@frozen
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
    """Something shut since `since` and until `until`; then one live call at a time is let through, and its outcome decides."""

    kind: Kind
    reason: str
    since: float
    until: float
    breaker: bool
    times: int = 1
    claimed: bool = False
    verifying: bool = False
    closed: Block = field(init=False)
    waiting: Block = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.closed = Block(self.reason, self.kind, self.until, self.breaker)
        self.waiting = Block(f"{self.reason}; a live call is trying it", self.kind, None, self.breaker)

    def block(self, now: float) -> Block | None:
        if now < self.until:
            return self.closed
        return self.waiting if self.claimed else None


class _Breaker:
    """Opens at 5 failures in a row, or below 80 % success of at least 10 attempts in 10 s."""

    __slots__ = ("_bad", "_closed", "_good", "_times", "gate", "run")

    def __init__(self) -> None:
        self.gate: _Gate | None = None
        self.run = 0
        self._good, self._bad = Ring(10), Ring(10)
        self._times = 0
        self._closed = 0.0

    def good(self, started: float, now: float) -> None:
        self.run = 0
        if self.gate is None:
            self._good.add(1, now)
        elif started > self.gate.since:
            self.gate = None
            self._closed = now
            # What led to the pause must not open it again.
            self._good, self._bad = Ring(10), Ring(10)

    def bad(self, failure: Failure, started: float, now: float, random: Random) -> bool:
        """Count a failure. Whether it is news: the breaker opened after a calm."""
        gate = self.gate
        if gate is not None:
            if gate.claimed and started > gate.since:
                self._trip("its probe failed", failure, gate.until, now, random)
            return False
        self.run += 1
        self._bad.add(1, now)
        bad = self._bad.total(now)
        total = bad + self._good.total(now)
        if self.run >= 5:
            why = f"{self.run} attempts in a row failed"
        elif total >= 10 and bad > 0.2 * total:
            why = f"{bad:.0f} of {total:.0f} attempts failed within 10 s"
        else:
            return False
        if now - self._closed >= _CALM:
            self._times = 0
        self._trip(why, failure, 0.0, now, random)
        return self._times == 1

    @property
    def why(self) -> str:
        return "" if self.gate is None else self.gate.reason

    def _trip(self, why: str, failure: Failure, until: float, now: float, random: Random) -> None:
        pause = BREAKER_PAUSES[min(self._times, len(BREAKER_PAUSES) - 1)] * random.uniform(0.8, 1.2)
        self._times += 1
        reason = f"{why} ({failure.kind}: {failure.message})"
        self.gate = _Gate(failure.kind, reason, now, max(until, now + pause), breaker=True)


class Health:
    """What was learnt from outcomes. `random` spreads the pauses of breakers."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._vitals: dict[str, Vitals] = {}
        self._endpoints: dict[str, _Breaker] = {}
        self._origins: dict[str, _Breaker] = {}
        self._accounts: dict[str, _Gate] = {}
        self._candidates: dict[str, _Gate] = {}
        self._turns: dict[str, int] = {}
        self._sweep_at = 0.0

    def view(self, now: float, *, peek: bool = False) -> View:
        """Return what strategies may read, at this moment. `peek`: without taking a turn."""
        return View(self._vitals, self._turns, now, peek=peek)

    def block(self, candidate: Candidate, now: float) -> Block | None:
        """Return why the candidate can't be used now, None if it can. Breakers come last: what they say alone is `breaker`."""
        if self._accounts and (gate := self._accounts.get(candidate.account.key)) and (found := gate.block(now)):
            return found
        if self._candidates and (gate := self._candidates.get(candidate.key)) and (found := gate.block(now)):
            return found
        if (
            self._origins
            and (breaker := self._origins.get(_origin(candidate)))
            and (gate := breaker.gate)
            and (found := gate.block(now))
        ):
            return found
        breaker = self._endpoints.get(candidate.endpoint.key)
        return None if breaker is None or breaker.gate is None else breaker.gate.block(now)

    def opened(self, candidate: Candidate, now: float) -> None:
        """An attempt begins; where something is due for a live call, this is it. `now` is the outcome's `started`."""
        self._of(candidate.endpoint).in_flight += 1
        if self._accounts or self._candidates or self._origins or self._endpoints[candidate.endpoint.key].gate:
            for gate in self._gates(candidate):
                if now >= gate.until:
                    gate.claimed = True

    def observe(self, outcome: Outcome, now: float) -> Sequence[Alert]:
        """An attempt ended. What its failure penalises is said by the failure's scope, else by the table.

        A rate limit is for the quotas, an invalid key for `suspect`: neither counts here.
        """
        candidate, failure = outcome.candidate, outcome.failure
        vitals = self._of(candidate.endpoint)
        vitals.in_flight = max(0, vitals.in_flight - 1)
        vitals.seen = now
        if now >= self._sweep_at:
            self._sweep(now)
        # A client that left after the first token saw it work.
        if failure is None or (failure.kind == "cancelled" and outcome.first_token is not None):
            vitals.good(outcome, now)
            self._endpoints[candidate.endpoint.key].good(outcome.started, now)
            if self._accounts or self._candidates or self._origins:
                self._served(candidate, outcome.started, now)
            return ()
        alerts = self._penalise(candidate, vitals, outcome, failure, now)
        for gate in self._gates(candidate):
            # Whatever a live call met, it is over: the next may try. (Where it failed as before, this is a new gate.)
            if outcome.started > gate.since:
                gate.claimed = False
        return alerts

    def suspect(self, account: Account, now: float) -> bool:
        """A provider refused the account's key: it waits while somebody verifies it.

        True where that is news: the caller reads the key again and probes, then calls `disable` or `reopen`.
        """
        gate, times = self._accounts.get(account.key), 0
        if gate is not None and gate.kind == "credential_invalid":
            if now < gate.until:
                return False
            times = gate.times
        reason = "its key was refused, and is being verified"
        fresh = _Gate("credential_invalid", reason, now, now + _VERIFYING, breaker=False, times=times, verifying=True)
        self._accounts[account.key] = fresh
        return True

    def disable(self, account: Account, reason: str, now: float) -> Sequence[Alert]:
        """The account's key is bad, verified: it is shut but for one live call now and then. `reason` is for people."""
        gate, times = self._accounts.get(account.key), 0
        if gate is not None and gate.kind == "credential_invalid":
            if not gate.verifying and now < gate.until:
                return ()
            times = gate.times
        pauses = PAUSES["credential_invalid"]
        until = now + pauses[min(times, len(pauses) - 1)]
        self._accounts[account.key] = _Gate("credential_invalid", reason, now, until, breaker=False, times=times + 1)
        message = f"{account.label} is disabled: {reason}"
        return () if times else (Alert("credential_disabled", account.label, message),)

    def reopen(self, account: Account) -> None:
        """A probe was good, or the key was replaced."""
        self._accounts.pop(account.key, None)

    def reloaded(self) -> None:
        """There is a new configuration: what was refused to a candidate is tried anew."""
        self._candidates.clear()

    def _gates(self, candidate: Candidate) -> Iterator[_Gate]:
        if gate := self._accounts.get(candidate.account.key):
            yield gate
        if gate := self._candidates.get(candidate.key):
            yield gate
        for breaker in (self._origins.get(_origin(candidate)), self._endpoints.get(candidate.endpoint.key)):
            if breaker is not None and breaker.gate is not None:
                yield breaker.gate

    def _of(self, endpoint: Endpoint) -> Vitals:
        vitals = self._vitals.get(endpoint.key)
        if vitals is None:
            vitals = self._vitals[endpoint.key] = Vitals()
            self._endpoints[endpoint.key] = _Breaker()
        return vitals

    def _penalise(
        self, candidate: Candidate, vitals: Vitals, outcome: Outcome, failure: Failure, now: float
    ) -> Sequence[Alert]:
        usual = POLICIES[failure.kind].penalise
        scope = failure.scope or usual
        if scope in {"none", "pool"} or failure.kind == "credential_invalid":
            return ()
        if scope in {"endpoint", "origin"} or usual == "endpoint":
            vitals.bad(now)
        endpoint, account = candidate.endpoint, candidate.account
        if scope == "endpoint":
            breaker = self._endpoints[endpoint.key]
            if not breaker.bad(failure, outcome.started, now, self._random):
                return ()
            message = f"{endpoint.model} at {endpoint.provider_name} is out: {breaker.why}"
            return (Alert("endpoint_out", endpoint.key, message),)
        if scope == "origin":
            breaker = self._origins.setdefault(_origin(candidate), _Breaker())
            if not breaker.bad(failure, outcome.started, now, self._random):
                return ()
            return (Alert("origin_out", _origin(candidate), f"{_origin(candidate)} can't be reached: {breaker.why}"),)
        if scope == "candidate":
            _shut(self._candidates, candidate.key, failure, outcome.started, now)
            return ()
        if failure.kind == "rate_limited" or not _shut(self._accounts, account.key, failure, outcome.started, now):
            return ()
        event = "credential_exhausted" if failure.kind == "quota_exhausted" else "credential_refused"
        return (Alert(event, account.label, f"{account.label} can't be used: {failure.message}"),)

    def _served(self, candidate: Candidate, started: float, now: float) -> None:
        """What was shut before an attempt began that served is open."""
        for gates, key in ((self._accounts, candidate.account.key), (self._candidates, candidate.key)):
            gate = gates.get(key)
            if gate is not None and started > gate.since:
                del gates[key]
        origin = self._origins.get(_origin(candidate))
        if origin is not None:
            origin.good(started, now)

    def _sweep(self, now: float) -> None:
        """Forget what is healthy and idle, and what nobody asked for during a day: it is not configured any more."""
        self._sweep_at = now + _SWEEP
        for key, vitals in list(self._vitals.items()):
            breaker = self._endpoints[key]
            quiet = breaker.gate is None and breaker.run == 0
            if vitals.in_flight == 0 and now - vitals.seen > (_IDLE if quiet else _FORGOTTEN):
                del self._vitals[key], self._endpoints[key]
        for key, origin in list(self._origins.items()):
            if origin.run == 0 and (origin.gate is None or now - origin.gate.until > _FORGOTTEN):
                del self._origins[key]
        for gates in (self._accounts, self._candidates):
            for key, gate in list(gates.items()):
                if now - gate.until > _FORGOTTEN:
                    del gates[key]


def _origin(candidate: Candidate) -> str:
    return candidate.account.origin or candidate.endpoint.provider


def _shut(gates: dict[str, _Gate], key: str, failure: Failure, started: float, now: float) -> bool:
    """Shut an account or a candidate. Whether that is news: attempts that began before it was shut say nothing new."""
    pauses = PAUSES.get(failure.kind, _OTHER_PAUSES)
    gate = gates.get(key)
    if gate is None:
        gates[key] = _Gate(failure.kind, failure.message, now, now + pauses[0], breaker=False)
        return True
    if gate.claimed and started > gate.since:
        pause = pauses[min(gate.times, len(pauses) - 1)]
        until = max(gate.until, now + pause)
        gates[key] = _Gate(failure.kind, failure.message, now, until, breaker=False, times=gate.times + 1)
    return False
