"""What planning may know of a Responses body, read while the body is checked.

Fields: OpenAI's API reference (create a model response), OpenRouter's additions. Unknown fields, items and parts pass; null is as absent.
What needs a store of responses is refused: Taxiway keeps none.
"""

from typing import Any, Final

from taxiway.call import Facts
from taxiway.chat_facts import FIELDS, IMAGE_TOKENS, models_of, tokens_of
from taxiway.checks import Check, check, integer, member, objects, of_type
from taxiway.codec import Json, dumps
from taxiway.conversations import beginning, conversation_of, tier_of
from taxiway.errors import InvalidRequest
from taxiway.http import Headers

_STATELESS: Final = "can't be used here: no responses are stored, so send the whole conversation as input"
_ROLES: Final = ("user", "assistant", "system", "developer")
_SYSTEM: Final = ("system", "developer")

_ITEMS: Final = {
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id",),
    "custom_tool_call": ("call_id", "name", "input"),
    "custom_tool_call_output": ("call_id",),
}
"""Input items by type, with the texts that they need."""

_PARTS: Final = {
    "input_text": ("text", "text"),
    "output_text": ("text", "text"),
    "refusal": ("text", "refusal"),
    "input_image": ("image", ""),
    "input_file": ("file", ""),
    "input_audio": ("audio", ""),
    "input_video": ("video", "video_url"),
}
"""Content parts by type: the modality, and the text that they need."""

_TEXT: Final = frozenset({"text"})
_OBJECT: Final = of_type(dict)
_BOOL: Final = of_type(bool)


def _absent(where: str, value: Any) -> None:
    raise InvalidRequest(where, _STATELESS)


def _tools(where: str, value: Any) -> None:
    for place, tool in objects(where, value):
        if member(place, tool, "type") in {"function", "custom"}:
            member(place, tool, "name")


def _text(where: str, value: Any) -> None:
    _OBJECT(where, value)
    form = value.get("format")
    if form is None:
        return
    _OBJECT(f"{where}.format", form)
    if member(f"{where}.format", form, "type") == "json_schema":
        member(f"{where}.format", form, "name")
        member(f"{where}.format", form, "schema", dict)


_PARAMETERS: Final = (
    "temperature top_p top_k min_p top_a frequency_penalty presence_penalty repetition_penalty top_logprobs seed stop logit_bias "
    "parallel_tool_calls tool_choice tools reasoning"
).split()
_ALIKE: Final = "metadata service_tier user session_id prompt_cache_key modalities plugins preset stream".split()

_FIELDS: Final[dict[str, Check]] = {
    **{name: FIELDS[name] for name in (*_PARAMETERS, *_ALIKE)},
    "instructions": of_type(str),
    "max_output_tokens": integer(1, 2**53),
    "tools": _tools,
    "text": _text,
    "include": check(lambda value: type(value) is list, "a list"),
    "store": check(lambda value: value is False, "false: no responses are stored here"),
    "background": check(lambda value: value is False, "false: a response that is made later has to be stored"),
    "previous_response_id": _absent,
    "conversation": _absent,
}


def facts(body: Json, headers: Headers) -> Facts:
    """Check a Responses body and read what planning may know of it. Raises InvalidRequest, naming the field."""
    given = [name for name in body if name in _FIELDS and body[name] is not None]
    for name in given:
        _FIELDS[name](name, body[name])
    inputs: list[str] = []
    characters = len(body.get("instructions") or "")
    # A prompt that is stored at OpenAI may be all that is asked.
    if body.get("input") is not None or body.get("prompt") is None:
        characters += _read_input(body.get("input"), inputs)
    if body.get("tools"):
        characters += len(dumps(body["tools"]))
    return Facts(
        models_of(body),
        _parameters(body, given),
        _TEXT.union(inputs),
        tokens_of(characters) + IMAGE_TOKENS * inputs.count("image"),
        body.get("max_output_tokens"),
        body.get("stream") is True,
        conversation_of(body, headers, _begins),
        tier_of(body.get("service_tier")),
    )


def _begins(body: Json) -> str:
    given = body.get("input")
    said = given if type(given) is list else [{"content": given}]
    system = body.get("instructions") or next((one.get("content") for one in said if one.get("role") in _SYSTEM), None)
    return beginning(system, next((one.get("content") for one in said if one.get("role") not in _SYSTEM), None))


def _parameters(body: Json, given: list[str]) -> frozenset[str]:
    used = set(given).intersection(_PARAMETERS)
    if "max_output_tokens" in given:
        used.add("max_tokens")
    text = body.get("text") or {}
    kind = (text.get("format") or {}).get("type", "text")
    if kind != "text":
        used.add("response_format")
    if kind == "json_schema":
        used.add("structured_outputs")
    if text.get("verbosity") is not None:
        used.add("verbosity")
    return frozenset(used)


def _read_input(given: Any, inputs: list[str]) -> int:
    """Check the input; return how many characters of text it has, and put other parts' modalities into `inputs`."""
    if type(given) is str and given:
        return len(given)
    if not given:
        raise InvalidRequest("input", "must be a text or a list of at least one item")
    return sum(_read_item(place, item, inputs) for place, item in objects("input", given))


def _read_item(place: str, item: Json, inputs: list[str]) -> int:
    kind = item.get("type")
    if kind is None or kind == "message":
        if item.get("role") not in _ROLES:
            raise InvalidRequest(f"{place}.role", f"must be one of {', '.join(_ROLES)}")
        return _read_content(f"{place}.content", item.get("content"), inputs)
    if kind == "item_reference":
        raise InvalidRequest(place, _STATELESS)
    characters = 0
    for name in _ITEMS.get(member(place, item, "type"), ()):
        characters += len(member(place, item, name))
    if kind in {"function_call_output", "custom_tool_call_output"}:
        characters += _read_content(f"{place}.output", item.get("output"), inputs)
    elif kind == "reasoning":
        for name in ("summary", "content"):
            for where, part in objects(f"{place}.{name}", item.get(name) or []):
                characters += len(member(where, part, "text"))
    return characters


def _read_content(where: str, content: Any, inputs: list[str]) -> int:
    if type(content) is str:
        return len(content)
    characters = 0
    for place, part in objects(where, content):
        modality, text = _PARTS.get(member(place, part, "type"), ("", ""))
        if text:
            characters += len(member(place, part, text))
        if modality and modality != "text":
            inputs.append(modality)
    return characters
