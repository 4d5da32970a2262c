"""The dialect `completions`: OpenAI's legacy text completions, with OpenRouter's additions.

Wire: OpenAI's API reference (legacy completions), OpenRouter's (`reasoning`, `provider`, usage and cost). A stream is chat's in all but the
form of a choice, so what reads and writes it is chat's.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from taxiway.call import Call, Facts, Translated
from taxiway.candidate import Endpoint
from taxiway.chat import ChatClient
from taxiway.chat_progress import ChatProgress
from taxiway.chat_stamp import ChatStamp
from taxiway.codec import Json
from taxiway.dialect import Dialect, Fold, Progress, Stamp, Translator, under_bases
from taxiway.http import Headers
from taxiway.outcome import Bill, CallError
from taxiway_openai_completions import body as bodies
from taxiway_openai_completions.reply import OBJECT, Each, from_chat, lost, to_chat

_COMPLETE: Final = "chat.completion"
_CHUNK: Final = "chat.completion.chunk"


class CompletionsProgress(ChatProgress):
    """Reads chunks, or the one complete reply, as chat's."""

    __slots__ = ("_kind",)

    def __init__(self, stream: bool) -> None:
        super().__init__(stream)
        self._kind = _CHUNK if stream else _COMPLETE

    def see(self, event: Json) -> None:
        """Take one chunk, or the one complete reply. Raises Malformed."""
        super().see(to_chat(event, self._kind))


class CompletionsFold:
    """Makes the complete reply out of chunks: texts and lists of log probabilities are joined; of other values the last holds."""

    __slots__ = ("_choices", "_reply")

    def __init__(self) -> None:
        self._reply: Json = {}
        self._choices: dict[Any, Json] = {}

    def feed(self, event: Json) -> None:
        """Take one chunk. It is not changed."""
        for choice in event.get("choices") or ():
            known = self._choices.setdefault(choice.get("index", 0), {"text": "", "logprobs": None})
            for name, value in choice.items():
                if name == "text":
                    known["text"] += value
                elif name == "logprobs" and value and known[name]:
                    known[name] = {list_: [*known[name].get(list_, ()), *more] for list_, more in value.items()}
                elif value is not None or name not in known:
                    known[name] = value
        for name, value in event.items():
            if name != "choices" and (value is not None or name not in self._reply):
                self._reply[name] = value

    def reply(self) -> Json:
        """Return the complete reply."""
        return {**self._reply, "choices": [self._choices[index] for index in sorted(self._choices)]}


class CompletionsStamp(ChatStamp):
    """Writes id, model, provider, finish reasons, usage and cost into replies and chunks."""

    __slots__ = ()

    def last(self) -> Iterable[Json]:
        """Give the chunk with usage and cost."""
        return [{**chunk, "object": OBJECT} for chunk in super().last()]

    def reply(self, reply: Json) -> Json:
        """Stamp a complete reply."""
        reply.setdefault("object", OBJECT)
        return super().reply(reply)

    def failed(self, error: CallError) -> Iterable[Json]:
        """Give the chunk that says in the stream why it ends."""
        return [from_chat(chunk) for chunk in super().failed(error)]


class CompletionsUpstream:
    """How a provider that speaks completions is talked to."""

    def from_canonical(self, body: Json, endpoint: Endpoint) -> Translated:
        """Translate a chat body that is one thing said. Raises Unsupported for any other."""
        return bodies.from_canonical(body, endpoint)

    def reply_to_canonical(self, reply: Json, state: Any) -> Translated:
        """Translate a complete reply. Raises Malformed."""
        return Translated(to_chat(reply, _COMPLETE))

    def events_to_canonical(self, state: Any) -> Translator:
        """Return the translator of one stream."""
        return Each(partial(to_chat, kind=_CHUNK))

    def progress(self, stream: bool) -> Progress:
        """Return the reader of one reply."""
        return CompletionsProgress(stream)

    def fold(self) -> Fold:
        """Return what makes one reply out of a stream."""
        return CompletionsFold()


class CompletionsClient(ChatClient):
    """How a client that speaks completions is served. Errors have chat's form."""

    def facts(self, body: Json, path: Mapping[str, str], headers: Headers) -> Facts:
        """Check the body and read what planning may know of it. Raises InvalidRequest, naming the field."""
        return bodies.facts(body, headers)

    def to_canonical(self, body: Json) -> Translated:
        """Translate a body. Raises Unsupported where it means nothing to a model that chats."""
        return bodies.to_canonical(body)

    def reply_from_canonical(self, reply: Json, call: Call) -> Translated:
        """Translate a chat completion. Raises Malformed."""
        return Translated(from_chat(reply), lost(reply))

    def events_from_canonical(self, call: Call) -> Translator:
        """Return the translator of one stream."""
        return Each(from_chat)

    def stamp(self, call: Call, bill: Callable[[], Bill]) -> Stamp:
        """Return the stamp of one call."""
        return CompletionsStamp(call, bill)


COMPLETIONS: Final = Dialect(
    name="completions",
    operation="chat",
    upstream=CompletionsUpstream(),
    client=CompletionsClient(),
    routes=under_bases("/completions"),
)
