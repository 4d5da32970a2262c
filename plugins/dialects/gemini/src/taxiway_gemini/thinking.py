"""How much a model thinks: canonical chat's `reasoning`, and Gemini's `thinkingConfig`.

Sources: ai.google.dev/gemini-api/docs/thinking (budgets of 2.5, levels of 3), docs.cloud.google.com: the Gemini 3 models'
pages (levels that each takes); the shares of an effort are OpenRouter's.
"""

import re
from fnmatch import fnmatchcase
from typing import Any, Final

from taxiway.candidate import Endpoint
from taxiway.chat_canonical import SHARES
from taxiway.codec import Json, text_of
from taxiway.errors import Unsupported
from taxiway_gemini.members import count_of, member

_GENERATION: Final = re.compile(r"gemini-(\d+)")
_LATEST: Final = 3
"""The generation that names such as `gemini-flash-latest` stand for."""

_ORDER: Final = ("minimal", "low", "medium", "high")
_MOST: Final = 65_536
"""Tokens that a reply may have where nothing is known."""

_BUDGETS: Final = (
    ("*2.5-pro*", 128, 32_768, False),
    ("*2.5-flash-lite*", 512, 24_576, True),
    ("*", 1, 24_576, True),
)
"""By model: the least and the largest budget in tokens, and whether thinking can be switched off (a budget of 0)."""

_LEVELS: Final = (
    ("*gemini-3-pro*", ("low", "high")),
    ("*-pro*", ("low", "medium", "high")),
    ("*", _ORDER),
)

_SAID: Final = frozenset({"effort", "enabled", "max_tokens", "exclude"})


def generation_of(model: str) -> int:
    """Return the generation of a Gemini model by its id; 0 for other models."""
    match = _GENERATION.search(model)
    if match is not None:
        return int(match[1])
    return _LATEST if model.startswith("gemini-") and model.endswith("-latest") else 0


def thinking_of(body: Json, endpoint: Endpoint, lost: list[str], applied: list[str]) -> Json:
    """Return the `thinkingConfig` that a canonical body asks for; empty where it asks for nothing.

    Raises Unsupported where thinking is to be off and the model always thinks.
    """
    reasoning, effort = body.get("reasoning"), body.get("reasoning_effort")
    shown, told = body.get("include_reasoning"), reasoning if type(reasoning) is dict else {}
    if not told and reasoning is None and effort is None and shown is None:
        return {}
    lost += [f"reasoning.{name}" for name, value in told.items() if value and name not in _SAID]
    effort, budget = told.get("effort") or effort, told.get("max_tokens")
    if effort is None and budget is None and told.get("enabled") is not None:
        effort = "medium" if told["enabled"] else "none"
    if effort == "none" or budget == 0:
        return _off(endpoint, applied)
    config: Json = {}
    if type(budget) is int:
        config["thinkingBudget"] = _clamped(budget, endpoint)
    elif type(effort) is str and effort in SHARES:
        if generation_of(endpoint.id) >= 3:
            config["thinkingLevel"] = _nearest(effort, endpoint).upper()
        else:
            most = count_of(body.get("max_completion_tokens")) or count_of(body.get("max_tokens"))
            most = most or endpoint.max_output or _MOST
            config["thinkingBudget"] = _clamped(int(most * SHARES[effort]), endpoint)
    if told.get("exclude") is not True and shown is not False:
        config["includeThoughts"] = True
    return config


def reasoning_of(config: Any) -> Json:
    """Return the canonical `reasoning` that a `thinkingConfig` asks for; empty where it asks for nothing."""
    if type(config) is not dict:
        return {}
    level, budget = text_of(member(config, "thinkingLevel")).lower(), member(config, "thinkingBudget")
    reasoning: Json = {}
    if level in SHARES:
        reasoning["effort"] = level
    elif type(budget) is int and budget == 0:
        return {"effort": "none"}
    elif type(budget) is int and budget > 0:
        reasoning["max_tokens"] = budget
    shown = member(config, "includeThoughts") is True
    if not reasoning and (shown or budget == -1):
        reasoning["enabled"] = True
    if reasoning and not shown:
        reasoning["exclude"] = True
    return reasoning


def _off(endpoint: Endpoint, applied: list[str]) -> Json:
    if generation_of(endpoint.id) >= 3:
        if "minimal" not in _levels(endpoint):
            raise Unsupported("reasoning.effort", "this model always reasons")
        applied.append("reasoning.effort")
        return {"thinkingLevel": "MINIMAL"}
    if not _budgets(endpoint)[2]:
        raise Unsupported("reasoning.effort", "this model always reasons")
    return {"thinkingBudget": 0}


def _nearest(effort: str, endpoint: Endpoint) -> str:
    """The nearest level that the model has; of two as near, the higher."""
    wanted = _ORDER.index(effort) if effort in _ORDER else len(_ORDER) - 1
    return min(reversed(_levels(endpoint)), key=lambda level: abs(_ORDER.index(level) - wanted))


def _clamped(budget: int, endpoint: Endpoint) -> int:
    least, most, _ = _budgets(endpoint)
    return max(least, min(budget, most))


def _budgets(endpoint: Endpoint) -> tuple[int, int, bool]:
    return next((least, most, off) for pattern, least, most, off in _BUDGETS if fnmatchcase(endpoint.id, pattern))


def _levels(endpoint: Endpoint) -> tuple[str, ...]:
    return next(levels for pattern, levels in _LEVELS if fnmatchcase(endpoint.id, pattern))
