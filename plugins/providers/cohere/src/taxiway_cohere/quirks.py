"""What Cohere says in a reply that began well when it failed."""

from collections.abc import Iterable
from typing import Final

from taxiway.codec import Json
from taxiway.provider import Event, InBandError

_FAILED: Final = frozenset({"ERROR", "TIMEOUT"})
_NO_REASON: Final = "the model could not finish its answer"


def failed(event: Json) -> Iterable[Event]:
    """Make an error of an answer that ended in one: the last event of a stream, or the one reply."""
    end = event.get("delta") if event.get("type") == "message-end" else event
    reason = end.get("finish_reason") if type(end) is dict else None
    if type(end) is not dict or reason not in _FAILED:
        return (event,)
    error = {"message": end.get("error") or _NO_REASON, "error_type": end.get("error_type") or reason}
    return (InBandError(error),)
