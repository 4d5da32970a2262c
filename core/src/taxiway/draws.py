"""The generator of routing draws: seeded for every call, so that a decision can be replayed."""

from hashlib import blake2b
from random import Random
from struct import Struct
from typing import Any, Final

_MASK: Final = (1 << 64) - 1
_WHOLE: Final = 53
"""Bits of a number in [0, 1)."""
_BLOCK: Final = Struct("<8Q")


class Draws(Random):
    """A `random.Random` over BLAKE2b (RFC 7693) of the seed and a counter: eight draws a block, made in C.

    One is kept and seeded anew for every call, which costs nothing; Mersenne Twister fills 624 words first (3.5 us), more than
    the ranking itself. For draws, not for secrets.
    """

    # Beside what `Random` is in C, a dict is slow to look things up in.
    __slots__ = ("_left", "_next", "gauss_next")

    def seed(self, a: Any = 0, version: int = 2) -> None:
        """Begin anew at an integer."""
        self._next = (int(a or 0) & _MASK) << 64
        self._left: list[int] = []
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
        if not self._left:
            self._left[:] = _BLOCK.unpack(blake2b(self._next.to_bytes(16, "little")).digest())
            self._next += 1
        return (self._left.pop() >> 11) * 2.0**-53
