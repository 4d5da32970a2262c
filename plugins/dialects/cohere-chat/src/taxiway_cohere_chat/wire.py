"""What all of Cohere's JSON has in common: how it is read, its finish reasons, its usage.

Sources: docs.cohere.com/reference (chat, chat-stream, embed, rerank); recorded traffic.
"""

from typing import Any, Final

from taxiway.codec import Json
from taxiway.errors import Malformed
from taxiway.usage import Usage

FORMAT: Final = "unknown"
"""The `format` of `reasoning_details` that came from Cohere: its thinking is plain text, without a signature."""

FINISHES: Final = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR": "error",
    "TIMEOUT": "error",
    "ERROR_LIMIT": "length",
    "ERROR_TOXIC": "content_filter",
    "USER_CANCEL": "stop",
}
"""Canonical finish reasons by Cohere's; the last three are of its API's first version."""

NATIVE: Final = {
    "stop": "COMPLETE",
    "length": "MAX_TOKENS",
    "tool_calls": "TOOL_CALL",
    "content_filter": "ERROR_TOXIC",
    "error": "ERROR",
}
"""Cohere's finish reasons by canonical ones, for answers of other models."""


def inside(value: Json, *path: str) -> Json:
    """Return an object some levels down. Raises Malformed where there is none."""
    for name in path:
        inner = value.get(name)
        if type(inner) is not dict:
            raise Malformed(f"Cohere sent no object as {'.'.join(path)}")
        value = inner
    return value


def object_of(value: Any) -> Json:
    """Return an object, or an empty one where the value is none."""
    return value if type(value) is dict else {}


def arguments_of(value: Any) -> str:
    """Return a tool call's arguments as an object's text: for a tool without any Cohere sends nothing, or `null`."""
    return value if type(value) is str and value.strip() not in {"", "null"} else "{}"


def count_of(value: Any) -> int:
    """Return a count, 0 where it is none. Cohere's numbers are floats by its own types."""
    if type(value) is int and value >= 0:
        return value
    return int(value) if type(value) is float and 0 <= value < 2**53 else 0


def usage_of(raw: Any) -> Usage | None:
    """Make disjoint parts of a chat's `usage`; None where nothing was counted.

    `tokens` is what went through the model, `billed_units` what is paid for, without the prompt around it: the first is what
    others call usage. Images' tokens are beside `input_tokens`, what was thought is inside `output_tokens`.
    """
    raw = object_of(raw)
    tokens = object_of(raw.get("tokens")) or object_of(raw.get("billed_units"))
    if not tokens:
        return None
    prompt, output = count_of(tokens.get("input_tokens")), count_of(tokens.get("output_tokens"))
    cached, reasoning = (
        min(count_of(raw.get("cached_tokens")), prompt),
        min(count_of(tokens.get("reasoning_tokens")), output),
    )
    return Usage(
        input=prompt - cached,
        cache_read=cached,
        image_in=count_of(tokens.get("image_tokens")),
        output=output - reasoning,
        reasoning=reasoning,
    )


def chat_usage(raw: Any) -> Json | None:
    """Say a chat's `usage` as canonical chat does; what is billed is kept beside it."""
    usage = usage_of(raw)
    if usage is None:
        return None
    told: Json = {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.total,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
    if usage.image_in:
        told["prompt_tokens_details"]["image_tokens"] = usage.image_in
    if type(raw.get("billed_units")) is dict:
        told["billed_units"] = raw["billed_units"]
    return told


def cohere_usage(told: Any) -> Json | None:
    """Say canonical chat's `usage` as Cohere does. Who bills by no units of Cohere's bills what was used."""
    if type(told) is not dict:
        return None
    into, out = object_of(told.get("prompt_tokens_details")), object_of(told.get("completion_tokens_details"))
    image, reasoning = count_of(into.get("image_tokens")), count_of(out.get("reasoning_tokens"))
    prompt, output = count_of(told.get("prompt_tokens")), count_of(told.get("completion_tokens"))
    tokens = {"input_tokens": max(0, prompt - image), "output_tokens": output}
    if image:
        tokens["image_tokens"] = image
    if reasoning:
        tokens["reasoning_tokens"] = reasoning
    billed = told.get("billed_units")
    return {
        "billed_units": billed if type(billed) is dict else {"input_tokens": prompt, "output_tokens": output},
        "tokens": tokens,
        "cached_tokens": count_of(into.get("cached_tokens")),
    }
