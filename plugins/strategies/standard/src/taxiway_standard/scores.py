"""What several strategies share: where an outage stands, when two figures count as equal, and which name means an endpoint."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from taxiway import Endpoint

T = TypeVar("T")

OUTAGE: Final = 1e9
"""Added to the score of an endpoint with an outage: behind all that have none, and in their own order among themselves."""
UNKNOWN: Final = 1e7
"""The score of what has no figure and stands last: behind all `steps`, before every outage."""
FREE: Final = 0.1
"""A free endpoint counts as if it cost this share of the cheapest that costs something."""
_MOST: Final = 1e6
_SMALLEST: Final = 1e-12
"""What stands for a figure of 0, which is no measure for others."""


def steps(figures: Sequence[float], tolerance: float) -> Sequence[float]:
    """Return of each figure how many times the tolerance it is worse than the best, rounded down; without one, how much worse.

    Lower figures are better. Those within the tolerance of the best are equal, so that the next strategy decides between them.
    """
    best = max(min(figures, default=0.0), _SMALLEST)
    worse = [figure / best - 1.0 for figure in figures]
    if tolerance:
        # The last digits of a float decide nothing.
        return [float(int(min(share / tolerance + 1e-9, _MOST))) for share in worse]
    return [min(share, _MOST) for share in worse]


def middle(figures: Sequence[float | None], default: float) -> float:
    """Return the median of the figures that are known: what is assumed of those that are not."""
    known = sorted(figure for figure in figures if figure is not None)
    return known[len(known) // 2] if known else default


def closest(table: Mapping[str, T], endpoint: Endpoint, default: T) -> T:
    """Look an endpoint up by its model's slug, its tag and its provider, in this order."""
    for name in (endpoint.model, endpoint.tag, endpoint.provider):
        if name in table:
            return table[name]
    return default
