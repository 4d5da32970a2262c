"""A stream of chat's chunks as this dialect's events: one block after the other, each with its start and its end."""

from collections.abc import Sequence
from typing import Any, Final

from taxiway.call import Call
from taxiway.codec import Json, dumps
from taxiway.errors import Malformed
from taxiway_anthropic_messages import foreign
from taxiway_anthropic_messages.assistant import block_of
from taxiway_anthropic_messages.reply import citation_of, ending, usage_from

_TEXT: Final = "text"
_THINKING: Final = "thinking"
_TOOL: Final = "tool_use"
_LOST: Final = ("images", "audio")


class FromChat:
    """Translates one stream. What it keeps: the open block, and what the end has to say."""

    __slots__ = tuple(
        "_call _called _choice _cited _detail _index _kind _spoke _started _tier _told _tool _usage dropped".split()
    )

    def __init__(self, call: Call) -> None:
        self._call = call
        self.dropped: Sequence[str] = ()
        self._started = self._called = False
        # Whether there was a text: a refusal is one where there is no other.
        self._spoke = False
        # The open block: its type, its place, the tool call or the reasoning detail that it is made of.
        self._kind = ""
        self._index = -1
        self._tool: Any = None
        self._detail: Json | None = None
        # Citations that came before any text.
        self._cited: list[Json] = []
        self._choice: Json = {}
        self._usage: Json = {}
        # The tier as it is known, and as the beginning told it.
        self._tier: Any = None
        self._told: str | None = None

    def feed(self, event: Json) -> Sequence[Json]:
        """Take a chunk, give events. Raises Malformed where pieces of tool calls come out of order."""
        events: list[Json] = []
        if not self._started:
            self._start(event, events)
        usage, tier = event.get("usage"), event.get("service_tier")
        if type(usage) is dict:
            self._usage = usage
        if tier is not None:
            self._tier = tier
        for choice in event.get("choices") or ():
            if choice.get("index", 0) == 0:
                self._take(choice, events)
        return events

    def close(self) -> Sequence[Json]:
        """The stream ended well: close what is open, and say why it stopped and what it used."""
        events: list[Json] = []
        if not self._started:
            self._start({}, events)
        self._stop(events)
        if self._cited:
            self.dropped = [*self.dropped, "annotations"]
        delta = ending(self._choice, self._called, self._choice.get("refusal"))
        if delta["stop_details"] is None:
            del delta["stop_details"]
        usage = usage_from(self._usage, self._tier)
        del usage["cache_creation"]
        if usage["service_tier"] == self._told:
            del usage["service_tier"]
        events += ({"type": "message_delta", "delta": delta, "usage": usage}, {"type": "message_stop"})
        return events

    def _start(self, chunk: Json, events: list[Json]) -> None:
        self._started = True
        # What went in is known at the end; until then, what planning reckoned with.
        usage = {
            **usage_from({}, chunk.get("service_tier")),
            "input_tokens": self._call.facts.tokens,
            "output_tokens": 0,
        }
        message: Json = {"id": chunk.get("id") or "", "type": "message", "role": "assistant"}
        message |= {"model": chunk.get("model") or "", "content": [], "stop_reason": None, "stop_sequence": None}
        events.append({"type": "message_start", "message": {**message, "usage": usage}})

    def _take(self, choice: Json, events: list[Json]) -> None:
        delta = choice.get("delta")
        if delta:
            details, thought, text = delta.get("reasoning_details"), delta.get("reasoning"), delta.get("content")
            if details and type(details) is list:
                self._details(details, thought, events)
            elif thought and type(thought) is str:
                self._thought({"type": "reasoning.text"}, thought, events)
            if text and type(text) is str:
                self._spoke = True
                self._says(text, events)
            annotations = delta.get("annotations")
            if annotations and type(annotations) is list:
                self._cited += [one for one in map(citation_of, annotations) if one is not None]
                if self._kind == _TEXT:
                    self._cites(events)
            refusal = delta.get("refusal")
            if refusal and type(refusal) is str:
                self._choice["refusal"] = (self._choice.get("refusal") or "") + refusal
                if not self._spoke:
                    self._says(refusal, events)
            calls = delta.get("tool_calls")
            if calls and type(calls) is list:
                for call in calls:
                    self._calls(call, events)
            if delta.get("images") or delta.get("audio"):
                self.dropped = [name for name in _LOST if delta.get(name) or name in self.dropped]
        for name in ("finish_reason", "native_finish_reason", "stop_sequence"):
            if choice.get(name) is not None:
                self._choice[name] = choice[name]

    def _says(self, text: str, events: list[Json]) -> None:
        if self._kind != _TEXT:
            self._open(_TEXT, {"type": "text", "text": ""}, events)
        events.append(self._delta({"type": "text_delta", "text": text}))
        if self._cited:
            self._cites(events)

    def _cites(self, events: list[Json]) -> None:
        events += [self._delta({"type": "citations_delta", "citation": citation}) for citation in self._cited]
        self._cited = []

    def _details(self, details: list[Any], thought: Any, events: list[Json]) -> None:
        listed = [detail for detail in details if type(detail) is dict]
        if thought and type(thought) is str and not any(map(foreign.visible, listed)):
            self._thought({"type": "reasoning.text"}, thought, events)
        for detail in listed:
            if foreign.is_shown(detail):
                self._thought(detail, foreign.visible(detail), events)
            else:
                self._whole(block_of(detail)[0], events)

    def _thought(self, detail: Json, text: str, events: list[Json]) -> None:
        """Go on with the thinking that is open, or begin another: one for each detail."""
        known = self._detail
        if self._kind != _THINKING or known is None or not _goes_on(known, detail):
            self._open(_THINKING, {"type": "thinking", "thinking": "", "signature": ""}, events)
            self._detail = known = {}
        known.update({name: value for name, value in detail.items() if name not in _SHOWN and value is not None})
        if text:
            events.append(self._delta({"type": "thinking_delta", "thinking": text}))

    def _whole(self, block: Json, events: list[Json]) -> None:
        """Give a block that comes in one piece."""
        if block["type"] == "server_tool_use":
            given, block = block.get("input"), {**block, "input": {}}
            self._open(block["type"], block, events)
            piece = dumps(given or {}).decode()
            events.append(self._delta({"type": "input_json_delta", "partial_json": piece}))
        else:
            self._open(block["type"], block, events)
        self._stop(events)

    def _calls(self, call: Any, events: list[Json]) -> None:
        function = call.get("function") if type(call) is dict else None
        if type(function) is not dict:
            raise Malformed("a tool call without a function")
        index = call.get("index", 0)
        if self._kind != _TOOL or index != self._tool:
            identifier, name = call.get("id"), function.get("name")
            if type(identifier) is not str or type(name) is not str:
                raise Malformed("a tool call that begins without an id or a name, or goes on after another")
            self._open(_TOOL, {"type": _TOOL, "id": identifier, "name": name, "input": {}}, events)
            self._tool, self._called = index, True
        arguments = function.get("arguments")
        if arguments:
            piece = arguments if type(arguments) is str else dumps(arguments).decode()
            events.append(self._delta({"type": "input_json_delta", "partial_json": piece}))

    def _open(self, kind: str, block: Json, events: list[Json]) -> None:
        self._stop(events)
        self._kind = kind
        self._index += 1
        events.append({"type": "content_block_start", "index": self._index, "content_block": block})

    def _delta(self, delta: Json) -> Json:
        return {"type": "content_block_delta", "index": self._index, "delta": delta}

    def _stop(self, events: list[Json]) -> None:
        if not self._kind:
            return
        if self._kind == _THINKING and self._detail is not None:
            signature = _signature(self._detail)
            if signature:
                events.append(self._delta({"type": "signature_delta", "signature": signature}))
            self._detail = None
        events.append({"type": "content_block_stop", "index": self._index})
        self._kind = ""


_SHOWN: Final = frozenset({"text", "summary"})


def _goes_on(known: Json, detail: Json) -> bool:
    """Whether a detail is a further piece of a known one: it is of the same place, and that is not signed yet."""
    if detail.get("index") != known.get("index") or detail.get("type") != known.get("type"):
        return False
    return not known.get("signature") or not foreign.visible(detail)


def _signature(detail: Json) -> str:
    if foreign.is_claudes(detail) and detail.get("signature"):
        return str(detail["signature"])
    return foreign.packed(detail)
