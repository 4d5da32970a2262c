from taxiway.httpx_transport import taxiway_transports
from taxiway.testing.transport import TransportContract


class TestHttpx(TransportContract):
    registration = taxiway_transports()[0]
