"""What a failed exchange means, an error reply, and whatever else an attempt raises."""

from contextlib import suppress
from typing import Final

from taxiway.codec import Json, loads
from taxiway.errors import InvalidRequest, Malformed, TransportError, Unsupported
from taxiway.outcome import Failure
from taxiway.secret import scrub
from taxiway.transport import Exchange

MAX_ERROR_BODY: Final = 256 * 1024
"""Bytes of an error reply that are read; the rest is of no use to anybody."""


def lost(error: TransportError) -> Failure:
    """Say what a failed exchange means (reliability: which phase and reason is whose fault)."""
    what = "the provider could not be reached" if error.sent == "none" else "the connection failed"
    message = scrub(f"{what}: {error}")
    if error.reason == "timeout":
        return Failure(kind="timeout", message=f"no answer in time (phase {error.phase})")
    if error.reason == "local" or error.detail == "redirect":
        return Failure(kind="unavailable", scope="none", message=message)
    if error.phase == "dns" or error.reason in {"refused", "unreachable"}:
        return Failure(kind="unavailable", scope="origin", message=message)
    return Failure(kind="unavailable", message=message)


def raised(error: Exception, *, sent: bool) -> Failure | None:
    """Say what went wrong, by what was raised before a request was sent or after; None: it is a plugin's own mistake."""
    if isinstance(error, Malformed):
        if sent:
            return Failure(kind="unavailable", message=f"the provider's reply can't be read: {error}")
        return Failure(kind="invalid_request", message=f"the request {error}")
    if isinstance(error, Unsupported):
        return Failure(kind="unsupported_here", message=str(error), field=error.field)
    if isinstance(error, InvalidRequest):
        return Failure(kind="invalid_request", message=str(error), field=error.field or None)
    return None


async def error_body(exchange: Exchange) -> bytes:
    """Read an error reply, as far as it can be read."""
    data = b""
    with suppress(TransportError):
        while len(data) < MAX_ERROR_BODY and (more := await exchange.read()):
            data += more
    if len(data) >= MAX_ERROR_BODY:
        exchange.abort()
    return data


def error_of(data: bytes) -> Json | str:
    """Return what an error reply says, as `Provider.classify` takes it."""
    with suppress(Malformed):
        if isinstance(value := loads(data), dict):
            return value
    return data.decode("utf-8", "replace")
