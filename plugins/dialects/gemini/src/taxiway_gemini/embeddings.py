"""The dialect `gemini-embeddings`: Google's `batchEmbedContents` and `embedContent`, both halves.

Sources: ai.google.dev/api/embeddings. A body with `requests` is a batch; one with `content` is a single one. Vertex AI's
`:predict` says the same in other words, which its provider puts into these.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from taxiway.call import Call, Facts, Translated
from taxiway.candidate import Endpoint
from taxiway.chat_facts import tokens_of
from taxiway.codec import Json, items, text_of
from taxiway.dialect import Dialect, Stamp
from taxiway.embeddings import EmbeddingsUpstream, decode
from taxiway.errors import InvalidRequest, Malformed, Unsupported
from taxiway.http import Headers
from taxiway.outcome import Bill
from taxiway.usage import Usage
from taxiway_gemini.dialect import GeminiClient, routes
from taxiway_gemini.facts import models_of_path
from taxiway_gemini.media import content_of, is_media, modality_of, part_of
from taxiway_gemini.members import count_of, member
from taxiway_gemini.stamp import GeminiStamp

_TASKS: Final = {
    "search_query": "RETRIEVAL_QUERY",
    "search_document": "RETRIEVAL_DOCUMENT",
    "query": "RETRIEVAL_QUERY",
    "passage": "RETRIEVAL_DOCUMENT",
    "document": "RETRIEVAL_DOCUMENT",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
    "semantic_similarity": "SEMANTIC_SIMILARITY",
    "question_answering": "QUESTION_ANSWERING",
    "fact_verification": "FACT_VERIFICATION",
    "code_retrieval_query": "CODE_RETRIEVAL_QUERY",
}
"""Google's `taskType` by what clients say as `input_type`."""

_TYPES: Final = {theirs: ours for ours, theirs in reversed(_TASKS.items())}
_SAID: Final = frozenset({"input", "dimensions", "input_type", "encoding_format"})
_READ: Final = frozenset(
    "requests content taskType task_type outputDimensionality output_dimensionality embedContentConfig "
    "embed_content_config model".split()
)


def from_canonical(body: Json) -> Translated:
    """Translate a canonical body into a batch. Raises Unsupported for what is no text and no content."""
    lost = [name for name, value in body.items() if name not in _SAID and value is not None]
    shared: Json = {}
    if body.get("dimensions") is not None:
        shared["outputDimensionality"] = body["dimensions"]
    kind = body.get("input_type")
    if kind is not None:
        task = _TASKS.get(text_of(kind).lower())
        if task is None:
            lost.append("input_type")
        else:
            shared["taskType"] = task
    given = body.get("input")
    inputs = given if type(given) is list and given and type(given[0]) is not int else [given]
    requests = [{"content": {"parts": _parts(one, f"input[{n}]", lost)}, **shared} for n, one in enumerate(inputs)]
    return Translated({"requests": requests}, tuple(lost))


def _parts(given: Any, where: str, lost: list[str]) -> list[Json]:
    if type(given) is str:
        return [{"text": given}]
    if type(given) is not dict:
        raise Unsupported(where, "tokens can't be expressed here, only their text")
    parts = items(given.get("content"))
    return [
        {"text": part["text"]} if type(part.get("text")) is str else part_of(part, f"{where}.content", lost)
        for part in parts
    ]


def to_canonical(body: Json) -> Translated:
    """Translate a client's body."""
    lost: list[str] = []
    requests = items(body.get("requests")) or [body]
    chat: Json = {"input": [_input(request) for request in requests]}
    first = requests[0]
    size, task = _asked(first, "outputDimensionality"), _asked(first, "taskType")
    if size is not None:
        chat["dimensions"] = size
    if task is not None:
        chat["input_type"] = _TYPES.get(text_of(task), text_of(task).lower())
    for request in requests:
        lost += [
            f"requests.{name}"
            for name, value in request.items()
            if name not in _READ and value is not None and f"requests.{name}" not in lost
        ]
    return Translated(chat, tuple(lost))


def _asked(request: Json, name: str) -> Any:
    value, config = member(request, name), member(request, "embedContentConfig")
    return member(config, name) if value is None and type(config) is dict else value


def _input(request: Json) -> Any:
    content = request.get("content")
    parts = items(content.get("parts")) if type(content) is dict else []
    if len(parts) == 1 and type(parts[0].get("text")) is str:
        return parts[0]["text"]
    told = [
        content_of(part) if is_media(part) else {"type": "text", "text": text_of(part.get("text"))} for part in parts
    ]
    return {"content": told}


def reply_to_canonical(reply: Json) -> Translated:
    """Translate a reply."""
    data = [
        {"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors_of(reply))
    ]
    told: Json = {"object": "list", "data": data, "model": ""}
    tokens = tokens_in(reply)
    if tokens is not None:
        told["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Translated(told)


def vectors_of(reply: Json) -> list[Any]:
    """Return the vectors of a reply. Raises Malformed where it has none."""
    found = reply.get("embeddings")
    if found is None and "embedding" in reply:
        found = [reply["embedding"]]
    if type(found) is not list or not all(type(one) is dict and type(one.get("values")) is list for one in found):
        raise Malformed("an embeddings reply without vectors")
    return [one["values"] for one in found]


def tokens_in(reply: Json) -> int | None:
    """Return the tokens that went in, where the reply says."""
    metadata = reply.get("usageMetadata")
    if type(metadata) is dict and "promptTokenCount" in metadata:
        return count_of(metadata["promptTokenCount"])
    return None


class EmbeddingsReader:
    """Reads the one reply: it is done when it has vectors."""

    __slots__ = ("done", "finish", "native_finish", "started", "text", "upstream_id", "usage")

    def __init__(self) -> None:
        self.started = self.done = False
        self.finish: str | None = None
        self.native_finish: str | None = None
        self.usage: Usage | None = None
        self.upstream_id: str | None = None
        self.text = ""

    def see(self, event: Json) -> None:
        """Take the reply. Raises Malformed where it is none."""
        self.started = self.done = bool(vectors_of(event))
        tokens = tokens_in(event)
        if tokens is not None:
            self.usage = Usage(input=tokens)

    def close(self, mark: bool, framed: bool) -> None:
        """The body ended: it was done when it was seen."""


class GeminiEmbeddingsUpstream(EmbeddingsUpstream):
    """How a provider that speaks Gemini's embeddings is talked to. Nothing is streamed."""

    def from_canonical(self, body: Json, endpoint: Endpoint) -> Translated:
        """Translate a canonical body. Raises Unsupported."""
        return from_canonical(body)

    def reply_to_canonical(self, reply: Json, state: Any) -> Translated:
        """Translate the reply. Raises Malformed."""
        return reply_to_canonical(reply)

    def progress(self, stream: bool) -> EmbeddingsReader:
        """Return the reader of one reply."""
        return EmbeddingsReader()


class EmbeddingsStamp(GeminiStamp):
    """Writes who served, and what went in and what it cost as `usageMetadata`."""

    __slots__ = ()

    def reply(self, reply: Json) -> Json:
        """Stamp the reply. Raises Malformed where a vector is none."""
        for one in items(reply.get("embeddings")) or items(reply.get("embedding")):
            one["values"] = decode(one.get("values"))
        stamped = super().reply(reply)
        stamped["usageMetadata"].pop("candidatesTokenCount", None)
        return stamped


class GeminiEmbeddingsClient(GeminiClient):
    """How a client that speaks Gemini's embeddings is served, whichever model it asks for."""

    own = frozenset("model models provider session_id trace".split())

    def facts(self, body: Json, path: Mapping[str, str], headers: Headers) -> Facts:
        """Check the body and read what planning may know of it. Raises InvalidRequest, naming the member."""
        return facts(body, path)

    def to_canonical(self, body: Json) -> Translated:
        """Translate a body."""
        return to_canonical(body)

    def reply_from_canonical(self, reply: Json, call: Call) -> Translated:
        """Translate the reply: into a batch's where the call was one."""
        vectors = [{"values": decode(one.get("embedding"))} for one in items(reply.get("data"))]
        if "requests" in call.body:
            return Translated({"embeddings": vectors})
        if not vectors:
            raise Malformed("an embeddings reply without vectors")
        return Translated({"embedding": vectors[0]})

    def stamp(self, call: Call, bill: Callable[[], Bill]) -> Stamp:
        """Return the stamp of one call."""
        return EmbeddingsStamp(call, bill)


def facts(body: Json, path: Mapping[str, str]) -> Facts:
    """Check a body and read what planning may know of it. Raises InvalidRequest, naming the member."""
    requests = body.get("requests")
    if requests is not None and (
        type(requests) is not list or not requests or not all(type(one) is dict for one in requests)
    ):
        raise InvalidRequest("requests", "must be a list of at least one object")
    inputs, tokens = ["text"], 0
    parameters: set[str] = set()
    for where, request in _requests(body):
        content = request.get("content")
        if type(content) is not dict or not items(content.get("parts")):
            raise InvalidRequest(f"{where}content", "must be an object with parts")
        for part in items(content["parts"]):
            if is_media(part):
                inputs.append(modality_of(part))
            elif type(part.get("text")) is not str or not part["text"]:
                raise InvalidRequest(f"{where}content.parts", "must be texts, or hold a file, and not be empty")
            else:
                tokens += tokens_of(len(part["text"]))
        size = _asked(request, "outputDimensionality")
        if size is not None:
            if type(size) is not int or size < 1:
                raise InvalidRequest(f"{where}outputDimensionality", "must be a whole number from 1")
            parameters.add("dimensions")
    return Facts(models_of_path(body, path), frozenset(parameters), frozenset(inputs), tokens)


def _requests(body: Json) -> Iterable[tuple[str, Json]]:
    requests = body.get("requests")
    if requests is None:
        return [("", body)]
    return [(f"requests[{number}].", request) for number, request in enumerate(requests)]


GEMINI_EMBEDDINGS: Final = Dialect(
    name="gemini-embeddings",
    operation="embeddings",
    upstream=GeminiEmbeddingsUpstream(),
    client=GeminiEmbeddingsClient(),
    routes=routes("batchEmbedContents", "embedContent"),
)
