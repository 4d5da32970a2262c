"""What a transport costs: CPU a request and a streamed reply of 52 events, beside the client of the bare loop.

    python tests/benchmarks/transport.py [--requests N] [--connections N] [bare httptools httpx]

The upstream runs in a process of its own. Rounds are interleaved, and each figure is the best of its rounds: on a busy
machine the least disturbed one. Compare figures of one run only.
"""

import argparse
import asyncio
import logging
import os
import random
import resource
import socket
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import httptools
import uvloop

from taxiway.clock import SystemClock
from taxiway.http import HttpRequest, Origin
from taxiway.registration import Context

BODY = (
    b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"'
    + b"Tell me about the brown fox. " * 20
    + b'"}],"stream":%s}'
)
KINDS = {"whole": BODY % b"false", "stream": BODY % b"true", "paced": (BODY % b"true").replace(b"brown", b"pace:20")}
CONTEXT = Context(clock=SystemClock(), random=random.Random(1), log=logging.getLogger("bench"))


class BareConnection(asyncio.Protocol):
    """The client of the bare loop: parts of a reply go to a deque, the reader waits on a future."""

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
    def __init__(self, port):
        self.port, self.pool = port, []

    async def request(self, body):
        if self.pool:
            connection = self.pool.pop()
        else:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(BareConnection, "127.0.0.1", self.port)
        await connection.send(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: u\r\nauthorization: Bearer k\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        )
        size = 0
        async for data in connection.body():
            size += len(data)
        self.pool.append(connection)
        return size

    async def aclose(self):
        for connection in self.pool:
            connection.transport.abort()


class Ours:
    """A transport plugin, driven as the executor does."""

    def __init__(self, registration, port):
        self.transport = registration.build(registration.options(), CONTEXT)
        self.origin = Origin("http", "127.0.0.1", port)
        self.aclose = self.transport.aclose

    async def request(self, body):
        headers = (("authorization", "Bearer k"), ("content-type", "application/json"))
        exchange = self.transport.open(
            HttpRequest("POST", self.origin, "/v1/chat/completions", headers, body), connect=5.0
        )
        await exchange.head()
        size = 0
        while data := await exchange.read():
            size += len(data)
        return size


def made(name, port):
    if name == "bare":
        return Bare(port)
    if name == "httpx":
        from taxiway import httpx_transport as module
    else:
        import taxiway_httptools as module
    return Ours(module.taxiway_transports()[0], port)


async def measure(name, port, kind, requests, connections):
    """Return CPU microseconds a request."""
    client = made(name, port)
    left = requests

    async def work():
        nonlocal left
        while left > 0:
            left -= 1
            await client.request(KINDS[kind])

    await asyncio.gather(*(client.request(KINDS["whole"]) for _ in range(connections)))
    before = time.process_time()
    await asyncio.gather(*(work() for _ in range(connections)))
    spent = time.process_time() - before
    await client.aclose()
    return spent / requests * 1e6


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=["bare", "httptools", "httpx"])
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    options = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    upstream = subprocess.Popen([sys.executable, Path(__file__).with_name("upstream.py"), str(port)])
    try:
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(upstream.pid, {cores[-1]})
        os.sched_setaffinity(0, {cores[0]})
        wait_for(port)
        for kind in options.kinds:
            best = {}
            for _ in range(options.rounds):
                for name in options.names:
                    requests = options.requests // (1 if kind == "whole" else 10) // (10 if name == "httpx" else 1)
                    cost = uvloop.run(measure(name, port, kind, max(requests, 1), options.connections))
                    best[name] = min(cost, best.get(name, cost))
            print(kind, *(f"{name} {cost:.0f} us" for name, cost in best.items()), sep="   ")
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    finally:
        upstream.terminate()
        upstream.wait()


def wait_for(port):
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the upstream did not start")


if __name__ == "__main__":
    main()
