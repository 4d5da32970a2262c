"""The engine: runs a call's plan, attempt after attempt, until one serves or nothing is left."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from taxiway.assembly import Parts
from taxiway.budget import Budget
from taxiway.call import LIBRARY, NOTHING, Call, Caller, Facts
from taxiway.candidate import Candidate
from taxiway.codec import Json
from taxiway.converter import nearest
from taxiway.dialect import Dialect
from taxiway.draws import Draws
from taxiway.errors import InvalidRequest
from taxiway.health import Alert, Health
from taxiway.http import Headers
from taxiway.media import Media
from taxiway.names import check_plugin
from taxiway.outcome import CallError, Failure, Outcome
from taxiway.preferences import preferences_of
from taxiway.presets import applied, preset_of
from taxiway.quota import Quotas
from taxiway.run import Run
from taxiway.secret import Secret, trace
from taxiway.shaping import Shaper
from taxiway.spool import Journal
from taxiway.stream import Stream
from taxiway.tasks import Tasks
from taxiway.tokens import Tokens
from taxiway.upkeep import Upkeep
from taxiway.watch import Watches

_KEPT: Final = frozenset(
    "http-referer referer x-title x-openrouter-title x-session-id user-agent x-stainless-retry-count anthropic-beta anthropic-version "
    "x-anthropic-beta".split()
)
"""The header fields that a call keeps: who asks, for what, and what its provider is to know."""
_TIMEOUTS: Final = ("x-taxiway-timeout", "x-stainless-read-timeout")
"""Seconds that a client gives its call; the second is how long an SDK waits for a reply that is not streamed."""
_ROUTED: Final = frozenset({"provider", "route", "plugins", "preset"})
"""Fields of a body that say how its call is served, beside its models."""


class Engine:
    """Runs calls with what a router is made of. `snapshot` may be replaced at any time: a call goes on with the one that it began with.

    `offsets`: how many seconds a provider's clock is ahead of ours, where one was learnt; `budgets`: for retries, by workspace.
    """

    def __init__(self, parts: Parts, journal: Journal) -> None:
        """Make it on the loop that it runs on."""
        built, context = parts.built, parts.built.context
        self.parts, self.snapshot, self.journal, self.loop = parts, parts.snapshot, journal, asyncio.get_running_loop()
        self.dialects, self.transports, self.presets = built.dialects, built.transports, built.presets
        self.clock, self.random, self.log = context.clock, context.random, context.log
        self.health, self.quotas = Health(context.random), Quotas(context.random)
        self.shaper = Shaper(built.dialects, built.transforms, Media(built.config.media.fetch))
        self.tasks, self.draws, self.watches = Tasks(), Draws(), Watches(self.loop)
        self.tokens = Tokens(self.now, self.log.warning, self.tasks)
        self.offsets: dict[str, float] = {}
        self.budgets = defaultdict[str, Budget](lambda: Budget(self.snapshot.routing.retry_budget))
        self.upkeep, self._reloading = Upkeep(self), asyncio.Lock()

    async def reload_keys(self) -> None:
        """Read all keys again and go on with a new snapshot. Raises ConfigError, and then the old one stays."""
        # Of two at once the one that read its keys earlier could else be the one whose snapshot stays.
        async with self._reloading:
            self.snapshot = await self.parts.refresh()
            self.health.reloaded()
            self.quotas.reloaded()

    async def aclose(self) -> None:
        """Stop what goes on beside calls."""
        await self.tasks.aclose()
        await self.shaper.media.aclose()

    def now(self, provider: str) -> float:
        """Return the time as a provider has it, in seconds since the epoch."""
        return self.clock.now() + self.offsets.get(provider, 0.0)

    async def secret(self, candidate: Candidate) -> Secret | None:
        """Return what a candidate's requests are sent with. Raises RefreshFailed."""
        slug, account = candidate.endpoint.provider, candidate.account
        provider = self.snapshot.refreshes.get(slug)
        return account.secret if provider is None else await self.tokens.fresh(slug, provider, account)

    def call(
        self,
        dialect: Dialect,
        body: Json,
        *,
        caller: Caller = LIBRARY,
        headers: Headers = NOTHING,
        path: Mapping[str, str] = NOTHING,
    ) -> Call:
        """Make a call of what a client sent: filled in by the preset that it names, read by its dialect. Raises InvalidRequest."""
        client = dialect.client
        assert client is not None
        if self.presets:
            body, path = applied(self.presets, dialect, body, path)
        facts = client.facts(body, path, headers)
        preferences, plugins, fill = self.snapshot.routing.preferences, NOTHING, None
        if not _ROUTED.isdisjoint(body):
            preferences = preferences_of(body.get("provider"), preferences, body.get("route"))
            if body.get("plugins") and "plugins" in client.own:
                plugins = self._plugins(body["plugins"])
            if body.get("preset"):
                preset = preset_of(self.presets, body["preset"])
                facts, fill = preset.known(facts), preset.onto
        sent, own = body.copy(), client.own
        for name in body:
            if name in own:
                del sent[name]
        total = self.snapshot.timeouts(facts.models[0]).total
        if headers:
            if not headers.keys().isdisjoint(_TIMEOUTS):
                total = _total(facts, headers, total)
            headers = {name: headers[name] for name in headers if name in _KEPT}
        now, epoch, bits = self.clock.monotonic(), self.clock.now(), self.random.getrandbits
        return Call(
            # In the order of time, also within a second, so that a store's index of ids grows at its end.
            f"gen-{int(epoch)}-{(int(epoch % 1 * 4096) << 84 | bits(84)).to_bytes(12).hex()}",
            bits(48),
            dialect.operation,
            dialect.name,
            sent,
            facts,
            preferences,
            caller,
            epoch,
            now,
            now + total,
            headers,
            path,
            plugins,
            fill,
        )

    async def complete(self, call: Call) -> Json:
        """Serve a call that is not streamed: the whole reply, stamped, in the call's dialect.

        Raises CallError when nothing is left, InvalidRequest for an unknown model.
        """
        run = Run(self, call)
        try:
            while True:
                attempt = await run.next()
                result = await attempt.complete()
                if not isinstance(result, Failure):
                    await run.served(attempt)
                    if call.tell is not None:
                        call.tell(run, attempt, result)
                    return result
                run.failed(attempt, result)
        except CallError as error:
            code = error.availability and error.availability.code
            if code == "wrong_endpoint" and (estimate := self.dialects[call.dialect].estimate):
                return estimate(call)
            if call.tell is not None:
                call.tell(run, None, error.beside)
            raise
        except asyncio.CancelledError:
            run.cancelled()
            raise

    def stream(self, call: Call) -> Stream:
        """Serve a streamed call: batches of stamped events. See `Stream`."""
        return Stream(Run(self, call))

    def alert(self, alerts: Sequence[Alert]) -> None:
        """Tell the owner what needs hands."""
        for alert in alerts:
            self.log.warning("%s: %s: %s", alert.event, alert.subject, alert.message)

    def observe(self, outcome: Outcome, now: float) -> None:
        """An attempt ended: learn from it, and let strategies say what they want to know of its endpoint later."""
        health = self.health
        if news := health.observe(outcome, now):
            self.alert(news)
        if health.gates:
            self.upkeep.watch()
        for name, strategy in self.snapshot.observers:
            try:
                health.record(outcome.candidate.endpoint, strategy.observe(outcome), now)
            except Exception:  # noqa: BLE001 - whoever wrote the strategy, the call was served
                self.log.error("strategy %s: can't observe: %s", name, trace())  # noqa: TRY400 - scrubbed

    def _plugins(self, asked: Sequence[Json]) -> Mapping[str, Json]:
        """Say which plugins a request asks for. Raises InvalidRequest for one that is not here: to ignore it would change the answer."""
        installed = [name for name, _ in self.shaper.transforms]
        wanted: dict[str, Json] = {}
        for index, one in enumerate(asked):
            name, where = one["id"], f"plugins[{index}].id"
            # Switched off, it asks for nothing.
            if name not in installed and one.get("enabled") is not False and not check_plugin(f"plugins[{index}]", one):
                raise InvalidRequest(where, f"names no plugin that is installed here{nearest(name, installed)}")
            wanted[name] = one
        return wanted


def _total(facts: Facts, headers: Headers, most: float) -> float:
    """Return the seconds that a client gives its call, `most` at the most."""
    for name in _TIMEOUTS[:1] if facts.stream else _TIMEOUTS:
        if name in headers:
            try:
                seconds = float(headers[name])
            except ValueError:
                seconds = math.nan
            if not 0 < seconds < math.inf:
                raise InvalidRequest(f"headers.{name}", "must be a positive number of seconds")
            return min(seconds, most)
    return most
