"""What planning may know of a chat body, read while the body is checked.

Fields and ranges: OpenRouter's request schema, and OpenAI's where it allows more. Unknown fields pass; null is as absent.
"""

from collections.abc import Mapping
from typing import Any, Final

from taxiway.call import Conversation, Facts
from taxiway.checks import TEXTS, Check, are_texts, check, choice, integer, member, number, objects, of_type
from taxiway.codec import Json, dumps
from taxiway.conversations import HEADER, beginning, check_session, conversation_of, tier_of
from taxiway.errors import InvalidRequest
from taxiway.http import Headers

IMAGE_TOKENS: Final = 765
"""Near what is charged at admission for an image of ordinary size."""
_CHARACTERS_A_TOKEN: Final = 4

_ROLES: Final = ("user", "assistant", "system", "developer", "tool", "function")
_SYSTEM: Final = ("system", "developer")
_NO_MESSAGE: Final[Json] = {}
_SILENT: Final = ("assistant", "function")
_TEXT: Final = frozenset({"text"})
_READ_ON: Final = frozenset("tools response_format reasoning_effort session_id prompt_cache_key service_tier".split())
"""Fields that say more than that they are in use."""
PRESET: Final = "@preset/"
"""What stands before a preset in the name of a model."""
_UNKNOWN: Final = "names a preset, and none is configured: they are written as [presets.slug]"

PARTS: Final = {
    "text": ("text", "text", ""),
    "refusal": ("text", "refusal", ""),
    "image_url": ("image", "image_url", "url"),
    "input_audio": ("audio", "input_audio", "data"),
    "audio_url": ("audio", "audio_url", "url"),
    "video_url": ("video", "video_url", "url"),
    "input_video": ("video", "video_url", "url"),
    "file": ("file", "file", ""),
    # Perplexity's and Z.AI's own.
    "file_url": ("file", "file_url", "url"),
}
"""Content parts by type: the modality, the member that holds it (a text, else an object), and a text that the object needs."""


def facts(body: Json, path: Mapping[str, str], headers: Headers) -> Facts:
    """Check a chat body and read what planning may know of it; its path says nothing. Raises InvalidRequest, naming the field."""
    messages = body.get("messages")
    if type(messages) is not list or not messages:
        raise InvalidRequest("messages", "must be a list of at least one message")
    given: list[str] = []
    for name, value in body.items():
        if name in FIELDS and value is not None:
            FIELDS[name](name, value)
            given.append(name)
    inputs: list[str] = []
    characters = _read_messages(messages, inputs)
    parameters, named, tier = PARAMETERS.intersection(given), None, None
    if not _READ_ON.isdisjoint(given) or HEADER in headers:
        parameters, named = _read_parameters(body, parameters), conversation_of(body, headers)
        tier = tier_of(body.get("service_tier"))
        if "tools" in parameters:
            characters += len(dumps(body["tools"]))
    return Facts(
        models_of(body),
        parameters,
        _TEXT.union(inputs) if inputs else _TEXT,
        tokens_of(characters) + (IMAGE_TOKENS * inputs.count("image") if inputs else 0),
        body.get("max_completion_tokens") or body.get("max_tokens"),
        body.get("stream") is True,
        named or Conversation("messages", body, _begins),
        tier,
    )


def _begins(body: Json) -> str:
    system = next((one for one in body["messages"] if one["role"] in _SYSTEM), _NO_MESSAGE)
    first = next((one for one in body["messages"] if one["role"] not in _SYSTEM), _NO_MESSAGE)
    return beginning(system.get("content"), first.get("content"))


def models_of(body: Json) -> tuple[str, ...]:
    """Return the models that a body asks for: `model`, then `models`. Raises InvalidRequest where it asks for none, or for a preset."""
    model, others = body.get("model"), body.get("models")
    if model is not None and (type(model) is not str or not model):
        raise InvalidRequest("model", "must be a model's slug")
    if others:
        TEXTS("models", others)
        models = tuple(dict.fromkeys((model, *others) if model else others))
    elif model is None:
        raise InvalidRequest("model", "is required")
    else:
        models = (model,)
    for name in models:
        if PRESET in name:
            raise InvalidRequest("model" if name == model else "models", f"{name} {_UNKNOWN}")
    return models


def tokens_of(characters: int) -> int:
    """Estimate the tokens that a text of some length makes."""
    return -(-characters // _CHARACTERS_A_TOKEN)


def read_parts(where: str, parts: Any, inputs: list[str], wanted: str = "a list of parts") -> int:
    """Check content parts; return how many characters of text they have, and put other parts' modalities into `inputs`."""
    characters = 0
    for place, part in objects(where, parts, wanted):
        kind = part.get("type")
        if type(kind) is not str or kind not in PARTS:
            raise InvalidRequest(f"{place}.type", f"must be one of {', '.join(PARTS)}")
        modality, name, needed = PARTS[kind]
        if modality == "text":
            characters += len(member(place, part, name))
            continue
        inner = member(place, part, name, dict)
        if needed:
            member(f"{place}.{name}", inner, needed)
        inputs.append(modality)
    return characters


def _read_messages(messages: list[Any], inputs: list[str]) -> int:
    """Check messages; return how many characters of text they have, and put other parts' modalities into `inputs`."""
    characters = 0
    for index, message in enumerate(messages):
        # Places are said where something is wrong, or read on: most messages are a text.
        if type(message) is not dict:
            raise InvalidRequest(f"messages[{index}]", "must be an object")
        role, content = message.get("role"), message.get("content")
        if role not in _ROLES:
            raise InvalidRequest(f"messages[{index}].role", f"must be one of {', '.join(_ROLES)}")
        if type(content) is str:
            characters += len(content)
        elif content is not None:
            characters += read_parts(f"messages[{index}].content", content, inputs, "a text or a list of parts")
        elif role not in _SILENT:
            raise InvalidRequest(f"messages[{index}].content", "is required")
        if "tool_calls" in message and message["tool_calls"] is not None:
            characters += _read_tool_calls(f"messages[{index}].tool_calls", message["tool_calls"])
        if role == "tool":
            member(f"messages[{index}]", message, "tool_call_id")
    return characters


def _read_tool_calls(where: str, calls: Any) -> int:
    characters = 0
    for place, call in objects(where, calls):
        member(place, call, "id")
        if call.get("function") is None and call.get("type", "function") != "function":
            continue
        characters += len(member(place, call, "function.name")) + len(member(place, call, "function.arguments"))
    return characters


def _read_parameters(body: Json, used: frozenset[str]) -> frozenset[str]:
    """Check what holds between parameters; return those in use, by OpenRouter's names."""
    form, reasoning, effort = body.get("response_format"), body.get("reasoning"), body.get("reasoning_effort")
    if reasoning and effort and reasoning.get("effort") not in {None, effort}:
        raise InvalidRequest("reasoning_effort", "contradicts reasoning.effort")
    return used | {"structured_outputs"} if form is not None and form["type"] == "json_schema" else used


def _tools(where: str, value: Any) -> None:
    for place, tool in objects(where, value):
        if member(place, tool, "type") == "function":
            member(place, tool, "function.name")


def _names_a_tool(choice: Json) -> bool:
    # Hugging Face's client leaves the type out.
    return type(choice.get("type")) is str or ("type" not in choice and type(choice.get("function")) is dict)


def _plugins(where: str, value: Any) -> None:
    for place, plugin in objects(where, value):
        member(place, plugin, "id")


def _response_format(where: str, value: Any) -> None:
    _DICT(where, value)
    _FORMATS(f"{where}.type", value.get("type"))
    if value["type"] == "json_schema":
        member(where, value, "json_schema.name")


def _reasoning(where: str, value: Any) -> None:
    _DICT(where, value)
    for name, checked in _REASONING.items():
        if value.get(name) is not None:
            checked(f"{where}.{name}", value[name])


_HUGE: Final = 2**53
_BOOL: Final = of_type(bool)
_STR: Final = of_type(str)
_DICT: Final = of_type(dict)
_EFFORT: Final = choice("none", "minimal", "low", "medium", "high", "xhigh", "max")
_FORMATS: Final = choice("text", "json_object", "json_schema", "grammar", "python")
_STOP: Final = check(
    lambda value: type(value) is str or (are_texts(value) and len(value) <= 4), "a text or a list of at most 4 texts"
)
_TOOL_CHOICE: Final = check(
    lambda value: value in ("none", "auto", "required") or (type(value) is dict and _names_a_tool(value)),
    "none, auto, required or an object with a type",
)

_REASONING: Final = {"effort": _EFFORT, "max_tokens": integer(0, _HUGE), "exclude": _BOOL, "enabled": _BOOL}

_PARAMETERS: Final[dict[str, Check]] = {
    "temperature": number(0, 2),
    "repetition_penalty": number(0, 2),
    **dict.fromkeys(("top_p", "min_p", "top_a"), number(0, 1)),
    **dict.fromkeys(("frequency_penalty", "presence_penalty"), number(-2, 2)),
    **dict.fromkeys(("max_tokens", "max_completion_tokens"), integer(1, _HUGE)),
    "top_k": integer(-1, _HUGE),
    "top_logprobs": integer(0, 20),
    "seed": integer(-(2**63), 2**64),
    **dict.fromkeys(("logprobs", "parallel_tool_calls", "include_reasoning"), _BOOL),
    **dict.fromkeys(("logit_bias", "prediction", "web_search_options"), _DICT),
    "verbosity": _STR,
    "stop": _STOP,
    "tools": _tools,
    "tool_choice": _TOOL_CHOICE,
    "response_format": _response_format,
    "reasoning": _reasoning,
    "reasoning_effort": _EFFORT,
}
FIELDS: Final[dict[str, Check]] = {
    **_PARAMETERS,
    "n": integer(1, 128),
    "stream": _BOOL,
    "modalities": TEXTS,
    "plugins": _plugins,
    **dict.fromkeys(("metadata", "stream_options"), _DICT),
    **dict.fromkeys(("service_tier", "user", "prompt_cache_key", "preset"), _STR),
    "session_id": check_session,
}
"""The check of each field; dialects that have some of these fields too check them alike."""

PARAMETERS: Final = frozenset(_PARAMETERS) | {"structured_outputs"}
"""OpenRouter's names of parameters (`supported_parameters`); `structured_outputs` is read from `response_format`."""
