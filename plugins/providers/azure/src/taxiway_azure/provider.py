"""Azure as a provider: the wire of OpenAI's API, at addresses and with identities that the credential says."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from attrs import evolve

from taxiway.call import Outgoing
from taxiway.candidate import Account, Credential, Endpoint
from taxiway.catalog import Catalog, CatalogModel
from taxiway.codec import Json
from taxiway.door import Door
from taxiway.http import Headers
from taxiway.outcome import Failure
from taxiway.provider import Derived
from taxiway.secret import Secret
from taxiway_azure import credentials
from taxiway_azure.credentials import AzureSettings
from taxiway_azure.declaration import AZURE, TOKENS
from taxiway_azure.entra import asking, derived
from taxiway_openai_compatible import CompatibleProvider, operation_of

if TYPE_CHECKING:
    from taxiway_azure.addresses import AzureAddress

_WITHIN: Final = 20.0
"""Seconds that a token may take."""


class AzureProvider(CompatibleProvider):
    """Azure. `door`: the way to Entra ID. Which models there are, and under what names, is the owner's: deployments say it."""

    def __init__(self, door: Door) -> None:
        super().__init__(AZURE)
        self.settings = AzureSettings
        self._door = door

    def accounts(self, credential: Credential, secret: Secret | None) -> Sequence[Account]:
        """Make an account for each resource and deployment. Raises ConfigError."""
        return credentials.accounts(credential, secret)

    def endpoints(self, catalog: Catalog, accounts: Sequence[Account]) -> Iterable[Endpoint]:
        """Say what can be served: the catalog's models, where a resource may have them all, and those that are deployed."""
        known = {model.slug: model for model in catalog.provider(AZURE.catalog).values()}
        wanted = dict(known) if any(account.models is None for account in accounts) else {}
        for account in accounts:
            for slug in account.models or ():
                # One that only a deployment declares is called by its slug: no resource has it.
                wanted[slug] = known.get(slug) or CatalogModel(
                    id=slug, slug=slug, name=slug, operation=account.settings.operation, inputs=_ANYTHING
                )
        for model in wanted.values():
            if speaks := _speaks(model, [account for account in accounts if _has(account, model.slug, model.id)]):
                yield self.endpoint(model, {model.operation: speaks})

    def serves(self, endpoint: Endpoint, account: Account) -> bool:
        """An account serves what it deploys, a resource without a list all of the catalog's; where it speaks its dialects."""
        spoken = {dialect for dialects in endpoint.dialects.values() for dialect in dialects}
        return _has(account, endpoint.model, endpoint.id) and spoken <= account.settings.targets.keys()

    def classify(
        self, outgoing: Outgoing, status: int | None, headers: Headers, error: Json | str, now: float
    ) -> Failure:
        """Say what an error means; of an account that has a token, whether that is too old."""
        failure = super().classify(outgoing, status, headers, error, now)
        address: AzureAddress = outgoing.candidate.account.settings
        if address.identity is not None and TOKENS.matches(status, failure.code, None, failure.message):
            return evolve(failure, kind=TOKENS.kind)
        return failure

    async def refresh(self, account: Account, now: float) -> Derived:
        """Have a token of Entra ID's; a key is sent as it is. Raises RefreshFailed and TransportError."""
        address: AzureAddress = account.settings
        if address.identity is None:
            assert account.secret is not None
            return Derived(account.secret)
        return derived(await self._door.send(asking(address.identity, account.secret), _WITHIN), now)


_ANYTHING: Final = frozenset({"text", "image", "file", "audio", "video"})


def _has(account: Account, slug: str, model: str) -> bool:
    return model != slug if account.models is None else slug in account.models


def _speaks(model: CatalogModel, accounts: Sequence[Account]) -> tuple[str, ...]:
    """Return what a model speaks wherever it is deployed; where that is nothing, what its first deployment does."""
    dialects = AZURE.dialects(model.id, (model.operation,)).get(model.operation, ())
    if not dialects or not accounts:
        return dialects
    common = tuple(name for name in dialects if all(name in account.settings.targets for account in accounts))
    return common or tuple(name for name in accounts[0].settings.targets if operation_of(name) == model.operation)
