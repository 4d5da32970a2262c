"""A `GenerateContentRequest` as canonical chat's request. Sources: those of `to_request`."""

import re
from typing import Any, Final

from taxiway.call import Translated
from taxiway.codec import Json, items, text_of
from taxiway.errors import Unsupported
from taxiway_gemini.from_contents import Messages
from taxiway_gemini.members import member, spelt
from taxiway_gemini.schemas import json_schema
from taxiway_gemini.thinking import reasoning_of
from taxiway_gemini.to_request import CONFIG, TIERS
from taxiway_gemini.tools import chat_choice, chat_tools

_FIELDS: Final = {theirs: ours for ours, theirs in reversed(CONFIG.items())}
"""Canonical fields by members of `generationConfig`."""

_NEEDED: Final = ("cachedContent", "continuationToken")
"""What a request leans on that only Google holds: without it, it would mean something else."""

_SERVICE: Final = {theirs: ours for ours, theirs in reversed(TIERS.items())}
_READ: Final = frozenset(
    name
    for one in ("contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "serviceTier")
    for name in (one, spelt(one))
)
_CONFIGURED: Final = frozenset(
    name
    for one in (
        *_FIELDS,
        "responseMimeType",
        "responseSchema",
        "responseJsonSchema",
        "thinkingConfig",
        "imageConfig",
        "speechConfig",
    )
    for name in (one, spelt(one))
)
_NAME: Final = re.compile(r"[^A-Za-z0-9_-]+")


def to_canonical(body: Json) -> Translated:
    """Translate a client's body. What canonical chat has no word for is named as dropped, or raises Unsupported."""
    for name in _NEEDED:
        if member(body, name):
            raise Unsupported(name, "is known to Google alone")
    told = Messages()
    told.instruct(member(body, "systemInstruction"))
    for content in items(body.get("contents")):
        told.add(content)
    told.close()
    lost = told.lost
    chat: Json = {"messages": told.messages}
    functions, others = chat_tools(body.get("tools"), lost)
    if functions:
        chat["tools"] = functions
    chat |= others
    choice = chat_choice(member(body, "toolConfig"), functions, lost)
    if choice is not None:
        chat["tool_choice"] = choice
    config = member(body, "generationConfig")
    if type(config) is dict:
        _configure(chat, config, lost)
    tier = text_of(member(body, "serviceTier")).lower()
    if tier in _SERVICE:
        chat["service_tier"] = _SERVICE[tier]
    lost += [name for name, value in body.items() if name not in _READ and value not in (None, [], {})]
    return Translated(chat, tuple(lost))


def _configure(chat: Json, config: Json, lost: list[str]) -> None:
    for theirs, ours in _FIELDS.items():
        value = member(config, theirs)
        if value is not None:
            told = _VALUES[ours](value) if ours in _VALUES else value
            if told is not None:
                chat[ours] = told
    form = _format(config, lost)
    if form:
        chat["response_format"] = form
    reasoning = reasoning_of(member(config, "thinkingConfig"))
    if reasoning:
        chat["reasoning"] = reasoning
    image = member(config, "imageConfig")
    if type(image) is dict:
        names = {"aspect_ratio": "aspectRatio", "image_size": "imageSize"}
        chat["image_config"] = {ours: member(image, name) for ours, name in names.items() if member(image, name)}
    voice = _voice(member(config, "speechConfig"))
    if voice:
        chat["audio"] = {"voice": voice, "format": "pcm16"}
    lost += [f"generationConfig.{name}" for name, value in config.items() if name not in _CONFIGURED and value]


def _format(config: Json, lost: list[str]) -> Json | None:
    schema = member(config, "responseJsonSchema")
    if schema is None:
        schema = json_schema(member(config, "responseSchema"))
    mime = text_of(member(config, "responseMimeType"))
    if mime != "application/json":
        if mime not in {"", "text/plain"}:
            lost.append("generationConfig.responseMimeType")
        return None
    if type(schema) is not dict:
        return {"type": "json_object"}
    name = _NAME.sub("_", text_of(schema.get("title")))[:64] or "response"
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}


def _voice(speech: Any) -> str:
    for name in ("voiceConfig", "prebuiltVoiceConfig"):
        speech = member(speech, name) if type(speech) is dict else None
    return text_of(member(speech, "voiceName")) if type(speech) is dict else ""


def _modalities(value: Any) -> list[str] | None:
    """Text alone is what every model answers with."""
    told = [modality.lower() for modality in value if type(modality) is str] if type(value) is list else []
    return told if told and told != ["text"] else None


def _whole(value: Any) -> Any:
    """Google's `topK` is a number with a fraction."""
    return int(value) if type(value) is float and value.is_integer() else value


def _several(value: Any) -> Any:
    return None if value == 1 else value


_VALUES: Final = {"modalities": _modalities, "top_k": _whole, "n": _several}
