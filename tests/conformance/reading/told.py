"""What a reply says, whatever its wire: what the readers beside this make of recorded replies and of ours alike."""

import json
from typing import Any

from attrs import Factory, define


@define
class Answer:
    """One choice. `calls`: name and arguments of each tool call; `finish` in OpenRouter's words."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: list[tuple[str, Any]] = Factory(list)
    finish: str | None = None


@define
class Used:
    """Tokens: all that went in and came out, and of them the cached, the written to a cache, and the reasoning."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    written: int = 0
    reasoning: int = 0


@define
class Told:
    """A whole reply. `used` None: it does not say."""

    answers: list[Answer] = Factory(list)
    used: Used | None = None


def arguments(text: str | None) -> Any:
    """The arguments of a call, from their JSON; what is none stays as it is."""
    try:
        return json.loads(text or "{}") or {}
    except ValueError:
        return text


def count(usage: dict, *paths: str) -> int:
    """The first of some members (dotted) that is a number."""
    for path in paths:
        value: Any = usage
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return int(value)
    return 0
