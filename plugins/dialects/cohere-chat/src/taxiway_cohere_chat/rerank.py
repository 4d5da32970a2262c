"""The dialect `cohere-rerank`: Cohere's rerank, towards providers and towards clients. Canonical is OpenRouter's form of it.

Source: docs.cohere.com/reference/rerank; OpenRouter's API reference (rerank), which tells each document again beside its score.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from taxiway.call import Call, Facts, Translated
from taxiway.candidate import Endpoint
from taxiway.chat_facts import models_of, tokens_of
from taxiway.checks import integer
from taxiway.codec import Json, items, text_of
from taxiway.dialect import Dialect, Fold, Progress, Stamp, Translator
from taxiway.errors import InvalidRequest, Malformed, Unsupported
from taxiway.http import Headers
from taxiway.outcome import Bill
from taxiway.usage import Usage
from taxiway_cohere_chat import meta
from taxiway_cohere_chat.chat import CohereChatClient
from taxiway_cohere_chat.progress import CohereFold, CohereProgress
from taxiway_cohere_chat.wire import count_of, object_of

_SAME: Final = frozenset({"query", "top_n", "max_tokens_per_doc", "model"})
_LOST: Final = (
    "max_tokens_per_doc",
    "relevant_spans",
    "priority",
    "rank_fields",
    "return_documents",
    "max_chunks_per_doc",
)
_TOP: Final = integer(1, 2**31)


class RerankProgress(CohereProgress):
    """Reads the one reply: it is done when it has results. What is billed are searches: they are its `requests`."""

    __slots__ = ()

    def see(self, event: Json) -> None:
        """Take the reply. Raises Malformed where it is none."""
        self.started = self.done = type(event.get("results")) is list
        if not self.done:
            raise Malformed("a reply of Cohere's rerank without results")
        self.upstream_id = text_of(event.get("id")) or None
        billed = object_of(object_of(event.get("meta")).get("billed_units"))
        self.usage = Usage(input=meta.tokens_of(event) or 0, requests=max(1, count_of(billed.get("search_units"))))


class CohereRerankUpstream:
    """How a provider that speaks Cohere's rerank is talked to."""

    def from_canonical(self, body: Json, endpoint: Endpoint) -> Translated:
        """Translate a canonical body; its documents are remembered for the reply. Raises Unsupported."""
        documents = [_document(index, one) for index, one in enumerate(_listed(body.get("documents")))]
        made = {name: body[name] for name in _SAME if body.get(name) is not None}
        lost = [name for name, value in body.items() if value is not None and name not in {*_SAME, "documents"}]
        return Translated({**made, "documents": documents}, tuple(lost), state=documents)

    def reply_to_canonical(self, reply: Json, state: Any) -> Translated:
        """Translate the reply. Raises Malformed."""
        documents = state if type(state) is list else []
        results: list[Json] = []
        for result in items(reply.get("results")):
            index = result.get("index")
            told = {"index": index, "relevance_score": result.get("relevance_score")}
            if type(index) is int and 0 <= index < len(documents):
                told["document"] = {"text": documents[index]}
            results.append(told)
        made: Json = {"id": text_of(reply.get("id")), "results": results}
        usage: Json = {}
        billed = object_of(object_of(reply.get("meta")).get("billed_units"))
        if billed.get("search_units") is not None:
            usage["search_units"] = billed["search_units"]
        tokens = meta.tokens_of(reply)
        if tokens is not None:
            usage["total_tokens"] = tokens
        return Translated({**made, "usage": usage} if usage else made)

    def events_to_canonical(self, state: Any) -> Translator:
        """Refuse: rerank is not streamed."""
        raise Unsupported("stream", "rerank is not streamed")

    def progress(self, stream: bool) -> Progress:
        """Return the reader of one reply."""
        return RerankProgress(stream)

    def fold(self) -> Fold:
        """Return what is never fed: rerank is not streamed."""
        return CohereFold()


def _listed(value: Any) -> list[Any]:
    return value if type(value) is list else []


def _document(index: int, document: Any) -> str:
    text = document if type(document) is str else object_of(document).get("text")
    if type(text) is not str or object_of(document).get("image"):
        raise Unsupported(f"documents[{index}]", "Cohere ranks texts")
    return text


class CohereRerankClient(CohereChatClient):
    """How a client that speaks Cohere's rerank is served."""

    own = frozenset("model models provider stream session_id trace".split())

    def facts(self, body: Json, path: Mapping[str, str], headers: Headers) -> Facts:
        """Check the body and read what planning may know of it. Raises InvalidRequest, naming the field."""
        query, documents = body.get("query"), body.get("documents")
        if type(query) is not str or not query:
            raise InvalidRequest("query", "must be a text, and not empty")
        if type(documents) is not list or not documents:
            raise InvalidRequest("documents", "must be a list of at least one text")
        size = 0
        for index, one in enumerate(documents):
            text = one if type(one) is str else object_of(one).get("text")
            if type(text) is not str:
                raise InvalidRequest(f"documents[{index}]", "must be a text, or an object with one")
            size += len(text) + len(query)
        if body.get("top_n") is not None:
            _TOP("top_n", body["top_n"])
        return Facts(models_of(body), tokens=tokens_of(size))

    def to_canonical(self, body: Json) -> Translated:
        """Translate a body."""
        made = {name: value for name, value in body.items() if name not in _LOST}
        # The first version of the API has objects with a text for it.
        given = _listed(body.get("documents"))
        made["documents"] = [one if type(one) is str else object_of(one).get("text") for one in given]
        return Translated(made, tuple(name for name in _LOST if body.get(name)))

    def reply_from_canonical(self, reply: Json, call: Call) -> Translated:
        """Translate the reply."""
        names = ("index", "relevance_score", *(("document",) if call.body.get("return_documents") else ()))
        results = [{name: result[name] for name in names if name in result} for result in items(reply.get("results"))]
        made = {"id": text_of(reply.get("id")), "results": results, "meta": meta.meta_of(reply.get("usage"))}
        return Translated(made)

    def stamp(self, call: Call, bill: Callable[[], Bill]) -> Stamp:
        """Return the stamp of one call."""
        return meta.MetaStamp(call, bill)


COHERE_RERANK: Final = Dialect(
    name="cohere-rerank",
    operation="rerank",
    upstream=CohereRerankUpstream(),
    client=CohereRerankClient(),
    routes=("/v2/rerank", "/api/v2/rerank"),
)
