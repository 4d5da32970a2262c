"""A provider as fast as Python allows, so that what is measured is the program in front of it.

    python tests/benchmarks/upstream.py PORT

POST (any path)   a reply of about 1 KB; with `"stream":true` in the body 52 events, each written by itself, as fast as they
                  go, or one every N milliseconds where the body says `pace:N` somewhere
GET /_count       how many requests were answered so far
"""

import asyncio
import json
import re
import sys

import httptools
import uvloop

MODEL = {"id": "chatcmpl-bench", "created": 1760000000, "model": "gpt-4o-mini-2024-07-18"}
PACE = re.compile(rb"pace:(\d+)")


def chunk(**fields: object) -> bytes:
    body = json.dumps({**MODEL, "object": "chat.completion.chunk", **fields}).encode()
    return frame(b"data: " + body + b"\n\n")


def delta(value: dict[str, str], finish: str | None = None) -> bytes:
    return chunk(choices=[{"index": 0, "delta": value, "logprobs": None, "finish_reason": finish}])


def frame(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def reply() -> bytes:
    text = "The quick brown fox jumps over the lazy dog. " * 12
    usage = {
        "prompt_tokens": 21,
        "completion_tokens": 120,
        "total_tokens": 141,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return json.dumps(
        {**MODEL, "object": "chat.completion", "choices": [choice], "usage": usage, "system_fingerprint": "fp_bench"}
    ).encode()


def whole(body: bytes, kind: bytes = b"application/json") -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\nx-request-id: req_bench\r\nx-ratelimit-limit-requests: 100000\r\n"
        b"x-ratelimit-remaining-requests: 99999\r\nx-ratelimit-reset-requests: 1ms\r\ncontent-length: %d\r\n\r\n%s"
    ) % (kind, len(body), body)


WHOLE = whole(reply())
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENTS = [
    delta({"role": "assistant", "content": ""}),
    *(delta({"content": f" word{number}"}) for number in range(48)),
    delta({}, "stop"),
    chunk(choices=[], usage={"prompt_tokens": 21, "completion_tokens": 48, "total_tokens": 69}),
    frame(b"data: [DONE]\n\n"),
]


class Upstream(asyncio.Protocol):
    """One client's connection."""

    answered = 0

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.streaming: asyncio.Task[None] | None = None

    def connection_lost(self, error) -> None:
        if self.streaming is not None:
            self.streaming.cancel()

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.url, self.body = b"", b""

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        if self.url == b"/_count":
            self.transport.write(whole(b"%d" % Upstream.answered, b"text/plain"))
            return
        Upstream.answered += 1
        if b'"stream":true' in self.body or b'"stream": true' in self.body:
            pace = PACE.search(self.body)
            seconds = int(pace[1]) / 1000 if pace else 0.0
            self.streaming = asyncio.get_running_loop().create_task(self.stream(seconds))
        else:
            self.transport.write(WHOLE)

    async def stream(self, seconds: float) -> None:
        self.transport.write(STREAM)
        for event in EVENTS:
            self.transport.write(event)
            await asyncio.sleep(seconds)
        self.transport.write(b"0\r\n\r\n")


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
