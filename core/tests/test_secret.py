"""The scrubber."""

from itertools import permutations

from taxiway.secret import HIDDEN, Secret, scrub


def test_of_secrets_that_begin_alike_nothing_stays():
    for values in permutations(("planted-key", "planted-key-and-more", "planted")):
        live = [Secret(value) for value in values]
        assert scrub("refused: planted-key-and-more") == f"refused: {HIDDEN}"
        del live
