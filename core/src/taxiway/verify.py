"""What happens to an account whose key was refused: its reference is read again, then the key is probed, then it is disabled.

One 401 is no proof: providers have had mornings on which they refused every key. The account takes no calls meanwhile.
"""

import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from attrs import define

from taxiway.call import Outgoing
from taxiway.candidate import Candidate
from taxiway.door import Door, DoorReply
from taxiway.errors import ConfigError, KeyStoreError, TransportError
from taxiway.outcome import RefreshFailed
from taxiway.refusals import error_of
from taxiway.secret import Secret, scrub

if TYPE_CHECKING:
    from taxiway.executor import Engine

REFUSED: Final = frozenset({401, 403})
_PROBE: Final = 15.0
"""Seconds that a probe may take."""


@define(eq=False)
class Verifier:
    """Verifies refused keys in the background, each account once at a time.

    `read` resolves a key's reference; `rotate` is called where it has a new value, to bring in a new snapshot. It may raise
    ConfigError.
    """

    engine: "Engine"
    door: Door
    read: Callable[[str], Awaitable[Secret]]
    rotate: Callable[[], Awaitable[None]]

    def verify(self, candidate: Candidate, outgoing: Outgoing | None = None) -> None:
        """Begin, unless it is under way. `outgoing`: what was refused, where something was sent."""
        engine = self.engine
        if engine.health.suspect(candidate, engine.clock.monotonic()):
            self._begin(candidate, outgoing, known=False)
        engine.alert(engine.health.alerts())
        engine.watch()

    def again(self, candidate: Candidate) -> None:
        """Look into a key that was found bad, once more."""
        self._begin(candidate, None, known=True)

    def prove(self, candidate: Candidate) -> None:
        """Ask the candidate's provider for something that costs nothing, to see whether it is back."""
        self.engine.tasks.begin(("prove", candidate.key), partial(self._prove, candidate))

    def _begin(self, candidate: Candidate, outgoing: Outgoing | None, *, known: bool) -> None:
        self.engine.tasks.begin(
            ("verify", candidate.account.key), partial(self._verify, candidate, outgoing, known=known)
        )

    async def _verify(self, candidate: Candidate, outgoing: Outgoing | None, *, known: bool) -> None:
        """Say what a key is worth. `known`: it was found bad, so that a probe which says nothing leaves it as it is."""
        account, engine = candidate.account, self.engine
        try:
            refused = not await self._renewed(candidate) and await self._refused(candidate, outgoing, unsure=known)
        except Exception:  # noqa: BLE001 - a plugin's mistake says nothing of the key
            engine.log.error(  # noqa: TRY400 - a traceback may quote a key
                "credential %s: its key can't be verified: %s", account.label, scrub(traceback.format_exc())
            )
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
            if await self.read(reference) == secret:
                return False
            await self.rotate()
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
                engine.log.error("a probe failed: %s", scrub(traceback.format_exc()))  # noqa: TRY400 - it may quote a key
        engine.health.probed(candidate, good, engine.clock.monotonic())

    async def _probe(self, candidate: Candidate) -> DoorReply | None:
        """Send the provider's free probe; None: it has none. Raises RefreshFailed and TransportError."""
        engine, account = self.engine, candidate.account
        provider = engine.snapshot.providers[candidate.endpoint.provider]
        request = provider.probe(account, await engine.secret(candidate), engine.now(provider.slug))
        return None if request is None else await self.door.send(request, _PROBE)

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
