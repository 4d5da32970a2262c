"""Ledgers: how much of one limit is left, at any moment.

A configured limit is counted by us, a stated one by its provider; where neither is there, refusals teach one.
"""

import math
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from attrs import define

from taxiway.candidate import Unit
from taxiway.outcome import QuotaHint
from taxiway.windows import MINUTE, ROUNDING, Window

if TYPE_CHECKING:
    from taxiway.pools import Pool, Reservation

UNITS: Final[tuple[Unit, ...]] = ("requests", "tokens", "input-tokens", "output-tokens")
"""What calls are counted in; `unit` of a ledger is a place in it. What providers state in others is not used."""
_PARTS: Final = 120
"""Into how many parts a configured window is cut: memory per limit, and by how much too careful we are."""
_STEP: Final = 0.05
"""By which share of it a learnt limit grows each minute after a clean one."""
_NEAR: Final = 0.9
"""Who was refused at this share of a learnt limit met that limit."""
_LIKE: Final = 0.3
"""A refusal within this share of the level of the last one confirms it; any other says that it is another limit, or another window."""
_FALL: Final = 0.7
"""A refusal that is not like the last one leaves a learnt limit this share of it at the least."""
_LEAST_HOLD: Final = 4.0
_LONGEST_HOLD: Final = 2 * MINUTE
"""Seconds: for how long, at the least and at the most, a confirmed limit shuts its pool."""
_DECLINES: Final = 6
"""So many refusals in a row, where room was thought to be, lower a learnt limit by a `_STEP` each."""
_AT_ONCE: Final = 0.1
_PACE: Final = 2.0
"""After a window that was used up, this share of the next one goes at once, the rest at that many times the even rate."""
_MOVED: Final = 3.0
"""By how many seconds a window's end may seem to move, though it doesn't."""

Source: TypeAlias = Literal["configured", "stated", "learnt"]
"""Who says what a limit is: its owner, its provider, or refusals."""


class Sliding:
    """A limit that we count: never more than `limit` in any `window` seconds, whatever window the provider has."""

    __slots__ = ("limit", "unit", "used", "window")
    firm, level, steady = True, 0.0, -math.inf
    source: Source = "configured"

    def __init__(self, unit: int, limit: float, window: float, parts: int = _PARTS) -> None:
        self.unit, self.limit, self.window, self.used = unit, limit, window, Window(window, parts)

    def count(self, amount: int, by: "Reservation", now: float) -> None:
        """Count what a reservation takes or gives back."""
        self.used.count(amount, by.at, now)

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
    last: where nobody is `sure` of it, and for a while where the window before was used up and this one `began`. Until `steady`
    time changes nothing: its `level` is what is left. `end` is that of a window as it was first stated: where that of a minute moves
    before it has come, the window rolls: what was used is free again a window later, each by itself. `used` counts that then.
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
    steady: float = -math.inf
    used: Window | None = None
    source: Source = "stated"

    def state(self, hint: QuotaHint, level: float, at: float, reset: float, now: float, pool: "Pool") -> None:
        """Take in what its provider states: what was left of it `at` a moment, out of how much, and when it is full again."""
        refill = hint.refill or 0.0
        if hint.limit is not None:
            self.limit = hint.limit
        if now >= self.end:
            self.end = reset
        if reset > self.end + _MOVED and not refill and self.window == MINUTE and self.used is None:
            self.used = pool.recent(self.unit, now)
        if self.used is not None:
            # What fell out of the window since then is about what its limit lets in.
            level = min(level + self.used.total(now) + self.limit * (now - at) / self.window, self.limit)
        self.level, self.at, self.refill, self.reset = level, at, refill, reset
        self.steady = -math.inf if refill or self.used is not None or now < self.began + self.window else reset

    def count(self, amount: int, by: "Reservation", now: float) -> None:
        """Count what a reservation takes or gives back, if that is not in the provider's own figure."""
        if self.used is not None:
            self.used.count(amount, by.at, now)
            return
        if self.refill:
            self.level, self.at = self.room(now), now
        elif now >= self.reset:
            if self.level < 1 and self.limit < math.inf:
                self.began = now
            self.level, self.reset, self.number = self.limit, now + self.window, by.pool.latest
        if by.number > self.number:
            self.level -= amount

    def room(self, now: float) -> float:
        """Return what is left."""
        if self.used is not None:
            return self._most(now) - self.used.total(now)
        if self.refill:
            return min(self.limit, self.level + self.refill * (now - self.at))
        left = self.level if now < self.reset else self.limit
        if now >= self.began + self.window:
            return left
        given = max(1.0, _AT_ONCE * self.limit) + _PACE * self.limit * (now - self.began) / self.window
        held = max(0.0, self.limit - given)
        # What is held back for a moment is there.
        self.firm = self.sure and left < 1
        return left - held

    def frees(self, need: float, now: float) -> float:
        """Return when `need` will be left."""
        missing = need - self.room(now)
        if missing <= 0:
            return now
        if self.used is not None and self._most(now) >= need:
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
