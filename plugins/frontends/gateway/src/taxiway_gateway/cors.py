"""CORS: browsers at some origins may call the gateway. Starlette's rules, asked what they would add to an answer."""

from collections.abc import Sequence
from typing import Final

from starlette.middleware.cors import CORSMiddleware

from taxiway_gateway.asgi import Receive, Scope, Send
from taxiway_gateway.exchange import Exchange, Serve, join
from taxiway_gateway.hosted import ask, pass_on

_LET_THROUGH: Final = 0
"""The status of the answer around which the rules write their fields."""


def with_cors(serve: Serve, origins: Sequence[str]) -> Serve:
    """Serve so that browsers at `origins` may call."""
    rules = CORSMiddleware(
        _let_through,
        allow_origins=list(origins),
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        expose_headers=["x-generation-id", "x-request-id", "retry-after"],
    )

    async def ruled(exchange: Exchange) -> None:
        status, fields, body = await ask(rules, exchange)
        if status == _LET_THROUGH:
            exchange.added = join(fields)
            await serve(exchange)
        else:
            await pass_on(exchange, status, fields, body)

    return ruled


async def _let_through(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": _LET_THROUGH, "headers": []})
