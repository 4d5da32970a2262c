"""uvicorn's HTTP protocol with what it lacks: limits on heads, a client that leaves is noticed at once, one-piece replies.

What uvicorn 0.54 does by itself: no limit on the size or the time of a head; a pipelined second request stops reading, so that
the first one's client can't be seen leaving; a task that waits for nothing but the provider runs on.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from taxiway.chat_errors import refusal
from taxiway.codec import dumps
from taxiway_gateway.exchange import CLOSE, CONNECTION, Field, join

MAX_HEAD: Final = 64 * 1024
MAX_FIELDS: Final = 128
HEAD_SECONDS: Final = 10
"""From a head's first byte to its last."""

SILENT_SECONDS: Final = 60
"""Until the first byte of a new connection."""

KEEP_ALIVE: Final = 75
"""Seconds between two requests: more than clients' pools wait, so that they close first."""

# The targets that need no taking apart: those that are asked for again and again.
_ROUTES: Final = frozenset(
    base + path for base in (b"/api/v1", b"/v1") for path in (b"/chat/completions", b"/embeddings")
)

_REFUSALS: Final = {
    400: ("This is not HTTP/1.1.", "invalid_request"),
    405: ("This is no proxy: it takes no CONNECT.", "invalid_request"),
    408: (f"The head of the request took more than {HEAD_SECONDS} seconds.", "timeout"),
    431: (
        f"The head of the request is larger than {MAX_HEAD} bytes or has more than {MAX_FIELDS} fields.",
        "invalid_request",
    ),
}


class State(ServerState):
    """What the connections of a server share. `tick` counts seconds."""

    tick = 0

    def second(self) -> None:
        """A second has passed: close what was too slow. One sweep costs no request anything; a timer each costs 5 us."""
        self.tick += 1
        for connection in list(self.connections):
            if isinstance(connection, Connection):
                connection.sweep(self.tick)


class Connection(HttpToolsProtocol):
    """One connection. `waiting`: the tick since which a head is open; `idle`: the tick at which the last reply ended."""

    waiting: int | None = None
    idle: int | None = None
    silent = False
    closing = False
    head = 0
    read = 0
    task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self.waiting, self.silent = self._tick, True

    @property
    def _tick(self) -> int:
        return self.server_state.tick  # type: ignore[attr-defined,no-any-return]

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the request that runs: nobody waits for its answer."""
        super().connection_lost(exc)
        task = self.task
        if task is not None and not self.cycle.response_complete and not task.done():
            task.cancel("the client is gone")

    def sweep(self, tick: int) -> None:
        """Close the connection if it has kept us waiting for too long."""
        if self.closing:
            return
        if self.waiting is None:
            if self.idle is not None and tick - self.idle > KEEP_ALIVE:
                self.transport.close()
        elif self.silent:
            if tick - self.waiting > SILENT_SECONDS:
                self.transport.close()
        elif tick - self.waiting > HEAD_SECONDS:
            self._refuse(408)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and count them while a head is open."""
        if self.closing:
            return
        self.silent = False
        self.read = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            if not self.closing:
                self._refuse(400)
            return
        if self.waiting is not None:
            self.head += len(data)
            if self.head > MAX_HEAD:
                self._refuse(431)
        elif not self._busy:
            # Bytes that begin no head (blank lines): the clock runs for them too.
            self.waiting, self.head = self._tick, 0

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self.waiting, self.head = self._tick, 0
        self.scope[CONNECTION] = self  # type: ignore[typeddict-unknown-key]

    def on_headers_complete(self) -> None:
        """A head is whole: serve its request, or refuse it."""
        if len(self.headers) > MAX_FIELDS or (self.head + self.read > MAX_HEAD and self._size() > MAX_HEAD):
            self._refuse(431)
            raise _Refused
        if self.parser.should_upgrade():
            return
        if self._busy:
            # A second request while one runs: it is not served, and the first one's answer is the last.
            self.cycle.keep_alive = False
            self.closing = True
            raise _Refused
        self.waiting = self.idle = None
        self._begin()

    def _decline(self, rest: bytes) -> None:
        """Serve a request that asks for another protocol as one that does not (RFC 9110, 7.8): Java's client offers h2c.

        The parser has taken its body, `rest`, for the other protocol's first bytes; so all of it is parsed once more. The
        connection ends with the answer, since what the client sends after it is anybody's guess.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":
            self._refuse(405)
            return
        fields = join([*(field for field in self.headers if field[0] not in {b"upgrade", b"connection"}), CLOSE])
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"%b %b HTTP/%b\r\n%b\r\n%b" % (method, self.url, version, fields, rest))

    def _begin(self) -> None:
        """Serve the request of the head that is whole: what uvicorn does there, less what is never asked for."""
        scope, parser, url = self.scope, self.parser, self.url
        version = parser.get_http_version()
        scope["method"] = parser.get_method().decode("ascii")
        scope["http_version"] = version
        if url in _ROUTES:
            raw, query = url, b""
        else:
            parts = httptools.parse_url(url)
            raw, query = parts.path, parts.query or b""
        path = raw.decode("ascii")
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"], scope["query_string"] = raw, query
        self.cycle = cycle = RequestResponseCycle(
            scope,
            self.transport,
            self.flow,
            self.logger,
            self.access_logger,
            False,
            [],
            asyncio.Event(),
            self.expect_100_continue,
            version != "1.0" and parser.should_keep_alive(),
            self.on_response_complete,
        )
        self._start_asgi_task(cycle, self.app)

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.body += body
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            cycle.message_event.set()

    def on_message_complete(self) -> None:
        """A body is whole."""
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        # Otherwise a large body leaves reading paused, and the client can't be seen leaving.
        self.flow.resume_reading()

    def on_response_complete(self) -> None:
        """A reply is out. uvicorn would arm a timer here for each; the sweep costs nothing."""
        self.server_state.total_requests += 1
        self.idle = self._tick
        self.flow.resume_reading()

    @property
    def _busy(self) -> bool:
        """Whether a request is under way. Before the first one there is no cycle at all."""
        return not getattr(self.cycle, "response_complete", True)

    def _size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self.task = task = self.loop.create_task(cycle.run_asgi(app))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def take(self) -> bytes:
        """Return what is here of the body that is being received."""
        cycle = self.cycle
        data, cycle.body = bytes(cycle.body), bytearray()
        return data

    def reply(self, status: int, fields: Sequence[Field], body: bytes) -> None:
        """Send a whole reply in one piece: uvicorn's two `send`s cost 50 us."""
        cycle = self.cycle
        if cycle.disconnected:
            return
        cycle.response_started = cycle.response_complete = True
        end = b"content-length: %d\r\n\r\n" if cycle.keep_alive else b"connection: close\r\ncontent-length: %d\r\n\r\n"
        self.transport.write(b"".join((STATUS_LINE[status], join(fields), end % len(body), body)))
        self._ended()

    def begin(self, status: int, fields: Sequence[Field]) -> None:
        """Send the head of a reply that goes out in parts: in chunks, or to HTTP/1.0 as they are, up to the connection's end."""
        cycle = self.cycle
        if cycle.disconnected:
            return
        cycle.response_started = True
        cycle.chunked_encoding = cycle.scope["http_version"] != "1.0"
        end = b"" if cycle.keep_alive else b"connection: close\r\n"
        framing = b"transfer-encoding: chunked\r\n" if cycle.chunked_encoding else b""
        self.transport.write(b"%b%b%b%b\r\n" % (STATUS_LINE[status], join(fields), end, framing))

    def part(self, data: bytes) -> None:
        """Send a part of such a reply; the caller has seen that there is room for it."""
        if data and not self.cycle.disconnected:
            self.transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self.cycle.chunked_encoding else data)

    def end(self, data: bytes) -> None:
        """Send the last part."""
        cycle = self.cycle
        if cycle.disconnected:
            return
        cycle.response_complete = True
        if cycle.chunked_encoding:
            data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n"
        self.transport.write(data)
        self._ended()

    def _ended(self) -> None:
        self.cycle.message_event.set()
        if not self.cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _refuse(self, status: int) -> None:
        self.closing = True
        if not self._busy or (self.cycle.more_body and not self.cycle.response_started):
            message, error_type = _REFUSALS[status]
            body = dumps(refusal(status, error_type, message))
            head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
            self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()


class _Refused(Exception):
    """Stops the parser: what follows a refused head is not read."""
