"""A call through the whole router, to a Bedrock of our own on loopback that checks signatures as AWS does."""

import asyncio
import datetime as dt
import json
from contextlib import asynccontextmanager
from email.utils import formatdate

import pytest
from attrs import define, field
from frames import event, exception

from taxiway import Router
from taxiway.clock import SystemClock
from taxiway.http import HttpRequest, Origin
from taxiway.outcome import CallError
from taxiway_bedrock.sigv4 import Keys, sign

pytestmark = pytest.mark.real_time

KEYS = Keys("AKIALOOPBACK", "a-secret-of-loopback")
ACCESS = json.dumps({"accessKeyId": KEYS.id, "secretAccessKey": KEYS.secret})
USAGE = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}
EVENTS = (
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hel"}}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "lo"}}),
    ("contentBlockStop", {"contentBlockIndex": 0}),
    ("messageStop", {"stopReason": "end_turn"}),
    ("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}}),
)
REPLY = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}},
    "stopReason": "end_turn",
    "usage": USAGE,
    "metrics": {"latencyMs": 1},
}
ASKED = {"model": "acme/nova", "messages": [{"role": "user", "content": "Hi"}]}


@define(eq=False)
class Bedrock:
    """Answers Converse; a request whose signature is wrong, or out of time, is refused as AWS refuses it.

    `goes_on`: its last frame waits for that.
    """

    clock: SystemClock = field(factory=SystemClock)
    frames: list[bytes] = field(factory=lambda: [event(*one) for one in EVENTS])
    seen: list[tuple[str, dict, dict]] = field(factory=list)
    port: int = 0
    goes_on: asyncio.Event | None = None

    async def serve(self, reader, writer):
        try:
            while line := await reader.readline():
                method, target, _ = line.decode().split()
                headers = {}
                while (line := await reader.readline()).strip():
                    name, _, value = line.decode().partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.seen.append((target, headers, json.loads(body)))
                answer = self.answer(method, target, headers, body)
                if self.goes_on is not None:
                    end = len(answer) - len(self.frames[-1])
                    writer.write(answer[:end])
                    await self.goes_on.wait()
                    answer = answer[end:]
                writer.write(answer)
                await writer.drain()
        finally:
            writer.close()

    def answer(self, method, target, headers, body):
        now = self.clock.now()
        then = dt.datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC).timestamp()
        request = HttpRequest(
            method,
            Origin("http", "127.0.0.1", self.port),
            target,
            (("content-type", headers["content-type"]),),
            body,
        )
        ours = dict(sign(request, KEYS, "eu-west-1", "bedrock", then).headers)["authorization"]
        if abs(now - then) > 300:
            return self.refused(f"Signature expired: {headers['x-amz-date']} is now earlier than the current time", now)
        if headers["authorization"] != ours:
            return self.refused("The request signature we calculated does not match", now)
        if target.endswith("-stream"):
            return self.http(200, "application/vnd.amazon.eventstream", b"".join(self.frames), now)
        return self.http(200, "application/json", json.dumps(REPLY).encode(), now)

    def refused(self, message, now):
        body = json.dumps({"message": message}).encode()
        return self.http(
            403, "application/json", body, now, "x-amzn-errortype: InvalidSignatureException:http://x/\r\n"
        )

    def http(self, status, kind, body, now, more=""):
        head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ndate: {formatdate(now, usegmt=True)}\r\n{more}"
        return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


@asynccontextmanager
async def routed(bedrock, clock=None, key=ACCESS):
    server = await asyncio.start_server(bedrock.serve, "127.0.0.1", 0)
    bedrock.port = server.sockets[0].getsockname()[1]
    settings = {
        "region": "eu-west-1",
        "base_url": f"http://127.0.0.1:{bedrock.port}",
        "models": {"acme/nova": "eu.amazon.nova-lite-v1:0"},
    }
    config = {"credentials": [{"provider": "amazon-bedrock", "key": "env:KEY", "settings": settings}]}
    around = {} if clock is None else {"clock": clock}
    try:
        async with Router.from_dict(config, environment={"KEY": key}, **around) as router:
            yield router
    finally:
        server.close()
        await server.wait_closed()


async def test_a_call_is_signed_and_answered():
    bedrock = Bedrock()
    async with routed(bedrock) as router:
        reply = await router.chat(**ASKED)
    assert reply["choices"][0]["message"]["content"] == "Hello"
    assert (reply["provider"], reply["model"]) == ("Amazon Bedrock", "acme/nova")
    assert (reply["usage"]["prompt_tokens"], reply["usage"]["completion_tokens"]) == (3, 2)
    ((target, headers, body),) = bedrock.seen
    assert target == "/model/eu.amazon.nova-lite-v1%3A0/converse"
    assert body == {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
    assert KEYS.secret not in f"{headers} {reply}"


async def test_a_stream_comes_in_frames_and_ends_with_its_usage():
    async with routed(Bedrock()) as router:
        chunks = [chunk async for chunk in router.stream(**ASKED)]
    assert "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"]) == "Hello"
    assert [c["usage"]["total_tokens"] for c in chunks if c.get("usage")] == [5]


async def test_an_exception_before_the_first_token_is_a_failure_and_after_it_ends_the_stream():
    slow = exception("throttlingException", {"message": "Too many requests"})
    async with routed(Bedrock(frames=[event(*EVENTS[0]), slow])) as router:
        with pytest.raises(CallError) as raised:
            [chunk async for chunk in router.stream(**ASKED)]
    assert raised.value.failure.kind == "rate_limited"
    bedrock = Bedrock(frames=[*(event(*one) for one in EVENTS[:2]), slow], goes_on=asyncio.Event())
    chunks = []
    async with routed(bedrock) as router:
        async for chunk in router.stream(**ASKED):
            chunks.append(chunk)
            bedrock.goes_on.set()
    assert any(chunk["choices"][0]["delta"].get("content") == "Hel" for chunk in chunks)
    assert chunks[-1]["error"]["message"] == "Too many requests"


class Late(SystemClock):
    """An hour behind."""

    def now(self):
        return super().now() - 3600


async def test_a_clock_that_is_off_by_an_hour_still_signs():
    bedrock = Bedrock()
    async with routed(bedrock, Late()) as router:
        first = await router.chat(**ASKED)
        second = await router.chat(**ASKED)
    assert first["choices"][0]["message"]["content"] == second["choices"][0]["message"]["content"] == "Hello"
    # The refusal told the time once, and it is known from then on.
    assert len(bedrock.seen) == 3


async def test_a_wrong_key_is_told_from_a_wrong_clock():
    wrong = json.dumps({"accessKeyId": KEYS.id, "secretAccessKey": "another-secret"})
    bedrock = Bedrock()
    async with routed(bedrock, key=wrong) as router:
        with pytest.raises(CallError) as raised:
            await router.chat(**ASKED)
    assert raised.value.failure.kind == "credential_invalid"
    assert len(bedrock.seen) == 1
    assert "another-secret" not in str(raised.value)
