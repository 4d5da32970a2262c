"""The yardstick: the least that a gateway in Python can do. A body goes on, a reply comes back; nothing is read or kept.

    python tests/benchmarks/bare.py PORT UPSTREAM_PORT

uvicorn, and a client of asyncio and httptools. No authentication, no routing, no records, no care for anything that fails.
"""

import asyncio
import sys
from collections import deque

import httptools

PASSED_ON = {b"content-type", b"x-request-id"}


class BareConnection(asyncio.Protocol):
    """One kept-alive connection: parts of a reply go to a deque, the reader waits on a future."""

    def connection_made(self, transport):
        self.transport, self.parts, self.waiter = transport, deque(), None

    def data_received(self, data):
        self.parser.feed_data(data)
        if self.waiter and not self.waiter.done():
            self.waiter.set_result(None)

    def on_header(self, name, value):
        self.headers.append((name.lower(), value))

    def on_body(self, body):
        self.parts.append(body)

    def on_headers_complete(self):
        self.status = self.parser.get_status_code()

    def on_message_complete(self):
        self.done = True

    async def wait(self):
        self.waiter = asyncio.get_running_loop().create_future()
        await self.waiter
        self.waiter = None

    async def send(self, data):
        self.status, self.headers, self.done = 0, [], False
        self.parser = httptools.HttpResponseParser(self)
        self.parts.clear()
        self.transport.write(data)
        while not self.status:
            await self.wait()

    async def body(self):
        while True:
            if self.parts:
                data = b"".join(self.parts)
                self.parts.clear()
                yield data
            if self.done:
                return
            if not self.parts:
                await self.wait()


class Bare:
    """Connections to one upstream."""

    def __init__(self, port):
        self.port, self.pool = port, []

    async def open(self, body):
        if self.pool:
            connection = self.pool.pop()
        else:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(BareConnection, "127.0.0.1", self.port)
        await connection.send(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: u\r\nauthorization: Bearer k\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        )
        return connection

    async def request(self, body):
        connection = await self.open(body)
        size = 0
        async for data in connection.body():
            size += len(data)
        self.pool.append(connection)
        return size

    async def aclose(self):
        for connection in self.pool:
            connection.transport.abort()


def app(port):
    """The ASGI application in front of the upstream on that port."""
    upstream = Bare(port)

    async def serve(_scope, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        connection = await upstream.open(body)
        headers = [header for header in connection.headers if header[0] in PASSED_ON]
        await send({"type": "http.response.start", "status": connection.status, "headers": headers})
        async for data in connection.body():
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        upstream.pool.append(connection)

    return serve


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(
        app(int(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False,
        lifespan="off", loop="uvloop", http="httptools",
    )  # fmt: skip
