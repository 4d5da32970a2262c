"""Embeddings: each maker's form of request and reply."""

import pytest

from taxiway.errors import InvalidRequest, Malformed, Unsupported
from taxiway.http import HttpHead
from taxiway.testing.dialect import make_endpoint
from taxiway_bedrock.embeddings import VECTORS
from taxiway_bedrock.frames import counted

TITAN, TITAN_1, TITAN_IMAGE = (
    "amazon.titan-embed-text-v2:0",
    "amazon.titan-embed-text-v1",
    "amazon.titan-embed-image-v1",
)
NOVA, COHERE, COHERE_4 = "amazon.nova-2-multimodal-embeddings-v1:0", "cohere.embed-english-v3", "us.cohere.embed-v4:0"
PIXEL = "data:image/png;base64,AAAA"
IMAGE = {"content": [{"type": "image_url", "image_url": {"url": PIXEL}}]}
BOTH = {"content": [{"type": "text", "text": "a cat"}, *IMAGE["content"]]}


def translated(body, id_):
    return VECTORS.upstream.from_canonical(body, make_endpoint("embeddings", "bedrock-embeddings", id=id_))


def nova(**params):
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {"embeddingPurpose": "GENERIC_INDEX", **params}}


@pytest.mark.parametrize(
    ("id_", "body", "sent", "dropped"),
    [
        (
            TITAN,
            {"input": "a", "dimensions": 256, "normalize": True},
            {"inputText": "a", "dimensions": 256, "normalize": True},
            (),
        ),
        (TITAN, {"input": ["a"], "encoding_format": "base64"}, {"inputText": "a"}, ()),
        (
            TITAN_1,
            {"input": {"content": "a"}, "user": "u", "input_type": "query"},
            {"inputText": "a"},
            ("user", "input_type"),
        ),
        (
            TITAN_IMAGE,
            {"input": BOTH, "dimensions": 384},
            {"inputText": "a cat", "inputImage": "AAAA", "embeddingConfig": {"outputEmbeddingLength": 384}},
            (),
        ),
        (
            NOVA,
            {"input": "a", "dimensions": 256, "input_type": "search_query"},
            nova(
                embeddingPurpose="GENERIC_RETRIEVAL",
                embeddingDimension=256,
                text={"truncationMode": "END", "value": "a"},
            ),
            (),
        ),
        (
            NOVA,
            {"input": IMAGE, "input_type": "odd"},
            nova(image={"format": "png", "source": {"bytes": "AAAA"}}),
            ("input_type",),
        ),
        (COHERE, {"input": ["a", "b"]}, {"texts": ["a", "b"], "input_type": "search_document"}, ()),
        (
            COHERE,
            {"input": "a", "input_type": "search_query", "truncate": "NONE"},
            {"texts": ["a"], "input_type": "search_query", "truncate": "NONE"},
            (),
        ),
        (COHERE, {"input": [IMAGE]}, {"images": [PIXEL], "input_type": "image"}, ()),
        (
            COHERE_4,
            {"input": "a", "dimensions": 512},
            {"texts": ["a"], "input_type": "search_document", "embedding_types": ["float"], "output_dimension": 512},
            (),
        ),
    ],
)
def test_a_request_is_said_in_its_makers_form(id_, body, sent, dropped):
    made = translated(body, id_)
    assert made.body == sent
    assert made.dropped == dropped


@pytest.mark.parametrize(
    ("id_", "body", "field"),
    [
        (TITAN, {"input": ["a", "b"]}, "input"),
        (TITAN, {"input": [1, 2]}, "input"),
        (TITAN, {"input": IMAGE}, "input"),
        (TITAN_1, {"input": "a", "dimensions": 5}, "dimensions"),
        (COHERE, {"input": "a", "dimensions": 5}, "dimensions"),
        (COHERE, {"input": ["a", IMAGE]}, "input"),
        (NOVA, {"input": BOTH}, "input"),
        (
            TITAN_IMAGE,
            {"input": {"content": [{"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}]}},
            "input",
        ),
        ("other.embedder", {"input": "a"}, "model"),
    ],
)
def test_what_a_model_can_not_read_is_unsupported(id_, body, field):
    with pytest.raises(Unsupported) as raised:
        translated(body, id_)
    assert raised.value.field == field


@pytest.mark.parametrize("given", [{}, {"content": 5}, {"content": [{"type": "text"}]}, [[]]])
def test_what_makes_no_sense_is_refused(given):
    with pytest.raises((InvalidRequest, Unsupported)):
        translated({"input": given}, TITAN)


@pytest.mark.parametrize(
    ("reply", "vectors", "tokens"),
    [
        ({"embedding": [0.1], "embeddingsByType": {"float": [0.1]}, "inputTextTokenCount": 4}, [[0.1]], 4),
        (
            {"embeddings": [[0.1], [0.2]], "response_type": "embeddings_floats", "texts": ["a", "b"]},
            [[0.1], [0.2]],
            None,
        ),
        ({"embeddings": {"float": [[0.1]]}, "id": "x"}, [[0.1]], None),
        ({"embeddings": [{"embeddingType": "TEXT", "embedding": [0.1]}]}, [[0.1]], None),
    ],
)
def test_a_reply_is_read_in_every_makers_form(reply, vectors, tokens):
    body = VECTORS.upstream.reply_to_canonical(reply, None).body
    assert [(item["index"], item["embedding"]) for item in body["data"]] == list(enumerate(vectors))
    assert body.get("usage") == (None if tokens is None else {"prompt_tokens": tokens, "total_tokens": tokens})
    progress = VECTORS.upstream.progress(stream=False)
    progress.see(reply)
    assert progress.done
    assert (progress.usage and progress.usage.input) == tokens


@pytest.mark.parametrize("reply", [{}, {"embeddings": 5}, {"embeddings": ["x"]}, {"embedding": "x"}])
def test_a_reply_without_vectors_is_malformed(reply):
    with pytest.raises(Malformed):
        VECTORS.upstream.reply_to_canonical(reply, None)
    with pytest.raises(Malformed):
        VECTORS.upstream.progress(stream=False).see(reply)


@pytest.mark.parametrize(("header", "count"), [("7", 7), ("x", None), ("", None), ("9" * 30, None)])
def test_tokens_that_only_the_head_counts_are_in_the_reply(header, count):
    (reply,) = counted(HttpHead(200, {"x-amzn-bedrock-input-token-count": header}))({"embeddings": [[0.1]]})
    assert reply.get("inputTextTokenCount") == count
    (known,) = counted(HttpHead(200, {"x-amzn-bedrock-input-token-count": "9"}))({"inputTextTokenCount": 4})
    assert known == {"inputTextTokenCount": 4}
