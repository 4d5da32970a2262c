"""What a credential for Azure may be: a key of one resource, an array of resources and deployments, or an identity.

The array is OpenRouter's (bring your own key, Azure): a Foundry entry names a resource, a legacy one a deployment by its full URL.
"""

from collections.abc import Sequence
from typing import Any, Final

from attrs import asdict, define, field, frozen, validators

from taxiway.candidate import Account, Credential
from taxiway.codec import loads
from taxiway.converter import collect, structure
from taxiway.errors import ConfigError, Malformed, Problem
from taxiway.secret import Secret
from taxiway_azure.addresses import HOSTS, AzureAddress, ResourceType, deployed, of_deployment, of_resource
from taxiway_azure.entra import AUTHORITY, SCOPE, Identity
from taxiway_openai_compatible import sendable, split

_NAME: Final = validators.matches_re(r"[A-Za-z0-9][A-Za-z0-9-]*")
_SLUG: Final = validators.matches_re(r"[^/\s]+/\S+")
_VERSION: Final = validators.matches_re(r"[\w.-]*")
_UNSENDABLE: Final = "has characters that no header can carry"


@frozen(kw_only=True)
class AzureSettings:
    """The `settings` of a credential: which resource, by name or by address, what is deployed there, and who asks.

    `deployments`: model slugs, and what each is deployed as; left out, each model of the catalog under its own name.
    """

    resource: str | None = field(default=None, validator=validators.optional(_NAME))
    endpoint: str | None = None
    resource_type: ResourceType = "openai"
    api_version: str = field(default="", validator=_VERSION)
    deployments: dict[str, str] = field(factory=dict, validator=validators.deep_mapping(_SLUG, validators.min_len(1)))
    tenant: str | None = None
    client_id: str | None = None
    managed_identity: bool = False
    authority: str = AUTHORITY
    scope: str = SCOPE


@frozen(kw_only=True)
class Resource:
    """An entry of the array: a resource with a key of its own."""

    api_key: str = field(repr=False)
    resource_name: str = field(validator=_NAME)
    resource_type: ResourceType = "openai"


@frozen(kw_only=True)
class Deployment:
    """An entry of the array: a model, and the one deployment of it that a key is for."""

    api_key: str = field(repr=False)
    model_slug: str = field(validator=_SLUG)
    endpoint_url: str
    model_id: str = ""


@define
class _Reader:
    """Makes accounts and collects problems: every mistake of a credential is said at once."""

    credential: Credential
    problems: list[Problem] = field(factory=list)
    accounts: list[Account] = field(factory=list)
    parts: dict[str, int] = field(factory=dict)

    def add(self, address: AzureAddress, secret: Secret | None, **known: Any) -> None:
        part = known.pop("part", "")
        count = self.parts[part] = self.parts.get(part, 0) + 1
        # The same again, with another key.
        part = part if count == 1 else f"{part}#{count}"
        label = self.credential.label
        self.accounts.append(
            Account(
                credential=self.credential,
                part=part,
                label=f"{label}/{part}" if part else label,
                secret=secret,
                settings=address,
                origin=str(address.origin),
                **known,
            )
        )

    def problem(self, message: str, path: str) -> None:
        self.problems.append(Problem(message, f"{self.credential.label}.{path}"))

    def secret(self, key: str, path: str) -> Secret:
        if not key or not sendable(key):
            self.problem(_UNSENDABLE if key else "is empty", path)
        return Secret(key)


def accounts(credential: Credential, secret: Secret | None) -> Sequence[Account]:
    """Make the accounts of a credential. Raises ConfigError with every mistake, naming the label."""
    reader = _Reader(credential)
    settings = structure(credential.settings, AzureSettings, f"{credential.label}.settings")
    if secret is not None and secret.reveal().lstrip()[:1] in {"[", "{"}:
        _array(reader, settings, secret.reveal())
    else:
        _one(reader, settings, secret)
    if reader.problems:
        raise ConfigError(reader.problems)
    return reader.accounts


def _one(reader: _Reader, settings: AzureSettings, secret: Secret | None) -> None:
    """A plain key, a client secret, or nothing where the machine itself is known."""
    identity = _identity(reader, settings)
    if secret is not None:
        reader.secret(secret.reveal(), "key")
    if settings.managed_identity and secret is not None:
        reader.problem("has a key, and managed_identity: only one of them", "settings")
    elif secret is None and not settings.managed_identity:
        reader.problem("is missing: an API key, a client secret, or settings.managed_identity", "key")
    if (settings.resource is None) == (settings.endpoint is None):
        reader.problem("must name either resource or endpoint", "settings")
        return
    url = settings.endpoint or HOSTS[settings.resource_type].format(name=settings.resource)
    try:
        address = of_resource(url, settings.resource_type, settings.api_version, identity)
    except ValueError as error:
        reader.problem(_why(error), "settings.endpoint")
    else:
        reader.add(address, secret, models=settings.deployments or None)


def _identity(reader: _Reader, settings: AzureSettings) -> Identity | None:
    given = [name for name in ("tenant", "client_id") if getattr(settings, name)]
    if settings.managed_identity:
        if settings.tenant:
            reader.problem("has a tenant, and managed_identity: only one of them", "settings")
        return Identity(client_id=settings.client_id or "", scope=settings.scope)
    if len(given) == 1:
        reader.problem("must name both tenant and client_id, whose client secret is the key", "settings")
    if not given:
        return None
    try:
        split(settings.authority)
    except ValueError:
        reader.problem("must be an address such as https://login.microsoftonline.com", "settings.authority")
    return Identity(settings.tenant or "", settings.client_id or "", settings.authority, settings.scope)


def _array(reader: _Reader, settings: AzureSettings, text: str) -> None:
    """An array of entries, or a single one."""
    for name, value in asdict(AzureSettings(api_version=settings.api_version), recurse=False).items():
        if getattr(settings, name) != value:
            reader.problem("is not for a key that is an array of resources and deployments", f"settings.{name}")
    try:
        entries = loads(text.encode())
    except Malformed:
        reader.problem("begins like JSON, and is none", "key")
        return
    entries = entries if type(entries) is list else [entries]
    if not entries:
        reader.problem("is an empty array", "key")
    for rank, raw in enumerate(entries):
        path = f"key[{rank}]"
        kind = (
            Deployment if type(raw) is dict and not raw.keys().isdisjoint({"model_slug", "endpoint_url"}) else Resource
        )
        entry = collect(reader.problems, raw, kind, f"{reader.credential.label}.{path}")
        if isinstance(entry, Deployment):
            _deployment(reader, entry, rank, path)
        elif isinstance(entry, Resource):
            # What names a model goes before what has it among others.
            _resource(reader, entry, settings.api_version, len(entries) + rank, path)


def _resource(reader: _Reader, entry: Resource, version: str, rank: int, path: str) -> None:
    url = HOSTS[entry.resource_type].format(name=entry.resource_name)
    address = of_resource(url, entry.resource_type, version)
    reader.add(address, reader.secret(entry.api_key, f"{path}.api_key"), part=entry.resource_name, rank=rank)


def _deployment(reader: _Reader, entry: Deployment, rank: int, path: str) -> None:
    secret = reader.secret(entry.api_key, f"{path}.api_key")
    try:
        address = of_deployment(entry.endpoint_url)
    except ValueError as error:
        reader.problem(_why(error), f"{path}.endpoint_url")
        return
    name = deployed(entry.endpoint_url)
    model = entry.model_id or name or entry.model_slug.rpartition("/")[2]
    part = f"{address.origin.host.partition('.')[0]}/{name or model}"
    reader.add(address, secret, part=part, rank=rank, models={entry.model_slug: model})


def _why(error: ValueError) -> str:
    said = str(error)
    # What reads addresses quotes them, and they are no secret; but the sentence has to begin with the place.
    return said if said.startswith(("is ", "must ")) else "must be an address such as https://name.openai.azure.com"
