"""The dialect `cohere-embeddings`: Cohere's embed, towards providers and towards clients.

Source: docs.cohere.com/reference/embed. Version 1 of the API differs in its path, and in that vectors may be a plain list.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from taxiway import embeddings
from taxiway.call import Call, Facts, Translated
from taxiway.candidate import Endpoint
from taxiway.checks import member, objects
from taxiway.codec import Json, items, text_of
from taxiway.dialect import Dialect, Fold, Progress, Stamp, Translator
from taxiway.errors import InvalidRequest, Malformed, Unsupported
from taxiway.http import Headers
from taxiway.outcome import Bill
from taxiway.usage import Usage
from taxiway_cohere_chat.chat import CohereChatClient
from taxiway_cohere_chat.meta import MetaStamp, meta_of, tokens_of
from taxiway_cohere_chat.progress import CohereFold, CohereProgress
from taxiway_cohere_chat.wire import object_of

_KINDS: Final = {"query": "search_query", "document": "search_document", "passage": "search_document"}
_USUAL: Final = "search_document"
_SAME: Final = frozenset({"truncate", "max_tokens", "model"})
_READ: Final = frozenset({"input", "input_type", "dimensions", "encoding_format"})
_VECTORS: Final = ("float", "base64", "int8", "uint8", "binary", "ubinary")
"""Kinds of vectors, those that canonical embeddings know first."""

_OURS: Final = frozenset({"texts", "images", "inputs", "input_type", "embedding_types", "output_dimension"})


class EmbedProgress(CohereProgress):
    """Reads the one reply: it is done when it has vectors."""

    __slots__ = ()

    def see(self, event: Json) -> None:
        """Take the reply. Raises Malformed where it is none."""
        self.started = self.done = bool(vectors_of(event))
        self.upstream_id = text_of(event.get("id")) or None
        tokens = tokens_of(event)
        self.usage = None if tokens is None else Usage(input=tokens)


def vectors_of(reply: Json) -> list[Any]:
    """Return a reply's vectors, floats where there are several kinds. Raises Malformed where there are none."""
    told = reply.get("embeddings")
    found = (
        told
        if type(told) is list
        else next((object_of(told)[kind] for kind in _VECTORS if kind in object_of(told)), None)
    )
    if type(found) is not list:
        raise Malformed("a reply of Cohere's embed without vectors")
    return found


class CohereEmbeddingsUpstream:
    """How a provider that speaks Cohere's embed is talked to."""

    def from_canonical(self, body: Json, endpoint: Endpoint) -> Translated:
        """Translate a canonical body. Raises Unsupported."""
        lost = [name for name, value in body.items() if value is not None and name not in _READ | _SAME]
        applied: tuple[str, ...] = ()
        made = _inputs(body.get("input"))
        kind = body.get("input_type")
        if kind is None:
            # Cohere wants to know what a text is for. An image is for nothing else than to be an image.
            kind = "image" if "images" in made else _USUAL
            applied = ("input_type",)
        kind = text_of(kind)
        made |= {"input_type": _KINDS.get(kind, kind), "embedding_types": ["float"]}
        if body.get("dimensions") is not None:
            made["output_dimension"] = body["dimensions"]
        made |= {name: body[name] for name in _SAME if body.get(name) is not None}
        return Translated(made, tuple(lost), applied)

    def reply_to_canonical(self, reply: Json, state: Any) -> Translated:
        """Translate the reply. Raises Malformed."""
        data = [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(vectors_of(reply))
        ]
        told: Json = {"id": text_of(reply.get("id")), "object": "list", "data": data}
        tokens = tokens_of(reply)
        if tokens is not None:
            told["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
            billed = object_of(reply.get("meta")).get("billed_units")
            if billed:
                told["usage"]["billed_units"] = billed
        return Translated(told)

    def events_to_canonical(self, state: Any) -> Translator:
        """Refuse: embeddings are not streamed."""
        raise Unsupported("stream", "embeddings are not streamed")

    def progress(self, stream: bool) -> Progress:
        """Return the reader of one reply."""
        return EmbedProgress(stream)

    def fold(self) -> Fold:
        """Return what is never fed: embeddings are not streamed."""
        return CohereFold()


def _inputs(given: Any) -> Json:
    """Return what is to be embedded as Cohere takes it: texts, images, or inputs that may be both. Raises Unsupported."""
    listed = given if type(given) is list else [given]
    if all(type(item) is str for item in listed):
        return {"texts": listed}
    contents = [_content(f"input[{index}]", item) for index, item in enumerate(listed)]
    images = [object_of(content[0].get("image_url")).get("url") if len(content) == 1 else None for content in contents]
    if all(images):
        return {"images": images}
    return {"inputs": [{"content": content} for content in contents]}


def _content(where: str, item: Any) -> list[Json]:
    if type(item) is str:
        return [{"type": "text", "text": item}]
    if type(item) is not dict:
        raise Unsupported(where, "Cohere takes no tokens")
    content = item.get("content")
    parts = [{"type": "text", "text": content}] if type(content) is str else items(content)
    for part in parts:
        if text_of(part.get("type")) not in {"text", "image_url"}:
            raise Unsupported(where, "Cohere embeds texts and images")
    return parts


class CohereEmbeddingsClient(CohereChatClient):
    """How a client that speaks Cohere's embed is served."""

    own = frozenset("model models provider stream session_id trace".split())

    def facts(self, body: Json, path: Mapping[str, str], headers: Headers) -> Facts:
        """Check the body and read what planning may know of it. Raises InvalidRequest, naming the field."""
        return embeddings.facts(_canonical(body), path, headers)

    def to_canonical(self, body: Json) -> Translated:
        """Translate a body. Raises Unsupported where vectors are asked for that are no floats: only Cohere makes them."""
        made = _canonical(body)
        if not {"float", "base64"}.issuperset(body.get("embedding_types") or ()):
            raise Unsupported("embedding_types", "only Cohere has vectors of other types than float and base64")
        return Translated(
            {name: value for name, value in made.items() if name not in {"truncate", "max_tokens", "priority"}},
            tuple(name for name in ("truncate", "max_tokens", "priority") if made.get(name) is not None),
        )

    def reply_from_canonical(self, reply: Json, call: Call) -> Translated:
        """Translate the reply."""
        vectors = [embeddings.decode(item.get("embedding")) for item in items(reply.get("data"))]
        asked = call.body.get("embedding_types") or ["float"]
        told: Json = {"float": vectors} if "float" in asked else {}
        if "base64" in asked:
            told["base64"] = [embeddings.encode(vector) for vector in vectors]
        made = {
            "id": text_of(reply.get("id")),
            "embeddings": told,
            "texts": call.body.get("texts") or [],
            "meta": meta_of(reply.get("usage")),
            "response_type": "embeddings_by_type",
        }
        return Translated(made)

    def stamp(self, call: Call, bill: Callable[[], Bill]) -> Stamp:
        """Return the stamp of one call."""
        return MetaStamp(call, bill)


def _canonical(body: Json) -> Json:
    """Translate a body, whatever vectors it asks for. Raises InvalidRequest."""
    given: list[Any] = []
    for name in ("texts", "images"):
        listed = body.get(name) or []
        if type(listed) is not list or not all(type(item) is str and item for item in listed):
            raise InvalidRequest(name, "must be a list of texts, none of them empty")
        given += listed if name == "texts" else [_image(url) for url in listed]
    for place, item in objects("inputs", body.get("inputs") or []):
        given.append({"content": [part for _, part in objects(f"{place}.content", item.get("content"))]})
    if not given:
        raise InvalidRequest("texts", "must be given, or images, or inputs")
    types = body.get("embedding_types")
    if types is not None and (type(types) is not list or any(kind not in _VECTORS for kind in types)):
        raise InvalidRequest("embedding_types", f"must be a list of {', '.join(_VECTORS)}")
    made = {name: value for name, value in body.items() if name not in _OURS}
    made["input"] = given
    if body.get("input_type") is not None:
        made["input_type"] = member("", body, "input_type")
    if body.get("output_dimension") is not None:
        made["dimensions"] = body["output_dimension"]
    return made


def _image(url: str) -> Json:
    return {"content": [{"type": "image_url", "image_url": {"url": url}}]}


COHERE_EMBEDDINGS: Final = Dialect(
    name="cohere-embeddings",
    operation="embeddings",
    upstream=CohereEmbeddingsUpstream(),
    client=CohereEmbeddingsClient(),
    routes=("/v2/embed", "/api/v2/embed"),
)
