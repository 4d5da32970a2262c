"""How far a reply of Cohere's chat has come, and what makes one reply of a stream."""

from typing import TYPE_CHECKING, Any

from taxiway.codec import Json, items, text_of
from taxiway.errors import Malformed
from taxiway_cohere_chat.wire import FINISHES, inside, object_of, usage_of

if TYPE_CHECKING:
    from taxiway.usage import Usage


class CohereProgress:
    """Reads the events of a stream, or the one complete reply. A stream is done at `message-end`; `[DONE]` may follow it."""

    __slots__ = tuple("_pieces _stream done finish native_finish started upstream_id usage".split())

    def __init__(self, stream: bool) -> None:
        self.started = self.done = False
        self.finish: str | None = None
        self.native_finish: str | None = None
        self.usage: Usage | None = None
        self.upstream_id: str | None = None
        self._stream = stream
        self._pieces: list[str] = []

    def see(self, event: Json) -> None:
        """Take one event, or the one complete reply. Raises Malformed."""
        if not self._stream:
            self._complete(event)
            return
        kind = text_of(event.get("type"))
        if kind in {"content-delta", "content-start"}:
            content = inside(event, "delta", "message", "content")
            text = text_of(content.get("text"))
            if text:
                self._pieces.append(text)
            self.started = self.started or bool(text or content.get("thinking"))
        elif kind == "tool-plan-delta":
            self._pieces.append(text_of(inside(event, "delta", "message").get("tool_plan")))
            self.started = True
        elif kind in {"tool-call-start", "citation-start"}:
            self.started = True
        elif kind == "message-start":
            self.upstream_id = text_of(event.get("id")) or None
        elif kind == "message-end":
            self._end(inside(event, "delta"))
            self.done = True

    def close(self, mark: bool, framed: bool) -> None:
        """The body ended. It was done at its last event, or it never will be."""

    @property
    def text(self) -> str:
        """The text so far: what is planned before tools are called is part of it."""
        return "".join(self._pieces)

    def _complete(self, reply: Json) -> None:
        message = inside(reply, "message")
        parts = items(message.get("content"))
        self._pieces = [text_of(message.get("tool_plan")), *(text_of(part.get("text")) for part in parts)]
        self.started = bool(message.get("tool_calls") or any(self._pieces) or any(map(_thought, parts)))
        self.upstream_id = text_of(reply.get("id")) or None
        self._end(reply)
        self.done = True

    def _end(self, told: Json) -> None:
        native = told.get("finish_reason")
        if type(native) is str:
            self.native_finish, self.finish = native, FINISHES.get(native, native)
        self.usage = usage_of(told.get("usage"))


def _thought(part: Json) -> bool:
    return bool(part.get("thinking"))


class CohereFold:
    """Makes the complete reply out of a stream's events."""

    __slots__ = ("_calls", "_citations", "_logprobs", "_message", "_parts", "_reply")

    def __init__(self) -> None:
        self._reply: Json = {}
        self._message: Json = {"role": "assistant"}
        self._parts: dict[Any, Json] = {}
        self._calls: dict[Any, Json] = {}
        self._citations: list[Json] = []
        self._logprobs: list[Json] = []

    def feed(self, event: Json) -> None:
        """Take one event. It is not changed. Raises Malformed."""
        kind, index = event.get("type"), event.get("index")
        if type(index) not in {int, type(None)}:
            raise Malformed("Cohere sent an index that is no number")
        match kind:
            case "message-start":
                self._reply |= {name: value for name, value in event.items() if name not in {"type", "delta"}}
            case "content-start" | "content-delta":
                if event.get("logprobs"):
                    self._logprobs.append(event["logprobs"])
                _extend(self._parts.setdefault(index, {}), inside(event, "delta", "message", "content"))
            case "tool-plan-delta":
                plan = text_of(inside(event, "delta", "message").get("tool_plan"))
                self._message["tool_plan"] = self._message.get("tool_plan", "") + plan
            case "tool-call-start" | "tool-call-delta":
                _extend(self._calls.setdefault(index, {}), inside(event, "delta", "message", "tool_calls"))
            case "citation-start":
                self._citations += items(inside(event, "delta", "message").get("citations"))
            case "message-end":
                self._reply |= inside(event, "delta")
            case _:
                pass

    def reply(self) -> Json:
        """Return the complete reply."""
        listed = {
            "content": list(self._parts.values()),
            "tool_calls": list(self._calls.values()),
            "citations": self._citations,
        }
        message = {**self._message, **{name: items for name, items in listed.items() if items}}
        told = {**self._reply, "message": message}
        return {**told, "logprobs": self._logprobs} if self._logprobs else told


def _extend(known: Json, piece: Json) -> None:
    """Put a piece into what is known: texts that come in pieces are joined, of others the first stays."""
    for name, value in piece.items():
        if type(value) is dict:
            inner = known[name] = dict(object_of(known.get(name)))
            _extend(inner, value)
        elif name in {"text", "thinking", "arguments"} and type(value) is str:
            known[name] = text_of(known.get(name)) + value
        else:
            known.setdefault(name, value)
