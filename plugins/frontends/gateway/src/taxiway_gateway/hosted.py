"""ASGI apps within the gateway, asked for an answer to one of its exchanges: Starlette's routes, and its rules for CORS."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from taxiway.call import NOTHING
from taxiway_gateway.asgi import Message, Receive, Scope, Send
from taxiway_gateway.exchange import Exchange, Field

App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


async def ask(app: App, exchange: Exchange, more: Mapping[str, Any] = NOTHING) -> tuple[int, list[Field], bytes]:
    """Have an ASGI app answer a request, whose body it does not read: status, header fields and body. `more` goes into the scope."""
    scope = {
        "type": "http",
        "method": exchange.method,
        "path": exchange.path,
        "root_path": "",
        "query_string": exchange.query,
        "headers": list(exchange.head.items()),
        "scheme": exchange.scheme,
        **more,
    }
    sent: list[Message] = []

    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *rest = sent
    return start["status"], start["headers"], b"".join(message.get("body", b"") for message in rest)


async def pass_on(exchange: Exchange, status: int, fields: list[Field], body: bytes) -> None:
    """Send what such an app said."""
    said = dict(fields)
    kind = said.pop(b"content-type")
    said.pop(b"content-length")
    await exchange.answer(status, body, *said.items(), kind=kind)
