"""Quotas: what each pool may still take. Picking reserves in the same step, so that a hundred concurrent calls don't see one slot.

A pool has a ledger of each unit and window that its provider states; `limits` count the whole account. Where nothing is known,
nothing is in the way. Every `now` is in seconds of the monotonic clock.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Final

from taxiway.call import TYPICAL_OUTPUT
from taxiway.candidate import Candidate, Charge
from taxiway.gates import Block
from taxiway.ledgers import UNITS, Sliding, Stated
from taxiway.outcome import QuotaHint
from taxiway.pools import Amounts, Pool, Reservation
from taxiway.sharing import Sharing
from taxiway.windows import MINUTE

LONGEST_PAUSE: Final = MINUTE
"""After a 429 that says no time: 1, 2, 4, ... seconds, never more than this."""
_FIRM: Final = 0.5
"""A limit less certain than this shuts nothing; it only makes headroom small."""
_SHORT: Final = 90.0
"""Seconds: who is told to wait longer met no limit of a minute."""
_LONG: Final = 10 * MINUTE
"""Seconds: a pool that takes nothing for so long is told of as one that is shut."""
_PLACES: Final[Mapping[str, int]] = {unit: place for place, unit in enumerate(UNITS)}
_SWEEP: Final = MINUTE
"""How often what is idle is looked for."""
_FORGOTTEN: Final = 48 * 60 * MINUTE
"""How long what nobody used is kept: longer than any window."""


class _Found(dict[Candidate, Pool]):
    """Pools by candidate: each is looked for once."""

    def __init__(self, find: Callable[[Candidate], Pool]) -> None:
        self._find = find

    def __missing__(self, candidate: Candidate) -> Pool:
        pool = self[candidate] = self._find(candidate)
        return pool


class Quotas:
    """The pools of all candidates, `found` by candidate. `random` spreads what waits for the same instant."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._pools: dict[str, Pool] = {}
        self._limits: dict[str, list[Sliding]] = {}
        self.found = _Found(self._find)
        self._groups: dict[str, Sharing] = {}
        self._sweep_at = 0.0
        self._number = 0

    def shared(self, candidate: Candidate) -> tuple[str, ...]:
        """Return the labels of the other accounts that draw from the candidate's pool: declared, or by what counters say."""
        pool = self.found[candidate]
        accounts = dict(pool.labels)
        for other in self._groups[pool.group].seem(pool.name):
            accounts |= other.labels
        return tuple(sorted(label for key, label in accounts.items() if key != candidate.account.key))

    def reloaded(self) -> None:
        """There is a new configuration, with other keys maybe: which pools seem to be one is found out again."""
        self.found.clear()
        for pool in self._pools.values():
            pool.labels.clear()
        for group in self._groups.values():
            group.reloaded()

    def ledgers(self, candidate: Candidate) -> Sequence[Sliding | Stated] | None:
        """Return the limits that are known of a candidate's pool; None where nobody used it yet."""
        pool = self._pools.get(candidate.pool)
        return None if pool is None else pool.ledgers

    def room(self, candidate: Candidate, tokens: int, max_output: int | None, now: float) -> float | Block:
        """Return the room that its pool has for a call of that size: see `Pool.room`."""
        return self.found[candidate].room(amounts_of(candidate.endpoint.charges, tokens, max_output), now)

    def reserve(self, candidate: Candidate, tokens: int, max_output: int | None, now: float) -> Reservation:
        """Take one request and the estimated tokens."""
        if now >= self._sweep_at:
            self._sweep(now)
        charges = candidate.endpoint.charges
        self._number = number = self._number + 1
        return Reservation(self.found[candidate], number, amounts_of(charges, tokens, max_output), charges, now)

    def learn(self, reservation: Reservation, hints: Iterable[QuotaHint], now: float, epoch: float) -> None:
        """Take in what a reply to the reservation's request stated. `epoch`: the provider's now, for resets.

        A reply that took a minute carries figures a minute old: those of requests sent earlier than the last are dropped.
        """
        pool, number, at = reservation.pool, reservation.number, reservation.at
        # Providers reckon when they admit a request, which is sooner than a long reply is there.
        pool.lag = lag = min(pool.lag, now - at)
        pool.fresh = -math.inf
        for hint in hints:
            # Where nothing is said of a window: nearly all count by the minute.
            unit, left, limit, window = _PLACES.get(hint.unit), hint.remaining, hint.limit, hint.window or MINUTE
            # A limit of 0 (or -1) is said where there is none, or where nothing at all is allowed: then refusals say so.
            if unit is None or left is None or (limit is not None and limit <= 0):
                continue
            ledger = pool.known.get((unit, window)) or pool.stated(unit, window)
            if number < ledger.number:
                continue
            ledger.number = number
            ledger.sure = ledger.firm = hint.confidence >= _FIRM
            reset = at + lag + (window if hint.reset is None else max(0.0, hint.reset - epoch) + hint.rounding)
            # What was reserved later is not in what they say.
            ledger.state(hint, left - pool.taken_later(reservation, unit), at, reset, now, pool)
            if unit == 0 and ledger.limit < math.inf and len((group := self._groups[pool.group]).pools) > 1:
                group.saw(pool, ledger, left, reservation.before[0] + reservation.amounts[0], at)
            if left >= 1 and number > pool.shut_by:
                pool.shut = -math.inf

    def shut(self, reservation: Reservation, retry_after: float | None, now: float) -> float:
        """A 429: close the pool. Returns until when. Without a stated time the pause doubles with every further one."""
        pool = reservation.pool
        if retry_after is not None and retry_after > 0:
            pause = retry_after + self._random.uniform(0.0, min(2.0, 0.1 * retry_after))
        else:
            pause = min(LONGEST_PAUSE, 2.0**pool.pauses) * self._random.uniform(0.8, 1.2)
        if retry_after is None or retry_after <= _SHORT:
            pool.refused(reservation.amounts, now, again=now < pool.shut)
        if now >= pool.shut:
            # Calls that were under way together are refused together: that is one refusal.
            pool.pauses = min(pool.pauses + 1, 6)
        pool.shut, pool.shut_by = max(pool.shut, now + pause), max(pool.shut_by, reservation.number)
        return pool.shut

    def closed(self, now: float) -> frozenset[str]:
        """Return the pools that take nothing for a long time: a limit of a day is used up."""
        then = now + _LONG
        return frozenset(
            name
            for name, pool in self._pools.items()
            if pool.shut > then
            or any(one.firm and one.room(now) < 1 and one.frees(1, now) > then for one in pool.ledgers)
        )

    def _find(self, candidate: Candidate) -> Pool:
        """Return the pool that a candidate draws from. What names limits first sets them for the whole account."""
        credential = candidate.account.credential
        limits = self._limits.setdefault(credential.quota_pool or credential.id, [])
        if not limits:
            stated = credential.limits
            rows = (
                (0, stated.requests_per_minute, 60.0),
                (0, stated.requests_per_day, 86_400.0),
                (1, stated.tokens_per_minute, 60.0),
                (1, stated.tokens_per_day, 86_400.0),
            )
            limits += [Sliding(unit, float(limit), window) for unit, limit, window in rows if limit is not None]
            for pool in self._pools.values() if limits else ():
                pool.arrange()
        name, account = candidate.pool, candidate.account
        if name not in self._pools:
            group = f"{credential.workspace}/{candidate.endpoint.provider}#{candidate.endpoint.quota_group}"
            self._pools[name] = Pool(name, group, limits)
            self._groups.setdefault(group, Sharing()).pools[name] = self._pools[name]
        self._pools[name].labels[account.key] = account.label
        return self._pools[name]

    def _sweep(self, now: float) -> None:
        """Forget what nobody used for longer than any window: it is not configured any more, or nothing is known of it."""
        self._sweep_at = now + _SWEEP
        self.found.clear()
        for name in [name for name, pool in self._pools.items() if now - pool.marks[-1][0] >= _FORGOTTEN]:
            self._groups[self._pools.pop(name).group].forget(name)
        self._groups = {name: group for name, group in self._groups.items() if group.pools}
        used = {id(pool.limits) for pool in self._pools.values()}
        self._limits = {name: limits for name, limits in self._limits.items() if id(limits) in used}


def amounts_of(charges: Charge, tokens: int, max_output: int | None) -> Amounts:
    """Return what a call is expected to take, by when its provider counts."""
    if charges == "admission":
        return (1, tokens, tokens, 0)
    output = max_output or 0 if charges == "reserve-max" else min(TYPICAL_OUTPUT, max_output or TYPICAL_OUTPUT)
    return (1, tokens + output, tokens, output)
