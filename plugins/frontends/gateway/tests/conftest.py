"""A gateway on loopback in front of an engine that does as the test says."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import define, field

from taxiway.api_keys import hash_api_key, label_of, new_api_key
from taxiway.call import Call
from taxiway.candidate import Endpoint
from taxiway.chat import CHAT
from taxiway.clock import SystemClock
from taxiway.codec import dumps, loads
from taxiway.embeddings import EMBEDDINGS
from taxiway.errors import StoreUnavailable
from taxiway.routing import ModelRouting
from taxiway.snapshot import Offer, Snapshot
from taxiway.store import ApiKey, Spend
from taxiway_gateway.app import App
from taxiway_gateway.auth import Keys
from taxiway_gateway.server import Server, bind

KEY = new_api_key()


class FakeStore:
    """Keys in a dict. `silent`: it answers nothing until it is set."""

    def __init__(self) -> None:
        self.keys: dict[str, ApiKey] = {}
        self.lookups = 0
        self.silent = False
        self.generations: dict[str, Any] = {}

    def add(self, key: str, **fields: Any) -> ApiKey:
        made = ApiKey(
            id=fields.pop("id", f"key-{len(self.keys)}"),
            hash=hash_api_key(key),
            name="test",
            label=label_of(key),
            created=0.0,
            **fields,
        )
        self.keys[made.hash] = made
        return made

    async def api_key(self, digest: str) -> ApiKey | None:
        self.lookups += 1
        if self.silent:
            await asyncio.sleep(3600)
        return self.keys.get(digest)

    async def spend(self, api_key: str, since: list[float]) -> list[Spend]:
        if self.silent:
            raise StoreUnavailable("silent")
        return [Spend(0.5 / (1 + i), 2) for i in range(len(since))]

    async def generation(self, generation: str, workspace: str) -> Any:
        found = self.generations.get(generation)
        return found if found is not None and found.workspace == workspace else None


REPLY = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "test/model",
    "provider": "Test",
    "system_fingerprint": None,
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


def chunk(text: str) -> dict[str, Any]:
    return {
        "id": "x", "object": "chat.completion.chunk", "created": 1, "model": "test/model", "provider": "Test",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}],
    }  # fmt: skip


class FakeStream:
    def __init__(self, engine: "FakeEngine", call: Call) -> None:
        self._events = engine.streaming(call)
        self._engine, self.whole, self.provider = engine, False, "Test"

    def __aiter__(self) -> "FakeStream":
        return self

    async def __anext__(self) -> list[dict[str, Any]]:
        try:
            return await anext(self._events)
        except StopAsyncIteration:
            self.whole = True
            raise

    async def aclose(self) -> None:
        self._engine.closed += 1
        await self._events.aclose()


@define(eq=False)
class FakeEngine:
    """`completing(call)` returns the reply or raises; `streaming(call)` is an async generator of batches."""

    completing: Callable[[Call], Any] = None
    streaming: Callable[[Call], AsyncIterator[list[dict[str, Any]]]] = None
    calls: list[Call] = field(factory=list)
    closed: int = 0
    cancelled: int = 0
    health: Any = field(factory=lambda: SimpleNamespace(figures=lambda *_: None))

    def call(self, dialect, body, *, caller, headers, path) -> Call:
        from taxiway.preferences import preferences_of

        facts, preferences = dialect.client.facts(body, path, headers), preferences_of(body.get("provider"))
        call = Call(
            f"gen-{len(self.calls)}", 1, dialect.operation, dialect.name, body, facts, preferences, caller, 0.0, 0.0, 600.0,
            dict(headers), path,
        )  # fmt: skip
        self.calls.append(call)
        return call

    async def complete(self, call: Call) -> Any:
        try:
            return await self.completing(call)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    def stream(self, call: Call) -> FakeStream:
        return FakeStream(self, call)


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def post(self, path: str, body: Any, key: str | None = KEY, **fields: str) -> None:
        self.send(request(path, body, key, **fields))

    async def reply(self) -> "Reply":
        return await read_reply(self.reader)

    async def until(self, mark: bytes) -> bytes:
        return await self.reader.readuntil(mark)

    async def end(self) -> bytes:
        """Read until the gateway closes."""
        return await self.reader.read()

    def close(self) -> None:
        self.writer.transport.abort()


class Client:
    """A client of raw bytes: what a test sends is what goes out."""

    @staticmethod
    def head(method: str, path: str, **fields: str) -> bytes:
        return head(method, path, KEY, fields)

    @staticmethod
    def request(path: str, body: Any, **fields: str) -> bytes:
        return request(path, body, **fields)

    def __init__(self, port: int) -> None:
        self.port = port
        self.opened: list[Wire] = []

    async def open(self) -> Wire:
        wire = Wire(*await asyncio.open_connection("127.0.0.1", self.port))
        self.opened.append(wire)
        return wire

    async def send(self, data: bytes) -> "Reply":
        """Send on a new connection and read one reply."""
        wire = await self.open()
        wire.send(data)
        reply = await wire.reply()
        wire.close()
        return reply

    async def post(self, path: str, body: Any, key: str | None = KEY, **fields: str) -> "Reply":
        return await self.send(request(path, body, key, **fields))

    async def get(self, path: str, key: str | None = KEY, method: str = "GET", **fields: str) -> "Reply":
        return await self.send(head(method, path, key, fields))


def head(method: str, path: str, key: str | None = KEY, fields: dict[str, str] | None = None) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: test"]
    if key is not None:
        lines.append(f"authorization: Bearer {key}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in (fields or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def request(path: str, body: Any, key: str | None = KEY, **fields: str) -> bytes:
    data = body if isinstance(body, bytes) else dumps(body)
    return head("POST", path, key, {"content-length": str(len(data)), **fields}) + data


@define
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return loads(self.body)


async def read_reply(reader: asyncio.StreamReader) -> Reply:
    raw = await reader.readuntil(b"\r\n\r\n")
    first, *lines = raw.decode("latin-1").split("\r\n")[:-2]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    else:
        body = b""
        while size := int((await reader.readline()).strip(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    return Reply(int(first.split()[1]), headers, body)


CHAT_BODY = {"model": "test/model", "messages": [{"role": "user", "content": "Hi"}]}


@define(eq=False)
class Gateway:
    server: Server
    app: App
    engine: FakeEngine
    store: FakeStore
    client: Client
    router: Any
    port: int
    tick: Callable[[int], None]
    key: str = KEY

    @staticmethod
    def chunk(text: str) -> dict[str, Any]:
        return chunk(text)

    @property
    def body(self) -> dict[str, Any]:
        return dict(CHAT_BODY)

    async def chat(self, **fields: str) -> Reply:
        return await self.client.post("/api/v1/chat/completions", self.body, **fields)


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def endpoints() -> dict[str, list[Endpoint]]:
    return {}


@pytest.fixture
def names() -> dict[str, ModelRouting]:
    """The `[models]` tables."""
    return {}


@pytest.fixture
def settings() -> dict[str, Any]:
    """What a test may change of the gateway before it starts."""
    return {"body_limit": 1_000_000, "max_calls": 10, "cors": ()}


@pytest.fixture
def dialects() -> dict[str, Any]:
    """What clients may speak."""
    return {"chat": CHAT, "embeddings": EMBEDDINGS}


@pytest.fixture
async def gateway(endpoints, names, settings, store, dialects) -> AsyncIterator[Gateway]:
    engine = FakeEngine()

    async def complete(call: Call) -> Any:
        return dict(REPLY)

    async def stream(call: Call) -> AsyncIterator[list[Any]]:
        for text in ("Hel", "lo"):
            yield [chunk(text)]

    engine.completing, engine.streaming = complete, stream
    store.add(KEY, id="first")
    offers = {model: tuple(Offer(one, "prioritised", ()) for one in some) for model, some in endpoints.items()}
    router = SimpleNamespace(
        engine=engine, store=store, clock=SystemClock(), dialects=dialects, writable=lambda: True,
        snapshot=Snapshot(offers={"default": offers}, names=names),
    )  # fmt: skip
    keys = Keys(store, router.clock)
    app = App(router, keys, body_limit=settings["body_limit"], max_calls=settings["max_calls"])
    server = Server(app, settings["cors"], 600.0)
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    ready = asyncio.Event()
    task = asyncio.create_task(server.listen(listener, ready.set))
    await ready.wait()
    client = Client(port)

    def tick(seconds: int) -> None:
        for _ in range(seconds):
            server.server_state.second()

    yield Gateway(server, app, engine, store, client, router, port, tick)
    for wire in client.opened:
        wire.close()
    server.stop()
    server.stop()
    await task
    assert isinstance(listener, socket.socket)
