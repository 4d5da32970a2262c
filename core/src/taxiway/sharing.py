"""Pools that seem to be one: a single counter explains what is stated of both, time and again.

It is told and nothing else: other processes that spread their load evenly can make two counters look like one for a while.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import Factory, define

from taxiway.ledgers import Stated
from taxiway.pools import Pool

_OWN: Final = 4
"""After so many requests of its own a pool is compared with the others; earlier, noise would be as large as what is looked for."""
_LEAST: Final = 4
_TIMES: Final = 8
_DOUBTS: Final = 2
"""So many comparisons in a row must agree; then so many that don't end it."""
_OFF: Final = 0.5
"""One counter is known to the request; by more than this, two differ."""
_APART: Final = 3.0
"""Seconds: the ends of one window, as two replies state them, are no further apart."""
_LONGEST: Final = 120.0
"""Seconds: in a longer time too much else happens."""
_FULL: Final = 0.95
"""A bucket that is nearly full has overflown, maybe: what is left of it tells nothing."""


@define(eq=False)
class Mark:
    """What was left of a pool at one of its requests, sent `at`, and what each pool had taken by then.

    It stays as long as what it foretells is what is said. `looked`: what each had taken when they were last compared; it is tried
    again when it has itself taken `due`.
    """

    left: float
    end: float
    at: float
    taken: Mapping[str, int]
    looked: Mapping[str, int]
    due: int

    def off(self, later: "Mark", names: Iterable[str], refill: float) -> float:
        """How much less is left `later` than one counter of the pools of these names would have."""
        took = sum(later.taken[name] - self.taken.get(name, 0) for name in names)
        return self.left + refill * (later.at - self.at) - took - later.left


@define(eq=False)
class Sharing:
    """The pools of one quota group at one provider, in one workspace: which of them may be one and the same."""

    pools: dict[str, Pool] = Factory(dict)
    _marks: dict[float, dict[str, Mark]] = Factory(dict)
    """By window: a provider may count by the minute and by the day."""
    _agreed: dict[tuple[str, str], int] = Factory(dict)
    _seem: set[tuple[str, str]] = Factory(set)

    def seem(self, name: str) -> list[Pool]:
        """Return the other pools that seem to be one with that of this name, or with one of those."""
        found = {name: None}
        while more := {
            one: None for pair in self._seem if not found.keys().isdisjoint(pair) for one in pair if one not in found
        }:
            found |= more
        return [self.pools[one] for one in found if one != name]

    def saw(self, pool: Pool, stated: Stated, left: float, own: int, at: float) -> None:
        """Compare what a reply says is `left` of its pool's requests. `own`: what the pool had taken by its request, sent `at`."""
        marks, window = self._marks.setdefault(stated.window, {}), not stated.refill
        mark = marks.get(pool.name)
        anew = mark is None or (window and (stated.end != mark.end or left > mark.left))
        if mark is not None and not anew and own < mark.due and at - mark.at < _LONGEST:
            return
        taken = {name: own if peer is pool else peer.requests_by(at) for name, peer in self.pools.items()}
        fresh = Mark(left, stated.end, at, taken, taken, own + _OWN)
        overflown = mark is not None and not window and max(left, mark.left) > _FULL * stated.limit
        if mark is None or anew or overflown or stated.used is not None or at - mark.at >= _LONGEST:
            marks[pool.name] = fresh
            return
        mark.due = own + _OWN
        busy = [name for name in taken if name != pool.name and taken[name] - mark.looked.get(name, 0) >= _LEAST]
        if busy and self._judge(pool.name, stated, fresh, busy):
            mark.looked = taken
        elif busy:
            marks[pool.name] = fresh

    def reloaded(self) -> None:
        """There may be other keys now."""
        self._agreed.clear()
        self._seem.clear()

    def forget(self, name: str) -> None:
        """A pool is no more."""
        self.pools.pop(name, None)
        for marks in self._marks.values():
            marks.pop(name, None)
        self._agreed = {pair: times for pair, times in self._agreed.items() if name not in pair}
        self._seem = {pair for pair in self._seem if name not in pair}

    def _judge(self, own: str, stated: Stated, fresh: Mark, busy: Iterable[str]) -> bool:
        """Count for and against each `busy` peer of the pool `own`, of which `fresh` is known now. Whether it agrees with one."""
        marks, window = self._marks[stated.window], not stated.refill
        # Of an earlier window nothing can be said.
        known = [name for name in busy if (mark := marks.get(name)) and not (window and mark.end <= fresh.at)]
        may = [
            name
            for name in known
            if (peer := self.pools[name].known.get((stated.unit, stated.window)))
            and peer.limit == stated.limit
            and not (window and abs(marks[name].end - fresh.end) > _APART)
            and marks[name].off(fresh, (own, name), stated.refill) >= -_OFF - stated.refill
        ]
        one = may if self._is_one(own, may, fresh, stated) else []
        one = one or [name for name in may if self._is_one(own, [name], fresh, stated)]
        for name in known:
            pair = (min(own, name), max(own, name))
            times = self._agreed.get(pair, 0)
            times = self._agreed[pair] = min(max(times, 0) + 1, _TIMES) if name in one else min(times, 0) - 1
            if times == _TIMES:
                self._seem.add(pair)
            elif times <= -_DOUBTS:
                self._seem.discard(pair)
        return bool(one)

    def _is_one(self, own: str, others: Iterable[str], fresh: Mark, stated: Stated) -> bool:
        """Whether one counter explains what was last said of each of them."""
        marks, names = self._marks[stated.window], (own, *others)
        return all(abs(marks[name].off(fresh, names, stated.refill)) <= _OFF + stated.refill for name in names)
