"""Where conversations were served last, so that their next calls find the prompt caches of those before.

The rules are OpenRouter's. A session that the client named is remembered after every success. Any other conversation only once a cache
was seen at work (cached tokens in the usage) where reading it costs less than reading the prompt anew.
"""

from typing import Final, NamedTuple, TypeAlias

from taxiway.call import Call
from taxiway.candidate import Candidate
from taxiway.usage import Usage

LASTS: Final = 600.0
"""Seconds after the last success."""
_MOST: Final = 20_000
"""Conversations that are remembered: some 5 MB."""

_Key: TypeAlias = tuple[str, str, str]


class Stuck(NamedTuple):
    """Who served last: an endpoint's and a candidate's key."""

    endpoint: str
    candidate: str


class Sticky:
    """What is remembered, the latest last. Every `now` is in seconds of the monotonic clock."""

    def __init__(self) -> None:
        self._held: dict[_Key, tuple[float, Stuck]] = {}

    def of(self, call: Call, now: float) -> Stuck | None:
        """Return who served a call's conversation last."""
        if not self._held or (key := _key(call)) is None:
            return None
        until, stuck = self._held.get(key, (now, None))
        return stuck if now < until else None

    def served(self, call: Call, candidate: Candidate, usage: Usage | None, now: float) -> None:
        """Take in that a call was served."""
        conversation = call.facts.conversation
        if conversation is None:
            return
        held, sure = self._held, conversation.source == "session" or _cached(candidate, usage)
        sure = sure or (bool(held) and self.of(call, now) == (candidate.endpoint.key, candidate.key))
        if sure and (key := _key(call)) is not None:
            held.pop(key, None)
            held[key] = now + LASTS, Stuck(candidate.endpoint.key, candidate.key)
            while len(held) > _MOST or next(iter(held.values()))[0] <= now:
                del held[next(iter(held))]


def _key(call: Call) -> _Key | None:
    conversation = call.facts.conversation
    if conversation is None:
        return None
    return call.caller.workspace, call.facts.models[0], f"{conversation.source} {conversation.mark}"


def _cached(candidate: Candidate, usage: Usage | None) -> bool:
    if usage is None or not usage.cache_read:
        return False
    price = candidate.endpoint.price
    return price.cache_read is not None and price.input is not None and price.cache_read < price.input
