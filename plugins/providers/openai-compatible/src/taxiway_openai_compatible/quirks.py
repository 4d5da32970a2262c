"""What every event is brought to, whoever sent it: the shape that all above relies on."""

from collections.abc import Iterable, Mapping
from typing import Final

from taxiway.codec import Json
from taxiway.errors import Malformed
from taxiway.provider import Event
from taxiway.replies import Quirk


def chunk(event: Json) -> Iterable[Event]:
    """Check a chunk: choices are a list of objects, each with a delta (Azure has been seen to send one without)."""
    choices = event.get("choices")
    if choices is None:
        event["choices"] = []
    elif type(choices) is not list:
        raise Malformed("choices are not a list")
    else:
        for choice in choices:
            if type(choice) is not dict:
                raise Malformed("a choice is not an object")
            delta = choice.get("delta")
            if delta is None:
                choice["delta"] = {}
            elif type(delta) is not dict:
                raise Malformed("a delta is not an object")
    return (event,)


def reply(event: Json) -> Iterable[Event]:
    """Check a complete reply: choices are a list of objects, each with a message."""
    choices = event.get("choices")
    if type(choices) is not list:
        raise Malformed("choices are not a list")
    for choice in choices:
        if type(choice) is not dict or type(choice.get("message")) is not dict:
            raise Malformed("a choice has no message")
    return (event,)


EVENTS: Final[Mapping[str, Quirk]] = {"chat": chunk}
"""By dialect: the check of a stream's event."""

REPLIES: Final[Mapping[str, Quirk]] = {"chat": reply}
"""By dialect: the check of a complete reply."""
