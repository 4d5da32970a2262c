"""Usage and finish reasons of Converse.

Source: docs.aws.amazon.com/bedrock/latest/APIReference: TokenUsage, StopReason. `inputTokens` does not count what was read from the
cache or written into it. Replies say the cached counts under two names each, of which the documented one holds.
"""

from typing import Any, Final

from taxiway.codec import Json
from taxiway.usage import Usage

FINISHES: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}
"""OpenRouter's finish reasons by Converse's stop reasons. One that is not here stays as it is."""

_READ: Final = ("cacheReadInputTokens", "cacheReadInputTokenCount")
_WRITTEN: Final = ("cacheWriteInputTokens", "cacheWriteInputTokenCount")
_HOUR: Final = "1h"


def usage_of(raw: Json) -> Usage:
    """Make our parts of Converse's `usage`."""
    written = _count(raw, *_WRITTEN)
    details = raw.get("cacheDetails")
    hour = sum(_count(row, "inputTokens") for row in _rows(details) if row.get("ttl") == _HOUR)
    hour = min(hour, written)
    return Usage(
        input=_count(raw, "inputTokens"),
        cache_read=_count(raw, *_READ),
        cache_write_5m=written - hour,
        cache_write_1h=hour,
        output=_count(raw, "outputTokens"),
    )


def canonical(raw: Any) -> Json:
    """Make OpenAI's `usage` of Converse's: what went in is all of it, cached or not."""
    usage = usage_of(raw if type(raw) is dict else {})
    told: Json = {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.total,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read},
    }
    written = usage.cache_write_5m + usage.cache_write_1h
    if written:
        told["prompt_tokens_details"]["cache_write_tokens"] = written
    return told


def _rows(details: Any) -> list[Json]:
    return [row for row in details if type(row) is dict] if type(details) is list else []


def _count(raw: Json, *names: str) -> int:
    for name in names:
        value = raw.get(name)
        if type(value) is int and value >= 0:
            return value
        if type(value) is float and 0 <= value < 2**53:
            return int(value)
    return 0
