"""The dialect `bedrock-embeddings`: what embedding models take and give on InvokeModel, each maker's in its own form.

Sources: docs.aws.amazon.com/bedrock/latest/userguide: model-parameters-titan-embed-text, model-parameters-titan-embed-mm,
model-parameters-embed, model-parameters-embed-v4; docs.aws.amazon.com/nova: nova-embeddings. Titan and Nova take one input a
request.
"""

import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from attrs import frozen

from taxiway import data_url
from taxiway.call import Translated
from taxiway.candidate import Endpoint
from taxiway.codec import Json
from taxiway.dialect import Dialect, Progress
from taxiway.embeddings import EmbeddingsUpstream
from taxiway.errors import InvalidRequest, Malformed, Unsupported
from taxiway.usage import Usage
from taxiway_anthropic_messages import Notes

_IMAGES: Final = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_PURPOSES: Final = {
    "search_document": "GENERIC_INDEX",
    "search_query": "GENERIC_RETRIEVAL",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}
_READ: Final = frozenset({"input", "dimensions", "input_type", "encoding_format"})


@frozen(repr=False)
class Input:
    """One thing to embed: a text, an image as a data URL, or both."""

    text: str | None = None
    image: str | None = None


Making: TypeAlias = Callable[[list[Input], Json, Notes], Json]
"""Makes the request of inputs and the canonical body."""


def titan_text(inputs: list[Input], body: Json, notes: Notes) -> Json:
    """Titan's second text model."""
    made = titan_text_1(inputs, {name: value for name, value in body.items() if name != "dimensions"}, notes)
    return made | _known({"dimensions": body.get("dimensions"), "normalize": body.get("normalize")})


def titan_text_1(inputs: list[Input], body: Json, notes: Notes) -> Json:
    """Titan's first text model, which has no parameters."""
    only = _only(inputs)
    if only.image is not None:
        raise Unsupported("input", "the model reads texts only")
    if body.get("dimensions") is not None:
        raise Unsupported("dimensions", "the model has only one size")
    _no_purpose(body, notes)
    return {"inputText": only.text}


def titan_image(inputs: list[Input], body: Json, notes: Notes) -> Json:
    """Titan's model for texts and images."""
    only = _only(inputs)
    _no_purpose(body, notes)
    size = body.get("dimensions")
    return _known(
        {
            "inputText": only.text,
            "inputImage": None if only.image is None else _data(only.image),
            "embeddingConfig": None if size is None else {"outputEmbeddingLength": size},
        }
    )


def nova(inputs: list[Input], body: Json, notes: Notes) -> Json:
    """Nova's model for texts and images."""
    only = _only(inputs)
    asked = body.get("input_type")
    if asked is not None and asked not in _PURPOSES:
        notes.drop("input_type")
    params: Json = {"embeddingPurpose": _PURPOSES.get(asked or "", "GENERIC_INDEX")}
    if body.get("dimensions") is not None:
        params["embeddingDimension"] = body["dimensions"]
    if only.image is not None and only.text is not None:
        raise Unsupported("input", "the model reads a text or an image, not both")
    if only.image is None:
        params["text"] = {"truncationMode": body.get("truncate") or "END", "value": only.text}
    else:
        split = data_url.split(only.image)
        format_ = _IMAGES.get(split.media_type) if split is not None else None
        if split is None or format_ is None:
            raise Unsupported("input", "an image must be PNG, JPEG, GIF or WebP, as a data URL")
        params["image"] = {"format": format_, "source": {"bytes": split.data}}
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": params}


def cohere(inputs: list[Input], body: Json, notes: Notes) -> Json:
    """Cohere's third models: texts, or one image."""
    if body.get("dimensions") is not None:
        raise Unsupported("dimensions", "the model has only one size")
    return _cohere(inputs, body)


def cohere_4(inputs: list[Input], body: Json, notes: Notes) -> Json:
    """Cohere's fourth model: texts, images, and both in one."""
    made = _cohere(inputs, body)
    return {**made, "embedding_types": ["float"], **_known({"output_dimension": body.get("dimensions")})}


def _cohere(inputs: list[Input], body: Json) -> Json:
    rest = _known({"truncate": body.get("truncate")})
    if all(one.image is None for one in inputs):
        texts = [one.text for one in inputs]
        return {"texts": texts, "input_type": body.get("input_type") or "search_document", **rest}
    if any(one.image is None or one.text is not None for one in inputs):
        raise Unsupported("input", "the model reads texts or images, not both")
    return {"images": [one.image for one in inputs], "input_type": "image", **rest}


FORMS: Final[tuple[tuple[str, Making, frozenset[str]], ...]] = (
    (r"titan-embed-text-v1|titan-embed-g1-text", titan_text_1, frozenset()),
    (r"titan-embed-text", titan_text, frozenset({"normalize"})),
    (r"titan-embed", titan_image, frozenset()),
    (r"nova", nova, frozenset({"truncate"})),
    (r"cohere\.embed-v4", cohere_4, frozenset({"truncate"})),
    (r"cohere", cohere, frozenset({"truncate"})),
)
"""By a model's id: how its request is made, and which of its own fields a canonical body may carry."""


class Vectors(EmbeddingsUpstream):
    """How embedding models on InvokeModel are talked to."""

    def from_canonical(self, body: Json, endpoint: Endpoint) -> Translated:
        """Translate a body. Raises Unsupported where the model can't read it, InvalidRequest where it makes no sense."""
        notes = Notes()
        form = next((form for form in FORMS if re.search(form[0], endpoint.id)), None)
        if form is None:
            raise Unsupported("model", "its form of requests is not known")
        _, make, own = form
        for name, value in body.items():
            if value is not None and name not in _READ and name not in own:
                notes.drop(name)
        try:
            made = make(_inputs(body["input"]), body, notes)
        except (AttributeError, TypeError, KeyError, IndexError) as error:
            raise InvalidRequest("input", f"can't be read ({type(error).__name__})") from None
        return notes.translated(made)

    def reply_to_canonical(self, reply: Json, state: Any) -> Translated:
        """Translate a reply. Raises Malformed."""
        data = [
            {"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors(reply))
        ]
        count = tokens(reply)
        usage = {} if count is None else {"usage": {"prompt_tokens": count, "total_tokens": count}}
        return Translated({"object": "list", "data": data, **usage})

    def progress(self, stream: bool) -> Progress:
        """Return the reader of one reply."""
        return VectorsProgress()


class VectorsProgress:
    """Reads the one reply: it is done when it has vectors."""

    text = ""

    def __init__(self) -> None:
        self.started = self.done = False
        self.finish: str | None = None
        self.native_finish: str | None = None
        self.usage: Usage | None = None
        self.upstream_id: str | None = None

    def see(self, event: Json) -> None:
        """Take the reply. Raises Malformed where it is none."""
        self.started = self.done = bool(vectors(event))
        id_, count = event.get("id"), tokens(event)
        self.upstream_id = id_ if type(id_) is str else None
        if count is not None:
            self.usage = Usage(input=count)

    def close(self, mark: bool, framed: bool) -> None:
        """The body ended: what is done was done by the reply itself."""


def vectors(reply: Json) -> list[Any]:
    """Return the vectors of a reply in any of the makers' forms. Raises Malformed."""
    found = reply.get("embeddings")
    if type(found) is dict:
        found = found.get("float")
    elif found is None:
        found = [reply["embedding"]] if "embedding" in reply else None
    if type(found) is not list:
        raise Malformed("a reply without vectors")
    made = [one.get("embedding") if type(one) is dict else one for one in found]
    if not all(type(one) is list for one in made):
        raise Malformed("a vector that is no list")
    return made


def tokens(reply: Json) -> int | None:
    """Return how many tokens went in, where it is said."""
    count: Any = reply.get("inputTextTokenCount")
    return int(count) if type(count) in {int, float} and 0 <= count < 2**53 else None


def _inputs(given: Any) -> list[Input]:
    items = given if type(given) is list else [given]
    return [_input(item) for item in items]


def _input(item: Any) -> Input:
    if type(item) is str:
        return Input(text=item)
    if type(item) is not dict:
        raise Unsupported("input", "the model reads texts, not tokens")
    content = item["content"]
    if type(content) is str:
        return Input(text=content)
    texts, images = [], []
    for part in content:
        if part["type"] == "text":
            texts.append(part["text"])
        elif part["type"] == "image_url":
            images.append(part["image_url"]["url"])
        else:
            raise Unsupported("input", "the model reads texts and images")
    if len(images) > 1:
        raise Unsupported("input", "the model reads one image at a time")
    return Input("\n".join(texts) if texts else None, images[0] if images else None)


def _only(inputs: list[Input]) -> Input:
    if len(inputs) != 1:
        raise Unsupported("input", "the model takes one input a request")
    return inputs[0]


def _data(url: str) -> str:
    split = data_url.split(url)
    if split is None:
        raise Unsupported("input", "an image must be a data URL")
    return split.data


def _no_purpose(body: Json, notes: Notes) -> None:
    if body.get("input_type") is not None:
        notes.drop("input_type")


def _known(values: Json) -> Json:
    return {name: value for name, value in values.items() if value is not None}


VECTORS: Final = Dialect(name="bedrock-embeddings", operation="embeddings", upstream=Vectors())
