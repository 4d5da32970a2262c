"""What happened lately, in fixed memory: time is cut into slots, and what is older than the window falls out with its slot."""

import math

_PER_FACTOR = 10
"""Bins of a histogram for each factor of e: a median is right to 5 %."""


class Ring:
    """A sum over the last `seconds`. It covers at least that, and at most one slot more."""

    __slots__ = ("_head", "_slots", "_total", "_width")

    def __init__(self, seconds: float, slots: int = 10) -> None:
        self._width = seconds / slots
        self._slots = [0.0] * (slots + 1)
        self._head = -1
        self._total = 0.0

    def add(self, amount: float, now: float) -> None:
        """Count `amount` at this moment."""
        head = int(now / self._width)
        if head > self._head:
            self._advance(head)
        self._slots[self._head % len(self._slots)] += amount
        self._total += amount

    def total(self, now: float) -> float:
        """Return the sum."""
        head = int(now / self._width)
        if head > self._head:
            self._advance(head)
        return self._total

    def _advance(self, head: int) -> None:
        size = len(self._slots)
        if head - self._head >= size:
            self._slots = [0.0] * size
        else:
            for slot in range(self._head + 1, head + 1):
                self._slots[slot % size] = 0.0
        self._head = head
        self._total = math.fsum(self._slots)


class Median:
    """The median of positive numbers over the last `seconds`, right to 5 %. Read often, it is computed once a second."""

    __slots__ = ("_bins", "_fresh", "_head", "_value", "_width")

    def __init__(self, seconds: float, slots: int = 10) -> None:
        self._width = seconds / slots
        self._bins: list[dict[int, int]] = [{} for _ in range(slots + 1)]
        self._head = -1
        self._value: float | None = None
        self._fresh = -math.inf

    def add(self, value: float, now: float) -> None:
        """Count a number above 0 (1e-6 to 1e9; what lies beyond counts as these)."""
        self._advance(now)
        number = math.floor(math.log(min(max(value, 1e-6), 1e9)) * _PER_FACTOR)
        bins = self._bins[self._head % len(self._bins)]
        bins[number] = bins.get(number, 0) + 1

    def value(self, now: float, least: int) -> float | None:
        """Return the median, None where there were fewer than `least` numbers."""
        if not 0 <= now - self._fresh < 1.0:
            self._advance(now)
            self._fresh = now
            self._value = self._compute(least)
        return self._value

    def _compute(self, least: int) -> float | None:
        merged: dict[int, int] = {}
        for bins in self._bins:
            for number, count in bins.items():
                merged[number] = merged.get(number, 0) + count
        total = sum(merged.values())
        if total < least:
            return None
        rank = (total + 1) // 2
        for number in sorted(merged):
            rank -= merged[number]
            if rank <= 0:
                return math.exp((number + 0.5) / _PER_FACTOR)
        return None

    def _advance(self, now: float) -> None:
        head, size = int(now / self._width), len(self._bins)
        if head > self._head:
            for slot in range(max(self._head + 1, head - size + 1), head + 1):
                self._bins[slot % size] = {}
            self._head = head
