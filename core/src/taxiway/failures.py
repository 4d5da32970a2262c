"""What follows from a failure: one row for each kind (docs/failures.md shows the same table to users)."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from attrs import frozen

from taxiway.outcome import Availability, AvailabilityCode, Kind, Scope

Next: TypeAlias = Literal["account", "candidate", "endpoint", "model", "same", "stop"]
"""Where the call goes: another account, another candidate, another endpoint, another model, the same candidate once more."""


@frozen
class Policy:
    """One row: what is penalised, where the call goes, what the client sees when nothing is left.

    `passing`: by waiting it may go away, so of all failures of a call it is the one that is shown. `budgeted`: a further
    attempt after it counts against the retry budget.
    """

    penalise: Scope
    next: Next
    status: int
    error_type: str
    passing: bool = False
    budgeted: bool = False


POLICIES: Final[dict[Kind, Policy]] = {
    "rate_limited": Policy("pool", "account", 429, "rate_limit_exceeded", passing=True),
    "quota_exhausted": Policy("account", "account", 402, "payment_required"),
    "credential_invalid": Policy("account", "account", 403, "permission_denied"),
    "permission_denied": Policy("candidate", "candidate", 403, "permission_denied"),
    "token_expired": Policy("none", "same", 502, "provider_unavailable"),
    "clock_skewed": Policy("none", "same", 502, "provider_unavailable"),
    "overloaded": Policy("endpoint", "endpoint", 503, "provider_overloaded", passing=True, budgeted=True),
    "unavailable": Policy("endpoint", "endpoint", 502, "provider_unavailable", passing=True, budgeted=True),
    "timeout": Policy("endpoint", "endpoint", 504, "timeout", passing=True, budgeted=True),
    "not_found": Policy("candidate", "candidate", 404, "not_found"),
    "unsupported_here": Policy("none", "endpoint", 400, "invalid_request"),
    "context_length": Policy("none", "model", 400, "context_length_exceeded"),
    "content_policy": Policy("none", "model", 400, "content_policy_violation"),
    "refusal": Policy("none", "model", 400, "refusal"),
    "payload_too_large": Policy("none", "endpoint", 413, "payload_too_large"),
    "invalid_request": Policy("none", "model", 400, "invalid_request"),
    "cancelled": Policy("none", "stop", 499, "cancelled"),
}

_AVAILABILITY: Final[Mapping[AvailabilityCode, frozenset[Kind]]] = {
    "capacity_exhausted": frozenset({"rate_limited"}),
    "temporarily_unavailable": frozenset({"overloaded", "unavailable", "timeout"}),
    "model_unavailable_upstream": frozenset({"not_found"}),
}
"""OpenRouter's codes for why nothing could serve, by the kinds of failures that all attempts had."""


def availability_of(kinds: set[Kind], models: tuple[str, ...], providers: tuple[str, ...]) -> Availability | None:
    """Say why nothing could serve, by how attempts failed at some providers; None where they differ, or it is the request's fault."""
    code = next((code for code, some in _AVAILABILITY.items() if kinds <= some), None)
    return None if code is None else Availability(code=code, models=models, providers=providers)
