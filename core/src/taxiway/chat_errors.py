"""Errors in OpenRouter's form: the body of a failed call, and the same inside a stream."""

from math import ceil
from typing import Final

from taxiway.codec import Json
from taxiway.failures import POLICIES
from taxiway.outcome import Availability, CallError, Failure

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
    failure = error.failure
    policy = POLICIES[failure.kind]
    metadata = {
        "error_type": policy.error_type,
        "provider_name": error.provider or None,
        "provider_code": failure.code,
        "previous_errors": [_previous(provider, earlier) for provider, earlier in error.previous] or None,
    }
    value = {
        "code": policy.status,
        "message": failure.message,
        "metadata": _known(metadata),
        # OpenAI's name for the field that is wrong; its SDK shows it.
        "param": failure.field or None,
    }
    if error.availability is not None:
        value["availability"] = _availability(error.availability, error.retry_after)
    return _known(value)


def _availability(told: Availability, retry_after: float | None) -> Json:
    """Say why nothing could serve, by OpenRouter's names; what there is nothing to say of is left out."""
    lists = {
        "affected_providers": told.providers,
        "excluded_by": told.excluded_by,
        "fallback_models": told.fallback_models,
    }
    value: Json = {
        "code": told.code,
        "retryable": told.code in _RETRYABLE,
        "requested_models": list(told.models),
        **{name: list(texts) for name, texts in lists.items() if texts},
    }
    if retry_after is not None:
        value["retry_after"] = ceil(retry_after)
    if told.constraint is not None:
        value["constraint"] = dict(zip(("field", "detail"), told.constraint, strict=True))
    return value


def _previous(provider: str, failure: Failure) -> Json:
    policy = POLICIES[failure.kind]
    return {"provider": provider, "code": failure.code or policy.error_type, "status": failure.status or policy.status}


def _known(values: Json) -> Json:
    return {name: value for name, value in values.items() if value is not None}
