"""Who is tried next: an account of the best endpoint that is left, chosen and reserved for in one synchronous step.

Headroom is stale by the second attempt, and ordering every candidate up front costs ten times as much.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from attrs import Factory, define, frozen

from taxiway.call import Call, Facts
from taxiway.candidate import Candidate, Endpoint
from taxiway.codec import Json
from taxiway.gates import Block
from taxiway.health import Health
from taxiway.ledgers import Reservation
from taxiway.quota import Quotas
from taxiway.routing import Routing
from taxiway.snapshot import Offer
from taxiway.sticky import Stuck
from taxiway.strategy import HealthView

SAME_ENDPOINT: Final = 3
"""Attempts at one endpoint after overload or unavailability (Google's SRE book has the same number)."""


@define(eq=False)
class Tried:
    """What a call has behind it: who is not to be tried again, by key. `limited` ends with a pause, `again` with a backoff.

    `failures` counts those after which an endpoint or a candidate may be tried once more.
    """

    models: set[str] = Factory(set)
    endpoints: set[str] = Factory(set)
    accounts: set[str] = Factory(set)
    candidates: set[str] = Factory(set)
    limited: set[str] = Factory(set)
    again: set[str] = Factory(set)
    failures: Counter[str] = Factory(Counter)
    resorted: bool = False

    def has(self, candidate: Candidate) -> bool:
        """Whether a candidate is not to be tried again."""
        return candidate.key in self.candidates or candidate.account.key in self.accounts

    def once_more(self) -> bool:
        """Let endpoints that failed in passing be tried again; False where there are none."""
        self.endpoints -= self.again
        found = bool(self.again)
        self.again.clear()
        return found


NOTHING_TRIED: Final = Tried()
"""What nearly every call has behind it when it picks: it is shared, and never changed."""


@define(eq=False)
class Pick:
    """Who is tried next, with its reservation taken. `headroom`: the share of its tightest limit that was free.

    `resort`: its breaker is open, as all are, and its probe was due first. `passed`: what was out of those before it.
    """

    candidate: Candidate
    reservation: Reservation
    headroom: float
    resort: bool = False
    passed: Sequence[tuple[Candidate, Block]] = ()


@frozen(eq=False)
class Pause:
    """Nothing can be tried before `until` (monotonic seconds), then something can."""

    until: float


@frozen(eq=False)
class Exhausted:
    """Nothing is left. `block`: why the best-ranked candidate is out; `frees`: when the first of all frees (monotonic)."""

    block: Block | None
    frees: float | None


class PlanView(HealthView, Protocol):
    """The view as planning has it: it says what is ranked next, and keeps the `figures` that were read."""

    @property
    def figures(self) -> Mapping[str, Any]:
        """Return what was read, and is not the usual."""
        ...

    def consider(self, facts: Facts, offered: Mapping[Endpoint, Offer]) -> None:
        """Take the call's facts, and of each endpoint that is ranked next its offer."""
        ...

    def sticky(self, call: Call) -> Stuck | None:
        """Return who served the call's conversation last."""
        ...


@define(eq=False)
class Plan:
    """The endpoints of each model, in the order in which they are tried.

    `mixed`: some models come more than once. `stuck`: the key of the candidate that served the conversation last. `adds`: what
    models' names add to the body, by endpoint.
    """

    call: Call
    models: list[tuple[str, Sequence[Offer]]]
    routing: Routing
    view: PlanView
    mixed: bool = False
    stuck: str | None = None
    adds: Mapping[Endpoint, Mapping[str, Json]] = Factory(dict)

    def pick(
        self, tried: Tried, health: Health, quotas: Quotas, now: float, patience: float
    ) -> Pick | Pause | Exhausted:
        """Choose a candidate and reserve for it, in one synchronous step. `patience`: seconds that a pause may take."""
        blocks: list[tuple[Candidate, Block]] = []
        for model, offers in self.models:
            if model in tried.models:
                continue
            start = len(blocks)
            for offer in offers:
                if offer.endpoint.key not in tried.endpoints:
                    chosen = self.choose(offer, tried, health, quotas, now, blocks)
                    if chosen is not None:
                        return self._reserve(*chosen, quotas, now, blocks)
            out = self._all_out(model, tried, health, quotas, now) if self.mixed else blocks[start:]
            if out is None:
                continue
            if (found := self._last(out, tried, quotas, now, patience)) is not None:
                return found
            if any(block.kind not in self.routing.fallback_on for _, block in out):
                # As after such a failure: the call goes to no other model.
                break
        if not tried.resorted and (breakers := [pair for pair in blocks if pair[1].breaker]):
            # Where breakers alone are the reason, the one whose probe is due first is tried, once a call.
            candidate, _ = min(breakers, key=lambda pair: pair[1].until or now)
            room = quotas.room(candidate, self.call.facts.tokens, self.call.facts.max_output, now)
            if not isinstance(room, Block):
                return self._reserve(candidate, room, quotas, now, blocks, resort=True)
        times = [block.until for _, block in blocks if block.until is not None]
        return Exhausted(blocks[0][1] if blocks else None, min(times, default=None))

    def choose(
        self,
        offer: Offer,
        tried: Tried,
        health: Health,
        quotas: Quotas,
        now: float,
        blocks: list[tuple[Candidate, Block]],
    ) -> tuple[Candidate, float] | None:
        """Choose among the accounts of an endpoint: one with its headroom. `blocks` takes those that are out, and why."""
        facts, routing = self.call.facts, self.routing
        cycle = routing.cycles.get(offer.endpoint.provider, routing.cycle) if routing.cycles else routing.cycle
        free: list[tuple[Candidate, float]] = []
        for candidate in offer.candidates:
            account = candidate.account
            if free and (
                cycle == "waterfall" or account.credential.sort_order != free[0][0].account.credential.sort_order
            ):
                break
            # Inside a credential, the accounts' rank counts: who comes later waits until the first is full.
            if free and account.rank and any(one.account.credential is account.credential for one, _ in free):
                continue
            if tried is not NOTHING_TRIED and tried.has(candidate):
                continue
            room = health.block(candidate, now) or quotas.room(candidate, facts.tokens, facts.max_output, now)
            if isinstance(room, Block):
                # Also of one that this call itself found limited: when it frees is what a pause waits for.
                blocks.append((candidate, room))
            elif candidate.key not in tried.limited:
                free.append((candidate, room))
        if len(free) < 2:
            return free[0] if free else None
        if self.stuck is not None and (same := [one for one in free if one[0].key == self.stuck]):
            return same[0]
        if cycle == "round-robin":
            return free[self.view.turn(offer.endpoint.key) % len(free)]
        # Equal room is the rule where nothing is learnt yet: who was longest unused is next, so that all fill evenly.
        return quotas.roomiest(free)

    def _all_out(
        self, model: str, tried: Tried, health: Health, quotas: Quotas, now: float
    ) -> list[tuple[Candidate, Block]] | None:
        """Return why all of a model are out that stands in the plan more than once; None where some of it is free further down."""
        blocks: list[tuple[Candidate, Block]] = []
        for name, offers in self.models:
            for offer in offers if name == model else ():
                free = offer.endpoint.key not in tried.endpoints
                if free and self.choose(offer, tried, health, quotas, now, blocks) is not None:
                    return None
        return blocks

    def _last(
        self, blocks: Sequence[tuple[Candidate, Block]], tried: Tried, quotas: Quotas, now: float, patience: float
    ) -> Pick | Pause | None:
        """Where all of a model are out: wait for a limit that passes in time, else try one of whose limit nobody is sure."""
        until = _all_limited(blocks)
        if until is not None and now < until <= now + patience:
            return Pause(until)
        soft = [pair for pair in blocks if pair[1].soft and pair[0].key not in tried.limited]
        return self._reserve(min(soft, key=_until)[0], 0.0, quotas, now, blocks) if soft else None

    def _reserve(
        self,
        candidate: Candidate,
        room: float,
        quotas: Quotas,
        now: float,
        passed: Sequence[tuple[Candidate, Block]],
        *,
        resort: bool = False,
    ) -> Pick:
        facts = self.call.facts
        reservation = quotas.reserve(candidate, facts.tokens, facts.max_output, now)
        return Pick(candidate, reservation, room, resort, passed)


def _all_limited(blocks: Sequence[tuple[Candidate, Block]]) -> float | None:
    """Where every block is a rate limit that ends: when the first of them does."""
    times = [block.until for _, block in blocks if block.kind == "rate_limited" and block.until is not None]
    return min(times) if times and len(times) == len(blocks) else None


def _until(pair: tuple[Candidate, Block]) -> float:
    return pair[1].until or 0.0
