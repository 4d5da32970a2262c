"""One connection: bytes to parser to exchange, and every limit on what a peer may send.

What the parser refuses by itself, and what it lets through and is refused here, was tried with httptools 0.9 (llhttp).
"""

import asyncio
from typing import TYPE_CHECKING, Final, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from taxiway.errors import Reason
from taxiway.http import HttpHead, Sent
from taxiway_httptools.exchange import ROOM

if TYPE_CHECKING:
    from taxiway_httptools.exchange import HttptoolsExchange
    from taxiway_httptools.pool import Pool

PIECE: Final = 64 * 1024
"""Bytes written at once: between two pieces of a long body the peer may say that it wants no more of it."""

MAX_FIELDS: Final = 128
MAX_INTERIM: Final = 8

_VERSIONS: Final = frozenset({"1.0", "1.1"})

# Fields that say how the reply comes, or how long its connection is kept.
_TELLING: Final = frozenset({"content-encoding", "transfer-encoding", "keep-alive"})
_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})

# Field names as they came, to their lower-case text; peers use the same few again and again.
_names: Final[dict[bytes, str]] = {}
_MAX_NAMES: Final = 1024


class _RefusedError(Exception):
    """Raised through the parser, so that it stops; what is wrong stands in the connection."""


class Connection(asyncio.Protocol):
    """A connection to one origin, with at most one exchange at a time. Belongs to its pool while it has none."""

    __slots__ = (
        "_answering",
        "_drained",
        "_fields",
        "_headers",
        "_keep",
        "_parser",
        "_parts",
        "_pool",
        "_problem",
        "blocked",
        "exchange",
        "kept_for",
        "kept_since",
        "on_body",
        "served",
        "transport",
        "wire",
    )

    transport: asyncio.Transport
    wire: asyncio.Transport

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        # The parser itself appends what comes of a body: one call less for each event of each stream.
        self._parts: list[bytes] = []
        self.on_body = self._parts.append
        self._parser = HttpResponseParser(self)
        self.exchange: HttptoolsExchange | None = None
        self.served = self.blocked = self._keep = False
        self._headers: dict[str, str] = {}
        self._problem: tuple[Reason, str] | None = None
        self._drained: asyncio.Future[None] | None = None
        self.kept_since, self.kept_for = 0.0, float("inf")

    def send(self, exchange: "HttptoolsExchange") -> None:
        """Begin an exchange: write its request. A long body is written in pieces, by a task."""
        self.exchange = exchange
        exchange.connection = self
        exchange.stage = "head"
        exchange.parts = self._parts
        body = exchange.body
        if len(body) <= PIECE:
            data = exchange.start + body
            exchange.written = len(data)
            self.transport.write(data)
        else:
            self._answering = False
            self.transport.write(exchange.start)
            exchange.written = len(exchange.start)
            exchange.sender = self._pool.loop.create_task(self._send_body(exchange, memoryview(body)))

    def progress(self, exchange: "HttptoolsExchange") -> tuple[Sent, int]:
        """Say how much of the request the kernel has: in words, and in bytes."""
        waiting = self.transport.get_write_buffer_size()
        if self.wire is not self.transport:
            waiting += self.wire.get_write_buffer_size()
        written = max(0, exchange.written - waiting)
        if exchange.sender is None and not waiting:
            return "whole", written
        return "part" if written else "none", written

    def drop(self) -> None:
        """Close at once: what is still buffered is not sent, the peer sees the end now. (`close()` would send it all.)."""
        self.exchange = None
        self.wire.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket's transport; under TLS the dialler puts another on top of it."""
        # uvloop's are none of asyncio's classes.
        self.transport = self.wire = cast("asyncio.Transport", transport)

    def use(self, transport: asyncio.Transport) -> None:
        """Write to `transport`. It says at once when it can't pass everything on: that is how `sent` is known."""
        # Only now: of one that is given up before, no loop says reliably that it is lost.
        self._pool.live.add(self)
        self.transport = transport
        # TLS layers count a buffer of 0 bytes as full where the limit is 0.
        transport.set_write_buffer_limits(high=0 if transport is self.wire else 1, low=0)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, within the limits, and wake the reader."""
        exchange = self.exchange
        if exchange is None:
            # Bytes that nobody asked for (a 408 from a server that is about to close).
            self._pool.forget(self)
            self.drop()
            return
        exchange.bytes_in += len(data)
        try:
            if exchange.bytes_in <= exchange.limit:
                self._parser.feed_data(data)
            else:
                self._feed_beyond(exchange, memoryview(data))
        except (HttpParserError, HttpParserUpgrade, _RefusedError) as error:
            if self.exchange is not None:
                reason, detail = self._problem or ("protocol", str(error))
                exchange.fail(reason, detail)
                return
            # After the end: the reply stands.
            self._keep = False
        if self.exchange is None:
            self._end(exchange)
        # As in `wake`, without a call: this is paid by every event of every stream.
        waiter = exchange.waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def eof_received(self) -> None:
        """The peer will send no more. Waiting for our own half to drain, as asyncio would, could take for ever."""
        self._lost(None)
        self.wire.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self._pool.live.discard(self)
        self._lost(error)

    def pause_writing(self) -> None:
        """Something of the request waits in our own buffer."""
        self.blocked = True

    def resume_writing(self) -> None:
        """The kernel has taken everything that was written."""
        self.blocked = False
        self._go_on()

    # What the parser calls: `on_body` besides, see above.

    def on_message_begin(self) -> None:
        """A reply. A second one, in bytes beyond the first one's end: such a connection can't be trusted."""
        if self.exchange is None:
            raise _RefusedError
        # Nothing more of the request is written until this turns out to be an interim one: where the peer has closed behind
        # its answer, one write would lose the answer.
        self._answering = True
        self._headers = {}
        self._fields = MAX_FIELDS

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one field."""
        key = _names.get(name) or _lower(name)
        headers = self._headers
        if key not in headers:
            headers[key] = value.decode("latin-1")
            return
        headers[key] += ", " + value.decode("latin-1")
        self._fields -= 1
        if not self._fields:
            self._refuse_fields()

    def on_headers_complete(self) -> None:
        """Check the head against what we asked for, and hand it over."""
        status = self._parser.get_status_code()
        headers = self._headers
        if len(headers) > self._fields:
            self._refuse_fields()
        exchange = self.exchange
        assert exchange is not None
        if status < 200:
            exchange.interims += 1
            if status == 101 or exchange.interims > MAX_INTERIM:
                self._refuse("protocol", f"status {status}, {exchange.interims} interim replies")
            return
        # A peer speaks one version on all of a connection.
        if not self.served and self._parser.get_http_version() not in _VERSIONS:
            self._refuse("protocol", "neither HTTP/1.0 nor HTTP/1.1")
        if 300 <= status < 400 and status != 304:
            self._refuse("protocol", "redirect")
        if not _TELLING.isdisjoint(headers):
            self._be_told(headers)
        # Nothing more is sent, nor needed for sending it again.
        exchange.body = b""
        if exchange.sender is not None:
            exchange.sender.cancel()
        exchange.reply = HttpHead(status, headers)
        exchange.stage = "body"

    def on_message_complete(self) -> None:
        """The reply is whole, by its length or its last chunk."""
        exchange = self.exchange
        assert exchange is not None
        if exchange.reply is None:
            # An interim one.
            self._answering = False
            self._go_on()
            return
        # Only in here the parser knows it.
        self._keep = self._parser.should_keep_alive()
        exchange.framed = True
        self.exchange = None

    # The rest.

    def _be_told(self, headers: dict[str, str]) -> None:
        if headers.get("content-encoding", "identity").lower() != "identity":
            self._refuse("protocol", "a content-encoding that was not asked for")
        if headers.get("transfer-encoding", "chunked").lower() != "chunked":
            self._refuse("protocol", "a transfer-encoding other than chunked")
        # Trailers fall into this one, and are dropped; only a chunked body has any.
        self._headers = {}
        if "keep-alive" in headers:
            self.kept_for = _kept_for(headers["keep-alive"])

    def _feed_beyond(self, exchange: "HttptoolsExchange", data: memoryview) -> None:
        # So much may come unread. A body that waits by then makes the peer wait; without one it is refused.
        within = max(0, len(data) - (exchange.bytes_in - exchange.limit))
        self._parser.feed_data(data[:within])
        if self.exchange is None:
            # Bytes that nobody asked for.
            self._keep = False
            return
        if not self._parts:
            self._refuse("oversized", f"more than {ROOM} bytes that are no body")
        if not exchange.paused:
            exchange.paused = True
            self.transport.pause_reading()
        self._parser.feed_data(data[within:])

    def _refuse_fields(self) -> None:
        self._refuse("oversized", f"more than {MAX_FIELDS} header fields")

    def _refuse(self, reason: Reason, detail: str) -> None:
        self._problem = reason, detail
        raise _RefusedError

    def _end(self, exchange: "HttptoolsExchange") -> None:
        if exchange.paused:
            exchange.resume()
        # The parser fills its own list for the next one.
        exchange.parts = self._parts.copy()
        self._parts.clear()
        whole = exchange.sender is None
        exchange.ended("whole" if whole else "part")
        if whole and self._keep and not self.blocked:
            self.served = True
            self._pool.keep(self)
        else:
            self.drop()

    def _lost(self, error: Exception | None) -> None:
        exchange = self.exchange
        if exchange is None:
            self._pool.forget(self)
            return
        self.exchange = None
        sent: Sent = "part" if self.blocked or exchange.sender is not None else "whole"
        if error is None and exchange.reply is not None and _FRAMING.isdisjoint(exchange.reply.headers):
            # No length was given: the end of the connection is the end of the body, and nobody knows whether it is whole.
            exchange.ended(sent)
            exchange.wake()
        else:
            exchange.lost(error, sent, stale=self.served and not exchange.bytes_in)

    def _go_on(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    async def _send_body(self, exchange: "HttptoolsExchange", body: memoryview) -> None:
        while body:
            # Twice: bytes that came while this slept are handled in the loop's next round, not before it.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            while self.blocked or self._answering:
                self._drained = self._pool.loop.create_future()
                await self._drained
            self.transport.write(body[:PIECE])
            exchange.written += len(body[:PIECE])
            body = body[PIECE:]
        exchange.sender = None


def _lower(name: bytes) -> str:
    key = name.decode("latin-1").lower()
    if len(_names) < _MAX_NAMES:
        _names[name] = key
    return key


def _kept_for(value: str) -> float:
    """Read `timeout=N` of a Keep-Alive field; a second less, so that we are the first to let go."""
    for part in value.split(","):
        name, _, number = part.partition("=")
        if name.strip().lower() == "timeout" and number.strip().isdecimal():
            return float(number) - 1
    return float("inf")
