"""What an error reply of an OpenAI-shaped server means: its body read, then the first row that matches, then its status."""

import contextlib
import re
from collections.abc import Iterable
from typing import Any, Final

from attrs import define

from taxiway.codec import Json, loads
from taxiway.errors import Malformed
from taxiway.http import Headers
from taxiway.outcome import Failure, Kind, QuotaHint, Scope
from taxiway.secret import scrub
from taxiway_openai_compatible.declaration import ErrorRow
from taxiway_openai_compatible.limits import go_duration
from taxiway_openai_compatible.waits import retry_after

SHARED: Final = (
    ErrorRow(kind="quota_exhausted", codes=("insufficient_quota", "billing_not_active")),
    ErrorRow(kind="credential_invalid", codes=("invalid_api_key",)),
    ErrorRow(kind="context_length", codes=("context_length_exceeded",)),
    ErrorRow(
        kind="context_length",
        message=r"maximum context length|exceeds? the (?:model'?s? )?context (?:window|length|size)",
    ),
    ErrorRow(kind="content_policy", codes=("content_policy_violation", "content_filter")),
    ErrorRow(kind="not_found", codes=("model_not_found",)),
    ErrorRow(kind="overloaded", codes=("overloaded_error", "server_is_overloaded", "engine_overloaded", "slow_down")),
    ErrorRow(kind="rate_limited", codes=("rate_limit_exceeded", "rate_limit_error")),
    ErrorRow(kind="unsupported_here", codes=("unsupported_parameter", "unsupported_value", "unknown_parameter")),
    ErrorRow(
        kind="unsupported_here",
        statuses=(400, 422),
        message=r"unrecognized request argument|extra (?:inputs|fields) (?:are )?not permitted",
    ),
)
"""Rows that every such server shares; those that a shape declares come first."""

_BY_STATUS: Final[dict[int, Kind]] = {
    400: "invalid_request",
    401: "credential_invalid",
    402: "quota_exhausted",
    403: "permission_denied",
    404: "not_found",
    408: "timeout",
    413: "payload_too_large",
    422: "invalid_request",
    429: "rate_limited",
    499: "unavailable",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}
"""What a status means where no row of the provider says otherwise. Other 4xx are the request's, other 5xx the provider's."""

_STATUSES: Final = ("code", "status_code", "raw_status_code")
"""Where an error in a stream tells the status that it would have had: OpenRouter, Groq, Mistral."""

_LONGEST: Final = 2000
_INSIDE: Final = ("detail", "message", "error")
_AGAIN: Final = re.compile(r"try again in ((?:\d+(?:\.\d+)?(?:h|ms|m|s))+)", re.IGNORECASE)


@define(eq=False)
class Told:
    """What an error body says."""

    message: str
    code: str | None = None
    type: str | None = None
    param: str | None = None
    status: int | None = None


def read(error: Json | str) -> Told:
    """Read an error body in any form that such servers were seen to send.

    `{"error": {"message", "type", "param", "code"}}` (OpenAI), `{"error": "text"}`, the same members at the top (`error_type`:
    Cohere), `{"detail"}` (FastAPI: a text, or a list of what is wrong and where; Mistral has it inside `message`, DeepInfra an
    `error` in it), `{"code": 400, "reason"}` (Novita), plain text, and the event of a Response that failed, which has it in
    `response`. `metadata`: what OpenRouter knows of it, and in `raw` what its provider said.
    """
    if isinstance(error, dict) and "error" not in error and isinstance(error.get("response"), dict):
        error = error["response"]
    told = _read(error)
    metadata = _body(error).get("metadata") if isinstance(error, dict) else None
    return _passed_on(told, metadata) if isinstance(metadata, dict) else told


def _body(error: Json) -> Json:
    inner = error.get("error")
    return inner if isinstance(inner, dict) else error


def _read(error: Json | str) -> Told:
    if isinstance(error, str):
        return Told(_shown(error))
    if isinstance(inner := error.get("error"), str):
        return Told(_shown(inner), _text(error.get("code")), _text(error.get("type") or error.get("error_type")))
    body = _body(error)
    message, where = _said(body.get("message") or body.get("detail"))
    return Told(
        _shown(message),
        _text(body.get("reason")) or _text(body.get("code")),
        _text(body.get("type")) or _text(body.get("error_type")),
        _text(body.get("param")) or where,
        next((status for name in _STATUSES if (status := _status(body.get(name)))), None),
    )


def _passed_on(told: Told, metadata: Json) -> Told:
    """Add what a router knows of the error that it passes on."""
    told.type = _text(metadata.get("error_type")) or told.type
    raw = metadata.get("raw")
    if isinstance(raw, str):
        with contextlib.suppress(Malformed):
            raw = loads(raw.encode("utf-8", "replace"))
    if isinstance(raw, (dict, str)) and raw:
        inner = _read(raw)
        told.code, told.type = inner.code or told.code, told.type or inner.type
        told.message = _shown(f"{told.message}: {inner.message}" if inner.message else told.message)
    return told


def failure_of(
    rows: Iterable[ErrorRow],
    status: int | None,
    headers: Headers,
    error: Json | str,
    now: float,
    hints: tuple[QuotaHint, ...] = (),
) -> Failure:
    """Say what an error means. `status` None: it came inside a good reply, and may say its status itself."""
    told = read(error)
    if status is None:
        status = told.status
    kind, scope = kind_of(rows, status, told.code, told.type, told.message)
    wait = None
    if kind in {"rate_limited", "overloaded", "unavailable"}:
        wait = retry_after(status, headers, now) or _again(told.message)
    return Failure(
        kind=kind,
        message=told.message or f"the provider answered with status {status}",
        code=told.code or told.type,
        status=status,
        retry_after=wait,
        scope=scope,
        hints=hints,
        field=told.param,
    )


def kind_of(
    rows: Iterable[ErrorRow], status: int | None, code: str | None, type_: str | None, message: str
) -> tuple[Kind, Scope | None]:
    """Say what an error is, by the first row that matches, and then by its status alone."""
    for row in rows:
        if row.matches(status, code, type_, message):
            return row.kind, row.scope
    default: Kind = "invalid_request" if status is not None and 400 <= status < 500 else "unavailable"
    return _BY_STATUS.get(status or 0, default), None


def _said(message: Any) -> tuple[str, str | None]:
    """Return a message as text, and the field that it is about. A list of FastAPI's quotes the request: its `input` is not taken over."""
    if isinstance(message, dict):
        message = next((message[name] for name in _INSIDE if message.get(name)), message)
    listed = message if isinstance(message, list) else []
    found = [item for item in listed if isinstance(item, dict) and isinstance(item.get("msg"), str)]
    if not found:
        return ("" if message is None else str(message)), None
    places = [_place(item.get("loc")) for item in found]
    return "; ".join(f"{place}: {item['msg']}" for place, item in zip(places, found, strict=True)), places[0] or None


def _place(loc: Any) -> str:
    parts = [str(part) for part in loc] if isinstance(loc, list) else []
    return ".".join(parts[1:] if parts[:1] == ["body"] else parts)


def _again(message: str) -> float | None:
    match = _AGAIN.search(message)
    return (go_duration(match[1]) or None) if match else None


def _shown(message: str) -> str:
    # A provider's text may echo the key; it may also be a page of HTML.
    return scrub(" ".join(message[: 4 * _LONGEST].split()))[:_LONGEST]


def _status(value: Any) -> int | None:
    """A status that an error in a stream gives: as a number, or as its text."""
    return int(value) if re.fullmatch(r"[45][0-9]{2}", str(value)) else None


def _text(value: Any) -> str | None:
    return None if value is None or value == "" or isinstance(value, (dict, list)) else scrub(str(value))[:200]
