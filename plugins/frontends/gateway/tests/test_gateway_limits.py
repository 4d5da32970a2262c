"""What the gateway refuses, and how: heads, bodies, encodings, routes."""

import asyncio

import pytest
from waiting import until

from taxiway.testing.peer import spent
from taxiway_gateway import exchange, protocol

PATH = "/api/v1/chat/completions"


def assert_openrouter(reply, status, error_type) -> None:
    error = reply.json["error"]
    assert reply.status == status
    assert error["code"] == status
    assert error["metadata"]["error_type"] == error_type
    assert error["message"]


@pytest.mark.parametrize(("body", "says"), [
    (b"", "not JSON"),
    (b"{", "not JSON"),
    (b'{"model": "\xff"}', "UTF-8"),
    (b"\xff\xfe", "not JSON"),
    (b"[]", "JSON object"),
    (b"null", "JSON object"),
    (b'{"a": NaN}', "not JSON"),
    (b"[" * 200 + b"]" * 200, "nested deeper"),
    (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested deeper"),
])  # fmt: skip
async def test_a_body_that_is_no_json_object_is_refused(gateway, body, says) -> None:
    reply = await gateway.client.post(PATH, body)
    assert_openrouter(reply, 400, "invalid_request")
    assert says in reply.json["error"]["message"]


async def test_a_wrong_field_is_named(gateway) -> None:
    reply = await gateway.client.post(PATH, {**gateway.body, "temperature": "warm"})
    assert_openrouter(reply, 400, "invalid_request")
    assert "temperature" in reply.json["error"]["message"]
    reply = await gateway.client.post(PATH, {**gateway.body, "provider": {"order": "openai"}})
    assert_openrouter(reply, 400, "invalid_request")
    assert "provider.order" in reply.json["error"]["message"]


async def test_a_body_above_the_limit_is_refused_and_the_answer_arrives(gateway) -> None:
    wire = await gateway.client.open()
    wire.send(gateway.client.head("POST", PATH, content_length="40000000"))
    reply = await wire.reply()
    assert_openrouter(reply, 413, "payload_too_large")
    assert "body_limit" in reply.json["error"]["message"]
    # The gateway reads on, so that the client is not cut off while it sends.
    for _ in range(40):
        wire.send(b"x" * 1_000_000)
        await wire.writer.drain()
    assert await wire.end() == b""


async def test_a_chunked_body_is_counted_while_it_is_read(gateway) -> None:
    wire = await gateway.client.open()
    wire.send(gateway.client.head("POST", PATH, transfer_encoding="chunked"))
    for _ in range(3):
        wire.send(b"%x\r\n" % 500_000 + b"x" * 500_000 + b"\r\n")
        await wire.writer.drain()
    assert_openrouter(await wire.reply(), 413, "payload_too_large")
    wire.send(b"0\r\n\r\n")
    assert await wire.end() == b""


async def test_lingering_has_an_end(gateway, monkeypatch) -> None:
    monkeypatch.setattr(exchange, "LINGER_SECONDS", 0.05)
    wire = await gateway.client.open()
    wire.send(gateway.client.head("POST", PATH, content_length="40000000"))
    assert (await wire.reply()).status == 413
    assert await wire.end() == b""


async def test_a_body_in_pieces_is_read(gateway) -> None:
    data = gateway.client.request(PATH, {**gateway.body, "user": "x" * 300_000})
    wire = await gateway.client.open()
    for start in range(0, len(data), 50_000):
        wire.send(data[start : start + 50_000])
        await asyncio.sleep(0)
        await wire.writer.drain()
    assert (await wire.reply()).status == 200


async def test_a_body_that_stops_is_refused(gateway, monkeypatch) -> None:
    monkeypatch.setattr(exchange, "BODY_PAUSE", 0.05)
    wire = await gateway.client.open()
    wire.send(gateway.client.head("POST", PATH, content_length="100") + b"{")
    assert_openrouter(await wire.reply(), 408, "timeout")


async def test_a_body_that_drips_is_refused(gateway, monkeypatch) -> None:
    monkeypatch.setattr(exchange, "BODY_GRACE", 0.0)
    wire = await gateway.client.open()
    wire.send(gateway.client.head("POST", PATH, content_length="100") + b"{")
    await asyncio.sleep(0.05)
    wire.send(b" ")
    assert_openrouter(await wire.reply(), 408, "timeout")


async def test_a_compressed_body_is_refused(gateway) -> None:
    assert_openrouter(await gateway.chat(content_encoding="gzip"), 415, "invalid_request")
    assert (await gateway.chat(content_encoding="identity")).status == 200


async def test_expect_continue_is_answered(gateway) -> None:
    wire = await gateway.client.open()
    data = gateway.client.request(PATH, gateway.body, expect="100-continue")
    head, _, body = data.partition(b"\r\n\r\n")
    wire.send(head + b"\r\n\r\n")
    assert await wire.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.send(body)
    assert (await wire.reply()).status == 200


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", PATH, 405), ("POST", "/v1/models", 405), ("POST", "/healthz", 405),
    ("GET", "/nowhere", 404), ("POST", "/v1/nowhere", 404), ("GET", "/v1/models/", 404), ("DELETE", "/", 405),
])  # fmt: skip
async def test_routes_that_are_none(gateway, method, path, status) -> None:
    reply = await gateway.client.get(path, method=method)
    assert reply.status == status
    assert reply.json["error"]["code"] == status


async def test_a_large_head_is_refused(gateway) -> None:
    whole = await gateway.client.send(gateway.client.head("POST", PATH, x_large="x" * protocol.MAX_HEAD))
    assert_openrouter(whole, 431, "invalid_request")
    endless = await gateway.client.open()
    endless.send(b"GET / HTTP/1.1\r\nx: " + b"x" * 2 * protocol.MAX_HEAD)
    assert_openrouter(await endless.reply(), 431, "invalid_request")
    many = await gateway.client.send(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 129 + b"\r\n")
    assert_openrouter(many, 431, "invalid_request")
    fine = await gateway.client.send(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 128 + b"\r\n")
    assert fine.status == 200


async def test_a_large_body_does_not_count_as_a_head(gateway) -> None:
    reply = await gateway.client.post(PATH, {**gateway.body, "user": "x" * 3 * protocol.MAX_HEAD})
    assert reply.status == 200


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\n", b"G", b"\r\n"])
async def test_a_head_that_takes_too_long_is_refused(gateway, start) -> None:
    wire = await gateway.client.open()
    wire.send(start)
    await until(lambda: any(c.waiting is not None for c in gateway.server.server_state.connections))
    gateway.tick(protocol.HEAD_SECONDS)
    assert (await gateway.chat()).status == 200
    gateway.tick(1)
    assert_openrouter(await wire.reply(), 408, "timeout")
    assert await wire.end() == b""


async def test_a_kept_connection_has_the_same_limit(gateway) -> None:
    wire = await gateway.client.open()
    wire.post(PATH, gateway.body)
    await wire.reply()
    wire.send(b"P")
    await until(lambda: any(c.waiting is not None for c in gateway.server.server_state.connections))
    gateway.tick(protocol.HEAD_SECONDS + 1)
    assert (await wire.reply()).status == 408


async def test_a_silent_connection_is_closed(gateway) -> None:
    wire = await gateway.client.open()
    await until(lambda: gateway.server.server_state.connections)
    gateway.tick(protocol.SILENT_SECONDS + 1)
    assert await wire.end() == b""


async def test_a_kept_connection_ends_after_a_while(gateway) -> None:
    wire = await gateway.client.open()
    wire.post(PATH, gateway.body)
    await wire.reply()
    gateway.tick(protocol.KEEP_ALIVE)
    wire.post(PATH, gateway.body)
    assert (await wire.reply()).status == 200
    gateway.tick(protocol.KEEP_ALIVE + 1)
    assert await wire.end() == b""


async def test_a_call_under_way_is_no_slow_head(gateway) -> None:
    go_on = asyncio.Event()

    async def complete(call):
        await go_on.wait()
        return {"choices": []}

    gateway.engine.completing = complete
    wire = await gateway.client.open()
    wire.post(PATH, gateway.body)
    await until(lambda: gateway.engine.calls)
    gateway.tick(1000)
    go_on.set()
    assert (await wire.reply()).status == 200


async def test_pipelining_is_not_served_and_hides_nobody_leaving(gateway) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def complete(call):
        began.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    gateway.engine.completing = complete
    wire = await gateway.client.open()
    wire.post(PATH, gateway.body)
    await began.wait()
    wire.post(PATH, gateway.body)
    await asyncio.sleep(0.01)
    wire.close()
    await spent(ended.is_set)
    assert len(gateway.engine.calls) == 1


async def test_after_a_pipelined_request_the_connection_ends(gateway) -> None:
    wire = await gateway.client.open()
    wire.send(gateway.client.request(PATH, gateway.body) * 2)
    reply = await wire.reply()
    assert (reply.status, reply.headers["connection"]) == (200, "close")
    assert await wire.end() == b""
    assert len(gateway.engine.calls) == 1


async def test_what_is_not_http_is_refused(gateway) -> None:
    wire = await gateway.client.open()
    wire.send(b"\x16\x03\x01\x02\x00")
    assert_openrouter(await wire.reply(), 400, "invalid_request")
    assert await wire.end() == b""


LASTING = pytest.mark.parametrize(
    "fields", [{}, {"connection": "keep-alive"}, {"proxy_connection": "keep-alive"}], ids=["", "connection", "proxy"]
)


@LASTING
async def test_http_1_0_is_served_and_closed(gateway, fields) -> None:
    wire = await gateway.client.open()
    wire.send(gateway.client.request(PATH, gateway.body, **fields).replace(b"HTTP/1.1", b"HTTP/1.0"))
    reply = await wire.reply()
    assert (reply.status, reply.headers["connection"]) == (200, "close")
    assert await wire.end() == b""


async def test_an_upgrade_is_not_taken_up(gateway) -> None:
    wire = await gateway.client.open()
    wire.send(gateway.client.head("GET", "/healthz", connection="Upgrade", upgrade="websocket"))
    assert (await wire.reply()).status == 200
    assert await wire.end() == b""


@pytest.mark.parametrize("cut", [30, 120, 200])
async def test_what_asks_for_another_protocol_keeps_its_body(gateway, cut) -> None:
    """Java's client offers h2c with each request; httptools takes the body of one for that protocol's bytes."""
    fields = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAMAAABkAAQAAP__"}
    sent = gateway.client.request(PATH, gateway.body, **fields)
    for parts in ([sent], [sent[:cut], sent[cut:]], [sent[:-10], sent[-10:]]):
        wire = await gateway.client.open()
        for part in parts:
            wire.send(part)
            for _ in range(20):
                await asyncio.sleep(0)
        assert (await wire.reply()).status == 200
        assert await wire.end() == b""


async def test_this_is_no_proxy(gateway) -> None:
    wire = await gateway.client.open()
    wire.send(b"CONNECT api.openai.com:443 HTTP/1.1\r\nhost: api.openai.com:443\r\n\r\n")
    assert_openrouter(await wire.reply(), 405, "invalid_request")
    assert await wire.end() == b""


@LASTING
async def test_a_stream_to_http_1_0_comes_without_chunks(gateway, fields) -> None:
    wire = await gateway.client.open()
    body = {**gateway.body, "stream": True}
    wire.send(gateway.client.request(PATH, body, **fields).replace(b"HTTP/1.1", b"HTTP/1.0"))
    head, _, told = (await wire.end()).partition(b"\r\n\r\n")
    assert b"connection: close" in head
    assert b"transfer-encoding" not in head
    assert told.startswith(b"data: {")
    assert told.endswith(b"}\n\ndata: [DONE]\n\n")


async def test_a_body_that_breaks_its_framing_is_answered(gateway) -> None:
    wire = await gateway.client.open()
    wire.send(gateway.client.head("POST", PATH, transfer_encoding="chunked") + b"zz\r\n")
    assert_openrouter(await wire.reply(), 400, "invalid_request")
    assert await wire.end() == b""


async def test_cors_is_off(gateway) -> None:
    assert not [name for name in (await gateway.chat(origin="https://a.example")).headers if "access-control" in name]


@pytest.mark.parametrize("settings", [{"body_limit": 1000, "max_calls": 10, "cors": ("https://a.example",)}])
async def test_cors_for_those_who_are_listed(gateway, settings) -> None:
    allowed = await gateway.chat(origin="https://a.example")
    assert (allowed.status, allowed.headers["access-control-allow-origin"]) == (200, "https://a.example")
    other = await gateway.chat(origin="https://b.example")
    assert "access-control-allow-origin" not in other.headers
    preflight = await gateway.client.get(
        PATH, None, "OPTIONS", origin="https://a.example", access_control_request_method="POST",
        access_control_request_headers="authorization",
    )  # fmt: skip
    assert preflight.status == 200


@pytest.mark.parametrize("settings", [{"body_limit": 1000, "max_calls": 10, "cors": ("https://a.example",)}])
async def test_cors_holds_for_streams_and_refusals(gateway, settings) -> None:
    stream = await gateway.client.post(PATH, {**gateway.body, "stream": True}, origin="https://a.example")
    refused = await gateway.client.post(PATH, gateway.body, "nobody", origin="https://a.example")
    models = await gateway.client.get("/v1/models", origin="https://a.example")
    assert [reply.status for reply in (stream, refused, models)] == [200, 401, 200]
    for reply in (stream, refused, models):
        assert reply.headers["access-control-allow-origin"] == "https://a.example"
        assert "x-generation-id" in reply.headers["access-control-expose-headers"]
    assert (await gateway.chat()).headers["vary"] == "Origin"
    preflight = await gateway.client.get(
        PATH, None, "OPTIONS", origin="https://b.example", access_control_request_method="POST"
    )
    assert preflight.status == 400
    assert "access-control-allow-origin" not in preflight.headers
    assert gateway.engine.calls[0].facts.stream


async def test_who_leaves_while_an_early_answer_lingers_is_logged_as_gone(gateway, caplog) -> None:
    caplog.set_level("INFO")
    wire = await gateway.client.open()
    wire.send(gateway.client.head("POST", PATH, content_length="40000000"))
    assert (await wire.reply()).status == 413
    wire.close()
    await until(lambda: not gateway.server.server_state.tasks)
    assert [r.getMessage().split()[:3] for r in caplog.records if r.name == "taxiway.access"] == [["POST", PATH, "499"]]
    assert "Traceback" not in caplog.text


async def test_a_body_of_tiny_chunks_is_read(gateway) -> None:
    data = gateway.client.head("POST", PATH, transfer_encoding="chunked")
    body = b'{"model":"test/model","messages":[{"role":"user","content":"%b"}]}' % (b"x" * 100_000)
    wire = await gateway.client.open()
    wire.send(data + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n")
    assert (await wire.reply()).status == 200
    assert len(gateway.engine.calls[0].body["messages"][0]["content"]) == 100_000


async def test_a_request_that_runs_is_answered_when_the_gateway_stops(gateway) -> None:
    go_on = asyncio.Event()

    async def complete(call):
        await go_on.wait()
        return {"choices": []}

    gateway.engine.completing = complete
    idle, busy = await gateway.client.open(), await gateway.client.open()
    idle.post(PATH.replace("chat/completions", "nowhere"), gateway.body)
    assert (await idle.reply()).status == 404
    busy.post(PATH, gateway.body)
    await until(lambda: gateway.engine.calls)
    gateway.server.stop()
    assert await idle.end() == b""
    go_on.set()
    reply = await busy.reply()
    assert (reply.status, reply.headers["connection"]) == (200, "close")
    assert await busy.end() == b""
