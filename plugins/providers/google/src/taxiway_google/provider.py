"""Google AI Studio: the Gemini API with an API key.

Sources: ai.google.dev/api (endpoints, the header `x-goog-api-key`), ai.google.dev/gemini-api/docs: api-key, rate-limits,
google-search (functions beside Google's own tools), and recorded traffic.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from attrs import frozen

from taxiway.call import Outgoing
from taxiway.candidate import Account, Credential, Endpoint, Operation
from taxiway.catalog import Catalog, CatalogModel
from taxiway.codec import Json, dumps
from taxiway.converter import structure
from taxiway.errors import ConfigError, Problem
from taxiway.http import Headers, HttpHead, HttpRequest, Origin
from taxiway.outcome import Failure, QuotaHint
from taxiway.provider import Replies
from taxiway.secret import Secret
from taxiway_gemini import failure_of, generation_of, replies_of
from taxiway_openai_compatible import JsonReplies, from_environment, sendable, split

SLUG: Final = "google-ai-studio"
BASE_URL: Final = "https://generativelanguage.googleapis.com/v1beta"

ENVIRONMENT: Final = from_environment(SLUG, ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"))

DIALECTS: Final[Mapping[Operation, Mapping[Operation, tuple[str, ...]]]] = {
    "chat": {"chat": ("gemini",), "count-tokens": ("gemini-count-tokens",)},
    "embeddings": {"embeddings": ("gemini-embeddings",)},
}
"""What a model of each operation speaks."""

REFUSES: Final = frozenset({"labels"})
"""Fields that this API answers with an error, although the dialect has a word for them."""

FETCHES: Final = frozenset({"image", "file", "audio"})
"""What must come as bytes. A video may be named: one of YouTube's can't be had otherwise."""

_OWN_TOOLS: Final = frozenset({"googleSearch", "codeExecution", "urlContext", "googleMaps", "fileSearch"})


@frozen(kw_only=True)
class GoogleSettings:
    """The `settings` of a credential: another address of the same API."""

    base_url: str | None = None


@frozen
class Address:
    """Where an account's requests go to, and the path of the API there."""

    origin: Origin
    path: str


class GoogleProvider:
    """Google AI Studio."""

    slug: str = SLUG
    name: str = "Google AI Studio"
    settings: type = GoogleSettings

    def accounts(self, credential: Credential, secret: Secret | None) -> Sequence[Account]:
        """Make the one account of a credential. Raises ConfigError."""
        settings = structure(credential.settings, GoogleSettings, f"{credential.label}.settings")
        try:
            origin, path = split(settings.base_url or BASE_URL)
        except ValueError:
            where = f"{credential.label}.settings.base_url"
            raise ConfigError([Problem("must be an address such as https://host/v1beta", where)]) from None
        where = f"{credential.label}.key"
        if secret is None:
            raise ConfigError([Problem("is missing", where)])
        if not sendable(secret.reveal()):
            raise ConfigError([Problem("has characters that no header can carry", where)])
        return [
            Account(
                credential=credential,
                label=credential.label,
                secret=secret,
                settings=Address(origin, path),
                origin=str(origin),
            )
        ]

    def endpoints(self, catalog: Catalog, accounts: Sequence[Account]) -> Iterable[Endpoint]:
        """Say what can be served: the catalog's models."""
        for model in catalog.provider("google").values():
            if model.operation in DIALECTS:
                yield _endpoint(model)

    def serves(self, endpoint: Endpoint, account: Account) -> bool:
        """Every account serves all models."""
        return account.models is None or account.models.get(endpoint.model) == endpoint.id

    def prepare(self, outgoing: Outgoing, now: float) -> HttpRequest:
        """Make the request: the model and what is asked of it are in the address."""
        address: Address = outgoing.candidate.account.settings
        model, body = outgoing.candidate.endpoint.id, outgoing.body
        if outgoing.dialect == "gemini-embeddings":
            action, body = _embedding(model, body)
        elif outgoing.dialect == "gemini-count-tokens":
            action, body = "countTokens", _counting(model, body)
        else:
            action = "streamGenerateContent?alt=sse" if outgoing.stream else "generateContent"
            body = _both_kinds_of_tools(model, body)
        target = f"{address.path}/models/{quote(model, safe='')}:{action}"
        return HttpRequest("POST", address.origin, target, _headers(outgoing.secret, _JSON), dumps(body))

    def replies(self, outgoing: Outgoing, head: HttpHead) -> Replies:
        """Return the decoder of a good reply."""
        if outgoing.dialect != "gemini":
            return JsonReplies()
        return replies_of(head, stream=outgoing.stream)

    def classify(
        self, outgoing: Outgoing, status: int | None, headers: Headers, error: Json | str, now: float
    ) -> Failure:
        """Say what an error means."""
        return failure_of((), status, headers, error, now)

    def hints(self, outgoing: Outgoing, head: HttpHead, now: float) -> Iterable[QuotaHint]:
        """Nothing: limits are told in the bodies of refusals alone."""
        return ()

    def probe(self, account: Account, secret: Secret | None, now: float) -> HttpRequest | None:
        """Return a request that lists one model: it costs nothing and needs a key."""
        address: Address = account.settings
        if secret is None:
            return None
        return HttpRequest("GET", address.origin, f"{address.path}/models?pageSize=1", _headers(secret, ()))


_JSON: Final = (("content-type", "application/json"),)


def _headers(secret: Secret | None, others: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return others if secret is None else (*others, ("x-goog-api-key", secret.reveal()))


def _embedding(model: str, body: Json) -> tuple[str, Json]:
    """Name the model in every part of a batch, as this API insists."""
    name = f"models/{model}"
    if "requests" not in body:
        return "embedContent", {"model": name, **body}
    return "batchEmbedContents", {**body, "requests": [{**request, "model": name} for request in body["requests"]]}


def _counting(model: str, body: Json) -> Json:
    """Put what is more than contents where this API looks for it."""
    if body.keys() <= {"contents", "generateContentRequest", "generate_content_request"}:
        return body
    return {"generateContentRequest": {"model": f"models/{model}", **body}}


def _both_kinds_of_tools(model: str, body: Json) -> Json:
    """Say that functions and Google's own tools may be mixed, which generation 3 wants said."""
    tools = body.get("tools")
    if type(tools) is not list or len(tools) < 2 or generation_of(model) < 3:
        return body
    names = {name for tool in tools if type(tool) is dict for name in tool}
    if "functionDeclarations" not in names or names.isdisjoint(_OWN_TOOLS):
        return body
    config = body.get("toolConfig")
    if "tool_config" in body or type(config) not in {dict, type(None)}:
        return body
    return {**body, "toolConfig": {"includeServerSideToolInvocations": True, **(config or {})}}


def _endpoint(model: CatalogModel) -> Endpoint:
    parameters = model.parameters
    # ai.google.dev/gemini-api/docs/google-search, supported models: those that make pictures do not.
    if parameters and generation_of(model.id) >= 2 and model.outputs == {"text"}:
        parameters |= {"web_search_options"}
    return model.endpoint(
        provider=SLUG,
        provider_name=GoogleProvider.name,
        tag=SLUG,
        dialects=DIALECTS[model.operation],
        parameters=parameters or None,
        unsupported=model.unsupported | REFUSES,
        fetches=FETCHES,
        charges="usage",
    )
