"""Between a client's dialect and an endpoint's: nothing where they are one, one or two translators where they are not."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from taxiway.call import Call, Translated
from taxiway.candidate import Endpoint
from taxiway.codec import Json
from taxiway.dialect import Dialect, Translator
from taxiway.filters import options_of

if TYPE_CHECKING:
    from taxiway.resumption import Answer

CANONICAL: Final = {"chat": "chat", "embeddings": "embeddings", "rerank": "rerank", "count-tokens": "count-tokens"}
"""The canonical dialect of each operation: what every other one translates to and from."""


class Translation:
    """How one call speaks to one endpoint. `spoken` is the endpoint's dialect, `body` the request in it; `ours` is the client's half
    of its dialect, `theirs` the endpoint's of `spoken`.

    A canonical body passes through the canonical dialect's own `from_canonical` too: it has additions that not every endpoint
    takes. `shaped`: the canonical body, where something was changed in it for this endpoint; it does not pass untouched then.
    `answer`: where it is one that another endpoint may go on with, the client's translator, kept for all its attempts.
    `translators`: those of its events, one after the other; none where they pass untouched.
    Raises Unsupported where the endpoint can't express the request.
    """

    dropped: tuple[str, ...] = ()
    applied: tuple[str, ...] = ()
    # Whether its reply has to pass the endpoint's translator, and the client's.
    _two = (False, False)
    _state: Any = None
    translators: tuple[Translator, ...] = ()

    def __init__(
        self,
        dialects: Mapping[str, Dialect],
        call: Call,
        endpoint: Endpoint,
        shaped: Translated | None = None,
        answer: "Answer | None" = None,
    ) -> None:
        dialect, choice = call.dialect, endpoint.dialects[call.operation]
        spoken = choice[0]
        # It is the endpoint's best dialect that it is known to go on in.
        if dialect != spoken and dialect in choice and (answer is None or not answer.resumed):
            # What a model's name adds is in the body alone.
            used = call.facts.parameters if shaped is None else {*call.facts.parameters, *shaped.body}
            if endpoint.elsewhere.isdisjoint(used):
                spoken = dialect
        self.spoken = spoken
        ours, theirs = dialects[dialect].client, dialects[spoken].upstream
        assert ours is not None
        assert theirs is not None
        self._call, self.ours, self.theirs = call, ours, theirs
        body, middle = call.body, CANONICAL[call.operation]
        crosses = spoken != dialect or shaped is not None or answer is not None
        if crosses:
            self._two = spoken != middle, dialect != middle
            if shaped is not None or dialect != middle:
                translated = ours.to_canonical(body) if shaped is None else shaped
                body, self.dropped, self.applied = translated.body, translated.dropped, translated.applied
            if answer is not None:
                body = answer.request(body)
        if crosses or spoken == middle:
            translated = theirs.from_canonical(body, endpoint)
            body, self._state = translated.body, translated.state
            if translated.dropped or translated.applied:
                self.dropped += translated.dropped
                self.applied += translated.applied
        if call.preferences.options:
            body = {**body, **options_of(call, endpoint)}
        self.body: Json = body
        if crosses and call.facts.stream:
            first = (theirs.events_to_canonical(self._state),) if spoken != middle else ()
            second = (ours.events_from_canonical(call),) if dialect != middle and answer is None else ()
            self.translators = first + (second if answer is None else (answer,))

    def reply(self, reply: Json) -> Json:
        """Translate a complete reply."""
        if self._two[0]:
            reply = self.theirs.reply_to_canonical(reply, self._state).body
        return self.ours.reply_from_canonical(reply, self._call).body if self._two[1] else reply

    def events(self, event: Json) -> Sequence[Json]:
        """Translate an event of a stream."""
        return _through(self.translators, event)

    def close(self) -> list[Json]:
        """Return what only the end of a good stream knows."""
        return [
            ours
            for index, translator in enumerate(self.translators)
            for event in translator.close()
            for ours in _through(self.translators[index + 1 :], event)
        ]


def _through(translators: Sequence[Translator], event: Json) -> Sequence[Json]:
    events: Sequence[Json] = (event,)
    for translator in translators:
        events = [made for one in events for made in translator.feed(one)]
    return events
