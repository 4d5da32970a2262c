"""What was learnt of endpoints, accounts and candidates: windows, breakers, and what is shut until when.

Nothing here waits or does IO. Every `now` is in seconds of the monotonic clock. What is idle is forgotten, so memory
is bounded by what was used in the last day, and a lookup that finds nothing means healthy.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Final

from attrs import frozen

from taxiway.call import Facts
from taxiway.candidate import Account, Candidate, Endpoint, Subject
from taxiway.failures import POLICIES
from taxiway.gates import BREAKER_PAUSES, CALM, OTHER_PAUSES, PAUSES, SPREAD, Block, Breaker, Gate
from taxiway.history import DURATION, HEAD, LATENCY, Figures, bucket
from taxiway.outcome import Failure, Kind, Outcome
from taxiway.sticky import Sticky
from taxiway.view import ENOUGH, View
from taxiway.vitals import Vitals
from taxiway.windows import MINUTE

if TYPE_CHECKING:
    from taxiway.quota import Quotas

_VERIFYING: Final = 30.0
"""How long a suspect account waits for its probe's verdict, before a live call gives one."""
_USUAL: Final = 5.0
"""Seconds that an attempt is reckoned with where too few have ended."""
_PATIENCE: Final = 5.0
"""A live call that is silent for longer, or for twice what is usual there, keeps no other from trying (seconds)."""
_CROWD: Final = 3
"""So many streamed attempts that wait in vain are evidence."""
_SILENCE: Final = 5.0
"""Waiting for the head of a stream is in vain after 3 times the endpoint's p95 of it, and never sooner than this (seconds)."""
_SILENCE_UNKNOWN: Final = 30.0
"""The same where fewer than `_HEADS` heads have come."""
_HEADS: Final = 20
"""So many must have come before their quantile says when waiting is in vain."""
_LEARNT: Final = (4.0, 5.0)
"""A first token is given up after so many times its p95, and never sooner than after so many seconds."""
_LEARNT_REASONING: Final = (8.0, 20.0)
"""The same of models that may think first."""
_MASS, _MASS_WITHIN = 3, 60.0
"""So many accounts that are refused within so many seconds, none served meanwhile: it is the provider, and not its keys."""
_QUIET: Final = MINUTE
"""After so long without a live call an open breaker is probed."""
_SWEEP: Final = MINUTE
"""How often what is idle is looked for."""
_FORGOTTEN: Final = 24 * 60 * MINUTE
"""How long what nobody asked for is kept."""


@frozen
class Alert:
    """Something that its owner should know, said once an event (`credential_disabled`, `credential_exhausted`, `endpoint_out`)."""

    event: str
    subject: str
    message: str


def _out(candidate: Candidate, reason: str) -> Alert:
    endpoint = candidate.endpoint
    return Alert("endpoint_out", endpoint.key, f"{endpoint.model} at {endpoint.provider_name} is out: {reason}")


_NEVER: Final = Gate(("", ""), kind="credential_invalid")
"""What stands for the gate of an account whose key was not refused."""


class Health:
    """What was learnt from outcomes. `random` spreads the pauses of breakers; `sticky`: where conversations were served.

    `gates` are those that are shut, `crowded` the endpoints where several streams wait: where there are none, nothing is in the way.
    `vitals` by the keys of endpoints, `unwell`: the keys of those that may have an outage; `turns`: how many plans took one of a key.
    """

    def __init__(self, random: Random) -> None:
        self.sticky = Sticky()
        self._random = random
        self.vitals, self._origins = defaultdict[str, Vitals](Vitals), defaultdict[str, Vitals](Vitals)
        self.gates: dict[Subject, Gate] = {}
        self.crowded: dict[str, Vitals] = {}
        self._refusals: dict[str, dict[str, float]] = {}
        self._alerts: list[Alert] = []
        self.turns = Counter[str]()
        self.unwell: set[str] = set()
        self._sweep_at = 0.0

    def view(
        self, now: float, quotas: "Quotas | None" = None, facts: Facts | None = None, *, peek: bool = False
    ) -> View:
        """Return what strategies may read, at this moment, for a call of these facts. `peek`: without taking a turn."""
        return View(self, now, quotas, facts, peek)

    def figures(self, endpoint: Endpoint, now: float, seconds: float) -> Figures | None:
        """Return what is known of the last 300, 1,800 or 86,400 seconds of an endpoint."""
        vitals = self.vitals.get(endpoint.key)
        return None if vitals is None else vitals.history.since(now, seconds)

    def record(self, endpoint: Endpoint, figures: Mapping[str, float], now: float) -> None:
        """Keep what a strategy says of an attempt there. Raises ValueError for what can't be kept."""
        self.vitals[endpoint.key].record(figures, now)

    def usual(self, endpoint: Endpoint, now: float) -> float:
        """Return the seconds that an attempt there usually takes: who waits less can't say that it failed."""
        return self.vitals[endpoint.key].history.figures(now).quantile(DURATION, 0.5, ENOUGH) or _USUAL

    def patience(self, endpoint: Endpoint, now: float) -> float | None:
        """Return the seconds after which a first token is hardly to be hoped for; None where too little is known."""
        usual = self.vitals[endpoint.key].history.figures(now).quantile(LATENCY, 0.95, _HEADS)
        times, least = _LEARNT_REASONING if endpoint.reasoning else _LEARNT
        return None if usual is None else max(least, times * usual)

    def waited(self, endpoint: Endpoint, seconds: float, now: float) -> None:
        """Nobody waited any longer for a first token there: it would have taken more than that."""
        self.vitals[endpoint.key].history.present(now)[bucket(LATENCY, seconds)] += 1

    def block(self, candidate: Candidate, now: float) -> Block | None:
        """Return why the candidate can't be used now, None if it can. Breakers come last: what they say alone is `breaker`."""
        if self.crowded and (vitals := self.crowded.get(candidate.endpoint.key)) and now - vitals.heard > _SILENCE:
            self._listen(candidate, vitals, now)
        if self.gates:
            for gate in self._gates_of(candidate):
                if found := gate.block(now):
                    return found
        return None

    def opened(self, candidate: Candidate, now: float) -> None:
        """An attempt begins; where something is due for a live call, this is it. `now` is the outcome's `started`."""
        vitals = self.vitals[candidate.endpoint.key]
        vitals.in_flight, vitals.seen = vitals.in_flight + 1, now
        if self.gates:
            for gate in self._gates_of(candidate):
                gate.enter(now)

    def waits(self, endpoint: Endpoint, who: object, now: float) -> None:
        """A streamed attempt was sent; `heard` or `left` is told when that is over. `who` is any object of its own."""
        vitals = self.vitals[endpoint.key]
        vitals.waiting[who] = now
        if len(vitals.waiting) >= _CROWD:
            self.crowded[endpoint.key] = vitals

    def heard(self, endpoint: Endpoint, who: object, now: float) -> None:
        """The head of its reply came: whatever it says, somebody is there."""
        vitals = self.vitals[endpoint.key]
        vitals.heard = now
        since = self.left(endpoint, who)
        if since is not None:
            vitals.history.present(now)[bucket(HEAD, now - since)] += 1
        if vitals.gate is not None and vitals.gate.silent and not vitals.gate.over:
            self._open(vitals.gate, now)

    def left(self, endpoint: Endpoint, who: object) -> float | None:
        """It waits no more. Returns since when it did, None where that was known."""
        waiting = self.vitals[endpoint.key].waiting
        since = waiting.pop(who, None)
        if self.crowded and len(waiting) < _CROWD:
            self.crowded.pop(endpoint.key, None)
        return since

    def observe(self, outcome: Outcome, now: float) -> Sequence[Alert]:
        """An attempt ended. What its failure penalises is said by the failure's scope, else by the table.

        A rate limit is for the quotas, an invalid key for `suspect`: neither counts here.
        """
        candidate, failure = outcome.candidate, outcome.failure
        vitals = self.vitals[candidate.endpoint.key]
        vitals.in_flight -= 1
        if now >= self._sweep_at:
            self._sweep(now)
        entered = [gate for gate in self._gates_of(candidate) if outcome.started > gate.since] if self.gates else ()
        for gate in entered:
            gate.leave()
        # A client that left after the first token saw it work.
        if failure is None or (failure.kind == "cancelled" and outcome.first_token is not None):
            vitals.served(outcome, now)
            if self._origins and (origin := self._origins.get(candidate.subjects[2][1])):
                origin.breaker.served.add(now)
            if self._refusals:
                self._refusals.pop(candidate.subjects[2][1], None)
            for gate in entered:
                if gate.good(now):
                    self._open(gate, now)
        else:
            self._penalise(outcome, failure, vitals, now)
        return self.alerts() if self._alerts else ()

    def alerts(self) -> Sequence[Alert]:
        """Return what is news, once."""
        news, self._alerts = self._alerts, []
        return news

    def suspect(self, candidate: Candidate, now: float) -> bool:
        """A provider refused the key of the candidate's account: it waits while somebody verifies it.

        True where that is news: the caller reads the key again and probes, then calls `disable` or `reopen`. False as well where
        the provider refuses one key after the other: then it is the provider's breaker that opens.
        """
        account, subject = candidate.account, candidate.subjects[0]
        if self._refuses(candidate, now):
            return False
        gate = self._refused(account)
        if now < gate.until:
            return False
        why, until = "its key was refused, and is being verified", now + _VERIFYING
        gate = Gate(subject, candidate, None, "credential_invalid", why, now, until, gate.times, verifying=True)
        self.gates[subject] = gate
        return True

    def disable(self, candidate: Candidate, reason: str, now: float) -> Sequence[Alert]:
        """The account's key is bad, verified: it is probed from time to time. `reason` is for people."""
        account, origin = candidate.account, self.gates.get(candidate.subjects[2])
        gate = self._refused(account)
        if (now < gate.until and not gate.verifying) or (origin is not None and origin.refusing):
            return ()
        known = gate.times
        gate = self._shut(candidate.subjects[0], candidate, "credential_invalid", reason, now)
        gate.verifying = False
        if not known:
            self._alerts.append(Alert("credential_disabled", account.label, f"{account.label} is disabled: {reason}"))
        return self.alerts()

    def reopen(self, account: Account) -> None:
        """A probe was good, or the key was replaced."""
        self.gates.pop(("account", account.key), None)

    def due(self, now: float) -> Iterable[tuple[str, Candidate]]:
        """Return what is to be probed now, without a call: refused keys, and breakers that no call tried for a minute.

        Each as the scope of what is shut, with who met it.
        """
        if now >= self._sweep_at:
            self._sweep(now)
        for (scope, _), gate in list(self.gates.items()):
            if gate.candidate is not None and now >= gate.until:
                if gate.breaker is not None and not gate.proved and now - gate.looked >= _QUIET:
                    gate.looked = now
                    yield scope, gate.candidate
                elif gate.kind == "credential_invalid" and scope == "account" and not gate.inside:
                    yield scope, gate.candidate

    @property
    def shut_accounts(self) -> frozenset[str]:
        """The keys of the accounts that are shut."""
        return frozenset(key for scope, key in self.gates if scope == "account")

    def probed(self, candidate: Candidate, good: bool, now: float) -> None:
        """Take in what a probe without a call met: breakers that were good wait for the next call, others are shut once more."""
        for gate in self._gates_of(candidate):
            if gate.breaker is not None and now >= gate.until:
                gate.proved = good
                if not good:
                    gate.until = now + BREAKER_PAUSES[-1] * self._random.uniform(*SPREAD)

    def reloaded(self) -> None:
        """There is a new configuration: what was refused to a candidate is tried anew."""
        self.gates = {subject: gate for subject, gate in self.gates.items() if subject[0] != "candidate"}

    def _breaker(self, scope: str, key: str, now: float) -> Breaker:
        """Return the breaker of an endpoint, or of an origin that failed."""
        vitals = (self._origins if scope == "origin" else self.vitals)[key]
        vitals.seen = now
        return vitals.breaker

    def _gates_of(self, candidate: Candidate) -> Sequence[Gate]:
        gates, subjects = self.gates, candidate.subjects
        return () if gates.keys().isdisjoint(subjects) else [gates[one] for one in subjects if one in gates]

    def _refused(self, account: Account) -> Gate:
        gate = self.gates.get(("account", account.key), _NEVER)
        return gate if gate.kind == "credential_invalid" else _NEVER

    def _refuses(self, candidate: Candidate, now: float) -> bool:
        """Whether the provider refuses key after key, so that none of them is to blame. Then its breaker opens, and all keys with it."""
        subject = candidate.subjects[2]
        gate, before = self.gates.get(subject), self._refusals.get(subject[1], {})
        lately = {key: at for key, at in before.items() if now - at <= _MASS_WITHIN}
        refusals = self._refusals[subject[1]] = {**lately, candidate.account.key: now}
        if gate is not None and gate.refusing:
            if now >= gate.until:
                self._shut(subject, candidate, "unavailable", gate.reason, now)
            return True
        if len(refusals) < _MASS:
            return False
        reason = f"it refused {len(refusals)} keys within a minute, so none of them is to blame"
        self._shut(subject, candidate, "unavailable", reason, now).refusing = True
        for key in refusals:
            if (of_key := self.gates.get(("account", key))) is not None and of_key.kind == "credential_invalid":
                del self.gates["account", key]
        self._alerts.append(Alert("origin_out", subject[1], f"{candidate.endpoint.provider_name}: {reason}"))
        return True

    def _listen(self, candidate: Candidate, vitals: Vitals, now: float) -> None:
        """Open the breaker of an endpoint where streams wait in vain: their timeouts come too late, and say the same."""
        subject = candidate.subjects[3]
        usual = vitals.history.figures(now).quantile(HEAD, 0.95, _HEADS)
        limit = _SILENCE_UNKNOWN if usual is None else max(_SILENCE, 3 * usual)
        third = next(islice(vitals.waiting.values(), _CROWD - 1, None))
        if subject in self.gates or now - max(third, vitals.heard) <= limit:
            return
        reason = f"{len(vitals.waiting)} streams wait, and nothing was heard for {limit:.0f} s"
        self._shut(subject, candidate, "timeout", reason, now).silent = True
        self._alerts.append(_out(candidate, reason))

    def _penalise(self, outcome: Outcome, failure: Failure, vitals: Vitals, now: float) -> None:
        candidate, kind, reason = outcome.candidate, failure.kind, failure.message
        if kind == "rate_limited":
            vitals.limited(now)
        usual = POLICIES[kind].penalise
        scope = failure.scope or usual
        if scope in {"none", "pool"} or kind == "credential_invalid" or (scope, kind) == ("account", "rate_limited"):
            return
        if scope == "origin" or "endpoint" in {scope, usual}:
            vitals.failed(now)
            self.unwell.add(candidate.endpoint.key)
        key = dict(candidate.subjects)[scope]
        gate = self.gates.get((scope, key))
        if gate is not None and outcome.started < gate.until:
            # Attempts that began before it was due for a live call say nothing new.
            if gate.breaker is not None:
                vitals.gate, vitals.well = gate, False
            return
        if scope in {"endpoint", "origin"}:
            why = "its probe failed" if gate is not None else self._breaker(scope, key, now).bad(now)
            if why is None:
                return
            reason = f"{why} ({kind}: {reason})"
        known = self._shut((scope, key), candidate, kind, reason, now).times > 1
        label = candidate.account.label
        event = "credential_exhausted" if kind == "quota_exhausted" else "credential_refused"
        alerts = {
            "account": Alert(event, label, f"{label} can't be used: {reason}"),
            "origin": Alert("origin_out", key, f"{key} can't be reached: {reason}"),
            "endpoint": _out(candidate, reason),
        }
        if not known and scope in alerts:
            self._alerts.append(alerts[scope])

    def _shut(self, subject: Subject, candidate: Candidate, kind: Kind, reason: str, now: float) -> Gate:
        """Shut a subject; what is shut again so soon has a longer pause. Returns its gate."""
        scope, key = subject
        gate = self.gates.get(subject)
        if gate is None:
            gate = self.gates[subject] = Gate(subject, candidate)
            if scope in {"endpoint", "origin"}:
                gate.breaker = breaker = self._breaker(scope, key, now)
                gate.times = breaker.times if now - breaker.closed < CALM else 0
                gate.patience = max(_PATIENCE, 2 * self.usual(candidate.endpoint, now))
        gate.candidate = candidate
        pauses = PAUSES.get(kind, OTHER_PAUSES) if gate.breaker is None else BREAKER_PAUSES
        pause = pauses[min(gate.times, len(pauses) - 1)]
        if gate.breaker is not None or kind == "credential_invalid":
            pause = min(pause * self._random.uniform(*SPREAD), pauses[-1])
        gate.shut(kind, reason, now, now + pause)
        if gate.breaker is not None:
            vitals = self.vitals[candidate.endpoint.key]
            vitals.gate, vitals.well = gate, False
            self.unwell.add(candidate.endpoint.key)
        return gate

    def _open(self, gate: Gate, now: float) -> None:
        """Forget a gate: it is open for all."""
        gate.open(now)
        self.gates.pop(gate.subject, None)

    def _sweep(self, now: float) -> None:
        """Forget what nobody asked for during a day: it is not configured any more."""
        self._sweep_at = now + _SWEEP
        self.gates = {subject: gate for subject, gate in self.gates.items() if now - gate.until <= _FORGOTTEN}
        for every in (self.vitals, self._origins):
            for key, vitals in list(every.items()):
                if vitals.in_flight == 0 and now - vitals.seen > _FORGOTTEN:
                    del every[key]
                else:
                    vitals.history.forget(now)
        self.unwell.intersection_update(self.vitals)  # in place, since views read it
