"""Pools: what is known of each quota pool, and what reservations take from it."""

import math
from collections import deque
from itertools import pairwise
from operator import add, sub
from typing import Final, TypeAlias

from attrs import Factory, define

from taxiway.candidate import Charge
from taxiway.gates import Block
from taxiway.ledgers import UNITS, Guess, Sliding, Stated
from taxiway.usage import Usage
from taxiway.windows import MINUTE, Window

_FINE: Final = 480
"""Into how many parts a learnt limit's minute is cut: what it is too careful, keys that are used to the full lose."""
_GRAIN: Final = MINUTE / _FINE
_FIXES: Final = 256
"""More corrections than that within one attempt are forgotten."""

Amounts: TypeAlias = tuple[int, ...]
"""In the order of `UNITS`."""
_NOTHING: Final[Amounts] = (0, 0, 0, 0)


@define(eq=False)
class Pool:
    """What is known of one quota pool.

    `group` are those that it may be one with, `labels` its accounts' names, by their keys. `limits` are the whole account's,
    `known` what its provider states, `guesses` by unit.

    `ledgers` are all of these. `latest` is the number of its last reservation; they grow over all pools, so that the least was
    longest unused. `taken` is all that they ever took, corrected; `marks` say how much that was at moments of the last minute,
    before what was taken then, and `due` when the next one is; `fixes` are the latest corrections: after which reservation, of
    which. It is `shut` until then, by reservation `shut_by`. Until `fresh`, and until more is taken or stated, its room is its `share`
    for all calls of at most so many tokens. `lag`: the shortest time that a reply's head ever took.
    """

    name: str
    group: str
    limits: list[Sliding]
    labels: dict[str, str] = Factory(dict)
    known: dict[tuple[int, float], Stated] = Factory(dict)
    guesses: dict[int, Guess] = Factory(dict)
    ledgers: tuple[Sliding | Stated, ...] = Factory(lambda self: tuple(self.limits), takes_self=True)
    taken: Amounts = _NOTHING
    marks: deque[tuple[float, Amounts]] = Factory(lambda: deque([(-math.inf, _NOTHING)], _FINE))
    due: float = -math.inf
    fixes: deque[tuple[int, int, Amounts]] = Factory(lambda: deque(maxlen=_FIXES))
    latest: int = 0
    shut: float = -math.inf
    shut_by: int = -1
    pauses: int = 0
    share: float = 1.0
    most: float = 0.0
    fresh: float = -math.inf
    lag: float = math.inf

    def arrange(self) -> None:
        """Gather what counts: some of it is new."""
        self.ledgers, self.fresh = (*self.limits, *self.known.values(), *self.guesses.values()), -math.inf

    def room(self, amounts: Amounts, now: float) -> float | Block:
        """Return the free share of its tightest limit, 0 to 1 (1 where none is known).

        A block where it or its limits can't take that much now; a soft one, where nobody is sure of the limit.
        """
        if now < self.shut:
            return Block("rate limited by the provider", "rate_limited", self.shut)
        if now < self.fresh and amounts[1] <= self.most:
            return self.share
        share, full, until, soft, fresh, most = 1.0, "", now, True, math.inf, math.inf
        for ledger in self.ledgers:
            left = ledger.level if now < ledger.steady else ledger.room(now)
            fresh = min(fresh, ledger.steady)
            if left < most and ledger.unit:
                most = left
            limit, need = ledger.limit, amounts[ledger.unit]
            # A call larger than the limit itself is for the provider to refuse.
            if left < need and left < limit:
                full, soft = full or f"its {_said(ledger, left)} left", soft and not ledger.firm
                until = max(until, ledger.frees(min(need, limit), now))
            elif left < share * limit < math.inf:
                share = left / limit
        if full:
            return Block(full, "rate_limited", until, soft=soft)
        self.share, self.most, self.fresh = max(0.0, share), most, fresh
        return self.share

    def stated(self, unit: int, window: float) -> Stated:
        """Make the ledger of a limit that its provider states: of what it states by the minute, there is no guess."""
        if window <= MINUTE:
            self.guesses.pop(unit, None)
        ledger = self.known[unit, window] = Stated(unit, window)
        self.arrange()
        return ledger

    def taken_later(self, by: "Reservation", unit: int) -> int:
        """Return what was taken after a reservation; what earlier ones took less or more than they had thought is not of it."""
        if self.latest == by.number:
            return 0
        later = self.taken[unit] - by.before[unit] - by.amounts[unit]
        for latest, number, changes in reversed(self.fixes):
            if latest < by.number:
                break
            if number < by.number:
                later -= changes[unit]
        return max(0, later)

    def requests_by(self, at: float) -> int:
        """Return how many requests had been taken by a moment of the last minute, to the grain of `marks`."""
        requests = self.taken[0]
        for since, before in reversed(self.marks):
            if since <= at:
                break
            requests = before[0]
        return requests

    def refused(self, amounts: Amounts, now: float, *, again: bool) -> None:
        """Learn from a refusal that said no reason and no time, or a short one."""
        if any(ledger.room(now) < amounts[ledger.unit] for ledger in self.known.values()):
            return
        said = {unit for unit, window in self.known if window <= MINUTE}
        for unit in {0, 1} - said - self.guesses.keys():
            self.guesses[unit] = Guess(unit, self.recent(unit, now))
        guesses = self.guesses.values()
        for guess in [guess for guess in guesses if guess.meets(now)] or guesses:
            guess.refused(now, again=again)
        self.arrange()

    def recent(self, unit: int, now: float) -> Window:
        """Count what was taken in the last minute."""
        used = Window(MINUTE, _FINE)
        for (at, before), (_, after) in pairwise((*self.marks, (now, self.taken))):
            used.add(after[unit] - before[unit], max(at, now - MINUTE - 1.0))
        return used


class Reservation:
    """What was taken from a candidate's pool and limits for one attempt. Settle it or release it, once.

    `amounts` is what it took, corrected; `before` what the pool's reservations had taken when it began. `_beyond` are learnt limits
    that it goes beyond, `_open` says when its provider counts, until it is settled. Where a pool has no limits yet it is counted all
    the same: a reply may state one.
    """

    __slots__ = ("_beyond", "_open", "amounts", "at", "before", "number", "pool")

    def __init__(self, pool: Pool, number: int, amounts: Amounts, charges: Charge | None, now: float) -> None:
        self.pool, self.number, self.at = pool, number, now
        self.amounts, self._open = amounts, charges
        self._beyond: list[Guess] | tuple[()] = ()
        if now >= pool.due:
            pool.marks.append((now, pool.taken))
            pool.due = now + _GRAIN
        self.before = requests, tokens, into, out = pool.taken
        one, all_, more_in, more_out = amounts
        pool.taken = (requests + one, tokens + all_, into + more_in, out + more_out)
        if pool.ledgers:
            pool.fresh = -math.inf
            for ledger in pool.ledgers:
                ledger.count(amounts[ledger.unit], self, now)
            self._beyond = [guess for guess in pool.guesses.values() if guess.room(now) < 0]
            for guess in self._beyond:
                guess.tried = now
        pool.latest = number

    def settle(self, usage: Usage | None, now: float) -> None:
        """The attempt was sent: what it took is corrected to what the provider counts. `usage` None: it is not known."""
        pool, charges, self._open = self.pool, self._open, None
        if usage is not None and charges is not None:
            if self.number > pool.shut_by:
                pool.pauses = 0
            for guess in self._beyond:
                guess.passed(self.amounts[guess.unit])
            if charges != "admission" and pool.ledgers:
                prompt, completion = usage.prompt, usage.completion
                self._correct((1, prompt + completion, prompt, completion), now)

    def release(self, now: float) -> None:
        """Nothing was used: give everything back."""
        if self._open is not None:
            self._correct(_NOTHING, now)
        self._open = None

    def _correct(self, used: Amounts, now: float) -> None:
        pool, changes = self.pool, tuple(map(sub, used, self.amounts))
        pool.taken, self.amounts = tuple(map(add, pool.taken, changes)), used
        pool.fixes.append((pool.latest, self.number, changes))
        pool.fresh = -math.inf
        for ledger in pool.ledgers:
            ledger.count(changes[ledger.unit], self, now)


def _said(ledger: Sliding | Stated, left: float) -> str:
    kind = "learnt limit" if ledger.source == "learnt" else "limit"
    of = "" if ledger.limit == math.inf else f" of {ledger.limit:,.0f}"
    return f"{kind} has {max(0.0, left):,.0f}{of} {UNITS[ledger.unit]}"
