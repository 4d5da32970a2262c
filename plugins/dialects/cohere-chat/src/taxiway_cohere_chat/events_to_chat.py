"""A stream of Cohere's chat as canonical chunks.

Source: docs.cohere.com/reference/chat-stream, docs.cohere.com/v2/docs/streaming.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from taxiway.codec import Json, items, text_of
from taxiway.errors import Malformed
from taxiway_cohere_chat.citations import annotations_of
from taxiway_cohere_chat.replies import detail, finish_of, token_of
from taxiway_cohere_chat.wire import arguments_of, chat_usage, inside, object_of

_NOTHING: Final[Sequence[Json]] = ()
_NULL: Final = "null"


class ToChunks:
    """Translates the events of one stream. What it keeps is small: where parts began, and the tool call under way."""

    __slots__ = ("_blocks", "_calls", "_held", "_id", "_length", "_lost", "_offsets", "_open", "dropped")

    def __init__(self) -> None:
        self._lost: list[str] = []
        self.dropped: Sequence[str] = self._lost
        self._id = ""
        # How much text has come, how much had come before each part of the content, and the number of each part of thinking.
        self._length = 0
        self._offsets: dict[Any, int] = {}
        self._blocks: dict[Any, int] = {}
        # Cohere's index of each tool call, and whether the one that is open has had arguments.
        self._calls: dict[Any, int] = {}
        self._open = False
        self._held = ""

    def feed(self, event: Json) -> Sequence[Json]:
        """Take an event, give what it makes. Raises Malformed."""
        make = _EVENTS.get(text_of(event.get("type")))
        return _NOTHING if make is None else make(self, event)

    def close(self) -> Sequence[Json]:
        """The stream ended well: all was said with its last event."""
        return _NOTHING

    def start(self, event: Json) -> Sequence[Json]:
        """Take `message-start`."""
        self._id = text_of(event.get("id"))
        return (self._chunk({"role": "assistant", "content": ""}),)

    def content(self, event: Json) -> Sequence[Json]:
        """Take `content-start` or `content-delta`."""
        content, index = inside(event, "delta", "message", "content"), _index(event)
        if index not in self._offsets:
            self._offsets[index] = self._length
        text, thinking = content.get("text"), content.get("thinking")
        if type(text) is str and text:
            self._length += len(text)
            chunk = self._chunk({"content": text})
        elif type(thinking) is str and thinking:
            block = self._blocks.setdefault(index, len(self._blocks))
            chunk = self._chunk({"reasoning": thinking, "reasoning_details": [detail(thinking, block)]})
        else:
            return _NOTHING
        logprobs = event.get("logprobs")
        if type(logprobs) is dict:
            chunk["choices"][0]["logprobs"] = {"content": [token_of(logprobs)]}
        return (chunk,)

    def plan(self, event: Json) -> Sequence[Json]:
        """Take `tool-plan-delta`: what is said before tools are called."""
        text = text_of(inside(event, "delta", "message").get("tool_plan"))
        self._length += len(text)
        return (self._chunk({"content": text}),) if text else _NOTHING

    def call(self, event: Json) -> Sequence[Json]:
        """Take `tool-call-start`."""
        call = inside(event, "delta", "message", "tool_calls")
        function = object_of(call.get("function"))
        index = self._calls[_index(event)] = len(self._calls)
        self._open, self._held = False, ""
        told = {"name": text_of(function.get("name")), "arguments": self._piece(function.get("arguments"))}
        return (self._called({"index": index, "id": text_of(call.get("id")), "type": "function", "function": told}),)

    def arguments(self, event: Json) -> Sequence[Json]:
        """Take `tool-call-delta`."""
        function = inside(event, "delta", "message", "tool_calls", "function")
        piece = self._piece(function.get("arguments"))
        return (self._argued(event, piece),) if piece else _NOTHING

    def call_end(self, event: Json) -> Sequence[Json]:
        """Take `tool-call-end`: a tool that was given nothing, or null, is given an empty object."""
        if self._open or _index(event) not in self._calls:
            return _NOTHING
        return (self._argued(event, arguments_of(self._held)),)

    def citation(self, event: Json) -> Sequence[Json]:
        """Take `citation-start`, which has all of it."""
        annotations: list[Json] = []
        for citation in items(inside(event, "delta", "message").get("citations")):
            index = citation.get("content_index")
            offset = self._offsets.get(index if type(index) is int else 0, 0)
            made = annotations_of(citation, offset)
            annotations += made
            if not made and "message.citations" not in self._lost:
                self._lost.append("message.citations")
        return (self._chunk({"annotations": annotations}),) if annotations else _NOTHING

    def end(self, event: Json) -> Sequence[Json]:
        """Take `message-end`: the finish reason and usage."""
        delta = inside(event, "delta")
        chunk = self._chunk({})
        chunk["choices"][0] |= finish_of(delta)
        usage = chat_usage(delta.get("usage"))
        if usage is not None:
            chunk["usage"] = usage
        return (chunk,)

    def _piece(self, value: Any) -> str:
        """Return what is to be told of a piece of arguments: what may yet become `null` is held back."""
        text = self._held + text_of(value)
        if not self._open and _NULL.startswith(text):
            self._held = text
            return ""
        self._open, self._held = True, ""
        return text

    def _argued(self, event: Json, piece: str) -> Json:
        index = self._calls.get(_index(event))
        if index is None:
            raise Malformed("Cohere sent arguments of a tool call that it did not begin")
        return self._called({"index": index, "function": {"arguments": piece}})

    def _called(self, call: Json) -> Json:
        return self._chunk({"tool_calls": [call]})

    def _chunk(self, delta: Json) -> Json:
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        return {"id": self._id, "object": "chat.completion.chunk", "choices": [choice]}


def _index(event: Json) -> int:
    index = event.get("index", 0)
    if type(index) is not int:
        raise Malformed("Cohere sent an index that is no number")
    return index


_EVENTS: Final[dict[Any, Callable[[ToChunks, Json], Sequence[Json]]]] = {
    "message-start": ToChunks.start,
    "content-start": ToChunks.content,
    "content-delta": ToChunks.content,
    "tool-plan-delta": ToChunks.plan,
    "tool-call-start": ToChunks.call,
    "tool-call-delta": ToChunks.arguments,
    "tool-call-end": ToChunks.call_end,
    "citation-start": ToChunks.citation,
    "message-end": ToChunks.end,
}
"""The other events (`content-end`, `citation-end`, ...) say nothing that a chunk could say."""
