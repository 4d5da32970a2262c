"""From an origin to a connection: its name, its addresses, TLS."""

import asyncio
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from errno import EMFILE, ENFILE, ENOBUFS, ENOMEM
from functools import cached_property
from itertools import chain, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from taxiway.errors import ConfigError, Problem, Reason
from taxiway.http import Phase
from taxiway_httptools.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taxiway_httptools.exchange import HttptoolsExchange
    from taxiway_httptools.pool import Pool

Address: TypeAlias = tuple[int, Any]
"""Family and address, as the socket module has them."""

_THREADS: Final = 4
_REMEMBERED: Final = 30.0
_PATIENCE: Final = 1.0
"""Seconds that a name server has to answer anew before its last answer is taken."""
_HEAD_START: Final = 0.25
"""Seconds that an address has before the next one is tried as well (RFC 8305, 5)."""

_OURS: Final = frozenset({EMFILE, ENFILE, ENOBUFS, ENOMEM})
_KEEP_ALIVE: Final = tuple(
    (socket.IPPROTO_TCP, getattr(socket, name), value)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 60), ("TCP_KEEPCNT", 5))
    if hasattr(socket, name)
)


class Resolver:
    """Looks names up, in threads of its own: a silent name server must not take the program's.

    An answer holds for 30 s, and longer while asking again fails or takes longer than a second.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._door: ThreadPoolExecutor | None = None
        self._known: dict[tuple[str, int], tuple[float, list[Address]]] = {}
        self._running: dict[tuple[str, int], asyncio.Future[list[Address]]] = {}

    async def resolve(self, host: str, port: int) -> list[Address]:
        """Return the addresses, best first, families taking turns. Raises OSError."""
        for family in (socket.AF_INET, socket.AF_INET6):
            try:
                socket.inet_pton(family, host)
            except OSError:
                continue
            return [(family, (host, port))]
        name = host, port
        expires, addresses = self._known.get(name, (0.0, []))
        if self._loop.time() < expires:
            return addresses
        running = self._running.get(name)
        if running is None:
            if self._door is None:
                self._door = ThreadPoolExecutor(_THREADS, "taxiway-resolver")
            running = self._running[name] = self._loop.run_in_executor(self._door, _look_up, host, port)
            running.add_done_callback(lambda done: self._learn(name, done))
        if addresses:
            await asyncio.wait((running,), timeout=_PATIENCE)
            return self._known[name][1]
        # Shielded: others may wait for the same answer.
        return await asyncio.shield(running)

    def close(self) -> None:
        """Let the threads go."""
        if self._door is not None:
            self._door.shutdown(wait=False, cancel_futures=True)
            self._door = None

    def _learn(self, name: tuple[str, int], done: asyncio.Future[list[Address]]) -> None:
        self._running.pop(name, None)
        if not done.cancelled() and done.exception() is None:
            self._known[name] = self._loop.time() + _REMEMBERED, done.result()


class Dialler:
    """Makes connections. `ca_file`: the authorities to trust, instead of the system's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ca_file: str | None) -> None:
        self._loop, self._ca_file = loop, ca_file
        self.resolver = Resolver(loop)

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """The context of all connections: verification on, names checked. Raises ConfigError."""
        return tls_context(self._ca_file)

    async def connect(self, pool: "Pool", exchange: "HttptoolsExchange") -> Connection:
        """Make a connection for `exchange`, and say in it which phase this has come to. What it raises, `what` reads."""
        origin = pool.origin
        connection = Connection(pool)
        sock: socket.socket | None = None
        try:
            addresses = await self.resolver.resolve(origin.host, origin.port)
            exchange.stage = "connect"
            sock = await self._race(addresses)
            wire = await self._open(connection, sock)
            if origin.scheme == "https":
                exchange.stage = "tls"
                layer = await self._loop.start_tls(
                    wire, connection, self.tls, server_hostname=origin.host, ssl_handshake_timeout=exchange.connect + 1
                )
                assert layer is not None
                wire = layer
        except BaseException:
            _close(connection, sock)
            raise
        connection.use(wire)
        return connection

    async def _race(self, addresses: list[Address]) -> socket.socket:
        """Return the first socket that connects; the next address is tried after a head start, or as one fails."""
        running: set[asyncio.Task[socket.socket]] = set()
        failure: OSError | None = None
        winner: socket.socket | None = None
        ahead: Iterator[Address] = iter(addresses)
        following = next(ahead, None)
        try:
            while following is not None or running:
                if following is not None:
                    running.add(self._loop.create_task(self._connect(following)))
                    following = next(ahead, None)
                patience = None if following is None else _HEAD_START
                done, running = await asyncio.wait(running, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    error = task.exception()
                    if error is None and winner is None:
                        winner = task.result()
                    elif error is None:
                        task.result().close()
                    elif isinstance(error, OSError):
                        failure = failure or error
                    else:
                        raise error
                if winner is not None:
                    return winner
            # A new one: this frame, which its traceback holds, holds the tasks that hold the one that was met.
            raise OSError("no address") if failure is None else type(failure)(*failure.args)
        finally:
            for task in running:
                task.add_done_callback(_close_late)
                task.cancel()

    async def _open(self, connection: Connection, sock: socket.socket) -> asyncio.Transport:
        wire, _ = await self._loop.create_connection(lambda: connection, sock=sock)
        if wire.is_closing():
            # uvloop reads before it tells of a connection: the peer has gone, or said what nobody asked for. Neither TLS nor a
            # request would ever come to an end on it.
            raise ConnectionError
        return wire

    async def _connect(self, address: Address) -> socket.socket:
        family, where = address
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            # Through quiet minutes of thinking, so that no router on the way forgets the connection.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option in _KEEP_ALIVE:
                sock.setsockopt(*option)
            await self._loop.sock_connect(sock, where)
        except BaseException:
            sock.close()
            raise
        return sock


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Make a context that verifies: by `ca_file`, else SSL_CERT_FILE, else the system's authorities. Raises ConfigError."""
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else Path(ca_file).expanduser())
    except (OSError, RuntimeError) as error:
        raise ConfigError([Problem(f"can't read authorities from {ca_file}: {error}", "transport.ca_file")]) from None
    context.set_alpn_protocols(["http/1.1"])
    return context


def _look_up(host: str, port: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    by_family: dict[int, list[Address]] = {}
    for family, _, _, _, where in found:
        by_family.setdefault(family, []).append((family, where))
    return [address for address in chain(*zip_longest(*by_family.values())) if address is not None]


def _close(connection: Connection, sock: socket.socket | None) -> None:
    if hasattr(connection, "wire"):
        connection.drop()
    elif sock is not None:
        sock.close()


def _close_late(task: "asyncio.Task[socket.socket]") -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


def what(phase: Phase, error: Exception) -> tuple[Reason, str]:
    """Say why there is no connection. A certificate's error is an OSError and a ValueError too: it comes first."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "certificate", error.verify_message
    if isinstance(error, ssl.SSLZeroReturnError):
        return "closed", ""
    if isinstance(error, ssl.SSLError):
        return "protocol", error.reason or "TLS failed"
    if isinstance(error, (socket.gaierror, UnicodeError)):
        return "name", "no such host"
    if isinstance(error, ConnectionRefusedError):
        return "refused", ""
    if isinstance(error, TimeoutError):
        return "timeout", ""
    if not isinstance(error, OSError):
        # A file of authorities that can't be read, no thread for the resolver, a port that is none.
        return "local", str(error)
    if error.errno in _OURS:
        return "local", error.strerror or ""
    if phase == "tls" or isinstance(error, ConnectionError):
        # Where the peer simply closed, the error is made up, by asyncio or here, and has no number.
        return ("closed" if error.errno is None else "reset"), ""
    return "unreachable", error.strerror or type(error).__name__
