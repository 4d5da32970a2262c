"""One connection: bytes to parser to exchange, and every limit on what a peer may send.

What the parser refuses by itself, and what it lets through and is refused here, was tried with httptools 0.9 (llhttp).
"""

import asyncio
from typing import TYPE_CHECKING, Final, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from taxiway.errors import Reason
from taxiway.http import HttpHead, Sent

if TYPE_CHECKING:
    from taxiway_httptools.exchange import HttptoolsExchange
    from taxiway_httptools.pool import Pool

PIECE: Final = 64 * 1024
"""Bytes written at once: between two pieces of a long body the peer may say that it wants no more of it."""

MAX_HEAD: Final = 64 * 1024
"""Bytes of a head, and of anything else that is no body: chunk sizes, their extensions, trailers."""

MAX_FIELDS: Final = 128
MAX_INTERIM: Final = 8
HIGH_WATER: Final = 64 * 1024
"""Bytes of a body that wait for their reader before the peer is made to wait."""

_VERSIONS: Final = frozenset({"1.0", "1.1"})

# Field names as they came, to their lower-case text; peers use the same few again and again.
_names: Final[dict[bytes, str]] = {}
_MAX_NAMES: Final = 1024


class _RefusedError(Exception):
    """Raised through the parser, so that it stops; what is wrong stands in the connection."""


class Connection(asyncio.Protocol):
    """A connection to one origin, with at most one exchange at a time. Belongs to its pool while it has none."""

    __slots__ = (
        "_answering",
        "_delimited",
        "_drained",
        "_fields",
        "_headers",
        "_interim",
        "_interims",
        "_keep",
        "_parser",
        "_paused",
        "_pool",
        "_problem",
        "_room",
        "blocked",
        "exchange",
        "kept_for",
        "kept_since",
        "served",
        "transport",
        "wire",
    )

    transport: asyncio.Transport
    wire: asyncio.Transport

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._parser = HttpResponseParser(self)
        self.exchange: HttptoolsExchange | None = None
        self.served = self.blocked = self._paused = self._keep = self._delimited = False
        self._drained: asyncio.Future[None] | None = None
        self.kept_since, self.kept_for = 0.0, float("inf")

    def send(self, exchange: "HttptoolsExchange") -> None:
        """Begin an exchange: write its request. A long body is written in pieces, by a task."""
        self.exchange = exchange
        exchange.connection = self
        exchange.stage = "head"
        self._room = MAX_HEAD
        self._fields = self._interims = 0
        self._interim = self._keep = self._answering = False
        self._headers: dict[str, str] = {}
        self._problem: tuple[Reason, str] | None = None
        body = exchange.body
        if len(body) <= PIECE:
            data = exchange.start + body
            exchange.written = len(data)
            self.transport.write(data)
        else:
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
        size = len(data)
        exchange.bytes_in += size
        try:
            if size <= self._room:
                self._room -= size
                self._parser.feed_data(data)
            else:
                self._feed_pieces(memoryview(data))
        except (HttpParserError, HttpParserUpgrade, _RefusedError) as error:
            if self.exchange is not None:
                reason, detail = self._problem or ("protocol", str(error))
                exchange.fail(reason, detail)
                return
            # After the end: the reply stands.
            self._keep = False
        if self.exchange is None:
            self._end(exchange)
        waiter = exchange.waiter
        if waiter is not None:
            exchange.waiter = None
            if not waiter.done():
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

    # What the parser calls. `exchange` is None once the reply is complete.

    def on_message_begin(self) -> None:
        """A reply. A second one, in bytes beyond the first one's end: such a connection can't be trusted."""
        if self.exchange is None:
            self._keep = False
        # Nothing more of the request is written until this turns out to be an interim one: where the peer has closed behind
        # its answer, one write would lose the answer.
        self._answering = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one field; those after the body (trailers) are counted and ignored."""
        exchange = self.exchange
        if exchange is None:
            return
        self._fields += 1
        if self._fields > MAX_FIELDS:
            self._refuse("oversized", f"more than {MAX_FIELDS} header fields")
        if exchange.reply is not None:
            return
        key = _names.get(name) or _lower(name)
        headers = self._headers
        if key in headers:
            headers[key] += ", " + value.decode("latin-1")
        else:
            headers[key] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Check the head against what we asked for, and hand it over."""
        exchange = self.exchange
        if exchange is None:
            return
        status = self._parser.get_status_code()
        if status < 200:
            self._interims += 1
            if status == 101 or self._interims > MAX_INTERIM:
                self._refuse("protocol", f"status {status}, {self._interims} interim replies")
            self._interim = True
            return
        headers = self._headers
        if self._parser.get_http_version() not in _VERSIONS:
            self._refuse("protocol", "neither HTTP/1.0 nor HTTP/1.1")
        if 300 <= status < 400 and status != 304:
            self._refuse("protocol", "redirect")
        if headers.get("content-encoding", "identity").lower() != "identity":
            self._refuse("protocol", "a content-encoding that was not asked for")
        chunked = headers.get("transfer-encoding")
        if chunked is not None and chunked.lower() != "chunked":
            self._refuse("protocol", "a transfer-encoding other than chunked")
        if "keep-alive" in headers:
            self.kept_for = _kept_for(headers["keep-alive"])
        self._delimited = chunked is not None or "content-length" in headers
        exchange.answered()
        self._room = MAX_HEAD
        exchange.reply = HttpHead(status, headers)
        exchange.stage = "body"

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        exchange = self.exchange
        if exchange is None:
            return
        self._room = MAX_HEAD
        exchange.parts.append(body)
        exchange.buffered += len(body)
        if exchange.buffered >= HIGH_WATER and not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def on_message_complete(self) -> None:
        """The reply is whole, by its length or its last chunk."""
        if self._interim:
            self._interim = self._answering = False
            self._headers = {}
            self._go_on()
        elif self.exchange is not None:
            # Only in here the parser knows it.
            self._keep = self._parser.should_keep_alive()
            self.exchange.framed = True
            self.exchange = None

    # The rest.

    def resume(self) -> None:
        """The reader has taken what waited."""
        if self._paused:
            self._paused = False
            self.transport.resume_reading()

    def _feed_pieces(self, data: memoryview) -> None:
        while data:
            room = self._room
            if room <= 0:
                self._refuse("oversized", f"more than {MAX_HEAD} bytes that are no body")
            self._room = 0
            self._parser.feed_data(data[:room])
            data = data[room:]
            if self.exchange is None:
                self._keep = self._keep and not data
                return

    def _refuse(self, reason: Reason, detail: str) -> None:
        self._problem = reason, detail
        raise _RefusedError

    def _end(self, exchange: "HttptoolsExchange") -> None:
        exchange.ended("whole" if exchange.sender is None else "part")
        self.resume()
        if self._keep and exchange.sender is None and not self.blocked:
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
        if error is None and exchange.reply is not None and not self._delimited:
            # No length was given: the end of the connection is the end of the body, and nobody knows whether it is whole.
            exchange.ended(sent)
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
