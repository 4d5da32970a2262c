"""Errors in Google's form, for clients that speak Gemini.

Sources: cloud.google.com/apis/design/errors (codes, `google.rpc.Status`), ai.google.dev/gemini-api/docs/troubleshooting.
"""

import math
from typing import Any, Final

from taxiway.chat_errors import error_value
from taxiway.codec import Json
from taxiway.outcome import CallError

_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
_TYPE: Final = "type.googleapis.com/google.rpc."
_DOMAIN: Final = "taxiway"


def error_reply(error: CallError) -> tuple[int, Json]:
    """Return status and body of a call that failed before anything was sent."""
    told = error_of(error)
    return told["error"]["code"], told


def error_of(error: CallError) -> Json:
    """Return the error object; the same is the last event of a stream that failed."""
    value = error_value(error)
    metadata = value["metadata"]
    facts = {"provider": metadata.get("provider_name"), "code": metadata.get("provider_code")}
    facts |= {f"availability_{name}": _text(told) for name, told in value.get("availability", {}).items()}
    details: list[Json] = []
    if error.retry_after is not None:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{math.ceil(error.retry_after)}s"})
    if value.get("param"):
        violation = {"field": value["param"], "description": value["message"]}
        details.append({"@type": f"{_TYPE}BadRequest", "fieldViolations": [violation]})
    return refused(value["code"], metadata["error_type"], value["message"], facts, details)


def _text(value: Any) -> str:
    """Say as a text what an `ErrorInfo` can hold no otherwise."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return ": ".join(map(str, value.values())) if isinstance(value, dict) else str(value)


def refused(
    status: int, error_type: str, message: str, facts: Json | None = None, details: list[Json] | None = None
) -> Json:
    """Return the error object for a status. `error_type` is OpenRouter's; `facts` are texts beside it."""
    told = {name: str(value) for name, value in (facts or {}).items() if value}
    reason: dict[str, Any] = {"@type": f"{_TYPE}ErrorInfo", "reason": error_type.upper(), "domain": _DOMAIN}
    if told:
        reason["metadata"] = told
    code = _STATUSES.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")
    return {"error": {"code": status, "message": message, "status": code, "details": [reason, *(details or ())]}}
