"""Gemini's `systemInstruction` and `contents` as canonical chat's messages."""

from typing import Any, Final

from attrs import define, field

from taxiway.codec import Json, items, text_of
from taxiway_gemini.from_parts import ModelReader, message_of
from taxiway_gemini.media import content_of, is_media
from taxiway_gemini.members import member
from taxiway_gemini.results import text_of_response

_HINTS: Final = ("videoMetadata", "mediaResolution", "partMetadata")
"""Members of a part that say how it is to be looked at."""


@define(eq=False)
class Messages:
    """Contents, told as canonical chat tells them. `lost` names what can't be said."""

    messages: list[Json] = field(factory=list)
    lost: list[str] = field(factory=list)
    _turn: int = 0
    _said: list[Json] = field(factory=list)
    _open: list[tuple[str, str]] = field(factory=list)

    def instruct(self, instruction: Any) -> None:
        """Take a `systemInstruction`: a content, or its text."""
        texts = [instruction] if type(instruction) is str else []
        for content in items(instruction):
            texts += [text_of(part.get("text")) for part in items(content.get("parts"))]
        if not any(texts):
            return
        told = texts[0] if len(texts) == 1 else [{"type": "text", "text": text} for text in texts]
        self.messages.append({"role": "system", "content": told})

    def add(self, content: Json) -> None:
        """Take the next content. What a model said in several is one message: SDKs keep each chunk of a stream as one."""
        parts = items(content.get("parts"))
        if content.get("role") == "model":
            self._said += parts
            return
        self.close()
        self._user(parts)
        self._turn += 1

    def close(self) -> None:
        """There are no more contents, or no more of the model's."""
        if not self._said:
            return
        message = message_of(ModelReader(f"call_{self._turn}").take(self._said))
        self._open = [(call["id"], call["function"]["name"]) for call in message.get("tool_calls", ())]
        self.messages.append(message)
        self._said = []
        self._turn += 1

    def _user(self, parts: list[Json]) -> None:
        said: list[Json] = []
        for part in parts:
            response = member(part, "functionResponse")
            if type(response) is dict:
                self.messages.append(self._result(response))
                continue
            for hint in _HINTS:
                if member(part, hint) is not None:
                    self._lose(f"contents.parts.{hint}")
            text = part.get("text")
            if type(text) is str:
                said.append({"type": "text", "text": text})
            elif is_media(part):
                said.append(content_of(part))
            else:
                names = [name for name in part if name not in {"thought", "thoughtSignature", "thought_signature"}]
                self._lose(f"contents.parts.{names[0] if names else 'text'}")
        if said:
            plain = len(said) == 1 and said[0]["type"] == "text"
            self.messages.append({"role": "user", "content": said[0]["text"] if plain else said})

    def _result(self, response: Json) -> Json:
        text = text_of_response(response.get("response"))
        media = [content_of(part) for part in items(response.get("parts")) if is_media(part)]
        told: Any = [{"type": "text", "text": text}, *media] if media else text
        return {"role": "tool", "tool_call_id": self._answered(response), "content": told}

    def _answered(self, response: Json) -> str:
        """Return the id of the call that a response answers: by its id, else the first open call of its name, else the first."""
        given, name = text_of(response.get("id")), text_of(response.get("name"))
        for index, (call_id, called) in enumerate(self._open):
            if (given == call_id) if given else (name == called):
                del self._open[index]
                return call_id
        if not given and self._open:
            return self._open.pop(0)[0]
        return given or f"call_{self._turn}_{name}"

    def _lose(self, name: str) -> None:
        if name not in self.lost:
            self.lost.append(name)
