"""What a transport plugin implements: one HTTP exchange at a time, every failure typed, every wait stoppable."""

from typing import Protocol

from taxiway.errors import Reason
from taxiway.http import HttpHead, HttpRequest, Phase, Sent


class Exchange(Protocol):
    """One request and its reply, under way since `Transport.open` returned it.

    `phase` says where it is, `sent` how much of the request left, `moved` counts bytes both ways (so that silence can be
    told from work), `framed` whether HTTP itself said that the body is whole (length or last chunk; true only after the
    end), `reused` whether the connection had served before.
    """

    @property
    def phase(self) -> Phase: ...  # noqa: D102

    @property
    def sent(self) -> Sent: ...  # noqa: D102

    @property
    def moved(self) -> int: ...  # noqa: D102

    @property
    def framed(self) -> bool: ...  # noqa: D102

    @property
    def reused(self) -> bool: ...  # noqa: D102

    async def head(self) -> HttpHead:
        """Wait for the reply's head; 1xx replies are skipped. Raises TransportError."""
        ...

    async def read(self) -> bytes:
        """Wait for more of the body; b"" is its end. Raises TransportError: what came before it was delivered first."""
        ...

    def abort(self, reason: Reason = "cancelled") -> None:
        """Stop at once: the peer sees the connection closed, pending and later reads raise TransportError(reason).

        Synchronous, at any time, more than once. After the body's end it does nothing: the connection was given back.
        """
        ...


class Transport(Protocol):
    """Opens exchanges. It has no timers of its own but for connecting: who opens an exchange watches the clock."""

    schemes: frozenset[str]

    def open(self, request: HttpRequest, connect: float) -> Exchange:
        """Begin an exchange and return at once. `connect`: seconds for name, connection and TLS together.

        A kept connection that turns out stale before any byte of the reply is replaced by a fresh one, once, silently.
        """
        ...
