"""The transport that always works: httpx, for any proxy and TLS set-up. The `httptools` plugin is many times faster.

httpx 0.28 (httpcore 1.0) loses slots of its pool when requests are cancelled (encode/httpcore#1093), so the pool has no limit
here and the slots are ours. What httpx can't tell: looking a name up from connecting, and a reply cut inside its head from one
that never began. h11, its parser, forgives line ends and folded fields that the other transport refuses.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from errno import EMFILE, ENFILE, ENOBUFS, ENOMEM
from functools import partial
from pathlib import Path
from socket import gaierror
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from taxiway.errors import ConfigError, Problem, Reason, TransportError
from taxiway.hookspecs import hookimpl
from taxiway.http import HttpHead, HttpRequest, Phase, Sent
from taxiway.registration import Registration
from taxiway.tasks import Tasks
from taxiway.transport import Transport

if TYPE_CHECKING:
    import httpcore
    import httpx

TAXIWAY_API = (1, 0)

_SLOTS: Final = 1000
# httpcore looks at every kept connection for every request: 64 of them made one cost 7 ms, 20 make it 2.
_KEPT: Final = 20
_KEEP: Final = 55.0
_PIECE: Final = 64 * 1024
_HIGH_WATER: Final = 64 * 1024
_MAX_HEAD: Final = 64 * 1024
_MAX_FIELDS: Final = 128
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BROKEN: Final = re.compile("[\r\n\0]")
_OURS: Final = frozenset({EMFILE, ENFILE, ENOBUFS, ENOMEM})

# httpcore's events, less the part that says which of its layers they come from.
_STEPS: Final[dict[str, tuple[Phase, Sent]]] = {
    "connect_tcp.started": ("connect", "none"),
    "start_tls.started": ("tls", "none"),
    "send_request_headers.started": ("send", "part"),
    "send_request_body.complete": ("head", "whole"),
}
_CLOSED: Final = ("Server disconnected", "peer closed connection", "peer unexpectedly closed")


@frozen
class Options:
    """`proxy`: the address of a proxy for all requests; without it HTTPS_PROXY, NO_PROXY and the like hold.

    `ca_file`: a PEM file with the authorities to trust, instead of those of SSL_CERT_FILE or certifi.
    """

    proxy: str | None = None
    ca_file: str | None = None


class HttpxTransport:
    """HTTP/1.1 by httpx."""

    schemes = frozenset({"http", "https"})

    def __init__(self, options: Options) -> None:
        """Make the clients. Raises ConfigError for a proxy or a file that can't be used."""
        import httpx

        self.httpx = httpx
        verify: ssl.SSLContext | bool = True
        if options.ca_file is not None:
            try:
                verify = ssl.create_default_context(cafile=Path(options.ca_file).expanduser())
            except (OSError, RuntimeError) as error:
                problem = f"can't read authorities from {options.ca_file}: {error}"
                raise ConfigError([Problem(problem, "transport.ca_file")]) from None
        try:
            # The second keeps nothing: what it sends always travels on a fresh connection.
            self.client, self.fresh = (
                httpx.AsyncClient(
                    verify=verify,
                    proxy=options.proxy,
                    timeout=None,  # noqa: S113 - the executor watches the clock
                    limits=httpx.Limits(max_connections=None, max_keepalive_connections=kept, keepalive_expiry=_KEEP),
                )
                for kept in (_KEPT, 0)
            )
        except (ValueError, ImportError) as error:
            # Without the address: it may hold a password.
            raise ConfigError([Problem(f"not a proxy for httpx: {type(error).__name__}", "transport.proxy")]) from None
        self.slots = asyncio.Semaphore(_SLOTS)
        self.under_way = Tasks()

    def open(self, request: HttpRequest, connect: float) -> "HttpxExchange":
        """Begin an exchange: a task of its own."""
        return HttpxExchange(self, request, connect)

    async def aclose(self) -> None:
        """Stop what is under way, close what is kept."""
        await self.under_way.aclose()
        await self.client.aclose()
        await self.fresh.aclose()


class HttpxExchange:
    """See `taxiway.transport.Exchange`."""

    def __init__(self, transport: HttpxTransport, request: HttpRequest, connect: float) -> None:
        self._transport, self._request = transport, request
        self.phase: Phase = "connect"
        self.sent: Sent = "none"
        self.moved = self._bytes_in = 0
        self.framed = self.reused = False
        self._tunnelling = self._between = self._idle = False
        self._stream: httpcore.AsyncNetworkStream | None = None
        self._reply: HttpHead | None = None
        self._data = bytearray()
        # What makes the error, a new one each time: a traceback is never kept, since it holds whoever asked.
        self._error: partial[TransportError] | None = None
        self._news, self._room = asyncio.Event(), asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._task = transport.under_way.begin(self, partial(self._run, connect))
        self._task.add_done_callback(self._done)

    async def head(self) -> HttpHead:
        """Wait for the reply's head."""
        while self._reply is None:
            await self._wait()
        return self._reply

    async def read(self) -> bytes:
        """Give all of the body that has come, or wait for some."""
        while not self._data:
            if self.phase == "end":
                return b""
            await self._wait()
        data = bytes(self._data)
        self._data.clear()
        self._room.set()
        return data

    def abort(self, reason: Reason = "cancelled") -> None:
        """Stop at once; after the end it does nothing."""
        if self._error is None and self.phase != "end":
            self._fail(reason)
            self._data.clear()
            self._reply = None
            if not self._between:
                self._task.cancel()

    async def _run(self, connect: float) -> None:
        transport = self._transport
        try:
            _check(self._request)
            async with transport.slots:
                try:
                    await self._exchange(transport.client, connect)
                except transport.httpx.TransportError:
                    # A kept connection that was closed while the request was on its way: nobody answers one that way.
                    if not self.reused or self._bytes_in:
                        raise
                    self.phase, self.sent = "connect", "none"
                    await self._exchange(transport.fresh, connect)
        except _RefusedError as refused:
            self._fail(refused.reason, refused.detail)
        except Exception as error:  # noqa: BLE001 - whatever comes out of three libraries, the exchange ends in one typed error
            self._fail(*_why(error, self))
        finally:
            if self.phase == "tls" and self._stream is not None:
                # httpcore forgets a connection whose handshake is cancelled, and the peer would never know.
                await self._stream.aclose()

    async def _exchange(self, client: "httpx.AsyncClient", connect: float) -> None:
        # Not before: whoever waits for a slot of ours learns nothing of the peer.
        self._timer = self._loop.call_later(connect, self.abort, "timeout")
        request = self._request
        response = await client.send(
            self._transport.httpx.Request(
                request.method,
                str(request.origin),
                headers=[*request.headers, *_own(request)],
                content=request.body if len(request.body) <= _PIECE else self._pieces(request.body),
                # The target as it is: httpx would quote it its own way.
                extensions={"trace": self._trace, "target": (request.target or "/").encode("ascii")},
            ),
            stream=True,
        )
        try:
            head = self._checked(response)
            self.phase, self._reply = "body", head
            self._news.set()
            # Not `aiter_raw`, which closes at the end: a stop while httpcore takes the connection back would lose it.
            async for part in response.stream:  # type: ignore[union-attr]
                await self._take(part)
            fields = head.headers
            self.framed = "content-length" in fields or "transfer-encoding" in fields or head.status in {204, 304}
            self.phase = "end"
            self._news.set()
        finally:
            await response.aclose()

    async def _take(self, part: bytes) -> None:
        self._bytes_in += len(part)
        self.moved += len(part)
        self._data += part
        self._news.set()
        if len(self._data) >= _HIGH_WATER:
            self._room.clear()
            await self._room.wait()

    def _checked(self, response: "httpx.Response") -> HttpHead:
        raw = response.headers.raw
        size = sum(len(name) + len(value) + 4 for name, value in raw)
        self._bytes_in += size
        self.moved += size
        if size > _MAX_HEAD or len(raw) > _MAX_FIELDS:
            raise _RefusedError("oversized", f"more than {_MAX_HEAD} bytes or {_MAX_FIELDS} fields of a head")
        headers: dict[str, str] = {}
        for field, text in raw:
            name, value = field.decode("latin-1").lower(), text.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        status = response.status_code
        coding = headers.get("transfer-encoding")
        for wrong, detail in (
            (response.http_version not in {"HTTP/1.0", "HTTP/1.1"}, "neither HTTP/1.0 nor HTTP/1.1"),
            (status == 101, "status 101"),
            (300 <= status < 400 and status != 304, "redirect"),
            (headers.get("content-encoding", "identity").lower() != "identity", "a content-encoding not asked for"),
            (coding is not None and coding.lower() != "chunked", "a transfer-encoding other than chunked"),
            (coding is not None and "content-length" in headers, "both a length and a transfer-encoding"),
        ):
            if wrong:
                raise _RefusedError("protocol", detail)
        return HttpHead(status, headers)

    async def _pieces(self, body: bytes) -> AsyncIterator[bytes]:
        for at in range(0, len(body), _PIECE):
            # So that an answer that is already there is seen before more is sent.
            await asyncio.sleep(0)
            piece = body[at : at + _PIECE]
            yield piece
            self.moved += len(piece)

    async def _trace(self, event: str, info: dict[str, Any]) -> None:
        step = event.partition(".")[2]
        # httpcore forgets a connection whose request is cancelled when it is there but not begun with: such a stop waits for the
        # next event, which comes with the loop's next round or two.
        between, self._between = self._between, step in {"connect_tcp.complete", "start_tls.complete"}
        if between and self._error is not None:
            raise asyncio.CancelledError
        if (request := info.get("request")) is not None:
            self._tunnelling = request.method == b"CONNECT"
        if step == "connect_tcp.complete":
            self._stream = info["return_value"]
        elif step == "receive_response_headers.started":
            self._idle = True
            self._loop.call_soon(setattr, self, "_idle", False)
        elif step == "receive_response_headers.complete" and self._idle:
            # Reading lets the loop go round. This head was there before: sent along with the last reply, it is not ours.
            raise self._transport.httpx.RemoteProtocolError("a reply to no request")
        if self._tunnelling or step not in _STEPS:
            return
        if step == "send_request_headers.started":
            self._cancel_timer()
            self.reused = self.reused or self._stream is None
        self.phase, self.sent = _STEPS[step]

    def _fail(self, reason: Reason, detail: str = "") -> None:
        if self._error is None:
            where = self.phase, reason, self.sent
            self._error = partial(TransportError, *where, reused=self.reused, bytes_in=self._bytes_in, detail=detail)
        self._news.set()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._cancel_timer()
        if task.cancelled():
            self._fail("cancelled")

    async def _wait(self) -> None:
        if self._error is not None:
            raise self._error()
        self._news.clear()
        await self._news.wait()


class _RefusedError(Exception):
    """The request or the reply is not what we send or take."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason, self.detail = reason, detail
        super().__init__(detail)


def _own(request: HttpRequest) -> Iterator[tuple[str, str]]:
    yield "accept-encoding", "identity"
    if request.body or request.method not in {"GET", "DELETE"}:
        yield "content-length", str(len(request.body))


def _check(request: HttpRequest) -> None:
    """Refuse what would break out of its place. Quotes no value: it may be a key."""
    if " " in request.target or _BROKEN.search(request.target) or not request.target.isascii():
        raise _RefusedError("local", "a target that is no ASCII, or has a space or line break in it")
    for name, value in request.headers:
        if not _NAME.fullmatch(name):
            raise _RefusedError("local", f"no name of a header field: {name!r}")
        if _BROKEN.search(value) or not value.isascii():
            raise _RefusedError("local", f"a value of {name} that is no ASCII, or has a line break or NUL in it")


def _links(error: BaseException | None) -> Iterator[BaseException]:
    """Give an error and those behind it: httpx, httpcore and anyio each wrap the one below."""
    while error is not None:
        yield error
        inner = getattr(error, "exceptions", None)
        error = inner[0] if inner else error.__cause__ or error.__context__


def _why(error: Exception, exchange: HttpxExchange) -> tuple[Reason, str]:
    """Say why an exchange failed. Never by httpx's own text: it quotes addresses, and bytes of the peer."""
    for link in _links(error):
        if isinstance(link, ssl.SSLCertVerificationError):
            return "certificate", link.verify_message
        # By TLS's own goodbye, or without; Python 3.11.2 takes an end without for one with.
        if isinstance(link, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            return "closed", ""
        if isinstance(link, ssl.SSLError):
            return "protocol", link.reason or "TLS failed"
        if isinstance(link, gaierror):
            exchange.phase = "dns"
            return "name", "no such host"
        if isinstance(link, ConnectionRefusedError):
            return "refused", ""
        if isinstance(link, OSError) and link.errno in _OURS:
            return "local", link.strerror or ""
        if isinstance(link, ConnectionError):
            return "reset", ""
    httpx, text = exchange._transport.httpx, str(error)  # noqa: SLF001 - one module, one subject
    if isinstance(error, httpx.RemoteProtocolError):
        if text.startswith(_CLOSED):
            return "closed", ""
        return ("oversized" if "too long" in text else "protocol"), "not HTTP"
    if isinstance(error, httpx.ProxyError):
        return "refused", "by the proxy"
    if isinstance(error, httpx.ConnectError):
        return ("closed" if exchange.phase == "tls" else "unreachable"), ""
    return "reset", type(error).__name__


@hookimpl
def taxiway_transports() -> list[Registration[Any, Transport]]:
    """Offer the transport `httpx`."""
    summary = "HTTP/1.1 by httpx: slower than httptools, and able to use any proxy"
    return [
        Registration(name="httpx", summary=summary, options=Options, build=lambda options, _: HttpxTransport(options))
    ]
