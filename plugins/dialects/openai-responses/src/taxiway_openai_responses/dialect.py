"""The dialect `responses`: OpenAI's Responses API, without a store.

Wire: OpenAI's API reference (create a model response, streaming events), OpenRouter's (its additions, usage and cost, errors).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from taxiway.call import Call, Facts, Translated
from taxiway.candidate import Endpoint
from taxiway.chat import ChatClient
from taxiway.codec import Json
from taxiway.dialect import Dialect, Fold, Progress, Stamp, Translator, Writer, under_bases
from taxiway.http import Headers
from taxiway.outcome import Bill
from taxiway_openai_responses import facts, from_chat_body, from_chat_reply, to_chat_body, to_chat_reply
from taxiway_openai_responses.from_chat_stream import EventsOfChunks
from taxiway_openai_responses.progress import ResponsesFold, ResponsesProgress
from taxiway_openai_responses.stamp import NamedSseWriter, ResponsesStamp
from taxiway_openai_responses.to_chat_stream import ChunksOfEvents


class ResponsesUpstream:
    """How a provider that speaks responses is talked to."""

    def from_canonical(self, body: Json, endpoint: Endpoint) -> Translated:
        """Translate a chat body. Raises Unsupported, and Malformed for what is none."""
        return from_chat_body.from_canonical(body, endpoint)

    def reply_to_canonical(self, reply: Json, state: Any) -> Translated:
        """Translate a complete Response. Raises Malformed."""
        return to_chat_reply.reply_to_canonical(reply, state)

    def events_to_canonical(self, state: Any) -> Translator:
        """Return the translator of one stream."""
        return ChunksOfEvents(state)

    def progress(self, stream: bool) -> Progress:
        """Return the reader of one reply."""
        return ResponsesProgress(stream)

    def fold(self) -> Fold:
        """Return what makes one Response out of a stream."""
        return ResponsesFold()


class ResponsesClient(ChatClient):
    """How a client that speaks responses is served. What fails before there is a reply has chat's form."""

    own = frozenset("model models provider plugins route preset transforms stream session_id trace debug".split())

    def facts(self, body: Json, path: Mapping[str, str], headers: Headers) -> Facts:
        """Check the body and read what planning may know of it. Raises InvalidRequest, naming the field."""
        return facts.facts(body, headers)

    def to_canonical(self, body: Json) -> Translated:
        """Translate a body. Raises Unsupported for what means nothing outside the Responses API, and Malformed."""
        return to_chat_body.to_canonical(body)

    def reply_from_canonical(self, reply: Json, call: Call) -> Translated:
        """Translate a chat completion. Raises Malformed."""
        return from_chat_reply.reply_from_canonical(reply, call)

    def events_from_canonical(self, call: Call) -> Translator:
        """Return the translator of one stream."""
        return EventsOfChunks(call)

    def stamp(self, call: Call, bill: Callable[[], Bill]) -> Stamp:
        """Return the stamp of one call."""
        return ResponsesStamp(call, bill)

    def writer(self, call: Call) -> Writer:
        """Return the writer; it keeps nothing, so one serves all."""
        return _WRITER


_WRITER: Final = NamedSseWriter()

RESPONSES: Final = Dialect(
    name="responses",
    operation="chat",
    upstream=ResponsesUpstream(),
    client=ResponsesClient(),
    routes=under_bases("/responses"),
)
