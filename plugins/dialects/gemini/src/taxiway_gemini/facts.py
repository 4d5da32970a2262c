"""What planning may know of a Gemini body, read while it is checked. Unknown members pass; null is as absent."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from taxiway.call import Facts
from taxiway.chat_facts import FIELDS, models_of, tokens_of
from taxiway.checks import TEXTS, number
from taxiway.codec import Json, dumps, items, text_of
from taxiway.conversations import beginning, conversation_of, tier_of
from taxiway.errors import InvalidRequest
from taxiway.http import Headers
from taxiway_gemini.media import is_media, modality_of
from taxiway_gemini.members import member
from taxiway_gemini.to_request import CONFIG

STREAM: Final = "streamGenerateContent"

# As chat reckons them.
_IMAGE_TOKENS: Final = 765

_AUTHORS: Final = ("gemini", "gemma", "text-embedding", "text-multilingual-embedding", "embedding", "learnlm")
"""How the names of Google's own models begin: clients of Google's API write them without their author."""

_PARAMETERS: Final = {theirs: ours for ours, theirs in reversed(CONFIG.items()) if ours not in {"n", "modalities"}}

_CHECKS: Final = {theirs: FIELDS[ours] for ours, theirs in CONFIG.items() if ours != "modalities"} | {
    "topK": number(0, 2**53),
    "stopSequences": TEXTS,
}
"""The checks of what `generationConfig` holds: chat's, but for what Google has otherwise."""


def facts(body: Json, path: Mapping[str, str], headers: Headers) -> Facts:
    """Check a body and read what planning may know of it. Raises InvalidRequest, naming the member."""
    config = _object(body, "generationConfig")
    characters, inputs = 0, ["text"]
    contents = body.get("contents")
    if not contents:
        raise InvalidRequest("contents", "must be a list of at least one content")
    for where, content in _objects("contents", contents):
        characters += _read(where, content, inputs)
    instruction = member(body, "systemInstruction")
    if type(instruction) is dict:
        characters += _read("systemInstruction", instruction, inputs)
    for theirs, checked in _CHECKS.items():
        if member(config, theirs) is not None:
            checked(f"generationConfig.{theirs}", member(config, theirs))
    parameters = {ours for theirs, ours in _PARAMETERS.items() if member(config, theirs) is not None}
    if member(config, "thinkingConfig") is not None:
        parameters.add("reasoning")
    if member(config, "responseMimeType") == "application/json":
        parameters.add("response_format")
        if member(config, "responseSchema") or member(config, "responseJsonSchema"):
            parameters.add("structured_outputs")
    tools = body.get("tools")
    if tools:
        parameters.add("tools")
        characters += sum(len(dumps(tool)) for _, tool in _objects("tools", tools))
    if _object(body, "toolConfig"):
        parameters.add("tool_choice")
    if body.get("plugins") is not None:
        FIELDS["plugins"]("plugins", body["plugins"])
    return Facts(
        models_of_path(body, path),
        frozenset(parameters),
        frozenset(inputs),
        tokens_of(characters) + _IMAGE_TOKENS * inputs.count("image"),
        member(config, "maxOutputTokens"),
        path.get("action") == STREAM,
        conversation_of(body, headers, _begins),
        tier_of(text_of(member(body, "serviceTier")).lower() or None),
    )


def _begins(body: Json) -> str:
    instruction, first = member(body, "systemInstruction"), items(body.get("contents"))
    system = instruction.get("parts") if type(instruction) is dict else None
    return beginning(items(system), items(first[0].get("parts")) if first else None)


def models_of_path(body: Json, path: Mapping[str, str]) -> tuple[str, ...]:
    """Return the models that a call asks for: the path's (else the body's), then its `models`. Raises InvalidRequest."""
    named, publisher = path.get("model") or body.get("model"), path.get("publisher")
    if publisher and type(named) is str and "/" not in named:
        named = f"{publisher}/{named}"
    models = body.get("models")
    names = [slug(name) if type(name) is str else name for name in models] if type(models) is list else models
    return models_of({"model": slug(named) if type(named) is str else named, "models": names})


def slug(name: str) -> str:
    """Return the slug of a model as clients of Google's API name it: `models/gemini-2.5-pro`, or as any other client does."""
    for prefix in ("models/", "publishers/google/models/"):
        name = name.removeprefix(prefix)
    return f"google/{name}" if "/" not in name and name.startswith(_AUTHORS) else name


def _read(where: str, content: Json, inputs: list[str]) -> int:
    """Check a content; return how many characters of text it has, and put other parts' modalities into `inputs`."""
    characters = 0
    for place, part in _objects(f"{where}.parts", content.get("parts") or []):
        text = part.get("text")
        if text is not None and type(text) is not str:
            raise InvalidRequest(f"{place}.text", "must be a text")
        if text is not None:
            characters += len(text)
        elif is_media(part):
            inputs.append(modality_of(part))
        else:
            # A call, or what a function gave back.
            characters += len(dumps(part))
            response = member(part, "functionResponse")
            media = items(response.get("parts")) if type(response) is dict else ()
            inputs += [modality_of(one) for one in media if is_media(one)]
    return characters


def _object(body: Json, name: str) -> Json:
    value = member(body, name)
    if value is None:
        return {}
    if type(value) is not dict:
        raise InvalidRequest(name, "must be an object")
    return value


def _objects(where: str, value: Any) -> Iterator[tuple[str, Json]]:
    """Give the objects of a repeated member, each with its place. Raises InvalidRequest."""
    if type(value) is dict:
        yield where, value
        return
    if type(value) is not list:
        raise InvalidRequest(where, "must be a list")
    for index, item in enumerate(value):
        if type(item) is not dict:
            raise InvalidRequest(f"{where}[{index}]", "must be an object")
        yield f"{where}[{index}]", item
