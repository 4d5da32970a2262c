"""What every transport plugin must hold: each fault of HTTP ends in a typed error, each stop is seen by the peer at once.

    class TestMine(TransportContract):
        registration = taxiway_transports()[0]

Its options' class must have `ca_file`. Faults and replies are tables in `taxiway.testing.faults`; what a transport can't tell
as precisely is declared in `differences`, by the fault's name. It needs trustme, and runs on any loop (`new_loop`).
"""

import asyncio
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

import pytest

from taxiway.errors import TransportError
from taxiway.http import HttpRequest, Origin
from taxiway.testing.faults import FAULTS, GOODS, OK, Fault, Good
from taxiway.testing.garbage import left_to_the_collector
from taxiway.testing.peer import Peer, refusing, rounds, serving, spent
from taxiway.testing.transport_connections import ConnectionContract
from taxiway.testing.transport_kit import HELLO, KEY, answering, failure, looped, request, whole

if TYPE_CHECKING:
    from collections.abc import Callable


class TransportContract(ConnectionContract):
    """Subclass it and name the registration."""

    # Replies

    @pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
    @pytest.mark.parametrize("dripped", [False, True], ids=["at once", "byte by byte"])
    @looped
    async def test_a_bad_reply_is_one_typed_error(self, fault: Fault, dripped: bool) -> None:
        """It says phase, reason and that the request had left; what came before it was delivered; the peer is left at once."""
        if dripped and len(fault.reply) > 1000:
            pytest.skip("the long ones come in many pieces anyway")
        other = self.differences.get(fault.name)
        async with (
            serving(answering(fault.reply, dripped=dripped, end=fault.end)) as server,
            self.transport() as transport,
        ):
            exchange = transport.open(request(server.origin), 5.0)
            if other is not None and other.reason is None:
                assert (await exchange.head()).status
                return
            delivered, error = await failure(exchange)
            self.expect(error, fault.phase, fault.reason, "whole", fault.name)
            assert delivered == fault.delivered[: len(delivered)]
            if other is None:
                assert delivered == fault.delivered
                assert fault.detail in error.detail
            assert error.bytes_in < 1_000_000
            assert not exchange.framed
            if fault.end == "stay":
                await spent(server.gone.is_set, 1.0)

    @pytest.mark.parametrize("good", GOODS, ids=lambda good: good.name)
    @pytest.mark.parametrize("dripped", [False, True], ids=["at once", "byte by byte"])
    @looped
    async def test_a_good_reply_is_whole(self, good: Good, dripped: bool) -> None:
        """Status and body are what was sent, and the connection is kept only where that is safe."""
        async with (
            serving(answering(good.reply, dripped=dripped, end=good.end)) as server,
            self.transport() as transport,
        ):
            for _ in range(2):
                exchange = transport.open(request(server.origin), 5.0)
                assert (await exchange.head()).status == good.status
                assert await whole(exchange) == good.body
                assert await exchange.read() == b""
                assert (exchange.phase, exchange.framed, exchange.sent) == ("end", good.framed, "whole")
                exchange.abort()
                await rounds(20)
            assert server.accepted == (1 if good.kept else 2)

    @looped
    async def test_a_split_anywhere_changes_nothing(self) -> None:
        """A reply in two pieces, cut at every byte in turn, each on the same connection."""
        reply = b"HTTP/1.1 100 Go\r\n\r\n" + OK + b"x-a: 1\r\ntransfer-encoding: chunked\r\n\r\n"
        reply += b"5\r\nhello\r\n6\r\n world\r\n0\r\nx-b: 2\r\n\r\n"

        async def behave(peer: Peer) -> None:
            for at in range(1, len(reply)):
                await peer.request()
                await peer.write(reply[:at])
                await rounds()
                await peer.write(reply[at:])

        async with serving(behave) as server, self.transport() as transport:
            for _ in range(1, len(reply)):
                exchange = transport.open(request(server.origin), 5.0)
                head = await exchange.head()
                assert (head.status, dict(head.headers)) == (200, {"x-a": "1", "transfer-encoding": "chunked"})
                assert await whole(exchange) == b"hello world"
            assert server.accepted == 1

    @looped
    async def test_fields_come_by_lower_case_name_and_repeated_ones_joined(self) -> None:
        """As RFC 9110, 5.3 has it; bytes beyond ASCII don't break it."""
        reply = OK + b"X-One: a\r\nx-two: 1\r\nX-TWO: 2\r\nx-three: caf\xe9\r\nContent-Length: 0\r\n\r\n"
        async with serving(answering(reply)) as server, self.transport() as transport:
            headers = (await transport.open(request(server.origin), 5.0).head()).headers
            assert dict(headers) == {"x-one": "a", "x-two": "1, 2", "x-three": "caf\xe9", "content-length": "0"}

    # Requests

    @looped
    async def test_the_request_is_sent_as_it_is(self) -> None:
        """Target untouched, host, length and `identity` added, nothing else."""
        async with serving(answering(HELLO)) as server, self.transport() as transport:
            await whole(transport.open(request(server.origin, target="/v1/a%2Fb?x=%20y"), 5.0))
            lines = server.requests[0].decode().split("\r\n")
            assert lines[0] == "POST /v1/a%2Fb?x=%20y HTTP/1.1"
            assert {line.lower() for line in lines[1:] if line} == {
                f"host: {server.origin.authority}",
                f"authorization: bearer {KEY}",
                "accept-encoding: identity",
                "content-length: 2",
            }

    @pytest.mark.parametrize(
        "field",
        [("x-a", f"{KEY}\r\nx-b: 1"), ("x-a", f"{KEY}\n"), ("x-a", f"{KEY}\0"), ("x a", KEY), ("x-a\r\nx-b", "")],
    )
    @looped
    async def test_a_line_break_never_gets_out(self, field: tuple[str, str]) -> None:
        """A header that would add another is our own mistake: nothing is sent, and its value not shown."""
        async with serving(answering(HELLO)) as server, self.transport() as transport:
            exchange = transport.open(HttpRequest("POST", server.origin, "/", (field,), b"{}"), 5.0)
            _, error = await failure(exchange)
            assert (error.reason, error.sent) == ("local", "none")
            assert KEY not in str(error)
            assert not server.requests

    @pytest.mark.parametrize("target", ["/a b", "/a\r\nx-b:1", "/a\n", "/a\r", "/a\0"])
    @looped
    async def test_a_target_stays_in_its_line(self, target: str) -> None:
        """The same holds for it."""
        async with serving(answering(HELLO)) as server, self.transport() as transport:
            _, error = await failure(transport.open(request(server.origin, target=target), 5.0))
            assert (error.reason, error.sent) == ("local", "none")
            assert not server.requests

    @looped
    async def test_a_redirect_is_not_followed(self) -> None:
        """The key would go with it."""
        async with serving(answering(HELLO)) as second:
            moved = f"HTTP/1.1 307 Go\r\nlocation: {second.origin}/\r\ncontent-length: 0\r\n\r\n".encode()
            async with serving(answering(moved)) as first, self.transport() as transport:
                _, error = await failure(transport.open(request(first.origin), 5.0))
                assert (error.reason, error.detail) == ("protocol", "redirect")
            assert second.accepted == 0

    @looped
    async def test_an_answer_to_half_a_request_is_the_answer(self) -> None:
        """A 401 after the head of a long request, and the connection closed under it: five times of five."""

        async def behave(peer: Peer) -> None:
            await peer.head()
            await peer.write(b"HTTP/1.1 401 No\r\ncontent-length: 5\r\n\r\nhello")
            await rounds(20)
            await peer.leave("fin")

        async with serving(behave) as server, self.transport() as transport:
            for _ in range(5):
                exchange = transport.open(request(server.origin, b"x" * 20_000_000), 5.0)
                if "an answer to half a request" in self.differences:
                    _, error = await failure(exchange)
                    self.expect(error, "body", "closed", "part", "an answer to half a request")
                    continue
                assert (await exchange.head()).status == 401
                assert await whole(exchange) == b"hello"
            assert server.accepted == 5

    @looped
    async def test_an_interim_reply_does_not_stop_a_request(self) -> None:
        """A 100 or 103 while a long request is under way, whole or in two pieces: the rest of it follows."""
        body = bytes(range(256)) * 40_000
        interims = [[b"HTTP/1.1 100 Go\r\n\r\n"], [b"HTTP/1.1 103 Hi", b"nts\r\nlink: x\r\n\r\n"]]

        async def behave(peer: Peer) -> None:
            for pieces in interims:
                await peer.head()
                for piece in pieces:
                    await peer.write(piece)
                    await rounds(20)
                assert await peer.reader.readexactly(len(body)) == body
                await peer.write(HELLO)

        async with serving(behave) as server, self.transport() as transport:
            for _ in interims:
                exchange = transport.open(request(server.origin, body), 5.0)
                assert await asyncio.wait_for(whole(exchange), 10.0) == b"hello"
            assert server.accepted == 1

    @looped
    async def test_a_long_request_arrives_whole(self) -> None:
        """In pieces, and the connection is kept."""
        body = bytes(range(256)) * 12_000
        came: list[bytes] = []

        async def behave(peer: Peer) -> None:
            for _ in range(2):
                came.append(await peer.request())
                await peer.write(HELLO)

        async with serving(behave) as server, self.transport() as transport:
            for _ in range(2):
                assert await whole(transport.open(request(server.origin, body), 5.0)) == b"hello"
            assert came == [body, body]
            assert server.accepted == 1

    @looped
    async def test_bytes_are_counted_either_way_as_they_move(self) -> None:
        """Silence is told from work by them: those of a long request, and each piece of a reply."""
        body = b"x" * 1_000_000
        further = asyncio.Semaphore(0)

        async def behave(peer: Peer) -> None:
            await peer.request()
            for piece in (OK + b"content-length: 5\r\n\r\n", b"he", b"llo"):
                await further.acquire()
                await peer.write(piece)

        async with serving(behave) as server, self.transport() as transport:
            exchange = transport.open(request(server.origin, body), 5.0)
            async with asyncio.timeout(5.0):
                while not exchange.moved:  # noqa: ASYNC110 - nothing else tells
                    await asyncio.sleep(0)
            further.release()
            await exchange.head()
            counts = [exchange.moved]
            for part in (b"he", b"llo"):
                further.release()
                assert await exchange.read() == part
                counts.append(exchange.moved)
            assert len(body) < counts[0] < counts[1] < counts[2]

    # Connections

    @looped
    async def test_a_stale_connection_is_replaced(self) -> None:
        """Closed just as the second request comes, 200 times: nobody notices."""

        async def behave(peer: Peer) -> None:
            await peer.request()
            await peer.write(HELLO)
            await peer.request()
            await peer.leave("fin")

        async with serving(behave) as server, self.transport() as transport:
            reused = 0
            for _ in range(200):
                exchange = transport.open(request(server.origin), 5.0)
                assert await whole(exchange) == b"hello"
                reused += exchange.reused
            assert reused >= 99

    @looped
    async def test_a_stale_connection_is_replaced_only_once(self) -> None:
        """The fresh one fails like any other."""

        async def behave(peer: Peer) -> None:
            await peer.request()
            if server.accepted == 1:
                await peer.write(HELLO)
                await peer.request()
            await peer.leave("fin")

        async with serving(behave) as server, self.transport() as transport:
            await whole(transport.open(request(server.origin), 5.0))
            _, error = await failure(transport.open(request(server.origin), 5.0))
            self.expect(error, "head", "closed", "whole")
            assert server.accepted == 2

    @pytest.mark.parametrize("late", [b"", b"HTTP/1.1 408 Bye\r\ncontent-length: 0\r\n\r\n"], ids=["closed", "spoke"])
    @looped
    async def test_what_happens_to_a_kept_connection_hurts_no_request(self, late: bytes) -> None:
        """The peer closes it, or says something that nobody asked for."""

        async def behave(peer: Peer) -> None:
            await peer.request()
            await peer.write(HELLO)
            await rounds()
            await peer.write(late)
            await peer.leave("fin")

        async with serving(behave) as server, self.transport() as transport:
            for _ in range(3):
                assert await whole(transport.open(request(server.origin), 5.0)) == b"hello"
                await rounds(30)
            assert server.accepted == 3

    @looped
    async def test_after_a_thousand_random_cancels_all_works(self) -> None:
        """No slot is lost, and each reply is its own."""
        chance = random.Random(7)  # noqa: S311 - a test

        async def behave(peer: Peer) -> None:
            while body := await peer.request():
                await rounds(chance.randrange(6))
                await peer.write(OK + b"transfer-encoding: chunked\r\n\r\n")
                for at in range(len(body)):
                    await rounds(chance.randrange(3))
                    await peer.write(b"1\r\n" + body[at : at + 1] + b"\r\n")
                await peer.write(b"0\r\n\r\n")

        async def one(number: int, *, cancel: bool) -> None:
            body = b"%05d" % number
            exchange = transport.open(request(server.origin, body), 5.0)
            if cancel:
                await rounds(chance.randrange(60))
                exchange.abort()
            else:
                assert await whole(exchange) == body

        async with serving(behave) as server, self.transport() as transport:
            for wave in range(50):
                await asyncio.gather(*(one(wave * 40 + n, cancel=n % 2 == 0) for n in range(40)))
            await asyncio.gather(*(one(n, cancel=False) for n in range(40)))
            assert server.open <= 80

    @pytest.mark.parametrize("failing", ["refused", "closed", "cut", "stopped", "stopped at once"])
    @looped
    async def test_a_failure_leaves_nothing_to_the_collector(
        self, failing: Literal["refused", "closed", "cut", "stopped", "stopped at once"]
    ) -> None:
        """Its traceback holds whoever asked, with all that it holds: an error that is kept and raised would be a circle."""

        class Asker:
            """Whoever asks."""

        async def behave(peer: Peer) -> None:
            await peer.request()
            if failing == "cut":
                await peer.write(OK + b"content-length: 9\r\n\r\nhello")
            if failing == "stopped":
                stops.pop()()
            else:
                await peer.leave("fin")

        async def ask(asker: Asker) -> None:
            exchange = transport.open(request(origin), 5.0)
            if "circles" not in self.differences:
                kinds.add(type(exchange))
            if failing == "stopped":
                stops.append(exchange.abort)
            elif failing == "stopped at once":
                asyncio.get_running_loop().call_soon(exchange.abort)
            for _ in range(2):
                with suppress(TransportError):
                    raise AssertionError(f"no error, but {await whole(exchange)!r}")

        kinds: set[type] = {Asker}
        stops: list[Callable[[], None]] = []
        with refusing() as port:
            async with serving(behave) as server, self.transport() as transport:
                origin = Origin("http", "127.0.0.1", port) if failing == "refused" else server.origin
                await ask(Asker())
                await rounds(20)
                with left_to_the_collector() as left:
                    for _ in range(3):
                        await ask(Asker())
                    await rounds(20)
        assert not {type(one).__name__ for one in left if type(one) in kinds}
