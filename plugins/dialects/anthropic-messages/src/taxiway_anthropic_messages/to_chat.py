"""A stream of this dialect's events as chat's chunks."""

from collections.abc import Callable, Sequence
from typing import Final

from taxiway.codec import Json, dumps
from taxiway_anthropic_messages.assistant import detail_of
from taxiway_anthropic_messages.fold import input_of
from taxiway_anthropic_messages.foreign import CLAUDE
from taxiway_anthropic_messages.progress import FINISHES
from taxiway_anthropic_messages.reply import annotation_of, is_form, refusal_of
from taxiway_anthropic_messages.request import Asked
from taxiway_anthropic_messages.usage import TIERS, chat_usage, merged

_NOTHING: Final[Sequence[Json]] = ()
_UNSAID: Final = ("context_management", "container")
"""What a message's end may tell that chat has no place for."""


class ToChat:
    """Translates one stream. What it keeps: what is open, and how long the text is."""

    __slots__ = tuple(
        "_asked _calls _cited _delta _formed _held _json _kind _length _sent _start _usage dropped".split()
    )

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self.dropped: Sequence[str] = ()
        self._usage: Json = {}
        # The message's last word: why it stopped.
        self._delta: Json = {}
        # The open block: its type, and what is kept of it until its end.
        self._kind = ""
        self._held: Json = {}
        self._json: list[str] = []
        self._cited: list[Json] = []
        self._sent = False
        # Tool calls so far, less one; whether the answer came as the input of a tool that stands for its form.
        self._calls = -1
        self._formed = False
        # The whole text's length, and where the open block of it began.
        self._length = self._start = 0

    def feed(self, event: Json) -> Sequence[Json]:
        """Take an event, give chunks."""
        kind = event["type"]
        if kind == "content_block_delta":
            delta = event["delta"]
            read = _DELTAS.get(delta.get("type"))
            return self._other(delta) if read is None else read(self, delta, event["index"])
        if kind == "content_block_start":
            return self._begin(event["content_block"])
        if kind == "content_block_stop":
            return self._end(event["index"])
        if kind == "message_start":
            message = event["message"]
            self._usage = merged({}, message.get("usage"))
            named = {name: message[name] for name in ("id", "model") if name in message}
            return ({**named, **_chunk({"role": "assistant"})},)
        if kind == "message_delta":
            self._delta = {**self._delta, **event["delta"]}
            self._usage = merged(self._usage, event.get("usage"))
            said = {**event, **event["delta"]}
            self.dropped = [name for name in _UNSAID if said.get(name) or name in self.dropped]
            return _NOTHING
        return self._stop() if kind == "message_stop" else _NOTHING

    def close(self) -> Sequence[Json]:
        """Give nothing more: the events had their own end."""
        return _NOTHING

    def _begin(self, block: Json) -> Sequence[Json]:
        self._kind = kind = block["type"]
        self._sent = False
        if kind == "text":
            self._start = self._length
            self._cited = []
            return self._text(block, 0) if block["text"] else _NOTHING
        if kind == "thinking":
            return _NOTHING
        self._held, self._json = dict(block), []
        if kind == "tool_use":
            if self._asked.form is not None and is_form(block, self._asked.form):
                self._kind, self._formed = "form", True
                return _NOTHING
            self._calls += 1
            function = {"name": block["name"], "arguments": ""}
            return (self._call({"id": block["id"], "type": "function", "function": function}),)
        return _NOTHING

    def _text(self, delta: Json, index: int) -> Sequence[Json]:
        text = delta.get("text")
        if not text:
            return _NOTHING
        self._length += len(text)
        return (_chunk({"content": text}),)

    def _input(self, delta: Json, index: int) -> Sequence[Json]:
        piece = delta.get("partial_json")
        if not piece:
            return _NOTHING
        if self._kind not in {"tool_use", "form"}:
            self._json.append(piece)
            return _NOTHING
        self._sent = True
        return (self._argument(piece, self._kind),)

    def _thinking(self, delta: Json, index: int) -> Sequence[Json]:
        text = delta.get("thinking")
        if self._asked.excludes or not text:
            return _NOTHING
        detail = {"type": "reasoning.text", "text": text, "format": CLAUDE, "index": index}
        return (_chunk({"reasoning": text, "reasoning_details": [detail]}),)

    def _signature(self, delta: Json, index: int) -> Sequence[Json]:
        if self._asked.excludes:
            return _NOTHING
        detail = {"type": "reasoning.text", "signature": delta.get("signature") or "", "format": CLAUDE, "index": index}
        return (_chunk({"reasoning_details": [detail]}),)

    def _citation(self, delta: Json, index: int) -> Sequence[Json]:
        location = delta.get("citation")
        if type(location) is dict:
            # The text that it belongs to may not have come yet: the block's end says where that ends.
            self._cited.append(location)
        return _NOTHING

    def _other(self, delta: Json) -> Sequence[Json]:
        """Take what a block of Anthropic's servers grows by (`compaction_delta`)."""
        for name, value in delta.items():
            if name != "type" and type(value) is str:
                known = self._held.get(name)
                self._held[name] = known + value if type(known) is str else value
        return _NOTHING

    def _end(self, index: int) -> Sequence[Json]:
        kind, self._kind = self._kind, ""
        if kind == "text":
            found = [annotation_of(location, self._start, self._length) for location in self._cited]
            return (_chunk({"annotations": found}),) if found else _NOTHING
        if kind in {"tool_use", "form"}:
            # A call without arguments streams none.
            return _NOTHING if self._sent else (self._argument(dumps(self._held["input"]).decode(), kind),)
        if kind in {"", "thinking"} or self._asked.excludes:
            return _NOTHING
        if self._json:
            self._held["input"] = input_of("".join(self._json))
        return (_chunk({"reasoning_details": [detail_of(index, self._held, self._length)]}),)

    def _stop(self) -> Sequence[Json]:
        delta = self._delta
        reason = delta.get("stop_reason")
        finish = FINISHES.get(reason, reason) if type(reason) is str else None
        if self._formed and finish == "tool_calls" and self._calls < 0:
            finish = "stop"
        refusal = refusal_of(delta.get("stop_details"))
        told: Json = {} if refusal is None else {"refusal": refusal}
        choice = {"index": 0, "delta": told, "finish_reason": finish, "native_finish_reason": reason}
        if delta.get("stop_sequence") is not None:
            choice["stop_sequence"] = delta["stop_sequence"]
        chunk: Json = {"object": "chat.completion.chunk", "choices": [choice], "usage": chat_usage(self._usage)}
        tier = self._usage.get("service_tier")
        if type(tier) is str:
            chunk["service_tier"] = TIERS.get(tier, tier)
        return (chunk,)

    def _argument(self, piece: str, kind: str) -> Json:
        return _chunk({"content": piece}) if kind == "form" else self._call({"function": {"arguments": piece}})

    def _call(self, call: Json) -> Json:
        return _chunk({"tool_calls": [{"index": self._calls, **call}]})


def _chunk(delta: Json) -> Json:
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    return {"object": "chat.completion.chunk", "choices": [choice]}


_DELTAS: Final[dict[object, Callable[[ToChat, Json, int], Sequence[Json]]]] = {
    "text_delta": ToChat._text,  # noqa: SLF001 - a table of this class's own methods
    "input_json_delta": ToChat._input,  # noqa: SLF001 - as above
    "thinking_delta": ToChat._thinking,  # noqa: SLF001 - as above
    "signature_delta": ToChat._signature,  # noqa: SLF001 - as above
    "citations_delta": ToChat._citation,  # noqa: SLF001 - as above
}
"""Who reads which delta."""
