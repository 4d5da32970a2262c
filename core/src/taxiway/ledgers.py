"""Ledgers: how much of one limit is left, at any moment. A configured limit is counted by us, a stated one by its provider."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from attrs import Factory, define

from taxiway.candidate import Unit

_GRAINS: Final = 120
"""Into how many parts a window is cut: memory per limit, and by how much too careful we are."""
_ROUNDING: Final = 1.0
"""Seconds added to a stated reset: providers round it down."""
UNKNOWN_WINDOW: Final = 60.0
"""Seconds, where a provider states a remainder and no reset: nearly all count by the minute."""


class Ledger(Protocol):
    """One limit. `firm`: it shuts its pool; else it only makes headroom small."""

    unit: Unit
    firm: bool

    @property
    def limit(self) -> float | None:
        """What the limit is, where that is known."""
        ...

    def take(self, amount: float, now: float) -> None:
        """Count what was reserved (or, negative, what was not used after all)."""
        ...

    def room(self, now: float) -> float:
        """Return what is left."""
        ...

    def frees(self, need: float, now: float) -> float:
        """Return when `need` will be left."""
        ...


@define(eq=False)
class Sliding:
    """A limit that we count: never more than `limit` in any `window` seconds, whatever window the provider has."""

    unit: Unit
    limit: float
    window: float
    firm: bool = True
    _parts: deque[list[float]] = Factory(deque)
    _used: float = 0.0

    def take(self, amount: float, now: float) -> None:
        """Count. Corrections count in the part that is open: the reservation that they correct is at most as old."""
        self._expire(now)
        parts = self._parts
        if not parts or now - parts[-1][0] >= self.window / _GRAINS:
            parts.append([now, now, 0.0])
        parts[-1][1] = now
        parts[-1][2] += amount
        self._used += amount

    def room(self, now: float) -> float:
        """Return what is left."""
        self._expire(now)
        return self.limit - self._used

    def frees(self, need: float, now: float) -> float:
        """Return when `need` will be left."""
        left = self.room(now)
        for _, last, amount in self._parts:
            if left >= need:
                break
            left += amount
            now = last + self.window
        return now

    def _expire(self, now: float) -> None:
        parts = self._parts
        while parts and parts[0][1] + self.window <= now:
            self._used -= parts.popleft()[2]


@define(eq=False)
class Stated:
    """A limit that the provider counts and states. What was reserved after the statement's request was sent is taken off it.

    `stamp`: when that request was sent. `reset`: when the window begins anew; `refill`: what comes back a second.
    """

    unit: Unit
    limit: float | None
    remaining: float
    stamp: float
    reset: float | None
    refill: float | None
    firm: bool
    taken: float = 0.0

    def state(
        self,
        limit: float | None,
        remaining: float,
        stamp: float,
        reset: float | None,
        refill: float | None,
        taken: float,
    ) -> None:
        """Take a newer statement in; `taken`: what was reserved after its request was sent."""
        self.limit = self.limit if limit is None else limit
        self.remaining, self.stamp, self.refill, self.taken = remaining, stamp, refill, taken
        self.reset = None if reset is None else reset + _ROUNDING

    def take(self, amount: float, now: float) -> None:
        """Count."""
        self._renew(now)
        self.taken += amount

    def room(self, now: float) -> float:
        """Return what is left."""
        self._renew(now)
        left = self.remaining - self.taken
        if self.refill is not None:
            left += self.refill * (now - self.stamp)
        return left if self.limit is None else min(left, self.limit)

    def frees(self, need: float, now: float) -> float:
        """Return when `need` will be left."""
        missing = need - self.room(now)
        if missing <= 0:
            return now
        times = [] if not self.refill else [now + missing / self.refill]
        times.append(self.stamp + UNKNOWN_WINDOW if self.reset is None else self.reset)
        return max(now, min(times))

    def _renew(self, now: float) -> None:
        """Begin a new window where the old one is over."""
        over = self.stamp + UNKNOWN_WINDOW if self.reset is None else self.reset
        if now >= over:
            if self.limit is not None:
                self.remaining = self.limit
            self.taken, self.stamp = 0.0, now
            self.reset = None


class Recent:
    """What was reserved in the last minutes, by unit: what a statement that comes later does not know of yet."""

    __slots__ = ("_parts",)

    _GRAIN: Final = 0.02
    _MOST: Final = 4096

    def __init__(self) -> None:
        self._parts: deque[tuple[float, list[float]]] = deque(maxlen=self._MOST)

    def add(self, amounts: Iterable[float], now: float) -> list[float]:
        """Count; returns the part that it went into, so that it can be corrected."""
        parts = self._parts
        if parts and now - parts[-1][0] < self._GRAIN:
            part = parts[-1][1]
            for index, amount in enumerate(amounts):
                part[index] += amount
            return part
        part = list(amounts)
        parts.append((now, part))
        return part

    def after(self, stamp: float, index: int) -> float:
        """Sum what was reserved after `stamp`."""
        return sum(part[index] for part in self._newer(stamp))

    def _newer(self, stamp: float) -> Iterator[list[float]]:
        for start, part in reversed(self._parts):
            if start <= stamp:
                return
            yield part
