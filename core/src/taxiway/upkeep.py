"""What goes on while something is shut.

It is probed, so that nothing stays shut in silence, and its owner is told where nothing is left.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from attrs import Factory, define

from taxiway.gates import SPREAD
from taxiway.health import Alert
from taxiway.snapshot import Snapshot
from taxiway.verify import Verifier

if TYPE_CHECKING:
    from taxiway.executor import Engine

_PULSE: Final = 10.0
"""Seconds between two looks at what is shut."""
_NAMED: Final = 3
"""Models that an alert names."""


@define(eq=False)
class Upkeep:
    """Looks after what is shut, while anything is: else a router has no timer."""

    engine: "Engine"
    verifier: Verifier
    _shut: frozenset[str] = frozenset()
    _out: frozenset[tuple[str, str, str]] = Factory(frozenset)

    def watch(self) -> None:
        """Begin, unless it is under way."""
        self.engine.tasks.begin("watch", self._watch)

    async def _watch(self) -> None:
        engine, verifier = self.engine, self.verifier
        trouble = True
        while trouble:
            await engine.clock.sleep(_PULSE * engine.random.uniform(*SPREAD))
            now = engine.clock.monotonic()
            for scope, candidate in engine.health.due(now):
                (verifier.again if scope == "account" else verifier.prove)(candidate)
            closed = engine.quotas.closed(now)
            engine.alert([*engine.health.alerts(), *self._news(closed)])
            trouble = bool(engine.health.gates or closed)

    def _news(self, closed: frozenset[str]) -> Iterable[Alert]:
        """Say, once, of which provider no account is left: all are shut, or their quota pools `closed` for long."""
        engine = self.engine
        shut = engine.health.shut_accounts | closed
        if shut == self._shut:
            return
        before, self._shut, self._out = self._out, shut, frozenset(_without(engine.snapshot, shut))
        news: dict[tuple[str, str], list[str]] = {}
        for workspace, provider, model in sorted(self._out - before):
            news.setdefault((workspace, provider), []).append(model)
        for (workspace, provider), models in news.items():
            more = f" and {len(models) - _NAMED} more" if len(models) > _NAMED else ""
            of = f"{', '.join(models[:_NAMED])}{more} (workspace {workspace})"
            yield Alert("accounts_out", provider, f"{provider} has no usable key left for {of}")


def _without(snapshot: Snapshot, shut: frozenset[str]) -> Iterable[tuple[str, str, str]]:
    """Return workspace, provider and model of the endpoints whose accounts, or their quota pools, are all shut."""
    for workspace, models in snapshot.offers.items() if shut else ():
        for model, offers in models.items():
            every = {offer.endpoint.provider for offer in offers}
            left = {
                offer.endpoint.provider
                for offer in offers
                if any(one.account.key not in shut and one.pool not in shut for one in offer.candidates)
            }
            yield from ((workspace, provider, model) for provider in every - left)
