import uvloop

from taxiway.testing.transport import TransportContract
from taxiway_httptools import taxiway_transports


class TestHttptools(TransportContract):
    registration = taxiway_transports()[0]


class TestHttptoolsOnUvloop(TransportContract):
    registration = taxiway_transports()[0]

    def new_loop(self):
        return uvloop.new_event_loop()
