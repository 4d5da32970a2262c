"""The gateway's app, also for other ASGI servers.

Inference goes by the short way, everything else by Starlette, which is imported when it is first asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from importlib.resources import files
from time import perf_counter
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from taxiway.chat_errors import refusal
from taxiway.codec import dumps
from taxiway_gateway import access
from taxiway_gateway.asgi import AsgiExchange
from taxiway_gateway.exchange import Gone, Refused
from taxiway_gateway.inference import Inference, Load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from taxiway.router import Router
    from taxiway_gateway.asgi import Receive, Scope, Send
    from taxiway_gateway.auth import Keys
    from taxiway_gateway.exchange import Exchange
    from taxiway_gateway.management import Management

BASES: Final = ("/api/v1", "/v1")
"""OpenRouter's base path, and OpenAI's as its alias."""

_LOG: Final = logging.getLogger("taxiway.gateway")
_WRONG: Final = dumps(refusal(500, "server", "Internal error; the gateway's log has more."))
_OK: Final = dumps({"status": "ok"})
_DRAINING: Final = dumps({"status": "draining"})
_UNWRITABLE: Final = dumps({"status": "the spool can't be written"})
_HOST: Final = re.compile(rb"[\w.:\[\]-]{1,255}")
"""What may stand on the page as the gateway's address, of what the browser says."""
_HTML: Final = b"text/html; charset=utf-8"
# The page needs nothing from anywhere, and nobody has a reason to frame it.
_PAGE_POLICY: Final = (
    b"content-security-policy",
    b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
)


class App:
    """The app. `draining`: no new work is wanted, and `/readyz` says so."""

    def __init__(
        self, router: Router, keys: Keys, *, body_limit: int, max_calls: int, lines: access.Lines | None = None
    ) -> None:
        self._router, self._keys = router, keys
        self._log = access.log if lines is None else lines.add
        self._body_limit = body_limit
        load = Load(max_calls)
        self._inference: dict[str, Inference] = {}
        self._patterns: list[tuple[re.Pattern[str], Inference]] = []
        for dialect in router.dialects.values():
            if dialect.client is not None:
                inference = Inference(dialect, router, keys, load, body_limit)
                for route in dialect.routes:
                    if "(" in route:
                        self._patterns.append((re.compile(route), inference))
                    else:
                        self._inference[route] = inference
        self._plain: dict[str, Callable[[Exchange], Awaitable[None]]] = {
            "/": self._page,
            "/healthz": self._healthz,
            "/readyz": self._readyz,
        }
        self._management: Management | None = None
        self.draining = False

    @property
    def paths(self) -> Mapping[bytes, str]:
        """The paths of calls, by what a client sends for them."""
        return {path.encode(): path for path in self._inference}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Be an ASGI app, for other servers than our own."""
        if scope["type"] != "http":
            await _not_http(scope, receive, send)
        else:
            await self.serve(AsgiExchange(scope, receive, send))

    async def serve(self, exchange: Exchange) -> None:
        """Serve one request. It never raises for what a client does."""
        started = perf_counter()
        try:
            try:
                inference = self._inference.get(exchange.path)
                if inference is None:
                    await self._other(exchange)
                else:
                    await inference.serve(exchange)
            except Refused as why:
                await exchange.refuse(why)
        except (asyncio.CancelledError, Gone):
            # The client is gone (or the server's patience, at its end).
            exchange.status, exchange.ending = 499, "cancelled"
            exchange.abort()
        except Exception:  # noqa: BLE001 - whatever it is, the client gets an answer and the log the traceback
            _LOG.exception("request %s failed", exchange.id.decode())
            if exchange.status:
                # Part of the reply is out: an unfinished one shows as an error, a finished one would lie.
                exchange.abort()
            else:
                with contextlib.suppress(Gone):
                    await exchange.answer(500, _WRONG)
            exchange.status = 500
        self._log(exchange, started)

    async def _other(self, exchange: Exchange) -> None:
        path = exchange.path
        plain = self._plain.get(path)
        if plain is not None:
            if exchange.method not in {"GET", "HEAD"}:
                raise Refused(405, "This route takes GET.", "invalid_request", (b"allow", b"GET"))
            await plain(exchange)
            return
        for pattern, inference in self._patterns:
            if (match := pattern.fullmatch(path)) is not None:
                query = dict(parse_qsl(exchange.query.decode("latin-1")))
                # Where some of Google's clients have their key: it is no part of a call.
                query.pop("key", None)
                said = {name: value for name, value in match.groupdict().items() if value is not None}
                await inference.serve(exchange, {**query, **said})
                return
        if self._management is None:
            # In a thread: importing takes 80 ms, in which streams must not stand still.
            self._management = await asyncio.to_thread(self._make_management)
        await self._management.serve(exchange)

    def _make_management(self) -> Management:
        from taxiway_gateway.management import Management

        return Management(self._router, self._keys, BASES, self._body_limit)

    async def _page(self, exchange: Exchange) -> None:
        page = files("taxiway_gateway").joinpath("page.html").read_bytes()
        host = exchange.head.get(b"host", b"")
        if _HOST.fullmatch(host):
            page = page.replace(b"http://127.0.0.1:8787", b"%s://%s" % (exchange.scheme.encode(), host))
        await exchange.answer(200, page, _PAGE_POLICY, kind=_HTML)

    async def _healthz(self, exchange: Exchange) -> None:
        await exchange.answer(200, _OK)

    async def _readyz(self, exchange: Exchange) -> None:
        if self.draining:
            await exchange.answer(503, _DRAINING)
        elif not self._router.writable():
            await exchange.answer(503, _UNWRITABLE)
        else:
            await exchange.answer(200, _OK)


async def _not_http(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})
        return
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
