"""Quotas: what each pool may still take. Picking reserves in the same step, so that a hundred concurrent calls don't see one slot.

A pool has a ledger of each unit and window that is known: configured (`limits`, which count the whole account) or learnt from
what the provider says. Where nothing is known, nothing is in the way. Every `now` is in seconds of the monotonic clock.
"""

import math
from collections.abc import Iterable, Iterator
from random import Random
from typing import Final

from taxiway.candidate import Candidate, Charge, Unit
from taxiway.health import Block
from taxiway.ledgers import Ledger, Recent, Sliding, Stated
from taxiway.outcome import QuotaHint
from taxiway.usage import Usage

LONGEST_PAUSE: Final = 60.0
"""After a 429 that says no time: 1, 2, 4, ... seconds, never more than this."""
TYPICAL_OUTPUT: Final = 256
"""Tokens that a reply is reckoned with where its provider counts them at the end."""
_FIRM: Final = 0.5
"""A limit less certain than this shuts nothing; it only makes headroom small."""
_CONFIGURED: Final[tuple[tuple[str, Unit, float], ...]] = (
    ("requests_per_minute", "requests", 60.0),
    ("requests_per_day", "requests", 86_400.0),
    ("tokens_per_minute", "tokens", 60.0),
    ("tokens_per_day", "tokens", 86_400.0),
)
_UNITS: Final[dict[Unit, int]] = {"requests": 0, "tokens": 1, "input-tokens": 2, "output-tokens": 3}
"""Units that calls are counted in; of others a provider's statements are not used."""


class _Pool:
    """What is known of one quota pool."""

    __slots__ = ("known", "ledgers", "pauses", "recent", "shut", "shut_at")

    def __init__(self) -> None:
        self.known: dict[tuple[Unit, float | None], Stated] = {}
        self.ledgers: tuple[Ledger, ...] = ()
        self.recent = Recent()
        self.shut = self.shut_at = -math.inf
        self.pauses = 0


class Reservation:
    """What was taken from a candidate's pools for one attempt. Settle it or release it, once."""

    __slots__ = ("_amounts", "_charges", "_open", "_parts", "_pools")

    def __init__(self, pools: tuple[_Pool, ...], amounts: tuple[float, ...], charges: Charge, now: float) -> None:
        self._pools, self._amounts, self._charges = pools, amounts, charges
        self._open = True
        self._parts = [pool.recent.add(amounts, now) for pool in pools]
        for pool in pools:
            for ledger in pool.ledgers:
                ledger.take(amounts[_UNITS[ledger.unit]], now)

    def settle(self, usage: Usage | None, now: float) -> None:
        """The attempt was sent: what it took is corrected to what the provider counts. `usage` None: it is not known."""
        if usage is None:
            self._open = False
            return
        for pool in self._pools:
            pool.pauses = 0
        if self._charges == "admission":
            self._open = False
            return
        counted = (1.0, float(usage.total), float(usage.prompt), float(usage.completion))
        self._correct(tuple(new - old for new, old in zip(counted, self._amounts, strict=True)), now)

    def release(self, now: float) -> None:
        """Nothing was used: give everything back."""
        self._correct(tuple(-amount for amount in self._amounts), now)

    def _correct(self, changes: tuple[float, ...], now: float) -> None:
        if not self._open:
            return
        self._open = False
        for pool, part in zip(self._pools, self._parts, strict=True):
            for index, change in enumerate(changes):
                part[index] += change
            for ledger in pool.ledgers:
                ledger.take(changes[_UNITS[ledger.unit]], now)


class Quotas:
    """The pools of all candidates. `random` spreads what waits for the same instant."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._pools: dict[str, _Pool] = {}
        self._pairs: dict[str, tuple[_Pool, ...]] = {}

    def block(self, candidate: Candidate, tokens: int, max_output: int | None, now: float) -> Block | None:
        """Return why the candidate's pools can't take a call of that size now, None if they can."""
        for pool in self._of(candidate):
            if pool.shut > now:
                return Block("rate limited by the provider", "rate_limited", pool.shut)
            if not pool.ledgers:
                continue
            amounts = _amounts(candidate.endpoint.charges, tokens, max_output)
            for ledger in pool.ledgers:
                need = amounts[_UNITS[ledger.unit]]
                if ledger.limit is not None:
                    # A call larger than the limit itself is for the provider to refuse.
                    need = min(need, ledger.limit)
                if ledger.firm and ledger.room(now) < need:
                    return Block(_full(ledger, now), "rate_limited", ledger.frees(need, now))
        return None

    def headroom(self, candidate: Candidate, now: float) -> float:
        """Return the free share of the candidate's tightest limit, 0 to 1; 1 where none is known."""
        least = 1.0
        for pool in self._of(candidate):
            if pool.shut > now:
                return 0.0
            for ledger in pool.ledgers:
                if ledger.limit:
                    least = min(least, ledger.room(now) / ledger.limit)
        return max(0.0, least)

    def reserve(self, candidate: Candidate, tokens: int, max_output: int | None, now: float) -> Reservation:
        """Take one request and the estimated tokens."""
        charges = candidate.endpoint.charges
        return Reservation(self._of(candidate), _amounts(charges, tokens, max_output), charges, now)

    def learn(self, candidate: Candidate, hints: Iterable[QuotaHint], sent: float, now: float, epoch: float) -> None:
        """Take in what a provider stated. `sent`: when the request was sent; `epoch`: the provider's now, for resets.

        A reply that took a minute carries figures a minute old: those of requests sent earlier than the last are dropped.
        """
        for hint in hints:
            if hint.unit not in _UNITS or hint.remaining is None:
                continue
            pool = self._pool(hint.pool or candidate.pool)
            key = (hint.unit, hint.window)
            ledger = pool.known.get(key)
            if ledger is None:
                ledger = pool.known[key] = Stated(
                    hint.unit, hint.limit, hint.remaining, -math.inf, None, None, hint.confidence >= _FIRM
                )
                pool.ledgers = (*pool.ledgers, ledger)
            elif sent < ledger.stamp:
                continue
            reset = None if hint.reset is None else now + max(0.0, hint.reset - epoch)
            taken = pool.recent.after(sent, _UNITS[hint.unit])
            ledger.state(hint.limit, hint.remaining, sent, reset, hint.refill, taken)
            if hint.remaining >= 1 and sent > pool.shut_at:
                pool.shut = -math.inf

    def shut(self, candidate: Candidate, retry_after: float | None, now: float) -> float:
        """A 429: close the pool. Returns until when. Without a stated time the pause doubles with every further one."""
        pool = self._pool(candidate.pool)
        if retry_after is not None and retry_after > 0:
            pause = retry_after + self._random.uniform(0.0, min(2.0, 0.1 * retry_after))
        else:
            pause = min(LONGEST_PAUSE, 2.0**pool.pauses) * self._random.uniform(0.8, 1.2)
        if now >= pool.shut:
            # Calls that were under way together are refused together: that is one refusal.
            pool.pauses = min(pool.pauses + 1, 6)
        pool.shut, pool.shut_at = max(pool.shut, now + pause), now
        return pool.shut

    def _pool(self, name: str) -> _Pool:
        pool = self._pools.get(name)
        if pool is None:
            pool = self._pools[name] = _Pool()
        return pool

    def _of(self, candidate: Candidate) -> tuple[_Pool, ...]:
        """The pools that a candidate draws from: its own and, where limits are configured, the whole account's."""
        found = self._pairs.get(candidate.key)
        if found is None:
            found = (self._pool(candidate.pool),)
            credential = candidate.account.credential
            configured = list(_configured(candidate))
            if configured:
                whole = self._pool(credential.quota_pool or credential.id)
                whole.ledgers = whole.ledgers or tuple(configured)
                found = (*found, whole)
            self._pairs[candidate.key] = found
        return found


def _configured(candidate: Candidate) -> Iterator[Ledger]:
    limits = candidate.account.credential.limits
    for name, unit, window in _CONFIGURED:
        limit = getattr(limits, name)
        if limit is not None:
            yield Sliding(unit, float(limit), window)


def _amounts(charges: Charge, tokens: int, max_output: int | None) -> tuple[float, ...]:
    """What a call is expected to take, in the order of `_UNITS`, by when its provider counts."""
    output = 0.0
    if charges == "reserve-max":
        output = float(max_output or 0)
    elif charges == "usage":
        output = float(min(TYPICAL_OUTPUT, max_output or TYPICAL_OUTPUT))
    return (1.0, tokens + output, float(tokens), output)


def _full(ledger: Ledger, now: float) -> str:
    limit = "" if ledger.limit is None else f" of {ledger.limit:,.0f}"
    return f"its limit has {max(0.0, ledger.room(now)):,.0f}{limit} {ledger.unit} left"
