import uvloop
from taxiway_httptools import taxiway_transports

from taxiway.testing.transport import TransportContract


class TestHttptools(TransportContract):
    registration = taxiway_transports()[0]


class TestHttptoolsOnUvloop(TransportContract):
    registration = taxiway_transports()[0]

    def new_loop(self):
        return uvloop.new_event_loop()
