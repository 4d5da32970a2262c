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
    usage = Usage(_count(raw.get("prompt_tokens")), output=_count(raw.get("completion_tokens")))
    details = raw.get("prompt_tokens_details")
    if type(details) is dict and any(details.values()):
        usage.input = _cut(usage.input, details, _INTO, usage)
    details = raw.get("completion_tokens_details")
    if type(details) is dict and any(details.values()):
        usage.output = _cut(usage.output, details, _OUT, usage)
    cost = raw.get("cost")
    if cost is not None and (type(cost) is float or type(cost) is int):
        usage.reported_cost = cost
    return usage


def billed(raw: Any, bill: Bill, generated: bool = True) -> Json | None:
    """Write into a provider's `usage` what was used, and what it costs; None where nothing is known. It may change `raw`.

    Tokens are the bill's. `cost` is absent where it is unknown, also where the provider sent one of its own (that one is in
    `cost_details.upstream_inference_cost`). OpenRouter's clients insist on both parts in `cost_details`, and official ones on
    numbers for cached and reasoning tokens. `generated`: whether anything can come out, which is told then.
    """
    usage, known = bill.usage, type(raw) is dict
    if usage is None:
        return raw if known else None
    told: Json = raw if known else {}
    prompt, completion = usage.prompt, usage.completion
    told["prompt_tokens"] = prompt
    told["total_tokens"] = prompt + completion
    if generated:
        told["completion_tokens"] = completion
        _detail(told, "prompt_tokens_details", "cached_tokens", usage.cache_read)
        _detail(told, "completion_tokens_details", "reasoning_tokens", usage.reasoning)
    if bill.cost is None:
        told.pop("cost", None)
        told.pop("cost_details", None)
    if usage.estimated:
        told["estimated"] = True
    told |= costs(bill)
    return told


def _detail(told: Json, group: str, name: str, tokens: int) -> None:
    """Write one number into a group of details, where it isn't told."""
    details = told.get(group)
    if type(details) is not dict:
        told[group] = {name: tokens}
    elif type(details.get(name)) is not int:
        details[name] = tokens


def costs(bill: Bill) -> Json:
    """Return what a call costs as members of a `usage`: `cost` and its parts are absent where it is unknown."""
    usage, cost = bill.usage, bill.cost
    if cost is None:
        return {"is_byok": bill.is_byok}
    total, prompt, completion = cost
    parts = {
        "upstream_inference_cost": total if usage is None or usage.reported_cost is None else usage.reported_cost,
        "upstream_inference_prompt_cost": prompt,
        "upstream_inference_completions_cost": completion,
    }
    return {"is_byok": bill.is_byok, "cost": total, "cost_details": parts}


def _cut(whole: int, details: Json, names: dict[str, str], usage: Usage) -> int:
    """Write the parts of a whole that its details name; return what is left of it."""
    for theirs, ours in names.items():
        part = min(_count(details.get(theirs)), whole)
        setattr(usage, ours, part)
        whole -= part
    return whole


def _count(value: Any) -> int:
    if type(value) is int and value >= 0:
        return value
    # Some servers count in floats; what is neither says nothing.
    return int(value) if type(value) is float and 0 <= value < 2**53 else 0
