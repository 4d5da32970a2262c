"""From built parts to a running set: keys are resolved, accounts and endpoints made, everything is started, and closed again."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, Final, TypeAlias

from attrs import Factory, define, evolve, field

from taxiway.candidate import SECTIONS, Account, Candidate, Credential, Endpoint, Section
from taxiway.composition import Composition
from taxiway.config import Config
from taxiway.converter import below, join, nearest
from taxiway.discovery import Discovery
from taxiway.errors import ConfigError, KeyStoreError, Problem
from taxiway.money import Price
from taxiway.provider import Discovers
from taxiway.registration import Closes, Starts
from taxiway.secret import Secret, scrub
from taxiway.snapshot import SOFT, Offer, Snapshot
from taxiway.tables import ModelTable
from taxiway.tasks import Tasks
from taxiway.variants import base_of

_KEY_TIMEOUT: Final = 20.0
"""Seconds that resolving a key may take."""

_filtered: Final = attrgetter(
    *"context max_output tier quantization zdr collects distillable parameters unsupported inputs".split()
)
"""What else filters read of an endpoint."""

_IMPLIED: Final = {"tool_choice": "tools", "response_format": "structured_outputs"}
"""Parameters that work where another one does."""

_Accounts: TypeAlias = Mapping[str, Sequence[Account]]
_Endpoints: TypeAlias = Mapping[str, Sequence[tuple[Endpoint, Endpoint]]]
"""By provider: each endpoint as the provider made it, which alone it knows again, and as `[models]` has it."""

_Offers: TypeAlias = Mapping[str, tuple[Offer, ...]]


@define(kw_only=True)
class Parts:
    """Everything a router is made of, built. `snapshot` is what plans are made from; `warnings` are for people."""

    built: Composition
    snapshot: Snapshot = field(factory=lambda: Snapshot(offers={}))
    warnings: list[str] = field(factory=list)
    _started: set[int] = field(factory=set)
    _secrets: dict[str, Secret] = field(factory=dict)
    _made: _Accounts = field(factory=dict)
    _discovery: Discovery = Factory(lambda self: Discovery(self.built.context), takes_self=True)

    async def secret(self, reference: str) -> Secret:
        """Return the value of a reference (`env:NAME`). Raises KeyStoreError, also for a key store that fails or hangs."""
        scheme, _, rest = reference.partition(":")
        if (store := self.built.key_stores.get(scheme)) is None:
            raise KeyStoreError(scheme, "no such key store is installed")
        try:
            async with asyncio.timeout(_KEY_TIMEOUT):
                return await store.get(rest)
        except KeyStoreError:
            raise
        except TimeoutError:
            raise KeyStoreError(reference, f"no answer within {_KEY_TIMEOUT:.0f} s") from None
        except Exception as error:  # noqa: BLE001 - a key store's mistake is told like any other reason
            raise KeyStoreError(reference, scrub(f"{type(error).__name__}: {error}")) from None

    async def refresh(self) -> Snapshot:
        """Read all keys again and make a new snapshot. Raises ConfigError, and then the old one stays.

        A key that was read before and can't be now keeps its value: one store's bad moment stops no rotation of others.
        """
        built, self._made = self.built, await self._accounts()
        accounts = {slug: [self._discovery.known(one) for one in some] for slug, some in self._made.items()}
        endpoints = {
            slug: [
                (made, endpoint)
                for made in provider.endpoints(built.catalog, accounts[slug])
                for endpoint in _at_tiers(_override(built, made))
            ]
            for slug, provider in built.providers.items()
        }
        self.snapshot = _snapshot(built, endpoints, accounts)
        self.warnings = [*built.warnings, *_doubts(built.config, self.snapshot, endpoints)]
        return self.snapshot

    async def start(self, parts: Iterable[object] | None = None) -> None:
        """Start what is not yet, of all or of `parts`. What fails is raised; `aclose` still works."""
        for part in self._everything() if parts is None else parts:
            if isinstance(part, Starts) and id(part) not in self._started:
                self._started.add(id(part))
                await part.start()

    def accounts(self, slug: str) -> Sequence[Account]:
        """Return the accounts of a provider, as its credentials made them."""
        return self._made.get(slug, ())

    async def discover(self, changed: Callable[[], Awaitable[None]], tasks: Tasks) -> None:
        """Ask servers for their models, now and from then on, in a task. `changed` is awaited whenever they list others than before."""
        if await self._discovery.ask(self.built.providers, self._made):
            await changed()
        if any(isinstance(provider, Discovers) for provider in self.built.providers.values()):
            tasks.begin("discovery", partial(self._ask_again, changed))

    async def _ask_again(self, changed: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self.built.context.clock.sleep(self._discovery.pause)
            if await self._discovery.ask(self.built.providers, self._made):
                try:
                    await changed()
                except Exception as error:  # noqa: BLE001 - one bad moment does not end the asking
                    self.built.context.log.warning("listed models can't be taken over: %s", scrub(str(error)))

    async def aclose(self) -> None:
        """Close everything, the last started first. One that fails keeps no other from being closed."""
        for part in reversed(self._everything()):
            if isinstance(part, Closes):
                try:
                    await part.aclose()
                except Exception as error:  # noqa: BLE001 - the others must be closed whatever one does
                    self.built.context.log.warning("%s: can't be closed: %s", type(part).__name__, scrub(str(error)))
        self._started.clear()

    def _everything(self) -> list[object]:
        """Key stores, transports, then the store, the sinks and all others. A transport of two schemes is there once."""
        built = self.built
        carriers = {id(transport): transport for transport in built.transports.values()}
        transforms = [transform for _, transform in built.transforms]
        return [
            *(*built.key_stores.values(), *carriers.values(), built.store, *built.sinks.values(), built.catalog),
            *(*built.providers.values(), *transforms),
        ]

    async def _accounts(self) -> dict[str, list[Account]]:
        """Resolve every key, at the same time, and make the accounts by provider."""
        built = self.built
        problems: list[Problem] = []
        accounts: dict[str, list[Account]] = {slug: [] for slug in built.providers}
        failures = await asyncio.gather(*map(self._read, built.credentials))
        for credential, failure in zip(built.credentials, failures, strict=True):
            path = built.config.paths.get(credential.id, "")
            if failure is not None:
                said = scrub(f"{credential.label}: {failure}")
                if credential.id not in self._secrets:
                    problems.append(Problem(said, path and join(path, "key")))
                    continue
                built.context.log.warning("credential %s; its last value is used", said)
            try:
                made = built.providers[credential.provider].accounts(credential, self._secrets.get(credential.id))
            except ConfigError as error:
                problems += (_of_credential(problem, credential, path) for problem in error.problems)
            else:
                accounts[credential.provider] += made
        if problems:
            raise ConfigError(problems, built.config.source)
        return accounts

    async def _read(self, credential: Credential) -> KeyStoreError | None:
        try:
            if credential.key is not None:
                self._secrets[credential.id] = await self.secret(credential.key)
        except KeyStoreError as error:
            return error
        return None


async def resolve(built: Composition) -> Parts:
    """Resolve the keys and make the first snapshot. Raises ConfigError with every key that can't be resolved.

    Nothing but the key stores is started: that is `Parts.start`.
    """
    parts = Parts(built=built)
    try:
        await parts.start(built.key_stores.values())
        await parts.refresh()
    except BaseException:
        await parts.aclose()
        raise
    return parts


def _of_credential(problem: Problem, credential: Credential, path: str) -> Problem:
    """A provider knows a credential by its label; a file's reader by its table."""
    rest = problem.path.removeprefix(credential.label).lstrip(".")
    named = credential.label in problem.message or not path
    said = problem.message if named else f"{credential.label}: {problem.message}"
    return Problem(scrub(said), below(path or credential.label, rest))


def _at_tiers(endpoint: Endpoint) -> Iterator[Endpoint]:
    yield endpoint
    for tier, price in endpoint.tiers.items():
        yield evolve(endpoint, tier=tier, tag=f"{endpoint.tag}/{tier}", price=price, tiers={})


def _override(built: Composition, endpoint: Endpoint) -> Endpoint:
    """`[models]` knows better than catalog and provider, and best what it says of one provider's id."""
    config, declared = built.config, built.declared.get(endpoint.provider)
    if declared is not None:
        endpoint = evolve(endpoint, **declared.changes())
    own = config.models.get(_id(endpoint))
    if own is not None and own.slug is not None:
        endpoint = evolve(endpoint, model=own.slug)
    for table in (config.models.get(endpoint.model), own):
        if table is not None:
            endpoint = _known(table, endpoint)
    return endpoint


def _known(table: ModelTable, endpoint: Endpoint) -> Endpoint:
    given: dict[str, Any] = {"context": table.context, "max_output": table.max_output, "parameters": table.parameters}
    if table.price is not None:
        given["price"] = table.price.price()
    if table.tiers:
        own = {tier: one.price.price() if one.price else Price() for tier, one in table.tiers.items()}
        given["tiers"] = {**endpoint.tiers, **own}
    if table.parameters is not None:
        # Of what calls are kept to where anybody has it, the owner's list is the whole one.
        lacks = {name for name in SOFT if table.parameters.isdisjoint({name, _IMPLIED.get(name, name)})}
        given["unsupported"] = endpoint.unsupported.union(lacks) - table.parameters
    changes = {name: value for name, value in given.items() if value is not None} | table.changes()
    return evolve(endpoint, **changes) if changes else endpoint


def _id(endpoint: Endpoint) -> str:
    return f"{endpoint.provider}/{endpoint.id}"


def _snapshot(built: Composition, endpoints: _Endpoints, accounts: _Accounts) -> Snapshot:
    config = built.config
    workspaces = sorted({account.credential.workspace for some in accounts.values() for account in some})
    every = {workspace: list(_offers(built, endpoints, accounts, workspace)) for workspace in workspaces}
    offers = {workspace: _grouped(attrgetter("model"), made) for workspace, made in every.items()}
    return Snapshot(
        offers=offers,
        ids={workspace: _grouped(_id, made) for workspace, made in every.items()},
        names=config.models,
        providers=built.providers,
        strategies=tuple(built.strategies),
        named_strategies=built.named_strategies,
        routing=config.routing,
        hash=_hash(config, offers),
    )


def _offers(built: Composition, endpoints: _Endpoints, accounts: _Accounts, workspace: str) -> Iterator[Offer]:
    """Pair endpoints and accounts, in the order of sections. The pool is in every workspace."""
    for section in SECTIONS:
        for slug, some in endpoints.items():
            serves = built.providers[slug].serves
            theirs = [one for one in accounts[slug] if _is_in(one.credential, section, workspace)]
            theirs.sort(key=lambda one: (one.credential.sort_order, one.rank))
            closing = _closing(accounts[slug], workspace) if section == "pool" else ()
            for made, endpoint in some:
                closed_by = tuple(one for one in closing if one.byok_only or _allowed(endpoint, one))
                if any(one.byok_only or not one.guarded for one in closed_by):
                    continue
                able = [one for one in theirs if _allowed(endpoint, one.credential) and serves(made, one)]
                if able:
                    candidates = (Candidate(endpoint=endpoint, account=one, section=section) for one in able)
                    yield Offer(endpoint, section, tuple(candidates), closed_by)


def _closing(accounts: Sequence[Account], workspace: str) -> Sequence[Credential]:
    """Return a workspace's own credentials of a provider that keep the pool's from being used there."""
    own = {one.credential.id: one.credential for one in accounts if one.credential.workspace == workspace}
    return [one for one in own.values() if one.section != "pool" and (one.required or one.byok_only)]


def _is_in(credential: Credential, section: Section, workspace: str) -> bool:
    return credential.section == section and (section == "pool" or credential.workspace == workspace)


def _allowed(endpoint: Endpoint, credential: Credential) -> bool:
    models = credential.allowed_models
    return models is None or endpoint.model in models or _id(endpoint) in models


def _grouped(key: Callable[[Endpoint], str], offers: Iterable[Offer]) -> _Offers:
    found: dict[str, list[Offer]] = {}
    for offer in offers:
        found.setdefault(key(offer.endpoint), []).append(offer)
    return {name: tuple(some) for name, some in found.items()}


def _hash(config: Config, offers: Mapping[str, _Offers]) -> str:
    """Name the snapshot: the same endpoints, prices, accounts and routing have the same name in every process."""
    routing = config.routing
    lines = [repr(evolve(routing, fallback_on=frozenset())), repr(sorted(routing.fallback_on)), repr(config.strategies)]
    lines += [f"{name} {own.try_} {own.strategies}" for name, own in sorted(config.models.items())]
    for workspace, models in sorted(offers.items()):
        for model, some in sorted(models.items()):
            for offer in some:
                endpoint, accounts = offer.endpoint, [candidate.account for candidate in offer.candidates]
                keys = [(account.key, account.credential.zdr) for account in accounts]
                known = [sorted(one) if isinstance(one, frozenset) else one for one in _filtered(endpoint)]
                guards = [_guard(one.account.credential) for one in offer.candidates]
                guards += map(_guard, offer.closed_by)
                lines.append(
                    f"{workspace} {model} {offer.section} {endpoint.key} {endpoint.price} {known} {keys} {guards}"
                )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _guard(credential: Credential) -> str:
    """Say for whom a credential is, the same in every process."""
    allowed = credential.allowed_api_keys, credential.allowed_users
    return f"{credential.id} {[one and sorted(one) for one in allowed]}" if credential.guarded else ""


def _doubts(config: Config, snapshot: Snapshot, endpoints: _Endpoints) -> Iterator[str]:
    """Names of models that nothing serves: no mistake for sure (a catalog changes), but likely one."""
    served = [endpoint for some in endpoints.values() for _, endpoint in some]
    known = {name for endpoint in served for name in (endpoint.model, _id(endpoint))}
    silent = [slug for slug, some in endpoints.items() if not some]
    # Some are yet to be asked for their models: until then nothing is known of these.
    unasked = {slug for slug in silent if isinstance(snapshot.providers[slug], Discovers)}
    for where, model in () if unasked else _wanted(config):
        if model not in known and base_of(model) not in known:
            yield f'{where}: no provider of this configuration serves "{model}"{nearest(model, known)}'
    for slug in silent:
        if slug not in unasked:
            yield f"{slug}: serves no model: the catalog knows none of it, and none is listed in its table"
    if not snapshot.offers and not unasked:
        yield "no provider can be used: set a provider's key in the environment, or write [[credentials]]"


def _wanted(config: Config) -> Iterator[tuple[str, str]]:
    """Give the models that a configuration names, each with its place; a name of one's own stands for what it tries."""
    for name, table in config.models.items():
        path = join("models", name)
        yield from ((f"{path}.try[{index}]", model) for index, model in enumerate(table.try_))
        if not table.try_:
            yield path, name
    others: list[tuple[str, str]] = []
    for credential in config.credentials:
        path = join(config.paths[credential.id], "allowed_models")
        others += ((path, model) for model in sorted(credential.allowed_models or ()))
    for slug, preset in config.presets.items():
        path = join("presets", slug)
        if "model" in preset:
            others.append((join(path, "model"), preset["model"]))
        others += ((join(path, "models"), model) for model in preset.get("models") or ())
    yield from (one for one in others if one[1] not in config.models)
