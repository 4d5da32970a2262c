"""Where conversations were served last, so that their next calls find the prompt caches of those before.

The rules are OpenRouter's. A session that the client named is remembered after every success. Any other conversation only once a cache
was seen at work (cached tokens in the usage) where reading it costs less than reading the prompt anew.
"""

from typing import Final, NamedTuple, TypeAlias

from taxiway.call import Call, Conversation
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
    """What is remembered is `held`, the latest last. Every `now` is in seconds of the monotonic clock."""

    def __init__(self) -> None:
        self.held: dict[_Key, tuple[float, Stuck]] = {}

    def of(self, call: Call, now: float) -> Stuck | None:
        """Return who served a call's conversation last."""
        conversation = call.facts.conversation
        if conversation is None:
            return None
        until, stuck = self.held.get(_key(call, conversation), (now, None))
        return stuck if now < until else None

    def served(self, call: Call, candidate: Candidate, usage: Usage | None, now: float) -> None:
        """Take in that a call was served."""
        conversation, held = call.facts.conversation, self.held
        if conversation is None:
            return
        sure = conversation.source == "session" or (usage is not None and usage.cache_read and _cheaper(candidate))
        if sure or (held and self.of(call, now) == (candidate.endpoint.key, candidate.key)):
            key = _key(call, conversation)
            held.pop(key, None)
            held[key] = now + LASTS, Stuck(candidate.endpoint.key, candidate.key)
            while len(held) > _MOST or next(iter(held.values()))[0] <= now:
                del held[next(iter(held))]


def _key(call: Call, conversation: Conversation) -> _Key:
    return call.caller.workspace, call.facts.models[0], f"{conversation.source} {conversation.mark}"


def _cheaper(candidate: Candidate) -> bool:
    """Whether reading a cache costs less than reading the prompt anew."""
    price = candidate.endpoint.price
    return price.cache_read is not None and price.input is not None and price.cache_read < price.input
