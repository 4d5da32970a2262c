"""The retry budget: further attempts after trouble are a share of the calls, so that an outage is hidden and not multiplied."""

from typing import Final

from taxiway.routing import RetryBudget
from taxiway.windows import Window

WINDOW: Final = 10.0
"""Seconds (as Finagle's budget, whose deposits live as long)."""


class Budget:
    """The retry budget of one workspace. Times are monotonic seconds."""

    __slots__ = ("_calls", "_settings", "_spent")

    def __init__(self, settings: RetryBudget) -> None:
        self._settings = settings
        self._calls, self._spent = Window(WINDOW), Window(WINDOW)

    def called(self, now: float, *, again: bool = False) -> None:
        """Count a call: what retries are a share of. `again`: it is one itself, its client's."""
        self._calls.add(1, now)
        if again:
            self._spent.add(1, now)

    def spend(self, now: float) -> bool:
        """Take one further attempt out of the budget; False where it is spent."""
        if self._spent.total(now) >= max(self._settings.least, int(self._settings.share * self._calls.total(now))):
            return False
        self._spent.add(1, now)
        return True
