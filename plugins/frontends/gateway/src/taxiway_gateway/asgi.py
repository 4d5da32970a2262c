"""An exchange that another server than our own brings, by the messages of ASGI."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import quote

from taxiway_gateway.exchange import JSON_TYPE, Exchange, Field, Gone

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class AsgiExchange(Exchange):
    """An exchange of messages. A client of whom the server says nothing else is gone when the task is cancelled."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope["headers"], {})
        self.method, self.path, self.query = scope["method"], scope["path"], scope.get("query_string", b"")
        raw = scope.get("raw_path")  # servers need not say it
        self.raw_path = quote(self.path) if raw is None else raw.decode("ascii", "replace")
        self.scheme = scope.get("scheme", "http")
        self._receive, self._send = receive, send

    async def read(self) -> bytes:
        """Wait for a message."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Gone
        self.more = message.get("more_body", False)
        body: bytes = message.get("body", b"")
        return body

    async def answer(self, status: int, data: bytes, *fields: Field, kind: bytes = JSON_TYPE) -> None:
        """Send a whole reply; the server leaves its body away where that was asked for."""
        length = (b"content-length", b"%d" % len(data))
        if not self.more:
            await self._start(status, kind, length, *fields)
            await self._body(data)
        else:
            await self._start(status, kind, length, (b"connection", b"close"), *fields)
            await self._body(data, more=True)
            await self._linger()
            await self._body(b"")

    async def begin(self, status: int, kind: bytes, *fields: Field) -> None:
        """Send the first message."""
        await self._patiently(self._start(status, kind, *fields))

    def put(self, data: bytes) -> bool:
        """Say that messages need waiting."""
        return False

    async def part(self, data: bytes) -> None:
        """Send a message."""
        await self._patiently(self._body(data, more=True))

    async def end(self, data: bytes) -> None:
        """Send the last message."""
        await self._patiently(self._body(data))

    def abort(self) -> None:
        """Leave it to the server, which sees that a reply has no end."""

    async def _start(self, status: int, kind: bytes, *fields: Field) -> None:
        self.status = status
        lines = self._lines(kind, fields).split(b"\r\n")[:-1]
        head = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
        await self._send({"type": "http.response.start", "status": status, "headers": head})

    async def _body(self, data: bytes, *, more: bool = False) -> None:
        self.quiet = False
        await self._send({"type": "http.response.body", "body": data, "more_body": more})
