"""Items of a Responses stream as they grow: what is said, thought or called. Each tells its events, and keeps its text for the end."""

from typing import Any, Final

from taxiway.codec import Json
from taxiway_openai_responses import reasoning, response
from taxiway_openai_responses.from_chat_reply import NO_ARGUMENTS

TEXT: Final = "output_text"
REFUSAL: Final = "refusal"

_THOUGHTS: Final = {
    "reasoning.summary": (
        "summary",
        "reasoning_summary_text",
        "reasoning_summary_part",
        "summary_index",
        "summary_text",
    ),
    "reasoning.text": ("text", "reasoning_text", "content_part", "content_index", "reasoning_text"),
}
"""Details that are text: the member that holds it, the names of its events and of its part's, the part's index and its type."""

_PIECES: Final = {"arguments": "function_call_arguments", "input": "custom_tool_call_input"}


class Teller:
    """Numbers events and items, and gathers them."""

    __slots__ = ("_call", "_events", "_number", "output")

    def __init__(self, call: str) -> None:
        self._call = call  # the generation's id
        self._number = 0
        self._events: list[Json] = []
        self.output: list[Json] = []

    @property
    def silent(self) -> bool:
        """Whether nothing was told yet."""
        return self._number == 0

    def call_id(self) -> str:
        """Return an id for a call that has none, and is the next item."""
        return f"call_{self._call}_{len(self.output)}"

    def tell(self, kind: str, **members: Any) -> None:
        """Add an event."""
        self._events.append({"type": f"response.{kind}", "sequence_number": self._number, **members})
        self._number += 1

    def take(self) -> list[Json]:
        """Return the events that were added since the last time."""
        events, self._events = self._events, []
        return events

    def begin(self, kind: str, item: Json) -> Json:
        """Begin an item: it has its place from now on. Return what its events say of that place."""
        place = len(self.output)
        begun = {"id": f"{kind}_{self._call}_{place}", **item, "status": "in_progress"}
        self.output.append(begun)
        self.tell("output_item.added", output_index=place, item=begun)
        return {"item_id": begun["id"], "output_index": place}

    def end(self, where: Json, item: Json) -> None:
        """End an item."""
        place = where["output_index"]
        self.output[place] = {"id": where["item_id"], **item}
        self.tell("output_item.done", output_index=place, item=self.output[place])


class Said:
    """What the assistant says: a text, a refusal, or one after the other."""

    __slots__ = ("_kind", "_logprobs", "_notes", "_parts", "_pieces", "_place", "_teller", "_where")

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._parts: list[Json] = []
        self._kind = ""
        self._place: Json = teller.begin("msg", response.message([]))
        self._where: Json = {}
        self._pieces: list[str] = []
        self._notes: list[Json] = []
        self._logprobs: list[Json] = []

    def say(self, kind: str, text: str, logprobs: list[Json]) -> None:
        """Add a piece of text or refusal."""
        if kind != self._kind:
            self._begin_part(kind)
        self._pieces.append(text)
        if kind == TEXT:
            self._logprobs += logprobs
            self._teller.tell("output_text.delta", **self._where, delta=text, logprobs=logprobs)
        else:
            self._teller.tell("refusal.delta", **self._where, delta=text)

    def note(self, citation: Json) -> None:
        """Add a citation."""
        if self._kind != TEXT:
            self._begin_part(TEXT)
        number = len(self._notes)
        self._teller.tell("output_text.annotation.added", **self._where, annotation_index=number, annotation=citation)
        self._notes.append(citation)

    def end(self) -> None:
        """End the item."""
        self._end_part()
        self._teller.end(self._place, response.message(self._parts))

    def _begin_part(self, kind: str) -> None:
        self._end_part()
        self._kind, self._pieces, self._notes, self._logprobs = kind, [], [], []
        self._where = {**self._place, "content_index": len(self._parts)}
        self._teller.tell("content_part.added", **self._where, part=self._part())

    def _end_part(self) -> None:
        if not self._kind:
            return
        part = self._part()
        if self._kind == TEXT:
            self._teller.tell("output_text.done", **self._where, text=part["text"], logprobs=self._logprobs)
        else:
            self._teller.tell("refusal.done", **self._where, refusal=part["refusal"])
        self._teller.tell("content_part.done", **self._where, part=part)
        self._parts.append(part)
        self._kind = ""

    def _part(self) -> Json:
        text = "".join(self._pieces)
        return (
            response.text_part(text, self._notes, self._logprobs) if self._kind == TEXT else response.refusal_part(text)
        )


class Thought:
    """What the assistant thinks: details of one format and id."""

    __slots__ = ("_details", "_ids", "_open", "_pieces", "_place", "_teller", "_where")

    def __init__(self, teller: Teller, detail: Json) -> None:
        self._teller = teller
        self._details: list[Json] = []
        self._ids = reasoning.ids(detail)
        named = {"id": detail["id"]} if detail.get("id") else {}
        self._place: Json = teller.begin("rs", {"type": "reasoning", "summary": [], **named})
        self._where: Json = {}
        self._open = ""  # the type of the detail whose text goes on
        self._pieces: list[str] = []

    def takes(self, detail: Json) -> bool:
        """Whether a detail is of this item."""
        return reasoning.ids(detail) == self._ids

    def think(self, detail: Json) -> None:
        """Add a detail, or a piece of one."""
        kind = detail["type"]
        member = _THOUGHTS[kind][0] if kind in _THOUGHTS else None
        if not self._goes_on(detail):
            self._end_part()
            self._details.append({name: value for name, value in detail.items() if name != member})
        else:
            self._details[-1].update((name, value) for name, value in detail.items() if name != member and value)
        text = detail.get(member) if member else None
        if text:
            if not self._open:
                self._begin_part(kind)
            self._pieces.append(text)
            self._teller.tell(f"{_THOUGHTS[kind][1]}.delta", **self._where, delta=text)

    def end(self) -> None:
        """End the item."""
        self._end_part()
        self._teller.end(self._place, reasoning.item_for_client(self._details))

    def _goes_on(self, detail: Json) -> bool:
        """Whether a detail is a piece of the last one: texts may come without an index."""
        if not self._details:
            return False
        last, index = self._details[-1], detail.get("index")
        same = last["type"] == detail["type"] and last.get("index") == index
        return same and (index is not None or detail["type"] in _THOUGHTS)

    def _begin_part(self, kind: str) -> None:
        _, _, name, index, part = _THOUGHTS[kind]
        number = sum(1 for detail in self._details[:-1] if detail["type"] == kind)
        self._open, self._pieces, self._where = kind, [], {**self._place, index: number}
        self._teller.tell(f"{name}.added", **self._where, part={"type": part, "text": ""})

    def _end_part(self) -> None:
        if not self._open:
            return
        member, texts, name, _, part = _THOUGHTS[self._open]
        text = self._details[-1][member] = "".join(self._pieces)
        self._teller.tell(f"{texts}.done", **self._where, text=text)
        self._teller.tell(f"{name}.done", **self._where, part={"type": part, "text": text})
        self._open = ""


class Called:
    """A call of a tool."""

    __slots__ = ("_item", "_member", "_pieces", "_place", "_teller")

    def __init__(self, teller: Teller, told: Json) -> None:
        self._teller = teller
        self._pieces: list[str] = []
        self._item, self._member = response.call(told, teller.call_id())
        self._place: Json = teller.begin("fc", {**self._item, self._member: ""})

    def add(self, piece: str) -> None:
        """Add a piece of what the tool gets."""
        self._pieces.append(piece)
        self._teller.tell(f"{_PIECES[self._member]}.delta", **self._place, delta=piece)

    def end(self) -> None:
        """End the item."""
        member = self._member
        whole = "".join(self._pieces) or NO_ARGUMENTS[member]
        named = {"name": self._item["name"]} if member == "arguments" else {}
        self._teller.tell(f"{_PIECES[member]}.done", **self._place, **named, **{member: whole})
        self._teller.end(self._place, {**self._item, member: whole})
