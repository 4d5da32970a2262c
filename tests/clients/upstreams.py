"""Providers as the clients' calls reach them: the real plugin of each, in front of a simulated server of its API, on loopback.

`UPSTREAMS` is the table: one row for each API that providers speak. What a server was asked is in `asked`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from attrs import define, evolve, field, frozen
from doors import Gateway, gateway

from taxiway.clock import SystemClock
from taxiway.router import Router
from taxiway_simulator.options import Fault, Key, Model, Pace, Quota, SimulatorOptions
from taxiway_simulator.script import Script, Seen
from taxiway_simulator.server import SimulatorServer
from taxiway_simulator.simulation import Simulation

KEY = "simulated-key-one"
SIGNING = json.dumps({"accessKeyId": KEY, "secretAccessKey": "simulated-secret-key"})
SPARE, BREAKS, EMBEDS = "second/spare", "second/breaks", "simulator/embed"
UNLIMITED = Quota()


@frozen
class Upstream:
    """A provider: where its requests must arrive, its model (slug, and id there), one that takes pictures, its settings.

    `base` is what its base URL has behind the host; `usage`: it tells the usage of streams unasked.
    """

    name: str
    provider: str
    path: str
    model: tuple[str, str]
    sees: tuple[str, str] = ("", "")
    base: str = ""
    settings: Mapping[str, Any] = field(factory=dict)
    secret: str = KEY
    usage: bool = False

    @property
    def models(self) -> tuple[tuple[str, str], ...]:
        """All of its models."""
        return tuple({self.model, self.seeing})

    @property
    def seeing(self) -> tuple[str, str]:
        """The model that takes pictures."""
        return self.sees if self.sees[0] else self.model


UPSTREAMS = (
    Upstream("chat", "plain", "/v1/chat/completions", ("plain/talker", "talker")),
    Upstream(
        "mistral",
        "mistral",
        "/v1/chat/completions",
        ("mistralai/mistral-small-2603", "mistral-small-2603"),
        base="/v1",
        usage=True,
    ),
    Upstream(
        "responses",
        "openai",
        "/v1/responses",
        ("openai/gpt-5-codex", "gpt-5-codex"),
        base="/v1",
    ),
    Upstream(
        "anthropic",
        "anthropic",
        "/v1/messages",
        ("anthropic/claude-haiku-4.5", "claude-haiku-4-5"),
        base="/v1",
    ),
    Upstream(
        "gemini",
        "google",
        "/v1beta/models/gemini-2.5-flash",
        ("google/gemini-2.5-flash", "gemini-2.5-flash"),
        base="/v1beta",
    ),
    Upstream(
        "converse",
        "bedrock",
        "/model/amazon.nova-pro-v1",
        ("amazon/nova-pro-v1", "amazon.nova-pro-v1:0"),
        # Nothing else: Claude is Anthropic's here.
        settings={"region": "us-east-1", "models": {"amazon/nova-pro-v1": "amazon.nova-pro-v1:0"}},
        secret=SIGNING,
    ),
    Upstream(
        "cohere",
        "cohere",
        "/v2/chat",
        ("cohere/command-a", "command-a-03-2025"),
        sees=("cohere/command-a-vision-07-2025", "command-a-vision-07-2025"),
    ),
)


@frozen
class Asked:
    """One request as it arrived: its path without the query, and its body."""

    path: str
    body: bytes


class Remembering(Simulation):
    """A simulation that remembers what it was asked. `usage`: it tells the usage of streams unasked, as Mistral does.

    `pause`: seconds that each token takes but the first.
    """

    def __init__(self, options: SimulatorOptions, started: float, *, usage: bool) -> None:
        super().__init__(options, started)
        self.asked: list[Asked] = []
        self.pause = 0.0
        self._usage = usage

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> tuple[Script, Seen]:
        """Answer as it would have."""
        if method == "POST":
            self.asked.append(Asked(target.partition("?")[0], body))
            if self._usage:
                body = json.dumps({**json.loads(body), "stream_options": {"include_usage": True}}).encode()
        script, seen = super().answer(method, target, headers, body, now)
        if self.pause:
            _, *later = [place for place, part in enumerate(script.parts) if part.tokens]
            for place in later:
                script.parts[place] = evolve(script.parts[place], delay=self.pause)
        return script, seen


class SkippingClock(SystemClock):
    """The machine's clock, which is put forward where somebody waits, and by tests: what a failure left behind is over then.

    Who waits for long (a sweep, a list of models) has to wait. `ahead`: seconds that the loop's own time is put forward by.
    """

    skipped = ahead = 0.0

    async def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        if seconds > 2.0:
            await super().sleep(seconds)
        self.skipped += seconds
        await super().sleep(0.0)

    def now(self) -> float:
        """Return the time since the epoch."""
        return super().now() + self.skipped

    def monotonic(self) -> float:
        """Return the monotonic time."""
        return super().monotonic() + self.skipped


class Onward(list[str]):
    """What a client saw. With each piece the loop's time is put forward, so that what a provider sends next comes after it."""

    def __init__(self, clock: SkippingClock, seconds: float) -> None:
        super().__init__()
        self._clock, self._seconds = clock, seconds

    def append(self, piece: str) -> None:
        """Put it in."""
        super().append(piece)
        self._clock.ahead += self._seconds


@define
class Site:
    """A gateway in front of all of them. Of each server, by its name: what it simulates, and its address without a path."""

    gateway: Gateway
    clock: SkippingClock
    simulations: dict[str, Remembering]
    origins: dict[str, str]

    @property
    def origin(self) -> str:
        """The gateway's address, without a path."""
        return self.gateway.base_url.removesuffix("/api/v1")

    def fails(self, upstream: str, **fault: Any) -> None:
        """Let an upstream fail from now on."""
        self.simulations[upstream].faults.append(Fault(**fault))

    def pauses(self, upstream: str, seconds: float) -> list[str]:
        """Let each token but the first take so long, by the loop's time: it is over as soon as something is put into the list."""
        self.simulations[upstream].pause = seconds
        return Onward(self.clock, seconds)

    def refresh(self) -> None:
        """Forget what was asked and what failed."""
        self.clock.skipped += 86_400.0
        for simulation in self.simulations.values():
            simulation.faults.clear()
            simulation.asked.clear()
            simulation.pause = 0.0


@asynccontextmanager
async def serving(environment: Any, quota: Quota = UNLIMITED) -> AsyncIterator[Site]:
    """Serve; `environment` sets variables, and the loop's time, as pytest's monkeypatch does. `quota` is that of each provider's key."""
    clock, loop = SkippingClock(), asyncio.get_running_loop()
    time = loop.time
    environment.setattr(loop, "time", lambda: time() + clock.ahead)
    credentials: list[dict[str, Any]] = []
    simulations: dict[str, Remembering] = {}
    origins: dict[str, str] = {}
    pace = Pace(first_token=0.0, tokens_per_second=100_000.0)

    async with AsyncExitStack() as stack:

        async def simulated(name: str, ids: list[str], quota: Quota, *, usage: bool = False) -> str:
            options = SimulatorOptions(
                slug=name,
                models=tuple(Model(id=i) for i in ids),
                keys=(Key(key=KEY, name="one"),),
                quota=quota,
                pace=pace,
            )
            simulations[name] = Remembering(options, clock.now(), usage=usage)
            server = await stack.enter_async_context(SimulatorServer(simulations[name], clock))
            origins[name] = f"http://{server.host}:{server.port}"
            return origins[name]

        providers = [
            _table("plain", await simulated("chat", ["talker"], quota), "plain/talker"),
            _table("second", await simulated("second", ["spare", "breaks"], UNLIMITED), SPARE, BREAKS),
            {"use": "simulator"},
        ]
        environment.setenv("SIMULATED_PLAIN", KEY)
        credentials += [{"provider": slug, "key": "env:SIMULATED_PLAIN"} for slug in ("plain", "second")]
        for row in UPSTREAMS:
            if row.provider == "plain":
                continue
            origin = await simulated(row.name, [i for _, i in row.models], quota, usage=row.usage)
            variable = f"SIMULATED_{row.name.upper()}"
            environment.setenv(variable, row.secret)
            settings = {**row.settings, "base_url": origin + row.base}
            credentials.append({"provider": row.provider, "key": f"env:{variable}", "settings": settings})
        config = {
            "providers": providers,
            "credentials": credentials,
            "models": {f"safe/{row.name}": {"try": [row.model[0], SPARE]} for row in UPSTREAMS},
        }
        router = await stack.enter_async_context(Router.from_dict(config, clock=clock))
        yield Site(await stack.enter_async_context(gateway(router)), clock, simulations, origins)


def _table(slug: str, origin: str, *models: str) -> dict[str, Any]:
    """Return the table of an OpenAI-shaped server."""
    priced = [{"id": m.rpartition("/")[2], "slug": m, "price": {"input": 1.0, "output": 2.0}} for m in models]
    return {"use": "openai-compatible", "slug": slug, "base_url": f"{origin}/v1", "models": priced}
