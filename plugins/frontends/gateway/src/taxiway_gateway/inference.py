"""The routes that models are asked by: a short path without ASGI, since every microsecond here is paid by every call."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Final, NoReturn

from taxiway.call import NOTHING
from taxiway.codec import dumps, loads_bounded
from taxiway.errors import InvalidRequest, Malformed, UnknownModel
from taxiway.outcome import Availability, CallError, Failure
from taxiway_gateway import metadata
from taxiway_gateway.exchange import Gone, Refused

if TYPE_CHECKING:
    from asyncio import Task, TimerHandle
    from collections.abc import Mapping

    from taxiway.call import Call, Caller
    from taxiway.codec import Json
    from taxiway.dialect import Client, Dialect, Writer
    from taxiway.router import Router
    from taxiway_gateway.auth import Keys
    from taxiway_gateway.exchange import Exchange, Field

QUIET: Final = 10.0
"""Seconds of silence after which a stream gets a ping."""

_NO_RETRY_ABOVE: Final = 60
_NO_CACHE: Final = (b"cache-control", b"no-cache")
_BUSY_FIELDS: Final = ((b"retry-after", b"1"), (b"x-should-retry", b"true"))


class Load:
    """How many calls are under way, over all routes, and how many may be."""

    __slots__ = ("calls", "most")

    def __init__(self, most: int) -> None:
        self.calls, self.most = 0, most


class Inference:
    """One route: a dialect's calls."""

    def __init__(self, dialect: Dialect, router: Router, keys: Keys, load: Load, body_limit: int) -> None:
        assert dialect.client is not None, f"the dialect {dialect.name} serves no clients"
        self._dialect, self._client, self._engine = dialect, dialect.client, router.engine
        self._keys, self._load, self._body_limit = keys, load, body_limit
        busy = "Too many calls are under way ([gateway] max_calls)."
        self._busy = dumps(self._client.refused(503, "provider_overloaded", busy))

    async def serve(self, exchange: Exchange, path: Mapping[str, str] = NOTHING) -> None:
        """Serve one call; `path` is what the route says besides. Raises Refused, Gone, and CancelledError where the client went away."""
        load, head = self._load, exchange.head
        exchange.worded = self._client.refused
        if exchange.method != "POST":
            raise Refused(405, "This route takes POST.", "invalid_request", (b"allow", b"POST"))
        if load.calls >= load.most:
            await exchange.answer(503, self._busy, *_BUSY_FIELDS)
            return
        keys, hashes = self._keys, exchange.hashes
        caller = keys.known(head, hashes) or await keys.caller(head, hashes)
        if b"content-encoding" in head and head[b"content-encoding"].lower() != b"identity":
            raise Refused(415, "The body must not be compressed (Content-Encoding).", "invalid_request")
        load.calls += 1
        try:
            call = self._call(exchange, decode(await exchange.body(self._body_limit)), caller, path)
            if call.facts.stream:
                await self._stream(exchange, call)
            else:
                reply = await self._engine.complete(call)
                exchange.ending, exchange.provider = "done", reply.get("provider", "")
                await exchange.answer(200, dumps(reply))
        except (CallError, InvalidRequest) as error:
            told = call_error_of(error)
            exchange.provider = told.provider
            await _failed(exchange, self._client, told)
        finally:
            load.calls -= 1

    def _call(self, exchange: Exchange, body: Json, caller: Caller, path: Mapping[str, str]) -> Call:
        fields = exchange.fields
        call = self._engine.call(self._dialect, body, caller=caller, headers=fields, path=path)
        exchange.model, exchange.generation = call.facts.models[0], call.id
        if metadata.wanted(fields):
            call.tell = metadata.tell
        return call

    async def _stream(self, exchange: Exchange, call: Call) -> None:
        stream, writer = self._engine.stream(call), self._client.writer(call)
        reply, write, put = StreamedReply(exchange, writer), writer.write, exchange.put
        try:
            try:
                async for batch in stream:
                    data = write(batch)
                    if stream.whole:
                        # Going on to the iteration's end gives the connection back, for which no client need wait.
                        await reply.end(data, whole=True)
                    elif not (reply.open and put(data)):
                        await reply.part(data)
                exchange.ending = "done" if stream.whole else "interrupted"
            except (CallError, InvalidRequest) as error:
                if not reply.begun:
                    raise
                # The head went out with a ping: what failed before its first token is told in the stream too.
                await reply.part(write(self._client.stamp(call, _nobody).failed(call_error_of(error))))
            if not reply.ended:
                await reply.end(b"", whole=stream.whole)
        finally:
            exchange.provider = stream.provider
            reply.stop()
            await stream.aclose()


class StreamedReply:
    """A reply in parts. Its head goes out with the first part, or with the first ping after `QUIET` seconds.

    `open`: the head is out and no ping is on its way, so that a part may be put as it is; most are, and a coroutine costs.
    Pings cost a timer a stream; a task only where one is sent.
    """

    def __init__(self, exchange: Exchange, writer: Writer) -> None:
        self._exchange, self._writer = exchange, writer
        self.begun = self.open = self.ended = False
        self._ping: Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._timer: TimerHandle = self._loop.call_later(QUIET, self._look)

    async def part(self, data: bytes) -> None:
        """Send a part."""
        await self._ready()
        await self._exchange.part(data)

    async def end(self, data: bytes, *, whole: bool) -> None:
        """Send the last part and end the reply, in one piece; `whole`: it is a success."""
        self.ended = True
        await self._ready()
        self._timer.cancel()
        await self._exchange.end(data + self._writer.end(whole))

    def stop(self) -> None:
        """Send nothing more by itself."""
        self._timer.cancel()
        if self._ping is not None:
            self._ping.cancel()

    async def _ready(self) -> None:
        self._exchange.quiet = False
        if self._ping is not None:
            await self._ping
        if not self.begun:
            await self._begin()

    async def _begin(self) -> None:
        self.begun = True
        await self._exchange.begin(200, self._writer.content_type.encode(), _NO_CACHE)
        self.open = self._ping is None

    def _look(self) -> None:
        if self._exchange.quiet and self._ping is None:
            self.open = False
            self._ping = self._loop.create_task(self._send_ping())
        self._exchange.quiet = True
        self._timer = self._loop.call_later(QUIET, self._look)

    async def _send_ping(self) -> None:
        try:
            if not self.begun:
                await self._begin()
            await self._exchange.part(self._writer.ping())
        except Gone:
            # The connection was aborted, which ends the stream itself.
            pass
        finally:
            # To a client that waits, a ping is silence.
            self._ping, self.open, self._exchange.quiet = None, self.begun, True


def call_error_of(error: CallError | InvalidRequest) -> CallError:
    """Return what a dialect can put into its own words."""
    if isinstance(error, CallError):
        return error
    failure = Failure(kind="invalid_request", message=str(error), field=error.field or None)
    availability = None
    if isinstance(error, UnknownModel):
        availability = Availability(code="model_not_found", models=(error.model,), fallback_models=error.near)
    return CallError(failure, availability=availability)


def decode(data: bytes) -> Json:
    """Decode a body. Raises Refused."""
    try:
        body = loads_bounded(data)
    except Malformed as error:
        raise Refused(400, f"The body is {error}.", "invalid_request") from None
    if not isinstance(body, dict):
        raise Refused(400, "The body must be a JSON object.", "invalid_request")
    return body


def _nobody() -> NoReturn:
    raise LookupError("nobody has served this call")


async def _failed(exchange: Exchange, client: Client, error: CallError) -> None:
    status, body = client.error(error)
    fields: list[Field] = []
    wait = error.retry_after
    if wait is not None:
        fields.append((b"retry-after", b"%d" % math.ceil(wait)))
        fields.append((b"retry-after-ms", b"%d" % math.ceil(wait * 1000)))
    if error.should_retry is False or (wait is not None and wait > _NO_RETRY_ABOVE):
        fields.append((b"x-should-retry", b"false"))
    elif error.should_retry:
        fields.append((b"x-should-retry", b"true"))
    await exchange.json(status, {**body, **error.beside}, *fields)
