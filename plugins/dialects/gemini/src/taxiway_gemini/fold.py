"""Makes the complete reply out of a stream's chunks."""

from typing import Any, Final

from taxiway.codec import Json, items
from taxiway_gemini.members import index_of

_TEXT: Final = frozenset({"text", "thought"})
"""A part that has nothing else may go on in the next chunk. One that is signed is whole."""


class GeminiFold:
    """Folds chunks: parts follow each other, texts that go on are joined, lists grow; of other values the last holds."""

    __slots__ = ("_candidates", "_reply")

    def __init__(self) -> None:
        self._reply: Json = {}
        self._candidates: dict[int, Json] = {}

    def feed(self, event: Json) -> None:
        """Take one chunk. It is not changed."""
        for place, candidate in enumerate(items(event.get("candidates"))):
            known = self._candidates.setdefault(index_of(candidate, place), {})
            for name, value in candidate.items():
                if name == "content" and type(value) is dict:
                    _append(known.setdefault("content", {}), value)
                elif value is not None:
                    known[name] = _grown(known.get(name), value)
        for name, value in event.items():
            if name != "candidates" and value is not None:
                # Usage is told anew in every chunk, in some of them without counts.
                self._reply[name] = {**self._reply.get(name, {}), **value} if type(value) is dict else value

    def reply(self) -> Json:
        """Return the complete reply."""
        candidates = [self._candidates[index] for index in sorted(self._candidates)]
        return {"candidates": candidates, **self._reply} if candidates else dict(self._reply)


def _append(known: Json, content: Json) -> None:
    for name, value in content.items():
        if name != "parts":
            known[name] = value
    parts: list[Json] = known.setdefault("parts", [])
    for part in items(content.get("parts")):
        last = parts[-1] if parts else None
        if _TEXT.issuperset(part) and "text" in part:
            if last is not None and _goes_on(last, part):
                parts[-1] = {**last, "text": last["text"] + part["text"]}
                continue
            if last is not None and not part["text"]:
                continue
        parts.append(part)


def _goes_on(last: Json, part: Json) -> bool:
    return (
        _TEXT.issuperset(last)
        and type(last.get("text")) is str
        and type(part["text"]) is str
        and last.get("thought") == part.get("thought")
    )


def _grown(known: Any, value: Any) -> Any:
    """Return what is known of a member with a later telling of it: all of it again, or what is new."""
    if type(known) is dict and type(value) is dict:
        return {**known, **{name: _grown(known.get(name), inner) for name, inner in value.items()}}
    if type(known) is list and type(value) is list:
        return value if value[: len(known)] == known else [*known, *value]
    return value
