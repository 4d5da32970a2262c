"""What the transport kits share: a transport that is built and closed, and how exchanges are read."""

import asyncio
import functools
import logging
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest

from taxiway.clock import SystemClock
from taxiway.errors import Reason, TransportError
from taxiway.http import HttpRequest, Origin, Phase, Sent
from taxiway.registration import AnyRegistration, Closes, Context
from taxiway.testing.faults import OK, Difference
from taxiway.testing.peer import Behaviour, End, Peer, rounds
from taxiway.transport import Exchange, Transport

HELLO = OK + b"content-length: 5\r\n\r\nhello"
KEY = "sk-planted-key-1234567890"

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SSL_CERT_FILE")


def looped(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an asynchronous test on the kit's own loop, whatever runner is installed."""

    @functools.wraps(test)
    def run(self: "TransportKit", *args: Any, **kwargs: Any) -> None:
        with asyncio.Runner(loop_factory=self.new_loop) as runner:
            runner.run(test(self, *args, **kwargs))

    # pytest-asyncio looks through `__wrapped__`; pytest needs only the signature.
    return run


def request(origin: Origin, body: bytes = b"{}", *, target: str = "/v1/chat", method: str = "POST") -> HttpRequest:
    """Make a request with a key in it."""
    return HttpRequest(method, origin, target, (("authorization", f"Bearer {KEY}"),), body)


async def whole(exchange: Exchange) -> bytes:
    """Read a body to its end."""
    parts = []
    while part := await exchange.read():
        parts.append(part)
    return b"".join(parts)


async def failure(exchange: Exchange) -> tuple[bytes, TransportError]:
    """Read until it fails; what was delivered before, and the error."""
    parts = []
    try:
        await exchange.head()
        while part := await exchange.read():
            parts.append(part)
    except TransportError as error:
        with pytest.raises(TransportError):
            await exchange.read()
        return b"".join(parts), error
    raise AssertionError("no error")


def answering(reply: bytes, *, dripped: bool = False, end: End = "stay") -> Behaviour:
    """Answer every request alike."""

    async def behave(peer: Peer) -> None:
        while await peer.head():
            await peer.reader.readexactly(2)
            await (peer.drip(reply) if dripped else peer.write(reply))
            if end != "stay":
                await peer.leave(end)
                return

    return behave


class TransportKit:
    """A kit's settings; see `taxiway.testing.transport`."""

    registration: AnyRegistration
    options: ClassVar[Mapping[str, Any]] = {}
    differences: ClassVar[Mapping[str, Difference]] = {}

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """Make the loop that the tests run on; asyncio's unless overridden."""
        return asyncio.new_event_loop()

    @pytest.fixture(autouse=True)
    def _plain_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in _PROXIES:
            monkeypatch.delenv(name, raising=False)

    @asynccontextmanager
    async def transport(self, **options: Any) -> AsyncIterator[Transport]:
        """Build the transport, and close it at the end; closing twice is harmless."""
        given = self.registration.options(**{**self.options, **options})
        context = Context(clock=SystemClock(), random=random.Random(1), log=logging.getLogger("test"))  # noqa: S311 - a test
        transport: Transport = self.registration.build(given, context)
        try:
            yield transport
        finally:
            if isinstance(transport, Closes):
                await transport.aclose()
                await transport.aclose()
            await rounds()

    def expect(self, error: TransportError, phase: Phase, reason: Reason, sent: Sent, name: str = "") -> None:
        """Check an error's three words, and that it shows no key."""
        other = self.differences.get(name)
        if other is not None:
            assert other.reason is not None, f"{name}: declared to be accepted, but failed: {error}"
            phase, reason = other.phase, other.reason
        assert (error.phase, error.reason, error.sent) == (phase, reason, sent), str(error)
        assert KEY not in f"{error} {error.detail} {error.args}"
