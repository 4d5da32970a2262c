"""Quotas: what each pool may still take. Picking reserves in the same step, so that a hundred concurrent calls don't see one slot.

A pool has a ledger of each unit and window that its provider states; `limits` count the whole account. Where nothing is known,
nothing is in the way. Every `now` is in seconds of the monotonic clock.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from random import Random
from typing import Final, TypeAlias

from taxiway.candidate import Candidate, Charge, Unit
from taxiway.health import Block
from taxiway.ledgers import UNKNOWN_WINDOW, Sliding, Stated
from taxiway.outcome import QuotaHint
from taxiway.usage import Usage

LONGEST_PAUSE: Final = 60.0
"""After a 429 that says no time: 1, 2, 4, ... seconds, never more than this."""
TYPICAL_OUTPUT: Final = 256
"""Tokens that a reply is reckoned with where its provider counts them at the end."""
_FIRM: Final = 0.5
"""A limit less certain than this shuts nothing; it only makes headroom small."""
_ROUNDING: Final = 1.0
"""Seconds added to a stated reset: providers round it down."""
_CONFIGURED: Final[tuple[tuple[str, Unit, float], ...]] = (
    ("requests_per_minute", "requests", 60.0),
    ("requests_per_day", "requests", 86_400.0),
    ("tokens_per_minute", "tokens", 60.0),
    ("tokens_per_day", "tokens", 86_400.0),
)
_UNITS: Final[dict[Unit, int]] = {"requests": 0, "tokens": 1, "input-tokens": 2, "output-tokens": 3}
"""Units that calls are counted in; of others a provider's statements are not used."""
_GRAIN: Final = 0.1
_GRAINS: Final = 1024
"""What was reserved lately is kept in parts of so many seconds, and so many of them."""
_SWEEP: Final = 60.0
_FORGOTTEN: Final = 2 * 86_400.0

_Amounts: TypeAlias = tuple[float, float, float, float]
"""In the order of `_UNITS`."""


class _Pool:
    """What is known of one quota pool. `recent`: what was reserved lately, which a reply that comes later does not know of."""

    __slots__ = ("count", "known", "ledgers", "pauses", "recent", "seen", "shut", "shut_by")

    def __init__(self) -> None:
        self.known: dict[tuple[Unit, float], Stated] = {}
        self.ledgers: tuple[Stated, ...] = ()
        self.recent: deque[tuple[float, list[float]]] = deque(maxlen=_GRAINS)
        self.shut = self.seen = -math.inf
        self.count = self.pauses = 0
        self.shut_by = -1

    def part(self, now: float) -> list[float]:
        recent = self.recent
        if recent and now - recent[-1][0] < _GRAIN:
            return recent[-1][1]
        part = [0.0, 0.0, 0.0, 0.0]
        recent.append((now, part))
        return part


class Reservation:
    """What was taken from a candidate's pool and limits for one attempt. Settle it or release it, once."""

    __slots__ = ("_after", "_amounts", "_charges", "_counted", "_open", "_part", "at", "number", "pool")

    def __init__(self, pool: _Pool, limits: list[Sliding], amounts: _Amounts, charges: Charge, now: float) -> None:
        self.pool, self._amounts, self._charges = pool, amounts, charges
        self._open = True
        pool.seen = self.at = now
        pool.count = self.number = number = pool.count + 1
        self._part = part = pool.part(now)
        part[0] += amounts[0]
        part[1] += amounts[1]
        part[2] += amounts[2]
        part[3] += amounts[3]
        self._after = part.copy()
        for ledger in pool.ledgers:
            ledger.take(amounts[_UNITS[ledger.unit]], number, now)
        self._counted = [(limit, limit.take(amounts[_UNITS[limit.unit]], now)) for limit in limits] if limits else ()

    def settle(self, usage: Usage | None, now: float) -> None:
        """The attempt was sent: what it took is corrected to what the provider counts. `usage` None: it is not known."""
        if usage is not None and self._open:
            if self.number > self.pool.shut_by:
                self.pool.pauses = 0
            if self._charges != "admission":
                total, prompt = usage.total, usage.prompt
                _, tokens, into, out = self._amounts
                self._correct((0.0, total - tokens, prompt - into, total - prompt - out), now)
        self._open = False

    def release(self, now: float) -> None:
        """Nothing was used: give everything back."""
        if self._open:
            requests, tokens, into, out = self._amounts
            self._correct((-requests, -tokens, -into, -out), now)
        self._open = False

    def later(self, unit: Unit) -> float:
        """Sum what was reserved in the pool after this."""
        index, mine, total = _UNITS[unit], self._part, 0.0
        for _, part in reversed(self.pool.recent):
            if part is mine:
                return total + max(0.0, part[index] - self._after[index])
            total += part[index]
        return total

    def _correct(self, changes: _Amounts, now: float) -> None:
        part, after = self._part, self._after
        for index, change in enumerate(changes):
            part[index] += change
        # What a later sum is compared with moves along, so that it stays a sum of others.
        self._after = [was + change for was, change in zip(after, changes, strict=True)]
        for ledger in self.pool.ledgers:
            ledger.correct(changes[_UNITS[ledger.unit]], self.number)
        for limit, counted in self._counted:
            limit.correct(counted, changes[_UNITS[limit.unit]], now)


class Quotas:
    """The pools of all candidates. `random` spreads what waits for the same instant."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._pools: dict[str, _Pool] = {}
        self._limits: dict[str, list[Sliding]] = {}
        self._pairs: dict[str, tuple[_Pool, list[Sliding]]] = {}
        self._sweep_at = 0.0

    def block(self, candidate: Candidate, tokens: int, max_output: int | None, now: float) -> Block | None:
        """Return why the candidate's pool or limits can't take a call of that size now, None if they can."""
        pool, limits = self._of(candidate)
        if pool.shut > now:
            return Block("rate limited by the provider", "rate_limited", pool.shut)
        if not pool.ledgers and not limits:
            return None
        amounts = _amounts(candidate.endpoint.charges, tokens, max_output)
        ledgers: tuple[Stated | Sliding, ...] = (*pool.ledgers, *limits)
        full: Stated | Sliding | None = None
        until = now
        for ledger in ledgers:
            # A call larger than the limit itself is for the provider to refuse.
            need = min(amounts[_UNITS[ledger.unit]], ledger.limit)
            if ledger.room(now) < need and (isinstance(ledger, Sliding) or ledger.firm):
                full, until = ledger, max(until, ledger.frees(need, now))
        return None if full is None else Block(_full(full, now), "rate_limited", until)

    def headroom(self, candidate: Candidate, now: float) -> float:
        """Return the free share of the candidate's tightest limit, 0 to 1; 1 where none is known."""
        pool, limits = self._of(candidate)
        if pool.shut > now:
            return 0.0
        least = 1.0
        ledgers: tuple[Stated | Sliding, ...] = (*pool.ledgers, *limits) if limits else pool.ledgers
        for ledger in ledgers:
            limit = ledger.limit
            if 0 < limit < math.inf:
                least = min(least, ledger.room(now) / limit)
        return max(0.0, least)

    def reserve(self, candidate: Candidate, tokens: int, max_output: int | None, now: float) -> Reservation:
        """Take one request and the estimated tokens."""
        if now >= self._sweep_at:
            self._sweep(now)
        pool, limits = self._of(candidate)
        charges = candidate.endpoint.charges
        return Reservation(pool, limits, _amounts(charges, tokens, max_output), charges, now)

    def learn(self, reservation: Reservation, hints: Iterable[QuotaHint], now: float, epoch: float) -> None:
        """Take in what a reply to the reservation's request stated. `epoch`: the provider's now, for resets.

        A reply that took a minute carries figures a minute old: those of requests sent earlier than the last are dropped.
        """
        pool = reservation.pool
        for hint in hints:
            if hint.unit not in _UNITS or hint.remaining is None:
                continue
            window = hint.window or UNKNOWN_WINDOW
            ledger = pool.known.get((hint.unit, window))
            if ledger is None:
                ledger = pool.known[hint.unit, window] = Stated(hint.unit, window, hint.confidence >= _FIRM)
                pool.ledgers = (*pool.ledgers, ledger)
            if reservation.number < ledger.number:
                continue
            if hint.limit is not None:
                ledger.limit = hint.limit
            ledger.number, ledger.at, ledger.refill = reservation.number, reservation.at, hint.refill or 0.0
            ledger.level = hint.remaining - reservation.later(hint.unit)
            ledger.reset = now + (window if hint.reset is None else max(0.0, hint.reset - epoch) + _ROUNDING)
            if hint.remaining >= 1 and reservation.number > pool.shut_by:
                pool.shut = -math.inf

    def shut(self, reservation: Reservation, retry_after: float | None, now: float) -> float:
        """A 429: close the pool. Returns until when. Without a stated time the pause doubles with every further one."""
        pool = reservation.pool
        if retry_after is not None and retry_after > 0:
            pause = retry_after + self._random.uniform(0.0, min(2.0, 0.1 * retry_after))
        else:
            pause = min(LONGEST_PAUSE, 2.0**pool.pauses) * self._random.uniform(0.8, 1.2)
        if now >= pool.shut:
            # Calls that were under way together are refused together: that is one refusal.
            pool.pauses = min(pool.pauses + 1, 6)
        pool.shut, pool.shut_by = max(pool.shut, now + pause), max(pool.shut_by, reservation.number)
        return pool.shut

    def _of(self, candidate: Candidate) -> tuple[_Pool, list[Sliding]]:
        """Return what a candidate draws from: its pool, and the limits of the whole account where they are configured."""
        found = self._pairs.get(candidate.key)
        if found is None:
            credential = candidate.account.credential
            limits = self._limits.setdefault(credential.quota_pool or credential.id, [])
            if not limits:
                limits += _configured(candidate)
            found = self._pairs[candidate.key] = (self._pools.setdefault(candidate.pool, _Pool()), limits)
        return found

    def _sweep(self, now: float) -> None:
        """Forget what nobody used for longer than any window: it is not configured any more, or nothing is known of it."""
        self._sweep_at = now + _SWEEP
        pools = {name: pool for name, pool in self._pools.items() if now - pool.seen < _FORGOTTEN}
        if len(pools) < len(self._pools):
            self._pools = pools
            self._pairs = {key: pair for key, pair in self._pairs.items() if now - pair[0].seen < _FORGOTTEN}
            used = {id(limits) for _, limits in self._pairs.values()}
            self._limits = {name: limits for name, limits in self._limits.items() if id(limits) in used}


def _configured(candidate: Candidate) -> Iterator[Sliding]:
    for name, unit, window in _CONFIGURED:
        limit = getattr(candidate.account.credential.limits, name)
        if limit is not None:
            yield Sliding(unit, float(limit), window)


def _amounts(charges: Charge, tokens: int, max_output: int | None) -> _Amounts:
    """What a call is expected to take, by when its provider counts."""
    output = 0.0
    if charges == "reserve-max":
        output = float(max_output or 0)
    elif charges == "usage":
        output = float(min(TYPICAL_OUTPUT, max_output or TYPICAL_OUTPUT))
    return (1.0, tokens + output, float(tokens), output)


def _full(ledger: Stated | Sliding, now: float) -> str:
    limit = "" if ledger.limit == math.inf else f" of {ledger.limit:,.0f}"
    return f"its limit has {max(0.0, ledger.room(now)):,.0f}{limit} {ledger.unit} left"
