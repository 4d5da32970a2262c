"""Between a client's dialect and an endpoint's: nothing where they are one, one or two translators where they are not."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from taxiway.call import Call, Translated
from taxiway.candidate import Endpoint
from taxiway.codec import Json
from taxiway.dialect import Dialect, Progress, Stamp, Translator
from taxiway.filters import options_of
from taxiway.outcome import Bill

if TYPE_CHECKING:
    from taxiway.resumption import Answer

CANONICAL: Final = {"chat": "chat", "embeddings": "embeddings", "rerank": "rerank", "count-tokens": "count-tokens"}
"""The canonical dialect of each operation: what every other one translates to and from."""


def canonical(dialects: Mapping[str, Dialect], call: Call) -> Translated:
    """Return a call's body in the canonical dialect of its operation."""
    client = dialects[call.dialect].client
    assert client is not None
    return client.to_canonical(call.body)


class Translation:
    """How one call speaks to one endpoint. `spoken` is the endpoint's dialect, `body` the request in it.

    A canonical body passes through the canonical dialect's own `from_canonical` too: it has additions that not every endpoint
    takes. `shaped`: the canonical body, where something was changed in it for this endpoint; it does not pass untouched then.
    `answer`: where it is one that another endpoint may go on with, the client's translator, kept for all its attempts.
    Raises Unsupported where the endpoint can't express the request.
    """

    __slots__ = ("_call", "_ours", "_state", "_theirs", "_translators", "_two", "applied", "body", "dropped", "spoken")

    def __init__(
        self,
        dialects: Mapping[str, Dialect],
        call: Call,
        endpoint: Endpoint,
        shaped: Translated | None = None,
        answer: "Answer | None" = None,
    ) -> None:
        choice = endpoint.dialects[call.operation]
        used: Collection[str] = call.facts.parameters
        if shaped is not None:
            # What a model's name adds is in the body alone.
            used = {*used, *shaped.body}
        passes = call.dialect in choice and endpoint.elsewhere.isdisjoint(used)
        if answer is not None and answer.resumed:
            # It is the endpoint's best dialect that it is known to go on in.
            passes = call.dialect == choice[0]
        self.spoken = spoken = call.dialect if passes else choice[0]
        ours, theirs = dialects[call.dialect].client, dialects[spoken].upstream
        assert ours is not None
        assert theirs is not None
        self._call, self._ours, self._theirs = call, ours, theirs
        middle = CANONICAL[call.operation]
        crosses = call.dialect != spoken or shaped is not None or answer is not None
        self._two = (crosses and spoken != middle, crosses and call.dialect != middle)
        self.body: Json = call.body
        self.dropped: tuple[str, ...] = ()
        self.applied: tuple[str, ...] = ()
        self._state: Any = None
        if shaped is not None or self._two[1]:
            translated = ours.to_canonical(call.body) if shaped is None else shaped
            self.body, self.dropped, self.applied = translated.body, translated.dropped, translated.applied
        if answer is not None:
            self.body = answer.request(self.body)
        if self._two[0] or spoken == middle:
            translated = theirs.from_canonical(self.body, endpoint)
            self.body, self._state = translated.body, translated.state
            self.dropped += translated.dropped
            self.applied += translated.applied
        if call.preferences.options:
            self.body = {**self.body, **options_of(call, endpoint)}
        self._translators: tuple[Translator, ...] = ()
        if call.facts.stream and crosses:
            first = (theirs.events_to_canonical(self._state),) if self._two[0] else ()
            second = (ours.events_from_canonical(call),) if self._two[1] and answer is None else ()
            self._translators = first + (second if answer is None else (answer,))

    def progress(self) -> Progress:
        """Return the reader of the endpoint's replies."""
        return self._theirs.progress(self._call.facts.stream)

    def stamp(self, bill: Callable[[], Bill]) -> Stamp:
        """Return the stamp of what the client gets."""
        return self._ours.stamp(self._call, bill)

    def reply(self, reply: Json) -> Json:
        """Translate a complete reply."""
        if self._two[0]:
            reply = self._theirs.reply_to_canonical(reply, self._state).body
        return self._ours.reply_from_canonical(reply, self._call).body if self._two[1] else reply

    def events(self, event: Json) -> Sequence[Json]:
        """Translate an event of a stream."""
        return _through(self._translators, event) if self._translators else (event,)

    def close(self) -> list[Json]:
        """Return what only the end of a good stream knows."""
        return [
            ours
            for index, translator in enumerate(self._translators)
            for event in translator.close()
            for ours in _through(self._translators[index + 1 :], event)
        ]


def _through(translators: Sequence[Translator], event: Json) -> Sequence[Json]:
    events: Sequence[Json] = (event,)
    for translator in translators:
        events = [made for one in events for made in translator.feed(one)]
    return events
