"""What planning may know of a body, read while the body is checked: all that the translators rely on.

Fields and ranges: platform.claude.com/docs/en/api/messages; OpenRouter's additions to it. Unknown fields and blocks pass; null is as absent.
"""

from typing import Any, Final

from taxiway.call import Facts
from taxiway.chat_facts import FIELDS, IMAGE_TOKENS, models_of, tokens_of
from taxiway.checks import TEXTS, Check, choice, integer, member, number, objects, of_type
from taxiway.codec import Json, dumps
from taxiway.conversations import beginning, conversation_of, tier_of
from taxiway.errors import InvalidRequest
from taxiway.http import Headers

_ROLES: Final = ("user", "assistant", "system")
_HUGE: Final = 2**53
_DEEPEST: Final = 8
_FALLBACKS: Final = 3

_PARAMETERS: Final = {
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "stop_sequences": "stop",
    "tools": "tools",
    "tool_choice": "tool_choice",
}
"""Fields of this dialect, and OpenRouter's names for them."""

_NEEDS: Final = {
    "base64": ("media_type", "data"),
    "text": ("data",),
    "url": ("url",),
    "file": ("file_id",),
    "content": (),
}
"""What a source needs, by its type: each a text."""

_SOURCES: Final = {"image": ("base64", "url", "file"), "document": tuple(_NEEDS)}
"""Where an image or document may come from."""

_BLOCKS: Final[dict[str, tuple[tuple[str, type], ...]]] = {
    "text": (("text", str),),
    "thinking": (("thinking", str),),
    "redacted_thinking": (("data", str),),
    "tool_use": (("id", str), ("name", str), ("input", dict)),
    "tool_result": (("tool_use_id", str),),
    "image": (("source", dict),),
    "document": (("source", dict),),
    "search_result": (("title", str), ("source", str)),
}
"""What blocks need, by type. Others are Anthropic's servers' own, and pass."""

_INPUTS: Final = {"image": "image", "document": "file"}


def facts(body: Json, headers: Headers) -> Facts:
    """Check a body and read what planning may know of it. Raises InvalidRequest, naming the field."""
    given = [name for name, value in body.items() if value is not None]
    for name in given:
        if name in _FIELDS:
            _FIELDS[name](name, body[name])
    reader = _Reader()
    messages = body.get("messages")
    if not messages:
        raise InvalidRequest("messages", "must be a list of at least one message")
    for where, message in objects("messages", messages):
        if message.get("role") not in _ROLES:
            raise InvalidRequest(f"{where}.role", f"must be one of {', '.join(_ROLES)}")
        reader.content(f"{where}.content", message.get("content"), message["role"])
    if body.get("system"):
        reader.content("system", body["system"], "system")
    parameters = {_PARAMETERS[name] for name in given if name in _PARAMETERS}
    if "tools" in parameters:
        reader.characters += len(dumps(body["tools"]))
    config = body.get("output_config") or {}
    if config.get("format") or body.get("output_format"):
        parameters |= {"response_format", "structured_outputs"}
    if body.get("thinking") or config.get("effort"):
        parameters.add("reasoning")
    return Facts(
        _models(body),
        frozenset(parameters),
        frozenset({"text", *reader.inputs}),
        tokens_of(reader.characters) + IMAGE_TOKENS * reader.images,
        body.get("max_tokens") or None,
        body.get("stream") is True,
        conversation_of(body, headers, _begins),
        tier_of(body.get("service_tier")),
    )


def _begins(body: Json) -> str:
    # `metadata.user_id` is no conversation: it names who is served.
    said = [one for one in body["messages"] if one["role"] != "system"]
    return beginning(body.get("system"), said[0].get("content") if said else None)


class _Reader:
    """Checks contents, and counts what is in them."""

    __slots__ = ("characters", "images", "inputs")

    def __init__(self) -> None:
        self.characters = self.images = 0
        self.inputs: set[str] = set()

    def content(self, where: str, content: Any, role: str, depth: int = 0) -> None:
        """Read a text, or a list of blocks."""
        if type(content) is str:
            self.characters += len(content)
            return
        if depth > _DEEPEST:
            raise InvalidRequest(where, "is nested too deep")
        for place, block in objects(where, content):
            kind: Any = block.get("type")
            if type(kind) is not str:
                member(place, block, "type")
            for name, needed in _BLOCKS.get(kind, ()):
                if type(block.get(name)) is not needed:
                    member(place, block, name, needed)
            if kind == "text":
                self.characters += len(block["text"])
            elif kind == "tool_use":
                self.characters += len(dumps(block["input"]))
            elif kind == "thinking":
                self._thinking(place, block)
            elif kind in _INPUTS:
                self._source(f"{place}.source", block["source"], kind, depth)
            elif kind == "search_result" or (kind == "tool_result" and block.get("content") is not None):
                self.content(f"{place}.content", block.get("content"), role, depth + 1)
            if role == "system" and kind != "text":
                raise InvalidRequest(f"{place}.type", "must be text")

    def _thinking(self, place: str, block: Json) -> None:
        self.characters += len(block["thinking"])
        if block.get("signature") is not None:
            member(place, block, "signature")

    def _source(self, where: str, source: Json, kind: str, depth: int) -> None:
        form = member(where, source, "type")
        if form not in _SOURCES[kind]:
            raise InvalidRequest(f"{where}.type", f"must be one of {', '.join(_SOURCES[kind])}")
        for name in _NEEDS[form]:
            member(where, source, name)
        if form == "content":
            self.content(f"{where}.content", source.get("content"), "user", depth + 1)
        elif form == "text":
            self.characters += len(source["data"])
        else:
            self.inputs.add(_INPUTS[kind])
            self.images += kind == "image"


def _models(body: Json) -> tuple[str, ...]:
    """Return the models that a body asks for; `fallbacks` is what Anthropic's clients may say instead of `models`."""
    fallbacks = body.get("fallbacks")
    if type(fallbacks) is not list or not fallbacks:
        return models_of(body)
    if body.get("models"):
        raise InvalidRequest("fallbacks", "can't be combined with models")
    if len(fallbacks) > _FALLBACKS:
        raise InvalidRequest("fallbacks", f"must be at most {_FALLBACKS}")
    names = []
    for place, fallback in objects("fallbacks", fallbacks):
        names.append(member(place, fallback, "model"))
        if len(fallback) > 1:
            raise InvalidRequest(place, "must have nothing but a model")
    return models_of({"model": body.get("model"), "models": names})


def _tools(where: str, value: Any) -> None:
    for place, tool in objects(where, value):
        kind = tool.get("type")
        if kind is not None:
            member(place, tool, "type")
        if kind in {None, "custom"}:
            member(place, tool, "name")
            member(place, tool, "input_schema", dict)


def _tool_choice(where: str, value: Any) -> None:
    _DICT(where, value)
    _CHOICE(f"{where}.type", value.get("type"))
    if value["type"] == "tool":
        member(where, value, "name")


def _thinking(where: str, value: Any) -> None:
    if member(where, value, "type") == "enabled":
        _BUDGET(f"{where}.budget_tokens", value.get("budget_tokens"))


def _output_config(where: str, value: Any) -> None:
    _DICT(where, value)
    if value.get("effort") is not None:
        _STR(f"{where}.effort", value["effort"])
    if value.get("format") is not None:
        _format(f"{where}.format", value["format"])


def _format(where: str, value: Any) -> None:
    if member(where, value, "type") == "json_schema":
        member(where, value, "schema", dict)
    else:
        raise InvalidRequest(f"{where}.type", "must be json_schema")


def _fallbacks(where: str, value: Any) -> None:
    # "default" leaves the choice to Anthropic.
    if value != "default" and type(value) is not list:
        raise InvalidRequest(where, "must be a list of models")


_DICT: Final = of_type(dict)
_CHOICE: Final = choice("auto", "any", "tool", "none")
_STR: Final = of_type(str)
_BUDGET: Final = integer(1, _HUGE)

_FIELDS: Final[dict[str, Check]] = {
    "max_tokens": integer(0, _HUGE),
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "top_k": integer(0, _HUGE),
    "stop_sequences": TEXTS,
    "models": TEXTS,
    "stream": of_type(bool),
    "service_tier": _STR,
    "tools": _tools,
    "tool_choice": _tool_choice,
    "thinking": _thinking,
    "output_config": _output_config,
    "output_format": _format,
    "fallbacks": _fallbacks,
    # As in chat: what asks for something that is not built is refused.
    "plugins": FIELDS["plugins"],
    "preset": FIELDS["preset"],
    "session_id": FIELDS["session_id"],
    **dict.fromkeys(("metadata", "cache_control", "provider"), _DICT),
}
