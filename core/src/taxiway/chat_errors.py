"""Errors in OpenRouter's form: the body of a failed call, and the same inside a stream."""

from typing import Final

from taxiway.codec import Json
from taxiway.failures import POLICIES
from taxiway.outcome import CallError, Failure

_PERMANENT: Final = {
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


def refusal(status: int, error_type: str, message: str) -> Json:
    """Return the body of what a front end refuses before there is a call."""
    return {"error": {"code": status, "message": message, "metadata": {"error_type": error_type}}}


def error_value(error: CallError) -> Json:
    """Return the `error` object: a number as `code` (official clients insist), the rest in `metadata`."""
    failure, availability = error.failure, error.availability
    policy = POLICIES[failure.kind]
    status, error_type = _PERMANENT.get(availability or "", (policy.status, policy.error_type))
    metadata = {
        "error_type": error_type,
        "provider_name": error.provider or None,
        "provider_code": failure.code,
        "previous_errors": [_previous(provider, earlier) for provider, earlier in error.previous] or None,
    }
    value = {
        "code": status,
        "message": failure.message,
        "metadata": _known(metadata),
        # OpenAI's name for the field that is wrong; its SDK shows it.
        "param": failure.field or None,
    }
    if availability is not None:
        value["availability"] = _known(
            {
                "code": availability,
                "retryable": availability in _RETRYABLE,
                "requested_models": list(error.models),
                "retry_after": error.retry_after,
            }
        )
    return _known(value)


def _previous(provider: str, failure: Failure) -> Json:
    policy = POLICIES[failure.kind]
    return {"provider": provider, "code": failure.code or policy.error_type, "status": failure.status or policy.status}


def _known(values: Json) -> Json:
    return {name: value for name, value in values.items() if value is not None}
