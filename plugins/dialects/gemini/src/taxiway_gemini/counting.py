"""The dialect `gemini-count-tokens`: Google's `countTokens`, both halves. Nothing is generated, and nothing is charged.

Sources: ai.google.dev/api/tokens, docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/count-tokens. The request
stands in the body (Vertex AI), or in its member `generateContentRequest` (the Gemini API, where there is more than contents).

Canonical is Anthropic's form of it, whose bodies are a message's: it goes by way of canonical chat.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from taxiway.call import Call, Facts, Translated
from taxiway.candidate import Endpoint
from taxiway.codec import Json
from taxiway.dialect import Dialect, Progress, Stamp
from taxiway.errors import Malformed
from taxiway.http import Headers
from taxiway.outcome import Bill
from taxiway_anthropic_messages import MESSAGES, CountProgress
from taxiway_gemini.dialect import GeminiClient, GeminiUpstream, routes
from taxiway_gemini.facts import facts
from taxiway_gemini.from_request import to_canonical
from taxiway_gemini.members import member
from taxiway_gemini.stamp import GeminiStamp
from taxiway_gemini.to_request import from_canonical

_COUNTED: Final[tuple[str, ...]] = ("contents", "systemInstruction", "tools")
_CANONICAL: Final[tuple[str, ...]] = ("messages", "system", "tools", "tool_choice")
_NO_ENDPOINT: Final = Endpoint(model="", provider="", provider_name="", id="", tag="", dialects={})
"""What Anthropic's form is made for: a count is the same wherever it is taken."""


def request_of(body: Json) -> Json:
    """Return the request whose tokens are counted."""
    inner = member(body, "generateContentRequest")
    return inner if type(inner) is dict else body


class CountUpstream(GeminiUpstream):
    """How a provider that counts is asked."""

    def from_canonical(self, body: Json, endpoint: Endpoint) -> Translated:
        """Translate a canonical body. Raises Unsupported."""
        assert MESSAGES.client is not None
        chat = MESSAGES.client.to_canonical(body)
        translated = from_canonical(chat.body, endpoint)
        counted = {name: translated.body[name] for name in _COUNTED if name in translated.body}
        return Translated(counted, (*chat.dropped, *translated.dropped))

    def reply_to_canonical(self, reply: Json, state: Any) -> Translated:
        """Translate the reply. Raises Malformed where it has no number."""
        return Translated({"input_tokens": _total(reply)})

    def progress(self, stream: bool) -> Progress:
        """Return the reader of one reply."""
        return CountProgress(_total)


def _total(reply: Json) -> int:
    total = reply.get("totalTokens")
    if type(total) is not int:
        raise Malformed("a count without a number")
    return total


class CountStamp(GeminiStamp):
    """Writes the id into a count. Nothing else is ours: it costs nothing."""

    __slots__ = ()

    def reply(self, reply: Json) -> Json:
        """Stamp a count."""
        reply["responseId"] = self._call.id
        return reply


class CountClient(GeminiClient):
    """How a client that counts is served, whichever model it asks for."""

    def facts(self, body: Json, path: Mapping[str, str], headers: Headers) -> Facts:
        """Check the body and read what planning may know of it. Raises InvalidRequest, naming the member."""
        return facts(request_of(body), path, headers)

    def to_canonical(self, body: Json) -> Translated:
        """Translate a body. Raises Unsupported."""
        assert MESSAGES.upstream is not None
        chat = to_canonical({name: value for name, value in request_of(body).items() if name not in self.own})
        message = MESSAGES.upstream.from_canonical(chat.body, _NO_ENDPOINT)
        counted = {name: message.body[name] for name in _CANONICAL if name in message.body}
        return Translated(counted, (*chat.dropped, *message.dropped))

    def reply_from_canonical(self, reply: Json, call: Call) -> Translated:
        """Translate the reply."""
        return Translated({"totalTokens": reply.get("input_tokens")})

    def stamp(self, call: Call, bill: Callable[[], Bill]) -> Stamp:
        """Return the stamp of one call."""
        return CountStamp(call, bill)


GEMINI_COUNT_TOKENS: Final = Dialect(
    name="gemini-count-tokens",
    operation="count-tokens",
    upstream=CountUpstream(),
    client=CountClient(),
    routes=routes("countTokens"),
)
