"""Secrets: values that never show themselves, and the scrubber that catches what others let slip."""

import base64
import hmac
import re
import traceback
from typing import Final, NoReturn
from urllib.parse import quote
from weakref import WeakValueDictionary

HIDDEN: Final = "[secret]"

# Shapes of keys that may reach a text without ever having been a Secret of ours: provider error bodies echo them.
_SHAPES: Final = re.compile(r"(?i:bearer\s+)[\w.~+/=-]{8,}|\bsk-[\w-]{8,}|\bAIza[\w-]{16,}|\btw-v1-[\w-]{8,}")
_SHORTEST_SCRUBBED: Final = 6
"""Characters: a shorter secret would hide half of every text."""


class Secret:
    """A key or token. It has no plain `repr`, `str`, format, pickle or JSON form; `reveal()` is the only way in."""

    __slots__ = ("__weakref__", "_value")

    def __init__(self, value: str) -> None:
        """Hold `value`; as long as this object lives, `scrub` hides the value."""
        self._value = value
        _live[id(self)] = self

    def reveal(self) -> str:
        """Return the plain value. Call it only where the value is sent, signed or hashed."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret can't be pickled or copied into another process")

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        return self


# By identity: of two equal secrets both must stay known while either lives.
_live: Final[WeakValueDictionary[int, Secret]] = WeakValueDictionary()


def scrub(text: str) -> str:
    """Hide every live secret in `text` (plain, URL-encoded, base64) and everything that looks like a key."""
    values = {value for secret in list(_live.values()) if len(value := secret.reveal()) >= _SHORTEST_SCRUBBED}
    # The longest first: of one that begins like another, the rest would stay.
    for value in sorted(values, key=len, reverse=True):
        for form in (value, quote(value, safe=""), base64.b64encode(value.encode()).decode()):
            if form in text:
                text = text.replace(form, HIDDEN)
    return _SHAPES.sub(HIDDEN, text)


def trace() -> str:
    """Return the traceback of the exception that is being handled, scrubbed: it may quote a key."""
    return scrub(traceback.format_exc())
