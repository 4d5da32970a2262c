"""What a model said, part by part, told in canonical chat: for replies, streams and a conversation's earlier turns."""

from typing import Any, Final

from taxiway.codec import Json, dumps, items, text_of
from taxiway_gemini.media import is_media, modality_of, url_of
from taxiway_gemini.members import member
from taxiway_gemini.signatures import FORMAT, named, text_member, unwrapped

_BARE: Final = frozenset({"thought", "thoughtSignature", "thought_signature"})
"""A part that has no more than these is an empty text."""


class ModelReader:
    """Reads the parts of one candidate, as they come. `prefix`: what the ids of calls that have none begin with.

    Such an id is made of what is on the wire alone: the reply's own id, and the number of the call.
    """

    __slots__ = ("_audio", "_images", "_index", "_offset", "_thinking", "calls", "prefix")

    def __init__(self, prefix: str = "call") -> None:
        self.prefix = prefix
        self.calls = 0
        self._offset = self._images = self._index = 0
        self._thinking: int | None = None
        self._audio = False

    def take(self, parts: Any) -> Json:
        """Take parts, give the delta that they make."""
        delta: Json = {}
        for part in items(parts):
            text = part.get("text")
            if type(text) is str or _BARE.issuperset(part):
                text = text_of(text)
                if len(part) == 1:
                    self._thinking = None
                    if text:
                        self._say(delta, text)
                    continue
                signature = text_of(member(part, "thoughtSignature"))
                if part.get("thought") is True:
                    self._think(delta, text, signature)
                else:
                    self._text(delta, text, signature)
                continue
            self._thinking = None
            call = member(part, "functionCall")
            if type(call) is dict:
                self._call(delta, call, text_of(member(part, "thoughtSignature")))
            elif is_media(part) and part.get("thought") is not True and modality_of(part) in {"image", "audio"}:
                self._media(delta, part)
            else:
                self._detail(delta, named("part", self.calls, self._offset), dumps(part).decode())
        return delta

    def _say(self, delta: Json, text: str) -> None:
        self._offset += len(text)
        delta["content"] = delta["content"] + text if "content" in delta else text

    def _text(self, delta: Json, text: str, signature: str) -> None:
        self._thinking = None
        start = self._offset
        if text:
            self._say(delta, text)
        if signature:
            self._detail(delta, named("text", self.calls, start, self._offset), signature)

    def _think(self, delta: Json, text: str, signature: str) -> None:
        """Thoughts in pieces are one, up to a signature."""
        if text:
            delta["reasoning"] = delta.get("reasoning", "") + text
        details: list[Json] = delta.setdefault("reasoning_details", [])
        if self._thinking is None:
            self._thinking = self._next()
            details.append({"type": "reasoning.text", "text": text, "format": FORMAT, "index": self._thinking})
        elif details and details[-1]["index"] == self._thinking:
            details[-1]["text"] += text
        else:
            details.append({"type": "reasoning.text", "text": text, "format": FORMAT, "index": self._thinking})
        if signature:
            self._thinking = None
            other = unwrapped(signature)
            if other is None:
                details[-1]["signature"] = signature
            else:
                details[-1] = _restored(other, details[-1])

    def _call(self, delta: Json, call: Json, signature: str) -> None:
        number = self.calls
        self.calls += 1
        call_id = text_of(call.get("id")) or f"{self.prefix}_{number}"
        args = call.get("args")
        function = {"name": text_of(call.get("name")), "arguments": dumps(args if type(args) is dict else {}).decode()}
        delta.setdefault("tool_calls", []).append(
            {"index": number, "id": call_id, "type": "function", "function": function}
        )
        if signature:
            self._detail(delta, call_id, signature)

    def _media(self, delta: Json, part: Json) -> None:
        url = url_of(part)
        if url is None:
            # Speech: an answer has one sound, which comes in pieces.
            blob = member(part, "inlineData")
            sound: Json = {"data": text_of(blob.get("data")), "transcript": ""}
            if not self._audio:
                sound |= {"id": self.prefix, "expires_at": 0, "format": text_of(member(blob, "mimeType"))}
            self._audio = True
            delta["audio"] = sound
            return
        delta.setdefault("images", []).append({"type": "image_url", "image_url": {"url": url}})
        signature = text_of(member(part, "thoughtSignature"))
        if signature:
            self._detail(delta, named("image", 0, self._images), signature)
        self._images += 1

    def _detail(self, delta: Json, detail_id: str, data: str) -> None:
        delta.setdefault("reasoning_details", []).append(
            {"type": "reasoning.encrypted", "data": data, "id": detail_id, "format": FORMAT, "index": self._next()}
        )

    def _next(self) -> int:
        self._index += 1
        return self._index - 1


def _restored(other: Json, thought: Json) -> Json:
    """Put another model's reasoning together again: the text of the thought, and what its signature wrapped."""
    name = text_member(other)
    told = {} if name is None else {name: thought["text"]}
    return {**other, **told, "index": thought["index"]}


def message_of(delta: Json) -> Json:
    """Make the message that one delta is the whole of."""
    message: Json = {"role": "assistant", "content": delta.pop("content", None), **delta}
    for call in message.get("tool_calls", ()):
        del call["index"]
    return message
