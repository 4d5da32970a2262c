"""One request and its answer: what the gateway reads of its head, and replies that are sent whole."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from itertools import count
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from taxiway.chat_errors import refusal
from taxiway.codec import Json, dumps

if TYPE_CHECKING:
    from taxiway.outcome import State

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Field: TypeAlias = tuple[bytes, bytes]

CONNECTION: Final = "taxiway.connection"
"""The key of the scope under which `protocol.Connection` puts itself: it can write a whole reply at once."""

SEND_LIMIT: Final = 60.0
"""Seconds that a client may take to make room for more of its reply."""

LINGER_SECONDS: Final = 5.0
LINGER_BYTES: Final = 64 * 1024 * 1024

JSON_TYPE: Final = (b"content-type", b"application/json")
CLOSE: Final = (b"connection", b"close")

# The fields that the gateway or the engine reads; everything else of a head is never looked at.
_READ: Final[Mapping[bytes, str]] = {
    name.encode(): name
    for name in (
        "authorization",
        "anthropic-beta",
        "anthropic-version",
        "x-anthropic-beta",
        "x-api-key",
        "x-goog-api-key",
        "content-encoding",
        "content-length",
        "x-request-id",
        "http-referer",
        "referer",
        "user-agent",
        "x-openrouter-experimental-metadata",
        "x-openrouter-metadata",
        "x-openrouter-title",
        "x-session-id",
        "x-stainless-read-timeout",
        "x-taxiway-timeout",
        "x-title",
    )
}
_VISIBLE: Final = re.compile(r"[!-~]{1,128}")
_numbers = count(1)
_process: Final = token_hex(6)


class Gone(Exception):
    """The client went away."""


class Refused(Exception):
    """The gateway itself refuses a request. `error_type` is OpenRouter's; `fields` are further header fields."""

    def __init__(self, status: int, message: str, error_type: str, *fields: Field) -> None:
        self.status, self.error_type, self.fields = status, error_type, fields
        self.body: Json = refusal(status, error_type, message)
        super().__init__(message)


class Exchange:
    """One request and its answer. `status` 0: nothing was answered yet.

    For the log: `generation`, the `model` that was asked for, how the call ended, and who served it or was tried last.
    """

    __slots__ = (
        "connection",
        "ending",
        "fields",
        "generation",
        "id",
        "model",
        "provider",
        "receive",
        "scope",
        "send",
        "status",
        "whole",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self.receive, self.send = scope, receive, send
        self.connection = scope.get(CONNECTION)
        self.status = 0
        self.generation = self.model = self.provider = ""
        self.ending: State = "failed"
        self.whole = False
        fields: dict[str, str] = {}
        for raw, value in scope["headers"]:
            name = _READ.get(raw)
            if name is not None:
                fields[name] = value.decode("latin-1")
        self.fields = fields
        given = fields.pop("x-request-id", None)
        if given is not None and _VISIBLE.fullmatch(given):
            self.id = given.encode()
        else:
            self.id = b"req-%s-%x" % (_process.encode(), next(_numbers))

    async def body(self, limit: int) -> bytes:
        """Read the body, `limit` bytes at most. Raises Refused (408, 413) and Gone."""
        stated = self.fields.pop("content-length", None)
        if stated is not None and int(stated) > limit:
            raise _too_large(limit)
        connection = self.connection
        if connection is not None and not connection.cycle.more_body:
            # As nearly always; `receive` would wait for an event that is set.
            data: bytes = connection.take()
            more = False
        else:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Gone
            data, more = message.get("body", b""), message.get("more_body", False)
        if not more:
            self.whole = True
            if len(data) > limit:
                raise _too_large(limit)
            return data
        return await self._long_body(data, limit)

    async def _long_body(self, data: bytes, limit: int) -> bytes:
        parts, size = [data], len(data)
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not self.whole:
            try:
                async with asyncio.timeout(BODY_PAUSE):
                    message = await self.receive()
            except TimeoutError:
                raise _too_slow() from None
            if message["type"] == "http.disconnect":
                raise Gone
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            self.whole = not message.get("more_body")
            if size > limit:
                raise _too_large(limit)
            took = loop.time() - began
            if took > BODY_GRACE and size < took * BODY_RATE:
                raise _too_slow()
        return b"".join(parts)

    async def answer(self, status: int, data: bytes, *fields: Field, kind: Field = JSON_TYPE) -> None:
        """Send a whole reply."""
        self.status = status
        if not self.whole and not self._arrived():
            await self._early(status, data, kind, (b"x-request-id", self.id), *fields)
        elif self.connection is not None and self.scope["method"] != "HEAD":
            self.connection.reply(status, (kind, (b"x-request-id", self.id), *fields), data)
        else:
            length = (b"content-length", b"%d" % len(data))
            head = [kind, length, (b"x-request-id", self.id), *fields]
            await self.send({"type": "http.response.start", "status": status, "headers": head})
            await self.send({"type": "http.response.body", "body": data})

    def _arrived(self) -> bool:
        """Whether the whole body is here, though nobody has read it."""
        return self.connection is not None and not self.connection.cycle.more_body

    async def json(self, status: int, value: Any, *fields: Field) -> None:
        """Send a whole JSON reply."""
        await self.answer(status, dumps(value), *fields)

    def abort(self) -> None:
        """Cut the connection: the client must not take what it has for a whole reply."""
        if self.connection is not None:
            self.connection.transport.abort()

    async def _early(self, status: int, data: bytes, *fields: Field) -> None:
        """Answer before the body was read, then read on for a while.

        Closing at once would reset the connection, and a client that is still sending (httpx, and so the OpenAI SDK) would
        never see the answer.
        """
        head = [*fields, (b"content-length", b"%d" % len(data)), CLOSE]
        await self.send({"type": "http.response.start", "status": status, "headers": head})
        await self.send({"type": "http.response.body", "body": data, "more_body": True})
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                left = LINGER_BYTES
                while left > 0:
                    message = await self.receive()
                    left -= len(message.get("body", b""))
                    if not message.get("more_body"):
                        break
        except TimeoutError:
            pass
        await self.send({"type": "http.response.body", "body": b""})

    async def begin(self, status: int, fields: list[Field]) -> None:
        """Send the head of a reply in parts. Raises Gone, as the rest of it does."""
        self.status = status
        if (connection := await self._room()) is not None:
            connection.begin(status, fields)
        else:
            await self._patiently(self.send({"type": "http.response.start", "status": status, "headers": fields}))

    async def part(self, data: bytes) -> None:
        """Send a part; the client has `SEND_LIMIT` to take what was sent before."""
        if (connection := await self._room()) is not None:
            connection.part(data)
        else:
            await self._patiently(self.send({"type": "http.response.body", "body": data, "more_body": True}))

    async def end(self, data: bytes) -> None:
        """Send the last part."""
        if (connection := await self._room()) is not None:
            connection.end(data)
        else:
            await self._patiently(self.send({"type": "http.response.body", "body": data, "more_body": False}))

    async def _room(self) -> Any:
        """Wait until the client takes more. Returns the connection, which needs no messages, where there is one."""
        connection = self.connection
        if connection is not None and connection.flow.write_paused:
            await self._patiently(connection.flow.drain())
        return connection

    async def _patiently(self, sending: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(SEND_LIMIT):
                await sending
        except TimeoutError:
            self.abort()
            raise Gone from None


BODY_PAUSE: Final = 15.0
"""Seconds between two reads of a body."""

BODY_GRACE: Final = 30.0
BODY_RATE: Final = 16 * 1024
"""Bytes a second that a body must have come with, once `BODY_GRACE` seconds have passed."""


def join(fields: Iterable[Field]) -> bytes:
    """Return header fields as they go over the wire."""
    return b"".join(b"%b: %b\r\n" % field for field in fields)


def _too_large(limit: int) -> Refused:
    return Refused(413, f"The body is larger than {limit} bytes ([gateway] body_limit).", "payload_too_large")


def _too_slow() -> Refused:
    return Refused(408, "The body came too slowly.", "timeout")
