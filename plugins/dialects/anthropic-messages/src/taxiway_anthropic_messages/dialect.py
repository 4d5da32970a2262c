"""The dialect `messages`: both halves."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from taxiway.call import Call, Facts, Translated
from taxiway.candidate import Endpoint
from taxiway.codec import Json
from taxiway.dialect import Dialect, Fold, Progress, Stamp, Translator, Writer, under_bases
from taxiway.http import Headers
from taxiway.outcome import Bill, CallError
from taxiway_anthropic_messages import canonical, facts, reply, request
from taxiway_anthropic_messages.errors import error_body, refusal
from taxiway_anthropic_messages.fold import MessagesFold
from taxiway_anthropic_messages.from_chat import FromChat
from taxiway_anthropic_messages.progress import MessagesProgress
from taxiway_anthropic_messages.stamp import WRITER, MessagesStamp
from taxiway_anthropic_messages.to_chat import ToChat


class MessagesUpstream:
    """How a provider that speaks messages is talked to."""

    def from_canonical(self, body: Json, endpoint: Endpoint) -> Translated:
        """Translate a chat body. Raises Unsupported."""
        return request.from_canonical(body, endpoint)

    def reply_to_canonical(self, reply_: Json, state: Any) -> Translated:
        """Translate a complete message."""
        return reply.to_chat(reply_, state or reply.UNASKED)

    def events_to_canonical(self, state: Any) -> Translator:
        """Return the translator of one stream."""
        return ToChat(state or reply.UNASKED)

    def progress(self, stream: bool) -> Progress:
        """Return the reader of one reply."""
        return MessagesProgress()

    def fold(self) -> Fold:
        """Return what makes one message out of a stream."""
        return MessagesFold()


class MessagesClient:
    """How a client that speaks messages is served: Claude Code, Anthropic's SDKs."""

    own = frozenset("model models fallbacks provider plugins route preset stream session_id trace user".split())

    def facts(self, body: Json, path: Mapping[str, str], headers: Headers) -> Facts:
        """Check the body and read what planning may know of it. Raises InvalidRequest, naming the field."""
        return facts.facts(body, headers)

    def to_canonical(self, body: Json) -> Translated:
        """Translate a body. Raises Unsupported."""
        return canonical.to_canonical(body)

    def reply_from_canonical(self, reply_: Json, call: Call) -> Translated:
        """Translate a complete chat reply. Raises Malformed where it is none."""
        return reply.from_chat(reply_)

    def events_from_canonical(self, call: Call) -> Translator:
        """Return the translator of one stream."""
        return FromChat(call)

    def stamp(self, call: Call, bill: Callable[[], Bill]) -> Stamp:
        """Return the stamp of one call."""
        return MessagesStamp(call, bill)

    def writer(self, call: Call) -> Writer:
        """Return the writer of server-sent events with names."""
        return WRITER

    def error(self, error: CallError) -> tuple[int, Json]:
        """Return status and body for a call that failed before anything was sent."""
        return error_body(error)

    def refused(self, status: int, error_type: str, message: str) -> Json:
        """Return the body of what a front end refuses before there is a call."""
        return refusal(status, error_type, message)


MESSAGES: Final = Dialect(
    name="messages",
    operation="chat",
    upstream=MessagesUpstream(),
    client=MessagesClient(),
    routes=under_bases("/messages"),
)
