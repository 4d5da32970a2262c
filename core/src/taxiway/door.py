"""The way out for the few requests that are no calls: tokens, probes, lists of models. Small replies, read whole."""

import asyncio
from collections.abc import Mapping
from typing import Final

from attrs import define, field

from taxiway.errors import TransportError
from taxiway.http import Headers, HttpRequest
from taxiway.transport import Transport

MOST: Final = 16 * 1024 * 1024
"""Bytes of a reply that are read: a list of some thousand models fits."""


@define(eq=False, repr=False)
class DoorReply:
    """A whole reply."""

    status: int
    headers: Headers
    body: bytes


@define(eq=False)
class Door:
    """Sends requests by the transports that calls go by. `transports` by scheme: complete once everything is built."""

    transports: Mapping[str, Transport] = field(factory=dict)

    async def send(self, request: HttpRequest, within: float) -> DoorReply:
        """Send a request and return its reply, whatever the status. `within`: seconds for all of it. Raises TransportError."""
        loop = asyncio.get_running_loop()
        exchange = self.transports[request.origin.scheme].open(request, within)
        timer = loop.call_later(within, exchange.abort, "timeout")
        try:
            head = await exchange.head()
            body = bytearray()
            while data := await exchange.read():
                body += data
                if len(body) > MOST:
                    raise TransportError("body", "oversized", "whole", bytes_in=len(body))
            return DoorReply(head.status, head.headers, bytes(body))
        finally:
            timer.cancel()
            exchange.abort()
