import uvloop

from taxiway.http import Origin
from taxiway.testing.peer import rounds, serving
from taxiway.testing.transport import TransportContract
from taxiway.testing.transport_kit import failure, looped, request
from taxiway_httptools import taxiway_transports


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


class TestHttptoolsOnUvloop(TestHttptools):
    def new_loop(self):
        return uvloop.new_event_loop()
