"""Usage and finish reasons of the chat dialect: from what providers send to our own values, and into what clients read."""

from typing import Final, TypeGuard

from taxiway.codec import Json
from taxiway.outcome import Bill
from taxiway.usage import Usage

_DIGITS: Final = 10

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


def usage_of(raw: Json) -> Usage:
    """Make disjoint parts of OpenAI's `usage`: its details are parts of `prompt_tokens` and `completion_tokens`.

    Whatever the details say, the parts add up to those two. `cost` is OpenRouter's addition, of which others send forms of
    their own; only a number counts.
    """
    rest = _count(raw, "prompt_tokens")
    details = raw.get("prompt_tokens_details")
    read = write = audio = image = 0
    if type(details) is dict and any(details.values()):
        read = min(_count(details, "cached_tokens"), rest)
        write = min(_count(details, "cache_write_tokens"), rest - read)
        audio = min(_count(details, "audio_tokens"), rest - read - write)
        image = min(_count(details, "image_tokens"), rest - read - write - audio)
    out = _count(raw, "completion_tokens")
    details = raw.get("completion_tokens_details")
    thought = said = drawn = 0
    if type(details) is dict and any(details.values()):
        thought = min(_count(details, "reasoning_tokens"), out)
        said = min(_count(details, "audio_tokens"), out - thought)
        drawn = min(_count(details, "image_tokens"), out - thought - said)
    cost = raw.get("cost")
    return Usage(
        input=rest - read - write - audio - image,
        cache_read=read,
        cache_write_5m=write,
        output=out - thought - said - drawn,
        reasoning=thought,
        audio_in=audio,
        audio_out=said,
        image_in=image,
        image_out=drawn,
        reported_cost=float(cost) if _is_number(cost) else None,
    )


def billed(raw: Json | None, bill: Bill) -> Json | None:
    """Write into a provider's `usage` what a client may rely on; None where nothing is known. It may change `raw`.

    Prompt and completion are the bill's. `cost` is absent where it is unknown, also where the provider sent one of its own
    (that one is in `cost_details.upstream_inference_cost`). What OpenRouter's clients insist on: numbers for cached and
    reasoning tokens, both parts in `cost_details`.
    """
    usage = bill.usage
    if usage is None:
        if raw is None:
            return None
        usage = usage_of(raw)
    told: Json = {} if raw is None else raw
    prompt, completion = usage.prompt, usage.completion
    told["prompt_tokens"] = prompt
    told["completion_tokens"] = completion
    told["total_tokens"] = prompt + completion
    _detail(told, "prompt_tokens_details", "cached_tokens", usage.cache_read)
    _detail(told, "completion_tokens_details", "reasoning_tokens", usage.reasoning)
    charge(told, usage, bill)
    return told


def charge(told: Json, usage: Usage, bill: Bill) -> None:
    """Write cost, its details, whose key it was, and whether it is an estimate."""
    told.pop("cost", None)
    told.pop("cost_details", None)
    parts = None if bill.cost is None else bill.candidate.endpoint.price.parts(usage)
    if bill.cost is not None:
        told["cost"] = bill.cost
    if parts is not None:
        told["cost_details"] = {
            "upstream_inference_cost": bill.cost if usage.reported_cost is None else usage.reported_cost,
            "upstream_inference_prompt_cost": round(parts[0], _DIGITS),
            "upstream_inference_completions_cost": round(parts[1], _DIGITS),
        }
    told["is_byok"] = bill.is_byok
    if usage.estimated:
        told["estimated"] = True


def _detail(told: Json, group: str, name: str, value: int) -> None:
    details = told.get(group)
    if type(details) is not dict:
        told[group] = {name: value}
    elif not _is_number(details.get(name)):
        details[name] = value


def _count(raw: Json, name: str) -> int:
    value = raw.get(name)
    if type(value) is int and value >= 0:
        return value
    # Some servers count in floats; what is neither says nothing.
    return int(value) if type(value) is float and 0 <= value < 2**53 else 0


def _is_number(value: object) -> TypeGuard[float]:
    return type(value) is int or type(value) is float
