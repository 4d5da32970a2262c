"""From built parts to a running set: keys are resolved, accounts and endpoints made, everything is started, and closed again."""

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import define, evolve, field

from taxiway.candidate import SECTIONS, Account, Candidate, Credential, Endpoint
from taxiway.composition import Composition
from taxiway.config import Config
from taxiway.converter import below, join, nearest
from taxiway.errors import ConfigError, KeyStoreError, Problem
from taxiway.keystore import KeyStore
from taxiway.provider import Provider
from taxiway.registration import Closes, Starts
from taxiway.secret import Secret, scrub
from taxiway.snapshot import Offer, Snapshot
from taxiway.tables import ModelTable

_KEY_TIMEOUT: Final = 20.0
"""Seconds that resolving a key may take."""


@define
class Keys:
    """Resolves references (`env:NAME`) by the key store of their scheme."""

    stores: Mapping[str, KeyStore]

    async def get(self, reference: str) -> Secret:
        """Return the value of a reference. Raises KeyStoreError."""
        scheme, _, rest = reference.partition(":")
        store = self.stores.get(scheme)
        if store is None:
            raise KeyStoreError(scheme, "no such key store is installed")
        return await store.get(rest)


@define(kw_only=True)
class Parts:
    """Everything a router is made of, built. `snapshot` is what plans are made from; `warnings` are for people."""

    built: Composition
    keys: Keys
    accounts: Mapping[str, Sequence[Account]] = field(factory=dict)
    snapshot: Snapshot = field(factory=lambda: Snapshot(offers={}))
    warnings: list[str] = field(factory=list)
    _started: list[object] = field(factory=list)
    _secrets: dict[str, Secret] = field(factory=dict)

    async def refresh(self) -> Snapshot:
        """Read all keys again and make a new snapshot. Raises ConfigError, and then the old one stays.

        A key that was read before and can't be now keeps its value: one store's bad moment stops no rotation of others.
        """
        built = self.built
        accounts = await self._accounts()
        endpoints = {slug: _endpoints(built, slug, accounts.get(slug, ())) for slug in built.providers}
        self.accounts = accounts
        self.snapshot = _snapshot(built, endpoints, accounts)
        self.warnings = [*built.warnings, *_doubts(built.config, self.snapshot, endpoints)]
        return self.snapshot

    async def start(self) -> None:
        """Start what needs it: transports, then the store, then the sinks. What fails is raised; `aclose` still works."""
        built = self.built
        for part in (*built.transports.values(), built.store, *built.sinks.values(), built.catalog):
            await self._start(part)

    async def start_keys(self) -> None:
        """Start the key stores: keys are resolved before anything else begins."""
        for store in self.built.key_stores.values():
            await self._start(store)

    async def aclose(self) -> None:
        """Close everything, the last started first. One that fails keeps no other from being closed."""
        built = self.built
        everything = (
            *built.key_stores.values(),
            *built.transports.values(),
            built.store,
            *built.sinks.values(),
            built.catalog,
        )
        closed: set[int] = set()
        for part in reversed(everything):
            if not isinstance(part, Closes) or id(part) in closed:
                continue
            closed.add(id(part))
            try:
                await part.aclose()
            except Exception as error:  # noqa: BLE001 - the others must be closed whatever one does
                built.context.log.warning("%s: can't be closed: %s", type(part).__name__, scrub(str(error)))
        self._started.clear()

    async def _accounts(self) -> dict[str, list[Account]]:
        """Resolve every key, at the same time, and make the accounts."""
        built = self.built
        found = await asyncio.gather(*(_secret(self.keys, credential) for credential in built.credentials))
        accounts: dict[str, list[Account]] = {}
        problems: list[Problem] = []
        for credential, secret in zip(built.credentials, found, strict=True):
            path = built.config.paths.get(credential.id, "")
            if isinstance(secret, KeyStoreError):
                said = scrub(f"{credential.label}: {secret}")
                if credential.id not in self._secrets:
                    problems.append(Problem(said, join(path, "key") if path else ""))
                    continue
                built.context.log.warning("credential %s; its last value is used", said)
            elif secret is not None:
                self._secrets[credential.id] = secret
            provider = built.providers[credential.provider]
            try:
                made = provider.accounts(credential, self._secrets.get(credential.id))
            except ConfigError as error:
                problems += (_of_credential(problem, credential, path) for problem in error.problems)
            else:
                accounts.setdefault(provider.slug, []).extend(made)
        if problems:
            raise ConfigError(problems, built.config.source)
        return accounts

    async def _start(self, part: object) -> None:
        if isinstance(part, Starts) and not any(part is started for started in self._started):
            # Before it begins: what failed half-way is closed too.
            self._started.append(part)
            await part.start()


async def resolve(built: Composition) -> Parts:
    """Resolve the keys and make the first snapshot. Raises ConfigError with every key that can't be resolved.

    Nothing but the key stores is started: that is `Parts.start`.
    """
    parts = Parts(built=built, keys=Keys(built.key_stores))
    try:
        await parts.start_keys()
        await parts.refresh()
    except BaseException:
        await parts.aclose()
        raise
    return parts


async def _secret(keys: Keys, credential: Credential) -> Secret | KeyStoreError | None:
    reference = credential.key
    if reference is None:
        return None
    try:
        async with asyncio.timeout(_KEY_TIMEOUT):
            return await keys.get(reference)
    except KeyStoreError as error:
        return error
    except TimeoutError:
        return KeyStoreError(reference, f"no answer within {_KEY_TIMEOUT:.0f} s")
    except Exception as error:  # noqa: BLE001 - a key store's mistake is told like any other reason
        return KeyStoreError(reference, f"{type(error).__name__}: {error}")


def _of_credential(problem: Problem, credential: Credential, path: str) -> Problem:
    """A provider knows a credential by its label; a file's reader by its table."""
    rest = problem.path.removeprefix(credential.label).lstrip(".")
    where = below(path or credential.label, rest)
    said = (
        problem.message if credential.label in problem.message or not path else f"{credential.label}: {problem.message}"
    )
    return Problem(scrub(said), where)


def _endpoints(built: Composition, slug: str, accounts: Sequence[Account]) -> list[Endpoint]:
    """Ask a provider what it serves; `[models]` knows better."""
    found = built.providers[slug].endpoints(built.catalog, accounts)
    models = built.config.models
    return [_override(endpoint, models.get(endpoint.model) or models.get(_id(endpoint))) for endpoint in found]


def _override(endpoint: Endpoint, table: ModelTable | None) -> Endpoint:
    if table is None or table.try_:
        return endpoint
    given: dict[str, Any] = {"context": table.context, "max_output": table.max_output}
    changes = {name: value for name, value in given.items() if value is not None}
    if table.price is not None:
        changes["price"] = table.price.price()
    if table.parameters is not None:
        changes["parameters"] = frozenset(table.parameters)
        changes["unsupported"] = endpoint.unsupported - changes["parameters"]
    return evolve(endpoint, **changes) if changes else endpoint


def _id(endpoint: Endpoint) -> str:
    return f"{endpoint.provider}/{endpoint.id}"


def _snapshot(
    built: Composition, endpoints: Mapping[str, Sequence[Endpoint]], accounts: Mapping[str, Sequence[Account]]
) -> Snapshot:
    config = built.config
    offers = _offers(built.providers, endpoints, accounts)
    ids: dict[str, dict[str, tuple[Offer, ...]]] = {}
    for workspace, models in offers.items():
        found: dict[str, list[Offer]] = {}
        for every in models.values():
            for offer in every:
                found.setdefault(_id(offer.endpoint), []).append(offer)
        ids[workspace] = {name: tuple(some) for name, some in found.items() if name not in models}
    return Snapshot(
        offers=offers,
        ids=ids,
        names={name: table.routing() for name, table in config.models.items()},
        providers=built.providers,
        strategies=tuple(built.strategies),
        routing=config.routing,
        hash=_hash(config, offers),
    )


def _offers(
    providers: Mapping[str, Provider],
    endpoints: Mapping[str, Sequence[Endpoint]],
    accounts: Mapping[str, Sequence[Account]],
) -> dict[str, dict[str, tuple[Offer, ...]]]:
    """Pair endpoints and accounts: by workspace and slug, in the order of sections. The pool is in every workspace."""
    credentials = [account.credential for some in accounts.values() for account in some]
    workspaces = sorted({credential.workspace for credential in credentials})
    made: dict[str, dict[str, list[Offer]]] = {workspace: {} for workspace in workspaces}
    for slug, some in endpoints.items():
        provider, ranked = providers[slug], sorted(accounts.get(slug, ()), key=_place)
        for endpoint in some:
            able = [account for account in ranked if _allowed(endpoint, account) and provider.serves(endpoint, account)]
            for section in SECTIONS:
                candidates = [
                    Candidate(endpoint=endpoint, account=account, section=section)
                    for account in able
                    if account.credential.section == section
                ]
                for workspace in workspaces if candidates else ():
                    own = tuple(
                        c for c in candidates if section == "pool" or c.account.credential.workspace == workspace
                    )
                    if own:
                        made[workspace].setdefault(endpoint.model, []).append(Offer(endpoint, section, own))
    return {
        workspace: {model: tuple(sorted(offers, key=_section)) for model, offers in models.items()}
        for workspace, models in made.items()
    }


def _place(account: Account) -> tuple[int, int]:
    return account.credential.sort_order, account.rank


def _section(offer: Offer) -> int:
    return SECTIONS.index(offer.section)


def _allowed(endpoint: Endpoint, account: Account) -> bool:
    models = account.credential.allowed_models
    return models is None or endpoint.model in models or _id(endpoint) in models


def _hash(config: Config, offers: Mapping[str, Mapping[str, Sequence[Offer]]]) -> str:
    """Name the snapshot: the same endpoints, prices, accounts and routing have the same name in every process."""
    digest = hashlib.sha256()
    routing = evolve(config.routing, fallback_on=frozenset())
    for text in (repr(routing), repr(sorted(config.routing.fallback_on)), repr(config.strategies), *_lines(offers)):
        digest.update(text.encode())
    return digest.hexdigest()[:16]


def _lines(offers: Mapping[str, Mapping[str, Sequence[Offer]]]) -> Iterator[str]:
    for workspace, models in sorted(offers.items()):
        for model, some in sorted(models.items()):
            for offer in some:
                endpoint = offer.endpoint
                yield f"{workspace} {model} {offer.section} {endpoint.key} {endpoint.price} {endpoint.context}"
                yield from (candidate.account.key for candidate in offer.candidates)


def _doubts(config: Config, snapshot: Snapshot, endpoints: Mapping[str, Iterable[Endpoint]]) -> Iterator[str]:
    """Names of models that nothing serves: no mistake for sure (a catalog changes), but likely one."""
    served = [endpoint for some in endpoints.values() for endpoint in some]
    known = {endpoint.model for endpoint in served} | {_id(endpoint) for endpoint in served}
    for name, table in config.models.items():
        path = join("models", name)
        named = [(f"{path}.try[{index}]", target) for index, target in enumerate(table.try_)]
        for where, model in named or [(path, name)]:
            if model not in known:
                yield f'{where}: no provider of this configuration serves "{model}"{nearest(model, known)}'
    for slug, some in endpoints.items():
        if not some:
            yield f"{slug}: serves no model: the catalog knows none of it, and none is listed in its table"
    if not snapshot.offers:
        yield "no provider can be used: set a provider's key in the environment, or write [[credentials]]"
