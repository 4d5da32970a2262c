"""The dialect `chat`: OpenAI's chat completions with OpenRouter's additions, and the canonical form of the operation chat.

Wire: OpenAI's API reference (chat completions, streaming), OpenRouter's (errors, usage, `provider`, `reasoning_details`).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from taxiway.call import Call, Translated
from taxiway.chat_canonical import from_canonical
from taxiway.chat_errors import error_reply, refusal
from taxiway.chat_facts import facts
from taxiway.chat_fold import ChatFold
from taxiway.chat_progress import ChatProgress
from taxiway.chat_stamp import ChatStamp, SseWriter
from taxiway.codec import Json
from taxiway.dialect import Dialect, Progress, Stamp, Translator, Writer, under_bases
from taxiway.hookspecs import hookimpl
from taxiway.outcome import Bill
from taxiway.registration import Context, NoOptions, Registration

TAXIWAY_API = (1, 0)


class Untranslated:
    """The translator of a stream that is canonical already."""

    dropped: Sequence[str] = ()

    def feed(self, event: Json) -> Sequence[Json]:
        """Give the event back."""
        return (event,)

    def close(self) -> Sequence[Json]:
        """Give nothing: only the stamp knows more at the end."""
        return ()


class ChatUpstream:
    """How a provider that speaks chat is talked to: canonical already, less what an endpoint refuses."""

    from_canonical = staticmethod(from_canonical)
    progress: Callable[[bool], Progress] = ChatProgress
    fold = ChatFold

    def reply_to_canonical(self, reply: Json, state: Any) -> Translated:
        """Give the reply as it is."""
        return Translated(reply)

    def events_to_canonical(self, state: Any) -> Translator:
        """Return a translator that changes nothing."""
        return Untranslated()


class ChatClient:
    """How a client that speaks chat is served: nothing to translate, and errors in OpenRouter's form."""

    own = frozenset(
        "model models provider plugins route preset transforms usage stream stream_options session_id trace debug".split()
    )
    facts = staticmethod(facts)
    stamp: Callable[[Call, Callable[[], Bill]], Stamp] = ChatStamp
    error = staticmethod(error_reply)
    refused = staticmethod(refusal)

    def to_canonical(self, body: Json) -> Translated:
        """Give the body as it is."""
        return Translated(body)

    def reply_from_canonical(self, reply: Json, call: Call) -> Translated:
        """Give the reply as it is."""
        return Translated(reply)

    def events_from_canonical(self, call: Call) -> Translator:
        """Return a translator that changes nothing."""
        return Untranslated()

    def writer(self, call: Call) -> Writer:
        """Return the writer; it keeps nothing, so one serves all."""
        return _WRITER


def offer(dialect: Dialect, summary: str) -> Iterable[Registration[NoOptions, Dialect]]:
    """Make the registration of a dialect that has no options."""

    def build(options: NoOptions, context: Context) -> Dialect:
        return dialect

    return [Registration(name=dialect.name, summary=summary, options=NoOptions, build=build)]


_WRITER: Final = SseWriter()

CHAT: Final = Dialect("chat", "chat", ChatUpstream(), ChatClient(), routes=under_bases("/chat/completions"))


@hookimpl
def taxiway_dialects() -> Iterable[Registration[NoOptions, Dialect]]:
    """Offer the dialect chat."""
    return offer(CHAT, "OpenAI's chat completions, canonical for chat")
