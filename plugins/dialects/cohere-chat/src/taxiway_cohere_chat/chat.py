"""The dialect `cohere-chat`: Cohere's chat, version 2, towards providers and towards clients."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from taxiway import chat_facts
from taxiway.call import Call, Facts, Translated
from taxiway.candidate import Endpoint
from taxiway.codec import Json
from taxiway.dialect import Dialect, Fold, Progress, Stamp, Translator, Writer
from taxiway.errors import InvalidRequest
from taxiway.http import Headers
from taxiway.outcome import Bill, CallError
from taxiway_cohere_chat.events_from_chat import FromChunks
from taxiway_cohere_chat.events_to_chat import ToChunks
from taxiway_cohere_chat.from_request import NAMES, to_canonical
from taxiway_cohere_chat.progress import CohereFold, CohereProgress
from taxiway_cohere_chat.replies import reply_from_canonical, reply_to_canonical
from taxiway_cohere_chat.stamp import WRITER, CohereStamp, error_reply, refusal
from taxiway_cohere_chat.to_request import Request

OWN: Final = frozenset(
    "model models provider plugins route preset transforms usage stream session_id trace debug".split()
)
"""Top-level fields of a body that are Taxiway's: those of canonical chat, of which Cohere has `model` and `stream`."""

_THEIRS: Final = {ours: theirs for theirs, ours in NAMES.items()} | {"reasoning": "thinking"}


class CohereChatUpstream:
    """How a provider that speaks Cohere's chat is talked to."""

    def from_canonical(self, body: Json, endpoint: Endpoint) -> Translated:
        """Translate a canonical body. Raises Unsupported."""
        return Request(endpoint).make(body)

    def reply_to_canonical(self, reply: Json, state: Any) -> Translated:
        """Translate a complete reply. Raises Malformed."""
        return reply_to_canonical(reply)

    def events_to_canonical(self, state: Any) -> Translator:
        """Return the translator of one stream."""
        return ToChunks()

    def progress(self, stream: bool) -> Progress:
        """Return the reader of one reply."""
        return CohereProgress(stream)

    def fold(self) -> Fold:
        """Return what makes one reply out of a stream."""
        return CohereFold()


class CohereChatClient:
    """How a client that speaks Cohere's chat is served."""

    own = OWN

    def facts(self, body: Json, path: Mapping[str, str], headers: Headers) -> Facts:
        """Check the body and read what planning may know of it. Raises InvalidRequest, naming the field."""
        try:
            return chat_facts.facts(to_canonical(body).body, path, headers)
        except InvalidRequest as error:
            # Fields by the names that this client knows.
            name, dot, rest = error.field.partition(".")
            raise InvalidRequest(_THEIRS.get(name, name) + dot + rest, error.message) from None

    def to_canonical(self, body: Json) -> Translated:
        """Translate a body. Raises InvalidRequest."""
        return to_canonical(body)

    def reply_from_canonical(self, reply: Json, call: Call) -> Translated:
        """Translate a complete reply."""
        return reply_from_canonical(reply)

    def events_from_canonical(self, call: Call) -> Translator:
        """Return the translator of one stream."""
        return FromChunks()

    def stamp(self, call: Call, bill: Callable[[], Bill]) -> Stamp:
        """Return the stamp of one call."""
        return CohereStamp(call, bill)

    def writer(self, call: Call) -> Writer:
        """Return the writer; it keeps nothing, so one serves all."""
        return WRITER

    def error(self, error: CallError) -> tuple[int, Json]:
        """Return status and body for a call that failed before anything was sent."""
        return error_reply(error)

    def refused(self, status: int, error_type: str, message: str) -> Json:
        """Return the body of what a front end refuses."""
        return refusal(status, error_type, message)


COHERE_CHAT: Final = Dialect(
    name="cohere-chat",
    operation="chat",
    upstream=CohereChatUpstream(),
    client=CohereChatClient(),
    routes=("/v2/chat", "/api/v2/chat"),
)
