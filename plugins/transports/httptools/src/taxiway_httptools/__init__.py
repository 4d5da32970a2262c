"""Taxiway's fast HTTP/1.1 transport."""

from typing import Any

from attrs import frozen

from taxiway.hookspecs import hookimpl
from taxiway.registration import Context, Registration
from taxiway.transport import Transport

TAXIWAY_API = (1, 0)


@frozen
class Options:
    """`ca_file`: a PEM file with the authorities to trust, instead of the system's (or those of SSL_CERT_FILE)."""

    ca_file: str | None = None


def _build(options: Options, context: Context) -> Transport:
    from taxiway_httptools.transport import HttptoolsTransport

    return HttptoolsTransport(options.ca_file)


@hookimpl
def taxiway_transports() -> list[Registration[Any, Transport]]:
    """Offer the transport `httptools`."""
    return [
        Registration(
            name="httptools",
            summary="HTTP/1.1 over asyncio and httptools: the fastest way to an origin, without proxies",
            options=Options,
            build=_build,
        )
    ]
