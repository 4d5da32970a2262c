import asyncio
from typing import ClassVar

import pytest

from taxiway.errors import TransportError
from taxiway.http import HttpRequest, Origin
from taxiway.httpx_transport import HttpxTransport, Options, taxiway_transports
from taxiway.testing.faults import Difference
from taxiway.testing.peer import Peer, rounds, serving
from taxiway.testing.transport import TransportContract
from taxiway.testing.transport_kit import HELLO, answering, failure, request, whole

LENIENT = "h11 takes it, and what it means is not in doubt"


class TestHttpx(TransportContract):
    registration = taxiway_transports()[0]
    differences: ClassVar = {
        "a silent name server": Difference("httpcore looks names up inside connecting", "connect", "timeout"),
        "an answer to half a request": Difference(
            "anyio does not read while it writes, so the reset takes the answer with it", "send", "reset"
        ),
        "two equal lengths": Difference(LENIENT),
        "a list of lengths": Difference(LENIENT),
        "a folded field": Difference(LENIENT),
        "line feeds alone": Difference(LENIENT),
        "nine interim replies": Difference("httpcore skips them all"),
        "a size too large": Difference("h11 takes twenty digits, and waits for the chunk until the idle limit"),
        "a space after the size": Difference(LENIENT),
        "circles": Difference("httpx's requests hold themselves, and so what they trace"),
    }


async def test_who_waits_for_a_slot_of_ours_is_not_connecting():
    transport = HttpxTransport(Options())
    transport.slots = asyncio.Semaphore(0)
    exchange = transport.open(HttpRequest("GET", Origin("http", "127.0.0.1", 9), "/", ()), 0.0)
    await rounds(20)
    exchange.abort()
    with pytest.raises(TransportError) as caught:
        await exchange.head()
    assert caught.value.reason == "cancelled"
    await transport.aclose()


async def test_the_connection_that_replaces_a_stale_one_has_the_same_limit(monkeypatch):
    async def behave(peer):
        await peer.request()
        await peer.write(HELLO)
        await peer.request()
        await peer.leave("fin")

    async def never(*_, **__):
        await asyncio.sleep(3600)

    transport = HttpxTransport(Options())
    monkeypatch.setattr(transport.fresh, "send", never)
    async with serving(behave) as server, asyncio.timeout(5.0):
        assert await whole(transport.open(request(server.origin), 1.0)) == b"hello"
        _, error = await failure(transport.open(request(server.origin), 0.05))
    assert (error.phase, error.reason, error.sent) == ("connect", "timeout", "none")
    await transport.aclose()


async def test_no_connection_stays_open_whenever_a_call_is_stopped():
    """httpcore forgets one whose request is cancelled when it is there but nothing was sent yet."""
    transport = HttpxTransport(Options())
    async with serving(Peer.gone) as server:
        for count in range(120):
            exchange = transport.open(request(server.origin), 5.0)
            await rounds(count % 60)
            exchange.abort()
        await asyncio.sleep(0.05)
        assert server.accepted > 20
        assert server.open == 0
    await transport.aclose()


async def test_a_stop_at_the_end_of_a_reply_loses_no_connection():
    """Whoever needs no more than the last event may stop while httpcore takes the connection back."""
    transport = HttpxTransport(Options())
    async with serving(answering(HELLO)) as server:
        for count in range(40):
            exchange = transport.open(request(server.origin), 5.0)
            await exchange.read()
            await rounds(count % 10)
            exchange.abort()
            await rounds(20)
        assert server.open <= 1
    await transport.aclose()
