"""What a failed exchange says, and an error reply."""

from contextlib import suppress
from typing import Final

from taxiway.codec import Json, loads
from taxiway.errors import Malformed, TransportError
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
