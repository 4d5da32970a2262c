"""Usage: this dialect's, our vector, and chat's.

Wire: platform.claude.com/docs: api/messages (usage), build-with-claude/prompt-caching: `input_tokens` are those that were neither read from
a cache nor written to one, so what went in is the sum of three; `output_tokens` has thinking in it.
"""

from typing import Any, Final

from taxiway.codec import Json
from taxiway.usage import Usage

TIERS: Final = {"standard": "default", "priority": "priority", "batch": "batch"}
"""Service tiers as this dialect tells them in `usage`, and chat's names."""

_TOLD: Final = {name: tier for tier, name in TIERS.items()}


def usage_of(raw: Json) -> Usage:
    """Make disjoint parts of a message's `usage`."""
    parts, details = raw.get("cache_creation"), raw.get("output_tokens_details")
    hour, minutes = _count(parts, "ephemeral_1h_input_tokens"), _count(parts, "ephemeral_5m_input_tokens")
    output = _count(raw, "output_tokens")
    reasoning = min(_count(details, "thinking_tokens"), output)
    return Usage(
        input=_count(raw, "input_tokens"),
        cache_read=_count(raw, "cache_read_input_tokens"),
        # The sum is what counts: a stream's last event has only that.
        cache_write_5m=max(_count(raw, "cache_creation_input_tokens") - hour, minutes),
        cache_write_1h=hour,
        output=output - reasoning,
        reasoning=reasoning,
    )


def merged(known: Any, more: Any) -> Json:
    """Return what is known of a stream's usage with what a further event says of it: its numbers are the newest totals."""
    known = known if type(known) is dict else {}
    return (
        {**known, **{name: value for name, value in more.items() if value is not None}} if type(more) is dict else known
    )


def chat_usage(raw: Json) -> Json:
    """Return a message's `usage` as chat tells it."""
    usage = usage_of(raw)
    told: Json = {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.total,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write_5m + usage.cache_write_1h,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
    tools = raw.get("server_tool_use")
    if type(tools) is dict and any(tools.values()):
        told["server_tool_use_details"] = tools
    return told


def told(usage: Usage) -> Json:
    """Return our vector as this dialect tells it."""
    return {
        "input_tokens": usage.input + usage.audio_in + usage.image_in,
        "cache_creation_input_tokens": usage.cache_write_5m + usage.cache_write_1h,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.completion,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
    }


def written(usage: Usage) -> Json:
    """Return what was written to caches, by how long it lives."""
    return {
        "ephemeral_5m_input_tokens": usage.cache_write_5m,
        "ephemeral_1h_input_tokens": usage.cache_write_1h,
    }


def tier_of(tier: Any) -> str | None:
    """Return chat's service tier as this dialect's `usage` has it; None where it has none."""
    return _TOLD.get(tier) if type(tier) is str else None


def _count(raw: Any, name: str) -> int:
    value = raw.get(name) if type(raw) is dict else None
    return value if type(value) is int and value > 0 else 0
