"""Calls through the gateway: one reply, a stream, and what goes wrong on the way."""

import asyncio

import pytest
from waiting import until

from taxiway.outcome import CallError, Failure
from taxiway.testing.garbage import left_to_the_collector
from taxiway.testing.peer import spent
from taxiway_gateway import inference

PATH = "/api/v1/chat/completions"


async def test_a_chat_call_is_answered_with_its_generation(gateway) -> None:
    reply = await gateway.chat()
    assert reply.status == 200
    assert reply.json["choices"][0]["message"]["content"] == "Hello"
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-generation-id"] == "gen-0"
    assert reply.headers["x-request-id"].startswith("req-")
    assert gateway.engine.calls[0].caller.api_key == "first"


async def test_an_sdk_says_that_it_tries_again(gateway) -> None:
    await gateway.chat(x_stainless_retry_count="2")
    assert gateway.engine.calls[0].headers["x-stainless-retry-count"] == "2"


async def test_a_client_that_left_leaves_nothing_to_the_collector(gateway) -> None:
    async def hangs(call):
        await asyncio.sleep(3600)

    async def leaves(number):
        wire = await gateway.client.open()
        wire.post(PATH, gateway.body)
        await until(lambda: len(gateway.engine.calls) == number)
        wire.close()
        await until(lambda: gateway.engine.cancelled == number)
        await asyncio.sleep(0)

    gateway.engine.completing = hangs
    await leaves(1)
    with left_to_the_collector() as left:
        await leaves(2)
        await leaves(3)
    assert not {type(one).__name__ for one in left if type(one).__module__.startswith("taxiway_gateway.")}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/v1/chat/completions"])
async def test_both_base_paths_serve(gateway, path) -> None:
    assert (await gateway.client.post(path, gateway.body)).status == 200


async def test_a_request_id_is_echoed_unless_it_is_odd(gateway) -> None:
    assert (await gateway.chat(x_request_id="mine-1")).headers["x-request-id"] == "mine-1"
    assert (await gateway.chat(x_request_id="two words")).headers["x-request-id"] != "two words"


async def test_the_key_never_reaches_the_engine(gateway) -> None:
    await gateway.chat(x_api_key=gateway.key, http_referer="https://app.example", cookie="a=b")
    headers = gateway.engine.calls[0].headers
    assert headers["http-referer"] == "https://app.example"
    assert gateway.key not in str(headers)
    assert "cookie" not in headers


async def test_a_stream_is_events_and_then_done(gateway) -> None:
    wire = await gateway.client.open()
    wire.post(PATH, {**gateway.body, "stream": True})
    reply = await wire.reply()
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/event-stream"
    assert reply.headers["x-generation-id"] == "gen-0"
    events = reply.body.split(b"\n\n")
    assert [b'"Hel"' in events[0], b'"lo"' in events[1]] == [True, True]
    assert events[2:] == [b"data: [DONE]", b""]
    wire.post(PATH, gateway.body)
    assert (await wire.reply()).status == 200, "the connection is kept"


async def test_a_batch_is_sent_when_it_comes(gateway) -> None:
    go_on = asyncio.Event()

    async def stream(call):
        yield [gateway.chunk("first")]
        await go_on.wait()
        yield [gateway.chunk("second")]

    gateway.engine.streaming = stream
    wire = await gateway.client.open()
    wire.post(PATH, {**gateway.body, "stream": True})
    assert b"first" in await wire.until(b"first")
    go_on.set()
    assert b"second" in await wire.until(b"[DONE]")


async def test_the_end_does_not_wait_for_the_provider_to_end_its_reply(gateway, monkeypatch) -> None:
    ended = asyncio.Event()

    class Stream:
        whole, provider = False, "Test"

        async def __aiter__(self):
            yield [gateway.chunk("first")]
            self.whole = True
            yield [gateway.chunk("last")]
            await ended.wait()

        async def aclose(self) -> None:
            """Nothing to close."""

    monkeypatch.setattr(type(gateway.engine), "stream", lambda self, call: Stream())
    wire = await gateway.client.open()
    wire.post(PATH, {**gateway.body, "stream": True})
    assert b"last" in await wire.until(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    wire.post(PATH, gateway.body)
    assert (await wire.reply()).status == 200
    ended.set()


async def test_a_failure_before_the_first_event_is_a_plain_error(gateway) -> None:
    async def stream(call):
        raise CallError(Failure(kind="rate_limited", message="slow down"), retry_after=1.5)
        yield []

    gateway.engine.streaming = stream
    reply = await gateway.client.post(PATH, {**gateway.body, "stream": True})
    assert reply.status == 429
    assert reply.json["error"]["code"] == 429
    assert reply.json["error"]["metadata"]["error_type"] == "rate_limit_exceeded"
    assert reply.headers["retry-after"] == "2"
    assert reply.headers["retry-after-ms"] == "1500"
    assert "x-should-retry" not in reply.headers
    assert reply.headers["x-generation-id"] == "gen-0"
    assert gateway.engine.closed == 1


@pytest.mark.parametrize(("should_retry", "retry_after", "says"), [
    (False, None, "false"), (None, 3600.0, "false"), (True, 1.0, "true"), (None, 1.0, None),
])  # fmt: skip
async def test_clients_are_told_whether_another_try_can_help(gateway, should_retry, retry_after, says) -> None:
    async def complete(call):
        failure = Failure(kind="unavailable", message="gone")
        raise CallError(failure, should_retry=should_retry, retry_after=retry_after)

    gateway.engine.completing = complete
    reply = await gateway.chat()
    assert reply.status == 502
    assert reply.headers.get("x-should-retry") == says


async def test_a_silent_stream_gets_pings_and_later_failures_go_inside(gateway, monkeypatch) -> None:
    monkeypatch.setattr(inference, "QUIET", 0.01)
    fail = asyncio.Event()

    async def stream(call):
        await fail.wait()
        raise CallError(Failure(kind="timeout", message="too slow"))
        yield []

    gateway.engine.streaming = stream
    wire = await gateway.client.open()
    wire.post(PATH, {**gateway.body, "stream": True})
    assert (await wire.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
    for _ in range(3):
        await wire.until(b": TAXIWAY PROCESSING\n\n")
    fail.set()
    rest = await wire.until(b"0\r\n\r\n")
    assert b'"code":504' in rest
    assert b'"finish_reason":"error"' in rest
    assert b"[DONE]" not in rest


async def test_a_stream_that_talks_gets_no_ping(gateway, monkeypatch) -> None:
    monkeypatch.setattr(inference, "QUIET", 0.03)
    loop, now = asyncio.get_running_loop(), asyncio.get_running_loop().time()
    # The time that the loop goes by is what the stream says it takes: a busy machine makes no stream silent.
    monkeypatch.setattr(loop, "time", lambda: now)

    async def stream(call):
        nonlocal now
        for _ in range(12):
            now += inference.QUIET / 3
            await asyncio.sleep(0)
            yield [gateway.chunk("word")]

    gateway.engine.streaming = stream
    reply = await gateway.client.post(PATH, {**gateway.body, "stream": True})
    assert b"PROCESSING" not in reply.body
    assert reply.body.count(b"word") == 12


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_stops_the_call(gateway, stream, caplog) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def wait(call):
        began.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    async def streaming(call):
        await wait(call)
        yield []

    gateway.engine.completing, gateway.engine.streaming = wait, streaming
    caplog.set_level("INFO", "taxiway.access")
    wire = await gateway.client.open()
    # Larger than what pauses reading: the end must be seen all the same.
    wire.post(PATH, {**gateway.body, "stream": stream, "user": "x" * 300_000})
    await began.wait()
    wire.close()
    await spent(ended.is_set)
    await asyncio.sleep(0)
    assert " 499 " in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_client_that_leaves_mid_stream_stops_the_call(gateway) -> None:
    async def stream(call):
        while True:
            yield [gateway.chunk("on and on")]
            await asyncio.sleep(0.001)

    gateway.engine.streaming = stream
    wire = await gateway.client.open()
    wire.post(PATH, {**gateway.body, "stream": True})
    await wire.until(b"on and on")
    wire.close()
    await spent(lambda: gateway.engine.closed)


async def test_calls_above_the_limit_are_told_to_come_back(gateway) -> None:
    go_on = asyncio.Event()

    async def complete(call):
        await go_on.wait()
        return {"choices": []}

    gateway.engine.completing = complete
    wires = [await gateway.client.open() for _ in range(10)]
    for wire in wires:
        wire.post(PATH, gateway.body)
    await until(lambda: len(gateway.engine.calls) == 10)
    refused = await gateway.chat()
    assert (refused.status, refused.headers["retry-after"], refused.headers["x-should-retry"]) == (503, "1", "true")
    go_on.set()
    assert [(await wire.reply()).status for wire in wires] == [200] * 10
    assert (await gateway.chat()).status == 200


async def test_an_unforeseen_error_says_nothing_of_itself(gateway, caplog) -> None:
    async def complete(call):
        raise RuntimeError("secret detail")

    gateway.engine.completing = complete
    reply = await gateway.chat()
    assert reply.status == 500
    assert b"secret" not in reply.body
    assert reply.json["error"]["code"] == 500
    assert "secret detail" in caplog.text


async def test_a_slow_reader_is_let_go(gateway, monkeypatch) -> None:
    monkeypatch.setattr("taxiway_gateway.exchange.SEND_LIMIT", 0.05)

    async def stream(call):
        while True:
            yield [gateway.chunk("x" * 1_000_000)]

    gateway.engine.streaming = stream
    wire = await gateway.client.open()
    wire.post(PATH, {**gateway.body, "stream": True})
    await until(lambda: gateway.engine.closed)


async def test_one_line_a_request(gateway, caplog) -> None:
    caplog.set_level("INFO", "taxiway.access")
    await gateway.client.post(PATH + "?secret=query", gateway.body)
    await gateway.client.post(PATH, {**gateway.body, "model": "forged\nline"})
    await gateway.client.get("/nowhere%0a")
    lines = [record.getMessage() for record in caplog.records if record.name == "taxiway.access"]
    assert len(lines) == 3
    assert lines[0].startswith(f"POST {PATH} 200 ")
    assert lines[0].endswith("ms gen-0 test/model done Test")
    assert lines[1].endswith("ms gen-1 - done Test")
    assert lines[2].startswith("GET /nowhere%0a 404 ")
    assert "secret" not in caplog.text
    assert gateway.key not in caplog.text
