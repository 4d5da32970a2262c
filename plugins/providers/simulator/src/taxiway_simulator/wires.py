"""The APIs that a simulated server speaks: OpenAI's, and those of Anthropic, Google, Cohere and Bedrock, for the same models.

A wire reads a request as chat, and writes what the simulation answers. Where Taxiway has a dialect for an API, that dialect's half towards
clients is the server's side of it.
"""

import logging
import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from random import Random
from typing import Any, Final, Protocol, TypeAlias

from attrs import frozen

from taxiway.call import LIBRARY, Call
from taxiway.clock import SystemClock
from taxiway.codec import Json, dumps
from taxiway.dialect import Client, Dialect
from taxiway.plugins import Plugins
from taxiway.preferences import NO_PREFERENCES
from taxiway.registration import Context
from taxiway_simulator import wire
from taxiway_simulator.errors import ErrorForm, Row, Told, as_anthropic, as_cohere, as_google, as_openai
from taxiway_simulator.ledger import Ledger

Limits: TypeAlias = Callable[[Ledger, float], Mapping[str, str]]
"""Writes what is left of a key's quota as header fields."""


class Wire(Protocol):
    """How one API is spoken. `done`: what ends its streams besides their last event."""

    @property
    def content_type(self) -> str: ...  # noqa: D102

    @property
    def done(self) -> bytes: ...  # noqa: D102

    def errors(self, row: Row) -> Told:
        """Word an error: status, header fields, body."""
        ...

    def limits(self, ledger: Ledger, now: float) -> Mapping[str, str]:
        """Write what is left of a key's quota as header fields."""
        ...

    def read(self, path: Mapping[str, str], body: Json) -> tuple[Json, Any]:
        """Read a request as a chat body with its model; and what answering it needs to know. Raises InvalidRequest."""
        ...

    def complete(self, reply: wire.Reply, asked: Any) -> Json:
        """Write a complete reply."""
        ...

    def stream(self, reply: wire.Reply, asked: Any) -> Iterator[tuple[int, bytes]]:
        """Write the events of a stream; with each, how many tokens it carries (each of which takes time)."""
        ...

    def broken(self, row: Row) -> bytes:
        """Write the error that ends a stream."""
        ...


class OpenAIWire:
    """OpenAI's chat completions: nothing to translate."""

    content_type = "text/event-stream; charset=utf-8"
    done = wire.DONE

    def errors(self, row: Row) -> Told:
        """Word an error."""
        return as_openai(row)

    def limits(self, ledger: Ledger, now: float) -> Mapping[str, str]:
        """Write `x-ratelimit-*`."""
        return ledger.headers(now)

    def read(self, path: Mapping[str, str], body: Json) -> tuple[Json, Any]:
        """Give the body as it is."""
        return body, bool((body.get("stream_options") or {}).get("include_usage"))

    def complete(self, reply: wire.Reply, asked: Any) -> Json:
        """Write a complete reply."""
        return wire.completion(reply)

    def stream(self, reply: wire.Reply, asked: Any) -> Iterator[tuple[int, bytes]]:
        """Write chunks; the usage where it was asked for."""
        return wire.chunks(reply, with_usage=asked)

    def broken(self, row: Row) -> bytes:
        """Write an error as a chunk."""
        return wire.sse(self.errors(row)[2])


@frozen
class DialectWire:
    """An API that Taxiway has a dialect for."""

    client: Client
    dialect: str
    words: ErrorForm
    told: Limits
    done: bytes = b""
    content_type: str = "text/event-stream"

    def errors(self, row: Row) -> Told:
        """Word an error."""
        return self.words(row)

    def limits(self, ledger: Ledger, now: float) -> Mapping[str, str]:
        """Write what is left of a key's quota."""
        return self.told(ledger, now)

    def read(self, path: Mapping[str, str], body: Json) -> tuple[Json, Any]:
        """Translate a request to chat. Raises InvalidRequest."""
        facts = self.client.facts(body, path, {})
        own = {name: value for name, value in body.items() if name not in self.client.own}
        call = Call(
            "sim", 0, "chat", self.dialect, own, facts, NO_PREFERENCES, LIBRARY, 0.0, 0.0, math.inf, {}, path=path
        )
        chat = self.client.to_canonical(own).body
        # The name as it was said: to a client, the dialect may add an author.
        model = path.get("model") or body.get("model")
        return {**chat, "model": model, "stream": facts.stream}, call

    def complete(self, reply: wire.Reply, asked: Any) -> Json:
        """Translate a complete reply."""
        return self.client.reply_from_canonical(wire.completion(reply), asked).body

    def stream(self, reply: wire.Reply, asked: Any) -> Iterator[tuple[int, bytes]]:
        """Translate chunks, one after the other."""
        translator, writer = self.client.events_from_canonical(asked), self.client.writer(asked)
        for tokens, chunk in wire.chunk_values(reply, with_usage=True):
            if events := translator.feed(chunk):
                yield tokens, writer.write(events)
        yield 0, writer.write(translator.close()) + writer.end(whole=True)

    def broken(self, row: Row) -> bytes:
        """Write an error as an event, with its name."""
        return b"event: error\ndata: " + dumps(self.errors(row)[2]) + b"\n\n"


OPENAI: Final = OpenAIWire()


def _anthropic_limits(ledger: Ledger, now: float) -> Mapping[str, str]:
    """Write `anthropic-ratelimit-*`, whose resets are times (RFC 3339, whole seconds)."""
    return ledger.headers(now, "anthropic-ratelimit-{unit}-{what}", dated=True)


_DIALECTS: Final[tuple[tuple[str, ErrorForm, Limits], ...]] = (
    ("messages", as_anthropic, _anthropic_limits),
    ("responses", as_openai, OPENAI.limits),
    ("gemini", as_google, lambda _, __: {}),
    ("cohere-chat", as_cohere, lambda _, __: {}),
)
"""The dialects, and what their APIs say of errors and limits."""


@cache
def routes() -> tuple[tuple[re.Pattern[str], Wire], ...]:
    """Return the wires besides OpenAI's chat, of the dialects that are installed, by the paths that they answer at."""
    from taxiway_simulator.converse import CONVERSE, ROUTE

    found: list[tuple[re.Pattern[str], Wire]] = [(re.compile(ROUTE), CONVERSE)]
    plugins = Plugins.discover()
    context = Context(clock=SystemClock(), random=Random(), log=logging.getLogger("taxiway.simulator"))  # noqa: S311
    for name, errors, limits in _DIALECTS:
        if not plugins.has(f"dialect-{name}"):
            continue
        registration = plugins.load(f"dialect-{name}")
        dialect: Dialect = registration.build(registration.options(), context)
        assert dialect.client is not None
        spoken = DialectWire(dialect.client, name, errors, limits)
        found += [(re.compile(route if "(" in route else re.escape(route)), spoken) for route in dialect.routes]
    return tuple(found)
