"""The dialect `rerank`: documents put in order by how well they answer a query. Canonical for its operation.

Wire: OpenRouter's API reference (rerank), which is Jina's with each document told beside its score; vLLM's and Together's documentation.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from taxiway.call import Call, Facts
from taxiway.chat import ChatClient, ChatUpstream
from taxiway.chat_facts import IMAGE_TOKENS, models_of, tokens_of
from taxiway.chat_progress import ChatProgress
from taxiway.chat_stamp import ChatStamp
from taxiway.chat_usage import costs
from taxiway.checks import check, integer, of_type
from taxiway.codec import Json
from taxiway.dialect import Dialect, Progress, Stamp, under_bases
from taxiway.errors import InvalidRequest, Malformed
from taxiway.http import Headers
from taxiway.outcome import Bill
from taxiway.usage import Usage

_FIELDS: Final = {
    "top_n": integer(1, 2**31),
    "user": of_type(str),
    "stream": check(lambda value: value is False, "false: rerank is not streamed"),
}


def facts(body: Json) -> Facts:
    """Check a rerank body and read what planning may know of it. Raises InvalidRequest, naming the field."""
    for name, checked in _FIELDS.items():
        if body.get(name) is not None:
            checked(name, body[name])
    query, documents = body.get("query"), body.get("documents")
    if type(query) is not str or not query:
        raise InvalidRequest("query", "must be a text, and not empty")
    if type(documents) is not list or not documents:
        raise InvalidRequest("documents", "must be a list of at least one document")
    inputs = ["text"]
    # Each document is read together with the query.
    size = sum(_size(f"documents[{index}]", one, inputs) + len(query) for index, one in enumerate(documents))
    return Facts(
        models_of(body),
        inputs=frozenset(inputs),
        tokens=tokens_of(size) + IMAGE_TOKENS * inputs.count("image"),
    )


def _size(where: str, document: Any, inputs: list[str]) -> int:
    """Return how many characters of text a document has, and put another modality into `inputs`."""
    if type(document) is str:
        return len(document)
    text, image = (document.get("text"), document.get("image")) if type(document) is dict else (None, None)
    if type(text) is not str and not image:
        raise InvalidRequest(where, "must be a text, or an object with text or image")
    if image:
        inputs.append("image")
    return len(text) if type(text) is str else 0


class RerankProgress(ChatProgress):
    """Reads the one reply: it is done when it has results."""

    __slots__ = ()

    def see(self, event: Json) -> None:
        """Take the reply. Raises Malformed where it is none."""
        results = event.get("results")
        if type(results) is not list or not all(map(_is_result, results)):
            raise Malformed("a rerank reply without results")
        self.started = self.done = bool(results)
        self.upstream_id = event.get("id")
        usage = event.get("usage")
        if type(usage) is dict:
            self.usage = _usage_of(usage)


def _is_result(result: Any) -> bool:
    return type(result) is dict and type(result.get("index")) is int and "relevance_score" in result


def _usage_of(raw: Json) -> Usage:
    tokens, cost = raw.get("total_tokens") or raw.get("prompt_tokens"), raw.get("cost")
    return Usage(
        input=tokens if type(tokens) is int and tokens > 0 else 0,
        reported_cost=cost if type(cost) in {int, float} else None,
    )


class RerankStamp(ChatStamp):
    """Writes id, model, provider, documents, usage and cost into the reply."""

    __slots__ = ()

    def reply(self, reply: Json) -> Json:
        """Stamp the reply: each result has its document, whether or not the server tells it again."""
        documents = self._call.body.get("documents") or []
        for result in reply["results"]:
            told, index = result.get("document"), result["index"]
            if told is None and 0 <= index < len(documents):
                told = documents[index]
            if told is not None:
                result["document"] = {"text": told} if type(told) is str else told
        return self._signed(reply, _used)


def _used(raw: Any, bill: Bill) -> Json | None:
    told = {name: value for name, value in raw.items() if name != "cost"} if type(raw) is dict else {}
    usage = bill.usage
    if usage is None:
        return told or None
    told["total_tokens"] = usage.total
    if usage.estimated:
        told["estimated"] = True
    return {**told, **costs(bill)}


class RerankUpstream(ChatUpstream):
    """How a provider that speaks rerank is talked to."""

    def progress(self, stream: bool) -> Progress:
        """Return the reader of one reply."""
        return RerankProgress(stream)


class RerankClient(ChatClient):
    """How a client that speaks rerank is served."""

    own = frozenset("model models provider stream session_id trace".split())

    def facts(self, body: Json, path: Mapping[str, str], headers: Headers) -> Facts:
        """Check the body and read what planning may know of it. Raises InvalidRequest, naming the field."""
        return facts(body)

    def stamp(self, call: Call, bill: Callable[[], Bill]) -> Stamp:
        """Return the stamp of one call."""
        return RerankStamp(call, bill)


RERANK: Final = Dialect(
    name="rerank",
    operation="rerank",
    upstream=RerankUpstream(),
    client=RerankClient(),
    routes=under_bases("/rerank"),
)
