"""The generator that strategies get: whatever they ask of it hangs on the call's seed alone."""

from collections import Counter

import pytest

from taxiway.draws import Draws

ASKED = {
    "random": lambda draws: draws.random(),
    "gauss": lambda draws: draws.gauss(0.0, 1.0),
    "bits": lambda draws: draws.getrandbits(200),
    "bytes": lambda draws: draws.randbytes(9),
    "range": lambda draws: draws.randrange(1000),
    "sample": lambda draws: draws.sample(range(100), 5),
}


NINE = [
    0.6453314011985295,
    0.3682253350560314,
    0.00853235272501307,
    0.7922486768243069,
    0.31342329794486345,
    0.07982043518436199,
    0.7455006103973398,
    0.014946902047601185,
    0.9199140373920403,
]


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED.keys())
def test_the_same_seed_gives_the_same_whatever_was_asked_before(ask):
    draws = Draws()
    draws.seed(7)
    first = ask(draws)
    ask(draws)
    draws.seed(7)
    assert ask(draws) == first
    draws.seed(8)
    assert ask(draws) != first


def test_bits_are_as_likely_one_as_the_other():
    draws = Draws()
    draws.seed(1)
    for bits in (1, 16, 53, 54, 64, 200):
        seen = [draws.getrandbits(bits) for _ in range(2000)]
        for place in {0, bits // 2, bits - 1}:
            ones = Counter(number >> place & 1 for number in seen)[1]
            assert 850 < ones < 1150
        assert max(seen) < 2**bits
    assert draws.getrandbits(0) == 0


def test_what_a_seed_draws_is_what_records_rely_on():
    draws = Draws(7)
    assert [draws.random() for _ in range(9)] == NINE
