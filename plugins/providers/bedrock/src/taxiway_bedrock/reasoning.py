"""OpenRouter's `reasoning` as the fields of each maker's models, which go into `additionalModelRequestFields`.

OpenRouter's shares of the output by effort: openrouter.ai/docs, "Reasoning tokens".
"""

from typing import Final

from taxiway.codec import Json
from taxiway.errors import Unsupported
from taxiway_anthropic_messages import Notes, thinking_of
from taxiway_bedrock.families import Family

_SHARES: Final = {"xhigh": 0.95, "high": 0.8, "medium": 0.5, "low": 0.2, "minimal": 0.1}
_LEVELS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_SAID: Final = frozenset({"effort", "enabled", "max_tokens", "exclude"})
# Where neither the call nor the catalog says how long an answer may be.
_USUAL: Final = 4096


def excluded(body: Json) -> bool:
    """Whether the reply's reasoning is not wanted."""
    return body.get("include_reasoning") is False or bool((body.get("reasoning") or {}).get("exclude"))


def fields_of(body: Json, family: Family, room: int | None, notes: Notes) -> Json:
    """Return the maker's fields. `room`: the most tokens that the model may give. Raises Unsupported where it can't but think."""
    most = body.get("max_completion_tokens") or body.get("max_tokens")
    if family.claude is not None:
        return _claude(body, family, most or room or _USUAL, notes)
    for name, value in (body.get("reasoning") or {}).items():
        if value and name not in _SAID:
            notes.drop(f"reasoning.{name}")
    effort = _effort(body, most or room or _USUAL, notes)
    if effort is None or (effort == "none" and family.thinks == "nova"):
        # Nova thinks only when it is told to.
        return {}
    if not family.thinks:
        if effort != "none":
            notes.drop("reasoning")
        return {}
    nearest = min(family.efforts, key=lambda known: abs(_LEVELS.index(known) - _LEVELS.index(effort)))
    if effort == "none" and nearest != "none":
        raise Unsupported("reasoning", "this model always thinks")
    if family.thinks == "nova":
        if nearest == "high" and most is not None:
            # The highest effort is refused where the answer's length is limited.
            nearest = "medium"
        made: Json = {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": nearest}}
    else:
        made = {"reasoning_effort": nearest} if family.thinks == "flat" else {"reasoning": {"effort": nearest}}
    if nearest != effort:
        notes.apply("reasoning.effort")
    return made


def _claude(body: Json, family: Family, most: int, notes: Notes) -> Json:
    assert family.claude is not None
    thinking, effort = thinking_of(body, family.claude, most, notes)
    made: Json = {} if thinking is None else {"thinking": thinking}
    return made if effort is None else {**made, "output_config": {"effort": effort}}


def _effort(body: Json, most: int, notes: Notes) -> str | None:
    """Return the effort that a body asks for; None where it asks for nothing."""
    reasoning = body.get("reasoning") or {}
    effort, budget, enabled = (reasoning.get(name) for name in ("effort", "max_tokens", "enabled"))
    effort = effort or body.get("reasoning_effort")
    if enabled is False or budget == 0:
        return "none"
    if effort is not None:
        return str(effort)
    if budget:
        notes.apply("reasoning.max_tokens")
        return min(_SHARES, key=lambda name: abs(_SHARES[name] - budget / most))
    return "medium" if enabled else None
