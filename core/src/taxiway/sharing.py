"""Pools that turn out to be one: what is left of one falls by what another used, time and again."""

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import Factory, define

from taxiway.ledgers import Pool, Stated

_OWN: Final = 4
"""After so many requests of its own a pool is compared with the others; earlier, noise would be as large as what is looked for."""
_LEAST: Final = 4
_TIMES: Final = 3
"""So many comparisons in a row must agree."""
_LONGEST: Final = 120.0
"""Seconds: in a longer time too much else happens."""
_FULL: Final = 0.95
"""A bucket that is nearly full has overflown, maybe: what is left of it tells nothing."""


@define(eq=False)
class Mark:
    """What was left of a pool at one of its requests, sent `at`, and what it and its peers had taken by then.

    `looked`: what it had taken when it was last compared.
    """

    left: float
    end: float
    at: float
    own: int
    taken: Mapping[str, int]
    looked: int


@define(eq=False)
class Sharing:
    """The pools of one quota group at one provider, in one workspace: which of them may be one and the same."""

    pools: dict[str, Pool] = Factory(dict)
    _marks: dict[str, Mark] = Factory(dict)
    _agreed: dict[tuple[str, str], int] = Factory(dict)

    def saw(self, pool: Pool, stated: Stated, left: float, own: int, at: float) -> Sequence[Pool]:
        """Compare what a reply says is `left` of its pool's requests. `own`: what the pool had taken by its request, sent `at`.

        Returns the pools that it is one with, once that is sure.
        """
        mark = self._marks.get(pool.name)
        if mark is not None and own - mark.looked < _OWN and at - mark.at < _LONGEST:
            return ()
        taken = {name: peer.taken[0] for name, peer in self.pools.items() if peer is not pool}
        fresh = Mark(left, stated.end, at, own, taken, own)
        overflown = mark is not None and stated.refill and max(left, mark.left) > _FULL * stated.limit
        anew = mark is None or (stated.end != mark.end and not stated.refill)
        if mark is None or anew or overflown or stated.rolls or at - mark.at >= _LONGEST:
            self._marks[pool.name] = fresh
            return ()
        mark.looked = own
        others = mark.left + stated.refill * (at - mark.at) - (own - mark.own) - left
        slack = 1.0 + stated.refill + 0.1 * max(0.0, others)
        used = {name: now - mark.taken.get(name, now) for name, now in taken.items()}
        if max(others, *used.values()) < _LEAST + slack:
            return ()
        self._marks[pool.name] = fresh
        return self._judge(pool, stated, others, slack, used)

    def forget(self, name: str) -> None:
        """A pool is no more."""
        self.pools.pop(name, None)
        self._marks.pop(name, None)
        self._agreed = {pair: times for pair, times in self._agreed.items() if name not in pair}

    def _judge(
        self, pool: Pool, stated: Stated, others: float, slack: float, used: Mapping[str, int]
    ) -> Sequence[Pool]:
        """`others`: what somebody else took from the pool meanwhile; `used`: what each peer took, by our own count."""
        peers = self.pools
        may = {name for name, amount in used.items() if amount <= others + slack and peers[name].is_like(stated)}
        for name in used.keys() - may:
            self._agreed.pop((pool.name, name), None)
        if abs(others - sum(used[name] for name in may)) > slack:
            return ()
        pairs = [(pool.name, name) for name in may if used[name] >= _LEAST]
        for pair in pairs:
            self._agreed[pair] = self._agreed.get(pair, 0) + 1
        return [peers[name] for pair in pairs if self._agreed[pair] >= _TIMES for name in pair[1:]]
