"""What is done while something is shut: refused keys are verified, the rest is probed, its owner is told where nothing is left.

A key that was refused: its reference is read again, then it is probed, then its account is disabled. One 401 is no proof: providers
have had mornings on which they refused every key. The account takes no calls meanwhile.
"""

from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from attrs import Factory, define

from taxiway.call import Outgoing
from taxiway.candidate import Candidate
from taxiway.door import DoorReply
from taxiway.errors import ConfigError, KeyStoreError, TransportError
from taxiway.gates import SPREAD
from taxiway.health import Alert
from taxiway.outcome import RefreshFailed
from taxiway.refusals import error_of
from taxiway.secret import trace
from taxiway.snapshot import Snapshot

if TYPE_CHECKING:
    from taxiway.executor import Engine

REFUSED: Final = frozenset({401, 403})
_PROBE: Final = 15.0
"""Seconds that a probe may take."""
_PULSE: Final = 10.0
"""Seconds between two looks at what is shut."""
_NAMED: Final = 3
"""Models that an alert names."""


@define(eq=False)
class Upkeep:
    """Looks after what is shut, while anything is: else a router has no timer."""

    engine: "Engine"
    _shut: frozenset[str] = frozenset()
    _out: frozenset[tuple[str, str, str]] = Factory(frozenset)

    def watch(self) -> None:
        """Something is shut, or used up: begin to look after it, unless that is under way."""
        self.engine.tasks.begin("watch", self._watch)

    def verify(self, candidate: Candidate, outgoing: Outgoing | None = None) -> None:
        """A candidate's key was refused: verify it, unless that is under way. `outgoing`: what was refused, where something was sent."""
        engine = self.engine
        if engine.health.suspect(candidate, engine.clock.monotonic()):
            self._begin(candidate, outgoing, known=False)
        engine.alert(engine.health.alerts())
        self.watch()

    async def _watch(self) -> None:
        engine = self.engine
        trouble = True
        while trouble:
            await engine.clock.sleep(_PULSE * engine.random.uniform(*SPREAD))
            now = engine.clock.monotonic()
            for scope, candidate in engine.health.due(now):
                if scope == "account":
                    self._begin(candidate, None, known=True)
                else:
                    engine.tasks.begin(("prove", candidate.key), partial(self._prove, candidate))
            closed = engine.quotas.closed(now)
            engine.alert([*engine.health.alerts(), *self._news(closed)])
            trouble = bool(engine.health.gates or closed)

    def _begin(self, candidate: Candidate, outgoing: Outgoing | None, *, known: bool) -> None:
        """Begin to verify a key, each account once at a time."""
        run = partial(self._verify, candidate, outgoing, known=known)
        self.engine.tasks.begin(("verify", candidate.account.key), run)

    async def _verify(self, candidate: Candidate, outgoing: Outgoing | None, *, known: bool) -> None:
        """Say what a key is worth. `known`: it was found bad, so that a probe which says nothing leaves it as it is."""
        account, engine = candidate.account, self.engine
        try:
            refused = not await self._renewed(candidate) and await self._refused(candidate, outgoing, unsure=known)
        except Exception:  # noqa: BLE001 - a plugin's mistake says nothing of the key
            engine.log.error("credential %s: its key can't be verified: %s", account.label, trace())  # noqa: TRY400 - scrubbed
            refused = known
        if refused:
            engine.alert(engine.health.disable(candidate, "the provider refuses its key", engine.clock.monotonic()))
        else:
            engine.health.reopen(account)

    async def _renewed(self, candidate: Candidate) -> bool:
        """Whether its reference has a new value, which is in use now; where that fails the old one is judged as it stands."""
        reference, secret = candidate.account.credential.key, candidate.account.secret
        if reference is None or secret is None:
            return False
        try:
            if await self.engine.parts.secret(reference) == secret:
                return False
            await self.engine.reload_keys()
        except (KeyStoreError, ConfigError) as error:
            self.engine.log.warning("credential %s: %s", candidate.account.label, error)
            return False
        return True

    async def _prove(self, candidate: Candidate) -> None:
        """Where there is no probe, or our own side fails, the next call is what shows it."""
        good, engine = True, self.engine
        with suppress(RefreshFailed):
            try:
                reply = await self._probe(candidate)
                good = reply is None or reply.status < 500
            except TransportError:
                good = False
            except Exception:  # noqa: BLE001 - a plugin's mistake says nothing of the provider
                engine.log.error("a probe failed: %s", trace())  # noqa: TRY400 - scrubbed
        engine.health.probed(candidate, good, engine.clock.monotonic())

    async def _probe(self, candidate: Candidate) -> DoorReply | None:
        """Send the provider's free probe; None: it has none. Raises RefreshFailed and TransportError."""
        engine, account = self.engine, candidate.account
        provider = engine.snapshot.providers[candidate.endpoint.provider]
        request = provider.probe(account, await engine.secret(candidate), engine.now(provider.slug))
        return None if request is None else await engine.parts.built.context.door.send(request, _PROBE)

    async def _refused(self, candidate: Candidate, outgoing: Outgoing | None, *, unsure: bool) -> bool:
        """Whether the provider refuses the key. Without a probe its first answer stands; one that fails on the way is `unsure`.

        Some refuse a key with a 400: what their errors say counts as well.
        """
        engine, provider = self.engine, self.engine.snapshot.providers[candidate.endpoint.provider]
        try:
            reply = await self._probe(candidate)
        except RefreshFailed as error:
            return error.failure.kind == "credential_invalid" or unsure
        except TransportError:
            return unsure
        if reply is None:
            return True
        if reply.status in REFUSED or outgoing is None or reply.status < 400:
            return reply.status in REFUSED
        said, now = error_of(reply.body), engine.now(provider.slug)
        return provider.classify(outgoing, reply.status, reply.headers, said, now).kind == "credential_invalid"

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
