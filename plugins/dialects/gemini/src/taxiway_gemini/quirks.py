"""What every reply and chunk is brought to, whichever of Google's APIs sent it: the shape that all above relies on."""

from collections.abc import Iterable

from taxiway.codec import Json
from taxiway.errors import Malformed
from taxiway.http import HttpHead
from taxiway.provider import Replies
from taxiway_gemini.array import ArrayReplies
from taxiway_openai_compatible import JsonReplies, SseReplies


def checked(event: Json) -> Iterable[Json]:
    """Check a reply or chunk: candidates are a list of objects, whose contents have lists of objects as parts."""
    candidates = event.get("candidates")
    if candidates is not None:
        if type(candidates) is not list:
            raise Malformed("candidates are not a list")
        for candidate in candidates:
            if type(candidate) is not dict:
                raise Malformed("a candidate is not an object")
            _check(candidate.get("content"))
    return (event,)


def _check(content: object) -> None:
    if content is None:
        return
    if type(content) is not dict:
        raise Malformed("a content is not an object")
    parts = content.get("parts")
    if parts is not None and (type(parts) is not list or not all(type(part) is dict for part in parts)):
        raise Malformed("parts are not a list of objects")


def replies_of(head: HttpHead, *, stream: bool) -> Replies:
    """Return the decoder of a good reply: events, an array where the server sent JSON, or one document."""
    if not stream:
        return JsonReplies(checked)
    if head.headers.get("content-type", "").startswith("application/json"):
        return ArrayReplies(checked)
    return SseReplies(checked)
