"""What a provider's replies and events are checked for: all that the readers here rely on."""

from collections.abc import Iterable
from typing import Any, Final

from taxiway.codec import Json
from taxiway.errors import Malformed
from taxiway.provider import Event

_PIECES: Final = ("text", "thinking", "partial_json", "signature")

_TEXTS: Final[dict[str, tuple[str, ...]]] = {
    "text": ("text",),
    "thinking": ("thinking",),
    "redacted_thinking": ("data",),
    "tool_use": ("id", "name"),
}
"""The texts that blocks must have, by type."""


def checked(event: Json) -> Iterable[Event]:
    """Check an event of a stream, or a complete reply, and give it back as it is. Raises Malformed. Events of unknown types pass."""
    kind = event.get("type")
    if kind == "content_block_delta":
        delta = event.get("delta")
        if type(delta) is not dict or type(event.get("index")) is not int or type(delta.get("type")) is not str:
            raise Malformed("a delta of no block")
        for name in _PIECES:
            if name in delta and type(delta[name]) is not str:
                raise Malformed(f"a delta's {name} is no text")
    elif kind == "content_block_start":
        if type(event.get("index")) is not int:
            raise Malformed("a block without a place")
        _block(event.get("content_block"))
    elif kind == "content_block_stop":
        if type(event.get("index")) is not int:
            raise Malformed("the end of no block")
    elif kind == "message_start":
        if type(event.get("message")) is not dict:
            raise Malformed("the start of no message")
        _usage(event["message"])
    elif kind == "message_delta":
        if type(event.get("delta")) is not dict:
            raise Malformed("a message's delta has nothing")
        _usage(event)
    elif kind == "message":
        content = event.get("content")
        if type(content) is not list:
            raise Malformed("a message without content")
        for block in content:
            _block(block)
        _usage(event)
    elif type(kind) is not str:
        raise Malformed("an event without a type")
    return (event,)


def _block(block: Any) -> None:
    kind = block.get("type") if type(block) is dict else None
    if type(kind) is not str:
        raise Malformed("a block without a type")
    for name in _TEXTS.get(kind, ()):
        if type(block.get(name)) is not str:
            raise Malformed(f"a block of the type {kind} has no {name}")
    if kind == "tool_use" and type(block.get("input")) is not dict:
        raise Malformed("a tool call without input")
    if kind == "thinking" and type(block.get("signature") or "") is not str:
        raise Malformed("a signature that is no text")
    cited = block.get("citations")
    if kind == "text" and cited and (type(cited) is not list or any(type(one) is not dict for one in cited)):
        raise Malformed("citations that are no list of objects")


def _usage(told: Json) -> None:
    if type(told.get("usage") or {}) is not dict:
        raise Malformed("a usage that is not an object")
