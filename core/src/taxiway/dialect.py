"""What a dialect implements: one wire format of one operation, towards providers, towards clients, or both.

All halves are sans-IO and work on decoded JSON. The law: `to_canonical(from_canonical(x)) == x` less what `dropped` names,
and for streams `fold(stream(x)) == complete(x)`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from attrs import frozen

from taxiway.call import Call, Facts, Translated
from taxiway.candidate import Endpoint, Operation
from taxiway.codec import Json
from taxiway.http import Headers
from taxiway.outcome import Bill, CallError
from taxiway.usage import Usage


class Progress(Protocol):
    """How far one reply has come, read from its own events, before any translation. Its members are read only."""

    @property
    def started(self) -> bool:
        """Whether a first token (text, reasoning, a tool call, ...) was seen."""
        ...

    @property
    def done(self) -> bool:
        """Whether the dialect's own end was seen, so that the reply is whole."""
        ...

    @property
    def finish(self) -> str | None:
        """The canonical finish reason of the first choice."""
        ...

    @property
    def native_finish(self) -> str | None:
        """The provider's own finish reason of the first choice."""
        ...

    @property
    def usage(self) -> Usage | None:
        """What the provider says that was used, so far."""
        ...

    @property
    def upstream_id(self) -> str | None:
        """The provider's id of the reply."""
        ...

    def see(self, event: Json) -> None:
        """Take one event of a stream, or the one complete reply."""
        ...

    def close(self, mark: bool, framed: bool) -> None:
        """A stream's body ended: `mark` as `Replies.mark`, `framed` as HTTP said. May set `done`."""
        ...

    @property
    def text(self) -> str:
        """The text so far, of the first choice."""
        ...


class Translator(Protocol):
    """Turns events of one dialect into another's."""

    dropped: Sequence[str]

    def feed(self, event: Json) -> Sequence[Json]:
        """Take an event, give what it makes."""
        ...

    def close(self) -> Sequence[Json]:
        """The stream ended well: give what only the end knows."""
        ...


class Fold(Protocol):
    """Makes the complete reply out of a stream's events."""

    def feed(self, event: Json) -> None:
        """Take one event."""
        ...

    def reply(self) -> Json:
        """Return the complete reply."""
        ...


class Upstream(Protocol):
    """How a provider that speaks this dialect is talked to."""

    def from_canonical(self, body: Json, endpoint: Endpoint) -> Translated:
        """Translate a canonical body; the same object where nothing applies. Raises Unsupported."""
        ...

    def reply_to_canonical(self, reply: Json, state: Any) -> Translated:
        """Translate a complete reply; `state` is what `from_canonical` remembered."""
        ...

    def events_to_canonical(self, state: Any) -> Translator:
        """Return the translator of one stream."""
        ...

    def progress(self, stream: bool) -> Progress:
        """Return the reader of one reply."""
        ...

    def fold(self) -> Fold:
        """Return what makes one reply out of a stream."""
        ...


class Stamp(Protocol):
    """Writes into a reply what is Taxiway's to say: id, model, provider, usage, cost. Also where a reply passes untouched.

    JSON in, JSON out, so that library and gateway share it. It may change what it is given.
    """

    def event(self, event: Json) -> Json | None:
        """Stamp one event; None: it is not sent on (usage is sent once, last)."""
        ...

    def last(self) -> Iterable[Json]:
        """Give the events that end a good stream, before the writer's own end."""
        ...

    def reply(self, reply: Json) -> Json:
        """Stamp a complete reply."""
        ...

    def failed(self, error: CallError) -> Iterable[Json]:
        """Give the events that end a stream that failed after its first token."""
        ...


class Writer(Protocol):
    """Makes bytes of stream events, for the gateway."""

    content_type: str

    def write(self, events: Iterable[Json]) -> bytes:
        """Encode events, in one piece."""
        ...

    def ping(self) -> bytes:
        """Return what keeps a silent connection alive and no client reads."""
        ...

    def end(self, whole: bool) -> bytes:
        """Return the framing's end; a mark of success ([DONE]) only where `whole`."""
        ...


class Client(Protocol):
    """How a client that speaks this dialect is served. `own`: the top-level fields of a body that are Taxiway's."""

    own: frozenset[str]

    def facts(self, body: Json, path: Mapping[str, str], headers: Headers) -> Facts:
        """Check the body and read what planning may know of it. Raises InvalidRequest, naming the field."""
        ...

    def to_canonical(self, body: Json) -> Translated:
        """Translate a body."""
        ...

    def reply_from_canonical(self, reply: Json, call: Call) -> Translated:
        """Translate a complete reply; the call has fields to echo."""
        ...

    def events_from_canonical(self, call: Call) -> Translator:
        """Return the translator of one stream."""
        ...

    def stamp(self, call: Call, bill: Callable[[], Bill]) -> Stamp:
        """Return the stamp of one call. `bill` tells who serves it and what it costs, when asked."""
        ...

    def writer(self, call: Call) -> Writer:
        """Return the writer of one stream."""
        ...

    def error(self, error: CallError) -> tuple[int, Json]:
        """Return status and body for a call that failed before anything was sent."""
        ...

    def refused(self, status: int, error_type: str, message: str) -> Json:
        """Return the body of what a front end refuses before there is a call (no key, too large); `error_type` is OpenRouter's."""
        ...


@frozen
class Dialect:
    """A wire format of one operation: its name, and one or both halves.

    `routes`: where the gateway serves it to clients, as paths; one with a group (`(?P<model>.+)`) is a regular expression of a whole
    path, and its groups, with the query's members, are what `Client.facts` gets as `path`.
    `estimate`: makes a reply of what planning knows of the call, where nobody who serves the model serves the operation.
    """

    name: str
    operation: Operation
    upstream: Upstream | None = None
    client: Client | None = None
    routes: tuple[str, ...] = ()
    estimate: Callable[[Call], Json] | None = None


def under_bases(path: str) -> tuple[str, ...]:
    """Return a route under OpenRouter's base path, and under OpenAI's and Anthropic's as its alias."""
    return f"/api/v1{path}", f"/v1{path}"
