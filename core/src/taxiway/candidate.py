"""Who can serve a call: credentials, the accounts inside them, endpoints, and candidates (an endpoint with an account)."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from attrs import Factory, field, frozen

from taxiway.money import Price
from taxiway.secret import Secret

Operation: TypeAlias = Literal["chat", "embeddings", "rerank", "count-tokens"]
"""What is asked for; each has one canonical dialect."""

Section: TypeAlias = Literal["prioritised", "pool", "fallback"]
"""The order in which credentials are used: a workspace's own, the operator's, those kept for last."""

SECTIONS: tuple[Section, ...] = ("prioritised", "pool", "fallback")

Unit: TypeAlias = Literal["requests", "tokens", "input-tokens", "output-tokens", "images", "audio-seconds", "usd"]
"""What a quota counts."""

Charge: TypeAlias = Literal["admission", "reserve-max", "usage"]
"""When a provider counts tokens: an estimate of the prompt at once; input + max_tokens at once; what was used, at the end."""

Reference: TypeAlias = Annotated[str, "a reference to a key"]
"""Where a key is: `env:NAME`, `file:PATH`."""

Subject: TypeAlias = tuple[str, str]
"""What a failure may speak of, and shut: a scope with the key of an account, a candidate, an origin or an endpoint."""

DEFAULT_WORKSPACE = "default"


@frozen(kw_only=True)
class Limits:
    """What the owner says that a credential may do. None: learnt from the provider's headers, or unlimited."""

    requests_per_minute: int | None = None
    requests_per_day: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_day: int | None = None


@frozen(kw_only=True)
class Terms:
    """What the owner of a provider key says of it.

    `key` is a reference, None for keyless servers; `provider` a slug or a plugin's name. It serves calls for `allowed_models`, of
    `allowed_api_keys` (ids or labels) and of `allowed_users` (None: of all). `required`: for those, the pool's keys of its provider
    are not used; `byok_only`: for none. `zdr`: whether its account has zero data retention (None: as the endpoint's provider).
    """

    provider: str
    key: Reference | None = None
    settings: Mapping[str, Any] = field(factory=dict)
    limits: Limits = Limits()
    sort_order: int = 0
    required: bool = False
    byok_only: bool = False
    allowed_models: frozenset[str] | None = None
    allowed_api_keys: frozenset[str] | None = None
    allowed_users: frozenset[str] | None = None
    zdr: bool | None = None
    quota_pool: str | None = None


@frozen(kw_only=True)
class Credential(Terms):
    """A provider key that its owner brought, with its settings: a row of the configuration. It holds no secret."""

    id: str
    label: str
    section: Section = "prioritised"
    workspace: str = DEFAULT_WORKSPACE

    @property
    def guarded(self) -> bool:
        """Whether it serves only some callers."""
        return self.allowed_api_keys is not None or self.allowed_users is not None

    def admits(self, api_keys: Collection[str], user: str | None) -> bool:
        """Whether it serves a call with an API key of these names (its id, its label), for that user."""
        return (self.allowed_api_keys is None or not self.allowed_api_keys.isdisjoint(api_keys)) and (
            self.allowed_users is None or user in self.allowed_users
        )


@frozen(kw_only=True)
class Account:
    """One address and key inside a credential. Making one needs no IO.

    `part` tells the accounts of a credential apart, `rank` orders them. `models` maps slugs to the provider's ids where the
    account declares, deploys or lists what it serves; None: all of its provider's. `origin` is the scheme, host and port that it
    is reached at (empty: its provider has only one): what is shut where a failure's scope is the origin.
    """

    credential: Credential
    part: str = ""
    label: str
    rank: int = 0
    secret: Secret | None = None
    settings: Any = None
    models: Mapping[str, str] | None = None
    origin: str = ""
    key: str = field(init=False)

    @key.default
    def _key(self) -> str:
        return f"{self.credential.id}/{self.part}" if self.part else self.credential.id


@frozen(kw_only=True, eq=False)
class Described:
    """What is known of a model as one provider has it.

    `id` is what the provider calls it. `parameters` are those known to work (None: nothing is known), by OpenRouter's names;
    `unsupported` are canonical fields that are known to be refused. Tokens in `context` and `max_output`; seconds since the epoch
    in `created`, 0 where unknown.
    """

    id: str
    name: str = ""
    description: str = ""
    created: int = 0
    price: Price = Price()
    context: int | None = None
    max_output: int | None = None
    parameters: frozenset[str] | None = None
    unsupported: frozenset[str] = frozenset()
    inputs: frozenset[str] = frozenset({"text"})
    outputs: frozenset[str] = frozenset({"text"})
    reasoning: bool = False


@frozen(kw_only=True, eq=False)
class Endpoint(Described):
    """One model at one provider. Compared by identity; `key` names it across reloads.

    `tag` is what `order` and `only` may name (`openai`, `google-vertex/us-east5`). `dialects` lists what it speaks for each
    operation, best first. `fetches`: the modalities that it takes as bytes only, so that what is given by URL is fetched for it.
    `echoes`: the name under which the text of an assistant's reasoning is sent back (empty: it is not, or as the client says it).
    `thinking_refuses`: the fields that it refuses besides where it is told to reason. `elsewhere`: parameters whose calls go in its
    best dialect, even if it speaks the client's own. `tier` is the service tier that it runs at ("": the default one),
    `tiers` others that it may run at, each with its price: each becomes an endpoint of its own.
    `quantization`, `zdr` (no prompt is kept), `collects` (prompts may be kept for training), `distillable` (its answers may train
    other models): None where it is not known.
    """

    model: str
    provider: str
    provider_name: str
    tag: str
    dialects: Mapping[Operation, tuple[str, ...]]
    thinking_refuses: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()
    prefill: bool = False
    fetches: frozenset[str] = frozenset()
    echoes: str = ""
    tier: str = ""
    tiers: Mapping[str, Price] = field(factory=dict)
    quantization: str | None = None
    zdr: bool | None = None
    collects: bool | None = None
    distillable: bool | None = None
    charges: Charge = "admission"
    quota_group: str = Factory(lambda self: self.id, takes_self=True)
    key: str = field(init=False)

    @key.default
    def _key(self) -> str:
        return f"{self.tag}:{self.id}"


@frozen(kw_only=True, eq=False)
class Candidate:
    """An endpoint paired with one account: the unit that is tried. `pool` names the quota pool that both draw from.

    `subjects` is all that must be open for it: its account, itself, its origin and its endpoint.
    """

    endpoint: Endpoint
    account: Account
    section: Section
    key: str = field(init=False)
    pool: str = field(init=False)
    subjects: tuple[Subject, ...] = field(init=False)

    @key.default
    def _key(self) -> str:
        return f"{self.endpoint.key}@{self.account.key}"

    @pool.default
    def _pool(self) -> str:
        return f"{self.account.credential.quota_pool or self.account.key}#{self.endpoint.quota_group}"

    @subjects.default
    def _subjects(self) -> tuple[Subject, ...]:
        account, origin = self.account.key, self.account.origin or self.endpoint.provider
        return ("account", account), ("candidate", self.key), ("origin", origin), ("endpoint", self.endpoint.key)
