"""The retry budget: further attempts after trouble are a share of the calls, so that an outage is hidden and not multiplied."""

from collections import deque
from typing import Final

from taxiway.routing import RetryBudget

WINDOW: Final = 10.0
"""Seconds (as Finagle's budget, whose deposits live as long)."""


class Budget:
    """The retry budget of one workspace. Times are monotonic seconds; memory is two counts a second of the window."""

    __slots__ = ("_calls", "_settings", "_slots", "_spent")

    def __init__(self, settings: RetryBudget) -> None:
        self._settings = settings
        self._slots: deque[list[int]] = deque()
        self._calls = 0
        self._spent = 0

    def called(self, now: float) -> None:
        """Count a call: what retries are a share of."""
        self._slot(now)[1] += 1
        self._calls += 1

    def spend(self, now: float) -> bool:
        """Take one further attempt out of the budget; False where it is spent."""
        slot = self._slot(now)
        if self._spent >= max(self._settings.least, int(self._settings.share * self._calls)):
            return False
        slot[2] += 1
        self._spent += 1
        return True

    def _slot(self, now: float) -> list[int]:
        second = int(now)
        slots = self._slots
        while slots and slots[0][0] <= second - WINDOW:
            _, calls, spent = slots.popleft()
            self._calls -= calls
            self._spent -= spent
        if not slots or slots[-1][0] != second:
            slots.append([second, 0, 0])
        return slots[-1]
