"""Where a request ends and what follows it: nothing can be smuggled in, nothing is lost, and nobody fills the memory."""

import asyncio
import contextlib

import pytest
from waiting import until

from taxiway_gateway import protocol

PATH = "/api/v1/chat/completions"
CHUNKED = b"transfer-encoding: chunked\r\n"


def framed(gateway, fields: bytes, body: bytes) -> bytes:
    """A call whose framing is the test's: `LENGTH` and `BODY` are what they would be."""
    real = gateway.client.request(PATH, gateway.body).partition(b"\r\n\r\n")[2]
    start = gateway.client.head("POST", PATH)[:-2]
    data = start + fields + b"\r\n" + body
    return data.replace(b"LENGTH", b"%d" % len(real)).replace(b"HEX", b"%x" % len(real)).replace(b"BODY", real)


@pytest.mark.parametrize(("fields", "body"), [
    (b"content-length: LENGTH\r\ncontent-length: LENGTH\r\n", b"BODY"),
    (b"content-length: LENGTH\r\ncontent-length: 2\r\n", b"BODY"),
    (b"content-length: LENGTH, LENGTH\r\n", b"BODY"),
    (b"content-length: +LENGTH\r\n", b"BODY"),
    (b"content-length: -1\r\n", b"BODY"),
    (b"content-length: 99999999999999999999\r\n", b"BODY"),
    (b"content-length : LENGTH\r\n", b"BODY"),
    (b"content-length:\r\n LENGTH\r\n", b"BODY"),
    (b"content-length: LENGTH\r\n" + CHUNKED, b"HEX\r\nBODY\r\n0\r\n\r\n"),
    (CHUNKED + b"content-length: LENGTH\r\n", b"HEX\r\nBODY\r\n0\r\n\r\n"),
    (b"connection: upgrade\r\nupgrade: h2c\r\n" + CHUNKED + b"content-length: LENGTH\r\n", b"HEX\r\nBODY\r\n0\r\n\r\n"),
    (CHUNKED * 2, b"HEX\r\nBODY\r\n0\r\n\r\n"),
    (b"transfer-encoding: chunked, gzip\r\n", b"HEX\r\nBODY\r\n0\r\n\r\n"),
    (b"transfer-encoding: identity\r\ncontent-length: LENGTH\r\n", b"BODY"),
    (b"transfer-encoding: xchunked\r\ncontent-length: LENGTH\r\n", b"BODY"),
    (b"transfer-encoding:\x0bchunked\r\n", b"HEX\r\nBODY\r\n0\r\n\r\n"),
    (b"x-a: 1\r\n folded\r\ncontent-length: LENGTH\r\n", b"BODY"),
    (b"x-a: 1\ncontent-length: LENGTH\r\n", b"BODY"),
    (b"x-a: 1\rcontent-length: LENGTH\r\n", b"BODY"),
    (b"x-a: 1\0\r\ncontent-length: LENGTH\r\n", b"BODY"),
    (CHUNKED, b"0xHEX\r\nBODY\r\n0\r\n\r\n"),
    (CHUNKED, b"HEX \r\nBODY\r\n0\r\n\r\n"),
    (CHUNKED, b"HEX\nBODY\n0\n\n"),
    (CHUNKED, b"HEX;a\nBODY\r\n0\r\n\r\n"),
    (CHUNKED, b"HEX\r\nBODY0\r\n\r\n"),
    (CHUNKED, b"100000000000000HEX\r\nBODY\r\n0\r\n\r\n"),
    (CHUNKED, b"HEX\r\nBODY\r\n0\r\ncontent-length: 5\r\n\r\n"),
])  # fmt: skip
async def test_what_two_readers_could_read_differently_is_read_by_none(gateway, fields, body) -> None:
    wire = await gateway.client.open()
    wire.send(framed(gateway, fields, body) + gateway.client.head("GET", "/healthz"))
    reply = await wire.reply()
    assert (reply.status, reply.headers["connection"]) == (400, "close")
    assert await wire.end() == b""
    assert not gateway.engine.calls


async def test_the_table_of_what_is_refused_differs_from_good_requests_by_its_framing_alone(gateway) -> None:
    wire = await gateway.client.open()
    for fields, body in ((b"content-length: LENGTH\r\n", b"BODY"), (CHUNKED, b"HEX\r\nBODY\r\n0\r\nx-a: 1\r\n\r\n")):
        wire.send(framed(gateway, fields, body))
        assert (await wire.reply()).status == 200


@pytest.mark.parametrize(
    "rest", [b"POST", b"POST / HTTP/1.1\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n", b"\x16\x03\x01"]
)
@pytest.mark.parametrize("when", ["with its end", "while it runs"])
async def test_whatever_follows_a_request_its_answer_stands(gateway, rest, when) -> None:
    """It is served whole, and the connection ends with it: at once, not when what follows would have been too slow."""
    go_on = asyncio.Event()

    async def complete(call):
        await go_on.wait()
        return {"choices": []}

    gateway.engine.completing = complete
    data = gateway.client.request(PATH, gateway.body)
    wire = await gateway.client.open()
    wire.send(data[:-10])
    await until(lambda: any(c.news is not None for c in gateway.server.server_state.connections))
    wire.send(data[-10:] + rest if when == "with its end" else data[-10:])
    await until(lambda: gateway.engine.calls)
    if when == "while it runs":
        wire.send(rest)
        await until(lambda: any(c.closing for c in gateway.server.server_state.connections))
    gateway.tick(protocol.HEAD_SECONDS + 1)
    go_on.set()
    assert (await wire.reply()).status == 200
    assert await wire.end() == b""
    assert len(gateway.engine.calls) == 1


@pytest.mark.parametrize("path", [PATH, "/nowhere"])
@pytest.mark.parametrize("endless", [b"a: b\r\n", b"a"], ids=["fields", "field"])
async def test_trailers_have_an_end(gateway, path, endless) -> None:
    """Also where a request was answered before its body came: for that nobody needs a key."""
    wire = await gateway.client.open()
    wire.send(gateway.client.head("POST", path, transfer_encoding="chunked") + b"0\r\n")
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < 100_000_000:
            wire.send(endless * 20_000)
            await wire.writer.drain()
            sent += len(endless) * 20_000
            assert all(len(c.headers) < 50_000 for c in gateway.server.server_state.connections)
    # The kernel takes its share.
    assert sent < 20_000_000


async def test_replies_that_nobody_reads_do_not_pile_up(gateway) -> None:
    async def complete(call):
        return {"choices": [], "x": "x" * 1_000_000}

    gateway.engine.completing = complete
    wire = await gateway.client.open()
    wire.writer.transport.pause_reading()
    await until(lambda: gateway.server.server_state.connections)
    (connection,) = gateway.server.server_state.connections
    asked = 0
    while connection.full is None:
        asked += 1
        wire.post(PATH, gateway.body)
        await until(lambda: connection.exchange is None and len(gateway.engine.calls) == asked)  # noqa: B023 - awaited here
    held = connection.transport.get_write_buffer_size()
    wire.post(PATH, gateway.body)
    await until(lambda: len(gateway.engine.calls) == asked + 1)
    assert connection.exchange is not None
    assert connection.transport.get_write_buffer_size() == held
    wire.writer.transport.resume_reading()
    for _ in range(asked + 1):
        assert len((await wire.reply()).body) > 1_000_000


async def test_a_reply_that_nobody_takes_is_let_go(gateway) -> None:
    """Closing would wait for it for ever; who takes it slowly has it whole."""

    async def complete(call):
        return {"choices": [], "x": "x" * 30_000_000}

    gateway.engine.completing = complete
    slow, never = await gateway.client.open(), await gateway.client.open()
    connections = gateway.server.server_state.connections
    for wire in (slow, never):
        wire.writer.transport.pause_reading()
        wire.post(PATH, gateway.body)
    await until(lambda: len(gateway.engine.calls) == 2 and all(c.exchange is None for c in connections))
    gateway.tick(protocol.KEEP_ALIVE + 1)
    slow.writer.transport.resume_reading()
    await slow.reader.readexactly(5_000_000)
    gateway.tick(protocol.KEEP_ALIVE + 1)
    await until(lambda: len(connections) == 1)
    await slow.reader.readexactly(25_000_000)


async def test_a_mistake_of_ours_keeps_no_client_waiting(gateway, monkeypatch, caplog) -> None:
    async def broken(*_):
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(gateway.server.server_state, "serve", broken)
    wire = await gateway.client.open()
    wire.post(PATH, gateway.body)
    await until(lambda: any(c.exchange is not None for c in gateway.server.server_state.connections))
    gateway.tick(1)
    assert await wire.end() == b""
    assert not gateway.server.server_state.connections


async def test_http_1_0_is_told_nothing_in_between(gateway) -> None:
    """It knows no interim replies (RFC 9110, 10.1.1)."""
    data = gateway.client.request(PATH, gateway.body, expect="100-continue").replace(b"HTTP/1.1", b"HTTP/1.0")
    wire = await gateway.client.open()
    wire.send(data[:-10])
    await until(lambda: any(c.news is not None for c in gateway.server.server_state.connections))
    wire.send(data[-10:])
    assert (await wire.reply()).status == 200


@pytest.mark.real_time
async def test_a_reply_that_nobody_takes_holds_up_no_end(gateway, monkeypatch) -> None:
    async def complete(call):
        return {"choices": [], "x": "x" * 30_000_000}

    gateway.engine.completing = complete
    wire = await gateway.client.open()
    wire.writer.transport.pause_reading()
    wire.post(PATH, gateway.body)
    connections = gateway.server.server_state.connections
    await until(lambda: gateway.engine.calls and all(c.exchange is None for c in connections))
    monkeypatch.setattr(protocol, "KEEP_ALIVE", 0)
    gateway.server.stop()
    await until(lambda: not connections)


async def test_at_the_end_no_connection_is_kept(gateway) -> None:
    """Neither one that was taken in the moment in which the others were told."""
    wire = await gateway.client.open()
    wire.post(PATH, gateway.body)
    assert (await wire.reply()).status == 200
    gateway.server.server_state.ending = True
    gateway.tick(1)
    assert await wire.end() == b""


async def test_an_end_that_does_not_wait_stops_what_runs_and_logs_it(gateway, caplog) -> None:
    async def complete(call):
        await asyncio.sleep(3600)

    caplog.set_level("INFO")
    gateway.engine.completing = complete
    wire = await gateway.client.open()
    wire.post(PATH, gateway.body)
    await until(lambda: gateway.engine.calls)
    gateway.server.stop()
    gateway.server.stop()
    await until(lambda: gateway.engine.cancelled)
    assert await wire.end() == b""
    assert [r.getMessage().split()[:3] for r in caplog.records if r.name == "taxiway.access"] == [["POST", PATH, "499"]]


@pytest.mark.real_time
async def test_no_mistake_in_one_second_ends_those_to_come(gateway, monkeypatch, caplog) -> None:
    seconds = []

    def second():
        seconds.append(1)
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(gateway.server.server_state, "second", second)
    await until(lambda: len(seconds) == 2)
    assert "a mistake of ours" in caplog.text
