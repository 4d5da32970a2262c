"""Secrets that are derived from others and expire: access tokens, temporary keys.

One is renewed ahead of its end while it goes on being used, so that a call waits for one only where there is none.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

from attrs import Factory, define

from taxiway.candidate import Account
from taxiway.errors import TransportError
from taxiway.outcome import Failure, RefreshFailed
from taxiway.provider import Derived, Refreshes
from taxiway.secret import Secret, scrub, trace
from taxiway.tasks import Tasks

AHEAD: Final = 300.0
"""Seconds before its end at which a secret is renewed; a fifth of its life, where that is less."""

LAST: Final = 10.0
"""Seconds before its end at which it is used no more: a request needs some time to arrive."""

PATIENCE: Final = 30.0
"""Seconds that one refresh may take."""

PAUSE: Final = 5.0
"""Seconds after a failed refresh during which a secret that still holds is not asked for again."""


@define(eq=False)
class _Held:
    account: Account
    derived: Derived
    renew: float


@define(eq=False)
class Tokens:
    """The derived secrets of all accounts. `now` gives a provider's time (seconds since the epoch) by its slug."""

    now: Callable[[str], float]
    warn: Callable[[str], None]
    tasks: Tasks = Factory(Tasks)
    _held: dict[str, _Held] = Factory(dict)

    def current(self, slug: str, provider: Refreshes, account: Account) -> Secret | None:
        """Return a secret that still holds, and begin to renew it where that is due; None where one must be waited for."""
        held = self._held.get(account.key)
        if held is None or (held.account is not account and held.account != account):
            return None
        expires = held.derived.expires
        if expires is not None:
            now = self.now(slug)
            if now >= expires - LAST:
                return None
            if now >= held.renew:
                held.renew = now + PAUSE
                self._begin(slug, provider, account)
        return held.derived.secret

    async def fresh(self, slug: str, provider: Refreshes, account: Account) -> Secret:
        """Wait for a secret: one refresh serves all who wait. Raises RefreshFailed."""
        if (held := self.current(slug, provider, account)) is not None:
            return held
        made = await asyncio.shield(self._begin(slug, provider, account))
        if isinstance(made, Failure):
            raise RefreshFailed(made)
        return made

    def forget(self, account: Account, secret: Secret | None) -> None:
        """The provider refuses this one: the next call waits for another. What came meanwhile is not forgotten."""
        held = self._held.get(account.key)
        if held is not None and held.derived.secret == secret:
            del self._held[account.key]

    def _begin(self, slug: str, provider: Refreshes, account: Account) -> asyncio.Task[Secret | Failure]:
        return self.tasks.begin(("token", account.key), partial(self._refresh, slug, provider, account))

    async def _refresh(self, slug: str, provider: Refreshes, account: Account) -> Secret | Failure:
        now = self.now(slug)
        try:
            async with asyncio.timeout(PATIENCE):
                derived = await provider.refresh(account, now)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this candidate's, not the request path's
            failure = self._failure_of(slug, error)
            # Whoever waits is told too; where nobody does, it was ahead of time and the old secret still holds.
            self.warn(f"credential {account.label}: its token can't be refreshed: {failure.message}")
            return failure
        life = 0.0 if derived.expires is None else derived.expires - now
        self._held[account.key] = _Held(account, derived, now + life - min(AHEAD, life / 5))
        return derived.secret

    def _failure_of(self, slug: str, error: Exception) -> Failure:
        if isinstance(error, RefreshFailed):
            return error.failure
        if isinstance(error, TransportError | TimeoutError):
            said = scrub(f"no token could be had: {error}" if str(error) else f"no token within {PATIENCE:.0f} s")
            return Failure(kind="unavailable", message=said, scope="account")
        self.warn(f"provider {slug}: its plugin failed: {trace()}")
        said = f"the plugin of {slug} failed to derive a token ({type(error).__name__})"
        return Failure(kind="unavailable", message=said, scope="none")
