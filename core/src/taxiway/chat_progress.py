"""How far a chat reply has come: one reader for streams and for complete replies."""

from typing import TYPE_CHECKING, Any, Final

from taxiway.chat_usage import FINISHES, usage_of
from taxiway.codec import Json

if TYPE_CHECKING:
    from taxiway.usage import Usage

TOKENS: Final = tuple(
    "content tool_calls reasoning reasoning_content reasoning_details refusal audio function_call images annotations".split()
)
"""Members of a delta or message that are an answer's beginning, where they are not empty."""


class ChatProgress:
    """Reads chunks, or the one complete reply.

    A stream is done at its mark ([DONE]); without one, where HTTP says that the body is whole and every choice had its finish
    reason. Not at the finish reasons alone: usage and more have been seen after them.
    """

    __slots__ = tuple("_finished _going _member _pieces done finish native_finish started upstream_id usage".split())

    def __init__(self, stream: bool) -> None:
        self.started = self.done = self._going = False
        self.finish: str | None = None
        self.native_finish: str | None = None
        self.usage: Usage | None = None
        self.upstream_id: str | None = None
        self._member = "delta" if stream else "message"
        self._pieces: list[Any] = []
        self._finished: dict[object, bool] = {}

    def see(self, event: Json) -> None:
        """Take one chunk, or the one complete reply."""
        if self._going:
            try:
                (choice,) = event["choices"]
                if choice["finish_reason"] is None and choice["index"] == 0 and event.get("usage") is None:
                    # The first choice goes on, as it does nearly always: all that can be new is its text.
                    self._pieces.append(choice["delta"].get("content"))
                    return
            except (AttributeError, LookupError, TypeError, ValueError):
                self._going = False
        self.upstream_id = self.upstream_id or event.get("id") or None
        usage = event.get("usage")
        if type(usage) is dict:
            self.usage = usage_of(usage)
        choices = event.get("choices") or ()
        for choice in choices:
            index, said, reason = choice.get("index", 0), choice.get(self._member), choice.get("finish_reason")
            if said:
                text = said.get("content")
                if not self.started and (text or any(map(said.get, TOKENS))):
                    self.started = True
                if index == 0:
                    self._pieces.append(text)
            if reason is None:
                self._finished.setdefault(index, False)
                continue
            self._finished[index] = True
            if index == 0 or self.finish is None:
                self.finish = FINISHES.get(reason, reason)
                self.native_finish = choice.get("native_finish_reason") or reason
        if self._member == "message":
            self.done = bool(choices)
        else:
            self._going = self.started and self.upstream_id is not None and 0 in self._finished

    def close(self, mark: bool, framed: bool) -> None:
        """The body ended. A complete reply was done when it was seen: it is one JSON document."""
        if mark or (framed and self._finished and all(self._finished.values())):
            self.done = True

    @property
    def text(self) -> str:
        """The text so far, of the first choice."""
        return "".join(piece for piece in self._pieces if type(piece) is str)
