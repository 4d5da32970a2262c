"""Quotas: how much of a limit is left, when it is full again, and how long a caller has to wait."""

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from taxiway_simulator.options import Shape


class Window(Protocol):
    """One limit's count. Times are in seconds of one clock that never goes back."""

    def wait(self, amount: int, now: float) -> float:
        """Return in how many seconds `amount` fits; 0.0: now."""
        ...

    def take(self, amount: int, now: float) -> None:
        """Count `amount`, which fits."""
        ...

    def left(self, now: float) -> tuple[int, float]:
        """Return what is left, and in how many seconds all of it is there again."""
        ...


class Fixed:
    """A window that begins with its first request and forgets all of it at its end."""

    def __init__(self, limit: int, window: float) -> None:
        self._limit, self._window = limit, window
        self._used, self._end = 0, 0.0

    def wait(self, amount: int, now: float) -> float:
        """Return the time to the window's end, where `amount` does not fit."""
        fits = now >= self._end or self._used + amount <= self._limit
        return 0.0 if fits else self._end - now

    def take(self, amount: int, now: float) -> None:
        """Count."""
        if now >= self._end:
            self._used, self._end = 0, now + self._window
        self._used += amount

    def left(self, now: float) -> tuple[int, float]:
        """Return what is left until the window's end."""
        if now >= self._end:
            return self._limit, 0.0
        return max(0, self._limit - self._used), self._end - now


class Sliding:
    """What was used in the last `window` seconds, whenever one looks. It remembers at most `limit` requests."""

    def __init__(self, limit: int, window: float) -> None:
        self._limit, self._window = limit, window
        self._taken: deque[tuple[float, int]] = deque()
        self._used = 0

    def wait(self, amount: int, now: float) -> float:
        """Return the time until enough of what was used is old."""
        self._forget(now)
        missing = self._used + amount - self._limit
        for taken, used in self._taken:
            if missing <= 0:
                break
            missing -= used
            if missing <= 0:
                return taken + self._window - now
        return 0.0 if missing <= 0 else self._window

    def take(self, amount: int, now: float) -> None:
        """Count."""
        self._taken.append((now, amount))
        self._used += amount

    def left(self, now: float) -> tuple[int, float]:
        """Return what is left, and when the newest use is old."""
        self._forget(now)
        reset = self._taken[-1][0] + self._window - now if self._taken else 0.0
        return max(0, self._limit - self._used), reset

    def _forget(self, now: float) -> None:
        while self._taken and self._taken[0][0] + self._window <= now:
            self._used -= self._taken.popleft()[1]


class Bucket:
    """A bucket of `limit` that refills evenly within `window`."""

    def __init__(self, limit: int, window: float) -> None:
        self._limit, self._rate = limit, limit / window
        self._used, self._seen = 0.0, 0.0

    def wait(self, amount: int, now: float) -> float:
        """Return the time until enough has dripped in."""
        self._drip(now)
        # A billionth of a request is the float's, not the caller's.
        missing = self._used + amount - self._limit - 1e-9
        return max(0.0, missing / self._rate)

    def take(self, amount: int, now: float) -> None:
        """Count."""
        self._drip(now)
        self._used += amount

    def left(self, now: float) -> tuple[int, float]:
        """Return what is left, and when the bucket is full."""
        self._drip(now)
        return max(0, int(self._limit - self._used + 1e-9)), self._used / self._rate

    def _drip(self, now: float) -> None:
        self._used = max(0.0, self._used - (now - self._seen) * self._rate)
        self._seen = now


WINDOWS: Final[dict[Shape, Callable[[int, float], Window]]] = {"fixed": Fixed, "sliding": Sliding, "bucket": Bucket}
