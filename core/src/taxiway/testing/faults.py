"""Replies on the wire, bad and good, and what a transport must make of each. Data only: `taxiway.testing.transport` plays it."""

from typing import Final

from attrs import frozen

from taxiway.errors import Reason
from taxiway.http import Phase
from taxiway.testing.peer import End


@frozen
class Fault:
    """A reply that must end in an error. `delivered`: how much of a body comes before it."""

    name: str
    reply: bytes
    phase: Phase
    reason: Reason
    end: End = "stay"
    delivered: bytes = b""
    detail: str = ""


@frozen
class Good:
    """A reply that is whole. `kept`: the connection serves the next request as well."""

    name: str
    reply: bytes
    body: bytes = b"hello"
    status: int = 200
    end: End = "stay"
    framed: bool = True
    kept: bool = True


@frozen
class Difference:
    """What a transport makes of a fault instead, and why that may be. `reason` None: it takes the reply for a good one."""

    why: str
    phase: Phase = "head"
    reason: Reason | None = None


OK: Final = b"HTTP/1.1 200 OK\r\n"
_LENGTH: Final = OK + b"content-length: 5\r\n\r\n"
_CHUNKED: Final = OK + b"transfer-encoding: chunked\r\n\r\n"
_HELLO: Final = b"5\r\nhello\r\n"


def _head(name: str, reply: bytes, detail: str = "") -> Fault:
    return Fault(name, reply, "head", "protocol", detail=detail)


def _fields(name: str, *lines: bytes) -> Fault:
    return _head(name, OK + b"".join(line + b"\r\n" for line in lines) + b"\r\nhello")


def _chunk(name: str, chunk: bytes, delivered: bytes = b"hello") -> Fault:
    return Fault(name, _CHUNKED + _HELLO + chunk, "body", "protocol", delivered=delivered)


FAULTS: Final = (
    Fault("reset before the head", b"", "head", "reset", "reset"),
    Fault("closed before the head", b"", "head", "closed", "fin"),
    Fault("reset in the head", b"HTTP/1.1 200 OK\r\nconte", "head", "reset", "reset"),
    Fault("closed in the head", b"HTTP/1.1 20", "head", "closed", "fin"),
    _fields("two equal lengths", b"content-length: 5", b"content-length: 5"),
    _fields("two lengths", b"content-length: 5", b"content-length: 6"),
    _fields("a list of lengths", b"content-length: 5, 5"),
    _fields("a length with a plus", b"content-length: +5"),
    _fields("a negative length", b"content-length: -5"),
    _fields("a length too large", b"content-length: 99999999999999999999999"),
    _fields("length and chunked", b"content-length: 5", b"transfer-encoding: chunked"),
    _fields("chunked and length", b"transfer-encoding: chunked", b"content-length: 5"),
    _fields("gzip in chunks", b"transfer-encoding: gzip, chunked"),
    _fields("chunks in gzip", b"transfer-encoding: chunked, gzip"),
    _fields("identity as transfer", b"transfer-encoding: identity"),
    _fields("an unknown transfer", b"transfer-encoding: xchunked"),
    _fields("gzip not asked for", b"content-encoding: gzip", b"content-length: 5"),
    _fields("a folded field", b"x-a: 1\r\n  2", b"content-length: 5"),
    _fields("a NUL", b"x-a: 1\x002", b"content-length: 5"),
    _fields("a bare CR", b"x-a: 1\r2", b"content-length: 5"),
    _fields("a space before the colon", b"x-a : 1", b"content-length: 5"),
    _fields("no colon", b"x-a", b"content-length: 5"),
    _head("line feeds alone", b"HTTP/1.1 200 OK\ncontent-length: 5\n\nhello"),
    _head("status 99", b"HTTP/1.1 99 No\r\ncontent-length: 5\r\n\r\nhello"),
    _head("status 2000", b"HTTP/1.1 2000 OK\r\ncontent-length: 5\r\n\r\nhello"),
    _head("TLS instead", b"\x15\x03\x03\x00\x02\x02\x28\r\n\r\n"),
    _head("a page instead", b"<!doctype html><title>hi</title>\r\n\r\n"),
    _head("another version", b"HTTP/2.0 200 OK\r\ncontent-length: 5\r\n\r\nhello"),
    _head("switching protocols", b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
    _head("nine interim replies", b"HTTP/1.1 100 Continue\r\n\r\n" * 9 + _LENGTH + b"hello"),
    *(
        _head(
            f"a redirect by {code}",
            b"HTTP/1.1 %d Go\r\nlocation: /x\r\ncontent-length: 5\r\n\r\nhello" % code,
            "redirect",
        )
        for code in (301, 302, 303, 307, 308)
    ),
    Fault("a head too large", OK + b"x-a: " + b"a" * 70_000 + b"\r\n\r\n", "head", "oversized"),
    Fault("an endless line", OK + b"x-a: " + b"a" * 5_000_000, "head", "oversized"),
    Fault("too many fields", OK + b"x-a: 1\r\n" * 200 + b"\r\n", "head", "oversized"),
    Fault("too many names", OK + b"".join(b"x-%d: 1\r\n" % at for at in range(200)) + b"\r\n", "head", "oversized"),
    Fault("closed after the head", _LENGTH, "body", "closed", "fin"),
    Fault("reset after the head", _LENGTH, "body", "reset", "reset"),
    Fault("closed before its length", _LENGTH + b"hel", "body", "closed", "fin", b"hel"),
    Fault("closed in a chunk", _CHUNKED + b"5\r\nhel", "body", "closed", "fin", b"hel"),
    Fault("closed before the last chunk", _CHUNKED + _HELLO, "body", "closed", "fin", b"hello"),
    Fault("closed in the last chunk", _CHUNKED + _HELLO + b"0\r\n", "body", "closed", "fin", b"hello"),
    Fault("reset in the body", _CHUNKED + _HELLO, "body", "reset", "reset", b"hello"),
    _chunk("a size that is none", b"zz\r\nhello\r\n"),
    _chunk("an empty size", b"\r\nhello\r\n"),
    _chunk("a size too large", b"fffffffffffffffff\r\n"),
    _chunk("a space after the size", b"5 \r\nhello\r\n"),
    _chunk("a size ended by a line feed", b"5\nhello\r\n"),
    _chunk("no line end after a chunk", b"5\r\nhelloX0\r\n\r\n", b"hellohello"),
    Fault("an endless size", _CHUNKED + _HELLO + b"5;" + b"a" * 2_000_000, "body", "oversized", delivered=b"hello"),
    Fault("endless trailers", _CHUNKED + b"0\r\n" + b"x-a: 1\r\n" * 100_000, "body", "oversized"),
)

GOODS: Final = (
    Good("by length", _LENGTH + b"hello"),
    Good("in chunks", _CHUNKED + b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"),
    Good("with trailers", _CHUNKED + _HELLO + b"0\r\nx-a: 2\r\n\r\n"),
    Good("with a chunk's extension", _CHUNKED + b"5;x=y\r\nhello\r\n0\r\n\r\n"),
    Good("with a time that is none", OK + b"keep-alive: timeout=\xb2\r\ncontent-length: 5\r\n\r\nhello"),
    Good("empty", OK + b"content-length: 0\r\n\r\n", b""),
    Good("no content", b"HTTP/1.1 204 No Content\r\n\r\n", b"", 204),
    Good("not modified", b"HTTP/1.1 304 Not Modified\r\n\r\n", b"", 304),
    Good("an error", b"HTTP/1.1 429 Slow\r\nretry-after: 3\r\ncontent-length: 5\r\n\r\nhello", status=429),
    Good("after interim replies", b"HTTP/1.1 103 Hints\r\nlink: x\r\n\r\n" * 8 + _LENGTH + b"hello"),
    Good("and goodbye", OK + b"connection: close\r\ncontent-length: 5\r\n\r\nhello", kept=False),
    Good("an old version", b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello", kept=False),
    Good("until it closes", OK + b"\r\nhello", end="fin", framed=False, kept=False),
    Good("and more than it said", _LENGTH + b"hello, world", kept=False),
    Good("and another reply", _LENGTH + b"hello" + _LENGTH + b"other", kept=False),
    Good("no content, and some", b"HTTP/1.1 204 No Content\r\n\r\nhello", b"", 204, kept=False),
)
