"""A router in front of two simulated providers, three keys on the first: in virtual time over `sim:`, or over real HTTP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from attrs import define

from taxiway.clock import SystemClock
from taxiway.converter import structure
from taxiway.router import Router
from taxiway.virtual import VirtualClock
from taxiway_simulator.options import SimulatorOptions
from taxiway_simulator.server import SimulatorServer
from taxiway_simulator.simulation import Simulation

MODEL = "openai/gpt-4o-mini"
KEYS = ("simulated-key-one", "simulated-key-two", "simulated-key-three")
MINUTE = {"requests": 60, "window": "1m"}
FAST = {"first_token": "5ms", "tokens_per_second": 2000}
EXACT = "one two three four five six"
BODY = {
    "model": MODEL,
    "messages": [{"role": "user", "content": f"reply exactly: {EXACT}"}],
    "provider": {"order": ["openai", "second"]},
}


@define
class Bench:
    """A router in front of two simulated providers; `openai` is the preferred one and has three keys."""

    router: Router
    first: Simulation
    second: Simulation


def tables(faults: list[dict[str, Any]], pace: dict[str, Any]) -> list[dict[str, Any]]:
    """The two providers, as they would stand in a file."""
    model = {"id": "gpt-4o-mini", "slug": MODEL, "price": {"input": 0.15, "output": 0.6}}
    first = {"slug": "openai", "keys": list(KEYS), "quota": MINUTE, "faults": faults}
    second = {"slug": "second"}
    return [{"models": [model], "pace": pace, **table} for table in (first, second)]


@asynccontextmanager
async def over_sim(
    *faults: dict[str, Any], pace: dict[str, Any] = FAST, seed: int = 1, **config: Any
) -> AsyncIterator[Bench]:
    """Everything in process and in virtual time."""
    whole = {
        "providers": [{"use": "simulator", **table} for table in tables(list(faults), pace)],
        "credentials": [
            {"provider": "openai", "label": f"key-{n}", "settings": {"key": key}} for n, key in enumerate(KEYS, 1)
        ],
        **config,
    }
    async with Router.from_dict(whole, clock=VirtualClock(), random=Random(seed)) as router:
        first, second = (router.snapshot.providers[slug].simulation for slug in ("openai", "second"))
        yield Bench(router, first, second)


@asynccontextmanager
async def over_http(
    *faults: dict[str, Any], pace: dict[str, Any] = FAST, data_dir: Path | None = None, **config: Any
) -> AsyncIterator[Bench]:
    """Two servers on loopback; the first is taken for OpenAI itself, the second for any compatible one.

    With a `data_dir` the router is a gateway's: it has a store there, and every dialect.
    """
    clock = SystemClock()
    options = [structure(table, SimulatorOptions) for table in tables(list(faults), pace)]
    servers = [SimulatorServer(Simulation(one, clock.now()), clock) for one in options]
    async with AsyncExitStack() as stack:
        for server in servers:
            await stack.enter_async_context(server)
        whole = {
            "providers": [
                {
                    "use": "openai-compatible",
                    "slug": "second",
                    "base_url": servers[1].base_url,
                    "models": [{"id": "gpt-4o-mini", "slug": MODEL, "price": {"input": 0.15, "output": 0.6}}],
                }
            ],
            "credentials": [
                {
                    "provider": "openai",
                    "label": f"key-{n}",
                    "key": f"env:SIMULATED_{n}",
                    "settings": {"base_url": servers[0].base_url},
                }
                for n in (1, 2, 3)
            ],
            **config,
        }
        router = await stack.enter_async_context(
            Router.from_dict(whole, data_dir=data_dir, gateway=data_dir is not None)
        )
        yield Bench(router, servers[0].simulation, servers[1].simulation)


async def paced(count: int, seconds: float, ask: Callable[[], Awaitable[Any]]) -> list[Any]:
    """Ask `count` times, evenly spread."""
    async with asyncio.TaskGroup() as group:
        tasks = []
        for _ in range(count):
            tasks.append(group.create_task(ask()))
            await asyncio.sleep(seconds / count)
    return [task.result() for task in tasks]
