"""What every event is brought to, whoever sent it: the shape and the meaning that all above relies on."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from taxiway.codec import Json
from taxiway.errors import Malformed
from taxiway.provider import Event, InBandError
from taxiway_openai_compatible.replies import Quirk

_ELSEWHERE: Final = {
    # Together, Moonshot; DeepSeek; SGLang (DeepSeek at Azure) and Perplexity.
    "cached_tokens": ("prompt_tokens_details", "cached_tokens"),
    "prompt_cache_hit_tokens": ("prompt_tokens_details", "cached_tokens"),
    "reasoning_tokens": ("completion_tokens_details", "reasoning_tokens"),
}
"""Members that some servers have at the top of `usage`, and where OpenAI has them."""

_COSTS: Final = {
    # xAI's cost tracking: 10^10 ticks are a USD.
    "cost_in_usd_ticks": 1e10,
}
"""Members of `usage` that say what a call cost, and how many of their unit are a USD."""

_ODD: Final = frozenset({*_ELSEWHERE, *_COSTS})


def chunk(event: Json) -> Iterable[Event]:
    """Check a chunk: choices are a list of objects, each with a delta (Azure has been seen to send one without)."""
    try:
        choices = event["choices"]
        for choice in choices:
            if choice["delta"].get("reasoning_content"):
                _reasoning(choice["delta"])
    except (AttributeError, LookupError, TypeError):
        # Of what JSON can hold only objects have members by name.
        choices = None
    if not choices:
        _mend(event)
    if event.get("usage"):
        _usage(event["usage"])
    return (event,)


def _mend(event: Json) -> None:
    """Make of a chunk what it should be, where it is not that at once. Raises Malformed."""
    choices = event.get("choices")
    if choices is None:
        event["choices"] = []
    elif type(choices) is not list:
        raise Malformed("choices are not a list")
    elif not choices:
        if event.get("object") == "":
            # Azure's first chunk tells of the prompt's filter, and is nothing by its own account.
            event["object"] = "chat.completion.chunk"
    else:
        for choice in choices:
            if type(choice) is not dict:
                raise Malformed("a choice is not an object")
            delta = choice.get("delta")
            if delta is None:
                choice["delta"] = {}
            elif type(delta) is not dict:
                raise Malformed("a delta is not an object")
            else:
                _reasoning(delta)


def reply(event: Json) -> Iterable[Event]:
    """Check a complete reply: choices are a list of objects, each with a message."""
    choices = event.get("choices")
    if type(choices) is not list:
        raise Malformed("choices are not a list")
    try:
        for choice in choices:
            if choice["message"].get("reasoning_content"):
                _reasoning(choice["message"])
    except (AttributeError, LookupError, TypeError):
        # As in `chunk`.
        raise Malformed("a choice has no message") from None
    _usage(event.get("usage"))
    return (event,)


def text(event: Json) -> Iterable[Event]:
    """Check a chunk or a complete reply of the legacy completions: choices are a list of objects, each with a text."""
    choices = event.get("choices")
    if type(choices) is not list:
        raise Malformed("choices are not a list")
    for choice in choices:
        if type(choice) is not dict or type(choice.get("text", "")) is not str:
            raise Malformed("a choice has no text")
    _usage(event.get("usage"))
    return (event,)


def _reasoning(content: Json) -> None:
    """Say reasoning by its canonical name too: DeepSeek's name for it is what its servers and clients know."""
    text = content.get("reasoning_content")
    if type(text) is str and text and content.get("reasoning") is None:
        content["reasoning"] = text


def _usage(raw: Any) -> None:
    """Bring a `usage` to OpenAI's meaning: details are in their groups, and are parts of the two wholes. `cost` is OpenRouter's."""
    if type(raw) is not dict:
        return
    if not _ODD.isdisjoint(raw):
        _cost(raw)
        for name in filter(raw.__contains__, _ELSEWHERE):
            if count := _count(raw, name):
                group, member = _ELSEWHERE[name]
                details = raw.get(group)
                if type(details) is not dict:
                    raw[group] = {member: count}
                elif not details.get(member):
                    details[member] = count
    details = raw.get("prompt_tokens_details")
    if type(details) is dict and details.get("cached_tokens"):
        prompt = _count(raw, "prompt_tokens")
        if _count(details, "cached_tokens") > prompt:
            # Grok at Azure counts a prompt of its own as cached, and not as prompt.
            details["cached_tokens"] = prompt
    details = raw.get("completion_tokens_details")
    if type(details) is dict and details.get("reasoning_tokens"):
        reasoning, completion = _count(details, "reasoning_tokens"), _count(raw, "completion_tokens")
        if reasoning and raw.get("total_tokens") == _count(raw, "prompt_tokens") + completion + reasoning:
            # xAI counts reasoning beside the completion.
            raw["completion_tokens"] = completion + reasoning


def _cost(raw: Json) -> None:
    """Say what a call cost under OpenRouter's name, where its provider says it."""
    for name in filter(raw.__contains__, _COSTS):
        raw.setdefault("cost", _count(raw, name) / _COSTS[name])


def _count(raw: Json, name: str) -> int:
    value = raw.get(name)
    return value if type(value) is int else 0


def response_event(event: Json) -> Iterable[Event]:
    """Check an event of a Responses stream; a Response that failed is an error."""
    kind = event.get("type")
    if type(kind) is not str:
        raise Malformed("an event without a type")
    if "response" not in event:
        return (event,)
    return (InBandError(event),) if kind == "response.failed" else _responded(event, event["response"])


def response(event: Json) -> Iterable[Event]:
    """Check a complete Response; one that failed is an error."""
    return (InBandError(event),) if event.get("status") == "failed" else _responded(event, event)


def _responded(event: Json, told: Any) -> Iterable[Event]:
    output = told.get("output") if type(told) is dict else None
    if type(output) is not list or any(type(item) is not dict for item in output):
        raise Malformed("a Response without output")
    if type(told.get("usage")) is dict:
        _cost(told["usage"])
    return (event,)


EVENTS: Final[Mapping[str, Quirk]] = {
    "chat": chunk,
    "completions": text,
    "responses": response_event,
}
"""By dialect: the check of a stream's event."""

REPLIES: Final[Mapping[str, Quirk]] = {
    "chat": reply,
    "completions": text,
    "responses": response,
}
"""By dialect: the check of a complete reply."""
