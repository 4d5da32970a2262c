"""Ledgers: how much of one limit is left, at any moment. A configured limit is counted by us, a stated one by its provider."""

import math
from collections import deque
from typing import ClassVar, Final, TypeAlias

from attrs import Factory, define

from taxiway.candidate import Unit

UNITS: Final[tuple[Unit, ...]] = ("requests", "tokens", "input-tokens", "output-tokens")
"""What calls are counted in; `unit` of a ledger is a place in it. What providers state in others is not used."""
UNKNOWN_WINDOW: Final = 60.0
"""Seconds, where a provider states a remainder and no window: nearly all count by the minute."""
_GRAINS: Final = 120
"""Into how many parts a window is cut: memory per limit, and by how much too careful we are."""


@define(eq=False)
class _Part:
    """What was counted between `first` and `last`."""

    first: float
    last: float
    amount: float = 0.0


@define(eq=False)
class Sliding:
    """A limit that we count: never more than `limit` in any `window` seconds, whatever window the provider has."""

    unit: int
    limit: float
    window: float
    firm: ClassVar[bool] = True
    _parts: deque[_Part] = Factory(deque)
    _used: float = 0.0

    def take(self, amount: float, _: int, now: float) -> None:
        """Count what is reserved."""
        parts = self._parts
        if not parts or now - parts[-1].first >= self.window / _GRAINS:
            self._expire(now)
            parts.append(_Part(now, now))
        part = parts[-1]
        part.last = now
        part.amount += amount
        self._used += amount

    def correct(self, change: float, number: int, at: float, now: float) -> None:
        """Count what was used beyond the reservation now; take what was not used off where it was counted, if that still counts."""
        if change > 0:
            self.take(change, number, now)
            return
        for part in reversed(self._parts):
            if part.first <= at:
                part.amount += change
                self._used += change
                return

    def room(self, now: float) -> float:
        """Return what is left."""
        self._expire(now)
        return self.limit - self._used

    def frees(self, need: float, now: float) -> float:
        """Return when `need` will be left."""
        left = self.room(now)
        for part in self._parts:
            if left >= need:
                break
            left += part.amount
            now = part.last + self.window
        return now

    def _expire(self, now: float) -> None:
        parts = self._parts
        while parts and parts[0].last + self.window <= now:
            self._used -= parts.popleft().amount


@define(eq=False)
class Stated:
    """A limit that its provider counts and states: a bucket that refills steadily, or a window that begins anew at `reset`.

    `number` is that of the reservation whose reply stated it: `level` is what was left then, less what was reserved later.
    `limit` is infinite where it is not known, `refill` (a second) 0 for a window. `firm`: it shuts its pool; else it only makes
    headroom small.
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

    def take(self, amount: float, number: int, now: float) -> None:
        """Count what is reserved."""
        if self.refill:
            self.level, self.at = self.room(now), now
        elif now >= self.reset:
            self.level, self.reset, self.number = self.limit, now + self.window, number - 1
        self.level -= amount

    def correct(self, change: float, number: int, _: float, __: float) -> None:
        """Correct what a reservation took, if it is not in the provider's own figure."""
        if number > self.number:
            self.level -= change

    def room(self, now: float) -> float:
        """Return what is left."""
        if self.refill:
            return min(self.limit, self.level + self.refill * (now - self.at))
        return self.level if now < self.reset else self.limit

    def frees(self, need: float, now: float) -> float:
        """Return when `need` will be left."""
        missing = need - self.room(now)
        if missing <= 0:
            return now
        return now + missing / self.refill if self.refill else max(now, self.reset)


Ledger: TypeAlias = Sliding | Stated
