"""The half of the transport contract that is about connections: making them, TLS, leaving them."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from taxiway.errors import TransportError
from taxiway.http import Origin
from taxiway.testing.faults import OK
from taxiway.testing.peer import SOON, Peer, refusing, rounds, serving, silent, spent
from taxiway.testing.transport_kit import HELLO, TransportKit, answering, failure, looped, request, whole
from taxiway.transport import Exchange

_LONG = b"x" * 50_000_000
_CHUNKS = OK + b"transfer-encoding: chunked\r\n\r\n"
# TLS's alert close_notify.
_GOODBYE = b"\x15\x03\x03\x00\x02\x01\x00"


def resolving(monkeypatch: pytest.MonkeyPatch, answer: Callable[[str, int], Any]) -> None:
    """Look names that end in .test up by `answer`; it gives addresses or raises."""
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if not isinstance(name, str) or not name.endswith(".test"):
            return real(host, port, *args, **kwargs)
        found = answer(name, int(port))
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, int(port))) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Make a server's context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


async def hang(peer: Peer) -> None:
    """Read nothing, say nothing, until the client is gone."""
    await peer.gone()


class ConnectionContract(TransportKit):
    """Names, addresses, TLS, and every way to stop."""

    @pytest.fixture
    def authority(self) -> trustme.CA:
        """An authority of the test's own."""
        return trustme.CA()

    @pytest.fixture
    def ca_file(self, authority: trustme.CA, tmp_path: Path) -> str:
        """A file with its certificate."""
        path = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(str(path))
        return str(path)

    # Making a connection

    @looped
    async def test_a_refused_connection(self) -> None:
        """Nobody listens: nothing was sent."""
        async with self.transport() as transport:
            with refusing() as port:
                _, error = await failure(transport.open(request(Origin("http", "127.0.0.1", port)), 5.0))
            self.expect(error, "connect", "refused", "none")

    @looped
    async def test_an_unknown_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """No address."""

        def unknown(name: str, port: int) -> list[str]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        resolving(monkeypatch, unknown)
        async with self.transport() as transport:
            _, error = await failure(transport.open(request(Origin("http", "nobody.test", 80)), 5.0))
            self.expect(error, "dns", "name", "none")

    @looped
    async def test_a_silent_name_server(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It costs the connect limit, and other names are still found."""
        answered = threading.Event()

        def sleep(name: str, port: int) -> list[str]:
            if name == "silent.test":
                answered.wait(5.0)
            return ["127.0.0.1"]

        resolving(monkeypatch, sleep)
        async with serving(answering(HELLO), name="there.test") as server, self.transport() as transport:
            exchanges = [transport.open(request(Origin("http", "silent.test", 80)), 0.05) for _ in range(3)]
            assert await whole(transport.open(request(server.origin), 5.0)) == b"hello"
            for exchange in exchanges:
                _, error = await failure(exchange)
                self.expect(error, "dns", "timeout", "none", "a silent name server")
            answered.set()
            await asyncio.get_running_loop().shutdown_default_executor()

    @looped
    async def test_a_silent_address(self) -> None:
        """A connection that is never taken."""
        async with silent() as port, self.transport() as transport:
            _, error = await failure(transport.open(request(Origin("http", "127.0.0.1", port)), 0.05))
            self.expect(error, "connect", "timeout", "none")

    @pytest.mark.parametrize("scheme", ["http", "https"])
    @looped
    async def test_a_connection_that_is_closed_as_soon_as_it_is_there(self, scheme: str) -> None:
        """As balancers do that have nobody behind them: told at once, however early it comes, and nothing left by TLS."""

        async def behave(peer: Peer) -> None:
            peer.writer.transport.abort()

        async with serving(behave) as server, self.transport() as transport, asyncio.timeout(4.0):
            there = Origin(scheme, "127.0.0.1", server.origin.port)
            for _, error in await asyncio.gather(*(failure(transport.open(request(there), 5.0)) for _ in range(50))):
                assert error.reason in {"closed", "reset"}
                assert scheme == "http" or error.sent == "none"

    @pytest.mark.parametrize("dead", ["refusing", "silent"])
    @looped
    async def test_a_dead_address_beside_a_living_one(self, monkeypatch: pytest.MonkeyPatch, dead: str) -> None:
        """The next address is tried at once, or after a short head start (RFC 8305): no failure."""
        resolving(monkeypatch, lambda *_: ["127.0.0.2", "127.0.0.1"])
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(serving(answering(HELLO), name="two.test"))
            if dead == "silent":
                await stack.enter_async_context(silent("127.0.0.2", server.origin.port))
            transport = await stack.enter_async_context(self.transport())
            assert await whole(transport.open(request(server.origin), 5.0)) == b"hello"

    @looped
    async def test_no_descriptors_left(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """That is our own fault, and said so."""
        resource = pytest.importorskip("resource")
        async with serving(answering(HELLO)) as server, self.transport() as transport:
            assert (
                await whole(transport.open(request(Origin("http", "127.0.0.1", server.origin.port)), 5.0)) == b"hello"
            )
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            exchange = None
            try:
                # The first three are always taken.
                resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
                exchange = transport.open(request(Origin("http", "127.0.0.2", server.origin.port)), 5.0)
                _, error = await failure(exchange)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            self.expect(error, "connect", "local", "none")

    # TLS

    @looped
    async def test_tls(self, authority: trustme.CA, ca_file: str) -> None:
        """Replies by length and in chunks, long requests, all on one connection."""
        body = b"x" * 1_000_000
        context = context_of(authority.issue_cert("localhost"))
        chunks = _CHUNKS + b"5\r\nhello\r\n0\r\n\r\n"

        async def behave(peer: Peer) -> None:
            for reply in (HELLO, chunks, HELLO):
                assert await peer.request() in {b"{}", body}
                await peer.write(reply)

        async with serving(behave, context, name="localhost") as server, self.transport(ca_file=ca_file) as transport:
            for sent in (b"{}", body, b"{}"):
                exchange = transport.open(request(server.origin, sent), 5.0)
                assert await whole(exchange) == b"hello"
                assert exchange.framed
            assert server.accepted == 1

    @looped
    async def test_the_environment_names_the_authorities(
        self, authority: trustme.CA, ca_file: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """SSL_CERT_FILE holds where no `ca_file` is given."""
        monkeypatch.setenv("SSL_CERT_FILE", ca_file)
        context = context_of(authority.issue_cert("localhost"))
        async with serving(answering(HELLO), context, name="localhost") as server, self.transport() as transport:
            assert await whole(transport.open(request(server.origin), 5.0)) == b"hello"

    @looped
    async def test_a_file_of_authorities_may_be_in_the_home_folder(
        self, authority: trustme.CA, ca_file: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As in every other option that names a file."""
        monkeypatch.setenv("HOME", str(Path(ca_file).parent))
        context = context_of(authority.issue_cert("localhost"))
        async with (
            serving(answering(HELLO), context, name="localhost") as server,
            self.transport(ca_file="~/ca.pem") as transport,
        ):
            assert await whole(transport.open(request(server.origin), 5.0)) == b"hello"

    @pytest.mark.parametrize("wrong", ["issuer", "name", "expired"])
    @looped
    async def test_a_certificate_that_proves_nothing(self, authority: trustme.CA, ca_file: str, wrong: str) -> None:
        """No byte of a request gets out."""
        issuer = trustme.CA() if wrong == "issuer" else authority
        end = datetime.now(UTC) + timedelta(days=-1 if wrong == "expired" else 1)
        name = "elsewhere.test" if wrong == "name" else "localhost"
        context = context_of(issuer.issue_cert(name, not_before=end - timedelta(days=9), not_after=end))
        async with (
            serving(answering(HELLO), context, name="localhost") as server,
            self.transport(ca_file=ca_file) as transport,
        ):
            _, error = await failure(transport.open(request(server.origin), 5.0))
            self.expect(error, "tls", "certificate", "none")
            assert not server.requests

    @pytest.mark.parametrize(
        ("wrong", "reason"),
        [("plain", "protocol"), ("closed", "closed"), ("goodbye", "closed"), ("reset", "reset"), ("silent", "timeout")],
    )
    @looped
    async def test_a_handshake_that_fails(self, ca_file: str, wrong: str, reason: Any) -> None:
        """By plain HTTP, by an end without and with TLS's own goodbye, by silence within the connect limit."""
        arrived = asyncio.Event()

        async def behave(peer: Peer) -> None:
            await peer.reader.readexactly(10)
            arrived.set()
            if wrong == "plain":
                await peer.write(b"HTTP/1.1 400 Plain\r\n\r\n")
            elif wrong == "closed":
                await peer.leave("fin")
            elif wrong == "goodbye":
                await peer.write(_GOODBYE)
                await peer.leave("fin")
            elif wrong == "reset":
                await peer.leave("reset")

        async with serving(behave) as server, self.transport(ca_file=ca_file) as transport:
            origin = Origin("https", "localhost", server.origin.port)
            _, error = await failure(transport.open(request(origin), 0.2 if wrong == "silent" else 20.0))
            if not arrived.is_set():
                # A busy machine needed that for the connection alone.
                _, error = await failure(transport.open(request(origin), 20.0))
            self.expect(error, "tls", reason, "none", f"a handshake {wrong}")

    @looped
    async def test_a_cut_under_tls(self, authority: trustme.CA, ca_file: str) -> None:
        """Without a length the end is the end, and nobody says that the body is whole; with one it was cut."""
        context = context_of(authority.issue_cert("localhost"))
        replies = [OK + b"\r\nhello", OK + b"content-length: 9\r\n\r\nhello"]

        async def behave(peer: Peer) -> None:
            await peer.request()
            await peer.write(replies.pop(0))
            await peer.leave("fin")

        async with serving(behave, context, name="localhost") as server, self.transport(ca_file=ca_file) as transport:
            exchange = transport.open(request(server.origin), 5.0)
            assert (await whole(exchange), exchange.framed) == (b"hello", False)
            delivered, error = await failure(transport.open(request(server.origin), 5.0))
            assert delivered == b"hello"
            self.expect(error, "body", "closed", "whole")

    # Leaving one

    @pytest.mark.real_time
    @pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
    @pytest.mark.parametrize("reason", ["cancelled", "timeout"])
    @pytest.mark.parametrize("phase", ["tls", "send", "head", "inside the head", "body", "unread body"])
    @looped
    async def test_the_peer_sees_a_stop_at_once(
        self, authority: trustme.CA, ca_file: str, phase: Any, reason: Any, tls: bool
    ) -> None:
        """Whatever is under way: the error says where it was and what had been sent, the peer sees the end within 100 ms."""
        if phase == "tls" and not tls:
            pytest.skip("no TLS")
        stopped = asyncio.Event()
        arrived = asyncio.Event()

        async def behave(peer: Peer) -> None:
            if phase == "send":
                await peer.head()
            elif phase != "tls":
                await peer.request()
            beginning = {"inside the head": OK + b"x-", "body": _CHUNKS + b"5\r\nhello\r\n", "unread body": _CHUNKS}
            await peer.write(beginning.get(phase, b""))
            arrived.set()
            writing = None
            if phase == "unread body":
                writing = asyncio.ensure_future(peer.write(b"%x\r\n%s\r\n" % (len(_LONG), _LONG)))
            await stopped.wait()
            await peer.gone()
            gone.set()
            if writing is not None:
                await writing

        context = context_of(authority.issue_cert("localhost")) if tls and phase != "tls" else None
        gone, best = asyncio.Event(), 9.0
        async with serving(behave, context, name="localhost") as server, self.transport(ca_file=ca_file) as transport:
            origin = Origin("https" if tls else "http", "localhost", server.origin.port)
            # The best of three: the machine may be busy with other things for a moment.
            for _ in range(3):
                arrived.clear()
                stopped.clear()
                gone.clear()
                exchange = transport.open(request(origin, _LONG if phase == "send" else b"{}"), 5.0)
                await self._until(exchange, phase, arrived)
                waiting = asyncio.ensure_future(failure(exchange))
                await rounds()
                exchange.abort(reason)
                exchange.abort("reset")
                stopped.set()
                best = min(best, await spent(gone.is_set, 10.0))
                _, error = await waiting
                where = {"inside the head": "head", "unread body": "body"}.get(phase, phase)
                self.expect(error, where, reason, {"tls": "none", "send": "part"}.get(phase, "whole"))  # type: ignore[arg-type]
            assert best < SOON

    async def _until(self, exchange: Exchange, phase: str, arrived: asyncio.Event) -> None:
        """Wait until an exchange has come to `phase`."""
        await arrived.wait()
        if phase in {"body", "unread body"}:
            await exchange.head()
        if phase == "body":
            assert await exchange.read() == b"hello"
        if phase in {"tls", "send"}:
            while exchange.phase != phase:  # noqa: ASYNC110 - nothing else tells
                await asyncio.sleep(0.001)
        if phase in {"send", "unread body"}:
            await asyncio.sleep(0.02)
        await rounds(20)

    @looped
    async def test_a_stop_before_anything_happened(self) -> None:
        """In the very step that opened it."""
        async with serving(answering(HELLO)) as server, self.transport() as transport:
            exchange = transport.open(request(server.origin), 5.0)
            exchange.abort()
            with pytest.raises(TransportError) as caught:
                await exchange.read()
            assert (caught.value.reason, caught.value.sent) == ("cancelled", "none")
            assert await whole(transport.open(request(server.origin), 5.0)) == b"hello"

    @looped
    async def test_a_stop_in_a_delivered_body_takes_it_back(self) -> None:
        """What had come and was not read is not given any more."""
        async with serving(answering(_CHUNKS + b"5\r\nhello\r\n")) as server, self.transport() as transport:
            exchange = transport.open(request(server.origin), 5.0)
            await exchange.head()
            await rounds(20)
            exchange.abort("timeout")
            with pytest.raises(TransportError, match="timeout in phase body"):
                await exchange.read()

    @looped
    async def test_a_slow_reader_slows_the_peer(self) -> None:
        """Memory is bounded: most of a long body stays where it is until it is asked for."""
        piece = b"%x\r\n%s\r\n" % (1 << 16, bytes(1 << 16))

        async def behave(peer: Peer) -> None:
            await peer.request()
            await peer.write(_CHUNKS)
            for _ in range(1000):
                await peer.write(piece)
            await peer.write(b"0\r\n\r\n")

        async with serving(behave) as server, self.transport() as transport:
            exchange = transport.open(request(server.origin), 5.0)
            await exchange.head()
            before = -1
            while before != server.peers[0].pushed:
                before = server.peers[0].pushed
                await asyncio.sleep(0.05)
            # The kernel takes its share: some 10 MB on loopback.
            assert before < 20_000_000
            assert len(await whole(exchange)) == 1000 << 16

    @looped
    async def test_closing_ends_everything(self) -> None:
        """Exchanges under way are cancelled, no connection is left."""
        async with serving(hang) as server:
            async with self.transport() as transport:
                exchange = transport.open(request(server.origin), 5.0)
                while exchange.phase != "head":  # noqa: ASYNC110 - nothing else tells
                    await asyncio.sleep(0)
            _, error = await failure(exchange)
            assert error.reason == "cancelled"
            await spent(server.gone.is_set, 1.0)
