"""Sums of what happened lately, in fixed memory."""

import math
from collections import deque
from typing import Final

from attrs import define

MINUTE: Final = 60.0
"""Seconds, as all times of what was learnt and of quotas are."""
ROUNDING: Final = 1e-6
"""Seconds added to when something has left, so that it has, whatever floats say."""


@define(eq=False)
class _Part:
    """What was counted from `first` to `last`: it leaves the window as a whole."""

    first: float
    last: float
    amount: float = 0.0


class Tally:
    """How many there were: all in all, and in the last seconds, of which it knows half a minute."""

    __slots__ = ("_ends", "_parts", "total")

    def __init__(self) -> None:
        self.total, self._ends = 0, -math.inf
        self._parts = deque[tuple[float, int]](maxlen=32)
        """When each second of the last ones began, and the total before it."""

    def add(self, now: float) -> None:
        """Count one at this moment."""
        if now >= self._ends:
            self._parts.append((now, self.total))
            self._ends = now + 1.0
        self.total += 1

    def since(self, at: float, first: int = 0) -> int:
        """Return how many came after a moment, or at most a second before it; of the `first` ones none."""
        found = next((before for began, before in self._parts if began + 1.0 > at), self.total)
        return self.total - max(found, first)


class Window:
    """A sum over the last `seconds`. It covers at least that, and at most a `parts`th of it more."""

    __slots__ = ("_ends", "_grain", "_parts", "_seconds", "_total")

    def __init__(self, seconds: float, parts: int) -> None:
        self._seconds, self._grain = seconds, seconds / parts
        self._parts: deque[_Part] = deque()
        self._total, self._ends = 0.0, -math.inf

    def add(self, amount: float, now: float) -> None:
        """Count `amount` at this moment."""
        parts = self._parts
        if now >= self._ends or not parts:
            self.total(now)
            parts.append(_Part(now, now))
            self._ends = now + self._grain
        part = parts[-1]
        part.last = now
        part.amount += amount
        self._total += amount

    def count(self, amount: float, at: float, now: float) -> None:
        """Count what is used now; take what was not used (below 0) off where it was counted, `at` a moment."""
        if amount > 0:
            self.add(amount, now)
        elif part := next((part for part in reversed(self._parts) if part.first <= at), None):
            part.amount += amount
            self._total += amount

    def total(self, now: float) -> float:
        """Return the sum."""
        parts = self._parts
        old = now - self._seconds
        while parts and parts[0].last <= old:
            self._total -= parts.popleft().amount
        return self._total

    def falls(self, most: float, now: float) -> float:
        """Return when the sum will be `most` or less, if nothing is added."""
        total = self.total(now)
        for part in self._parts:
            if total <= most:
                break
            total -= part.amount
            now = part.last + self._seconds + ROUNDING
        return now
