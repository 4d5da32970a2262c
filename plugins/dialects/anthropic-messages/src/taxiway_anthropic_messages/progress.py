"""How far a message has come: one reader for streams and for complete replies."""

from typing import TYPE_CHECKING, Any, Final

from taxiway.codec import Json
from taxiway_anthropic_messages.usage import merged, usage_of

if TYPE_CHECKING:
    from taxiway.usage import Usage

FINISHES: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "compaction": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "guardrail_intervened": "content_filter",
}
"""OpenRouter's finish reasons by this dialect's. One that is not here stays as it is."""

_PIECES: Final = ("text", "thinking", "partial_json", "signature")


class MessagesProgress:
    """Reads a stream's events, or the one complete reply.

    A stream is done at `message_stop`, and not at `message_delta`, which has the reason and the usage.
    """

    __slots__ = ("_pieces", "_raw", "done", "finish", "native_finish", "started", "upstream_id", "usage")

    def __init__(self) -> None:
        self.started = self.done = False
        self.finish: str | None = None
        self.native_finish: str | None = None
        self.upstream_id: str | None = None
        self.usage: Usage | None = None
        self._raw: Json = {}
        self._pieces: list[str] = []

    def see(self, event: Json) -> None:
        """Take one event, or the one complete reply."""
        kind = event["type"]
        if kind == "content_block_delta":
            delta = event["delta"]
            text = delta.get("text")
            if text:
                self.started = True
                self._pieces.append(text)
            elif not self.started:
                self.started = any(map(delta.get, _PIECES))
        elif kind == "content_block_start":
            # Of a tool call nothing else may come; what a text begins with is empty, as a rule.
            block = event["content_block"]
            if block["type"] not in {"text", "thinking"}:
                self.started = True
            elif block.get("text"):
                self.started = True
                self._pieces.append(block["text"])
        elif kind == "message_start":
            self._message(event["message"])
        elif kind == "message_delta":
            self._usage(event.get("usage"))
            self._finish(event["delta"].get("stop_reason"))
        elif kind == "message_stop":
            self.done = True
        elif kind == "message":
            self._message(event)
            self._finish(event.get("stop_reason"))
            self._pieces = [block["text"] for block in event["content"] if block["type"] == "text"]
            self.started = bool(event["content"])
            self.done = True

    def close(self, mark: bool, framed: bool) -> None:
        """The body ended. Whether it was whole, its events have said."""

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._pieces)

    def _message(self, message: Json) -> None:
        self.upstream_id = message.get("id") or None
        self._usage(message.get("usage"))

    def _usage(self, raw: Any) -> None:
        if type(raw) is dict:
            self._raw = merged(self._raw, raw)
            self.usage = usage_of(self._raw)

    def _finish(self, reason: Any) -> None:
        if type(reason) is str:
            self.native_finish, self.finish = reason, FINISHES.get(reason, reason)
