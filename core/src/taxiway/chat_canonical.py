"""From canonical chat to what one endpoint takes: canonical chat is OpenAI's with additions that many servers refuse."""

from functools import lru_cache
from operator import is_not
from typing import Any, Final

from taxiway.call import Translated
from taxiway.candidate import Endpoint
from taxiway.codec import Json

SHARES: Final = {"max": 0.95, "xhigh": 0.95, "high": 0.8, "medium": 0.5, "low": 0.2, "minimal": 0.1}
"""OpenRouter's shares of the output that each effort of reasoning stands for."""

# Those that every model which knows efforts knows, or nearly so.
_USUAL: Final = ("high", "medium", "low", "minimal")
# What an effort says of `reasoning`; the rest of it is named as dropped.
_SAID: Final = frozenset({"effort", "enabled", "max_tokens"})
_TWINS: Final = (("max_tokens", "max_completion_tokens"), ("max_completion_tokens", "max_tokens"))
_THOUGHTS: Final = ("reasoning_content", "reasoning")
# What of `reasoning_details` is text.
_SPOKEN: Final = ("text", "summary")


def from_canonical(body: Json, endpoint: Endpoint) -> Translated:
    """Map what has another name at this endpoint, drop what it is known to refuse, and name what was dropped.

    The same object where nothing applies.
    """
    refused = refused_of(body, endpoint) if endpoint.thinking_refuses else endpoint.unsupported
    echoes = endpoint.echoes
    if echoes:
        body = _echoed(body, echoes)
    if not refused:
        return Translated(body)
    dropped: list[str] = []
    if not refused.isdisjoint(body):
        body = _left_out(_renamed(body, refused, endpoint.max_output, dropped), refused, dropped)
    inside = _inside(refused, echoes)
    body = _cleaned(body, "messages", inside, dropped)
    if "tools" in body:
        body = _cleaned(body, "tools", inside, dropped)
    return Translated(body, tuple(dropped))


@lru_cache(maxsize=256)
def _inside(refused: frozenset[str], echoes: str) -> frozenset[str]:
    """Return what is refused inside a message, a part or a tool. No member of these has the name of a parameter, but for `reasoning`."""
    # As a parameter it asks for reasoning; in a message it is what was reasoned, whose other form is `reasoning_details`.
    said = {echoes} if "reasoning_details" in refused else {echoes, "reasoning"}
    return refused - said


def refused_of(body: Json, endpoint: Endpoint) -> frozenset[str]:
    """Return what an endpoint is known to refuse of a body: some fields only where it is told to reason."""
    reasoning = body.get("reasoning")
    effort = body.get("reasoning_effort") or (effort_of(reasoning, None) if type(reasoning) is dict else None)
    return endpoint.unsupported if effort in (None, "none") else endpoint.unsupported | endpoint.thinking_refuses


def _echoed(body: Json, name: str) -> Json:
    """Send an assistant's reasoning back under the name that the endpoint knows; the same object where there is none."""
    messages = body.get("messages")
    if type(messages) is not list:
        return body
    said = [_thinking(message, name) for message in messages]
    return {**body, "messages": said} if any(map(is_not, said, messages)) else body


def _thinking(message: Any, name: str) -> Any:
    if type(message) is not dict or message.get("role") != "assistant":
        return message
    details = message.get("reasoning_details")
    spoken = [_spoken(detail) for detail in details] if type(details) is list else []
    said = [text for text in map(message.get, _THOUGHTS) if text and type(text) is str]
    text = said[0] if said else "".join(filter(None, spoken))
    if not text:
        return message
    # Details that are more than text stay, and are named as dropped where they are refused.
    gone = _THOUGHTS if None in spoken else (*_THOUGHTS, "reasoning_details")
    return {**{member: value for member, value in message.items() if member not in gone}, name: text}


def _spoken(detail: Any) -> str | None:
    """Return the text of one of `reasoning_details`; None for what is encrypted, or signed."""
    if type(detail) is not dict or detail.get("signature"):
        return None
    return next((detail[name] for name in _SPOKEN if type(detail.get(name)) is str), None)


def _renamed(body: Json, refused: frozenset[str], most: int | None, dropped: list[str]) -> Json:
    """Say otherwise what the endpoint takes under another name. `most`: tokens that it can put out."""
    body = dict(body)
    for name, twin in _TWINS:
        if name in refused and twin not in refused and body.get(name) is not None:
            value = body.pop(name)
            if body.get(twin) is None:
                body[twin] = value
    reasoning = body.get("reasoning")
    if reasoning and type(reasoning) is dict and "reasoning" in refused and "reasoning_effort" not in refused:
        most = body.get("max_completion_tokens") or body.get("max_tokens") or most
        effort = body.get("reasoning_effort") or effort_of(reasoning, most)
        if effort is not None:
            del body["reasoning"]
            body["reasoning_effort"] = effort
            dropped += [f"reasoning.{name}" for name, value in reasoning.items() if value and name not in _SAID]
    return body


def effort_of(reasoning: Json, most: int | None) -> str | None:
    """Say OpenRouter's `reasoning` as an effort; None where it asks for nothing that an effort can say."""
    effort, budget, enabled = (reasoning.get(name) for name in ("effort", "max_tokens", "enabled"))
    if effort is not None:
        return "xhigh" if effort == "max" else str(effort)
    if enabled is False:
        return "none"
    if budget is None:
        return "medium" if enabled else None
    share = budget / most if most else SHARES["medium"]
    return min(_USUAL, key=lambda name: abs(SHARES[name] - share))


def _left_out(item: Json, refused: frozenset[str], dropped: list[str]) -> Json:
    """Leave out what is refused of an object, and name it."""
    dropped += [name for name in item if name in refused and item[name] is not None and name not in dropped]
    return {name: value for name, value in item.items() if name not in refused}


def _cleaned(owner: Json, name: str, refused: frozenset[str], dropped: list[str]) -> Json:
    """Leave out what is refused in the items of an object's list, and in their content. The same object where there is nothing."""
    items: Any = owner.get(name)
    changed: dict[int, Json] = {}
    for index, item in enumerate(items if type(items) is list else ()):
        if type(item) is dict and (type(item.get("content")) is list or not refused.isdisjoint(item)):
            made = item if refused.isdisjoint(item) else _left_out(item, refused, dropped)
            made = _cleaned(made, "content", refused, dropped)
            if made is not item:
                changed[index] = made
    return {**owner, name: [changed.get(index, item) for index, item in enumerate(items)]} if changed else owner
