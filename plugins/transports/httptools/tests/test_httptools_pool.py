import asyncio
import logging
import random
import threading

import pytest
from waiting import until

from taxiway.clock import SystemClock
from taxiway.errors import ConfigError, TransportError
from taxiway.http import Origin
from taxiway.registration import Context
from taxiway.testing.faults import OK
from taxiway.testing.peer import rounds, serving, silent
from taxiway.testing.transport_connections import resolving
from taxiway.testing.transport_kit import answering, request, whole
from taxiway_httptools import Options, pool, taxiway_transports


@pytest.fixture
async def transport():
    context = Context(clock=SystemClock(), random=random.Random(1), log=logging.getLogger("test"))
    built = taxiway_transports()[0].build(Options(), context)
    yield built
    await built.aclose()


async def test_a_ca_file_that_is_missing_shows_at_start(tmp_path):
    registration = taxiway_transports()[0]
    context = Context(clock=SystemClock(), random=random.Random(1), log=logging.getLogger("test"))
    transport = registration.build(Options(ca_file=str(tmp_path / "none.pem")), context)
    with pytest.raises(ConfigError, match=r"transport.ca_file: can't read authorities from .*none.pem"):
        await transport.start()


async def test_a_server_that_says_how_long_it_keeps_a_connection_is_believed_less_a_second(transport):
    async with serving(answering(OK + b"keep-alive: timeout=1, max=9\r\ncontent-length: 0\r\n\r\n")) as server:
        for _ in range(2):
            await whole(transport.open(request(server.origin), 5.0))
        assert server.accepted == 2


async def test_a_name_server_that_went_silent_hurts_nobody_whose_answer_is_known(transport, monkeypatch):
    asked, release = [], threading.Event()

    def answer(name, port):
        asked.append(name)
        if len(asked) == 2:
            release.wait(10)
        return ["127.0.0.1"]

    resolving(monkeypatch, answer)
    monkeypatch.setattr("taxiway_httptools.dialling._REMEMBERED", 0.0)
    monkeypatch.setattr("taxiway_httptools.dialling._PATIENCE", 0.02)
    goodbye = OK + b"connection: close\r\ncontent-length: 0\r\n\r\n"
    async with serving(answering(goodbye), name="there.test") as server:
        try:
            for _ in range(3):
                await whole(transport.open(request(server.origin), 1.0))
            assert len(asked) == 2, "one look-up at a time"
        finally:
            release.set()


async def test_connections_are_shared_only_by_time_not_by_place(transport):
    async with serving(answering(OK + b"content-length: 0\r\n\r\n")) as server:
        exchanges = [transport.open(request(server.origin), 5.0) for _ in range(5)]
        for exchange in exchanges:
            await whole(exchange)
        await rounds()
        again = [transport.open(request(server.origin), 5.0) for _ in range(5)]
        for exchange in again:
            await whole(exchange)
            assert exchange.reused
        assert server.accepted == 5


async def test_a_request_on_a_kept_connection_is_written_before_open_returns(transport):
    async with serving(answering(OK + b"content-length: 0\r\n\r\n")) as server:
        await whole(transport.open(request(server.origin), 5.0))
        exchange = transport.open(request(server.origin), 5.0)
        assert (exchange.phase, exchange.sent, exchange.reused) == ("head", "whole", True)
        assert exchange.moved > 100
        await whole(exchange)


async def test_no_thread_for_the_resolver_is_our_own_fault_and_said_so(transport, monkeypatch):
    def no_more(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_more)
    exchange = transport.open(request(Origin("http", "there.test", 80)), 5.0)
    async with asyncio.timeout(1.0):
        with pytest.raises(TransportError) as caught:
            await exchange.head()
    assert (caught.value.phase, caught.value.reason, caught.value.sent) == ("dns", "local", "none")


async def test_a_connection_that_nobody_uses_is_closed_after_a_while(transport, monkeypatch):
    monkeypatch.setitem(pool.KEEP, "http", 0.05)
    async with serving(answering(OK + b"content-length: 0\r\n\r\n")) as server:
        await whole(transport.open(request(server.origin), 5.0))
        await until(lambda: not server.open)


async def test_only_so_many_connections_are_kept(transport, monkeypatch):
    monkeypatch.setattr(pool, "MAX_IDLE", 2)
    async with serving(answering(OK + b"content-length: 0\r\n\r\n")) as server:
        exchanges = [transport.open(request(server.origin), 5.0) for _ in range(5)]
        for exchange in exchanges:
            await whole(exchange)
        await until(lambda: server.open == 2)


async def test_closing_ends_what_is_being_connected(transport):
    async with silent() as port:
        exchange = transport.open(request(Origin("http", "127.0.0.1", port)), 60.0)
        await rounds(20)
        await transport.aclose()
        with pytest.raises(TransportError) as caught:
            await exchange.head()
    assert (caught.value.phase, caught.value.reason, caught.value.sent) == ("connect", "cancelled", "none")
