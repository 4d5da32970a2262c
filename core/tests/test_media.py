"""Media by URL: fetched where bytes are wanted, and never from where a stranger's URL must not lead."""

import asyncio
import base64
import ssl
from contextlib import asynccontextmanager

import pytest
import trustme

from taxiway import media as media_module
from taxiway.errors import InvalidRequest, Unsupported
from taxiway.media import MOST, Media, is_public
from taxiway.testing.peer import serving

HOST = "pictures.example"
IMAGE = frozenset({"image"})


def body(*urls):
    parts = [{"type": "image_url", "image_url": {"url": url, "detail": "low"}} for url in urls]
    file = {"type": "file", "file": {"file_data": f"https://{HOST}/a.pdf"}}
    return {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [*parts, file]}]}


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("172.16.3.4", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("2002:7f00:1::", False),
        ("64:ff9b::10.0.0.1", False),
        ("64:ff9b::93.184.216.34", True),
        ("64:ff9b:1::10.0.0.1", False),
        ("::127.0.0.1", False),
        ("fec0::1", False),
    ],
)
def test_an_address_that_not_everybody_reaches_is_not_public(address, public):
    assert is_public(address) is public


@pytest.mark.parametrize(
    "url", ["http://pictures.example/a.png", "https://user:pw@pictures.example/a.png", "https:///a"]
)
async def test_only_plain_https_is_fetched(url):
    with pytest.raises(InvalidRequest, match="https") as raised:
        await Media().inlined(body(url), IMAGE, {})
    assert raised.value.field == "messages[1].content[0]"


@pytest.mark.parametrize("path", ["/" + "a" * 70_000, "/\x7f"])
async def test_what_is_no_url_at_all_is_the_requests_mistake(path):
    async def resolve(host, port):
        return ["93.184.216.34"]

    with pytest.raises(InvalidRequest, match="could not be fetched"):
        await Media(resolve=resolve).inlined(body(f"https://{HOST}{path}"), IMAGE, {})


@pytest.mark.parametrize("addresses", [[], ["127.0.0.1"], ["93.184.216.34", "10.0.0.1"]])
async def test_a_name_that_leads_inside_is_refused_whatever_else_it_leads_to(addresses):
    async def resolve(host, port):
        return addresses

    with pytest.raises(InvalidRequest, match="public"):
        await Media(resolve=resolve).inlined(body(f"https://{HOST}/a.png"), IMAGE, {})


async def test_where_fetching_is_forbidden_the_endpoint_can_not_serve():
    with pytest.raises(Unsupported, match="fetch = false"):
        await Media(allowed=False).inlined(body(f"https://{HOST}/a.png"), IMAGE, {})


async def test_what_is_bytes_already_or_of_another_kind_stays_the_same_object():
    given = body("data:image/png;base64,AAAA")
    assert await Media(allowed=False).inlined(given, IMAGE, {}) is given
    assert await Media(allowed=False).inlined(body(), frozenset({"audio"}), {}) == body()


def reply(data, kind="image/png", status=200):
    head = f"HTTP/1.1 {status} Yes\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\n\r\n"
    return head.encode() + data


@asynccontextmanager
async def served(data, *, name=HOST, end="fin"):
    """A server of pictures on loopback, and media that take it for a public one."""
    authority = trustme.CA()
    inside, outside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(name).configure_cert(inside)
    authority.configure_trust(outside)

    async def resolve(host, port):
        return ["127.0.0.1"]

    async def behave(peer):
        if await peer.head():
            await peer.write(data)
            await peer.leave(end)

    async with serving(behave, inside) as server:
        media = Media(resolve=resolve, is_public=lambda _: True, verify=outside)
        try:
            yield server, media, f"https://{HOST}:{server.origin.port}"
        finally:
            await media.aclose()


async def test_a_picture_is_fetched_once_a_call_and_everything_beside_it_stays():
    async with served(reply(b"PNG")) as (server, media, base):
        given = body(f"{base}/a.png?size=2", f"{base}/a.png?size=2", f"{base}/b.png")
        kept = {}
        made = await media.inlined(given, IMAGE, kept)
        url = f"data:image/png;base64,{base64.b64encode(b'PNG').decode()}"
        image = {"type": "image_url", "image_url": {"url": url, "detail": "low"}}
        assert made["messages"][1]["content"] == [image, image, image, given["messages"][1]["content"][3]]
        assert given == body(f"{base}/a.png?size=2", f"{base}/a.png?size=2", f"{base}/b.png")
        assert sorted(head.split()[1] for head in server.requests) == [b"/a.png?size=2", b"/b.png"]
        assert all(HOST.encode() in head for head in server.requests)
        assert await media.inlined(given, IMAGE, kept) == made
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (reply(b"", status=404), "404"),
        (b"HTTP/1.1 302 Found\r\nlocation: https://127.0.0.1/\r\ncontent-length: 0\r\n\r\n", "302"),
        (b"HTTP/1.1 200 Yes\r\ncontent-length: 9\r\n\r\nshort", "could not be fetched"),
        (b"nonsense\r\n\r\n", "could not be fetched"),
        (reply(bytes(MOST + 1)), "more than"),
    ],
    ids=["missing", "moved", "cut", "no HTTP", "too large"],
)
async def test_what_can_not_be_had_is_the_requests_mistake_and_named(data, said):
    async with served(data) as (_, media, base):
        with pytest.raises(InvalidRequest, match=said) as raised:
            await media.inlined(body(f"{base}/a.png"), IMAGE, {})
        assert raised.value.field == "messages[1].content[0]"


async def test_what_does_not_come_is_not_waited_for_long(monkeypatch):
    monkeypatch.setattr(media_module, "WITHIN", 0.2)
    async with served(reply(b"x")[:-1], end="stay") as (_, media, base):
        with pytest.raises(InvalidRequest, match="could not be fetched within"):
            await media.inlined(body(f"{base}/a.png"), IMAGE, {})


async def test_a_server_of_another_name_is_not_believed():
    async with served(reply(b"x"), name="another.example") as (_, media, base):
        with pytest.raises(InvalidRequest, match="could not be fetched"):
            await media.inlined(body(f"{base}/a.png"), IMAGE, {})


async def test_nothing_of_one_fetch_is_brought_to_the_next():
    data = b"HTTP/1.1 200 Yes\r\nset-cookie: seen=1; Path=/\r\ncontent-length: 1\r\n\r\nx"
    async with served(data) as (server, media, base):
        for name in "ab":
            await media.inlined(body(f"{base}/{name}.png"), IMAGE, {})
        assert len(server.peers) == 2
        assert not any(b"cookie" in head.lower() for head in server.requests)


async def test_what_a_call_fetches_is_bounded_in_all(monkeypatch):
    monkeypatch.setattr(media_module, "IN_ALL", 2500)
    async with served(reply(b"x" * 1000)) as (_, media, base):
        kept = {}
        await media.inlined(body(f"{base}/a.png"), IMAGE, kept)
        await media.inlined(body(f"{base}/b.png"), IMAGE, dict(kept))
        with pytest.raises(InvalidRequest, match="all files of a request"):
            await media.inlined(body(f"{base}/b.png", f"{base}/c.png"), IMAGE, kept)


async def test_one_that_can_not_be_had_ends_the_others():
    ended = asyncio.Event()

    async def resolve(host, port):
        if host == "bad.example":
            return ["127.0.0.1"]
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(InvalidRequest, match="public"):
        await Media(resolve=resolve).inlined(body("https://slow.example/a", "https://bad.example/b"), IMAGE, {})
    async with asyncio.timeout(1):
        await ended.wait()
