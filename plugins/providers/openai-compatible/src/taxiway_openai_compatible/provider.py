"""The provider that a shape declares: one implementation for every server that speaks OpenAI's API."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from urllib.parse import quote, urlsplit

from attrs import field, frozen

from taxiway.call import Outgoing
from taxiway.candidate import Account, Credential, Endpoint, Operation
from taxiway.catalog import Catalog, CatalogModel
from taxiway.codec import Json, dumps
from taxiway.converter import structure
from taxiway.errors import ConfigError, Problem
from taxiway.http import Headers, HttpHead, HttpRequest, Origin
from taxiway.outcome import Failure, QuotaHint
from taxiway.provider import Event, InBandError, Replies
from taxiway.secret import Secret
from taxiway_openai_compatible import quirks
from taxiway_openai_compatible.declaration import Settings, Shape, operation_of
from taxiway_openai_compatible.errors import SHARED, failure_of
from taxiway_openai_compatible.limits import hints_of
from taxiway_openai_compatible.replies import JsonReplies, Quirk, SseReplies, no_stream

Request: TypeAlias = Callable[[Json, Outgoing], Json]
"""Says a request as its API wants it. The body's top level is its own to change, nothing below; raises Unsupported."""

HeadersOf: TypeAlias = Callable[[Outgoing], Iterable[tuple[str, str]]]
"""Says the header fields that one request has beyond its account's, by lower-case names."""

Known: TypeAlias = Callable[[Endpoint], Endpoint]
"""Says more of an endpoint than the catalog does."""

Reading: TypeAlias = Callable[[Outgoing], Quirk | None]
"""Makes the quirk of one reply, where that needs to know the request or what came before; None: this one needs none."""

_NONE: Final[Mapping[str, Any]] = MappingProxyType({})
_MODEL: Final = "{model}"
_USAGE: Final = {"include_usage": True}
_SERVES: Final[Mapping[Operation, tuple[Operation, ...]]] = {"chat": ("chat", "count-tokens")}
"""What else a model does than what the catalog lists it for, where there is a dialect for it."""

_SCHEMES: Final = frozenset({"http", "https", "sim"})
_ASKED: Final = frozenset({"chat", "completions"})
"""The dialects whose streams tell their usage only when asked."""


def split(url: str) -> tuple[Origin, str]:
    """Split a base URL into its origin, and its path with the query. Raises ValueError where there is no way to it.

    A user and a password in it would be sent nowhere: they belong into a credential.
    """
    origin, path = Origin.of(url)
    if origin.scheme not in _SCHEMES or " " in path or not sendable(path) or "@" in urlsplit(url).netloc:
        raise ValueError(f"there is no way to {origin}")
    return origin, path


@frozen
class Address:
    """Where an account's requests go and what goes with each, but for the key: made once, not for every request.

    `targets` by dialect; `{model}` in one stands for the model's id. `prober`: where the probe goes, where that is elsewhere.
    `auth`: the header that the key is sent in, and what stands before it. `stream_options`: whether a stream is asked for its usage.
    """

    origin: Origin
    targets: Mapping[str, str]
    headers: tuple[tuple[str, str], ...]
    probe: str | None = None
    probe_headers: tuple[tuple[str, str], ...] = field(default=())
    prober: Origin | None = None
    auth: tuple[str, str] = ("authorization", "Bearer ")
    stream_options: bool = True

    def key(self, secret: Secret) -> tuple[str, str]:
        """Return the header field with the key."""
        name, scheme = self.auth
        return name, scheme + secret.reveal()


def sendable(text: str) -> bool:
    """Whether a text may be a header's value: what is copied from a page may have quotes or dots beyond ASCII."""
    return text.isascii() and text.isprintable()


class CompatibleProvider:
    """A provider as its shape declares it. One whose credentials have a shape of their own overrides what is said of accounts.

    `models`: what is served instead of what the catalog says. `settings`: the class of a credential's table. `own` by dialect:
    quirks that make its replies and events mean what OpenAI's mean; `readings`: those that are made for each reply. `requests` by
    dialect: what its requests need beyond the shape's `renames`; `headers`: what they need beside the account's. `known`: what is
    known of its endpoints. Raises ValueError where the shape's base URL is none.
    """

    def __init__(
        self,
        shape: Shape,
        models: Sequence[CatalogModel] = (),
        *,
        settings: type[Settings] = Settings,
        own: Mapping[str, Quirk] = _NONE,
        readings: Mapping[str, Reading] = _NONE,
        requests: Mapping[str, Request] = _NONE,
        headers: HeadersOf | None = None,
        known: Known | None = None,
    ) -> None:
        self.slug, self.name = shape.slug, shape.name
        self.settings: type = settings
        self._shape, self._models = shape, tuple(models)
        self._rows = (*shape.errors, *SHARED)
        self._renamed = frozenset({*shape.renames, "reasoning", "reasoning_effort"})
        self._readings, self._requests, self._headers, self._known = readings, requests, headers, known
        self._events = {name: _composed(own.get(name), quirks.EVENTS.get(name)) for name in shape.paths}
        self._replies = {name: _composed(own.get(name), quirks.REPLIES.get(name)) for name in shape.paths}
        split(shape.base_url)

    def accounts(self, credential: Credential, secret: Secret | None) -> Sequence[Account]:
        """Make the one account of a credential. Raises ConfigError."""
        raw = credential.settings
        settings: Settings = structure(raw, self.settings, f"{credential.label}.settings")
        base = settings.base_url or self._shape.base_url
        try:
            address = self._address(base, settings)
        except ValueError:
            where = f"{credential.label}.settings.base_url"
            raise ConfigError([Problem("must be an address such as https://host/v1", where)]) from None
        problems = [
            Problem(f"{name} has characters that no header can carry", f"{credential.label}.settings")
            for name, value in settings.headers()
            if not sendable(value)
        ]
        if secret is not None and not sendable(secret.reveal()):
            problems.append(Problem("has characters that no header can carry", f"{credential.label}.key"))
        if problems:
            raise ConfigError(problems)
        return [
            Account(
                credential=credential,
                label=credential.label,
                secret=secret,
                settings=address,
                origin=str(address.origin),
            )
        ]

    def endpoints(self, catalog: Catalog, accounts: Sequence[Account]) -> Iterable[Endpoint]:
        """Say what can be served: the models that were declared, else the catalog's and those that the shape adds."""
        if self._models:
            every = tuple(dict.fromkeys(map(operation_of, self._shape.paths)))
            for model in self._models:
                yield self.endpoint(model, self._shape.dialects(model.id, every))
            return
        added = {model.id: model for model in self._shape.adds}
        for model in {**added, **catalog.provider(self._shape.catalog)}.values():
            if dialects := self._shape.dialects(model.id, _SERVES.get(model.operation, (model.operation,))):
                yield self.endpoint(model, dialects)

    def serves(self, endpoint: Endpoint, account: Account) -> bool:
        """Every account of the provider serves all of its models, unless it lists its own."""
        return account.models is None or account.models.get(endpoint.model) == endpoint.id

    def prepare(self, outgoing: Outgoing, now: float) -> HttpRequest:
        """Make the request: model first, stream fields as the API wants them, and the key in its header."""
        candidate, dialect = outgoing.candidate, outgoing.dialect
        account, model = candidate.account, candidate.endpoint.id
        address: Address = account.settings
        if account.models is not None:
            model = account.models.get(candidate.endpoint.model, model)
        body: Json = {"model": model, **outgoing.body}
        if not self._renamed.isdisjoint(body):
            self._rename(body, outgoing)
        request = self._requests.get(dialect)
        if request is not None:
            body = request(body, outgoing)
        if outgoing.stream:
            body["stream"] = True
            if address.stream_options and dialect in _ASKED:
                body["stream_options"] = _USAGE
        headers, secret, target = address.headers, outgoing.secret, address.targets[dialect]
        if self._headers is not None:
            headers = (*headers, *self._headers(outgoing))
        if secret is not None:
            headers = (*headers, address.key(secret))
        if _MODEL in target:
            target = target.replace(_MODEL, quote(model, safe=""))
        return HttpRequest("POST", address.origin, target, headers, dumps(body))

    def _rename(self, body: Json, outgoing: Outgoing) -> None:
        """Say fields and efforts by the names that the API has for them."""
        shape, id_ = self._shape, outgoing.candidate.endpoint.id
        for name, theirs in shape.renames.items():
            if name in body:
                body.setdefault(theirs, body.pop(name))
        effort, reasoning = body.get("reasoning_effort"), body.get("reasoning")
        if type(effort) is str:
            body["reasoning_effort"] = shape.effort(id_, effort)
        if (
            type(reasoning) is dict
            and outgoing.call.dialect != outgoing.dialect
            and type(reasoning.get("effort")) is str
        ):
            body["reasoning"] = {**reasoning, "effort": shape.effort(id_, reasoning["effort"])}

    def replies(self, outgoing: Outgoing, head: HttpHead) -> Replies:
        """Return the decoder: of a stream, of one JSON body, or of an error in JSON where a stream was asked for."""
        dialect = outgoing.dialect
        reading = self._readings.get(dialect)
        quirk = self._events[dialect] if outgoing.stream else self._replies[dialect]
        if reading is not None:
            quirk = _composed(reading(outgoing), quirk)
        if not outgoing.stream:
            return JsonReplies(quirk)
        if head.headers.get("content-type", "").startswith("application/json"):
            return JsonReplies(no_stream)
        return SseReplies(quirk)

    def classify(
        self, outgoing: Outgoing, status: int | None, headers: Headers, error: Json | str, now: float
    ) -> Failure:
        """Say what an error means: the shape's rows, those that all share, the status."""
        return failure_of(self._rows, status, headers, error, now, hints_of(self._shape.limits, headers, now))

    def hints(self, outgoing: Outgoing, head: HttpHead, now: float) -> Iterable[QuotaHint]:
        """Read the limits that a good reply's headers tell."""
        return hints_of(self._shape.limits, head.headers, now)

    def probe(self, account: Account, secret: Secret | None, now: float) -> HttpRequest | None:
        """Return a request that lists models: it costs nothing and needs a key."""
        address: Address = account.settings
        if address.probe is None or secret is None:
            return None
        headers = (*address.probe_headers, address.key(secret))
        return HttpRequest("GET", address.prober or address.origin, address.probe, headers)

    def _address(self, base: str, settings: Settings) -> Address:
        shape = self._shape
        origin, path = split(base)
        # Azure and its like carry an api-version behind the path.
        path, mark, query = path.partition("?")
        path = path.rstrip("/")
        own = (*((name.lower(), value) for name, value in shape.headers.items()), *settings.headers())
        probe, prober = None, None
        if shape.probe and shape.probe.startswith("/"):
            probe = f"{path}{shape.probe}{mark}{query}"
        elif shape.probe and base == shape.base_url:
            # A key that belongs to another address goes nowhere else.
            prober, probe = split(shape.probe)
        return Address(
            origin,
            {dialect: f"{path}{suffix}{mark}{query}" for dialect, suffix in shape.paths.items()},
            (("content-type", "application/json"), *own),
            probe,
            own,
            prober,
            (shape.auth_header, shape.auth_scheme),
            shape.stream_options,
        )

    def endpoint(self, model: CatalogModel, dialects: Mapping[Operation, tuple[str, ...]]) -> Endpoint:
        """Make the endpoint of a model that speaks some dialects."""
        shape = self._shape
        unsupported = shape.unsupported(model)
        endpoint = model.endpoint(
            provider=shape.slug,
            provider_name=shape.name,
            tag=shape.slug,
            dialects=dialects,
            unsupported=unsupported,
            parameters=(model.parameters | (shape.told(model.id, "takes") - unsupported)) if model.parameters else None,
            thinking_refuses=shape.told(model.id, "thinking_refuses"),
            elsewhere=shape.told(model.id, "elsewhere"),
            prefill=shape.goes_on(model.id),
            echoes=shape.echoes,
            charges=shape.charges,
            tiers=shape.at_tiers(model),
        )
        return endpoint if self._known is None else self._known(endpoint)


def _composed(own: Quirk | None, shared: Quirk | None) -> Quirk | None:
    if own is None or shared is None:
        return own or shared

    def both(event: Json) -> Iterable[Event]:
        made: list[Event] = []
        for one in own(event):
            if isinstance(one, InBandError):
                made.append(one)
            else:
                made += shared(one)
        return made

    return both
