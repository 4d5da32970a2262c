"""Errors as each simulated API words them: status, header fields, body.

Sources: the APIs' pages on errors (platform.openai.com/docs/guides/error-codes, platform.claude.com/docs/api/errors,
ai.google.dev/gemini-api/docs/troubleshooting, docs.cohere.com/reference/errors, docs.aws.amazon.com/bedrock API reference); bodies as recorded.
"""

import math
from collections.abc import Callable
from typing import Final, TypeAlias

from attrs import frozen

from taxiway.codec import Json
from taxiway_simulator import wire


@frozen
class Row:
    """An error, in OpenAI's words. `wait`: in how many seconds it passes; `limit`: of a quota, how many of its unit (`type`)."""

    status: int
    message: str
    type: str
    code: str | None = None
    wait: float | None = None
    limit: int | None = None
    param: str | None = None

    @property
    def text(self) -> str:
        """The message, which says what it is."""
        return f"{self.message} (simulated)"

    @property
    def seconds(self) -> str:
        """Whole seconds to wait, rounded up."""
        return str(math.ceil(self.wait or 0.0))


Told: TypeAlias = tuple[int, dict[str, str], Json]
ErrorForm: TypeAlias = Callable[[Row], Told]
"""Gives status, header fields and body."""

_CREDIT: Final = "insufficient_quota"


def as_openai(row: Row) -> Told:
    """Write `{"error": {"message", "type", "param", "code"}}`."""
    waits = {} if row.wait is None else {"retry-after": row.seconds, "retry-after-ms": str(math.ceil(row.wait * 1000))}
    return row.status, waits, wire.error(row.text, row.type, row.code, row.param)


_ANTHROPIC: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


def as_anthropic(row: Row) -> Told:
    """Write `{"type": "error", "error": {"type", "message"}}`; an empty account is a 400, no capacity a 529."""
    status = {503: 529, 429: 529 if row.code == "engine_overloaded" else 429}.get(row.status, row.status)
    if row.code == _CREDIT:
        row, status = Row(400, "Your credit balance is too low to access the Anthropic API.", row.type), 400
    waits = {} if row.wait is None else {"retry-after": row.seconds}
    error = {"type": _ANTHROPIC.get(status, "api_error"), "message": row.text}
    return status, waits, {"type": "error", "error": error, "request_id": "req_simulated"}


_GOOGLE: Final = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


def as_google(row: Row) -> Told:
    """Write `{"error": {"code", "message", "status", "details"}}`: a wrong key is a 400, and waiting is told in the details."""
    status = row.status
    details: list[Json] = []
    if status == 401:
        status = 400
        reason = {"reason": "API_KEY_INVALID", "domain": "googleapis.com"}
        details.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", **reason})
    if row.wait is not None:
        quota = {"quotaId": "GenerateRequestsPerMinutePerProjectPerModel", "quotaValue": str(row.limit)}
        details.append({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [quota]})
        # Rounded down, as Google does.
        wait = {"retryDelay": f"{math.floor(row.wait)}s"}
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", **wait})
    error = {"code": status, "message": row.text, "status": _GOOGLE.get(status, "INTERNAL")}
    return status, {}, {"error": {**error, "details": details} if details else error}


def as_cohere(row: Row) -> Told:
    """Write `{"id", "message"}`."""
    return row.status, {}, {"id": "sim", "message": row.text}


_BEDROCK: Final = {
    400: "ValidationException",
    403: "UnrecognizedClientException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}


def as_bedrock(row: Row) -> Told:
    """Write `{"message"}`, with the error's type in a header field."""
    status = 403 if row.status == 401 else row.status
    named = f"{_BEDROCK.get(status, 'InternalServerException')}:http://internal.amazon.com/coral/com.amazon.bedrock/"
    return status, {"x-amzn-errortype": named}, {"message": row.text}
