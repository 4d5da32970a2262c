"""The values that providers and transports exchange: one HTTP request, one reply's head, one address."""

from collections.abc import Mapping
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from attrs import define, frozen

Headers: TypeAlias = Mapping[str, str]
"""Header fields by lower-case name; repeated fields joined by ", " (RFC 9110, 5.3)."""

Phase: TypeAlias = Literal["dns", "connect", "tls", "send", "head", "body", "end", "idle"]
"""Where an exchange is, or where it failed. `end` is after the reply, `idle` between two exchanges."""

Sent: TypeAlias = Literal["none", "part", "whole"]
"""How much of the request was given to the kernel. After `none`, sending it again is free."""

_PORTS = {"http": 80, "https": 443}


@frozen
class Origin:
    """Where a connection goes to (RFC 6454): scheme, host, port. One pool and one fault domain each."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> tuple["Origin", str]:
        """Split an absolute URL into its origin and its path (without a trailing slash, query kept).

        Raises ValueError where there is no scheme or host.
        """
        parts = urlsplit(url)
        if not parts.scheme or not parts.hostname:
            raise ValueError(f"{url!r} is not an absolute URL")
        path = parts.path.rstrip("/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme, 0)), path

    @property
    def authority(self) -> str:
        """The value of the `host` field: without the port where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS.get(self.scheme) else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


@define(eq=False, repr=False)
class HttpRequest:
    """One request, ready to be sent as it is.

    `target` is path and query; `headers` have lower-case names and hold all but `host`, `content-length`,
    `accept-encoding` and `connection`, which are the transport's.
    """

    method: str
    origin: Origin
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def __repr__(self) -> str:
        # Headers hold keys and the body holds a prompt: neither belongs in a traceback.
        return f"HttpRequest({self.method} {self.origin}{self.target.partition('?')[0]})"


@define(eq=False)
class HttpHead:
    """A reply's status and header fields."""

    status: int
    headers: Headers


def epoch_of(text: str) -> float | None:
    """Read an HTTP date (RFC 9110, 5.6.7), as seconds since the epoch; None where it is none."""
    # Dear to import, and few ever need it.
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
