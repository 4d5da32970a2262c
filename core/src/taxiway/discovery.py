"""Servers that say themselves which models they have: each account is asked, at start and then every hour."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import define, evolve, field

from taxiway.candidate import Account
from taxiway.errors import Malformed, TaxiwayError
from taxiway.provider import Discovers, Provider, Refreshes
from taxiway.registration import Context
from taxiway.secret import scrub

EVERY: Final = 3600.0
"""Seconds until an account that answered is asked again."""

SOON: Final = 30.0
"""Seconds until accounts are asked again where one did not answer: a server of one's own may be starting too."""

_ROUNDS: Final = int(EVERY / SOON)
"""Rounds in which only those are asked that did not answer, until it is everybody's turn again."""

_WITHIN: Final = 10.0
"""Seconds for one answer."""

_GOOD: Final = 200


@define(eq=False)
class Discovery:
    """What accounts list, by their keys: slugs, and the ids that the server has. A failure keeps what was listed before."""

    context: Context
    listed: dict[str, Mapping[str, str]] = field(factory=dict)
    _failed: set[str] = field(factory=set)
    _round: int = 0

    async def ask(self, providers: Mapping[str, Provider], accounts: Mapping[str, Sequence[Account]]) -> bool:
        """Ask all accounts that it is time to ask. Whether anything is listed that was not, or no more."""
        before = dict(self.listed)
        self._round = (self._round + 1) % _ROUNDS if self._failed else 0
        able = [(slug, provider) for slug, provider in providers.items() if isinstance(provider, Discovers)]
        await asyncio.gather(*(self._ask(provider, slug, one) for slug, provider in able for one in accounts[slug]))
        return self.listed != before

    @property
    def pause(self) -> float:
        """Seconds until it is time to ask again."""
        return SOON if self._failed else EVERY

    def known(self, account: Account) -> Account:
        """Return the account with what it lists."""
        listed = self.listed.get(account.key)
        return account if listed is None or account.models is not None else evolve(account, models=listed)

    async def _ask(self, provider: Discovers, slug: str, account: Account) -> None:
        if self._round and account.key in self.listed and account.key not in self._failed:
            return
        try:
            now, secret = self.context.clock.now(), account.secret
            if secret is None and isinstance(provider, Refreshes):
                secret = (await provider.refresh(account, now)).secret
            if (request := provider.discovery(account, secret, now)) is None:
                return
            reply = await self.context.door.send(request, _WITHIN)
            if reply.status != _GOOD:
                raise Malformed(f"status {reply.status}")  # noqa: TRY301 - one place tells of all that is wrong
            ids = list(provider.discovered(reply.body))
        except Exception as error:  # noqa: BLE001 - nobody's mistake keeps another account from being asked
            # Told once, and not with every try.
            if account.key not in self._failed:
                self._failed.add(account.key)
                said = scrub(str(error) if isinstance(error, TaxiwayError) else repr(error))
                self.context.log.warning("%s, %s: its models can't be listed: %s", slug, account.label, said)
            return
        self._failed.discard(account.key)
        self.listed[account.key] = {id_ if "/" in id_ else f"{slug}/{id_}": id_ for id_ in ids}
