"""Decoders of Bedrock's good replies: frames of a stream as events of a dialect, and the one complete reply."""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from taxiway.codec import Json, loads
from taxiway.errors import Malformed
from taxiway.http import HttpHead
from taxiway.provider import Event, InBandError
from taxiway_anthropic_messages import checked
from taxiway_bedrock.eventstream import Frame, FrameParser
from taxiway_openai_compatible import StreamReplies

Reading: TypeAlias = Callable[[Frame], Event | None]
"""Makes an event of a frame; None: it says nothing. Raises Malformed."""

_KIND: Final = ":message-type"


class FrameReplies(StreamReplies):
    """Decodes a stream of frames. One that is an exception, or an error of the stream itself, is an in-band error."""

    __slots__ = ("_parser", "_reading")

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self._parser = FrameParser()
        self._reading = reading

    def feed(self, data: bytes) -> Sequence[Event]:
        """Take bytes, give the events that they complete. Raises Malformed."""
        return self.decoded(self._read, data)

    def close(self, framed: bool) -> Sequence[Event]:
        """The body ended. Raises Malformed where it ended within a frame."""
        return self.decoded(self._end, None)

    def _read(self, data: bytes, events: list[Event]) -> None:
        for frame in self._parser.feed(data):
            event = _failed(frame) or self._reading(frame)
            if event is not None:
                events.append(event)

    def _end(self, _: None, events: list[Event]) -> None:
        self._parser.close()


def converse_event(frame: Frame) -> Event | None:
    """Read an event of ConverseStream: an object with one member, named by the event's type."""
    return {frame.headers.get(":event-type", ""): _object(frame.payload)}


def invoked_event(frame: Frame) -> Event | None:
    """Read a chunk of InvokeModelWithResponseStream: Claude's own event, in base64."""
    if frame.headers.get(":event-type") != "chunk":
        return None
    encoded = _object(frame.payload).get("bytes")
    if type(encoded) is not str:
        raise Malformed("a chunk without bytes")
    try:
        event = _object(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        raise Malformed("a chunk that is no base64") from None
    return InBandError(event) if event.get("error") else next(iter(checked(event)))


def converse_reply(reply: Json) -> Iterable[Json]:
    """Check a complete reply: there is a message, and its content is a list of objects."""
    output = reply.get("output")
    message = output.get("message") if type(output) is dict else None
    content = message.get("content") if type(message) is dict else None
    if type(content) is not list or not all(type(block) is dict for block in content):
        raise Malformed("a reply without a message")
    return (reply,)


def counted(head: HttpHead) -> Callable[[Json], Iterable[Json]]:
    """Return what writes the tokens that a reply's head counts into the reply, where that does not say them itself."""
    count = head.headers.get("x-amzn-bedrock-input-token-count", "")

    def quirk(reply: Json) -> Iterable[Json]:
        if count.isascii() and count.isdigit() and len(count) < 16:
            reply.setdefault("inputTextTokenCount", int(count))
        return (reply,)

    return quirk


def tokens_counted(reply: Json) -> Iterable[Json]:
    """Say CountTokens' reply as Anthropic's API does."""
    if type(reply.get("inputTokens")) is not int:
        raise Malformed("a reply without a count of tokens")
    return ({"input_tokens": reply["inputTokens"]},)


def _failed(frame: Frame) -> InBandError | None:
    """Return the error that a frame is. An exception's type is a header and the rest its payload; an error is all headers."""
    headers = frame.headers
    kind = headers.get(_KIND, "event")
    if kind == "event":
        return None
    if kind == "exception":
        said = _object(frame.payload) if frame.payload else {}
        return InBandError({**said, "__type": headers.get(":exception-type", "")})
    return InBandError({"__type": headers.get(":error-code", ""), "message": headers.get(":error-message", "")})


def _object(data: bytes) -> Json:
    value = loads(data)
    if type(value) is not dict:
        raise Malformed("a frame that is not a JSON object")
    return value
