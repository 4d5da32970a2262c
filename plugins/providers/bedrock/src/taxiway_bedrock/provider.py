"""Amazon Bedrock as a provider: Converse for all models, InvokeModel for Claude's own form and for embeddings, and `mantle`.

Sources: docs.aws.amazon.com/bedrock/latest/APIReference: Converse, ConverseStream, InvokeModel, InvokeModelWithResponseStream,
CountTokens, ListFoundationModels.
"""

import asyncio
import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias
from urllib.parse import quote

from taxiway.call import Outgoing
from taxiway.candidate import Account, Credential, Endpoint
from taxiway.catalog import Catalog
from taxiway.codec import Json, dumps
from taxiway.http import Headers, HttpHead, HttpRequest
from taxiway.outcome import Failure, QuotaHint
from taxiway.provider import Derived, Replies
from taxiway.secret import Secret
from taxiway_anthropic_messages import BEDROCK_VERSION, betas, checked, without_foreign
from taxiway_bedrock import errors, frames, mantle
from taxiway_bedrock.credentials import BedrockSettings, Place, account_of, proved, written
from taxiway_bedrock.derive import derive
from taxiway_bedrock.families import CLAUDE, family_of
from taxiway_bedrock.offers import NAME, SLUG, offers
from taxiway_bedrock.regions import profile_of, reaches
from taxiway_openai_compatible import JsonReplies, Quirk, no_stream

_HEADERS: Final = (("content-type", "application/json"),)
_LISTING: Final = "/foundation-models"

_KNOWN_BETAS: Final = frozenset(
    "computer-use-2024-10-22 computer-use-2025-01-24 computer-use-2025-11-24 token-efficient-tools-2025-02-19 "
    "interleaved-thinking-2025-05-14 output-128k-2025-02-19 dev-full-thinking-2025-05-14 context-1m-2025-08-07 "
    "context-management-2025-06-27 effort-2025-11-24 tool-search-tool-2025-10-19 tool-examples-2025-10-29 "
    "fine-grained-tool-streaming-2025-05-14".split()
)
"""What Bedrock takes of Anthropic's betas; any other is answered with an error, so it is left out."""

Saying: TypeAlias = Callable[[Outgoing], Json]
"""Makes the body that goes to one path."""


class BedrockProvider:
    """Amazon Bedrock."""

    slug, name = SLUG, NAME
    settings: type = BedrockSettings

    def accounts(self, credential: Credential, secret: Secret | None) -> Sequence[Account]:
        """Make the one account of a credential. Raises ConfigError."""
        return [account_of(credential, secret)]

    def endpoints(self, catalog: Catalog, accounts: Sequence[Account]) -> Iterable[Endpoint]:
        """Say what can be served: the catalog's models, embedding models, and those that accounts name."""
        return offers(catalog.provider(SLUG), accounts)

    def serves(self, endpoint: Endpoint, account: Account) -> bool:
        """An account serves what its API, its region and its own list of models have."""
        place: Place = account.settings
        if place.mantle != (endpoint.tag == mantle.TAG):
            return False
        if account.models is not None:
            return endpoint.id in account.models.values()
        profile, _ = profile_of(endpoint.id)
        allowed = place.settings.inference_profiles
        return reaches(place.region, profile) and (not profile or not allowed or profile in allowed)

    def prepare(self, outgoing: Outgoing, now: float) -> HttpRequest:
        """Make the request, and prove who sends it."""
        place: Place = outgoing.candidate.account.settings
        if place.mantle:
            request = mantle.prepare(outgoing, place)
        else:
            once, streamed, say = _PATHS[outgoing.dialect]
            id_ = outgoing.candidate.endpoint.id
            if outgoing.dialect == "count-tokens":
                # Tokens are the model's; its profiles have no count of their own.
                id_ = profile_of(id_)[1]
            target = f"{place.path}/model/{quote(id_, safe='')}/{streamed if outgoing.stream else once}"
            request = HttpRequest("POST", place.origin, target, _HEADERS, dumps(say(outgoing)))
        return proved(request, place, outgoing.secret, now)

    def replies(self, outgoing: Outgoing, head: HttpHead) -> Replies:
        """Return the decoder: of a stream's frames, or of one JSON body."""
        place: Place = outgoing.candidate.account.settings
        if place.mantle:
            return mantle.READER.replies(outgoing, head)
        if not outgoing.stream:
            return JsonReplies(_reply_quirk(outgoing.dialect, head))
        if head.headers.get("content-type", "").startswith("application/json"):
            return JsonReplies(no_stream)
        return frames.FrameReplies(_READINGS[outgoing.dialect])

    def classify(
        self, outgoing: Outgoing, status: int | None, headers: Headers, error: Json | str, now: float
    ) -> Failure:
        """Say what an error means."""
        renews = outgoing.candidate.account.secret is None
        return errors.classify(headers, status, error, now, renews=renews)

    def hints(self, outgoing: Outgoing, head: HttpHead, now: float) -> Iterable[QuotaHint]:
        """Good replies tell no limits."""
        return ()

    def probe(self, account: Account, secret: Secret | None, now: float) -> HttpRequest | None:
        """Return a request that lists models, which costs nothing. A key that may only invoke is refused by its permissions there,
        which is told apart from a key that is none.
        """
        place: Place = account.settings
        if place.control is None or secret is None:
            return None
        target = mantle.MODELS if place.mantle else _LISTING
        return proved(HttpRequest("GET", place.control, target, ()), place, secret, now)

    def discovery(self, account: Account, secret: Secret | None, now: float) -> HttpRequest | None:
        """Return the request that lists the models of an account on `mantle`; elsewhere the catalog and profiles say what there is."""
        place: Place = account.settings
        return self.probe(account, secret, now) if place.mantle and not place.settings.models else None

    def discovered(self, body: bytes) -> Iterable[str]:
        """Return the ids that a list has. Raises Malformed."""
        return mantle.listed(body)

    async def refresh(self, account: Account, now: float) -> Derived:
        """Return an account's key, or find keys for one that has none: by its profile, its role, or where AWS's own tools look.

        Raises RefreshFailed.
        """
        if account.secret is not None:
            return Derived(account.secret)
        place: Place = account.settings
        keys, expires = await asyncio.to_thread(derive, place.settings, place.region, now)
        return Derived(written(keys), expires)


def _conversed(outgoing: Outgoing) -> Json:
    """Converse's body; the betas that a call asks for are a field of Claude's own."""
    body, asked = outgoing.body, _betas(outgoing)
    endpoint = outgoing.candidate.endpoint
    if not asked or family_of(endpoint.id, endpoint.model).format != CLAUDE:
        return body
    own = body.get("additionalModelRequestFields") or {}
    return {**body, "additionalModelRequestFields": {**own, "anthropic_beta": asked}}


def _invoked(outgoing: Outgoing) -> Json:
    """Anthropic's body, as InvokeModel takes it: a version of its own, and neither model nor stream; both are in the path."""
    said = without_foreign(outgoing.body)
    body = {name: value for name, value in said.items() if name not in {"model", "stream"}}
    body.setdefault("anthropic_version", BEDROCK_VERSION)
    asked = _betas(outgoing)
    if asked:
        body["anthropic_beta"] = [*dict.fromkeys([*body.get("anthropic_beta", ()), *asked])]
    return body


def _counted(outgoing: Outgoing) -> Json:
    """CountTokens' body: another operation's, in base64. That must be whole, so it has a length that no count depends on."""
    body = {"max_tokens": 1, **_invoked(outgoing)}
    return {"input": {"invokeModel": {"body": base64.b64encode(dumps(body)).decode()}}}


def _plain(outgoing: Outgoing) -> Json:
    return outgoing.body


def _betas(outgoing: Outgoing) -> list[str]:
    return [beta for beta in betas(outgoing.call.headers) if beta in _KNOWN_BETAS]


def _reply_quirk(dialect: str, head: HttpHead) -> Quirk | None:
    if dialect == "bedrock-embeddings":
        return frames.counted(head)
    return _REPLIES.get(dialect)


_PATHS: Final[Mapping[str, tuple[str, str, Saying]]] = {
    "converse": ("converse", "converse-stream", _conversed),
    "messages": ("invoke", "invoke-with-response-stream", _invoked),
    "count-tokens": ("count-tokens", "count-tokens", _counted),
    "bedrock-embeddings": ("invoke", "invoke", _plain),
}
"""By dialect: what a path ends with, complete and streamed, and how the body is said."""

_REPLIES: Final = {"converse": frames.converse_reply, "messages": checked, "count-tokens": frames.tokens_counted}
_READINGS: Final = {"converse": frames.converse_event, "messages": frames.invoked_event}
