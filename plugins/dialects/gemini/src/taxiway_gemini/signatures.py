"""Where thought signatures stay while a conversation is told in canonical chat.

Gemini signs parts: calls, texts, images, thoughts, also an empty last text. Each signature must come back on the part that it
came on (ai.google.dev/gemini-api/docs/thought-signatures). Canonical chat has one text, one list of calls and one list of
images, so a signature becomes an item of `reasoning_details` whose `id` says where it belongs:

    a tool call's id        the call
    text:<start>:<end>      that slice of the content
    image:<number>          that image
    part:<offset>           no signature: `data` is a whole part that chat has no word for (code that ran on Google's side, ...),
                            as JSON, and where in the content it stood
    ...:<calls>             a text or a part that came after that many calls
    none, or another id     the first call without a signature, else the end of the content

The other way round, reasoning of other models must survive a client that speaks Gemini: what belongs to it beside its text
is wrapped into the signature of a thought.
"""

import base64
import binascii
import re
from typing import Any, Final

from attrs import frozen

from taxiway.codec import Json, dumps, loads, text_of
from taxiway.errors import Malformed

FORMAT: Final = "google-gemini-v1"
"""OpenRouter's name for reasoning that Gemini signed."""

UNSIGNED: Final = "skip_thought_signature_validator"
"""What Google accepts instead of a signature where another model made the call, or none was kept (page above, FAQ)."""

_PLACE: Final = re.compile(r"(text:(\d{1,9}):(\d{1,9})|image:\d{1,9}|part:(\d{1,9}))(?::(\d{1,9}))?")

# Nine bytes, so that base64 of whatever follows begins with the same twelve characters.
_MARK: Final = base64.b64encode(b"taxiway1:").decode()
_TEXTS: Final = {"reasoning.text": "text", "reasoning.summary": "summary"}


@frozen
class Place:
    """Where a signature or a part belongs: a slice of the content (a part's is empty), after so many calls."""

    kind: str
    start: int
    end: int
    calls: int


def place_of(detail_id: Any) -> Place | None:
    """Read an `id`; None where it names no slice of the content."""
    match = _PLACE.fullmatch(detail_id) if type(detail_id) is str else None
    if match is None or match[1].startswith("image"):
        return None
    start = int(match[2] or match[4])
    return Place(match[1].partition(":")[0], start, max(start, int(match[3] or 0)), int(match[5] or 0))


def named(kind: str, calls: int, *numbers: int) -> str:
    """Return the `id` of a place."""
    told = ":".join(str(number) for number in (numbers if not calls else (*numbers, calls)))
    return f"{kind}:{told}"


def wrapped(detail: Json) -> str:
    """Make a signature of what another model's reasoning has beside its text."""
    text = text_member(detail)
    rest = {name: value for name, value in detail.items() if name not in {text, "index"}}
    return _MARK + base64.b64encode(dumps(rest)).decode()


def unwrapped(signature: str) -> Json | None:
    """Return what `wrapped` put into a signature; None for one of Gemini's own."""
    if not signature.startswith(_MARK):
        # The SDKs decode and encode bytes, and some use the other alphabet.
        return None
    data = signature[len(_MARK) :].replace("-", "+").replace("_", "/")
    try:
        detail = loads(base64.b64decode(data + "=" * (-len(data) % 4), validate=True))
    except (binascii.Error, ValueError, Malformed):
        return None
    return detail if type(detail) is dict else None


def text_member(detail: Json) -> str | None:
    """Return the name of the member that holds a detail's text; None where it has none."""
    kind = detail.get("type")
    return _TEXTS.get(text_of(kind))
