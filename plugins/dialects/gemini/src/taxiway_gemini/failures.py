"""What an error of Google's APIs means: its body read, then the first row that matches, then its status.

Sources: ai.google.dev/gemini-api/docs: troubleshooting, rate-limits; cloud.google.com/apis/design/errors (`google.rpc`),
docs.cloud.google.com/vertex-ai/generative-ai/docs/error-code-429; error bodies as recorded, and as users reported them.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from attrs import define, field

from taxiway.candidate import Unit
from taxiway.codec import Json, items, loads, text_of
from taxiway.errors import Malformed
from taxiway.http import Headers
from taxiway.outcome import Failure, QuotaHint
from taxiway.secret import scrub
from taxiway_openai_compatible import ErrorRow, kind_of, retry_after

ROWS: Final = (
    ErrorRow(
        kind="context_length", statuses=(400,), message=r"exceeds the maximum number of tokens|token count .*exceeds"
    ),
    ErrorRow(kind="payload_too_large", statuses=(400,), message=r"payload size exceeds|request .*too large"),
    ErrorRow(kind="credential_invalid", codes=("API_KEY_INVALID", "CONSUMER_SUSPENDED", "CONSUMER_INVALID")),
    ErrorRow(
        kind="credential_invalid",
        statuses=(400, 401, 403),
        message=r"api key (?:not valid|not found|expired)|reported as leaked|unregistered callers|has been suspended",
    ),
    ErrorRow(kind="token_expired", codes=("ACCESS_TOKEN_EXPIRED",)),
    ErrorRow(
        kind="permission_denied",
        codes=(
            "SERVICE_DISABLED",
            "API_KEY_SERVICE_BLOCKED",
            "API_KEY_IP_ADDRESS_BLOCKED",
            "API_KEY_HTTP_REFERRER_BLOCKED",
            "API_KEY_ANDROID_APP_BLOCKED",
            "API_KEY_IOS_APP_BLOCKED",
        ),
        scope="account",
    ),
    ErrorRow(kind="permission_denied", statuses=(400,), message="location is not supported", scope="account"),
    ErrorRow(kind="quota_exhausted", codes=("BILLING_DISABLED", "BILLING_STATE_INVALID")),
    ErrorRow(
        kind="quota_exhausted",
        statuses=(400, 402, 403, 429),
        message=r"prepay\w* credits|spend(?:ing)? (?:cap|limit)|enable billing|requires billing|billing account .*(?:closed|disabled)",
    ),
    # No quota at all: this key may not use the model, however long it waits.
    ErrorRow(kind="permission_denied", statuses=(429,), message=r"\blimit: 0\b", scope="candidate"),
    ErrorRow(kind="overloaded", message=r"model is overloaded|high demand"),
    ErrorRow(
        kind="content_policy",
        statuses=(400, 403),
        message=r"safety polic|usage polic|prohibited use polic|content polic",
    ),
    ErrorRow(
        kind="unsupported_here",
        statuses=(400,),
        message=r"(?:is|are|isn't|aren't) (?:not |un)?(?:supported|enabled|available) (?:for|in|by|on|with)|is unsupported|"
        r"not supported|unsupported|does(?: not|n't) support|unknown name|cannot find field|only works in thinking mode|"
        r"budget \d+ is invalid|thought_signature",
    ),
    ErrorRow(kind="rate_limited", codes=("RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED")),
    ErrorRow(kind="not_found", codes=("NOT_FOUND",)),
    ErrorRow(kind="timeout", codes=("DEADLINE_EXCEEDED",)),
    ErrorRow(kind="overloaded", codes=("UNAVAILABLE",)),
    ErrorRow(kind="unavailable", codes=("INTERNAL", "UNKNOWN", "ABORTED", "CANCELLED", "DATA_LOSS")),
    ErrorRow(kind="credential_invalid", codes=("UNAUTHENTICATED",)),
    ErrorRow(kind="permission_denied", codes=("PERMISSION_DENIED",)),
    ErrorRow(kind="invalid_request", codes=("INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE")),
)
"""Rows that Google's APIs share. `codes` are a reason (`google.rpc.ErrorInfo`) or a status."""

_TYPE: Final = "type.googleapis.com/google.rpc."
_LONGEST: Final = 2000
_DELAY: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
_SPELT: Final = re.compile(r"retry in (?:(\d{1,4})h)?(?:(\d{1,4})m)?(\d{1,6}(?:\.\d{1,9})?)s", re.IGNORECASE)
_ROUNDED: Final = 1.0
"""Seconds: `retryDelay` is rounded down."""

_WINDOWS: Final = (("PerMinute", 60.0), ("PerDay", 86_400.0), ("PerHour", 3600.0), ("PerSecond", 1.0))
_DAY: Final = 86_400.0
_UNITS: Final[tuple[tuple[str, Unit], ...]] = (
    ("InputToken", "input-tokens"),
    ("OutputToken", "output-tokens"),
    ("Token", "tokens"),
    ("Request", "requests"),
)


@define(eq=False)
class Told:
    """What an error body says. `reason` is `ErrorInfo`'s, `delay` in seconds, `violations` are `QuotaFailure`'s."""

    message: str
    status: int | None = None
    code: str | None = None
    reason: str | None = None
    member: str | None = None
    delay: float | None = None
    violations: list[Json] = field(factory=list)


def read(error: Json | str) -> Told:
    """Read an error body. Streams that are one array tell it inside a list; what is no JSON is the message."""
    if isinstance(error, str):
        listed = _listed(error)
        if listed is None:
            return Told(_shown(error))
        error = listed
    inner = error.get("error")
    if not isinstance(inner, dict):
        message = inner if isinstance(inner, str) else error.get("message")
        return Told(_shown(text_of(message)))
    code = inner.get("code")
    told = Told(
        _shown(text_of(inner.get("message"))),
        code if type(code) is int and 400 <= code < 600 else None,
        text_of(inner.get("status"))[:100] or None,
    )
    for detail in items(inner.get("details")):
        _take(told, text_of(detail.get("@type")).removeprefix(_TYPE), detail)
    if (spelt := _SPELT.search(told.message)) is not None:
        hours, minutes, seconds = (float(part or 0) for part in spelt.groups())
        told.delay = max(told.delay or 0.0, hours * 3600 + minutes * 60 + seconds)
    return told


def _take(told: Told, kind: str, detail: Json) -> None:
    if kind == "ErrorInfo":
        told.reason = text_of(detail.get("reason"))[:100] or None
    elif kind == "RetryInfo":
        match = _DELAY.fullmatch(text_of(detail.get("retryDelay")))
        if match is not None:
            told.delay = float(match[1]) + _ROUNDED
    elif kind == "QuotaFailure":
        told.violations += items(detail.get("violations"))
    elif kind == "BadRequest":
        violations = items(detail.get("fieldViolations"))
        if violations:
            told.member = scrub(text_of(violations[0].get("field")))[:200] or None


def failure_of(
    rows: Iterable[ErrorRow], status: int | None, headers: Headers, error: Json | str, now: float
) -> Failure:
    """Say what an error means, by `rows` and then by those that are shared. `status` None: it came inside a good reply."""
    told = read(error)
    if status is None:
        status = told.status
    kind, scope = kind_of((*rows, *ROWS), status, told.reason, told.code, told.message)
    wait = None
    if kind in {"rate_limited", "overloaded", "unavailable"}:
        wait = told.delay or retry_after(status, headers, now)
    return Failure(
        kind=kind,
        message=told.message or f"the provider answered with status {status}",
        code=told.reason or told.code,
        status=status,
        retry_after=wait,
        scope=scope,
        hints=tuple(hints_of(told, now)) if kind == "rate_limited" else (),
        field=told.member,
    )


def hints_of(told: Told, now: float) -> Iterator[QuotaHint]:
    """Read which limits were met. Limits of a day begin anew at midnight in California."""
    soon = None if told.delay is None else now + told.delay
    for violation in told.violations:
        name = text_of(violation.get("quotaId"))
        unit = next((unit for part, unit in _UNITS if part in name), None)
        window = next((window for part, window in _WINDOWS if part in name), None)
        if unit is None or window is None:
            continue
        limit = text_of(violation.get("quotaValue"))
        reset = midnight(now) if window == _DAY else soon
        known = float(limit) if limit.isascii() and limit.isdigit() and len(limit) < 16 else None
        yield QuotaHint(unit=unit, window=window, limit=known, remaining=0.0, reset=reset)


def midnight(now: float) -> float:
    """Return when the day ends in California, in seconds since the epoch. Rules: 15 U.S. Code 260a."""
    zone = -7 if _summer(now) else -8
    day = datetime.fromtimestamp(now, UTC) + timedelta(hours=zone)
    ends = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    # On the two days when clocks change, the offset at its end counts.
    later = (ends - timedelta(hours=zone)).timestamp()
    return (ends - timedelta(hours=-7 if _summer(later) else -8)).timestamp()


def _summer(now: float) -> bool:
    """Whether clocks in California are an hour ahead: from the second Sunday of March to the first of November, at 2:00."""
    year = datetime.fromtimestamp(now, UTC).year
    begins = _sunday(datetime(year, 3, 8, 10, tzinfo=UTC))
    ends = _sunday(datetime(year, 11, 1, 9, tzinfo=UTC))
    return begins <= now < ends


def _sunday(first: datetime) -> float:
    return (first + timedelta(days=(6 - first.weekday()) % 7)).timestamp()


def _listed(text: str) -> Json | None:
    if not text.lstrip().startswith("["):
        return None
    try:
        value: Any = loads(text.encode())
    except (Malformed, UnicodeEncodeError):
        return None
    return next(iter(items(value)), None)


def _shown(message: str) -> str:
    # It may echo the key, and quote a page of HTML.
    return scrub(" ".join(message[: 4 * _LONGEST].split()))[:_LONGEST]
