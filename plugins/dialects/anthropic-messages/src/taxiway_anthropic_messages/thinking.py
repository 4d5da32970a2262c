"""How much to think: OpenRouter's `reasoning` as what a Claude model takes, and back.

Wire: platform.claude.com/docs: build-with-claude/thinking, extended-thinking, effort. Ratios of a budget: OpenRouter's (reasoning tokens).
"""

from typing import Any, Final

from taxiway.chat_canonical import SHARES
from taxiway.codec import Json
from taxiway.errors import Unsupported
from taxiway_anthropic_messages.claude import Claude
from taxiway_anthropic_messages.notes import Notes

_LEVELS: Final = ("minimal", "low", "medium", "high", "xhigh", "max")
_LEAST: Final = 1024
_MOST: Final = 128_000
_SAID: Final = frozenset({"effort", "enabled", "exclude", "max_tokens"})


def thinking_of(body: Json, model: Claude, most: int, notes: Notes) -> tuple[Json | None, str | None]:
    """Return `thinking` and `output_config.effort` for a canonical body; None where it asks for neither. `most`: its max_tokens.

    Raises Unsupported where thinking is to be off and the model can't do without.
    """
    reasoning = body.get("reasoning") or {}
    effort = reasoning.get("effort") or body.get("reasoning_effort")
    budget, enabled = reasoning.get("max_tokens"), reasoning.get("enabled")
    for name, value in reasoning.items():
        if value and name not in _SAID:
            notes.drop(f"reasoning.{name}")
    if effort == "none" or enabled is False or budget == 0:
        return _off(model, notes), None
    if not (effort or budget or enabled):
        return None, None
    if model.adaptive and not (budget and model.budget):
        display = "omitted" if excludes(body) else "summarized"
        level = effort or (_level(budget, most) if budget else None)
        return {"type": "adaptive", "display": display}, level and nearest(level, model.efforts, notes)
    budget = min(budget or int(most * SHARES[effort or "medium"]), _MOST, most - 1)
    if not model.budget or most <= _LEAST:
        notes.drop("reasoning")
        return None, None
    return {"type": "enabled", "budget_tokens": max(budget, _LEAST)}, None


def excludes(body: Json) -> bool:
    """Whether the reply's reasoning is not wanted."""
    return body.get("include_reasoning") is False or bool((body.get("reasoning") or {}).get("exclude"))


def nearest(level: str, efforts: tuple[str, ...], notes: Notes) -> str | None:
    """Return the level that a model has and that is the nearest, of two the lower; None where it has none."""
    if level in efforts or not efforts:
        return level if efforts else None
    notes.apply("reasoning.effort")
    asked = _LEVELS.index(level) if level in _LEVELS else _LEVELS.index("medium")
    return min(efforts, key=lambda known: abs(_LEVELS.index(known) - asked))


def reasoning_of(thinking: Any, effort: Any, notes: Notes) -> Json | None:
    """Return OpenRouter's `reasoning` for a client's `thinking` and `output_config.effort`."""
    kind, display = (thinking.get("type"), thinking.get("display")) if thinking else (None, None)
    if display == "omitted":
        # Whoever thinks, its reasoning has to come back with the next request.
        notes.drop("thinking.display")
    if kind in {"disabled", "between_tools"}:
        return {"enabled": False}
    if kind == "enabled":
        return {"max_tokens": thinking["budget_tokens"]}
    if kind == "adaptive":
        return {"effort": effort} if effort else {"enabled": True}
    return None


def _off(model: Claude, notes: Notes) -> Json | None:
    if model.off is None:
        raise Unsupported("reasoning", "this model always thinks")
    if not (model.budget or model.adaptive):
        return None
    if model.off != "disabled":
        notes.apply("reasoning")
    return {"type": model.off}


def _level(budget: int, most: int) -> str:
    return min(SHARES, key=lambda name: abs(SHARES[name] - budget / most))
