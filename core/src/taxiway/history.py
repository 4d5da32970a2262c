"""What attempts were like during the last minutes and the last day: counts and spreads, in fixed memory."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from itertools import accumulate
from math import ceil, exp, floor, inf, log
from typing import Final

from attrs import Factory, define

_MEASURES: Final = 8
"""What is counted is a whole number. Divided by this it leaves the measure of a bucket, and 0 for kinds of attempts."""
GOOD, BAD, LIMITED = (kind * _MEASURES for kind in range(3))
"""What attempts are counted as: they served, failed by the endpoint's fault, met a rate limit."""
LATENCY, THROUGHPUT, DURATION, HEAD = range(1, 5)
"""Measures: seconds to the first token, tokens per second, seconds of a whole attempt, seconds to the head of a stream."""
_DAILY: Final = frozenset({GOOD, BAD})
_FINE: Final = 20
"""Buckets of a measure are e^(1/20) wide: 5 %."""
_GRAIN: Final = 30.0
_HOUR: Final = 3600.0
"""Seconds of the shortest parts, and of the longest."""
_LEVELS: Final = ((_GRAIN, 300.0), (300.0, 1800.0), (_HOUR, 24 * _HOUR))
"""How long parts are, and how far back they reach (seconds)."""


@define(eq=False)
class _Counts:
    """What was counted in a part of a history that began at `first`."""

    first: float
    counts: dict[int, int] = Factory(lambda: defaultdict(int))


def bucket(measure: int, number: float) -> int:
    """Return what a number of a measure is counted as. One that is not above 0 counts as 1e-6, so that who divides by it can."""
    return floor(log(max(1e-06, number)) * _FINE) * _MEASURES + measure


class History:
    """Counts and spreads of numbers over the last 5 minutes, 30 minutes and day, in fixed memory.

    What is counted is a key: `GOOD`, `BAD`, `LIMITED`, or the `bucket` of a number. A part holds all that fell into half a minute; when
    it is over it is added to one of 5 minutes, and what of it counts for a day to one of an hour.
    """

    __slots__ = ("_figures", "_fresh", "_levels", "_part")

    def __init__(self) -> None:
        self._levels = tuple(deque[_Counts](maxlen=ceil(span / grain) + 1) for grain, span in _LEVELS)
        self._part = _Counts(-inf)
        self._fresh, self._figures = -inf, _NOTHING

    def present(self, now: float) -> dict[int, int]:
        """Return the counts of this moment: to be added to at once, and not to be kept."""
        return self._part.counts if now - self._part.first < _GRAIN else self._next(now).counts

    def figures(self, now: float) -> "Figures":
        """Return what is known of the last 5 minutes. Read often, it is computed once a second."""
        if not 0 <= now - self._fresh < 1.0:
            self._fresh, self._figures = now, self.since(now, 300.0)
        return self._figures

    def since(self, now: float, seconds: float) -> "Figures":
        """Return what is known of the last 300, 1,800 or 86,400 seconds, and of at most a part more."""
        level = next(number for number, (_, span) in enumerate(_LEVELS) if seconds <= span)
        parts = [self._part, *self._levels[level]]
        return Figures(part.counts for part in parts if part.first > now - seconds - _LEVELS[level][0])

    def forget(self, now: float) -> None:
        """Let go of what no figure is made of any more."""
        for (grain, span), parts in zip(_LEVELS, self._levels, strict=True):
            while parts and parts[0].first <= now - span - grain:
                parts.popleft()

    def _next(self, now: float) -> _Counts:
        """Put the part that is over where it is looked for, and begin another."""
        over = self._part
        if over.counts:
            self._levels[0].append(over)
            for (grain, _), parts in list(zip(_LEVELS, self._levels, strict=True))[1:]:
                if not parts or over.first - parts[-1].first >= grain:
                    parts.append(_Counts(over.first))
                whole = parts[-1].counts
                for what, count in over.counts.items():
                    if grain < _HOUR or what in _DAILY:
                        whole[what] += count
        self._part = _Counts(now)
        return self._part


class Figures:
    """What is known of a stretch of time."""

    __slots__ = ("_counts", "_known")

    def __init__(self, parts: Iterable[Mapping[int, int]]) -> None:
        self._counts = Counter[int]()
        for part in parts:
            self._counts.update(part)
        self._known: dict[tuple[int, float, int], float | None] = {}

    def total(self, what: int) -> int:
        """Return how many of these there were."""
        return self._counts[what]

    def quantile(self, measure: int, share: float, least: int) -> float | None:
        """Return the number that this share of a measure's numbers do not exceed, within 2.5 %; None where there were too few."""
        key = (measure, share, least)
        if key not in self._known:
            self._known[key] = self._quantile(measure, share, least)
        return self._known[key]

    def _quantile(self, measure: int, share: float, least: int) -> float | None:
        buckets = sorted((what, count) for what, count in self._counts.items() if what % _MEASURES == measure)
        total = sum(count for _, count in buckets)
        if total < least:
            return None
        so_far = accumulate(count for _, count in buckets)
        what = next(what for (what, _), sum_ in zip(buckets, so_far, strict=True) if sum_ >= share * total)
        return exp((what // _MEASURES + 0.5) / _FINE)


_NOTHING: Final = Figures(())
