"""The connections to one origin: those that wait to be used again, and how a new one is made."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from taxiway.http import Origin
from taxiway_httptools.dialling import Dialler, what
from taxiway_httptools.exchange import HttptoolsExchange

if TYPE_CHECKING:
    from taxiway_httptools.connection import Connection

MAX_IDLE: Final = 256

# Seconds. nginx closes at 75, uvicorn at 5: we are to be the first to let go.
KEEP: Final = {"https": 55.0, "http": 4.0}
_SHORTEST_KEEP: Final = 0.5


class Pool:
    """Connections to one origin. As many as there are exchanges, and at most `MAX_IDLE` that wait for one."""

    def __init__(self, loop: asyncio.AbstractEventLoop, origin: Origin, dialler: Dialler) -> None:
        self.loop, self.origin = loop, origin
        self.fields = f" HTTP/1.1\r\nhost: {origin.authority}\r\naccept-encoding: identity\r\n"
        self.live: set[Connection] = set()
        self._dialler = dialler
        self._dialling: set[HttptoolsExchange] = set()
        self._idle: deque[Connection] = deque()
        self._keep = KEEP[origin.scheme]
        self._sweeper: asyncio.TimerHandle | None = None

    def begin(self, exchange: HttptoolsExchange) -> None:
        """Send at once where a connection is kept, else make one."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if self._fresh(connection):
                exchange.reused = True
                connection.send(exchange)
                return
            connection.drop()
        self._dial(exchange)

    def replace(self, exchange: HttptoolsExchange) -> None:
        """Send once more, on a connection of its own: the kept one was stale. The origin is trusted half as long then."""
        self._keep = max(self._keep / 2, _SHORTEST_KEEP)
        exchange.stage, exchange.sender = "dns", None
        self._dial(exchange)

    def keep(self, connection: "Connection") -> None:
        """Take back a connection whose reply is complete."""
        idle = self._idle
        if len(idle) >= MAX_IDLE:
            idle.popleft().drop()
        connection.kept_since = self.loop.time()
        idle.append(connection)
        if self._sweeper is None:
            self._sweeper = self.loop.call_later(self._keep, self._sweep)

    def forget(self, connection: "Connection") -> None:
        """A kept connection is gone."""
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Abort everything."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._idle.clear()
        for exchange in list(self._dialling):
            exchange.abort()
        for connection in list(self.live):
            if connection.exchange is not None:
                connection.exchange.abort()
            connection.drop()

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """What is still being connected."""
        return [exchange.dialling for exchange in self._dialling if exchange.dialling is not None]

    def _fresh(self, connection: "Connection") -> bool:
        age = self.loop.time() - connection.kept_since
        return age < self._keep and age < connection.kept_for

    def _sweep(self) -> None:
        """Close what has waited too long. One timer a pool, not one a connection."""
        self._sweeper = None
        idle = self._idle
        while idle and not self._fresh(idle[0]):
            idle.popleft().drop()
        if idle:
            age = self.loop.time() - idle[0].kept_since
            self._sweeper = self.loop.call_later(max(self._keep - age, _SHORTEST_KEEP), self._sweep)

    def _dial(self, exchange: HttptoolsExchange) -> None:
        self._dialling.add(exchange)
        task = exchange.dialling = self.loop.create_task(self._connect(exchange))
        # A callback, since a task that is cancelled before it began runs no `finally`.
        task.add_done_callback(lambda _: self._dialled(exchange))

    def _dialled(self, exchange: HttptoolsExchange) -> None:
        self._dialling.discard(exchange)
        # One that was cancelled holds the frames that it was in, and these the exchange.
        exchange.dialling = None

    async def _connect(self, exchange: HttptoolsExchange) -> None:
        timer = self.loop.call_later(exchange.connect, exchange.abort, "timeout")
        try:
            connection = await self._dialler.connect(self, exchange)
        except Exception as error:  # noqa: BLE001 - whatever it is, the exchange ends in one typed error
            exchange.dialling = None
            exchange.fail(*what(exchange.stage, error))
            return
        finally:
            timer.cancel()
        exchange.dialling = None
        connection.send(exchange)
