"""What a provider plugin implements: who runs models, at what address, with what authentication and oddities.

Everything is sans-IO: values in, values out. A provider is stateless; secrets come in values, never in fields. Every `now`
is in seconds since the epoch by the provider's own clock.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

from attrs import frozen

from taxiway.call import Outgoing
from taxiway.candidate import Account, Credential, Endpoint
from taxiway.catalog import Catalog
from taxiway.codec import Json
from taxiway.http import Headers, HttpHead, HttpRequest
from taxiway.outcome import Failure, QuotaHint
from taxiway.secret import Secret
from taxiway.transport import Transport


@frozen
class InBandError:
    """An error that came inside a reply that began well (status 200). `raw` is the provider's error, as it was."""

    raw: Json


Event: TypeAlias = Json | InBandError


class Replies(Protocol):
    """Decodes the body of one good reply, however its bytes are split. Raises only Malformed.

    Streamed: events as they complete. Complete: nothing until `close`, then the one reply. In the dialect of the outgoing
    request, with the provider's own quirks already removed: above this, events of one dialect mean one thing.
    `mark`: the framing's own end came ([DONE], a closing bracket); it is no event.
    """

    mark: bool

    def feed(self, data: bytes) -> Sequence[Event]:
        """Take bytes, give what they complete."""
        ...

    def close(self, framed: bool) -> Sequence[Event]:
        """The body ended; `framed`: HTTP itself said that it is whole. Give what is left."""
        ...


class Provider(Protocol):
    """A provider. `slug` and `name` are OpenRouter's (`openai`, `OpenAI`); `settings` is the attrs class of a credential's table."""

    slug: str
    name: str
    settings: type

    def accounts(self, credential: Credential, secret: Secret | None) -> Sequence[Account]:
        """Make the accounts of a credential: one for each address and key inside it. `secret` is None for keyless servers.

        Raises ConfigError, naming the credential's label, where its shape is wrong.
        """
        ...

    def endpoints(self, catalog: Catalog, accounts: Sequence[Account]) -> Iterable[Endpoint]:
        """Say what can be served, from the catalog and from what the accounts declare."""
        ...

    def serves(self, endpoint: Endpoint, account: Account) -> bool:
        """Whether the two pair up as a candidate."""
        ...

    def prepare(self, outgoing: Outgoing, now: float) -> HttpRequest:
        """Make the request: address, headers, signature; write model, stream and the like as this API wants them."""
        ...

    def replies(self, outgoing: Outgoing, head: HttpHead) -> Replies:
        """Return the decoder of a good reply."""
        ...

    def classify(
        self, outgoing: Outgoing, status: int | None, headers: Headers, error: Json | str, now: float
    ) -> Failure:
        """Say what an error reply means. `status` None: it came inside a 200, and its own code decides."""
        ...

    def hints(self, outgoing: Outgoing, head: HttpHead, now: float) -> Iterable[QuotaHint]:
        """Read the limits that a good reply's headers tell. Never raises; what makes no sense is left out."""
        ...

    def probe(self, account: Account, secret: Secret | None, now: float) -> HttpRequest | None:
        """Return the cheapest request that proves a key (not that it has money or quota), None where there is none."""
        ...


@runtime_checkable
class Discovers(Protocol):
    """Optional: its models are asked for, at start and every hour; what an account lists arrives as `Account.models`.

    An id with an author (`author/name`) is also the slug, another is called `<provider>/<id>`.
    """

    def discovery(self, account: Account, secret: Secret | None, now: float) -> HttpRequest | None:
        """Return the request that lists an account's models; None where it is not asked, because they are declared.

        `secret` is the account's; where it has none, what is derived for it (`Refreshes`).
        """
        ...

    def discovered(self, body: bytes) -> Iterable[str]:
        """Return the ids that a good answer lists. Raises Malformed."""
        ...


@frozen
class Derived:
    """What a request is sent with, derived from an account's secret. `expires`: seconds since the epoch, None: never."""

    secret: Secret
    expires: float | None = None


@runtime_checkable
class Refreshes(Protocol):
    """Optional: what is sent is derived from the secret (Google's and Entra's tokens, AWS roles), and expires.

    What comes of it is `Outgoing.secret`, and the secret of `probe`. The engine keeps it, renews it ahead of its end, and asks
    once at a time for each account. An account whose secret is sent as it is has it derived once, without `expires`.
    """

    async def refresh(self, account: Account, now: float) -> Derived:
        """Derive a secret; requests go by `Context.door`. Raises RefreshFailed, and TransportError where nobody answers."""
        ...


@runtime_checkable
class Carries(Protocol):
    """Optional: a provider with a transport of its own (the simulator's `sim:`)."""

    transport: Transport
