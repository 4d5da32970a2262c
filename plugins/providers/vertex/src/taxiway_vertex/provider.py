"""Vertex AI as a provider: Gemini, Claude and open models, each in its own form, below one project's address.

Sources: docs.cloud.google.com/vertex-ai/generative-ai/docs: model-reference/inference, model-reference/count-tokens,
partner-models/claude/use-claude (rawPredict, count-tokens), maas/call-open-model-apis, flex-paygo, priority-paygo (headers instead of a
service tier); platform.claude.com/docs: claude-on-vertex-ai; recorded traffic.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias
from urllib.parse import quote

from taxiway.call import Outgoing
from taxiway.candidate import Account, Credential, Endpoint
from taxiway.catalog import Catalog
from taxiway.codec import Json, dumps
from taxiway.door import Door
from taxiway.http import Headers, HttpHead, HttpRequest
from taxiway.outcome import Failure, QuotaHint
from taxiway.provider import Derived, Replies
from taxiway.secret import Secret
from taxiway_anthropic_messages import VERTEX_VERSION, betas, checked, without_foreign
from taxiway_gemini import replies_of
from taxiway_openai_compatible import CompatibleProvider, JsonReplies, Shape
from taxiway_vertex import errors, predictions, tokens
from taxiway_vertex.credentials import Place, VertexSettings, account_of
from taxiway_vertex.offers import NAME, SLUG, maker_of, offers

_WITHIN: Final = 20.0
"""Seconds that a token may take."""

Said: TypeAlias = tuple[str, Json, tuple[tuple[str, str], ...]]
"""A request: its path below the project (or, of express mode, below the version), its body, and its header fields."""

_JSON: Final[tuple[tuple[str, str], ...]] = (("content-type", "application/json"),)
_TIER: Final = "x-vertex-ai-llm-shared-request-type"
_TIERS: Final = frozenset({"flex", "priority"})
_WRAPPED: Final = ("generateContentRequest", "generate_content_request")

_READER: Final = CompatibleProvider(
    Shape(
        slug=SLUG,
        name=NAME,
        base_url="https://aiplatform.googleapis.com",
        paths={"chat": "", "messages": "", "count-tokens": ""},
    ),
    own={"messages": checked},
)
"""Reads replies in OpenAI's and Anthropic's form as any API of these."""


class VertexProvider:
    """Vertex AI. `door`: the way to Google's tokens."""

    slug, name = SLUG, NAME
    settings: type = VertexSettings

    def __init__(self, door: Door) -> None:
        self._door = door

    def accounts(self, credential: Credential, secret: Secret | None) -> Sequence[Account]:
        """Make the one account of a credential. Raises ConfigError."""
        return [account_of(credential, secret)]

    def endpoints(self, catalog: Catalog, accounts: Sequence[Account]) -> Iterable[Endpoint]:
        """Say what can be served: the catalog's models. Which of them a region has, only its answers tell."""
        return offers(catalog)

    def serves(self, endpoint: Endpoint, account: Account) -> bool:
        """A project serves all models, a key of express mode Google's own."""
        place: Place = account.settings
        return bool(place.parent) or maker_of(endpoint.id).google

    def prepare(self, outgoing: Outgoing, now: float) -> HttpRequest:
        """Make the request: address, body, and the token or key in its header. Raises Unsupported."""
        place: Place = outgoing.candidate.account.settings
        path, body, headers = _SAYINGS[outgoing.dialect](outgoing)
        if outgoing.secret is not None:
            headers = (*headers, place.header(outgoing.secret))
        version, _, rest = path.partition("/")
        parent = f"{place.parent}/" if place.parent else ""
        return HttpRequest("POST", place.origin, f"{place.base}/{version}/{parent}{rest}", headers, dumps(body))

    def replies(self, outgoing: Outgoing, head: HttpHead) -> Replies:
        """Return the decoder of a good reply."""
        if outgoing.dialect == "gemini":
            return replies_of(head, stream=outgoing.stream)
        if outgoing.dialect == "gemini-embeddings":
            return JsonReplies(predictions.batch if "requests" in outgoing.body else predictions.single)
        if outgoing.dialect == "gemini-count-tokens":
            return JsonReplies()
        return _READER.replies(outgoing, head)

    def classify(
        self, outgoing: Outgoing, status: int | None, headers: Headers, error: Json | str, now: float
    ) -> Failure:
        """Say what an error means."""
        place: Place = outgoing.candidate.account.settings
        return errors.classify(status, headers, error, now, derives=place.derives)

    def hints(self, outgoing: Outgoing, head: HttpHead, now: float) -> Iterable[QuotaHint]:
        """Nothing: limits are told in the bodies of refusals alone."""
        return ()

    def probe(self, account: Account, secret: Secret | None, now: float) -> HttpRequest | None:
        """Return a request that counts the tokens of one word, which is free and needs a token that may use the project."""
        place: Place = account.settings
        if secret is None:
            return None
        parent = f"{place.parent}/" if place.parent else ""
        target = f"{place.base}/v1beta1/{parent}publishers/google/models/{_PROBED}:countTokens"
        headers = (*_JSON, place.header(secret))
        return HttpRequest("POST", place.origin, target, headers, dumps({"contents": [_turn("hi")]}))

    async def refresh(self, account: Account, now: float) -> Derived:
        """Have a token, of a service account or of the default credentials; an API key is sent as it is.

        Raises RefreshFailed and TransportError.
        """
        place: Place = account.settings
        if place.signer is not None:
            request = await asyncio.to_thread(tokens.asking, place.signer, now)
            return tokens.derived(await self._door.send(request, _WITHIN), now)
        if account.secret is not None:
            return Derived(account.secret)
        return await asyncio.to_thread(tokens.found, now)


_PROBED: Final = "gemini-2.5-flash"


def _turn(text: str) -> Json:
    return {"role": "user", "parts": [{"text": text}]}


def _google(model: str, action: str) -> str:
    return f"v1beta1/publishers/google/models/{quote(model, safe='@')}:{action}"


def _anthropic(model: str, action: str) -> str:
    return f"v1/publishers/anthropic/models/{quote(model, safe='@')}:{action}"


def _generated(outgoing: Outgoing) -> Said:
    """A Gemini's. A tier is a header here, and every content must say whose it is."""
    body = _attributed(outgoing.body)
    headers, tier = _JSON, body.get("serviceTier") or body.get("service_tier")
    if tier is not None:
        body = {name: value for name, value in body.items() if name not in {"serviceTier", "service_tier"}}
        told = tier.lower().removeprefix("service_tier_") if type(tier) is str else ""
        if told in _TIERS:
            headers = (*headers, (_TIER, told))
    action = "streamGenerateContent?alt=sse" if outgoing.stream else "generateContent"
    return _google(outgoing.candidate.endpoint.id, action), body, headers


def _counted(outgoing: Outgoing) -> Said:
    """A count of a Gemini's: the request stands in the body itself."""
    body = outgoing.body
    for name in _WRAPPED:
        inner = body.get(name)
        if type(inner) is dict:
            body = {member: value for member, value in inner.items() if member != "model"}
    return _google(outgoing.candidate.endpoint.id, "countTokens"), _attributed(body), _JSON


def _attributed(body: Json) -> Json:
    contents = body.get("contents")
    if type(contents) is not list or all(type(one) is not dict or "role" in one for one in contents):
        return body
    said = [{"role": "user", **one} if type(one) is dict else one for one in contents]
    return {**body, "contents": said}


def _embedded(outgoing: Outgoing) -> Said:
    model = outgoing.candidate.endpoint.id
    action, body = predictions.asked(model, outgoing.body)
    return _google(model, action), body, _JSON


def _spoken(outgoing: Outgoing) -> Said:
    """A Claude's: the version in the body, the model in the path."""
    body = _versioned(outgoing)
    body.pop("model", None)
    body.pop("stream", None)
    if outgoing.stream:
        body["stream"] = True
    action = "streamRawPredict" if outgoing.stream else "rawPredict"
    return _anthropic(outgoing.candidate.endpoint.id, action), body, _with_betas(outgoing)


def _weighed(outgoing: Outgoing) -> Said:
    """A count of a Claude's: a model of its own counts for the one that the body names."""
    body = {**_versioned(outgoing), "model": outgoing.candidate.endpoint.id}
    return _anthropic("count-tokens", "rawPredict"), body, _with_betas(outgoing)


def _versioned(outgoing: Outgoing) -> Json:
    return {"anthropic_version": VERTEX_VERSION, **without_foreign(outgoing.body)}


def _with_betas(outgoing: Outgoing) -> tuple[tuple[str, str], ...]:
    asked = betas(outgoing.call.headers)
    return (*_JSON, ("anthropic-beta", ",".join(asked))) if asked else _JSON


def _completed(outgoing: Outgoing) -> Said:
    """Another maker's, by OpenAI's chat completions."""
    body = {"model": outgoing.candidate.endpoint.id, **outgoing.body}
    if outgoing.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return "v1/endpoints/openapi/chat/completions", body, _JSON


_SAYINGS: Final[Mapping[str, Callable[[Outgoing], Said]]] = {
    "gemini": _generated,
    "gemini-count-tokens": _counted,
    "gemini-embeddings": _embedded,
    "messages": _spoken,
    "count-tokens": _weighed,
    "chat": _completed,
}
"""By dialect: where a request goes, and how it is said. What stands before the first slash of a path is the API's version."""
