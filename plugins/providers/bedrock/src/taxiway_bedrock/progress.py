"""How far a reply of Converse has come, and the complete reply that a stream makes."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from taxiway.codec import Json, loads
from taxiway.errors import Malformed
from taxiway_bedrock.usage import FINISHES, usage_of

if TYPE_CHECKING:
    from taxiway.usage import Usage

_PADDING: Final = "p"


class ConverseProgress:
    """Reads events, or the one complete reply.

    A stream is done when the message has stopped and what follows that, the metadata, is there: usage comes only with it.
    """

    __slots__ = tuple("_pieces _stopped _stream done finish native_finish started upstream_id usage".split())

    def __init__(self, stream: bool) -> None:
        self.started = self.done = False
        self.finish: str | None = None
        self.native_finish: str | None = None
        self.usage: Usage | None = None
        self.upstream_id: str | None = None
        self._pieces: list[str] = []
        self._stopped = False
        self._stream = stream

    def see(self, event: Json) -> None:
        """Take one event, or the one complete reply. Raises Malformed."""
        try:
            if self._stream:
                self._event(event)
            else:
                self._reply(event)
        except (AttributeError, TypeError, KeyError) as error:
            raise Malformed(f"no event or reply of Converse's ({type(error).__name__})") from None

    def close(self, mark: bool, framed: bool) -> None:
        """The body ended: what is done was done by its own events."""

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._pieces)

    def _event(self, event: Json) -> None:
        for kind, value in event.items():
            if kind == "contentBlockDelta":
                text = value["delta"].get("text")
                if type(text) is str:
                    self._pieces.append(text)
                if not self.started:
                    self.started = any(value["delta"].values())
            elif kind == "contentBlockStart":
                self.started = True
            elif kind == "messageStop":
                self._stopped = True
                self._finish(value.get("stopReason"))
            elif kind == "metadata":
                self._usage(value)
                self.done = self._stopped

    def _reply(self, reply: Json) -> None:
        content = reply["output"]["message"]["content"]
        for block in content:
            text = block.get("text")
            if type(text) is str:
                self._pieces.append(text)
            cited = block.get("citationsContent") or {}
            self._pieces += [str(piece["text"]) for piece in cited.get("content") or ()]
        self.started = any(any(block.values()) for block in content)
        self._finish(reply.get("stopReason"))
        self._usage(reply)
        self.done = True

    def _finish(self, native: Any) -> None:
        self.native_finish = native
        self.finish = FINISHES.get(native, native)

    def _usage(self, holder: Json) -> None:
        usage = holder.get("usage")
        if type(usage) is dict:
            self.usage = usage_of(usage)


class ConverseFold:
    """Makes the complete reply of a stream: blocks by their index, a tool's input read from its pieces."""

    def __init__(self) -> None:
        self._role: Any = "assistant"
        self._blocks: dict[Any, dict[str, Any]] = {}
        self._rest: Json = {}

    def feed(self, event: Json) -> None:
        """Take one event. It is not changed. Raises Malformed."""
        try:
            for kind, value in event.items():
                take = self._takes.get(kind)
                if take is not None:
                    take(self, value)
        except (AttributeError, TypeError, KeyError) as error:
            raise Malformed(f"an event that is not Converse's ({type(error).__name__})") from None

    def reply(self) -> Json:
        """Return the complete reply. Raises Malformed where its pieces do not fit together."""
        try:
            content = [_folded(self._blocks[index]) for index in sorted(self._blocks)]
        except (AttributeError, TypeError, KeyError) as error:
            raise Malformed(f"blocks that do not fit together ({type(error).__name__})") from None
        return {"output": {"message": {"role": self._role, "content": content}}, **self._rest}

    def _start(self, event: Json) -> None:
        self._role = event["role"]

    def _block(self, event: Json) -> None:
        self._blocks.setdefault(event["contentBlockIndex"], {})["start"] = event["start"]

    def _delta(self, event: Json) -> None:
        block = self._blocks.setdefault(event["contentBlockIndex"], {})
        for kind, value in event["delta"].items():
            block.setdefault(kind, []).append(value)

    def _end(self, event: Json) -> None:
        self._rest |= {name: value for name, value in event.items() if name != _PADDING}

    _takes: ClassVar[Mapping[str, Callable[..., None]]] = {
        "messageStart": _start,
        "contentBlockStart": _block,
        "contentBlockDelta": _delta,
        "messageStop": _end,
        "metadata": _end,
    }


def _folded(block: dict[str, Any]) -> Json:
    """Make one block of its start and the pieces of each kind."""
    start = block.get("start") or {}
    if "toolUse" in start:
        return {"toolUse": {**start["toolUse"], "input": _input("".join(p["input"] for p in block.get("toolUse", ())))}}
    if "toolResult" in start:
        pieces = [piece for group in block.get("toolResult", ()) for piece in group]
        return {"toolResult": {**start["toolResult"], "content": pieces}}
    if "image" in start:
        return {"image": {**start["image"], **{k: v for piece in block.get("image", ()) for k, v in piece.items()}}}
    if "reasoningContent" in block:
        return {"reasoningContent": _reasoning(block["reasoningContent"])}
    text = "".join(block.get("text", ()))
    if "citation" in block:
        return {"citationsContent": {"content": [{"text": text}], "citations": block["citation"]}}
    return {"text": text}


def _reasoning(pieces: list[Json]) -> Json:
    if any("redactedContent" in piece for piece in pieces):
        return {"redactedContent": "".join(piece.get("redactedContent", "") for piece in pieces)}
    text: Json = {"text": "".join(piece.get("text", "") for piece in pieces)}
    signature = "".join(piece.get("signature", "") for piece in pieces)
    return {"reasoningText": {**text, "signature": signature} if signature else text}


def _input(text: str) -> Any:
    """Read a tool's input; what was cut, and is no JSON, stays as it is."""
    if not text.strip():
        return {}
    try:
        return loads(text.encode())
    except Malformed:
        return text
