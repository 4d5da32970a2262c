"""Embeddings as Vertex AI wants them: by `:predict`, or by `:embedContent` and `:batchEmbedContents` for models that take contents.

Sources: docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api (instances, parameters, one text a request
of gemini-embedding-001); what Google's own SDK asks by (github.com/googleapis/python-genai); replies as recorded.
"""

from collections.abc import Iterable
from typing import Any, Final

from taxiway.codec import Json
from taxiway.errors import Malformed, Unsupported

_PREDICTS: Final = "gemini-embedding-001"
"""The one Gemini that is asked by `:predict`, with one text a request; several go as a batch of contents."""

_ONE: Final = "maas"
"""In the id of a model of another maker, which takes one content a request."""

_SHARED: Final = {
    "outputDimensionality": "outputDimensionality",
    "output_dimensionality": "outputDimensionality",
    "autoTruncate": "autoTruncate",
    "auto_truncate": "autoTruncate",
}
"""What `:predict` takes once for all of a request, by the names in which it may come."""

_RENAMED: Final = {"taskType": "task_type"}
_CONFIG: Final = ("embedContentConfig", "embed_content_config")
_SAID: Final = frozenset({"content", "model", *_CONFIG})


def asked(model: str, body: Json) -> tuple[str, Json]:
    """Return the action and its body. Raises Unsupported where a request can't hold as much."""
    requests = body.get("requests")
    each: list[Json] = [body] if requests is None else requests
    many = len(each) > 1
    if many and _ONE in model:
        raise Unsupported("input", "this model takes one at a time here")
    if _ONE in model or ("gemini" in model and (many or model != _PREDICTS)):
        return (
            ("batchEmbedContents", {"requests": [*map(_content, each)]})
            if many
            else ("embedContent", _content(each[0]))
        )
    parameters: Json = {}
    instances = [_instance(f"input[{rank}]", request, parameters) for rank, request in enumerate(each)]
    return "predict", {"instances": instances, "parameters": parameters} if parameters else {"instances": instances}


def _members(request: Json) -> Json:
    """Return what stands beside the content, wherever it is said."""
    members = {name: value for name, value in request.items() if name not in _SAID}
    for name in _CONFIG:
        config = request.get(name)
        if type(config) is dict:
            members |= config
    return members


def _content(request: Json) -> Json:
    config = _members(request)
    made: Json = {"content": {"role": "user", **request["content"]}}
    return {**made, "embedContentConfig": config} if config else made


def _instance(where: str, request: Json, parameters: Json) -> Json:
    parts: list[Json] = request["content"]["parts"]
    if any(type(part.get("text")) is not str for part in parts):
        raise Unsupported(where, "this model takes texts only")
    instance: Json = {"content": "\n".join(part["text"] for part in parts)}
    for name, value in _members(request).items():
        if name in _SHARED:
            parameters[_SHARED[name]] = value
        else:
            instance[_RENAMED.get(name, name)] = value
    return instance


def batch(reply: Json) -> Iterable[Json]:
    """Read a reply to several requests: a quirk. Raises Malformed."""
    return (_read(reply),)


def single(reply: Json) -> Iterable[Json]:
    """Read a reply to one: a quirk. Raises Malformed."""
    made = _read(reply)
    vectors = made.pop("embeddings")
    return ({**made, "embedding": vectors[0]},)


def _read(reply: Json) -> Json:
    """Bring a reply into the form of a batch's."""
    if type(reply.get("embeddings")) is list and reply["embeddings"]:
        return reply
    if "embedding" in reply:
        return {
            **{name: value for name, value in reply.items() if name != "embedding"},
            "embeddings": [reply["embedding"]],
        }
    predictions = reply.get("predictions")
    if type(predictions) is not list or not predictions:
        raise Malformed("a reply without predictions")
    found = [one.get("embeddings") if type(one) is dict else None for one in predictions]
    if not all(type(one) is dict for one in found):
        raise Malformed("a prediction without embeddings")
    counts = [_count(one) for one in found]
    made = {name: value for name, value in reply.items() if name != "predictions"}
    made["embeddings"] = found
    if None not in counts:
        made["usageMetadata"] = {"promptTokenCount": sum(counts)}
    return made


def _count(embeddings: Any) -> Any:
    """Return how many tokens went into a vector, None where that is not said. It comes as a whole number or a fraction."""
    statistics = embeddings.get("statistics")
    count: Any = statistics.get("token_count") if type(statistics) is dict else None
    return int(count) if type(count) in {int, float} and 0 <= count < 2**53 else None
