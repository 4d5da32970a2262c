"""What happens to an account whose key was refused: its reference is read again, then the key is probed, then it is disabled.

One 401 is no proof: providers have had mornings on which they refused every key. The account takes no calls meanwhile.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from attrs import Factory, define

from taxiway.call import Outgoing
from taxiway.candidate import Candidate
from taxiway.door import Door
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
    _running: dict[str, asyncio.Task[None]] = Factory(dict)

    def verify(self, candidate: Candidate, outgoing: Outgoing | None = None) -> None:
        """Begin, unless it is under way. `outgoing`: what was refused, where something was sent."""
        account = candidate.account
        news = self.engine.health.suspect(account, self.engine.clock.monotonic())
        if not news or account.key in self._running:
            return
        task = self.engine.loop.create_task(self._verify(candidate, outgoing))
        self._running[account.key] = task
        task.add_done_callback(lambda _: self._running.pop(account.key, None))

    async def aclose(self) -> None:
        """Stop what is under way."""
        for task in list(self._running.values()):
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _verify(self, candidate: Candidate, outgoing: Outgoing | None) -> None:
        account, engine = candidate.account, self.engine
        try:
            refused = not await self._renewed(candidate) and await self._probe(candidate, outgoing)
        except Exception:  # noqa: BLE001 - a plugin's mistake says nothing of the key
            engine.log.error(  # noqa: TRY400 - a traceback may quote a key
                "credential %s: its key can't be verified: %s", account.label, scrub(traceback.format_exc())
            )
            refused = False
        if refused:
            engine.alert(engine.health.disable(account, "the provider refuses its key", engine.clock.monotonic()))
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

    async def _probe(self, candidate: Candidate, outgoing: Outgoing | None) -> bool:
        """Whether the provider refuses the key. Without a probe its first answer stands; one that fails on the way says nothing.

        Some refuse a key with a 400: what their errors say counts as well.
        """
        engine, account = self.engine, candidate.account
        provider = engine.snapshot.providers[candidate.endpoint.provider]
        try:
            request = provider.probe(account, await engine.secret(candidate), engine.now(provider.slug))
            if request is None:
                return True
            reply = await self.door.send(request, _PROBE)
        except RefreshFailed as error:
            return error.failure.kind == "credential_invalid"
        except TransportError:
            return False
        if reply.status in REFUSED or outgoing is None or reply.status < 400:
            return reply.status in REFUSED
        said, now = error_of(reply.body), engine.now(provider.slug)
        return provider.classify(outgoing, reply.status, reply.headers, said, now).kind == "credential_invalid"
