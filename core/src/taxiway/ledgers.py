"""Ledgers: how much of one limit is left, at any moment; and what reservations take from those of a pool.

A configured limit is counted by us, a stated one by its provider.
"""

import math
from operator import add, sub
from typing import Final, TypeAlias

from attrs import Factory, define

from taxiway.candidate import Charge, Unit
from taxiway.usage import Usage
from taxiway.windows import ROUNDING, Window

UNITS: Final[tuple[Unit, ...]] = ("requests", "tokens", "input-tokens", "output-tokens")
"""What calls are counted in; `unit` of a ledger is a place in it. What providers state in others is not used."""
UNKNOWN_WINDOW: Final = 60.0
"""Seconds, where a provider states a remainder and no window: nearly all count by the minute."""
_PARTS: Final = 120
"""Into how many parts a configured window is cut: memory per limit, and by how much too careful we are."""

Amounts: TypeAlias = tuple[int, ...]
"""In the order of `UNITS`."""
_NOTHING: Final[Amounts] = (0, 0, 0, 0)


class Sliding:
    """A limit that we count: never more than `limit` in any `window` seconds, whatever window the provider has."""

    __slots__ = ("_used", "limit", "unit")
    firm = True

    def __init__(self, unit: int, limit: float, window: float) -> None:
        self.unit, self.limit, self._used = unit, limit, Window(window, _PARTS)

    def count(self, amount: int, by: "Reservation", now: float) -> None:
        """Count what is used now; take what was not used (below 0) off where it was counted."""
        if amount > 0:
            self._used.add(amount, now)
        else:
            self._used.correct(amount, by.at)

    def room(self, now: float) -> float:
        """Return what is left."""
        return self.limit - self._used.total(now)

    def frees(self, need: float, now: float) -> float:
        """Return when `need` will be left."""
        return self._used.falls(self.limit - need, now)


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

    def count(self, amount: int, by: "Reservation", now: float) -> None:
        """Count what a reservation takes or gives back, if that is not in the provider's own figure."""
        if self.refill:
            self.level, self.at = self.room(now), now
        elif now >= self.reset:
            self.level, self.reset, self.number = self.limit, now + self.window, by.pool.count
        if by.number > self.number:
            self.level -= amount

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
        return now + missing / self.refill + ROUNDING if self.refill else max(now, self.reset)


@define(eq=False)
class Pool:
    """What is known of one quota pool. `limits` are the whole account's, `known` what its provider states.

    `taken` is all that its `count` reservations ever took, corrected. It is `shut` until then, by reservation `shut_by`.
    """

    limits: list[Sliding]
    known: dict[tuple[int, float], Stated] = Factory(dict)
    taken: Amounts = _NOTHING
    count: int = 0
    seen: float = -math.inf
    shut: float = -math.inf
    shut_by: int = -1
    pauses: int = 0

    @property
    def ledgers(self) -> tuple[Sliding | Stated, ...]:
        """All that counts what is taken."""
        return (*self.limits, *self.known.values()) if self.limits or self.known else ()


class Reservation:
    """What was taken from a candidate's pool and limits for one attempt. Settle it or release it, once.

    `amounts` is what it took, corrected; `before` what the pool's reservations had taken when it began.
    """

    __slots__ = ("_charges", "_open", "amounts", "at", "before", "number", "pool")

    def __init__(self, pool: Pool, amounts: Amounts, charges: Charge, now: float) -> None:
        self.pool, self.amounts, self._charges, self._open = pool, amounts, charges, True
        pool.seen, self.at, self.number = now, now, pool.count + 1
        self.before = requests, tokens, into, out = pool.taken
        pool.taken = (requests + amounts[0], tokens + amounts[1], into + amounts[2], out + amounts[3])
        for ledger in pool.ledgers:
            ledger.count(amounts[ledger.unit], self, now)
        pool.count = self.number

    def settle(self, usage: Usage | None, now: float) -> None:
        """The attempt was sent: what it took is corrected to what the provider counts. `usage` None: it is not known."""
        pool = self.pool
        if usage is not None and self._open:
            if self.number > pool.shut_by:
                pool.pauses = 0
            if self._charges != "admission" and (pool.limits or pool.known):
                prompt, completion = usage.prompt, usage.completion
                self._correct((1, prompt + completion, prompt, completion), now)
        self._open = False

    def release(self, now: float) -> None:
        """Nothing was used: give everything back."""
        if self._open:
            self._correct(_NOTHING, now)
        self._open = False

    def _correct(self, used: Amounts, now: float) -> None:
        pool, changes = self.pool, tuple(map(sub, used, self.amounts))
        pool.taken, self.amounts = tuple(map(add, pool.taken, changes)), used
        for ledger in pool.ledgers:
            ledger.count(changes[ledger.unit], self, now)
