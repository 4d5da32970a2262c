"""A secret shows itself nowhere, and the scrubber hides what others let slip."""

import base64
import copy
import json
import pickle
from itertools import permutations
from urllib.parse import quote

import pytest
from attrs import asdict, define

from taxiway.codec import dumps
from taxiway.errors import Malformed
from taxiway.secret import HIDDEN, Secret, scrub

KEY = "planted/key+of?its own"


@define
class Holder:
    """A value that has a secret in it."""

    key: Secret


SHOWN = {
    "repr": repr,
    "str": str,
    "format": "{:>40}".format,
    "both": lambda secret: f"{secret} {secret!r}",
    "inside": lambda secret: f"{[secret]} {Holder(secret)} {asdict(Holder(secret))}",
    "copied": lambda secret: f"{copy.copy(secret)} {copy.deepcopy([secret])}",
    "raised": lambda secret: str(ValueError("refused", secret)),
}
WRITTEN = {
    "pickle": pickle.dumps,
    "json": json.dumps,
    "codec": dumps,
    "inside": lambda secret: dumps(Holder(secret)),
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
def test_it_has_no_plain_form(show):
    assert KEY not in show(Secret(KEY))
    assert HIDDEN in show(Secret(KEY))


@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN)
def test_it_can_not_be_written(write):
    with pytest.raises((TypeError, Malformed)):
        write(Secret(KEY))


def test_it_is_known_in_every_form_as_long_as_it_lives():
    first, second = Secret(KEY), Secret(KEY)
    assert first == second
    for form in (KEY, quote(KEY, safe=""), base64.b64encode(KEY.encode()).decode()):
        assert scrub(f"bad {form}!") == f"bad {HIDDEN}!"
    del first, second
    assert scrub(KEY) == KEY


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_that_are_equal_both_must_be_gone(first):
    two = [Secret(KEY), Secret(KEY)]
    del two[first]
    assert scrub(KEY) == HIDDEN
    del two[0]
    assert scrub(KEY) == KEY


@pytest.mark.parametrize("text", [
    "Bearer abcdefgh", "bearer  abc.def~ghi", "sk-or-v1-abcdefgh", "AIzaSyAbcdefghijklmnop", "tw-v1-abcdefgh",
])  # fmt: skip
def test_what_looks_like_a_key_is_hidden_though_nobody_knows_it(text):
    assert scrub(f"refused: {text}, try again") == f"refused: {HIDDEN}, try again"


def test_what_does_not_look_like_one_stays():
    secret = Secret("short")
    text = "a risk-averse bearer of a short task-list said sk-1"
    assert scrub(text) == text
    del secret


def test_of_secrets_that_begin_alike_nothing_stays():
    for values in permutations(("planted-key", "planted-key-and-more", "planted")):
        live = [Secret(value) for value in values]
        assert scrub("refused: planted-key-and-more") == f"refused: {HIDDEN}"
        del live
