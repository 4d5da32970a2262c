"""The transport: a pool per origin."""

import asyncio
import re
from typing import Final

from taxiway.http import HttpRequest, Origin
from taxiway_httptools.dialling import Dialler
from taxiway_httptools.exchange import HttptoolsExchange
from taxiway_httptools.pool import Pool

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CLOSING_ROUNDS: Final = 100


class HttptoolsTransport:
    """HTTP/1.1 straight to an origin. Belongs to the loop that runs when it is first used."""

    schemes = frozenset({"http", "https"})

    def __init__(self, ca_file: str | None = None) -> None:
        """`ca_file`: a PEM file with the authorities to trust, instead of the system's."""
        self._ca_file = ca_file
        self._loop: asyncio.AbstractEventLoop | None = None
        self._dialler: Dialler | None = None
        # By scheme, host and port: an Origin hashes and compares itself in Python.
        self._pools: dict[tuple[str, str, int], Pool] = {}
        self._names: set[str] = set()

    def open(self, request: HttpRequest, connect: float) -> HttptoolsExchange:
        """Begin an exchange. On a kept connection the request is written before this returns."""
        origin = request.origin
        pool = self._pools.get((origin.scheme, origin.host, origin.port)) or self._pool(origin)
        try:
            start = self._start(request, pool.fields)
        except ValueError as error:
            exchange = HttptoolsExchange(pool, b"", request.body, connect)
            exchange.stage = "send"
            exchange.fail("local", str(error))
            return exchange
        exchange = HttptoolsExchange(pool, start, request.body, connect)
        pool.begin(exchange)
        return exchange

    async def start(self) -> None:
        """Read the trusted authorities, so that a wrong `ca_file` shows at start. Raises ConfigError."""
        _ = self._prepare().tls

    async def aclose(self) -> None:
        """Abort what is under way, close what is kept."""
        for pool in self._pools.values():
            pool.close()
        if self._dialler is not None:
            self._dialler.resolver.close()
        for _ in range(_CLOSING_ROUNDS):
            if not any(pool.live or pool.tasks for pool in self._pools.values()):
                break
            await asyncio.sleep(0)
        self._pools.clear()

    def _prepare(self) -> Dialler:
        if self._dialler is None:
            # Kept: asking for the running loop costs a system call on Python 3.11.
            self._loop = asyncio.get_running_loop()
            self._dialler = Dialler(self._loop, self._ca_file)
        return self._dialler

    def _pool(self, origin: Origin) -> Pool:
        dialler = self._prepare()
        assert self._loop is not None
        pool = self._pools[origin.scheme, origin.host, origin.port] = Pool(self._loop, origin, dialler)
        return pool

    def _start(self, request: HttpRequest, fields: str) -> bytes:
        """Write the request's head. Raises ValueError, without quoting what may be a key."""
        target, headers, body, names = request.target, request.headers, request.body, self._names
        text = f"{request.method} {target or '/'}{fields}"
        lines = len(headers) + 4
        if body or request.method not in {"GET", "DELETE"}:
            text = f"{text}content-length: {len(body)}\r\n"
            lines += 1
        for name, value in headers:
            if name not in names:
                self._check(name)
            text = f"{text}{name}: {value}\r\n"
        text += "\r\n"
        if text.count("\n") != lines or text.count("\r") != lines or "\0" in text or " " in target:
            raise ValueError("a line break, NUL or space where HTTP has no place for one: target or header value")
        try:
            return text.encode("latin-1")
        except UnicodeEncodeError:
            raise ValueError("a header value that is not latin-1") from None

    def _check(self, name: str) -> None:
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"no name of a header field: {name!r}")
        if len(self._names) < 1024:
            self._names.add(name)
