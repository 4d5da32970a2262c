import asyncio

import uvloop
from waiting import until

from taxiway.http import Origin
from taxiway.testing.peer import rounds, serving
from taxiway.testing.transport import TransportContract
from taxiway.testing.transport_kit import HELLO, failure, looped, request, whole
from taxiway_httptools import taxiway_transports
from taxiway_httptools.connection import PIECE


class TestHttptools(TransportContract):
    registration = taxiway_transports()[0]

    @looped
    async def test_nothing_is_left_of_connections_that_never_came_to_be(self, ca_file):
        """Stopped in every round of the loop on the way to one, or refused by TLS."""

        async def behave(peer):
            await peer.reader.read(10)
            await peer.write(b"HTTP/1.1 400 Plain\r\n\r\n")

        async with serving(behave) as server, self.transport(ca_file=ca_file) as transport:
            for scheme in ("http", "https"):
                origin = Origin(scheme, "localhost", server.origin.port)
                for count in range(60):
                    exchange = transport.open(request(origin), 5.0)
                    await rounds(count % 20)
                    exchange.abort()
                await rounds(20)
                assert not any(pool.live for pool in transport._pools.values())
            await failure(transport.open(request(origin), 5.0))
            await rounds(20)
            assert not any(pool.live for pool in transport._pools.values())

    @looped
    async def test_a_peer_that_reads_nothing_keeps_no_connection_of_ours(self):
        """No more of a body waits with us than one piece, and nobody waits for that."""
        async with serving(lambda _: asyncio.sleep(3600)) as server, self.transport() as transport:
            exchange = transport.open(request(server.origin, bytes(20_000_000)), 5.0)
            await until(lambda: any(one.blocked for pool in transport._pools.values() for one in pool.live))
            (blocked,) = [one for pool in transport._pools.values() for one in pool.live]
            await rounds(20)
            assert blocked.transport.get_write_buffer_size() <= PIECE
            exchange.abort()
            await rounds(20)
            assert not any(pool.live for pool in transport._pools.values())

    @looped
    async def test_after_an_answer_to_half_a_request_its_connection_is_not_used_again(self):
        """What is left of the body would be, to the peer, the beginning of the next request."""

        async def behave(peer):
            await peer.head()
            await peer.write(HELLO)

        async with serving(behave) as server, self.transport() as transport:
            for count in (1, 2):
                assert await whole(transport.open(request(server.origin, bytes(20_000_000)), 5.0)) == b"hello"
                assert server.accepted == count


class TestHttptoolsOnUvloop(TestHttptools):
    def new_loop(self):
        return uvloop.new_event_loop()
