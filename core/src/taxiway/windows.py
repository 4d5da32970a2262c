"""What happened lately, in fixed memory."""

import math
from collections import deque
from statistics import median_low
from typing import Final

from attrs import define

_MOST: Final = 127
"""Of so many numbers a median is made at most, the latest."""
ROUNDING: Final = 1e-6
"""Seconds added to when something has left, so that it has, whatever floats say."""


@define(eq=False)
class _Part:
    """What was counted from `first` to `last`: it leaves the window as a whole."""

    first: float
    last: float
    amount: float = 0.0


class Window:
    """A sum over the last `seconds`. It covers at least that, and at most a `parts`th of it more."""

    __slots__ = ("_grain", "_parts", "_seconds", "_total")

    def __init__(self, seconds: float, parts: int = 10) -> None:
        self._seconds, self._grain = seconds, seconds / parts
        self._parts: deque[_Part] = deque()
        self._total = 0.0

    def add(self, amount: float, now: float) -> None:
        """Count `amount` at this moment."""
        parts = self._parts
        if not parts or now - parts[-1].first >= self._grain:
            self.total(now)
            parts.append(_Part(now, now))
        part = parts[-1]
        part.last = now
        part.amount += amount
        self._total += amount

    def correct(self, change: float, at: float) -> None:
        """Change what was counted `at` a moment, if that is still in the window."""
        for part in reversed(self._parts):
            if part.first <= at:
                part.amount += change
                self._total += change
                return

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


class Median:
    """The median of positive numbers over the last `seconds`. Read often, it is computed once a second."""

    __slots__ = ("_fresh", "_numbers", "_seconds", "_value")

    def __init__(self, seconds: float) -> None:
        self._seconds, self._fresh = seconds, -math.inf
        self._numbers: deque[tuple[float, float]] = deque(maxlen=_MOST)
        self._value: float | None = None

    def add(self, number: float, now: float) -> None:
        """Count a number. One that is not above 0 counts as 1e-6, so that who divides by the median can."""
        self._numbers.append((now, max(number, 1e-6)))

    def value(self, now: float, least: int) -> float | None:
        """Return the median, None where there were fewer than `least` numbers."""
        if not 0 <= now - self._fresh < 1.0:
            numbers = [number for at, number in self._numbers if at > now - self._seconds]
            self._fresh, self._value = now, median_low(numbers) if len(numbers) >= least else None
        return self._value
