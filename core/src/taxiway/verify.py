"""What happens to an account whose key was refused: its reference is read again, then the key is probed, then it is disabled.

One 401 is no proof: providers have had mornings on which they refused every key. The account takes no calls meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from attrs import Factory, define

from taxiway.candidate import Candidate
from taxiway.errors import KeyStoreError, TransportError
from taxiway.secret import Secret

if TYPE_CHECKING:
    from taxiway.executor import Engine

REFUSED: Final = frozenset({401, 403})
_PROBE: Final = 15.0
"""Seconds that a probe may take."""


@define(eq=False)
class Verifier:
    """Verifies refused keys in the background, each account once at a time.

    `read` resolves a key's reference; `rotate` is called where it has a new value, to bring in a new snapshot.
    """

    engine: "Engine"
    read: Callable[[str], Awaitable[Secret]]
    rotate: Callable[[], Awaitable[None]]
    _running: dict[str, asyncio.Task[None]] = Factory(dict)

    def verify(self, candidate: Candidate) -> None:
        """Begin, unless it is under way."""
        account = candidate.account
        news = self.engine.health.suspect(account, self.engine.clock.monotonic())
        if not news or account.key in self._running:
            return
        task = self.engine.loop.create_task(self._verify(candidate))
        self._running[account.key] = task
        task.add_done_callback(lambda _: self._running.pop(account.key, None))

    async def aclose(self) -> None:
        """Stop what is under way."""
        for task in list(self._running.values()):
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _verify(self, candidate: Candidate) -> None:
        account, engine = candidate.account, self.engine
        if await self._changed(candidate):
            await self.rotate()
            engine.health.reopen(account)
            return
        refused = await self._probe(candidate)
        now = engine.clock.monotonic()
        if refused:
            engine.alert(engine.health.disable(account, "the provider refuses its key", now))
        else:
            engine.health.reopen(account)

    async def _changed(self, candidate: Candidate) -> bool:
        reference, secret = candidate.account.credential.key, candidate.account.secret
        if reference is None or secret is None:
            return False
        try:
            return await self.read(reference) != secret
        except KeyStoreError as error:
            self.engine.log.warning("credential %s: %s", candidate.account.label, error)
            return False

    async def _probe(self, candidate: Candidate) -> bool:
        """Whether the provider refuses the key. Without a probe its first answer stands; one that fails on the way says nothing."""
        engine, account = self.engine, candidate.account
        provider = engine.snapshot.providers[candidate.endpoint.provider]
        request = provider.probe(account, account.secret, engine.clock.now())
        if request is None:
            return True
        exchange = engine.transports[request.origin.scheme].open(request, _PROBE)
        timer = engine.loop.call_later(_PROBE, exchange.abort, "timeout")
        try:
            head = await exchange.head()
        except TransportError:
            return False
        finally:
            timer.cancel()
            exchange.abort()
        return head.status in REFUSED
