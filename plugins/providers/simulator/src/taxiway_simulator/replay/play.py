"""One run: every client's call at its time, through a router in virtual time, and what became of it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define, field, frozen

from taxiway.errors import InvalidRequest
from taxiway.outcome import CallError, Generation
from taxiway.records import Row, generation_of
from taxiway.router import Router
from taxiway.spool import Journal
from taxiway.virtual import START, VirtualClock
from taxiway.virtual import run as run_virtually
from taxiway_simulator.provider import SimulatorProvider
from taxiway_simulator.replay.asks import Ask
from taxiway_simulator.replay.world import Run, World
from taxiway_simulator.script import Seen


@frozen
class Answer:
    """What one client saw. Times in seconds after the start: when it asked, its first token (streams only), the end.

    `failure`: the kind of what went wrong, "" where it has its whole answer.
    """

    asked: float
    first: float | None
    ended: float
    failure: str = ""


@define(eq=False, repr=False)
class Played:
    """What became of a run: what the clients saw, what the router recorded, what each simulated provider saw."""

    run: Run
    start: float
    answers: list[Answer] = field(factory=list)
    generations: list[Generation] = field(factory=list)
    seen: Mapping[str, Sequence[Seen]] = field(factory=dict)


def play(world: World, run: Run, asks: Sequence[Ask], *, seed: int, start: float = START) -> Played:
    """Play a run. `start`: when it begins, in seconds since the epoch. The same inputs give the same run.

    Raises ConfigError, and InvalidRequest where not one call could be made, since nobody knows the models.
    """
    return run_virtually(_play(world, run, asks, seed), start=start)


async def _play(world: World, run: Run, asks: Sequence[Ask], seed: int) -> Played:
    clock = VirtualClock()
    built = world.build(run, seed, clock)
    async with Router(built) as router:
        begin = clock.monotonic()
        played = Played(run, clock.now())
        # No spool: in virtual time there is no disk.
        router.engine.journal = _Kept(played.generations)
        clients = _Clients(router, begin, played)
        async with asyncio.TaskGroup() as group:
            for number, ask in enumerate(asks, 1):
                await clock.sleep(max(0.0, begin + ask.at - clock.monotonic()))
                group.create_task(clients.call(ask, number))
        if clients.refused and len(clients.refused) == len(asks):
            raise clients.refused[0]
        providers = router.snapshot.providers.items()
        played.seen = {slug: list(one.simulation.log) for slug, one in providers if isinstance(one, SimulatorProvider)}
    return played


class _Kept(Journal):
    """Keeps every generation."""

    def __init__(self, generations: list[Generation]) -> None:
        self._generations = generations

    def ended(self, row: Row) -> None:
        self._generations.append(generation_of(row))


@define(eq=False)
class _Clients:
    """Those who call. `refused`: calls that could not even be planned."""

    _router: Router
    _begin: float
    _played: Played
    refused: list[InvalidRequest] = field(factory=list)

    async def call(self, ask: Ask, number: int) -> None:
        """Make a call, and note what came of it."""
        clock = self._router.clock
        asked = clock.monotonic()
        first: list[float] = []
        try:
            failure = await self._ask(ask, number, first)
        except CallError as error:
            failure = error.failure.kind
        except InvalidRequest as error:
            failure = "invalid_request"
            self.refused.append(error)
        waited = first[0] - asked if first else None
        self._played.answers.append(Answer(asked - self._begin, waited, clock.monotonic() - asked, failure))

    async def _ask(self, ask: Ask, number: int, first: list[float]) -> str:
        """Ask, and note when the first token comes. Returns the kind of a failure that came after it."""
        router, body = self._router, ask.body(number)
        if not ask.stream or ask.operation == "embeddings":
            await (router.embed(**body) if ask.operation == "embeddings" else router.chat(**body))
            return ""
        last: dict[str, Any] = {}
        async for chunk in router.stream(**body):
            if not first and any(choice["delta"].get("content") for choice in chunk.get("choices") or ()):
                first.append(router.clock.monotonic())
            last = chunk
        if "error" not in last:
            return ""
        # A client's word for it is OpenRouter's; the record has ours, as for all other failures.
        return (
            next((one.error for one in reversed(self._played.generations) if one.id == last["id"]), "") or "interrupted"
        )
