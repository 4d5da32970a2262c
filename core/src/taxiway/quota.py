"""Quotas: what each pool may still take. Picking reserves in the same step, so that a hundred concurrent calls don't see one slot.

A pool has a ledger of each unit and window that its provider states; `limits` count the whole account. Where nothing is known,
nothing is in the way. Every `now` is in seconds of the monotonic clock.
"""

import math
from collections.abc import Iterable, Sequence
from random import Random
from typing import Final

from taxiway.call import TYPICAL_OUTPUT
from taxiway.candidate import Candidate
from taxiway.gates import Block
from taxiway.ledgers import MINUTE, UNITS, Amounts, Pool, Reservation, Sliding, Stated
from taxiway.outcome import QuotaHint
from taxiway.sharing import Sharing

LONGEST_PAUSE: Final = 60.0
"""After a 429 that says no time: 1, 2, 4, ... seconds, never more than this."""
_FIRM: Final = 0.5
"""A limit less certain than this shuts nothing; it only makes headroom small."""
_SHORT: Final = 90.0
"""Seconds: who is told to wait longer met no limit of a minute."""
_LONG: Final = 600.0
_SWEEP: Final = 60.0
_FORGOTTEN: Final = 2 * 86_400.0


class Quotas:
    """The pools of all candidates. `random` spreads what waits for the same instant."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._pools: dict[str, Pool] = {}
        self._limits: dict[str, list[Sliding]] = {}
        self._found: dict[Candidate, Pool] = {}
        self._groups: dict[str, Sharing] = {}
        self._sweep_at = 0.0
        self._turn = 0

    def shared(self, candidate: Candidate) -> tuple[str, ...]:
        """Return the labels of the other accounts that draw from the candidate's pool: declared, or by what counters say."""
        pool = self._found.get(candidate) or self._find(candidate)
        accounts = dict(pool.labels)
        for other in self._groups[pool.group].seem(pool.name):
            accounts |= other.labels
        return tuple(sorted(label for key, label in accounts.items() if key != candidate.account.key))

    def reloaded(self) -> None:
        """There is a new configuration, with other keys maybe: which pools seem to be one is found out again."""
        self._found.clear()
        for pool in self._pools.values():
            pool.labels.clear()
        for group in self._groups.values():
            group.reloaded()

    def ledgers(self, candidate: Candidate) -> Sequence[Sliding | Stated] | None:
        """Return the limits that are known of a candidate's pool; None where nobody used it yet."""
        pool = self._pools.get(candidate.pool)
        return None if pool is None else pool.ledgers

    def roomiest(self, free: Sequence[tuple[Candidate, float]]) -> tuple[Candidate, float]:
        """Return, of candidates with their room, the one with most of it; of equal ones that which was longest unused."""
        best, most, least = free[0], -1.0, 0
        for one in free:
            if one[1] >= most:
                turn = (self._found.get(one[0]) or self._find(one[0])).turn
                if one[1] > most or turn < least:
                    best, most, least = one, one[1], turn
        return best

    def room(self, candidate: Candidate, tokens: int, max_output: int | None, now: float) -> float | Block:
        """Return the free share of the candidate's tightest limit, 0 to 1 (1 where none is known).

        A block where its pool or limits can't take a call of that size now; a soft one, where nobody is sure of the limit.
        """
        pool = self._found.get(candidate) or self._find(candidate)
        if now < pool.shut:
            return Block("rate limited by the provider", "rate_limited", pool.shut)
        if not pool.ledgers:
            return 1.0
        amounts = _amounts(candidate, tokens, max_output)
        share, full, until, soft = 1.0, "", now, True
        for ledger in pool.ledgers:
            left, limit, need = ledger.room(now), ledger.limit, amounts[ledger.unit]
            # A call larger than the limit itself is for the provider to refuse.
            if left < need and left < limit:
                full, soft = full or f"its {_said(ledger, left)} left", soft and not ledger.firm
                until = max(until, ledger.frees(min(need, limit), now))
            elif limit and left < share * limit < math.inf:
                share = left / limit
        return Block(full, "rate_limited", until, soft=soft) if full else max(0.0, share)

    def reserve(self, candidate: Candidate, tokens: int, max_output: int | None, now: float) -> Reservation:
        """Take one request and the estimated tokens."""
        if now >= self._sweep_at:
            self._sweep(now)
        pool = self._found.get(candidate) or self._find(candidate)
        self._turn = pool.turn = self._turn + 1
        return Reservation(pool, _amounts(candidate, tokens, max_output), candidate.endpoint.charges, now)

    def learn(self, reservation: Reservation, hints: Iterable[QuotaHint], now: float, epoch: float) -> None:
        """Take in what a reply to the reservation's request stated. `epoch`: the provider's now, for resets.

        A reply that took a minute carries figures a minute old: those of requests sent earlier than the last are dropped.
        """
        pool, number = reservation.pool, reservation.number
        # Providers reckon when they admit a request, which is sooner than a long reply is there.
        pool.lag = lag = min(pool.lag, now - reservation.at)
        # What was reserved later is not in what they say.
        later = pool.taken_later(reservation)
        for hint in hints:
            # A limit of 0 (or -1) is said where there is none, or where nothing at all is allowed: then refusals say so.
            if hint.unit not in UNITS or hint.remaining is None or (hint.limit is not None and hint.limit <= 0):
                continue
            unit, window = UNITS.index(hint.unit), hint.window or MINUTE
            ledger = pool.known.get((unit, window)) or pool.stated(unit, window, now)
            if number < ledger.number:
                continue
            wait = window if hint.reset is None else max(0.0, hint.reset - epoch) + hint.rounding
            ledger.sure = ledger.firm = hint.confidence >= _FIRM
            reset = reservation.at + lag + wait
            ledger.state(
                hint.remaining - max(0, later[unit]), hint.limit, hint.refill or 0.0, reservation.at, reset, now
            )
            ledger.number = number
            if unit == 0 and ledger.limit < math.inf and len(self._groups[pool.group].pools) > 1:
                own = reservation.before[0] + reservation.amounts[0]
                self._groups[pool.group].saw(pool, ledger, hint.remaining, own, reservation.at)
            if hint.remaining >= 1 and number > pool.shut_by:
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
        """Return the pool that a candidate draws from, and remember it. What names limits first sets them for the whole account."""
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
        name, account = candidate.pool, candidate.account
        pool = self._pools.get(name)
        if pool is None:
            group = f"{credential.workspace}/{candidate.endpoint.provider}#{candidate.endpoint.quota_group}"
            pool = self._pools[name] = Pool(name, group, limits)
            self._groups.setdefault(group, Sharing()).pools[name] = pool
        pool.labels[account.key] = account.label
        self._found[candidate] = pool
        return pool

    def _drop(self, name: str) -> None:
        pool = self._pools.pop(name)
        group = self._groups[pool.group]
        group.forget(name)
        if not group.pools:
            del self._groups[pool.group]

    def _sweep(self, now: float) -> None:
        """Forget what nobody used for longer than any window: it is not configured any more, or nothing is known of it."""
        self._sweep_at = now + _SWEEP
        self._found.clear()
        for name in [name for name, pool in self._pools.items() if now - pool.seen >= _FORGOTTEN]:
            self._drop(name)
        used = {id(pool.limits) for pool in self._pools.values()}
        self._limits = {name: limits for name, limits in self._limits.items() if id(limits) in used}


def _amounts(candidate: Candidate, tokens: int, max_output: int | None) -> Amounts:
    """What a call is expected to take, by when its provider counts."""
    charges, output = candidate.endpoint.charges, 0
    if charges == "reserve-max":
        output = max_output or 0
    elif charges == "usage":
        output = min(TYPICAL_OUTPUT, max_output or TYPICAL_OUTPUT)
    return (1, tokens + output, tokens, output)


def _said(ledger: Sliding | Stated, left: float) -> str:
    kind = "learnt limit" if ledger.source == "learnt" else "limit"
    of = "" if ledger.limit == math.inf else f" of {ledger.limit:,.0f}"
    return f"{kind} has {max(0.0, left):,.0f}{of} {UNITS[ledger.unit]}"
