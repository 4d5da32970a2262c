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
_PADDING: Final = frozenset({"obfuscation"})


class ChatFold:
    """Folds chunks: texts are joined, lists extended, the items of indexed lists merged; of other values the last holds."""

    __slots__ = ("_choices", "_reply")

    def __init__(self) -> None:
        self._reply: Json = {}
        self._choices: dict[Any, Json] = {}

    def feed(self, event: Json) -> None:
        """Take one chunk. It is not changed."""
        for name, value in event.items():
            if name == "choices":
                for choice in value or ():
                    self._choice(choice)
            elif name not in _PADDING and (value is not None or name not in self._reply):
                self._reply[name] = value

    def reply(self) -> Json:
        """Return the complete reply."""
        reply = {**self._reply, "object": "chat.completion"}
        reply["choices"] = [self._choices[index] for index in sorted(self._choices)]
        for choice in reply["choices"]:
            for call in choice["message"].get("tool_calls") or ():
                # The place in the list says it.
                call.pop("index", None)
        return reply

    def _choice(self, choice: Json) -> None:
        index = choice.get("index", 0)
        whole = self._choices.get(index)
        if whole is None:
            whole = self._choices[index] = {"index": index, "message": {"role": "assistant", "content": None}}
        for name, value in choice.items():
            if name == "delta":
                _merge(whole["message"], value or {})
            elif name != "index":
                _merge(whole, {name: value})


def _merge(whole: Json, piece: Json) -> None:
    for name, value in piece.items():
        known = whole.get(name)
        if value is None or known is None:
            if known is None:
                whole[name] = _indexed(value) if name in _INDEXED and value else _copy(value)
        elif type(value) is str and type(known) is str:
            whole[name] = known + value if name in _PIECES else value or known
        elif type(value) is dict and type(known) is dict:
            _merge(known, value)
        elif type(value) is list and type(known) is list:
            if name in _INDEXED:
                _extend(known, value)
            else:
                known.extend(_copy(value))
        else:
            whole[name] = _copy(value)


def _indexed(pieces: list[Json]) -> list[Json]:
    items: list[Json] = []
    _extend(items, pieces)
    return items


def _extend(items: list[Json], pieces: list[Json]) -> None:
    for piece in pieces:
        index = piece.get("index")
        same = [item for item in items if index is not None and item.get("index") == index]
        # An item of another type at the same index is another item: a signature may follow a text.
        if same and same[-1].get("type") == (piece.get("type") or same[-1].get("type")):
            _merge(same[-1], piece)
        else:
            items.append(_copy(piece))


def _copy(value: Any) -> Any:
    """Copy what a later piece is merged into: events are not the fold's to change."""
    if type(value) is dict:
        return {name: _copy(member) for name, member in value.items()}
    if type(value) is list:
        return [_copy(member) for member in value]
    return value
