"""A stream of Converse as canonical chunks.

An event is an object with one member, named by its kind (`{"contentBlockDelta": {...}}`), as AWS's own libraries give it.
Source: docs.aws.amazon.com/bedrock/latest/APIReference: ConverseStreamOutput and the shapes that it names. A text begins without a
start; its end is told like any block's; usage comes behind the end of the message.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from taxiway import data_url
from taxiway.codec import Json
from taxiway.errors import Malformed
from taxiway_bedrock.reply import SERVER_TOOL, annotation, ended, thought, tier_of
from taxiway_bedrock.request import State
from taxiway_bedrock.usage import FINISHES, canonical

_NOTHING: Final[tuple[Json, ...]] = ()


class ChunkTranslator:
    """Translates one stream. Of the answer it keeps only what its pieces refer to: positions, and the citations of an open block."""

    __slots__ = tuple("_answer _calls _citations _details _dropped _image _length _open _start _state dropped".split())

    def __init__(self, state: State | None) -> None:
        self._state = state or State()
        self._dropped: list[str] = []
        self.dropped: Sequence[str] = self._dropped
        # By the block's index: the tool call's place, and whether any of its arguments came.
        self._open: dict[Any, list[Any]] = {}
        # By the block's index: the places of its reasoning details.
        self._details: dict[Any, int] = {}
        self._citations: list[Json] = []
        self._calls = self._length = self._start = 0
        self._answer: Any = None
        self._image = "png"

    def feed(self, event: Json) -> Sequence[Json]:
        """Take an event, give what it makes. Raises Malformed where it is none of Converse's."""
        try:
            for kind, value in event.items():
                take = self._takes.get(kind)
                if take is not None:
                    return take(self, value)
        except (AttributeError, TypeError, KeyError, ValueError) as error:
            raise Malformed(f"an event that is not Converse's ({type(error).__name__})") from None
        return _NOTHING

    def close(self) -> Sequence[Json]:
        """Give nothing: the last event told all."""
        return _NOTHING

    def _drop(self, name: str) -> None:
        if name not in self._dropped:
            self._dropped.append(name)

    def _begin(self, event: Json) -> Sequence[Json]:
        return (_chunk({"role": "assistant"}),)

    def _block(self, event: Json) -> Sequence[Json]:
        start, index = event["start"], event["contentBlockIndex"]
        tool = start.get("toolUse")
        if tool is not None and tool.get("type") != SERVER_TOOL:
            if tool["name"] == self._state.answer:
                self._answer = index
                return _NOTHING
            place = self._calls
            self._calls += 1
            self._open[index] = [place, False]
            function = {"name": tool["name"], "arguments": ""}
            call = {"index": place, "id": tool["toolUseId"], "type": "function", "function": function}
            return (_chunk({"tool_calls": [call]}),)
        if "image" in start:
            self._image = start["image"]["format"]
            return _NOTHING
        for kind in start:
            self._drop(kind)
        return _NOTHING

    def _delta(self, event: Json) -> Sequence[Json]:
        delta = event["delta"]
        text = delta.get("text")
        if text is not None:
            return self._text(text)
        index = event["contentBlockIndex"]
        if "toolUse" in delta:
            return self._arguments(index, delta["toolUse"]["input"])
        if "reasoningContent" in delta:
            return self._reasoning(index, delta["reasoningContent"])
        if "citation" in delta:
            self._citations.append(delta["citation"])
        elif "image" in delta and "source" in delta["image"]:
            url = data_url.join(f"image/{self._image}", delta["image"]["source"]["bytes"])
            return (_chunk({"images": [{"type": "image_url", "image_url": {"url": url}}]}),)
        else:
            for kind in delta:
                self._drop(kind)
        return _NOTHING

    def _text(self, text: str) -> Sequence[Json]:
        if not text:
            return _NOTHING
        self._length += len(text)
        return (_chunk({"content": text}),)

    def _arguments(self, index: Any, piece: str) -> Sequence[Json]:
        if index == self._answer and self._answer is not None:
            return self._text(piece)
        call = self._open.get(index)
        # A tool that the provider ran itself has no call; an empty piece says nothing.
        if call is None or not piece:
            return _NOTHING
        call[1] = True
        return (_chunk({"tool_calls": [{"index": call[0], "function": {"arguments": piece}}]}),)

    def _reasoning(self, index: Any, piece: Json) -> Sequence[Json]:
        if self._state.exclude:
            return _NOTHING
        place = self._details.setdefault(index, len(self._details))
        format_, text = self._state.format, piece.get("text")
        if text is not None:
            return (_chunk({"reasoning": text, "reasoning_details": [thought(place, format_, text=text)]}),)
        if "signature" in piece:
            detail = thought(place, format_, signature=piece["signature"])
        else:
            detail = thought(place, format_, data=piece["redactedContent"])
        return (_chunk({"reasoning_details": [detail]}),)

    def _block_end(self, event: Json) -> Sequence[Json]:
        index, start = event["contentBlockIndex"], self._start
        self._start = self._length
        call = self._open.pop(index, None)
        if call is not None and not call[1]:
            # A tool without arguments sends none at all.
            return (_chunk({"tool_calls": [{"index": call[0], "function": {"arguments": "{}"}}]}),)
        if not self._citations:
            return _NOTHING
        if any(citation.get("location") for citation in self._citations):
            self._drop("citations.location")
        told = [annotation(citation, start, self._length) for citation in self._citations]
        self._citations = []
        return (_chunk({"annotations": told}),)

    def _end(self, event: Json) -> Sequence[Json]:
        native: Any = event.get("stopReason")
        reason = FINISHES.get(native, native)
        if reason == "tool_calls" and self._answer is not None and not self._calls:
            reason = "stop"
        chunk = _chunk({}, reason)
        choice = chunk["choices"][0]
        choice["native_finish_reason"] = native
        ended(choice, event)
        return (chunk,)

    def _metadata(self, event: Json) -> Sequence[Json]:
        if "trace" in event:
            self._drop("trace")
        chunk: Json = {"object": "chat.completion.chunk", "choices": [], "usage": canonical(event.get("usage"))}
        tier = tier_of(event)
        if tier is not None:
            chunk["service_tier"] = tier
        return (chunk,)

    _takes: ClassVar[Mapping[str, Callable[..., Sequence[Json]]]] = {
        "contentBlockDelta": _delta,
        "messageStart": _begin,
        "contentBlockStart": _block,
        "contentBlockStop": _block_end,
        "messageStop": _end,
        "metadata": _metadata,
    }


def _chunk(delta: Json, reason: str | None = None) -> Json:
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
