"""Who is tried next: an account of the best endpoint that is left, chosen and reserved for in one synchronous step.

Headroom is stale by the second attempt, and ordering every candidate up front costs ten times as much.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import inf
from typing import Final, TypeAlias

from attrs import Factory, define, frozen

from taxiway.call import Call
from taxiway.candidate import Candidate, Endpoint
from taxiway.codec import Json
from taxiway.gates import Block
from taxiway.health import Health
from taxiway.pools import Reservation
from taxiway.quota import Quotas, amounts_of
from taxiway.routing import Cycle, Routing
from taxiway.snapshot import Offer
from taxiway.view import View

Blocks: TypeAlias = list[tuple[Candidate, Block]]
"""Who is out, and why."""

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

    `passed`: what was out of those before it. `resort`: its breaker is open, as all are, and its probe was due first.
    """

    candidate: Candidate
    reservation: Reservation
    headroom: float
    passed: Blocks
    resort: bool = False


@frozen(eq=False)
class Pause:
    """Nothing can be tried before `until` (monotonic seconds), then something can."""

    until: float


@frozen(eq=False)
class Exhausted:
    """Nothing is left. `block`: why the best-ranked candidate is out; `frees`: when the first of all frees (monotonic)."""

    block: Block | None
    frees: float | None


@define(eq=False)
class Plan:
    """The endpoints of each model, in the order in which they are tried.

    `stuck`: the key of the candidate that served the conversation last. `adds`: what
    models' names add to the body, by endpoint.
    """

    call: Call
    models: list[tuple[str, Sequence[Offer]]]
    routing: Routing
    view: View
    stuck: str | None = None
    adds: Mapping[Endpoint, Mapping[str, Json]] = {}

    @property
    def mixed(self) -> bool:
        """Whether some models come more than once."""
        return len(dict(self.models)) < len(self.models)

    def pick(
        self, tried: Tried, health: Health, quotas: Quotas, now: float, patience: float
    ) -> Pick | Pause | Exhausted:
        """Choose a candidate and reserve for it, in one synchronous step. `patience`: seconds that a pause may take."""
        blocks: Blocks = []
        tokens, most = self.call.facts.tokens, self.call.facts.max_output
        for model, offers in self.models:
            if model in tried.models:
                continue
            start = len(blocks)
            for offer in offers:
                free = offer.endpoint.key not in tried.endpoints
                if free and (chosen := self.choose(offer, tried, health, quotas, now, blocks)) is not None:
                    candidate, room = chosen
                    return Pick(candidate, quotas.reserve(candidate, tokens, most, now), room, blocks)
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
            candidate, _ = min(breakers, key=_until)
            left = quotas.room(candidate, tokens, most, now)
            if not isinstance(left, Block):
                return Pick(candidate, quotas.reserve(candidate, tokens, most, now), left, blocks, resort=True)
        times = [block.until for _, block in blocks if block.until is not None]
        return Exhausted(blocks[0][1] if blocks else None, min(times, default=None))

    def choose(
        self, offer: Offer, tried: Tried, health: Health, quotas: Quotas, now: float, blocks: Blocks
    ) -> tuple[Candidate, float] | None:
        """Choose among the accounts of an endpoint: one with its headroom. `blocks` takes those that are out, and why."""
        routing, stuck, found = self.routing, self.stuck, quotas.found
        cycle = routing.cycles.get(offer.endpoint.provider, routing.cycle) if routing.cycles else routing.cycle
        waits = cycle == "waterfall" or not offer.even
        again = tried is not NOTHING_TRIED
        barred = waits or again
        # Nearly always none waits, nothing was tried, nothing of them is shut: then only limits can bar an account.
        if health.gates or health.crowded:
            barred = barred or not offer.subjects.isdisjoint(health.gates) or offer.endpoint.key in health.crowded
        if not barred and stuck is None and cycle == "headroom":
            # Where there are no limits either, all have all their room: what is below comes to who was longest unused.
            least, unused = inf, offer.candidates[0]
            for candidate in offer.candidates:
                pool = found[candidate]
                if pool.ledgers or now < pool.shut:
                    break
                if pool.latest < least:
                    least, unused = pool.latest, candidate
            else:
                return unused, 1.0
        amounts = amounts_of(offer.endpoint.charges, self.call.facts.tokens, self.call.facts.max_output)
        free: list[tuple[float, int, int, Candidate]] = []
        for candidate in offer.candidates:
            if barred and ((waits and free and _waits(candidate, free, cycle)) or (again and tried.has(candidate))):
                continue
            pool = found[candidate]
            room = (health.block(candidate, now) if barred else None) or pool.room(amounts, now)
            if isinstance(room, Block):
                # Also of one that this call itself found limited: when it frees is what a pause waits for.
                blocks.append((candidate, room))
            elif not again or candidate.key not in tried.limited:
                free.append((-room, pool.latest, len(free), candidate))
        if not free:
            return None
        if stuck is not None and (same := [one for one in free if one[3].key == stuck]):
            chosen = same[0]
        elif cycle == "round-robin" and len(free) > 1:
            chosen = free[self.view.turn(offer.endpoint.key) % len(free)]
        else:
            # Equal room is the rule where nothing is learnt yet: who was longest unused is next, so that all fill evenly.
            chosen = min(free)
        return chosen[3], -chosen[0]

    def _all_out(self, model: str, tried: Tried, health: Health, quotas: Quotas, now: float) -> Blocks | None:
        """Return why all of a model are out that stands in the plan more than once; None where some of it is free further down."""
        blocks: Blocks = []
        for name, offers in self.models:
            for offer in offers if name == model else ():
                free = offer.endpoint.key not in tried.endpoints
                if free and self.choose(offer, tried, health, quotas, now, blocks) is not None:
                    return None
        return blocks

    def _last(self, blocks: Blocks, tried: Tried, quotas: Quotas, now: float, patience: float) -> Pick | Pause | None:
        """Where all of a model are out: wait for a limit that passes in time, else try one of whose limit nobody is sure."""
        times = [block.until for _, block in blocks if block.kind == "rate_limited" and block.until is not None]
        if times and len(times) == len(blocks) and now < min(times) <= now + patience:
            return Pause(min(times))
        soft = [pair for pair in blocks if pair[1].soft and pair[0].key not in tried.limited]
        if not soft:
            return None
        candidate, facts = min(soft, key=_until)[0], self.call.facts
        return Pick(candidate, quotas.reserve(candidate, facts.tokens, facts.max_output, now), 0.0, blocks)


def _waits(candidate: Candidate, free: Sequence[tuple[float, int, int, Candidate]], cycle: Cycle) -> bool:
    """Whether a candidate waits until those that are free are full."""
    account, order = candidate.account, candidate.account.credential.sort_order
    if cycle == "waterfall" or order != free[0][3].account.credential.sort_order:
        return True
    # Inside a credential, the accounts' rank counts.
    return account.rank > 0 and any(one.account.credential is account.credential for _, _, _, one in free)


def _until(pair: tuple[Candidate, Block]) -> float:
    return pair[1].until or 0.0
