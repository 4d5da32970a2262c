"""Images and files that are given by URL, fetched for endpoints that take bytes only.

A URL in a request is a stranger's wish: only https, only to public addresses (looked at after the name was resolved, and the
connection goes to the address that was looked at), no redirects, bounded in size and time.
"""

import asyncio
import base64
import importlib
import ipaddress
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from attrs import Factory, define, field

from taxiway.chat_facts import PARTS
from taxiway.codec import Json
from taxiway.data_url import join
from taxiway.errors import InvalidRequest, Unsupported

MOST: Final = 20 * 1024 * 1024
IN_ALL: Final = 64 * 1024 * 1024
WITHIN: Final = 10.0
AT_ONCE: Final = 4
"""Bytes of one file and of all that a call has fetched, seconds for each, and how many of a call's are fetched at the same time."""

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a name."""

_PLACES: Final = {
    **{kind: PARTS[kind] for kind in ("image_url", "audio_url", "video_url", "input_video")},
    "file": ("file", "file", "file_data"),
}
"""Parts of canonical chat that may hold a URL, by type: the modality, and where it is."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """Look a name up, as the machine does."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, proto=6)
    return [str(row[4][0]) for row in found]


def is_public(address: str) -> bool:
    """Whether an address is one that everybody can reach: not this machine, this network, or a cloud's metadata."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        # These lead to whatever IPv4 address is inside.
        inside = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else ip.ipv4_mapped or ip.sixtofour
        if inside is None:
            return ip.is_global and ip in _UNICAST
        ip = inside
    return ip.is_global and not ip.is_multicast


_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_UNICAST: Final = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is given out to the world; what is outside (site-local, IPv4-compatible) only looks global to Python."""


@define(eq=False)
class Media:
    """Fetches media. `allowed` False: never ([media] fetch = false)."""

    allowed: bool = True
    resolve: Resolve = resolve
    is_public: Callable[[str], bool] = is_public
    verify: ssl.SSLContext | bool = True
    _transport: Any = field(default=None, init=False)

    async def inlined(self, body: Json, modalities: frozenset[str], fetched: dict[str, str]) -> Json:
        """Return a canonical chat body with its URLs of these modalities replaced by data URLs; the same where there are none.

        `fetched` keeps what the call has fetched so far, by URL. Raises InvalidRequest where one can't be fetched, naming its
        place, and Unsupported where none may be.
        """
        places = dict(_urls(body, modalities))
        if not places:
            return body
        where, url = next(iter(places.items()))
        if not self.allowed:
            raise Unsupported(_path(*where), "is a URL, and this endpoint takes bytes only ([media] fetch = false)")
        missing = {url: where for where, url in reversed(places.items()) if url not in fetched}
        allowance = _Allowance(IN_ALL - sum(len(url) * 3 // 4 for url in fetched.values()))
        tasks = [asyncio.ensure_future(self._fetch(url, _path(*where), allowance)) for url, where in missing.items()]
        try:
            found = await asyncio.gather(*tasks)
        finally:
            # One that can't be had ends the call: the others are not read for nobody.
            for task in tasks:
                task.cancel()
        fetched.update(zip(missing, found, strict=True))
        messages = list(body["messages"])
        for (message, part), url in places.items():
            content = list(messages[message]["content"])
            one = content[part]
            _, member, name = _PLACES[one["type"]]
            content[part] = {**one, member: {**one[member], name: fetched[url]}}
            messages[message] = {**messages[message], "content": content}
        return {**body, "messages": messages}

    async def aclose(self) -> None:
        """Close the connections."""
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()

    async def _fetch(self, url: str, where: str, allowance: "_Allowance") -> str:
        try:
            async with allowance.slots, asyncio.timeout(WITHIN):
                return await self._get(url, where, allowance)
        except InvalidRequest:
            raise
        except TimeoutError:
            raise InvalidRequest(where, f"could not be fetched within {WITHIN:.0f} s") from None
        except Exception as error:  # noqa: BLE001 - the URL's, the name's, the connection's: not told to strangers in detail
            raise InvalidRequest(where, f"could not be fetched ({type(error).__name__})") from None

    async def _get(self, url: str, where: str, allowance: "_Allowance") -> str:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 443
        if parts.scheme != "https" or not host or parts.username:
            raise InvalidRequest(where, "must be an https URL, since it has to be fetched")
        addresses = await self.resolve(host, port)
        if not addresses or not all(map(self.is_public, addresses)):
            raise InvalidRequest(where, "is not at a public address")
        # 100 ms to import, in which streams must not stand still.
        httpx = await asyncio.to_thread(importlib.import_module, "httpx")
        if self._transport is None:
            # No client, which would carry one server's cookies to another. No connection is used twice: it was opened for
            # a name, and another name at the same address would be taken at that one's word.
            limits = httpx.Limits(max_keepalive_connections=0)
            self._transport = httpx.AsyncHTTPTransport(verify=self.verify, trust_env=False, limits=limits)
        literal = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
        target = f"https://{literal}:{port}{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        headers = {"host": parts.netloc, "user-agent": "taxiway", "accept": "*/*", "accept-encoding": "identity"}
        request = httpx.Request("GET", target, headers=headers, extensions={"sni_hostname": host})
        return await self._read(request, where, allowance)

    async def _read(self, request: Any, where: str, allowance: "_Allowance") -> str:
        async with aclosing(await self._transport.handle_async_request(request)) as response:
            if response.status_code != 200:
                raise InvalidRequest(where, f"could not be fetched: its server answered {response.status_code}")
            data = bytearray()
            async for piece in response.aiter_raw():
                data += piece
                allowance.left -= len(piece)
                if len(data) > MOST:
                    raise InvalidRequest(where, f"has more than {MOST} bytes")
                if allowance.left < 0:
                    raise InvalidRequest(where, f"is too much: all files of a request have {IN_ALL} bytes at most")
        kind = response.headers.get("content-type", "").partition(";")[0].strip() or "application/octet-stream"
        return join(kind, base64.b64encode(data).decode())


@define(eq=False)
class _Allowance:
    """What a call may fetch yet: bytes, and slots for files at the same time."""

    left: int
    slots: asyncio.Semaphore = Factory(lambda: asyncio.Semaphore(AT_ONCE))


def _urls(body: Json, modalities: frozenset[str]) -> Iterator[tuple[tuple[int, int], str]]:
    """Give the URLs of some modalities with their places: message and part."""
    for index, message in enumerate(body.get("messages") or ()):
        content = message.get("content")
        for place, part in enumerate(content if type(content) is list else ()):
            modality, member, name = _PLACES.get(part.get("type"), ("", "", ""))
            if modality not in modalities:
                continue
            url = (part.get(member) or {}).get(name)
            if type(url) is str and url[:5].lower() in {"http:", "https"}:
                yield (index, place), url


def _path(message: int, part: int) -> str:
    return f"messages[{message}].content[{part}]"
