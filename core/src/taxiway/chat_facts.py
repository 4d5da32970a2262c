"""What planning may know of a chat body, read while the body is checked.

Fields and ranges: OpenRouter's request schema, and OpenAI's where it allows more. Unknown fields pass; null is as absent.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from taxiway.call import Facts
from taxiway.codec import Json, dumps
from taxiway.errors import InvalidRequest

Check: TypeAlias = Callable[[str, Any], None]
"""Takes the field's place and its value; raises InvalidRequest."""

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

PARAMETERS: Final = frozenset(
    "temperature top_p top_k min_p top_a frequency_penalty presence_penalty repetition_penalty max_tokens "
    "max_completion_tokens logit_bias logprobs top_logprobs prediction seed response_format stop tools tool_choice "
    "parallel_tool_calls include_reasoning reasoning reasoning_effort web_search_options verbosity".split()
)
"""OpenRouter's names of parameters (`supported_parameters`); `structured_outputs` is read from `response_format`."""

# Near what is charged at admission for an image of ordinary size.
_IMAGE_TOKENS: Final = 765
_CHARACTERS_A_TOKEN: Final = 4

_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_SILENT: Final = frozenset({"assistant", "function"})
_TEXT: Final = frozenset({"text"})
_NONE: Final[frozenset[str]] = frozenset()

_PARTS: Final[dict[str, tuple[str, str, str]]] = {
    "text": ("text", "text", ""),
    "refusal": ("text", "refusal", ""),
    "image_url": ("image", "image_url", "url"),
    "input_audio": ("audio", "input_audio", "data"),
    "audio_url": ("audio", "audio_url", "url"),
    "video_url": ("video", "video_url", "url"),
    "input_video": ("video", "video_url", "url"),
    "file": ("file", "file", "*"),
}
"""Content parts by type: the modality, the member that holds it, and that member's text ("" where it is itself one)."""


def facts(body: Json) -> Facts:
    """Check a chat body and read what planning may know of it. Raises InvalidRequest, naming the field."""
    messages = body.get("messages")
    if type(messages) is not list or not messages:
        raise InvalidRequest("messages", "must be a list of at least one message")
    used: list[str] = []
    for name, value in body.items():
        check = _FIELDS.get(name)
        if check is not None and value is not None:
            check(name, value)
            if name in PARAMETERS:
                used.append(name)
    characters, inputs = _read_messages(messages)
    if used:
        characters += _read_parameters(body, used)
    limit = body.get("max_completion_tokens")
    return Facts(
        models_of(body),
        frozenset(used) if used else _NONE,
        _TEXT if not inputs else frozenset(("text", *inputs)),
        -(-characters // _CHARACTERS_A_TOKEN) + _IMAGE_TOKENS * inputs.count("image"),
        body.get("max_tokens") if limit is None else limit,
        body.get("stream") is True,
    )


def models_of(body: Json) -> tuple[str, ...]:
    """Return the models that a body asks for: `model`, then `models`. Raises InvalidRequest where there is none."""
    model, others = body.get("model"), body.get("models")
    if model is not None and (type(model) is not str or not model):
        raise InvalidRequest("model", "must be a model's slug")
    if others:
        texts("models", others)
        return tuple(dict.fromkeys((model, *others) if model else others))
    if model is None:
        raise InvalidRequest("model", "is required")
    return (model,)


def _read_messages(messages: list[Any]) -> tuple[int, list[str]]:
    """Check messages; return how many characters of text are in them, and every part's modality that is not text."""
    characters = 0
    inputs: list[str] = []
    for index, message in enumerate(messages):
        if type(message) is not dict:
            raise InvalidRequest(f"messages[{index}]", "must be an object")
        role = message.get("role")
        if type(role) is not str or role not in _ROLES:
            raise InvalidRequest(f"messages[{index}].role", f"must be one of {', '.join(sorted(_ROLES))}")
        content = message.get("content")
        if type(content) is str:
            characters += len(content)
        elif type(content) is list:
            for number, part in enumerate(content):
                characters += _read_part(f"messages[{index}].content[{number}]", part, inputs)
        elif content is not None:
            raise InvalidRequest(f"messages[{index}].content", "must be a text or a list of parts")
        elif role not in _SILENT:
            raise InvalidRequest(f"messages[{index}].content", "is required")
        if message.get("tool_calls") is not None:
            characters += _read_tool_calls(f"messages[{index}].tool_calls", message["tool_calls"])
        if role == "tool" and type(message.get("tool_call_id")) is not str:
            raise InvalidRequest(f"messages[{index}].tool_call_id", "must be the id of a tool call")
    return characters, inputs


def _read_part(where: str, part: Any, inputs: list[str]) -> int:
    if type(part) is not dict:
        raise InvalidRequest(where, "must be an object")
    kind = part.get("type")
    row = _PARTS.get(kind) if type(kind) is str else None
    if row is None:
        raise InvalidRequest(f"{where}.type", f"must be one of {', '.join(_PARTS)}")
    modality, member, inner = row
    value = part.get(member)
    if not inner:
        if type(value) is not str:
            raise InvalidRequest(f"{where}.{member}", "must be a text")
        return len(value)
    if type(value) is not dict:
        raise InvalidRequest(f"{where}.{member}", "must be an object")
    if inner != "*" and (type(value.get(inner)) is not str or not value[inner]):
        raise InvalidRequest(f"{where}.{member}.{inner}", "must be a text that is not empty")
    inputs.append(modality)
    return 0


def _read_tool_calls(where: str, calls: Any) -> int:
    if type(calls) is not list:
        raise InvalidRequest(where, "must be a list")
    characters = 0
    for index, call in enumerate(calls):
        if type(call) is not dict:
            raise InvalidRequest(f"{where}[{index}]", "must be an object")
        if type(call.get("id")) is not str:
            raise InvalidRequest(f"{where}[{index}].id", "must be a text")
        function = call.get("function")
        if function is None and call.get("type", "function") != "function":
            continue
        if type(function) is not dict or type(function.get("name")) is not str:
            raise InvalidRequest(f"{where}[{index}].function.name", "must be a text")
        arguments = function.get("arguments")
        if type(arguments) is not str:
            raise InvalidRequest(f"{where}[{index}].function.arguments", "must be a text that holds JSON")
        characters += len(arguments)
    return characters


def _read_parameters(body: Json, used: list[str]) -> int:
    """Check what holds between parameters, complete `used`, and return the characters that they add to the prompt."""
    form = body.get("response_format")
    if form is not None and form["type"] == "json_schema":
        used.append("structured_outputs")
    reasoning, effort = body.get("reasoning"), body.get("reasoning_effort")
    if reasoning and effort and reasoning.get("effort") not in {None, effort}:
        raise InvalidRequest("reasoning_effort", "contradicts reasoning.effort")
    return len(dumps(body["tools"])) if "tools" in used else 0


def number(low: float, high: float) -> Check:
    """Make the check of a number within bounds, both included."""

    def check(where: str, value: Any) -> None:
        if type(value) not in {int, float} or not low <= value <= high:
            raise InvalidRequest(where, f"must be a number from {low} to {high}")

    return check


def integer(low: int, high: int) -> Check:
    """Make the check of a whole number within bounds, both included."""

    def check(where: str, value: Any) -> None:
        if type(value) is not int or not low <= value <= high:
            raise InvalidRequest(where, f"must be a whole number from {low} to {high}")

    return check


def choice(*values: str) -> Check:
    """Make the check of one of several texts."""

    def check(where: str, value: Any) -> None:
        if type(value) is not str or value not in values:
            raise InvalidRequest(where, f"must be one of {', '.join(values)}")

    return check


def of_type(kind: type, name: str) -> Check:
    """Make the check of a type."""

    def check(where: str, value: Any) -> None:
        if type(value) is not kind:
            raise InvalidRequest(where, f"must be {name}")

    return check


def texts(where: str, value: Any) -> None:
    """Check a list of texts."""
    if type(value) is not list or not all(type(text) is str for text in value):
        raise InvalidRequest(where, "must be a list of texts")


def _stop(where: str, value: Any) -> None:
    if type(value) is not str:
        texts(where, value)
        if len(value) > 4:
            raise InvalidRequest(where, "must be at most 4 texts")


def _tools(where: str, value: Any) -> None:
    if type(value) is not list:
        raise InvalidRequest(where, "must be a list")
    for index, tool in enumerate(value):
        if type(tool) is not dict or type(tool.get("type")) is not str:
            raise InvalidRequest(f"{where}[{index}].type", "must be a text")
        function = tool.get("function")
        if tool["type"] == "function" and (type(function) is not dict or type(function.get("name")) is not str):
            raise InvalidRequest(f"{where}[{index}].function.name", "must be a text")


def _tool_choice(where: str, value: Any) -> None:
    if type(value) is str:
        _CHOICES(where, value)
    elif type(value) is not dict or type(value.get("type")) is not str:
        raise InvalidRequest(where, "must be none, auto, required or an object with a type")


def _response_format(where: str, value: Any) -> None:
    if type(value) is not dict:
        raise InvalidRequest(where, "must be an object")
    _FORMATS(f"{where}.type", value.get("type"))
    if value["type"] == "json_schema":
        schema = value.get("json_schema")
        if type(schema) is not dict or type(schema.get("name")) is not str:
            raise InvalidRequest(f"{where}.json_schema.name", "must be a text")


def _reasoning(where: str, value: Any) -> None:
    if type(value) is not dict:
        raise InvalidRequest(where, "must be an object")
    for name, check in _REASONING.items():
        if value.get(name) is not None:
            check(f"{where}.{name}", value[name])


_HUGE: Final = 2**53
_CHOICES: Final = choice("none", "auto", "required")
_FORMATS: Final = choice("text", "json_object", "json_schema", "grammar", "python")
_BOOL: Final = of_type(bool, "true or false")
_STR: Final = of_type(str, "a text")
_DICT: Final = of_type(dict, "an object")

_REASONING: Final[dict[str, Check]] = {
    "effort": choice(*EFFORTS),
    "max_tokens": integer(0, _HUGE),
    "exclude": _BOOL,
    "enabled": _BOOL,
}

_FIELDS: Final[dict[str, Check]] = {
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "top_k": integer(-1, _HUGE),
    "min_p": number(0, 1),
    "top_a": number(0, 1),
    "frequency_penalty": number(-2, 2),
    "presence_penalty": number(-2, 2),
    "repetition_penalty": number(0, 2),
    "seed": integer(-(2**63), 2**64),
    "logit_bias": _DICT,
    "logprobs": _BOOL,
    "top_logprobs": integer(0, 20),
    "n": integer(1, 128),
    "stop": _stop,
    "max_tokens": integer(1, _HUGE),
    "max_completion_tokens": integer(1, _HUGE),
    "tools": _tools,
    "tool_choice": _tool_choice,
    "parallel_tool_calls": _BOOL,
    "response_format": _response_format,
    "reasoning": _reasoning,
    "reasoning_effort": choice(*EFFORTS),
    "include_reasoning": _BOOL,
    "verbosity": _STR,
    "prediction": _DICT,
    "web_search_options": _DICT,
    "modalities": texts,
    "metadata": _DICT,
    "service_tier": _STR,
    "user": _STR,
    "session_id": _STR,
    "prompt_cache_key": _STR,
    "stream": _BOOL,
    "stream_options": _DICT,
}
