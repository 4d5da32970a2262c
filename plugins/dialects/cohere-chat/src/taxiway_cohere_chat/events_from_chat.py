"""Canonical chunks as a stream of Cohere's chat, for clients that speak it.

Source: docs.cohere.com/reference/chat-stream, docs.cohere.com/v2/docs/streaming.
"""

from collections.abc import Sequence
from typing import Any, Final

from taxiway.codec import Json, items, text_of
from taxiway_cohere_chat.citations import citation_of
from taxiway_cohere_chat.replies import logprob_of, native_of, thoughts_of
from taxiway_cohere_chat.wire import cohere_usage, object_of

_UNTOLD: Final = ("images", "audio")


class FromChunks:
    """Translates the chunks of one stream. `message-end` is for `close`: usage comes after the finish reason."""

    __slots__ = tuple("_before _begun _call _calls _choice _citations _kind _lost _part _text _usage dropped".split())

    def __init__(self) -> None:
        self._lost: list[str] = []
        self.dropped: Sequence[str] = self._lost
        self._begun = False
        # The part of the content that is open: its kind, its number, its text, and how much text was told before it.
        self._kind = ""
        self._part = -1
        self._text: list[str] = []
        self._before = 0
        # Cohere's index of each tool call, and the one that is open.
        self._calls: dict[Any, int] = {}
        self._call: int | None = None
        self._citations = 0
        self._choice: Json = {}
        self._usage: Any = None

    def feed(self, event: Json) -> Sequence[Json]:
        """Take a chunk, give what it makes."""
        told: list[Json] = []
        self._begin(event, told)
        if event.get("usage") is not None:
            self._usage = event["usage"]
        for choice in items(event.get("choices")):
            if choice.get("index", 0) != 0:
                self._lose("choices")
                continue
            delta = choice.get("delta")
            if type(delta) is dict and delta:
                self._delta(delta, choice, told)
            if choice.get("finish_reason") is not None:
                self._choice = choice
        return told

    def close(self) -> Sequence[Json]:
        """The stream ended well: end what is open, and give the finish reason and usage."""
        told: list[Json] = []
        self._begin({}, told)
        self._end_part(told)
        self._end_call(told)
        delta: Json = {"finish_reason": native_of(self._choice)}
        usage = cohere_usage(self._usage)
        if usage is not None:
            delta["usage"] = usage
        return [*told, {"type": "message-end", "delta": delta}]

    def _begin(self, event: Json, told: list[Json]) -> None:
        if not self._begun:
            self._begun = True
            start = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
            told.append({"id": text_of(event.get("id")), "type": "message-start", "delta": {"message": start}})

    def _delta(self, delta: Json, choice: Json, told: list[Json]) -> None:
        if delta.get("reasoning") or delta.get("reasoning_details"):
            for text in thoughts_of(delta, self._lost):
                self._content("thinking", text, None, told)
        text = text_of(delta.get("content")) or text_of(delta.get("refusal"))
        if text:
            self._content("text", text, choice.get("logprobs"), told)
            self._text.append(text)
        for call in items(delta.get("tool_calls")):
            self._tool(call, told)
        for annotation in items(delta.get("annotations")):
            self._cite(annotation, told)
        for name in _UNTOLD:
            if delta.get(name):
                self._lose(f"message.{name}")

    def _content(self, kind: str, text: str, logprobs: Any, told: list[Json]) -> None:
        if kind != self._kind:
            self._end_part(told)
            self._kind, self._part = kind, self._part + 1
            if kind == "text":
                self._before += sum(map(len, self._text))
                self._text.clear()
            told.append(_event("content-start", self._part, {"content": {"type": kind, kind: ""}}))
        event = _event("content-delta", self._part, {"content": {kind: text}})
        tokens = items(object_of(logprobs).get("content"))
        if tokens:
            made = [logprob_of(token) for token in tokens]
            event["logprobs"] = {
                "text": "".join(one["text"] for one in made),
                "token_ids": [number for one in made for number in one["token_ids"]],
                "logprobs": [number for one in made for number in one["logprobs"]],
            }
        told.append(event)

    def _tool(self, call: Json, told: list[Json]) -> None:
        theirs, function = call.get("index"), object_of(call.get("function"))
        if type(theirs) is not int:
            theirs = len(self._calls)
        arguments = text_of(function.get("arguments"))
        if theirs not in self._calls:
            self._end_part(told)
            self._end_call(told)
            index = self._call = self._calls[theirs] = len(self._calls)
            begun = {"name": text_of(function.get("name")), "arguments": ""}
            said = {"id": text_of(call.get("id")), "type": "function", "function": begun}
            told.append(_event("tool-call-start", index, {"tool_calls": said}))
        if arguments:
            piece = {"tool_calls": {"function": {"arguments": arguments}}}
            told.append(_event("tool-call-delta", self._calls[theirs], piece))

    def _cite(self, annotation: Json, told: list[Json]) -> None:
        self._text = ["".join(self._text)]
        citation = citation_of(annotation, self._text[0], self._before, max(self._part, 0))
        if citation is None:
            return
        told.append(_event("citation-start", self._citations, {"citations": citation}))
        told.append({"type": "citation-end", "index": self._citations})
        self._citations += 1

    def _end_part(self, told: list[Json]) -> None:
        if self._kind:
            told.append({"type": "content-end", "index": self._part})
            self._kind = ""

    def _end_call(self, told: list[Json]) -> None:
        if self._call is not None:
            told.append({"type": "tool-call-end", "index": self._call})
            self._call = None

    def _lose(self, name: str) -> None:
        if name not in self._lost:
            self._lost.append(name)


def _event(kind: str, index: int, message: Json) -> Json:
    return {"type": kind, "index": index, "delta": {"message": message}}
