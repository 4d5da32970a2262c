"""The HTTP server: uvicorn in process, with limits of its own kind and an end that loses nothing."""

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import uvicorn

from taxiway.errors import TaxiwayError
from taxiway_gateway.app import App
from taxiway_gateway.protocol import Connection, State

if TYPE_CHECKING:
    from taxiway_gateway.exchange import Serve

_BACKLOG: Final = 2048
_GRACE: Final = 5
"""Seconds beyond the total timeout of calls, in which their last words are sent."""


class CantListen(TaxiwayError):
    """The address can't be listened on."""


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address; port 0 takes a free one. Raises CantListen, saying why."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CantListen(f"{host}:{port}: {error.strerror}") from None
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        # A port is taken for others only once somebody listens.
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        reason = f": {error.strerror}"
        if error.errno == errno.EADDRINUSE:
            reason = " is already in use; stop what listens there, or take another port with --port"
        raise CantListen(f"{host}:{port}{reason}") from None
    made.setblocking(False)
    return made


class Server(uvicorn.Server):
    """The server of one app. `total`: seconds that a call in flight may take, and so that an end may take."""

    def __init__(self, app: App, cors: tuple[str, ...], total: float) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                loop="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                backlog=_BACKLOG,
                timeout_graceful_shutdown=int(total) + _GRACE,
            )
        )
        self._app = app
        serve: Serve = app.serve
        if cors:
            # Imported where it is wanted: Starlette takes 80 ms.
            from taxiway_gateway.cors import with_cors

            serve = with_cors(serve, cors)
        self.server_state: State = State(serve, app.paths)

    async def listen(self, made: socket.socket, ready: Callable[[], None]) -> None:
        """Serve until a signal comes, then end what is in flight. `ready` is called when the first request may come."""
        self._ready = ready
        self._sweep()
        try:
            await self.serve(sockets=[made])
        finally:
            self._sweeping.cancel()
            # What was not waited for: it is stopped, accounted and logged while there is something to do so with.
            await _stopped(self.server_state.tasks)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self._ready()

    def _sweep(self) -> None:
        # Not by uvicorn's ticks, which end before the last connections do; and no mistake in one second ends those to come.
        self._sweeping = asyncio.get_running_loop().call_later(1.0, self._sweep)
        self.server_state.second()

    def stop(self) -> None:
        """Take no new connection, finish what is in flight, then return from `listen`. A second time: don't wait."""
        self.force_exit = self.should_exit
        self._app.draining = self.server_state.ending = self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End by `stop` on a signal. uvicorn's own way kills the process before the spool is closed."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        added = []
        for number in signals:
            # Only the main thread of a program has signals; elsewhere whoever runs the server calls `stop`.
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, self.stop)
                added.append(number)
        try:
            yield
        finally:
            for number in added:
                loop.remove_signal_handler(number)


async def _stopped(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_GRACE)
