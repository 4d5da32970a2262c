"""From the events of a Responses stream to chat's chunks."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, TypeAlias

from taxiway.codec import Json
from taxiway.errors import Malformed
from taxiway_openai_responses.output import CALLS, ENDS, SHAPELESS, TIERS, finish_of, image_to_chat
from taxiway_openai_responses.to_chat_body import annotation_to_chat
from taxiway_openai_responses.to_chat_reply import message_of
from taxiway_openai_responses.usage import to_chat as usage_to_chat

_IMAGE: Final = "image_generation_call"
_NOTHING: Final[Sequence[Json]] = ()
_SEPARATED: Final = "\n\n"

Place: TypeAlias = tuple[Any, ...]
_Handler: TypeAlias = "Callable[[ChunksOfEvents, Json], Sequence[Json]]"


class ChunksOfEvents:
    """Translates one stream. `own` is the format of its reasoning.

    It keeps no text: of each item only what tells whether its text came in pieces, which some servers leave out.
    """

    __slots__ = (
        "_base",
        "_begun",
        "_calls",
        "_details",
        "_length",
        "_named",
        "_own",
        "_part",
        "_shown",
        "_start",
        "_told",
        "dropped",
    )

    def __init__(self, own: str) -> None:
        self.dropped: Sequence[str] = ()
        self._own = own
        self._base: Json = {"object": "chat.completion.chunk"}
        self._begun = self._shown = False
        self._calls: dict[Any, int] = {}  # by the item's place: which call it is
        self._details: dict[Place, int] = {}  # by item, kind and part: which detail it is
        self._told: set[Any] = set()  # the items of which something came in pieces
        self._named: set[Any] = set()  # citations that were told one by one, by item
        self._part: Place = ()  # the part that is being said
        self._start = self._length = 0  # where in the whole text it begins, and how long that is by now

    def feed(self, event: Json) -> Sequence[Json]:
        """Take an event, give the chunks that it makes. Raises Malformed."""
        try:
            handler = self._handlers.get(event["type"])
            return _NOTHING if handler is None else handler(self, event)
        except SHAPELESS:
            raise Malformed("an event of another form than the Responses API's") from None

    def close(self) -> Sequence[Json]:
        """Give nothing: the last event tells it all."""
        return _NOTHING

    def _chunk(self, delta: Json) -> Sequence[Json]:
        if not self._begun:
            self._begun = True
            delta = {"role": "assistant", **delta}
        return ({**self._base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},)

    def _response(self, event: Json) -> Sequence[Json]:
        response = event["response"]
        for ours, theirs in (("id", "id"), ("created", "created_at"), ("model", "model")):
            self._base[ours] = response.get(theirs)
        return _NOTHING

    def _text(self, event: Json) -> Sequence[Json]:
        index, text = event["output_index"], event["delta"]
        if type(text) is not str:
            raise TypeError
        part = (index, event.get("content_index"))
        if part != self._part:
            self._part, self._start = part, self._length
            self._told.add(index)
        self._length += len(text)
        chunks = self._chunk({"content": text})
        if event.get("logprobs"):
            chunks[0]["choices"][0]["logprobs"] = {"content": event["logprobs"], "refusal": None}
        return chunks

    def _refusal(self, event: Json) -> Sequence[Json]:
        self._told.add(event["output_index"])
        return self._chunk({"refusal": event["delta"]})

    def _annotation(self, event: Json) -> Sequence[Json]:
        self._named.add(event["output_index"])
        return self._notes([event["annotation"]])

    def _notes(self, notes: list[Json]) -> Sequence[Json]:
        made = [note for note in (annotation_to_chat(note, self._start) for note in notes) if note is not None]
        if len(made) < len(notes):
            self._drop("output.message.annotations")
        return self._chunk({"annotations": made}) if made else _NOTHING

    def _summary(self, event: Json) -> Sequence[Json]:
        return self._thought((event["output_index"], "summary", event.get("summary_index")), event, event["delta"])

    def _thinking(self, event: Json) -> Sequence[Json]:
        return self._thought((event["output_index"], "text", event.get("content_index")), event, event["delta"])

    def _thought(self, place: Place, event: Json, text: str) -> Sequence[Json]:
        """Tell a piece of reasoning. As text, what is another part is another paragraph."""
        known = len(self._details)
        index = self._details.setdefault(place, known)
        shown = _SEPARATED + text if index == known and self._shown else text
        self._shown = True
        kind = place[1]
        detail = {
            "type": f"reasoning.{kind}",
            kind: text,
            "format": self._own,
            "id": event.get("item_id"),
            "index": index,
        }
        return self._chunk({"reasoning": shown, "reasoning_details": [detail]})

    def _call_piece(self, event: Json) -> Sequence[Json]:
        place = event["output_index"]
        self._told.add(place)
        kind = "function_call" if event["type"] == "response.function_call_arguments.delta" else "custom_tool_call"
        inner, text = CALLS[kind]
        return self._chunk({"tool_calls": [{"index": self._calls[place], inner: {text: event["delta"]}}]})

    def _added(self, event: Json) -> Sequence[Json]:
        item, place = event["item"], event["output_index"]
        kind = item["type"]
        if kind not in CALLS or place in self._calls:
            return _NOTHING
        index = self._calls[place] = len(self._calls)
        inner, text = CALLS[kind]
        call = {"index": index, "id": item["call_id"], "type": inner, inner: {"name": item["name"], text: ""}}
        return self._chunk({"tool_calls": [call]})

    def _done(self, event: Json) -> Sequence[Json]:
        """Tell of an item what was not told in pieces."""
        item, place = event["item"], event["output_index"]
        kind = item["type"]
        if kind in CALLS:
            chunks = [*self._added(event)]
            inner, text = CALLS[kind]
            # A function without arguments gets an empty object.
            given = item[text] or ("{}" if inner == "function" else "")
            if place not in self._told and given:
                chunks += self._chunk({"tool_calls": [{"index": self._calls[place], inner: {text: given}}]})
            return chunks
        if kind == "message":
            return self._message_done(item, place)
        if kind == "reasoning":
            return self._reasoning_done(item, place)
        if kind == _IMAGE and (image := image_to_chat(item)) is not None:
            return self._chunk({"images": [image]})
        self._drop(f"output.{kind}")
        return _NOTHING

    def _message_done(self, item: Json, place: Any) -> Sequence[Json]:
        chunks: list[Json] = []
        untold = place not in self._told
        for index, part in enumerate(item.get("content") or ()):
            if untold and part["type"] in self._parts:
                handler, name = self._parts[part["type"]]
                chunks += handler(self, {**part, "output_index": place, "content_index": index, "delta": part[name]})
            if part.get("annotations") and place not in self._named:
                chunks += self._notes(part["annotations"])
        return chunks

    def _reasoning_done(self, item: Json, place: Any) -> Sequence[Json]:
        chunks: list[Json] = []
        for name, kind in (("summary", "summary"), ("content", "text")):
            for index, part in enumerate(item.get(name) or ()):
                where = (place, kind, index)
                if where not in self._details and part.get("text"):
                    chunks += self._thought(where, {"item_id": item.get("id")}, part["text"])
        if item.get("encrypted_content"):
            index = self._details.setdefault((place, "encrypted"), len(self._details))
            detail = {
                "type": "reasoning.encrypted",
                "data": item["encrypted_content"],
                "format": item.get("format") or self._own,
                "id": item.get("id"),
                "index": index,
            }
            chunks += self._chunk({"reasoning_details": [detail]})
        return chunks

    def _end(self, event: Json) -> Sequence[Json]:
        """Tell finish and usage; and all, where a server told nothing before."""
        response, chunks = event["response"], list[Json]()
        self._response(event)
        if not self._begun and response.get("output"):
            dropped: list[str] = []
            message, _ = message_of(response["output"], self._own, dropped)
            self.dropped = (*self.dropped, *dropped)
            calls = message.get("tool_calls") or ()
            for index, call in enumerate(calls):
                call["index"] = self._calls[index] = index
            chunks += self._chunk(message)
        finish, native = finish_of(response, called=bool(self._calls))
        choice = {"index": 0, "delta": {}, "finish_reason": finish, "native_finish_reason": native}
        last = {**self._base, "choices": [choice]}
        if response.get("service_tier") in TIERS:
            last["service_tier"] = response["service_tier"]
        chunks.append(last)
        if response.get("usage"):
            chunks.append({**self._base, "choices": [], "usage": usage_to_chat(response["usage"])})
        return chunks

    def _drop(self, name: str) -> None:
        if name not in self.dropped:
            self.dropped = (*self.dropped, name)

    # Parts of a message by type: what tells a piece of one, and the member that holds all of it.
    _parts: ClassVar[Mapping[str, tuple[_Handler, str]]] = {
        "output_text": (_text, "text"),
        "refusal": (_refusal, "refusal"),
    }
    _handlers: ClassVar[Mapping[str, _Handler]] = {
        "response.created": _response,
        "response.in_progress": _response,
        "response.output_item.added": _added,
        "response.output_text.delta": _text,
        "response.refusal.delta": _refusal,
        "response.output_text.annotation.added": _annotation,
        "response.reasoning_summary_text.delta": _summary,
        "response.reasoning_text.delta": _thinking,
        "response.function_call_arguments.delta": _call_piece,
        "response.custom_tool_call_input.delta": _call_piece,
        "response.output_item.done": _done,
        **dict.fromkeys(ENDS, _end),
    }
