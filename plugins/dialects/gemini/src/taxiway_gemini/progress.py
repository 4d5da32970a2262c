"""How far a reply of Gemini's has come: one reader for streams and for complete replies."""

from typing import Any

from taxiway.codec import Json, items, text_of
from taxiway.usage import Usage
from taxiway_gemini.finishes import finish_of, reason_of
from taxiway_gemini.members import index_of
from taxiway_gemini.usage import counted, usage_of


class GeminiProgress:
    """Reads chunks, or the one complete reply.

    Nothing marks the end of Gemini's streams: one is done where its body is whole and every candidate had its finish reason,
    or where the prompt was blocked and there is no candidate.
    """

    __slots__ = tuple("_blocked _called _finished _metadata _pieces _reason _stream done started upstream_id".split())

    def __init__(self, stream: bool) -> None:
        self.started = self.done = False
        self.upstream_id: str | None = None
        self._stream = stream
        self._pieces: list[str] = []
        self._finished: dict[int, bool] = {}
        self._called = False
        self._reason: str | None = None
        self._blocked: str | None = None
        self._metadata: Json | None = None

    def see(self, event: Json) -> None:
        """Take one chunk, or the one complete reply."""
        if self.upstream_id is None:
            self.upstream_id = text_of(event.get("responseId")) or None
        metadata = event.get("usageMetadata")
        if metadata is not None and counted(metadata):
            self._metadata = metadata
        for place, candidate in enumerate(items(event.get("candidates"))):
            index = index_of(candidate, place)
            content = candidate.get("content")
            if type(content) is dict:
                self._read(index, content.get("parts"))
            reason = reason_of(candidate.get("finishReason"))
            if reason is None:
                self._finished.setdefault(index, False)
                continue
            self._finished[index] = True
            if index == 0 or self._reason is None:
                self._reason = reason
        feedback = event.get("promptFeedback")
        if type(feedback) is dict and feedback.get("blockReason"):
            self._blocked = str(feedback["blockReason"])
        if not self._stream:
            self.done = bool(self._finished) or self._blocked is not None

    def close(self, mark: bool, framed: bool) -> None:
        """The body ended. A complete reply was done when it was seen: it is one JSON document."""
        finished = self._finished
        if (mark or framed) and (all(finished.values()) if finished else self._blocked is not None):
            self.done = True

    @property
    def text(self) -> str:
        """The text so far, of the first candidate."""
        return "".join(self._pieces)

    @property
    def finish(self) -> str | None:
        """The canonical finish reason: a prompt that was blocked has one too."""
        if self._reason is not None:
            return finish_of(self._reason, called=self._called)
        return "content_filter" if self._blocked is not None and not self._finished else None

    @property
    def native_finish(self) -> str | None:
        """Gemini's own finish reason, or why it blocked the prompt."""
        return self._reason if self._reason is not None or self._finished else self._blocked

    @property
    def usage(self) -> Usage | None:
        """What the last chunk with counts says."""
        return None if self._metadata is None else usage_of(self._metadata)

    def _read(self, index: int, parts: Any) -> None:
        for part in items(parts):
            text = part.get("text")
            if type(text) is str:
                if text:
                    self.started = True
                    if index == 0 and part.get("thought") is not True:
                        self._pieces.append(text)
                continue
            self.started = True
            if index == 0 and "functionCall" in part:
                self._called = True
