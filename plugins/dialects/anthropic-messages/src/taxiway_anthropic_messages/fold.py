"""Makes the complete message out of a stream's events."""

from typing import Any, Final

from taxiway.codec import Json, loads
from taxiway.errors import Malformed
from taxiway_anthropic_messages.usage import merged

_JSON: Final = "partial_json"
_CITATION: Final = "citation"


class MessagesFold:
    """Folds events: a delta's texts are joined to its block's, its citations listed, its JSON decoded when the block ends."""

    __slots__ = ("_blocks", "_json", "_message")

    def __init__(self) -> None:
        self._message: Json = {}
        self._blocks: dict[int, Json] = {}
        self._json: dict[int, list[str]] = {}

    def feed(self, event: Json) -> None:
        """Take one event. It is not changed. Raises Malformed where a delta has no block, or a tool's input is no JSON."""
        kind = event["type"]
        if kind == "content_block_delta":
            self._delta(event["index"], event["delta"])
        elif kind == "content_block_start":
            self._blocks[event["index"]] = dict(event["content_block"])
        elif kind == "content_block_stop":
            self._stop(event["index"])
        elif kind == "message_start":
            self._message = {**event["message"]}
        elif kind == "message_delta":
            self._message |= event["delta"]
            self._message["usage"] = merged(self._message.get("usage"), event.get("usage"))
            for name, value in event.items():
                if name not in {"type", "delta", "usage"}:
                    self._message[name] = value

    def reply(self) -> Json:
        """Return the complete message."""
        return {**self._message, "content": [self._blocks[index] for index in sorted(self._blocks)]}

    def _delta(self, index: int, delta: Json) -> None:
        block = self._blocks.get(index)
        if block is None:
            raise Malformed("a delta of no block")
        for name, value in delta.items():
            if name == "type":
                continue
            if name == _JSON:
                self._json.setdefault(index, []).append(value)
            elif name == _CITATION:
                block["citations"] = [*(block.get("citations") or ()), value]
            elif type(value) is str:
                known = block.get(name)
                block[name] = known + value if type(known) is str else value

    def _stop(self, index: int) -> None:
        pieces: Any = self._json.pop(index, None)
        text = "".join(pieces or ())
        if text:
            self._blocks[index]["input"] = input_of(text)


def input_of(text: str) -> Json:
    """Decode the input of a tool that was streamed. Raises Malformed."""
    value = loads(text.encode())
    if type(value) is not dict:
        raise Malformed("a tool's input is not an object")
    return value
