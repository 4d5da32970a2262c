"""Usage and finish reasons of the chat dialect: from what providers send to our own values, and into what clients read."""

from typing import Any, Final

from taxiway.codec import Json
from taxiway.outcome import Bill
from taxiway.usage import Usage

FINISHES: Final = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "error": "error",
}
"""OpenRouter's finish reasons by what providers say. One that is not here stays as it is: to call it `stop` would be a guess."""

_INTO: Final = {
    "cached_tokens": "cache_read",
    "cache_write_tokens": "cache_write_5m",
    "audio_tokens": "audio_in",
    "image_tokens": "image_in",
}
_OUT: Final = {"reasoning_tokens": "reasoning", "audio_tokens": "audio_out", "image_tokens": "image_out"}


def usage_of(raw: Json) -> Usage:
    """Make disjoint parts of OpenAI's `usage`: its details are parts of `prompt_tokens` and `completion_tokens`.

    Whatever the details say, the parts add up to those two. `cost` is OpenRouter's addition, of which others send forms of
    their own; only a number counts.
    """
    usage = Usage()
    usage.input = _cut(_count(raw, "prompt_tokens"), raw.get("prompt_tokens_details"), _INTO, usage)
    usage.output = _cut(_count(raw, "completion_tokens"), raw.get("completion_tokens_details"), _OUT, usage)
    cost = raw.get("cost")
    if type(cost) is float or type(cost) is int:
        usage.reported_cost = cost
    return usage


def charged(raw: Any, bill: Bill) -> Json | None:
    """Write into a provider's `usage` what went in, in all, and what it costs; None where nothing is known. It may change `raw`.

    Tokens are the bill's. `cost` is absent where it is unknown, also where the provider sent one of its own (that one is in
    `cost_details.upstream_inference_cost`). OpenRouter's clients insist on both parts in `cost_details`.
    """
    told: Json | None = raw if type(raw) is dict else None
    usage = bill.usage
    if usage is None:
        return told
    told = {} if told is None else told
    told["prompt_tokens"] = prompt = usage.prompt
    told["total_tokens"] = prompt + usage.completion
    if bill.cost is None:
        told.pop("cost", None)
        told.pop("cost_details", None)
    told |= costs(bill)
    if usage.estimated:
        told["estimated"] = True
    return told


def costs(bill: Bill) -> Json:
    """Return what a call costs as members of a `usage`: `cost` and its parts are absent where it is unknown."""
    usage, cost = bill.usage, bill.cost
    told: Json = {"is_byok": bill.is_byok}
    if cost is not None:
        reported = None if usage is None else usage.reported_cost
        told["cost"] = cost.total
        told["cost_details"] = {
            "upstream_inference_cost": cost.total if reported is None else reported,
            "upstream_inference_prompt_cost": cost.prompt,
            "upstream_inference_completions_cost": cost.completion,
        }
    return told


def billed(raw: Any, bill: Bill) -> Json | None:
    """As `charged`, and what came out. Official clients insist on numbers for cached and reasoning tokens."""
    told, usage = charged(raw, bill), bill.usage
    if told is not None and usage is not None:
        told["completion_tokens"] = usage.completion
        _detail(told, "prompt_tokens_details", "cached_tokens", usage.cache_read)
        _detail(told, "completion_tokens_details", "reasoning_tokens", usage.reasoning)
    return told


def _detail(told: Json, group: str, name: str, value: int) -> None:
    details = told.get(group)
    if type(details) is not dict:
        told[group] = {name: value}
    elif type(details.get(name)) is not int:
        details[name] = value


def _cut(whole: int, details: Any, names: dict[str, str], usage: Usage) -> int:
    """Write the parts of a whole that its details name; return what is left of it."""
    if type(details) is dict and any(details.values()):
        for theirs, ours in names.items():
            part = min(_count(details, theirs), whole)
            setattr(usage, ours, part)
            whole -= part
    return whole


def _count(raw: Json, name: str) -> int:
    value = raw.get(name)
    if type(value) is int and value >= 0:
        return value
    # Some servers count in floats; what is neither says nothing.
    return int(value) if type(value) is float and 0 <= value < 2**53 else 0
