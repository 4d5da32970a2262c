"""An HTTP server on loopback that does what a test tells it to, for good or bad, and sees what its clients do."""

import asyncio
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Literal, TypeAlias

from taxiway.http import Origin

End: TypeAlias = Literal["fin", "reset", "stay"]
"""How a peer leaves after its last byte: politely, by a reset, or not at all."""

SOON = 0.1
"""Seconds within which a peer must see that it was left."""

# Bytes on loopback are readable as soon as they are written: a few rounds of the loop, and the client has them.
_ROUNDS = 4

# How a client that left shows, depending on what it left behind.
_GONE = (ConnectionError, ssl.SSLError)


class Peer:
    """The server's side of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: "Server") -> None:
        self.reader, self.writer, self._server = reader, writer, server
        self.pushed = 0

    async def head(self) -> bytes:
        """Read a request's head. b"" where the client is gone."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, *_GONE):
            return b""
        self._server.requests.append(head)
        return head

    async def request(self) -> bytes:
        """Read a request and give its body; b"" where there is none, or the client is gone."""
        head = await self.head()
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length" and int(value):
                try:
                    return await self.reader.readexactly(int(value))
                except (asyncio.IncompleteReadError, *_GONE):
                    return b""
        return b""

    async def write(self, data: bytes) -> None:
        """Write, and wait until it is on its way."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except (*_GONE, RuntimeError):
            # uvloop's word for a closed connection is RuntimeError.
            return
        self.pushed += len(data)

    async def drip(self, data: bytes) -> None:
        """Write byte by byte, so that the client reads each by itself."""
        for at in range(len(data)):
            if self.writer.is_closing():
                return
            await self.write(data[at : at + 1])
            await rounds()

    async def leave(self, end: End) -> None:
        """Go."""
        if end == "reset":
            linger = struct.pack("ii", 1, 0)
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.writer.transport.abort()
        elif end == "fin":
            self.writer.close()
        else:
            await self.gone()

    async def gone(self) -> None:
        """Wait until the client has closed, reading on."""
        try:
            while await self.reader.read(1 << 20):
                pass
        except _GONE:
            pass
        self._server.gone.set()


Behaviour: TypeAlias = Callable[[Peer], Awaitable[object]]


class Server:
    """What a test asks a server for: where it is, what came, how many connections are open."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.requests: list[bytes] = []
        self.accepted = self.open = 0
        self.gone = asyncio.Event()
        self.peers: list[Peer] = []


@asynccontextmanager
async def serving(
    behave: Behaviour, tls: ssl.SSLContext | None = None, *, host: str = "127.0.0.1", name: str = ""
) -> AsyncIterator[Server]:
    """Run a server that does `behave` with every connection. `name` is its host in the origin, if not the address."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(peer: Peer) -> None:
        server.accepted += 1
        server.open += 1
        server.peers.append(peer)
        try:
            await behave(peer)
            # A client may close first, or not at all: nothing of it may outlive the server.
            await peer.gone()
        finally:
            server.open -= 1
            peer.writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(Peer(reader, writer, server)))
        tasks.add(task)

    listener = await asyncio.start_server(accept, host, 0, ssl=tls, limit=1 << 20)
    port = listener.sockets[0].getsockname()[1]
    server = Server(Origin("https" if tls else "http", name or host, port))
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        failures = await asyncio.gather(*tasks, return_exceptions=True)
        await rounds()
        for failure in failures:
            if isinstance(failure, Exception):
                raise failure


async def rounds(count: int = _ROUNDS) -> None:
    """Let the loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)


async def spent(condition: Callable[[], object], most: float = SOON) -> float:
    """Wait for a condition; how many seconds of this thread's own time it took. More than `most` fails.

    Other programs' share of a busy machine is not counted; a timer is, since the loop goes round and round meanwhile.
    """
    began = time.thread_time()
    while not condition():
        assert time.thread_time() - began < most, "it takes too long"
        await asyncio.sleep(0)
    return time.thread_time() - began


@asynccontextmanager
async def silent(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """Hold a port that takes no connection: its queue is full, so the next one gets no answer at all."""
    loop = asyncio.get_running_loop()
    with socket.socket() as listener:
        listener.bind((host, port))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        tasks = []
        for each in waiting:
            each.setblocking(False)
            tasks.append(loop.create_task(loop.sock_connect(each, (host, port))))
        await rounds(20)
        try:
            yield port
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for each in waiting:
                each.close()


@contextmanager
def refusing() -> Iterator[int]:
    """Hold a port that refuses: nobody listens at it, and nobody else can."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
