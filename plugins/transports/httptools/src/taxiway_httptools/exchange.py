"""One request and its reply, as its owner sees it."""

import ssl
from functools import partial
from typing import TYPE_CHECKING, Final

from taxiway.errors import Reason, TransportError
from taxiway.http import HttpHead, Phase, Sent

if TYPE_CHECKING:
    import asyncio

    from taxiway_httptools.connection import Connection
    from taxiway_httptools.pool import Pool

ROOM: Final = 64 * 1024
"""Bytes that may come before the reader takes some: the peer is made to wait then. Where none of them is of a body (a head, chunk
sizes and their extensions, trailers) the reply is refused."""

_REASONS: Final[tuple[tuple[type[Exception], Reason], ...]] = (
    (ssl.SSLError, "protocol"),
    (ConnectionError, "reset"),
    (TimeoutError, "timeout"),
)


class HttptoolsExchange:
    """See `taxiway.transport.Exchange`. That a stale connection was replaced shows only in `reused`.

    A wait that is cancelled stops nothing but itself: who gives up calls `abort`.
    """

    # Class attributes, since most exchanges never change most of them.
    stage: Phase = "dns"
    connection: "Connection | None" = None
    dialling: "asyncio.Task[None] | None" = None
    sender: "asyncio.Task[None] | None" = None
    waiter: "asyncio.Future[None] | None" = None
    reply: HttpHead | None = None
    bytes_in = written = interims = 0
    limit = ROOM
    framed = reused = paused = False
    _sent: Sent = "none"
    # What makes the error, a new one each time: a traceback is never kept, since it holds whoever asked.
    _error: partial[TransportError] | None = None

    def __init__(self, pool: "Pool", start: bytes, body: bytes, connect: float) -> None:
        """`start`: the request's head, as bytes."""
        self.pool, self.start, self.body, self.connect = pool, start, body, connect
        self.parts: list[bytes] = []

    @property
    def phase(self) -> Phase:
        """Where it is. Looked up only when somebody asks: the request's writing has no event of its own."""
        if self.stage == "head" and self.sent != "whole":
            return "send"
        return self.stage

    @property
    def sent(self) -> Sent:
        """How much of the request the kernel has."""
        return self._sent if self.connection is None else self.connection.progress(self)[0]

    @property
    def moved(self) -> int:
        """Bytes, both ways."""
        return self.bytes_in + (self.written if self.connection is None else self.connection.progress(self)[1])

    async def head(self) -> HttpHead:
        """Wait for the reply's head."""
        while self.reply is None:
            if self._error is not None:
                raise self._error()
            self.waiter = self.pool.loop.create_future()
            await self.waiter
        return self.reply

    async def read(self) -> bytes:
        """Give all of the body that has come, or wait for some."""
        while not self.parts:
            if self.stage == "end":
                return b""
            if self._error is not None:
                raise self._error()
            self.waiter = self.pool.loop.create_future()
            await self.waiter
        data = b"".join(self.parts)
        self.parts.clear()
        self.limit = self.bytes_in + ROOM
        if self.paused:
            self.resume()
        return data

    def abort(self, reason: Reason = "cancelled") -> None:
        """Stop at once; after the end it does nothing."""
        if self._error is not None or self.stage == "end":
            return
        self.fail(reason)
        self.parts.clear()
        self.reply = None

    # What connection and pool call.

    def resume(self) -> None:
        """The peer need not wait any more."""
        if self.paused and self.connection is not None:
            self.paused = False
            self.connection.transport.resume_reading()

    def ended(self, sent: Sent) -> None:
        """The reply is complete."""
        self._sent = sent
        self.stage = "end"
        self.connection = None
        if self.sender is not None:
            self.sender.cancel()

    def wake(self) -> None:
        """Something came for whoever waits."""
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    def lost(self, error: Exception | None, sent: Sent, *, stale: bool) -> None:
        """The peer closed the connection, or it broke."""
        if stale:
            # It had been kept, and was closed while the request was on its way: nobody answers a request that way.
            self.connection = None
            self._stop()
            self.pool.replace(self)
            return
        self._sent, self.connection = sent, None
        self.fail(_reason(error), "" if error is None else type(error).__name__)

    def fail(self, reason: Reason, detail: str = "") -> None:
        """End it by an error; parts that came before are still given."""
        self.stage, self._sent = self.phase, self.sent
        self._error = partial(
            TransportError, self.stage, reason, self._sent, reused=self.reused, bytes_in=self.bytes_in, detail=detail
        )
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.drop()
        if self.dialling is not None:
            self.dialling.cancel()
        self._stop()

    def _stop(self) -> None:
        if self.sender is not None:
            self.sender.cancel()
        self.wake()


def _reason(error: Exception | None) -> Reason:
    if error is None:
        return "closed"
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), "reset")
