"""Canonical chat's messages as Gemini's `systemInstruction` and `contents`.

Sources: ai.google.dev/api/caching (Content), ai.google.dev/gemini-api/docs/function-calling.
"""

from typing import Any

from attrs import define, field

from taxiway.codec import Json, items, text_of
from taxiway_gemini.media import part_of
from taxiway_gemini.results import response_of
from taxiway_gemini.signatures import UNSIGNED
from taxiway_gemini.to_parts import model_parts


@define(eq=False)
class Conversation:
    """Messages, told as Gemini tells them. `lost` names what can't be said, `applied` what is said another way.

    `nested`: results of functions may hold media themselves; else they stand beside them. `signed`: calls must be signed.
    """

    nested: bool = False
    signed: bool = False
    system: list[Json] = field(factory=list)
    contents: list[Json] = field(factory=list)
    lost: list[str] = field(factory=list)
    applied: list[str] = field(factory=list)
    _names: dict[str, str] = field(factory=dict)
    _answered: Json | None = None

    def add(self, message: Json) -> None:
        """Take the next message. Raises Unsupported."""
        role = text_of(message.get("role"))
        if role in {"tool", "function"}:
            self._result(message)
            return
        self._answered = None
        if role == "assistant":
            self._model(message)
        elif role in {"system", "developer"} and not self.contents:
            self.system += self._parts(message)
        else:
            if role in {"system", "developer"}:
                # Gemini has instructions at the beginning only.
                self._apply("messages.system")
            self.contents.append({"role": "user", "parts": self._parts(message)})

    def _model(self, message: Json) -> None:
        parts = model_parts(message, self.lost)
        bare = True
        for part in parts:
            call = part.get("functionCall")
            if call is None:
                continue
            self._names[text_of(call.get("id"))] = call["name"]
            if bare and self.signed and "thoughtSignature" not in part:
                part["thoughtSignature"] = UNSIGNED
                self._apply("messages.reasoning_details")
            bare = False
        if message.get("cache_control"):
            self._lose("cache_control")
        if parts:
            self.contents.append({"role": "model", "parts": parts})

    def _result(self, message: Json) -> None:
        call_id, content = text_of(message.get("tool_call_id")), message.get("content")
        name = self._names.get(call_id) or text_of(message.get("name")) or call_id or "function"
        if message.get("cache_control"):
            self._lose("cache_control")
        media: list[Json] = []
        if type(content) is list:
            parts = self._listed(content)
            media = [part for part in parts if "text" not in part]
            content = "\n".join(part["text"] for part in parts if "text" in part)
        told: Json = {"name": name, "response": response_of(text_of(content))}
        if call_id:
            told = {"id": call_id, **told}
        if media and self.nested:
            told["parts"] = media
            media = []
        elif media:
            self._apply("messages.tool.content")
        if self._answered is None:
            self._answered = {"role": "user", "parts": []}
            self.contents.append(self._answered)
        self._answered["parts"] += [{"functionResponse": told}, *media]

    def _parts(self, message: Json) -> list[Json]:
        content, name = message.get("content"), message.get("name")
        if message.get("cache_control"):
            self._lose("cache_control")
        parts = self._listed(content) if type(content) is list else [{"text": text_of(content)}]
        if type(name) is str and name:
            # As OpenRouter tells a speaker's name to models that know none.
            self._apply("messages.name")
            first = next((part for part in parts if "text" in part), None)
            if first is None:
                parts.insert(0, {"text": f"{name}: "})
            else:
                first["text"] = f"{name}: {first['text']}"
        return parts

    def _listed(self, content: list[Any]) -> list[Json]:
        parts: list[Json] = []
        for number, part in enumerate(items(content)):
            if part.get("cache_control"):
                self._lose("cache_control")
            text = part.get("text", part.get("refusal"))
            if type(text) is str:
                parts.append({"text": text})
            else:
                parts.append(part_of(part, f"messages.content[{number}]", self.lost))
        return parts

    def _lose(self, name: str) -> None:
        if name not in self.lost:
            self.lost.append(name)

    def _apply(self, name: str) -> None:
        if name not in self.applied:
            self.applied.append(name)
