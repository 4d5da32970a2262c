"""Errors of this dialect: those that clients are told, and what those of Anthropic's servers mean.

Wire: platform.claude.com/docs/en/api/errors (types, statuses, common messages); OpenRouter's messages endpoint (which type for what).
"""

from typing import Final

from taxiway.chat_errors import error_value
from taxiway.codec import Json
from taxiway.outcome import CallError
from taxiway_openai_compatible import ErrorRow

_TYPES: Final = {
    "authentication": "authentication_error",
    "permission_denied": "permission_error",
    "payment_required": "billing_error",
    "not_found": "not_found_error",
    "image_not_found": "not_found_error",
    "rate_limit_exceeded": "rate_limit_error",
    "provider_overloaded": "overloaded_error",
    "timeout": "timeout_error",
    "payload_too_large": "request_too_large",
}
"""Types of errors, by OpenRouter's. Of the others, what is the request's fault is an invalid_request_error, the rest an api_error."""

_TOO_LONG: Final = "prompt is too long"
"""What Claude's own clients look for before they shorten a conversation."""

ERRORS: Final = (
    ErrorRow(
        kind="context_length",
        message=r"prompt is too long|exceed context limit|input is too long|exceeds? the (?:model'?s? )?context window",
    ),
    ErrorRow(kind="quota_exhausted", message="credit balance is too low|reached your specified .*usage limits"),
    ErrorRow(kind="quota_exhausted", codes=("billing_error",)),
    ErrorRow(kind="credential_invalid", message="organization has been disabled"),
    ErrorRow(kind="credential_invalid", codes=("authentication_error",)),
    ErrorRow(kind="permission_denied", codes=("permission_error",)),
    ErrorRow(kind="content_policy", message="blocked by content filtering policy"),
    ErrorRow(kind="not_found", codes=("not_found_error",)),
    ErrorRow(kind="payload_too_large", codes=("request_too_large",)),
    ErrorRow(kind="payload_too_large", statuses=(400,), message=r"image exceeds .* maximum|maximum of \d+ PDF pages"),
    # Long requests need more than the account has booked; others go through.
    ErrorRow(kind="permission_denied", statuses=(429,), message="required for long context", scope="candidate"),
    ErrorRow(kind="rate_limited", codes=("rate_limit_error",)),
    ErrorRow(kind="overloaded", codes=("overloaded_error",)),
    ErrorRow(kind="timeout", codes=("timeout_error",)),
    ErrorRow(
        kind="unsupported_here",
        statuses=(400,),
        message=r"(?:is|are) (?:not supported|not available|deprecated) (?:for|on|with|by) |does not support|not permitted|"
        r"cannot both be specified|may not be enabled|unexpected value|thinking is enabled",
    ),
    ErrorRow(kind="invalid_request", codes=("invalid_request_error",)),
    ErrorRow(kind="unavailable", codes=("api_error",)),
)
"""What errors of Anthropic's servers mean, wherever they run. The first row that fits."""


def error_body(error: CallError) -> tuple[int, Json]:
    """Return status and body of a call that failed before anything was sent."""
    value = error_value(error)
    metadata = value["metadata"]
    body = refusal(value["code"], metadata["error_type"], value["message"])
    body["request_id"] = error.generation or None
    body["metadata"] = metadata
    if "availability" in value:
        body["error"]["availability"] = value["availability"]
    return value["code"], body


def refusal(status: int, error_type: str, message: str) -> Json:
    """Return the body of an error. `error_type` is OpenRouter's."""
    kind = _TYPES.get(error_type) or ("invalid_request_error" if 400 <= status < 500 else "api_error")
    if error_type == "context_length_exceeded" and _TOO_LONG not in message:
        message = f"{_TOO_LONG}: {message}"
    error = {"type": kind, "message": message, "error_type": error_type}
    return {"type": "error", "error": error, "request_id": None}
