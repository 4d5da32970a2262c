"""The two ways into Taxiway, so that one test can go through both: the library, and the gateway by the openai SDK."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

import openai
from attrs import frozen

from taxiway.chat import CHAT
from taxiway.embeddings import EMBEDDINGS
from taxiway.errors import InvalidRequest
from taxiway.outcome import CallError
from taxiway.router import Router
from taxiway.secret import Secret
from taxiway_gateway.app import App
from taxiway_gateway.auth import Keys, given_key
from taxiway_gateway.inference import call_error_of
from taxiway_gateway.server import Server, bind

KEY = "the-tests-own-key-of-32-characters"

# What the SDK's methods take by name; everything else goes into `extra_body`, as users of the SDK do it.
_OPENAI = frozenset({"model", "messages", "input", "stream", "tools", "tool_choice", "response_format", "temperature"})


@frozen
class Gateway:
    """A gateway that serves on loopback."""

    router: Router
    server: Server
    base_url: str
    key: str = KEY


@asynccontextmanager
async def gateway(router: Router) -> AsyncIterator[Gateway]:
    """Serve a router, which is open already, on a free port."""
    config = router.config.gateway
    keys = Keys(router.store, router.clock, given_key(Secret(KEY)))
    app = App(router, keys, body_limit=config.body_limit, max_calls=config.max_calls)
    server, listener, ready = Server(app, config.cors, 600.0), bind("127.0.0.1", 0), asyncio.Event()
    task = asyncio.create_task(server.listen(listener, ready.set))
    await ready.wait()
    try:
        yield Gateway(router, server, f"http://127.0.0.1:{listener.getsockname()[1]}/api/v1")
    finally:
        server.stop()
        server.stop()
        await task


class Refusal(Exception):
    """What a caller is told, in either door's own way: status and the error object."""

    def __init__(self, status: int, error: Mapping[str, Any]) -> None:
        self.status, self.error = status, error
        super().__init__(f"{status}: {error}")


class Door(Protocol):
    """A way in. All raise Refusal."""

    async def chat(self, **body: Any) -> dict[str, Any]: ...

    async def stream(self, **body: Any) -> list[dict[str, Any]]: ...

    async def embed(self, **body: Any) -> dict[str, Any]: ...


@frozen
class Library:
    """`router.chat(...)`."""

    router: Router

    async def chat(self, **body: Any) -> dict[str, Any]:
        with _Telling(CHAT):
            return await self.router.chat(**body)

    async def stream(self, **body: Any) -> list[dict[str, Any]]:
        with _Telling(CHAT):
            return [event async for event in self.router.stream(**body)]

    async def embed(self, **body: Any) -> dict[str, Any]:
        with _Telling(EMBEDDINGS):
            return await self.router.embed(**body)


class _Telling:
    """Turns what the library raises into what a client would be told."""

    def __init__(self, dialect: Any) -> None:
        self._client = dialect.client

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, CallError | InvalidRequest):
            status, body = self._client.error(call_error_of(error))
            raise Refusal(status, body["error"]) from None


@frozen
class Wire:
    """The gateway, by the official client."""

    client: openai.AsyncOpenAI

    async def chat(self, **body: Any) -> dict[str, Any]:
        try:
            reply = await self.client.chat.completions.create(**_arguments(body))
        except openai.APIStatusError as error:
            raise Refusal(error.status_code, error.body) from None
        return reply.model_dump(exclude_unset=True)

    async def stream(self, **body: Any) -> list[dict[str, Any]]:
        events = []
        try:
            async for chunk in await self.client.chat.completions.create(**_arguments(body), stream=True):
                events.append(chunk.model_dump(exclude_unset=True))
        except openai.APIStatusError as error:
            raise Refusal(error.status_code, error.body) from None
        except openai.APIError as error:
            # An error inside the stream: the SDK gives its object alone, the library the whole event.
            events.append({"error": error.body})
        return events

    async def embed(self, **body: Any) -> dict[str, Any]:
        try:
            reply = await self.client.embeddings.create(**_arguments(body))
        except openai.APIStatusError as error:
            raise Refusal(error.status_code, error.body) from None
        return reply.model_dump(exclude_unset=True)


def _arguments(body: dict[str, Any]) -> dict[str, Any]:
    extra = {name: value for name, value in body.items() if name not in _OPENAI}
    return {name: value for name, value in body.items() if name in _OPENAI} | {"extra_body": extra}
