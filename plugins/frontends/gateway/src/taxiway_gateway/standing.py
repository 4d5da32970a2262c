"""How a workspace's provider keys stand: what is known of their limits, what keeps them from being used and until when."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

from attrs import asdict, frozen

from taxiway.candidate import Candidate, Section, Unit
from taxiway.codec import Json
from taxiway.executor import Engine
from taxiway.gates import Block
from taxiway.ledgers import UNITS, Sliding, Source, Stated

State: TypeAlias = Literal["open", "partly", "shut"]
"""Whether all, some or none of an account's endpoints can be used by it now."""


@frozen
class Room:
    """What is `left` of one limit, in a `window` of so many seconds (`limit` None: only what is left was stated)."""

    unit: Unit
    window: float
    left: float
    limit: float | None
    source: Source


@frozen(kw_only=True)
class Standing:
    """One account. `kind` and `reason` say what keeps it from something, `frees` in how many seconds that ends, where it is known.

    `shut` are the models that it can't serve now, of `serves`. `rooms`: its limits, by quota group. `shares`: who draws from the
    same quota.
    """

    provider: str
    account: str
    section: Section
    state: State
    serves: int
    shut: tuple[str, ...] = ()
    kind: str | None = None
    reason: str | None = None
    frees: float | None = None
    shares: tuple[str, ...] = ()
    rooms: Mapping[str, tuple[Room, ...]]

    def to_json(self) -> Json:
        """Return it as decoded JSON."""
        value: dict[str, Any] = asdict(self)
        return value


def standings(engine: Engine, workspace: str) -> list[Standing]:
    """Say how the accounts stand that serve a workspace, in the order of its offers."""
    accounts: dict[tuple[str, str], list[Candidate]] = {}
    for some in engine.snapshot.models(workspace).values():
        for offer in some:
            for candidate in offer.candidates:
                accounts.setdefault((candidate.section, candidate.account.key), []).append(candidate)
    return [_standing(candidates, engine) for candidates in accounts.values()]


def _standing(candidates: list[Candidate], engine: Engine) -> Standing:
    first, health, quotas, now = candidates[0], engine.health, engine.quotas, engine.clock.monotonic()
    blocks: dict[str, Block] = {}
    rooms: dict[str, tuple[Room, ...]] = {}
    shares: set[str] = set()
    for candidate in candidates:
        group = candidate.endpoint.quota_group
        block: Block | float | None = health.block(candidate, now)
        # To ask for the room of a pool that nobody used yet would make one.
        if (ledgers := quotas.ledgers(candidate)) is not None:
            rooms[group] = rooms.get(group) or _rooms(ledgers, now)
            shares.update(quotas.shared(candidate))
            block = block or quotas.room(candidate, 0, 1, now)
        if isinstance(block, Block) and not block.soft:
            blocks[candidate.endpoint.model] = block
    worst = next((one for one in blocks.values() if one.kind != "rate_limited"), next(iter(blocks.values()), None))
    return Standing(
        provider=first.endpoint.provider,
        account=first.account.label,
        section=first.section,
        state="open" if not blocks else "partly" if len(blocks) < len(candidates) else "shut",
        serves=len(candidates),
        shut=tuple(sorted(blocks)),
        kind=None if worst is None else worst.kind,
        reason=None if worst is None else worst.reason,
        frees=None if worst is None or worst.until is None else max(0.0, worst.until - now),
        shares=tuple(sorted(shares)),
        rooms={group: some for group, some in rooms.items() if some},
    )


def _rooms(ledgers: Iterable[Sliding | Stated], now: float) -> tuple[Room, ...]:
    return tuple(
        Room(
            UNITS[ledger.unit],
            ledger.window,
            max(0.0, left),
            ledger.limit if ledger.limit < math.inf else None,
            ledger.source,
        )
        for ledger in ledgers
        if (left := ledger.room(now)) < math.inf
    )
