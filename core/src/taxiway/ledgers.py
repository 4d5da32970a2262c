"""Ledgers: how much of one limit is left, at any moment; and what reservations take from those of a pool.

A configured limit is counted by us, a stated one by its provider; where neither is there, refusals teach one.
"""

import math
from collections import deque
from itertools import pairwise
from operator import add, sub
from typing import Final, Literal, TypeAlias

from attrs import Factory, define

from taxiway.candidate import Charge, Unit
from taxiway.usage import Usage
from taxiway.windows import ROUNDING, Window

UNITS: Final[tuple[Unit, ...]] = ("requests", "tokens", "input-tokens", "output-tokens")
"""What calls are counted in; `unit` of a ledger is a place in it. What providers state in others is not used."""
MINUTE: Final = 60.0
"""Seconds: where a provider says nothing of its window, since nearly all count by the minute."""
_PARTS: Final = 120
"""Into how many parts a configured window is cut: memory per limit, and by how much too careful we are."""
_FINE: Final = 480
"""The same of a learnt one: what it is too careful, keys that are used to the full lose."""
_GRAIN: Final = MINUTE / _FINE
_STEP: Final = 0.05
"""By which share of it a learnt limit grows each minute after a clean one."""
_NEAR: Final = 0.9
"""Who was refused at this share of a learnt limit met that limit."""
_LIKE: Final = 0.3
"""A refusal within this share of the level of the last one confirms it; any other says that it is another limit, or another window."""
_FALL: Final = 0.7
_LEAST_HOLD: Final = 4.0
_LONGEST_HOLD: Final = 2 * MINUTE
_DECLINES: Final = 6
_FIXES: Final = 256
"""More corrections than that within one attempt are forgotten."""
_AT_ONCE: Final = 0.1
_PACE: Final = 2.0
"""After a window that was used up, this share of the next one goes at once, the rest at that many times the even rate."""
_MOVED: Final = 3.0
"""By how many seconds a window's end may seem to move, though it doesn't."""

Source: TypeAlias = Literal["configured", "stated", "learnt"]
"""Who says what a limit is: its owner, its provider, or refusals."""

Amounts: TypeAlias = tuple[int, ...]
"""In the order of `UNITS`."""
_NOTHING: Final[Amounts] = (0, 0, 0, 0)


class Sliding:
    """A limit that we count: never more than `limit` in any `window` seconds, whatever window the provider has."""

    __slots__ = ("limit", "unit", "used", "window")
    firm = True
    source: Source = "configured"

    def __init__(self, unit: int, limit: float, window: float, parts: int = _PARTS) -> None:
        self.unit, self.limit, self.window, self.used = unit, limit, window, Window(window, parts)

    def count(self, amount: int, by: "Reservation", now: float) -> None:
        """Count what is used now; take what was not used (below 0) off where it was counted."""
        if amount > 0:
            self.used.add(amount, now)
        else:
            self.used.correct(amount, by.at)

    def room(self, now: float) -> float:
        """Return what is left."""
        return self.limit - self.used.total(now)

    def frees(self, need: float, now: float) -> float:
        """Return when `need` will be left."""
        return self.used.falls(self.limit - need, now)


class Guess(Sliding):
    """A limit that its provider never says: what had gone through in the last minute when a call was refused.

    It only puts its pool last. Where a further refusal confirms it, it also shuts its pool, for twice the time that went by since
    the last one (`hold` seconds): then one call tries more. A try that succeeds raises it, and so does time, slowly.
    """

    __slots__ = ("_base", "_declines", "_level", "firm", "hold", "met", "tried")
    source: Source = "learnt"

    def __init__(self, unit: int, used: Window) -> None:
        self.unit, self.window, self.limit, self.used = unit, MINUTE, math.inf, used
        self.firm, self.hold, self._level, self._declines = False, 0.0, 0.0, 0
        self._base, self.met, self.tried = math.inf, -math.inf, -math.inf

    @property
    def due(self) -> float:
        """When it may be tried whether more goes through."""
        return max(self.met, self.tried) + self.hold

    def room(self, now: float) -> float:
        """Return what is left; below 0 where more was taken."""
        clean = now - self.met - MINUTE - self.hold
        self.limit = self._base * (1.0 + _STEP * clean / MINUTE) if clean > 0 else self._base
        self.firm = now < self.due and self.hold > 0
        return self.limit - self.used.total(now)

    def frees(self, need: float, now: float) -> float:
        """Return when `need` will be left, or when more may be tried."""
        falls = self.used.falls(self.limit - need, now)
        return min(falls, self.due) if self.firm else falls

    def passed(self, amount: int) -> None:
        """That much beyond it went through."""
        self._base, self.hold = max(self._base, self.limit) + amount, 0.0

    def refused(self, now: float, *, again: bool) -> None:
        """A call was refused. `again`: with others that went out before anybody knew."""
        used = self.used.total(now)
        if used < 1:
            # Who was refused at once met no limit of a minute.
            return
        if again or self._base == math.inf:
            self._base = min(self._base, used)
        else:
            # Refused again and again where room was thought to be: others draw from it, or what it had saved up is gone.
            early = used < self._base and now - self.met < MINUTE
            self._declines = min(self._declines + 1, _DECLINES) if early else 0
            near = abs(used - self._level) <= _LIKE * self._level
            self._base = used * (1.0 - _STEP * self._declines) if near else max(used, _FALL * self._base)
            self.hold = min(max(_LEAST_HOLD, 2.0 * (now - self.met)), _LONGEST_HOLD) if near else 0.0
        if not again:
            self._level = used
        self.met, self.limit = now, self._base

    def meets(self, now: float) -> bool:
        """Whether a refusal at this moment may well be this limit's."""
        return self._base == math.inf or self.used.total(now) >= _NEAR * self._base


@define(eq=False)
class Stated:
    """A limit that its provider counts and states: a bucket that refills steadily, or a window that begins anew at `reset`.

    `number` is that of the reservation whose reply stated it: `level` is what was left then, less what was reserved later.
    `limit` is infinite where it is not known, `refill` (a second) 0 for a window. `firm`: it shuts its pool; else it only comes
    last: where nobody is `sure` of it, and for a while where the window before was used up and this one `began`. `end` is that of
    a window as it was first stated: where it moves before it has come, the window `rolls`: what was used is free again a window
    later, each by itself. `used` counts that, where the window is a minute.
    """

    unit: int
    window: float
    firm: bool = True
    limit: float = math.inf
    number: int = -1
    level: float = math.inf
    at: float = 0.0
    reset: float = math.inf
    refill: float = 0.0
    end: float = -math.inf
    began: float = -math.inf
    sure: bool = True
    rolls: bool = False
    used: Window | None = None
    source: Source = "stated"

    def state(self, level: float, limit: float | None, refill: float, at: float, reset: float, now: float) -> None:
        """Take in what the provider states: what is left, out of how much, and when it is full again."""
        if limit is not None:
            self.limit = limit
        if now >= self.end:
            self.end = reset
        self.rolls = self.rolls or (self.used is not None and not refill and reset > self.end + _MOVED)
        self.level, self.at, self.refill, self.reset = level, at, refill, reset
        if self.used is not None and self.rolls:
            # What fell out of the window since then is about what its limit lets in.
            self.level = min(level + self.used.total(now) + self.limit * (now - at) / self.window, self.limit)

    def count(self, amount: int, by: "Reservation", now: float) -> None:
        """Count what a reservation takes or gives back, if that is not in the provider's own figure."""
        if self.used is not None and not self.refill:
            if amount > 0:
                self.used.add(amount, now)
            else:
                self.used.correct(amount, by.at)
            if self.rolls:
                return
        if self.refill:
            self.level, self.at = self.room(now), now
        elif now >= self.reset:
            if self.level < 1 and self.limit < math.inf:
                self.began = now
            self.level, self.reset, self.number = self.limit, now + self.window, by.pool.count
        if by.number > self.number:
            self.level -= amount

    def room(self, now: float) -> float:
        """Return what is left."""
        if self.used is not None and self.rolls:
            return self._most(now) - self.used.total(now)
        if self.refill:
            return min(self.limit, self.level + self.refill * (now - self.at))
        left = self.level if now < self.reset else self.limit
        if now >= self.began + self.window:
            return left
        held = max(
            0.0, self.limit - max(1.0, _AT_ONCE * self.limit) - _PACE * self.limit / self.window * (now - self.began)
        )
        # What is held back for a moment is there.
        self.firm = self.sure and left < 1
        return left - held

    def frees(self, need: float, now: float) -> float:
        """Return when `need` will be left."""
        missing = need - self.room(now)
        if missing <= 0:
            return now
        if self.used is not None and self.rolls and self._most(now) >= need:
            falls = self.used.falls(self._most(now) - need, now)
            return falls if now >= self.reset else min(falls, self.reset)
        if self.refill:
            return now + missing / self.refill + ROUNDING
        if not self.firm and now < self.began + self.window:
            return now + missing * self.window / (_PACE * self.limit)
        return max(now, self.reset)

    def _most(self, now: float) -> float:
        """Of a rolling window: what we may have used in it, with what others use."""
        return min(self.limit, self.level) if now < self.reset else self.limit


@define(eq=False)
class Pool:
    """What is known of one quota pool.

    `group` are those that it may be one with, `labels` its accounts' names, by their keys. `limits` are the whole account's,
    `known` what its provider states, `guesses` by unit.

    `ledgers` are all of these. `taken` is all that its `count` reservations ever took, corrected; `marks` say how much that was
    at moments of the last minute, before what was taken then; `fixes` are the latest corrections: at which count, of which
    reservation. It is `shut` until then, by reservation `shut_by`. `turn` grows with each use of any pool: the least was
    longest unused. `lag`: the shortest time that a reply's head ever took.
    """

    name: str
    group: str
    limits: list[Sliding]
    labels: dict[str, str] = Factory(dict)
    known: dict[tuple[int, float], Stated] = Factory(dict)
    guesses: dict[int, Guess] = Factory(dict)
    ledgers: "tuple[Sliding | Stated, ...]" = ()
    taken: Amounts = _NOTHING
    marks: deque[tuple[float, Amounts]] = Factory(lambda: deque([(-math.inf, _NOTHING)], _FINE))
    fixes: deque[tuple[int, int, Amounts]] = Factory(lambda: deque(maxlen=_FIXES))
    count: int = 0
    seen: float = -math.inf
    shut: float = -math.inf
    shut_by: int = -1
    pauses: int = 0
    turn: int = 0
    lag: float = math.inf

    def __attrs_post_init__(self) -> None:
        self._arrange()

    def stated(self, unit: int, window: float, now: float) -> Stated:
        """Return the ledger of a limit that its provider states: of what it states by the minute, there is no guess."""
        ledger = self.known.get((unit, window))
        if ledger is None:
            guess = self.guesses.pop(unit, None) if window <= MINUTE else None
            ledger = self.known[unit, window] = Stated(unit, window)
            if window == MINUTE:
                ledger.used = self._recent(unit, now) if guess is None else guess.used
            self._arrange()
        return ledger

    def taken_later(self, by: "Reservation") -> Amounts:
        """Return what was taken after a reservation; what earlier ones took less or more than they had thought is not of it."""
        later = [now - then - own for now, then, own in zip(self.taken, by.before, by.amounts, strict=True)]
        for count, number, changes in reversed(self.fixes):
            if count < by.number:
                break
            if number < by.number:
                later = list(map(sub, later, changes))
        return tuple(later)

    def is_like(self, stated: Stated) -> bool:
        """Whether the same limit is stated of it as of another pool."""
        own = self.known.get((stated.unit, stated.window))
        return own is not None and own.limit == stated.limit

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
            self.guesses[unit] = Guess(unit, self._recent(unit, now))
        guesses = self.guesses.values()
        for guess in [guess for guess in guesses if guess.meets(now)] or guesses:
            guess.refused(now, again=again)
        self._arrange()

    def _recent(self, unit: int, now: float) -> Window:
        """Count what was taken in the last minute."""
        used = Window(MINUTE, _FINE)
        for (at, before), (_, after) in pairwise((*self.marks, (now, self.taken))):
            used.add(after[unit] - before[unit], max(at, now - MINUTE - 1.0))
        return used

    def _arrange(self) -> None:
        self.ledgers = (*self.limits, *self.known.values(), *self.guesses.values())


class Reservation:
    """What was taken from a candidate's pool and limits for one attempt. Settle it or release it, once.

    `amounts` is what it took, corrected; `before` what the pool's reservations had taken when it began. `_beyond` are learnt limits
    that it goes beyond.
    """

    __slots__ = ("_beyond", "_charges", "_open", "amounts", "at", "before", "number", "pool")

    def __init__(self, pool: Pool, amounts: Amounts, charges: Charge, now: float) -> None:
        self.pool, self.amounts, self._charges, self._open = pool, amounts, charges, True
        pool.seen, self.at, self.number = now, now, pool.count + 1
        self.before = requests, tokens, into, out = pool.taken
        marks = pool.marks
        if now - marks[-1][0] >= _GRAIN:
            marks.append((now, pool.taken))
            while marks[1][0] < now - MINUTE:
                marks.popleft()
        pool.taken = (requests + amounts[0], tokens + amounts[1], into + amounts[2], out + amounts[3])
        for ledger in pool.ledgers:
            ledger.count(amounts[ledger.unit], self, now)
        pool.count = self.number
        self._beyond: list[Guess] | tuple[()] = ()
        if pool.guesses:
            self._beyond = [guess for guess in pool.guesses.values() if guess.room(now) < 0]
            for guess in self._beyond:
                guess.tried = now

    def settle(self, usage: Usage | None, now: float) -> None:
        """The attempt was sent: what it took is corrected to what the provider counts. `usage` None: it is not known."""
        pool = self.pool
        if usage is not None and self._open:
            if self.number > pool.shut_by:
                pool.pauses = 0
            for guess in self._beyond:
                guess.passed(self.amounts[guess.unit])
            if self._charges != "admission" and pool.ledgers:
                prompt, completion = usage.prompt, usage.completion
                self._correct((1, prompt + completion, prompt, completion), now)
        self._open = False

    def release(self, now: float) -> None:
        """Nothing was used: give everything back."""
        if self._open:
            self._correct(_NOTHING, now)
        self._open = False

    def _correct(self, used: Amounts, now: float) -> None:
        pool, changes = self.pool, tuple(map(sub, used, self.amounts))
        pool.taken, self.amounts = tuple(map(add, pool.taken, changes)), used
        pool.fixes.append((pool.count, self.number, changes))
        for ledger in pool.ledgers:
            ledger.count(changes[ledger.unit], self, now)
