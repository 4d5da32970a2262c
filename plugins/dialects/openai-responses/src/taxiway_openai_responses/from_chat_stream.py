"""From chat's chunks to the events of a Responses stream.

What is said, thought or called is an item each. An item begins with its first piece; it ends where another kind begins, calls at
the end. The last event has the whole answer, so the texts are kept.
"""

from collections.abc import Sequence
from typing import Any

from taxiway.call import Call
from taxiway.codec import Json
from taxiway.errors import Malformed
from taxiway_openai_responses import response
from taxiway_openai_responses.from_chat_reply import calls_of, thoughts_of
from taxiway_openai_responses.items import REFUSAL, TEXT, Called, Said, Teller, Thought
from taxiway_openai_responses.output import SHAPELESS, TIERS
from taxiway_openai_responses.usage import from_chat as usage_from_chat


class EventsOfChunks:
    """Translates one stream for the client of a call."""

    __slots__ = ("_call", "_calls", "_finish", "_open", "_response", "_teller", "_usage", "dropped")

    def __init__(self, call: Call) -> None:
        self.dropped: Sequence[str] = ()
        self._call = call
        self._teller = Teller(call.id)
        self._response: Json = {}
        self._open: Said | Thought | None = None
        self._calls: dict[Any, Called] = {}  # by chat's index
        self._finish: str | None = None
        self._usage: Json | None = None

    def feed(self, event: Json) -> Sequence[Json]:
        """Take a chunk, give the events that it makes. Raises Malformed."""
        try:
            self._chunk(event)
        except SHAPELESS:
            raise Malformed("a chunk of another form than chat's") from None
        return self._teller.take()

    def close(self) -> Sequence[Json]:
        """Give the events that end what is open, and the whole answer. Raises Malformed."""
        try:
            self._last()
        except SHAPELESS:
            raise Malformed("chunks of another form than chat's") from None
        return self._teller.take()

    def _last(self) -> None:
        teller = self._teller
        if teller.silent:
            self._begin({})
        self._end()
        for called in self._calls.values():
            called.end()
        usage = None if self._usage is None else usage_from_chat(self._usage)
        made = response.ended(self._response, teller.output, self._finish, usage)
        teller.tell(made["status"], response=made)

    def _begin(self, chunk: Json) -> None:
        self._response = begun = response.begun(self._call)
        begun["created_at"] = chunk.get("created") or begun["created_at"]
        self._teller.tell("created", response=dict(begun))
        self._teller.tell("in_progress", response=dict(begun))

    def _chunk(self, chunk: Json) -> None:
        if self._teller.silent:
            self._begin(chunk)
        if chunk.get("usage"):
            self._usage = chunk["usage"]
        if chunk.get("service_tier") in TIERS:
            self._response["service_tier"] = chunk["service_tier"]
        for choice in chunk.get("choices") or ():
            if choice.get("index"):
                continue
            if delta := choice.get("delta"):
                self._delta(delta, choice.get("logprobs"))
            if choice.get("finish_reason") is not None:
                self._finish = choice["finish_reason"]

    def _delta(self, delta: Json, logprobs: Any) -> None:
        if delta.get("reasoning") or delta.get("reasoning_details") or delta.get("reasoning_content"):
            for detail in thoughts_of(delta):
                self._think(detail)
        if text := delta.get("content"):
            self._said().say(TEXT, text, (logprobs or {}).get("content") or [])
        if refusal := delta.get("refusal"):
            self._said().say(REFUSAL, refusal, [])
        for note in delta.get("annotations") or ():
            if (citation := response.citation(note)) is not None:
                self._said().note(citation)
        for call in calls_of(delta):
            self._call_piece(call)
        for picture in delta.get("images") or ():
            self._picture(picture)
        if delta.get("audio"):
            self.dropped = ("message.audio",)

    def _said(self) -> Said:
        if not isinstance(self._open, Said):
            self._end()
            self._open = Said(self._teller)
        return self._open

    def _think(self, detail: Json) -> None:
        thought = self._open
        if not isinstance(thought, Thought) or not thought.takes(detail):
            self._end()
            self._open = thought = Thought(self._teller, detail)
        thought.think(detail)

    def _call_piece(self, call: Json) -> None:
        index = call.get("index")
        called = self._calls.get(index)
        if called is None:
            self._end()
            called = self._calls[index] = Called(self._teller, call)
        if piece := response.given(call):
            called.add(piece)

    def _picture(self, picture: Json) -> None:
        self._end()
        drawn = response.image(picture)
        self._teller.end(self._teller.begin("ig", {**drawn, "result": None}), drawn)

    def _end(self) -> None:
        if self._open is not None:
            self._open.end()
            self._open = None
