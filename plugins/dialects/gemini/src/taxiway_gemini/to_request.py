"""Canonical chat's request as a `GenerateContentRequest`.

Sources: ai.google.dev/api/generate-content (request body, GenerationConfig), ai.google.dev/gemini-api/docs: structured-output,
image-generation, speech-generation, and docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference.
"""

from typing import Any, Final

from taxiway.call import Translated
from taxiway.candidate import Endpoint
from taxiway.codec import Json, dumps, items, text_of
from taxiway.errors import Unsupported
from taxiway_gemini.thinking import generation_of, thinking_of
from taxiway_gemini.to_contents import Conversation
from taxiway_gemini.tools import tool_config_of, tools_of

CONFIG: Final = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "max_completion_tokens": "maxOutputTokens",
    "stop": "stopSequences",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "n": "candidateCount",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
    "modalities": "responseModalities",
}
"""Members of `generationConfig` by canonical fields."""

EXTRAS: Final = {"safety_settings": "safetySettings", "cached_content": "cachedContent", "labels": "labels"}
"""Fields of Gemini's request that canonical chat passes on, named as Google's own OpenAI-compatible API names them."""

TIERS: Final = {"default": "standard", "flex": "flex", "priority": "priority", "fast": "priority"}

_IMAGE: Final = {"aspect_ratio": "aspectRatio", "image_size": "imageSize"}

_ELSEWHERE: Final = frozenset(
    "messages tools tool_choice web_search_options response_format reasoning reasoning_effort include_reasoning "
    "service_tier image_config audio parallel_tool_calls".split()
)
_SILENT: Final = {"parallel_tool_calls": True, "n": 1, "logprobs": False, "service_tier": "auto"}
"""Values that ask for what Gemini does anyway."""


def from_canonical(body: Json, endpoint: Endpoint) -> Translated:
    """Translate a canonical body. What the model can't be told is named as dropped, or raises Unsupported."""
    newer = generation_of(endpoint.id) >= 3
    conversation = Conversation(nested=newer, signed=newer)
    for message in items(body.get("messages")):
        conversation.add(message)
    lost, applied = conversation.lost, conversation.applied
    refused = endpoint.unsupported
    if not refused.isdisjoint(body):
        lost += [name for name in body if name in refused and body[name] is not None]
        body = {name: value for name, value in body.items() if name not in refused}
    request: Json = {"contents": conversation.contents}
    config = _config(body, lost)
    tools = tools_of(body, lost)
    if tools:
        request["tools"] = tools
        if (choice := tool_config_of(body.get("tool_choice"))) and "functionDeclarations" in tools[-1]:
            request["toolConfig"] = choice
    if thinking := thinking_of(body, endpoint, lost, applied):
        config["thinkingConfig"] = thinking
    form = _format(body.get("response_format"))
    if form and tools and not newer:
        # Generations before 3 refuse functions together with a JSON answer.
        conversation.system.append({"text": _asked(form)})
        applied.append("response_format")
    else:
        config |= form
    if conversation.system:
        request["systemInstruction"] = {"parts": conversation.system}
    for name, theirs in EXTRAS.items():
        if body.get(name) is not None:
            request[theirs] = body[name]
    if (tier := TIERS.get(text_of(body.get("service_tier")))) is not None:
        request["serviceTier"] = tier
    if config:
        request["generationConfig"] = config
    return Translated(request, tuple(lost), tuple(applied))


def _config(body: Json, lost: list[str]) -> Json:
    config: Json = {}
    for name, value in body.items():
        if value is None or _SILENT.get(name) == value or (name == "service_tier" and text_of(value) in TIERS):
            continue
        if name in CONFIG:
            told = _VALUES[name](value) if name in _VALUES else value
            if told is None:
                lost.append(name)
            else:
                config[CONFIG[name]] = told
        elif name == "image_config" and type(value) is dict:
            lost += [f"image_config.{inner}" for inner in value if inner not in _IMAGE]
            config["imageConfig"] = {_IMAGE[inner]: told for inner, told in value.items() if inner in _IMAGE}
        elif name == "audio" and type(value) is dict:
            config["speechConfig"] = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": value.get("voice")}}}
            lost += [f"audio.{inner}" for inner in value if inner != "voice"]
        elif name in _SILENT or (name not in _ELSEWHERE and name not in EXTRAS):
            lost.append(name)
    return config


def _stops(value: Any) -> list[str] | None:
    return [value] if type(value) is str else value or None


def _seed(value: Any) -> int | None:
    """Google's is a signed number of 32 bits."""
    return value if type(value) is int and -(2**31) <= value < 2**31 else None


def _modalities(value: Any) -> list[str] | None:
    return [str(modality).upper() for modality in value] if type(value) is list else None


def _top_k(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None


_VALUES: Final = {"stop": _stops, "seed": _seed, "modalities": _modalities, "top_k": _top_k}


def _format(form: Any) -> Json:
    """Return what a `response_format` adds to the configuration. Raises Unsupported for grammars."""
    kind = form.get("type") if type(form) is dict else None
    if kind in (None, "text"):
        return {}
    if kind == "json_object":
        return {"responseMimeType": "application/json"}
    named = form.get("json_schema")
    if kind != "json_schema" or type(named) is not dict:
        raise Unsupported("response_format.type", "can't be expressed here")
    schema = named.get("schema")
    if type(schema) is not dict:
        return {"responseMimeType": "application/json"}
    if "title" not in schema and named.get("name"):
        schema = {**schema, "title": named["name"]}
    if "description" not in schema and named.get("description"):
        schema = {**schema, "description": named["description"]}
    return {"responseMimeType": "application/json", "responseJsonSchema": schema}


def _asked(form: Json) -> str:
    """Ask for JSON in words."""
    text = "When you give your answer, give it as JSON only: no other text, no code fence."
    if "responseJsonSchema" in form:
        text += f" It must be valid against this JSON Schema: {dumps(form['responseJsonSchema']).decode()}"
    return text
