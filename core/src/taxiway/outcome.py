"""How attempts and calls end: failures, quota hints, outcomes, and what is recorded of them."""

from typing import Any, Literal, TypeAlias

from attrs import define, field, frozen

from taxiway.candidate import Candidate, Operation, Unit
from taxiway.errors import TaxiwayError
from taxiway.money import Cost
from taxiway.usage import Usage

Kind: TypeAlias = Literal[
    "rate_limited",
    "quota_exhausted",
    "credential_invalid",
    "permission_denied",
    "token_expired",
    "clock_skewed",
    "overloaded",
    "unavailable",
    "timeout",
    "not_found",
    "unsupported_here",
    "context_length",
    "content_policy",
    "refusal",
    "payload_too_large",
    "invalid_request",
    "cancelled",
]
"""What a failure is. The table in `taxiway.failures` says of each what is penalised, what comes next, what the client sees."""

AvailabilityCode: TypeAlias = Literal[
    "model_not_found",
    "wrong_endpoint",
    "no_endpoints",
    "constraint_filtered",
    "privacy_restricted",
    "model_unavailable_upstream",
    "capacity_exhausted",
    "temporarily_unavailable",
]
"""Why nothing could serve, by OpenRouter's codes: those that can arise here."""

Scope: TypeAlias = Literal["account", "pool", "candidate", "endpoint", "origin", "none"]
"""What a failure speaks of."""

State: TypeAlias = Literal["done", "interrupted", "failed", "cancelled", "lost"]
"""How a generation ended. `interrupted`: after its first token; `lost`: the process died, and what is recorded is an estimate."""


Role: TypeAlias = Literal["", "resumption", "hedge"]
"""Why an attempt was made, where it is neither the first nor follows a failure."""


@frozen(kw_only=True)
class QuotaHint:
    """What a provider said of one of its limits, in a reply's headers or a 429's body.

    `pool` None: that of the endpoint's quota group at this account. `window` in seconds, `reset` in seconds since the epoch
    by the provider's own clock, `rounding` by how many seconds too early that may be. What was not said is None.
    """

    unit: Unit
    pool: str | None = None
    window: float | None = None
    limit: float | None = None
    remaining: float | None = None
    reset: float | None = None
    refill: float | None = None
    confidence: float = 1.0
    rounding: float = 1.0


@frozen(kw_only=True)
class Failure:
    """Why an attempt failed. `scope` None: what the table says of its kind. `retry_after` in seconds.

    `message` is safe to show: scrubbed. `code` and `status` are the provider's own.
    """

    kind: Kind
    message: str
    code: str | None = None
    status: int | None = None
    retry_after: float | None = None
    scope: Scope | None = None
    hints: tuple[QuotaHint, ...] = ()
    field: str | None = None


@frozen(kw_only=True)
class Availability:
    """Why nothing could serve a call. `models` are those that it asked for, `providers` who was left out or failed.

    `excluded_by`: the filters that left them out, by OpenRouter's names; `constraint`: the request's field that did, where it is one
    alone, and how. `fallback_models`: models that could be asked for instead.
    """

    code: AvailabilityCode
    models: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    excluded_by: tuple[str, ...] = ()
    fallback_models: tuple[str, ...] = ()
    constraint: tuple[str, str] | None = None


@define(eq=False)
class Outcome:
    """How one attempt ended. Times are of the monotonic clock, in seconds; `sent`: whether any of the request left.

    `committed`: a token had reached the client. `failure` None: it served.
    """

    candidate: Candidate
    started: float
    failure: Failure | None = None
    committed: bool = False
    usage: Usage | None = None
    first_token: float | None = None
    ended: float = 0.0
    sent: bool = False
    status: int | None = None


@define(eq=False)
class Bill:
    """What a call costs so far, and who serves it: what a stamp writes into replies."""

    candidate: Candidate
    usage: Usage | None
    cost: Cost | None
    is_byok: bool = True


@define
class AttemptRecord:
    """One attempt as it is kept: no prompt, no key. `account` is the credential's label. A new field is the last: see `records`.

    `price`: USD per token in and out, as planned; `headroom`: the share of its tightest limit that was free. `tokens` and
    `max_output` are what an estimate is made from. `passed`: who was out when it was picked, of those before it, by their
    candidates' keys, and the kind of failure that shut them. `role`: why it ran beside or after another: it is a `resumption`
    of a broken stream, or a `hedge`; empty for all others.
    """

    number: int
    endpoint: str
    provider: str
    account: str
    credential: str
    model: str
    opened: float
    tokens: int = 0
    max_output: int | None = None
    price_in: float | None = None
    price_out: float | None = None
    headroom: float = 1.0
    kind: str | None = None
    status: int | None = None
    code: str | None = None
    sent: bool = True
    latency: float | None = None
    duration: float | None = None
    usage: Usage | None = None
    cost: float | None = None
    role: Role = ""
    passed: dict[str, str] | None = None


@define
class Generation:
    """The whole of one call: the unit of telemetry and billing. A new field is the last: see `taxiway.records`.

    Times in seconds, `created` since the epoch. `latency` is the time to the first token. `seed` and `snapshot` replay the
    decision; `figures` are those it read. `dropped`: what the endpoint's dialect could not express, `applied`: what stood in for it.
    """

    id: str
    state: State
    workspace: str
    api_key: str
    operation: Operation
    dialect: str
    requested: str
    created: float
    streamed: bool
    model: str = ""
    provider: str = ""
    endpoint: str = ""
    attempts: list[AttemptRecord] = field(factory=list)
    usage: Usage | None = None
    cost: float | None = None
    is_byok: bool = True
    estimated: bool = False
    latency: float | None = None
    duration: float | None = None
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    upstream_id: str | None = None
    error: str | None = None
    seed: int = 0
    snapshot: str = ""
    figures: dict[str, Any] = field(factory=dict)
    dropped: list[str] = field(factory=list)
    origin: str = ""
    applied: list[str] = field(factory=list)


class RefreshFailed(TaxiwayError):
    """No secret could be derived from an account's own (see `taxiway.provider.Refreshes`). `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.message)


class CallError(TaxiwayError):
    """A call that failed for good. `failure` is what the client sees, `previous` the other attempts' (provider, failure).

    `retry_after` in seconds; `should_retry` False where another try can't help. `availability`: why nothing could serve, where it
    was not the request's own fault. `generation` is the id. `beside` is what a front end says besides (see `Call`).
    """

    def __init__(
        self,
        failure: Failure,
        *,
        provider: str = "",
        previous: tuple[tuple[str, Failure], ...] = (),
        retry_after: float | None = None,
        should_retry: bool | None = None,
        availability: Availability | None = None,
        generation: str = "",
    ) -> None:
        self.failure, self.provider, self.previous = failure, provider, previous
        self.retry_after, self.should_retry, self.availability = retry_after, should_retry, availability
        self.generation = generation
        self.beside: dict[str, Any] = {}
        super().__init__(failure.message)
