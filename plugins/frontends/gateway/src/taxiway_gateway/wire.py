"""An exchange over a connection of ours: the body as the parser gives it, the answer straight into the socket."""

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from taxiway_gateway.exchange import JSON_TYPE, Exchange, Field, too_large

if TYPE_CHECKING:
    from taxiway_gateway.protocol import Connection

_CLOSE: Final = b"connection: close\r\n"
_LASTING: Final = frozenset({b"connection", b"proxy-connection"})

MOST_HELD: Final = 64 * 1024
"""Bytes of a body that wait to be read; with more, the client waits."""


class WireExchange(Exchange):
    """An exchange of a connection. `held`: bytes that came since the body was last read from."""

    held = 0
    _chunked = _continued = _old = False

    def __init__(self, connection: "Connection") -> None:
        parser, url = connection.parser, b"".join(connection.target)
        self.path = self.raw_path = connection.state.paths.get(url, "")
        if not self.path:
            target = httptools.parse_url(url)
            self.raw_path = raw_path = target.path.decode("ascii")
            self.path = unquote(raw_path) if "%" in raw_path else raw_path
            self.query = target.query or b""
        self.method = parser.get_method().decode("ascii")
        super().__init__(connection.headers, connection.hashes)
        self._connection = connection
        self.keep_alive = parser.should_keep_alive()
        # To ask for the version costs half a microsecond. HTTP/1.0 is kept alive only by a field.
        if not (self.keep_alive and self.head.keys().isdisjoint(_LASTING)) and parser.get_http_version() == "1.0":
            self._old, self.keep_alive = True, False

    async def body(self, limit: int) -> bytes:
        """Give the body where it is here, as nearly always."""
        if self.more:
            return await super().body(limit)
        data = self._take()
        if len(data) > limit:
            raise too_large(limit)
        return data

    async def read(self) -> bytes:
        """Wait for the parser."""
        while self.more and not self._connection.parts:
            told = self.status or self._continued or self._old
            if not told and self.head.get(b"expect", b"").lower() == b"100-continue":
                self._continued = True
                self._connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._connection.resume_reading()
            self._connection.news = asyncio.Event()
            await self._connection.news.wait()
        return self._take()

    async def answer(self, status: int, data: bytes, *fields: Field, kind: bytes = JSON_TYPE) -> None:
        """Send a whole reply, in one piece."""
        connection = self._connection
        if connection.full is not None:
            # Of the replies before this one. Who asks and asks, and reads nothing, is not to fill the memory.
            await self._room()
        self.status = status
        if early := self.more:
            self.keep_alive = False
        if not connection.gone:
            body = b"" if self.method == "HEAD" else data
            head = (STATUS_LINE[status], self._lines(kind, fields), b"" if self.keep_alive else _CLOSE, len(data))
            connection.transport.write(b"%b%b%bcontent-length: %d\r\n\r\n" % head + body)
        if early:
            await self._linger()
        connection.over(self.keep_alive)

    async def begin(self, status: int, kind: bytes, *fields: Field) -> None:
        """Send the head of a reply in chunks, or to HTTP/1.0 as it is, up to the connection's end."""
        await self._room()
        self.status, self._chunked = status, not self._old
        if not self._connection.gone:
            end = b"\r\n" if self._old else b"transfer-encoding: chunked\r\n\r\n"
            head = (STATUS_LINE[status], self._lines(kind, fields), b"" if self.keep_alive else _CLOSE, end)
            self._connection.transport.write(b"%b%b%b%b" % head)

    def put(self, data: bytes) -> bool:
        """Send a part if the client takes more."""
        connection = self._connection
        if connection.full is not None:
            return False
        self.quiet = False
        if data and not connection.gone:
            connection.transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
        return True

    async def part(self, data: bytes) -> None:
        """Send a part."""
        while not self.put(data):
            await self._room()

    async def end(self, data: bytes) -> None:
        """Send the last part."""
        await self._room()
        if self._chunked:
            data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n"
        if not self._connection.gone:
            self._connection.transport.write(data)
        self._connection.over(self.keep_alive)

    def abort(self) -> None:
        """Cut the connection."""
        self._connection.transport.abort()

    def _take(self) -> bytes:
        # Of a single part that is the part itself.
        parts = self._connection.parts
        data = b"".join(parts)
        parts.clear()
        self.held = 0
        return data

    async def _room(self) -> None:
        """Wait until the client takes more."""
        full = self._connection.full
        if full is not None:
            await self._patiently(full.wait())
