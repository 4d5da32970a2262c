"""How far a chat reply has come: one reader for streams and for complete replies."""

from typing import TYPE_CHECKING, Final

from taxiway.chat_usage import FINISHES, usage_of
from taxiway.codec import Json

if TYPE_CHECKING:
    from taxiway.usage import Usage

_TOKENS: Final = (
    "content",
    "tool_calls",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "refusal",
    "audio",
    "function_call",
    "images",
    "annotations",
)
"""Members of a delta or message that are an answer's beginning, where they are not empty."""


class ChatProgress:
    """Reads chunks, or the one complete reply.

    A stream is done at its mark ([DONE]); without one, where HTTP says that the body is whole and every choice had its finish
    reason. Not at the finish reasons alone: usage and more have been seen after them.
    """

    __slots__ = (
        "_finished",
        "_member",
        "_open",
        "_pieces",
        "done",
        "finish",
        "native_finish",
        "started",
        "upstream_id",
        "usage",
    )

    def __init__(self, stream: bool) -> None:
        self.started = self.done = False
        self.finish: str | None = None
        self.native_finish: str | None = None
        self.usage: Usage | None = None
        self.upstream_id: str | None = None
        self._member = "delta" if stream else "message"
        self._pieces: list[str] = []
        self._open: set[object] = set()
        self._finished: set[object] = set()

    def see(self, event: Json) -> None:
        """Take one chunk, or the one complete reply."""
        if self.upstream_id is None:
            self.upstream_id = event.get("id") or None
        usage = event.get("usage")
        if usage is not None and type(usage) is dict:
            self.usage = usage_of(usage)
        for choice in event.get("choices") or ():
            index = choice.get("index", 0)
            content = choice.get(self._member)
            if content:
                if not self.started and any(content.get(name) for name in _TOKENS):
                    self.started = True
                if index == 0 and type(text := content.get("content")) is str and text:
                    self._pieces.append(text)
            reason = choice.get("finish_reason")
            if reason is None:
                if index not in self._finished:
                    self._open.add(index)
                continue
            self._open.discard(index)
            self._finished.add(index)
            if index == 0 or self.finish is None:
                self.finish = FINISHES.get(reason, reason)
                self.native_finish = choice.get("native_finish_reason") or reason
        if self._member == "message":
            self.done = bool(event.get("choices"))

    def close(self, mark: bool, framed: bool) -> None:
        """The body ended. A complete reply was done when it was seen: it is one JSON document."""
        if mark or (framed and self._finished and not self._open):
            self.done = True

    @property
    def text(self) -> str:
        """The text so far, of the first choice."""
        return "".join(self._pieces)
