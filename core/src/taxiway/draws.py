"""The generator of routing draws: seeded for every call, so that a decision can be replayed."""

from random import Random
from typing import Any, Final

_MASK: Final = (1 << 64) - 1
_WHOLE: Final = 53
"""Bits of a number in [0, 1)."""


class Draws(Random):
    """A `random.Random` over SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators).

    One is kept and seeded anew for every call, which costs nothing; Mersenne Twister fills 624 words first (3.5 us), more than
    the ranking itself. For draws, not for secrets.
    """

    def seed(self, a: Any = 0, version: int = 2) -> None:
        """Begin anew at an integer."""
        self._state = int(a or 0) & _MASK
        # What `gauss` keeps for the next time would be the last call's.
        self.gauss_next = None

    def getrandbits(self, k: int, /) -> int:
        """Return a number of `k` bits."""
        bits = 0
        for _ in range(0, k, _WHOLE):
            bits = bits << _WHOLE | int(self.random() * 2.0**_WHOLE)
        return bits >> -k % _WHOLE

    def random(self) -> float:
        """Return a number in [0, 1)."""
        self._state = state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((state ^ (state >> 31)) >> 11) * 2.0**-53
