"""Ledgers: how much of one limit is left, at any moment. A configured limit is counted by us, a stated one by its provider."""

import math
from collections import deque
from typing import Final

from attrs import Factory, define

from taxiway.candidate import Unit

_GRAINS: Final = 120
"""Into how many parts a window is cut: memory per limit, and by how much too careful we are."""
UNKNOWN_WINDOW: Final = 60.0
"""Seconds, where a provider states a remainder and no window: nearly all count by the minute."""


@define(eq=False)
class Part:
    """What was counted between `first` and `last`."""

    first: float
    last: float
    amount: float


@define(eq=False)
class Sliding:
    """A limit that we count: never more than `limit` in any `window` seconds, whatever window the provider has."""

    unit: Unit
    limit: float
    window: float
    _parts: deque[Part] = Factory(deque)
    _used: float = 0.0

    def take(self, amount: float, now: float) -> Part:
        """Count what is reserved. Returns where, for corrections."""
        self._expire(now)
        parts = self._parts
        if not parts or now - parts[-1].first >= self.window / _GRAINS:
            parts.append(Part(now, now, 0.0))
        part = parts[-1]
        part.last = now
        part.amount += amount
        self._used += amount
        return part

    def correct(self, part: Part, change: float, now: float) -> None:
        """Count what was used beyond the reservation now; take what was not used off where it was counted, if that still counts."""
        if change > 0:
            self.take(change, now)
        elif part.last + self.window > now:
            part.amount += change
            self._used += change

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

    unit: Unit
    window: float
    firm: bool
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

    def correct(self, change: float, number: int) -> None:
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
