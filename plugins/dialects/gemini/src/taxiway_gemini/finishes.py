"""Why Gemini stopped: its reasons, and canonical chat's.

Sources: ai.google.dev/api/generate-content (FinishReason, BlockReason) and the same enums of the google-genai SDK.
"""

from typing import Any, Final

_FILTERED: Final = (
    "SAFETY RECITATION LANGUAGE BLOCKLIST PROHIBITED_CONTENT SPII MODEL_ARMOR ESCALATION PUP_LIMITED_DISABLED "
    "IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT IMAGE_RECITATION".split()
)
_FAILED: Final = (
    "OTHER MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS MISSING_THOUGHT_SIGNATURE "
    "MALFORMED_RESPONSE IMAGE_OTHER NO_IMAGE".split()
)

FINISHES: Final[dict[str, str]] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    **dict.fromkeys(_FILTERED, "content_filter"),
    **dict.fromkeys(_FAILED, "error"),
}
"""Canonical reasons by Gemini's. `STOP` is also said of an answer that calls functions: see `finish_of`."""

NATIVE: Final = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "error": "OTHER",
}
"""Gemini's reasons by canonical ones, for answers of other models."""

NUMBERS: Final = (
    "FINISH_REASON_UNSPECIFIED STOP MAX_TOKENS SAFETY RECITATION OTHER LANGUAGE BLOCKLIST PROHIBITED_CONTENT SPII "
    "MALFORMED_FUNCTION_CALL IMAGE_SAFETY UNEXPECTED_TOOL_CALL".split()
)
"""The enum's numbers, which a server sends that is asked for `enum-encoding=int`. They are those of the Gemini API; Vertex AI
has the same up to 5, and others among the further ones.
"""

_UNSAID: Final = frozenset({"FINISH_REASON_UNSPECIFIED", ""})


def reason_of(value: Any) -> str | None:
    """Return a finish reason's name; None where none was said."""
    if type(value) is int:
        value = NUMBERS[value] if 0 <= value < len(NUMBERS) else f"OTHER_{value}"
    return value if type(value) is str and value not in _UNSAID else None


def finish_of(reason: str, *, called: bool) -> str:
    """Return the canonical finish reason. `called`: the answer calls functions.

    A reason that Google adds later counts as a failure to answer, not as a good end.
    """
    finish = FINISHES.get(reason, "error")
    return "tool_calls" if called and finish == "stop" else finish
