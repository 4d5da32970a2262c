"""Going on with an interrupted answer at another endpoint: `on_interrupted = "resume"`.

Such an endpoint takes what the client was given as the assistant's last message, and goes on from there (`Endpoint.prefill`). Only
text can be gone on with. The client's half of the stream outlives the attempts, so it is always a translator from canonical chat.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, Final

from taxiway.chat_progress import TOKENS
from taxiway.codec import Json
from taxiway.dialect import Dialect
from taxiway.errors import InvalidRequest, Malformed, Unsupported
from taxiway.money import Cost
from taxiway.outcome import Bill
from taxiway.translation import CANONICAL, Translation

if TYPE_CHECKING:
    from taxiway.attempt import Attempt
    from taxiway.call import Call, Translated
    from taxiway.candidate import Endpoint
    from taxiway.dialect import Client, Stamp
    from taxiway.outcome import CallError
    from taxiway.picks import Plan, Tried

_REASONED: Final = frozenset({"reasoning", "reasoning_content", "reasoning_details"})
_MORE_THAN_TEXT: Final = tuple(name for name in TOKENS if name != "content" and name not in _REASONED)
_LIMITS: Final = ("max_tokens", "max_completion_tokens")
_OVER: Final = frozenset({"reasoning", "reasoning_effort", "include_reasoning"})
"""What a further request does not ask for: where text has begun, reasoning is over, and endpoints refuse both at once."""


class Answer:
    """What a client was given of a streamed answer, and the client's half of that stream: translator, stamp, bill.

    To a `Translation` it is the client's translator. `resumed`: further attempts go on with it, whose `first_token` came then.
    """

    __slots__ = ("_bills", "_formed", "_pieces", "_plain", "_stamp", "_tail", "_translator", "first_token", "resumed")

    dropped: Sequence[str] = ()

    def __init__(self, call: "Call", client: "Client") -> None:
        self._bills = bills = list[Bill]()
        self.first_token: float | None = None
        self._translator, self._stamp = client.events_from_canonical(call), client.stamp(call, lambda: _summed(bills))
        self._pieces: list[str] = []
        self._plain, self.resumed, self._formed = True, False, False
        # White space at the end of what was given, which is not sent: models don't go on after it, and may say it again.
        self._tail = ""

    @property
    def open(self) -> bool:
        """Whether another endpoint can go on with it: it is text, no form has to be kept, and it has no end yet."""
        return self._plain and not self._formed and any(map(str.strip, self._pieces))

    def resume(self, first_token: float | None) -> None:
        """From now on attempts go on with what was given; when the first token came of the one that broke off."""
        if not self.resumed:
            self.first_token = first_token
        text = "".join(self._pieces)
        self.resumed, self._pieces = True, [text]
        self._tail = text[len(text.rstrip()) :]

    def request(self, body: Json) -> Json:
        """Return a canonical body as it is sent: with what was given as the assistant's last message, and so much less to say."""
        if not self.resumed:
            form = body.get("response_format") or {}
            self._formed = form.get("type", "text") != "text" or (body.get("n") or 1) > 1
            return body
        *before, last = body["messages"]
        text = self._pieces[0].rstrip()
        if last.get("role") == "assistant" and type(last.get("content")) is str:
            # The client began the answer itself.
            last = {**last, "content": last["content"] + text}
        else:
            before, last = [*before, last], {"role": "assistant", "content": text}
        usage = self.bill().usage
        said = 0 if usage is None else usage.completion
        limits = {name: max(1, body[name] - said) for name in _LIMITS if body.get(name)}
        kept = {name: value for name, value in body.items() if name not in _OVER}
        return {**kept, **limits, "messages": [*before, last]}

    def feed(self, event: Json) -> Sequence[Json]:
        """Take a chunk, give the client's events. Raises what its translator does."""
        if self.resumed and not self._goes_on(event):
            return ()
        made = self._translator.feed(event)
        for choice in event.get("choices") or ():
            delta = choice.get("delta") or {}
            text = delta.get("content")
            if text and type(text) is str:
                self._pieces.append(text)
            details = delta.get("reasoning_details")
            if (
                (text and type(text) is not str)
                or choice.get("finish_reason") is not None
                or any(map(delta.get, _MORE_THAN_TEXT))
                or (details and any(map(_is_sealed, details)))
            ):
                self._plain = False
        return made

    def close(self) -> Sequence[Json]:
        """The stream ended well: give what only the end knows."""
        return self._translator.close()

    def stamp_of(self, attempt: "Attempt") -> "Stamp":
        """Return the stamp of an attempt's events; its chunks say who gives them."""
        self._bills.append(attempt.bill)
        return Switched(self._stamp, attempt.candidate.endpoint.provider_name) if self.resumed else self._stamp

    def bill(self) -> Bill:
        """Return what all its attempts cost so far; the last one serves."""
        return _summed(self._bills)

    def _goes_on(self, event: Json) -> bool:
        """Make a further attempt's chunk go on with what was given; False where it says nothing to the client.

        Its usage is a part, and the bill has the sum.
        """
        event.pop("usage", None)
        event.pop("created", None)
        found = False
        for choice in event.get("choices") or ():
            delta = choice.get("delta") or {}
            delta.pop("role", None)
            if self._tail and (text := delta.get("content")):
                while self._tail and text[:1] == self._tail[0]:
                    text, self._tail = text[1:], self._tail[1:]
                if text:
                    self._tail = ""
                delta["content"] = text
            found = found or choice.get("finish_reason") is not None or any(delta.values())
        return found


class Switched:
    """The stamp of a stream with which another provider goes on: events that name a provider name that one."""

    __slots__ = ("_name", "_stamp")

    def __init__(self, stamp: "Stamp", name: str) -> None:
        self._stamp, self._name = stamp, name

    def event(self, event: Json) -> Json | None:
        """Stamp one event; None: it is not sent on."""
        stamped = self._stamp.event(event)
        return None if stamped is None else self._named(stamped)

    def last(self) -> Iterable[Json]:
        """Give the events that end a good stream."""
        return map(self._named, self._stamp.last())

    def reply(self, reply: Json) -> Json:
        """Stamp a complete reply."""
        return self._stamp.reply(reply)

    def failed(self, error: "CallError") -> Iterable[Json]:
        """Give the events that end a stream that failed after its first token."""
        return map(self._named, self._stamp.failed(error))

    def _named(self, event: Json) -> Json:
        if "provider" in event:
            event["provider"] = self._name
        return event


def go_on(attempt: "Attempt", dialects: Mapping[str, Dialect], shaped: "Translated | None") -> Translation:
    """Return the translation of an attempt whose stream may be gone on with, or that goes on with another's. It sets `answer`.

    What would lose something on its way through canonical chat passes untouched, and can't be gone on with.
    Raises what a `Translation` does.
    """
    call, endpoint, answer = attempt.call, attempt.candidate.endpoint, attempt.answer
    if answer is not None:
        return Translation(dialects, call, endpoint, shaped, answer)
    client = dialects[call.dialect].client
    if call.operation == "chat" and client is not None:
        answer = Answer(call, client)
        try:
            translation = Translation(dialects, call, endpoint, shaped, answer)
        except (InvalidRequest, Malformed, Unsupported):
            translation = None
        lossy = call.dialect != CANONICAL[call.operation]
        if translation is not None and not (lossy and translation.spoken == call.dialect and translation.dropped):
            attempt.answer = answer
            return translation
    return Translation(dialects, call, endpoint, shaped)


def elsewhere(plan: "Plan", tried: "Tried", endpoint: "Endpoint") -> bool:
    """Leave of a plan what can go on with an endpoint's answer: the same model, where it takes a prefill. False: nothing is left."""
    found = False
    for name, offers in plan.models:
        able = {one.endpoint.key for one in offers if one.endpoint.prefill and one.endpoint.model == endpoint.model}
        unable = {one.endpoint.key for one in offers} - able
        tried.endpoints |= unable
        tried.again -= unable
        if not able:
            tried.models.add(name)
        found = found or bool(able - tried.endpoints or able & tried.again)
    return found


def _summed(bills: Sequence[Bill]) -> Bill:
    last, used = bills[-1], [bill for bill in bills if bill.usage is not None]
    if used in ([], [last]):
        return last
    costs = [bill.cost for bill in used if bill.cost is not None]
    cost = Cost(*map(sum, zip(*costs, strict=True))) if len(costs) == len(used) else None
    usage = reduce(add, [bill.usage for bill in used if bill.usage is not None])
    return Bill(last.candidate, usage, cost, last.is_byok)


def _is_sealed(detail: Any) -> bool:
    """Whether a detail of reasoning is signed or encrypted: it belongs to the answer of the one who made it."""
    return bool(detail.get("signature") or detail.get("data"))
