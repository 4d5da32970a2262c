"""The retry budget: further attempts after trouble are a share of the calls, so that an outage is hidden and not multiplied."""

from typing import Final

from taxiway.routing import RetryBudget
from taxiway.windows import Tally

WINDOW: Final = 10.0
"""Seconds (as Finagle's budget, whose deposits live as long)."""


class Budget:
    """The retry budget of one workspace. Times are monotonic seconds."""

    __slots__ = ("_calls", "_settings", "_spent")

    def __init__(self, settings: RetryBudget) -> None:
        self._settings = settings
        self._calls, self._spent = Tally(), Tally()

    def called(self, now: float, *, again: bool = False) -> None:
        """Count a call: what retries are a share of. `again`: it is one itself, its client's."""
        self._calls.add(now)
        if again:
            self._spent.add(now)

    def spend(self, now: float) -> bool:
        """Take one further attempt out of the budget; False where it is spent."""
        settings, since = self._settings, now - WINDOW
        if self._spent.since(since) >= max(settings.least, int(settings.share * self._calls.since(since))):
            return False
        self._spent.add(now)
        return True
