"""Why a call goes where it goes: every candidate with its place, or the reason why it is out."""

from collections.abc import Sequence
from typing import Any, Final

from attrs import asdict, define, field, frozen

from taxiway.call import Call
from taxiway.candidate import Candidate
from taxiway.codec import Json
from taxiway.draws import Draws
from taxiway.errors import InvalidRequest
from taxiway.gates import Block
from taxiway.health import Health
from taxiway.names import asked
from taxiway.outcome import CallError
from taxiway.picks import Plan, Tried
from taxiway.planner import Notes, plan
from taxiway.quota import Quotas
from taxiway.snapshot import Offer, Snapshot
from taxiway.strategy import Ranked

COLUMNS: Final = ("place", "model", "endpoint", "account", "section", "price", "headroom", "frees in", "why")


@frozen(kw_only=True)
class Row:
    """One candidate. `place` counts from 1 in the order of trying, None: it is out. `frees` in seconds from now.

    `headroom` is the free share of its tightest limit (1 where none is known, 0 where the call doesn't fit); `price` the
    expected USD of this very call; `shares` are other accounts that seem to draw from the same quota. `scores`: what ranked its
    endpoint, one of each strategy in their order, the least first (0 where its place has another reason). `excluded_by`:
    OpenRouter's code for the filter that left it out.
    """

    place: int | None
    model: str
    section: str
    provider: str
    endpoint: str
    account: str
    reason: str
    headroom: float
    price: float | None
    frees: float | None = None
    shares: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    excluded_by: str | None = None

    def cells(self) -> tuple[str, ...]:
        """Return it as texts, in the order of `COLUMNS`."""
        return (
            "out" if self.place is None else str(self.place),
            self.model,
            self.endpoint,
            self.account,
            self.section,
            "unknown" if self.price is None else f"${self.price:.6f}",
            f"{self.headroom:.0%}",
            "" if self.frees is None else f"{self.frees:.1f} s",
            self.reason + (f"; seems to share its quota with {', '.join(self.shares)}" if self.shares else ""),
        )


@frozen(kw_only=True)
class Explanation:
    """A plan for people: `str` makes a table of it. `problem` says why nothing can serve, where that is so."""

    models: tuple[str, ...]
    strategies: tuple[str, ...]
    cycle: str
    seed: int
    snapshot: str
    rows: tuple[Row, ...]
    problem: str | None = None

    def to_json(self) -> Json:
        """Return it as decoded JSON, of which `taxiway.converter.structure` makes the same again."""
        value: dict[str, Any] = asdict(self)
        return value

    @property
    def headline(self) -> str:
        """What was planned, and how, in a line."""
        strategies = ", ".join(self.strategies) or "none, so by price"
        return f"{', '.join(self.models)}: strategy {strategies}, cycle {self.cycle}, seed {self.seed}"

    def __str__(self) -> str:
        lines = [self.headline]
        if self.rows:
            cells = [COLUMNS, *(row.cells() for row in self.rows)]
            widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
            lines += ["", *("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)]
        if self.problem:
            lines += ["", f"nothing can serve it: {self.problem}"]
        return "\n".join(lines)


def explain(call: Call, snapshot: Snapshot, health: Health, quotas: Quotas, now: float) -> Explanation:
    """Plan the call once more, with a recorder. Nothing is reserved."""
    notes, rows = Notes(), _Rows(call, health, quotas, now)
    problem, strategies = None, snapshot.strategies
    try:
        planned = plan(call, snapshot, health.view(now, quotas, call.facts, peek=True), Draws(), notes)
    except (InvalidRequest, CallError) as error:
        problem = str(error)
    else:
        if snapshot.named_strategies:
            every = asked(snapshot, call.caller.workspace, call.facts.models)
            strategies = tuple(pair for one in every for pair in one.strategies)
        for _, offers in planned.models:
            for offer in offers:
                rows.add_offer(planned, offer, notes.said.get(offer, ()))
    for one in notes.excluded:
        for candidate in one.offer.candidates:
            rows.add(candidate, None, one.reason.text, excluded_by=one.reason.code)
    return Explanation(
        models=call.facts.models,
        strategies=tuple(dict(strategies)),
        cycle=snapshot.routing.cycling,
        seed=call.seed,
        snapshot=snapshot.hash,
        rows=tuple(sorted(rows.made, key=lambda row: row.place is None)),
        problem=problem,
    )


@define(eq=False)
class _Rows:
    """The rows of a call, as they are made. `placed`: how many of them have a place."""

    call: Call
    health: Health
    quotas: Quotas
    now: float
    made: list[Row] = field(factory=list)
    placed: int = 0

    def add_offer(self, planned: Plan, offer: Offer, said: Sequence[Ranked]) -> None:
        """Add the accounts of one endpoint: those that are free in the order of trying, then those that are out."""
        tried, now = Tried(), self.now
        why = ", ".join(ranked.why for ranked in said if ranked.reason) or "there was nothing to choose"
        scores = tuple(ranked.score for ranked in said)
        while (chosen := planned.choose(offer, tried, self.health, self.quotas, now, [])) is not None:
            candidate, _ = chosen
            tried.candidates.add(candidate.key)
            self.placed += 1
            self.add(candidate, self.placed, why, scores=scores)
        blocks: list[tuple[Candidate, Block]] = []
        planned.choose(offer, tried, self.health, self.quotas, now, blocks)
        for candidate, block in blocks:
            frees = None if block.until is None else max(0.0, block.until - now)
            self.add(candidate, None, block.reason, frees=frees, scores=scores)

    def add(self, candidate: Candidate, place: int | None, reason: str, **more: Any) -> None:
        """Add one candidate."""
        endpoint, facts = candidate.endpoint, self.call.facts
        room = self.quotas.room(candidate, facts.tokens, facts.max_output, self.now)
        self.made.append(
            Row(
                place=place,
                model=endpoint.model,
                section=candidate.section,
                provider=endpoint.provider,
                endpoint=endpoint.tag,
                account=candidate.account.label,
                reason=reason,
                headroom=0.0 if isinstance(room, Block) else room,
                price=self.call.expected_price(endpoint),
                shares=self.quotas.shared(candidate),
                **more,
            )
        )
