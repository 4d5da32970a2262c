"""What a transport costs: CPU a request and a streamed reply of 52 events, beside the client of the bare loop.

    python tests/benchmarks/transport.py [--requests N] [--connections N] [bare httptools httpx]

The upstream runs in a process of its own. Rounds are interleaved, and each figure is the best of its rounds: on a busy
machine the least disturbed one. Compare figures of one run only.
"""

import argparse
import asyncio
import logging
import random
import resource
import time

import uvloop
from bare import Bare
from rig import PROGRAM, Programs, pin

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
    with Programs() as programs:
        port = programs.upstream()
        pin(0, PROGRAM)
        for kind in options.kinds:
            best = {}
            for _ in range(options.rounds):
                for name in options.names:
                    requests = options.requests // (1 if kind == "whole" else 10) // (10 if name == "httpx" else 1)
                    cost = uvloop.run(measure(name, port, kind, max(requests, 1), options.connections))
                    best[name] = min(cost, best.get(name, cost))
            print(kind, *(f"{name} {cost:.0f} us" for name, cost in best.items()), sep="   ")
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
