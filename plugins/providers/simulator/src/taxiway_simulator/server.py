"""Simulated providers over real HTTP/1.1: enough of it for clients that behave, and every fault for those that must cope."""

import asyncio
import logging
import socket
import struct
from collections import deque
from http import HTTPStatus
from typing import Final, Self

from taxiway.clock import Clock
from taxiway.http import HttpHead
from taxiway_simulator.script import Script, Seen
from taxiway_simulator.simulation import Simulation

_LOG: Final = logging.getLogger("taxiway.simulator")
_STATUSES: Final = frozenset(HTTPStatus)
_LONGEST_HEAD: Final = 65_536
_LARGEST_BODY: Final = 64 * 1024 * 1024


class SimulatorServer:
    """One simulation on one port of its own. `port` 0: any free one; after `start` it is the real one."""

    def __init__(self, simulation: Simulation, clock: Clock, host: str = "127.0.0.1", port: int = 0) -> None:
        self.simulation, self.clock, self.host, self.port = simulation, clock, host, port
        self.connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL."""
        return f"http://{self.host}:{self.port}/v1"

    async def start(self) -> None:
        """Listen. Raises OSError where the port is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def aclose(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
            for connection in list(self.connections):
                connection.drop()
            await self._server.wait_closed()
            self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class Connection(asyncio.Protocol):
    """One client's connection: one request after the other, pipelined ones in turn."""

    def __init__(self, server: SimulatorServer) -> None:
        self._server = server
        self._buffer = b""
        self._waiting: deque[tuple[str, str, dict[str, str], bytes]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._seen: Seen | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client went away, or we did: whatever was being played ends now."""
        self._server.connections.discard(self)
        if self._task is not None:
            self._task.cancel()
        if self._seen is not None and not self._seen.ending:
            self._note("aborted")

    def pause_writing(self) -> None:
        """The client reads slowly."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It reads again."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Take bytes of requests."""
        self._buffer += data
        try:
            while (request := self._request()) is not None:
                self._waiting.append(request)
        except ValueError:
            self._transport.write(_head(HttpHead(400, {}), length=0, close=True))
            self._transport.close()
            return
        if self._waiting and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._serve())

    def drop(self, *, reset: bool = False) -> None:
        """End the connection at once; `reset`: as a crash does."""
        sock = self._transport.get_extra_info("socket")
        if reset and sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _request(self) -> tuple[str, str, dict[str, str], bytes] | None:
        """Take one whole request out of the buffer. Raises ValueError where it is none that is understood here."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _LONGEST_HEAD:
                raise ValueError("the head is too long")
            return None
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if "transfer-encoding" in headers or not 0 <= length <= _LARGEST_BODY:
            raise ValueError("only bodies of a stated length are understood")
        begin = end + 4
        if len(self._buffer) < begin + length:
            return None
        body, self._buffer = self._buffer[begin : begin + length], self._buffer[begin + length :]
        return method, target, headers, body

    async def _serve(self) -> None:
        while self._waiting:
            method, target, headers, body = self._waiting.popleft()
            now = self._server.clock.now()
            try:
                script, self._seen = self._server.simulation.answer(method, target, headers, body, now)
            except Exception:  # noqa: BLE001 - whoever waits for an answer is better told by a closed connection than never
                _LOG.exception("%s %s can't be answered", method, target)
                self.drop()
                return
            await self._play(script, close=headers.get("connection", "").lower() == "close")
            if self._transport.is_closing():
                return
        self._task = None

    async def _play(self, script: Script, *, close: bool) -> None:
        """Play a script: what was due while something else was written is written together with the next."""
        loop = asyncio.get_running_loop()
        due = loop.time() + script.wait
        await _until(loop, due)
        chunked = script.stream
        if script.head is not None:
            body = b"" if chunked else b"".join(part.data for part in script.parts)
            # A reply that is cut promises more than it gives.
            length = None if chunked else len(body) + (script.ending in {"closed", "silence"})
            self._transport.write(_head(script.head, length=length, close=close) + body)
        for part in script.parts if chunked else ():
            due += part.delay
            await _until(loop, due)
            await self._writable.wait()
            self._transport.write(b"%x\r\n%b\r\n" % (len(part.data), part.data))
        if script.ending == "silence":
            await loop.create_future()
        self._note(script.ending)
        if script.ending == "whole":
            if chunked:
                self._transport.write(b"0\r\n\r\n")
            if close:
                self._transport.close()
        elif script.ending == "closed":
            self._transport.close()
        else:
            # Nobody can refuse what was accepted already: a reset is the nearest.
            self.drop(reset=True)

    def _note(self, ending: str) -> None:
        assert self._seen is not None
        self._seen.ending, self._seen.ended = ending, self._server.clock.now()


async def _until(loop: asyncio.AbstractEventLoop, due: float) -> None:
    if (left := due - loop.time()) > 0:
        await asyncio.sleep(left)


def _head(head: HttpHead, *, length: int | None, close: bool) -> bytes:
    """Write a head. `length` None: chunked."""
    framing = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    # 529 is nobody's but Anthropic's.
    phrase = HTTPStatus(head.status).phrase if head.status in _STATUSES else "Overloaded"
    lines = [f"HTTP/1.1 {head.status} {phrase}", framing, "server: taxiway-simulator"]
    lines += [f"{name}: {value}" for name, value in head.headers.items()]
    if close:
        lines.append("connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
