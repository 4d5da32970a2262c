"""HTTP/1.1 for uvicorn: heads with limits, one request at a time, and a client that leaves is noticed at once.

What uvicorn's own protocol lacks: limits on the size and the time of a head; a pipelined second request stops its reading, so that
the first one's client can't be seen leaving; a task that waits for nothing but the provider runs on. And a call needs none
of ASGI's messages.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.server import ServerState

from taxiway.chat_errors import refusal
from taxiway.codec import dumps
from taxiway_gateway.exchange import Field, Serve, join
from taxiway_gateway.wire import MOST_HELD, WireExchange

MAX_HEAD: Final = 64 * 1024
MAX_FIELDS: Final = 128
HEAD_SECONDS: Final = 10
"""From a head's first byte to its last."""

SILENT_SECONDS: Final = 60
"""Until the first byte of a new connection."""

KEEP_ALIVE: Final = 75
"""Seconds between two requests: more than clients' pools wait, so that they close first."""

_REFUSALS: Final = {
    400: ("This is not HTTP/1.1.", "invalid_request"),
    405: ("This is no proxy: it takes no CONNECT.", "invalid_request"),
    408: (f"The head of the request took more than {HEAD_SECONDS} seconds.", "timeout"),
    431: (
        f"The head of the request (or what else is no body) is larger than {MAX_HEAD} bytes or has more than {MAX_FIELDS} fields.",
        "invalid_request",
    ),
}


class State(ServerState):
    """What the connections of a server share. `serve` answers a request, and never raises; `tick` counts seconds.

    `paths` are those that need no taking apart, as they come: they are asked for again and again. `ending`: no connection is kept.
    """

    ending = False

    def __init__(self, serve: Serve, paths: Mapping[bytes, str]) -> None:
        super().__init__()
        self.serve, self.paths = serve, paths
        self.tick = 0

    def second(self) -> None:
        """A second has passed: close what was too slow. One sweep costs no request anything; a timer each costs 5 us."""
        self.tick += 1
        for connection in list(self.connections):
            if isinstance(connection, Connection):
                if self.ending:
                    # Again and again: one may just have been taken when the others were told.
                    connection.shutdown()
                connection.sweep(self.tick)


class Connection(asyncio.Protocol):
    """One connection. `waiting`: the tick since which a head is open; `idle`: the tick at which the last reply ended.

    `exchange` is the request under way, `parts` what is here of its body; `gone`: the client is not there any more. `news` is there
    while somebody waits for more of a body, `full` while the client takes nothing more.
    """

    transport: asyncio.Transport
    idle: int
    _task: asyncio.Task[None]

    def __init__(
        self, config: object, server_state: State, app_state: object, _loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        self.state, self._tasks = server_state, server_state.tasks
        self._loop = _loop or asyncio.get_running_loop()
        self.headers: list[Field] = []
        self.hashes: dict[bytes, str] = {}
        # The parser itself appends what comes of a target and of a body: two calls less for each request.
        self.target: list[bytes] = []
        self.parts: list[bytes] = []
        self.on_url, self.on_body = self.target.append, self.parts.append
        self.exchange: WireExchange | None = None
        self.full: asyncio.Event | None = None
        self.news: asyncio.Event | None = None
        self.waiting: int | None = None
        self.closing = self.gone = self._paused = False
        self._size = self._read = self._left = 0
        self._parse()

    def _parse(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        # Or what comes after a request that ends the connection would take its answer away.
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        self.transport = transport
        # As idle as is one that waits for its next request, but not for as long.
        self.idle = self.state.tick - KEEP_ALIVE + SILENT_SECONDS
        self.state.connections.add(self)  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the request that runs: nobody waits for its answer."""
        self.state.connections.discard(self)
        del self.parser
        self.resume_writing()
        self.gone = True
        if self.exchange is not None:
            self._task.cancel("the client is gone")
            self.exchange = None  # which holds this

    def shutdown(self) -> None:
        """Close, after the answer to the request that runs."""
        if self.exchange is None:
            self.transport.close()
        else:
            self.exchange.keep_alive = False

    def sweep(self, tick: int) -> None:
        """Close the connection if it has kept us waiting for too long, or if nobody is left to answer its request."""
        if self.exchange is not None:
            if self._task.done():
                # By a mistake of ours: its traceback is in the log, and the client must not wait for ever.
                self.transport.abort()
        elif self.waiting is not None and not self.closing:
            if tick - self.waiting > HEAD_SECONDS:
                self._refuse(408)
        elif tick - self.idle > KEEP_ALIVE:
            left = self.transport.get_write_buffer_size()
            if 0 < left != self._left:
                # Of the last reply: slowly, but it is taken. One that is not would keep a closed connection open for ever.
                self._left, self.idle = left, tick
            else:
                self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take bytes, and count them while a head is open."""
        if self.closing:
            return
        self._read = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            if not self.closing:
                self._refuse(400)
            elif self.news is not None:
                # The end of a body may have come with what is refused.
                self.news.set()
            return
        exchange = self.exchange
        if self.waiting is not None:
            self._size += len(data)
            if self._size > MAX_HEAD:
                self._refuse(431)
        elif exchange is None:
            # Bytes that begin no head (blank lines): the clock runs for them too.
            self.waiting, self._size = self.state.tick, 0
        elif exchange.more:
            exchange.held += len(data)
            if exchange.held > MOST_HELD:
                if self.parts:
                    self.pause_reading()
                else:
                    # Trailers, or a chunk's extensions: nobody reads them, so nothing but this ends them.
                    self._refuse(431)
        if self.news is not None:
            self.news.set()

    def on_message_begin(self) -> None:
        """A head begins."""
        if self.exchange is not None:
            # A second request while one runs: it is not served, and the first one's answer is the last.
            self.exchange.keep_alive = False
            self.closing = True
            raise _Refused
        self.waiting, self._size = self.state.tick, 0
        self.target.clear()
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """A head is whole: serve its request, or refuse it."""
        if len(self.headers) > MAX_FIELDS or (self._size + self._read > MAX_HEAD and self._length() > MAX_HEAD):
            self._refuse(431)
            raise _Refused
        if self.parser.should_upgrade():
            return
        self.waiting = None
        self.exchange = exchange = WireExchange(self)
        self._task = task = self._loop.create_task(self.state.serve(exchange))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def on_message_complete(self) -> None:
        """A body is whole."""
        exchange = self.exchange
        if exchange is not None:
            exchange.more = False
            if self._paused:
                # Or the client could not be seen leaving.
                self.resume_reading()

    def over(self, keep_alive: bool) -> None:
        """The reply is out."""
        self.exchange = None
        self.idle = self.state.tick
        # What nobody wanted to read.
        self.parts.clear()
        if self._paused:
            self.resume_reading()
        if not keep_alive:
            self.transport.close()

    def pause_reading(self) -> None:
        """Let the client wait."""
        if not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Take more from the client."""
        if self._paused:
            self._paused = False
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        """Be told that the client takes nothing more for now."""
        self.full = asyncio.Event()

    def resume_writing(self) -> None:
        """Be told that it does, or that it never will."""
        if self.full is not None:
            self.full.set()
            self.full = None

    def _decline(self, rest: bytes) -> None:
        """Serve a request that asks for another protocol as one that does not (RFC 9110, 7.8): Java's client offers h2c.

        The parser has taken its body, `rest`, for the other protocol's first bytes; so all of it is parsed once more. The
        connection ends with the answer, since what the client sends after it is anybody's guess.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":
            self._refuse(405)
            return
        kept = [field for field in self.headers if field[0] not in {b"upgrade", b"connection"}]
        fields = join([*kept, (b"connection", b"close")])
        self._parse()
        self.data_received(b"%b %b HTTP/%b\r\n%b\r\n%b" % (method, b"".join(self.target), version, fields, rest))

    def _length(self) -> int:
        return sum(map(len, self.target)) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _refuse(self, status: int) -> None:
        self.closing = True
        if self.exchange is None or (self.exchange.more and not self.exchange.status):
            message, error_type = _REFUSALS[status]
            body = dumps(refusal(status, error_type, message))
            head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
            self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()


class _Refused(Exception):
    """Stops the parser: what follows a refused head is not read."""
