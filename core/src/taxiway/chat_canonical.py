"""From canonical chat to what one endpoint takes: canonical chat is OpenAI's with additions that many servers refuse."""

from functools import lru_cache
from typing import Final

from taxiway.call import Translated
from taxiway.candidate import Endpoint
from taxiway.codec import Json

INSIDE: Final = frozenset("reasoning reasoning_content reasoning_details cache_control prompt_cache_breakpoint".split())
"""Additions inside messages, their parts and tools; an endpoint lists those that it refuses in `unsupported`."""

# OpenRouter's shares of the output that each effort stands for.
_SHARES: Final = (("high", 0.8), ("medium", 0.5), ("low", 0.2), ("minimal", 0.1))
# What an effort says of `reasoning`; the rest of it is named as dropped.
_SAID: Final = frozenset({"effort", "enabled", "max_tokens"})
_TWINS: Final = (("max_tokens", "max_completion_tokens"), ("max_completion_tokens", "max_tokens"))


def from_canonical(body: Json, endpoint: Endpoint) -> Translated:
    """Map what has another name at this endpoint, drop what it is known to refuse, and name both.

    The same object where nothing applies.
    """
    refused = endpoint.unsupported
    if not refused:
        return Translated(body)
    dropped: list[str] = []
    applied: list[str] = []
    if not refused.isdisjoint(body):
        body = dict(body)
        _rename(body, endpoint, dropped, applied)
        dropped += [name for name in body if name in refused and body[name] is not None]
        body = {name: value for name, value in body.items() if name not in refused}
    inside = _inside(refused)
    for name in ("messages", "tools"):
        items = body.get(name)
        if items and _has(items, inside):
            body = {**body, name: [_without(item, inside, dropped) for item in items]}
    return Translated(body, tuple(dropped), tuple(applied))


def _rename(body: Json, endpoint: Endpoint, dropped: list[str], applied: list[str]) -> None:
    refused = endpoint.unsupported
    for name, twin in _TWINS:
        if name in refused and twin not in refused and body.get(name) is not None:
            value = body.pop(name)
            if body.get(twin) is None:
                body[twin] = value
            applied.append(f"{name}={twin}")
    if "reasoning" in refused and "reasoning_effort" not in refused:
        effort = _effort(body, endpoint)
        if effort is not None:
            asked = body.pop("reasoning")
            if body.get("reasoning_effort") is None:
                body["reasoning_effort"] = effort
            applied.append("reasoning=reasoning_effort")
            dropped += [f"reasoning.{name}" for name, value in asked.items() if value and name not in _SAID]


def _effort(body: Json, endpoint: Endpoint) -> str | None:
    """Say OpenRouter's `reasoning` as an effort; None where it asks for nothing that an effort can say."""
    reasoning = body.get("reasoning")
    if not reasoning:
        return None
    effort = reasoning.get("effort")
    if effort is not None:
        return "xhigh" if effort == "max" else str(effort)
    if reasoning.get("enabled") is False:
        return "none"
    budget = reasoning.get("max_tokens")
    if budget is None:
        return "medium" if reasoning.get("enabled") else None
    most = body.get("max_completion_tokens") or body.get("max_tokens") or endpoint.max_output
    if not most:
        return "medium"
    share = budget / most
    return min(_SHARES, key=lambda row: abs(row[1] - share))[0]


@lru_cache(maxsize=256)
def _inside(refused: frozenset[str]) -> frozenset[str]:
    # Endpoints share few such sets, and every call asks.
    return refused & INSIDE


def _has(items: list[Json], inside: frozenset[str]) -> bool:
    for item in items:
        if not inside.isdisjoint(item):
            return True
        parts = item.get("content")
        if type(parts) is list and _has(parts, inside):
            return True
    return False


def _without(item: Json, inside: frozenset[str], dropped: list[str]) -> Json:
    """Leave refused additions out of a message, part or tool; one without them stays the same object."""
    if not inside.isdisjoint(item):
        found = inside.intersection(item)
        dropped += sorted(name for name in found if item[name] is not None and name not in dropped)
        item = {name: value for name, value in item.items() if name not in found}
    parts = item.get("content")
    if type(parts) is list and _has(parts, inside):
        item = {**item, "content": [_without(part, inside, dropped) for part in parts]}
    return item
