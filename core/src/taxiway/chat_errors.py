"""Errors in OpenRouter's form: the body of a failed call, and the same inside a stream."""

from typing import Any, Final

from taxiway.codec import Json
from taxiway.failures import POLICIES
from taxiway.outcome import CallError, Failure

_PERMANENT: Final[dict[str, tuple[int, str]]] = {
    "model_not_found": (400, "invalid_request"),
    "no_endpoints": (404, "not_found"),
    "constraint_filtered": (404, "not_found"),
}
"""Why nothing could serve, where it is not the attempts that say status and `error_type`."""

_RETRYABLE: Final = frozenset({"capacity_exhausted", "temporarily_unavailable"})


def error_reply(error: CallError) -> tuple[int, Json]:
    """Return status and body of a call that failed before anything was sent: the status is also `error.code`."""
    value = error_value(error)
    return value["code"], {"error": value}


def error_value(error: CallError) -> Json:
    """Return the `error` object: a number as `code` (official clients insist), the rest in `metadata`."""
    failure = error.failure
    status, error_type = status_of(failure)
    if error.availability in _PERMANENT:
        status, error_type = _PERMANENT[error.availability]
    metadata: dict[str, Any] = {"error_type": error_type}
    if error.provider:
        metadata["provider_name"] = error.provider
    if failure.code is not None:
        metadata["provider_code"] = failure.code
    if error.previous:
        metadata["previous_errors"] = [_previous(provider, earlier) for provider, earlier in error.previous]
    value: Json = {"code": status, "message": failure.message, "metadata": metadata}
    if failure.field:
        # OpenAI's name for the field that is wrong; its SDK shows it.
        value["param"] = failure.field
    if error.availability is not None:
        value["availability"] = _availability(error, error.availability)
    return value


def status_of(failure: Failure) -> tuple[int, str]:
    """Return the status and the `error_type` that a client sees for a failure."""
    policy = POLICIES[failure.kind]
    return policy.status, policy.error_type


def _previous(provider: str, failure: Failure) -> Json:
    status = failure.status if failure.status is not None else POLICIES[failure.kind].status
    return {"provider": provider, "code": failure.code or POLICIES[failure.kind].error_type, "status": status}


def _availability(error: CallError, code: str) -> Json:
    value: Json = {"code": code, "retryable": code in _RETRYABLE, "requested_models": list(error.models)}
    if error.retry_after is not None:
        value["retry_after"] = error.retry_after
    return value
