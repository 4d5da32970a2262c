"""Makes the complete chat reply out of a stream's chunks."""

from typing import Any, Final

from taxiway.codec import Json

# Texts that come in pieces; every other text is told whole, and the last telling holds.
_PIECES: Final = frozenset(
    "content reasoning reasoning_content refusal arguments data transcript text summary input thinking".split()
)
# Lists whose items come in pieces, told apart by their index.
_INDEXED: Final = frozenset({"tool_calls", "reasoning_details"})
# Padding against traffic analysis: no part of the answer.
_PADDING: Final = "obfuscation"


class ChatFold:
    """Folds chunks: texts are joined, lists extended, the items of indexed lists merged; of other values the last holds."""

    __slots__ = ("_choices", "_reply")

    def __init__(self) -> None:
        self._reply: Json = {}
        self._choices: dict[Any, Json] = {}

    def feed(self, event: Json) -> None:
        """Take one chunk. It is not changed."""
        for choice in event.get("choices") or ():
            index = choice.get("index", 0)
            known = self._choices.get(index, {"index": index, "message": {"role": "assistant", "content": None}})
            piece = {"message" if name == "delta" else name: value for name, value in choice.items()}
            self._choices[index] = _merged("", known, piece)
        for name, value in event.items():
            # A reply was made when it began, whatever its later chunks say.
            if name in {"choices", _PADDING} or (name == "created" and self._reply.get(name)):
                continue
            if value is not None or name not in self._reply:
                self._reply[name] = value

    def reply(self) -> Json:
        """Return the complete reply."""
        choices = [self._choices[index] for index in sorted(self._choices)]
        for choice in choices:
            for call in choice["message"].get("tool_calls") or ():
                # The place in the list says it.
                call.pop("index", None)
        return {**self._reply, "object": "chat.completion", "choices": choices}


def _merged(name: str, known: Any, piece: Any) -> Any:
    """Return what is known of a member with a further piece of it; neither is changed, events are not the fold's to change."""
    if piece is None:
        return known
    if type(piece) is dict:
        known = known if type(known) is dict else {}
        return {**known, **{inner: _merged(inner, known.get(inner), value) for inner, value in piece.items()}}
    if type(piece) is list:
        known = known if type(known) is list else []
        return _joined(known, piece) if name in _INDEXED else known + piece
    if type(piece) is str and type(known) is str:
        return known + piece if name in _PIECES else piece or known
    return piece


def _joined(items: list[Json], pieces: list[Json]) -> list[Json]:
    items = list(items)
    for piece in pieces:
        index = piece.get("index")
        same = [place for place, item in enumerate(items) if index is not None and item.get("index") == index]
        # An item of another type at the same index is another item: a signature may follow a text.
        if same and piece.get("type") in {None, items[same[-1]].get("type")}:
            items[same[-1]] = _merged("", items[same[-1]], piece)
        else:
            items.append(_merged("", None, piece))
    return items
