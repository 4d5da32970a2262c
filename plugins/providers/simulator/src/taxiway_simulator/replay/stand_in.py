"""A real provider's place, taken by a simulated one: its endpoints and accounts as planning knows them, and no key of anybody's."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from attrs import evolve, frozen

from taxiway.candidate import Account, Credential, Endpoint, Operation
from taxiway.catalog import Catalog
from taxiway.clock import Clock
from taxiway.provider import Provider
from taxiway.secret import Secret
from taxiway_simulator.options import Model, SimulatorOptions
from taxiway_simulator.provider import SimulatorProvider
from taxiway_simulator.replay.asks import REPLAYED

NOBODY: Final = "nobody"
"""The model of a simulation whose provider serves none: what a server has is asked from it, and nothing is asked here."""

_MADE_UP: Final = Secret("simulated")


@frozen
class Place:
    """What a provider says of itself. `accounts` by the credential's id; one that can't be made without a key is a plain one."""

    provider: Provider
    endpoints: Sequence[Endpoint]
    accounts: Mapping[str, Sequence[Account]]
    plain: AbstractSet[str]

    def models(self) -> Iterator[Model]:
        """Give the models that a simulation has to have."""
        for endpoint in self.endpoints:
            yield Model(
                id=endpoint.id,
                slug=endpoint.model,
                operation="chat" if _operation(endpoint) == "chat" else "embeddings",
                context=endpoint.context or Model(id="").context,
                max_output=endpoint.max_output or Model(id="").max_output,
            )

    def keyed(self) -> Iterator[tuple[str, str, str]]:
        """Give each account's credential, a name that no other has, and a made-up key."""
        taken: dict[str, int] = {}
        number = 0
        for credential, some in self.accounts.items():
            for account in some:
                number += 1
                taken[account.label] = count = taken.get(account.label, 0) + 1
                name = account.label if count == 1 else f"{account.label}-{count}"
                yield credential, name, f"simulated-{number}"


def place(provider: Provider, catalog: Catalog, credentials: Iterable[Credential], keyed: AbstractSet[str]) -> Place:
    """Ask a provider for what needs no key: its accounts, with made-up ones, and the endpoints of its catalog."""
    accounts: dict[str, Sequence[Account]] = {}
    plain: set[str] = set()
    for credential in credentials:
        secret = _MADE_UP if credential.id in keyed else None
        made = _asked(lambda one=credential, key=secret: provider.accounts(one, key))
        if not made:
            made = [Account(credential=credential, label=credential.label)]
            plain.add(made[0].key)
        accounts[credential.id] = made
    every = [one for some in accounts.values() for one in some if one.key not in plain]
    endpoints = [one for one in _asked(lambda: provider.endpoints(catalog, every)) if _operation(one)]
    return Place(provider, endpoints, accounts, plain)


def _asked(question: Any) -> list[Any]:
    """Ask a plugin; where it makes no sense of a made-up key or of no account, it knows nothing."""
    try:
        return list(question())
    except Exception:  # noqa: BLE001 - whatever it raises, the answer is the same
        return []


def _operation(endpoint: Endpoint) -> Operation | None:
    return next((one for one in REPLAYED if one in endpoint.dialects), None)


class StandIn(SimulatorProvider):
    """A simulated provider that planning takes for the real one."""

    def __init__(self, options: SimulatorOptions, clock: Clock, place: Place) -> None:
        super().__init__(options, clock)
        self._provider, self._plain = place.provider, place.plain
        self._real = {endpoint.key: endpoint for endpoint in place.endpoints}
        self._theirs = {account.key: account for some in place.accounts.values() for account in some}
        every = iter(place.keyed())
        self._ours = {id_: [self._with(one, next(every)[2]) for one in some] for id_, some in place.accounts.items()}

    def accounts(self, credential: Credential, secret: Secret | None) -> Sequence[Account]:
        """Return the accounts of a credential, each with its simulated key."""
        return self._ours[credential.id]

    def endpoints(self, catalog: Catalog, accounts: Sequence[Account]) -> Iterable[Endpoint]:
        """Return the real provider's endpoints, and those that only the traffic knows; all speak the simulator's dialects."""
        seen: set[str] = set()
        for endpoint in self._real.values():
            operation = _operation(endpoint)
            assert operation is not None
            seen.add(endpoint.id)
            yield evolve(endpoint, dialects={operation: (operation,)}, quota_group=self.slug)
        for endpoint in super().endpoints(catalog, accounts):
            if endpoint.id not in seen and endpoint.id != NOBODY:
                yield endpoint

    def serves(self, endpoint: Endpoint, account: Account) -> bool:
        """Ask the real provider, of what it made itself."""
        real = self._real.get(endpoint.key)
        return real is None or account.key in self._plain or self._provider.serves(real, self._theirs[account.key])

    def _with(self, account: Account, key: str) -> Account:
        bare = Credential(id=account.credential.id, provider=self.slug, label=account.label)
        (ours,) = super().accounts(bare, Secret(key))
        return evolve(account, secret=ours.secret, settings=ours.settings, origin=ours.origin, models=None)
