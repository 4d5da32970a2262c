"""The dialect `count-tokens`: Anthropic's, and the canonical form of its operation. The body is a message's, less what is only for output.

Wire: platform.claude.com/docs: build-with-claude/token-counting. Nothing is generated, and nothing is charged.
"""

from collections.abc import Callable
from typing import Any, Final

from taxiway.call import Call, Translated
from taxiway.candidate import Endpoint
from taxiway.codec import Json
from taxiway.dialect import Dialect, Progress, Stamp, under_bases
from taxiway.errors import Malformed
from taxiway.outcome import Bill
from taxiway.usage import Usage
from taxiway_anthropic_messages.dialect import MessagesClient, MessagesUpstream
from taxiway_anthropic_messages.stamp import MessagesStamp


def count_of(reply: Json) -> int:
    """Return a reply's number. Raises Malformed where it has none."""
    count = reply.get("input_tokens")
    if type(count) is not int:
        raise Malformed("a count without a number")
    return count


class CountProgress:
    """Reads the one reply. It is free: nothing is used. `count` reads the number, and raises Malformed where there is none."""

    __slots__ = ("_count", "done", "finish", "native_finish", "started", "upstream_id", "usage")

    def __init__(self, count: Callable[[Json], int] = count_of) -> None:
        self._count = count
        self.started = self.done = False
        self.finish: str | None = None
        self.native_finish: str | None = None
        self.upstream_id: str | None = None
        self.usage: Usage | None = None

    def see(self, event: Json) -> None:
        """Take the reply. Raises Malformed where it has no number."""
        self._count(event)
        self.started = self.done = True
        self.usage = Usage(requests=0)

    def close(self, mark: bool, framed: bool) -> None:
        """The body ended."""

    text = ""


class CountUpstream(MessagesUpstream):
    """How a provider that counts is asked: the body is canonical already."""

    def from_canonical(self, body: Json, endpoint: Endpoint) -> Translated:
        """Give the body as it is."""
        return Translated(body)

    def reply_to_canonical(self, reply_: Json, state: Any) -> Translated:
        """Give the reply as it is."""
        return Translated(reply_)

    def progress(self, stream: bool) -> Progress:
        """Return the reader of one reply."""
        return CountProgress()


class CountStamp(MessagesStamp):
    """Writes the id into a count. Nothing else is ours: it costs nothing."""

    __slots__ = ()

    def reply(self, reply: Json) -> Json:
        """Stamp a count."""
        reply["id"] = self._call.id
        return reply


class CountClient(MessagesClient):
    """How a client that counts is served: its body is checked as a message's."""

    def to_canonical(self, body: Json) -> Translated:
        """Give the body as it is."""
        return Translated(body)

    def reply_from_canonical(self, reply_: Json, call: Call) -> Translated:
        """Give the reply as it is."""
        return Translated(reply_)

    def stamp(self, call: Call, bill: Callable[[], Bill]) -> Stamp:
        """Return the stamp of one call."""
        return CountStamp(call, bill)


def estimate(call: Call) -> Json:
    """Reckon the tokens of a model whose providers count none."""
    return {"input_tokens": call.facts.tokens, "estimated": True, "id": call.id}


COUNT_TOKENS: Final = Dialect(
    name="count-tokens",
    operation="count-tokens",
    upstream=CountUpstream(),
    client=CountClient(),
    routes=under_bases("/messages/count_tokens"),
    estimate=estimate,
)
