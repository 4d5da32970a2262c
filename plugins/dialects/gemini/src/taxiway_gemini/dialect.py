"""The dialect `gemini`: Google's `generateContent` and `streamGenerateContent`, both halves."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from taxiway.call import Call, Facts, Translated
from taxiway.candidate import Endpoint
from taxiway.codec import Json
from taxiway.dialect import Dialect, Fold, Progress, Stamp, Translator, Writer
from taxiway.http import Headers
from taxiway.outcome import Bill, CallError
from taxiway_gemini import errors
from taxiway_gemini.facts import STREAM, facts
from taxiway_gemini.fold import GeminiFold
from taxiway_gemini.from_reply import ChunkReader, reply_to_canonical
from taxiway_gemini.from_request import to_canonical
from taxiway_gemini.progress import GeminiProgress
from taxiway_gemini.stamp import GeminiStamp, writer_of
from taxiway_gemini.to_reply import ChunkWriter, reply_from_canonical
from taxiway_gemini.to_request import from_canonical


class GeminiUpstream:
    """How a provider that speaks Gemini is talked to."""

    def from_canonical(self, body: Json, endpoint: Endpoint) -> Translated:
        """Translate a canonical body. Raises Unsupported."""
        return from_canonical(body, endpoint)

    def reply_to_canonical(self, reply: Json, state: Any) -> Translated:
        """Translate a complete reply."""
        return reply_to_canonical(reply)

    def events_to_canonical(self, state: Any) -> Translator:
        """Return the translator of one stream."""
        return ChunkReader()

    def progress(self, stream: bool) -> Progress:
        """Return the reader of one reply."""
        return GeminiProgress(stream)

    def fold(self) -> Fold:
        """Return what makes one reply out of a stream."""
        return GeminiFold()


class GeminiClient:
    """How a client that speaks Gemini is served, whichever model it asks for."""

    own = frozenset("model models provider plugins preset session_id trace".split())

    def facts(self, body: Json, path: Mapping[str, str], headers: Headers) -> Facts:
        """Check the body and read what planning may know of it. Raises InvalidRequest, naming the member."""
        return facts(body, path, headers)

    def to_canonical(self, body: Json) -> Translated:
        """Translate a body. Raises Unsupported."""
        return to_canonical(body)

    def reply_from_canonical(self, reply: Json, call: Call) -> Translated:
        """Translate a complete reply."""
        return reply_from_canonical(reply)

    def events_from_canonical(self, call: Call) -> Translator:
        """Return the translator of one stream."""
        return ChunkWriter()

    def stamp(self, call: Call, bill: Callable[[], Bill]) -> Stamp:
        """Return the stamp of one call."""
        return GeminiStamp(call, bill)

    def writer(self, call: Call) -> Writer:
        """Return the writer of one stream: events where the address says `alt=sse`, else one JSON array."""
        return writer_of(call.path)

    def error(self, error: CallError) -> tuple[int, Json]:
        """Return status and body for a call that failed before anything was sent."""
        return errors.error_reply(error)

    def refused(self, status: int, error_type: str, message: str) -> Json:
        """Return the body for what is refused before there is a call."""
        return errors.refused(status, error_type, message)


def routes(*actions: str) -> tuple[str, ...]:
    """Return the route of some actions: as the Gemini API has it, and as Vertex AI has it with whichever project."""
    model = r"(?:(?:projects/[^:]+/)?publishers/(?P<publisher>[^/]+)/)?models/(?P<model>.+)"
    return (rf"(?:/api)?/v1\w*/{model}:(?P<action>{'|'.join(actions)})",)


GEMINI: Final = Dialect(
    name="gemini",
    operation="chat",
    upstream=GeminiUpstream(),
    client=GeminiClient(),
    routes=routes("generateContent", STREAM),
)
