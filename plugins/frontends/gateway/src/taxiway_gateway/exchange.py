"""One request and its answer: what the gateway reads of its head and its body, and the fields of every reply."""

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from itertools import count
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from taxiway.chat_errors import refusal
from taxiway.codec import Json, dumps

if TYPE_CHECKING:
    from taxiway.outcome import State

Field: TypeAlias = tuple[bytes, bytes]

SEND_LIMIT: Final = 60.0
"""Seconds that a client may take to make room for more of its reply."""

BODY_PAUSE: Final = 15.0
"""Seconds between two reads of a body."""

BODY_GRACE: Final = 30.0
BODY_RATE: Final = 16 * 1024
"""Bytes a second that a body must have come with, once `BODY_GRACE` seconds have passed."""

LINGER_SECONDS: Final = 5.0
LINGER_BYTES: Final = 64 * 1024 * 1024

JSON_TYPE: Final = b"application/json"

# The fields that are read of a call; the rest of a head the gateway reads before there is one. No key is among them.
_READ: Final[Mapping[bytes, str]] = {
    name.encode(): name
    for name in (
        "anthropic-beta",
        "anthropic-version",
        "x-anthropic-beta",
        "http-referer",
        "referer",
        "user-agent",
        "x-openrouter-experimental-metadata",
        "x-openrouter-metadata",
        "x-openrouter-title",
        "x-session-id",
        "x-stainless-read-timeout",
        "x-stainless-retry-count",
        "x-taxiway-timeout",
        "x-title",
    )
}
_VISIBLE: Final = re.compile(rb"[!-~]{1,128}")
_numbers = count(1)
_OURS: Final = b"req-%b-%%x" % token_hex(6).encode()


Serve: TypeAlias = Callable[["Exchange"], Coroutine[Any, Any, None]]


class Gone(Exception):
    """The client went away."""


class Refused(Exception):
    """The gateway itself refuses a request. `error_type` is OpenRouter's; `fields` are further header fields."""

    def __init__(self, status: int, message: str, error_type: str, *fields: Field) -> None:
        self.status, self.error_type, self.fields = status, error_type, fields
        super().__init__(message)


class Exchange(ABC):
    """One request and its answer, whatever carries them. `status` 0: nothing was answered yet; `more`: of the body, more may come.

    `path` is what is asked for, `raw_path` the same as it came. `head` has the header fields by their names in lower case, `fields`
    those that are read of a call. `hashes` is what `Keys` remembers for its connection. `added`: further fields of every answer,
    as they go over the wire. `worded` makes the bodies of refusals, in the form of the dialect that the client speaks. `quiet` is
    taken back whenever a part is sent.

    For the log: `generation`, the `model` that was asked for, how the call ended, and who served it or was tried last.
    """

    scheme = "http"
    status = 0
    more = quiet = True
    added = b""
    generation = model = provider = ""
    ending: "State" = "failed"
    worded: Callable[[int, str, str], Json] = staticmethod(refusal)

    method: str
    path: str
    raw_path: str
    query = b""

    def __init__(self, headers: Iterable[Field], hashes: dict[bytes, str]) -> None:
        self.hashes = hashes
        self.head = head = dict(headers)
        read = _READ.keys() & head.keys()
        self.fields = {_READ[name]: head[name].decode("latin-1") for name in read} if read else {}
        given = head.get(b"x-request-id")
        self.id = _OURS % next(_numbers) if given is None or not _VISIBLE.fullmatch(given) else given

    async def body(self, limit: int) -> bytes:
        """Read the body, `limit` bytes at most. Raises Refused (408, 413) and Gone."""
        stated = self.head.get(b"content-length")
        if stated is not None and int(stated) > limit:
            raise too_large(limit)
        parts, size = [], 0
        loop = asyncio.get_running_loop()
        began = loop.time()
        while self.more:
            try:
                async with asyncio.timeout(BODY_PAUSE):
                    data = await self.read()
            except TimeoutError:
                raise _too_slow() from None
            parts.append(data)
            size += len(data)
            if size > limit:
                raise too_large(limit)
            took = loop.time() - began
            if took > BODY_GRACE and size < took * BODY_RATE:
                raise _too_slow()
        return b"".join(parts)

    async def json(self, status: int, value: Any, *fields: Field) -> None:
        """Send a whole JSON reply."""
        await self.answer(status, dumps(value), *fields)

    async def refuse(self, why: Refused) -> None:
        """Tell why a request is refused."""
        body = self.worded(why.status, why.error_type, str(why))
        await self.json(why.status, body, *why.fields)

    @abstractmethod
    async def read(self) -> bytes:
        """Wait for more of the body, and say in `more` whether that was all. Raises Gone."""

    @abstractmethod
    async def answer(self, status: int, data: bytes, *fields: Field, kind: bytes = JSON_TYPE) -> None:
        """Send a whole reply."""

    @abstractmethod
    async def begin(self, status: int, kind: bytes, *fields: Field) -> None:
        """Send the head of a reply in parts. Raises Gone, as the rest of it does."""

    @abstractmethod
    def put(self, data: bytes) -> bool:
        """Send a part as `part` does if that needs no waiting, else say so: most do not, and a coroutine costs."""

    @abstractmethod
    async def part(self, data: bytes) -> None:
        """Send a part; the client has `SEND_LIMIT` to take what was sent before."""

    @abstractmethod
    async def end(self, data: bytes) -> None:
        """Send the last part."""

    @abstractmethod
    def abort(self) -> None:
        """Cut the connection: the client must not take what it has for a whole reply."""

    def _lines(self, kind: bytes, fields: Iterable[Field]) -> bytes:
        """Return a reply's header fields, as they go over the wire."""
        more = self.added + join(fields) if fields else self.added
        if self.generation:
            named = b"content-type: %b\r\nx-request-id: %b\r\nx-generation-id: %b\r\n%b"
            return named % (kind, self.id, self.generation.encode(), more)
        return b"content-type: %b\r\nx-request-id: %b\r\n%b" % (kind, self.id, more)

    async def _linger(self) -> None:
        """Read on for a while after an early answer.

        Closing at once would reset the connection, and a client that is still sending (httpx, and so the OpenAI SDK) would
        never see the answer.
        """
        left = LINGER_BYTES
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while left > 0 and self.more:
                    left -= len(await self.read())
        except TimeoutError:
            pass

    async def _patiently(self, sending: Awaitable[object]) -> None:
        try:
            async with asyncio.timeout(SEND_LIMIT):
                await sending
        except TimeoutError:
            self.abort()
            raise Gone from None


def join(fields: Iterable[Field]) -> bytes:
    """Return header fields as they go over the wire."""
    return b"".join([b"%b: %b\r\n" % field for field in fields])


def too_large(limit: int) -> Refused:
    """Return what a body above the limit is refused with."""
    return Refused(413, f"The body is larger than {limit} bytes ([gateway] body_limit).", "payload_too_large")


def _too_slow() -> Refused:
    return Refused(408, "The body came too slowly.", "timeout")
