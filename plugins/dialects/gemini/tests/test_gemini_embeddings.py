"""Embeddings, both ways."""

import pytest

from taxiway.errors import InvalidRequest, Malformed, Unsupported
from taxiway.testing.dialect import make_endpoint
from taxiway_gemini import GEMINI_EMBEDDINGS

ENDPOINT = make_endpoint("embeddings", "gemini-embeddings")
PIXEL = "data:image/png;base64,aGk="


def asked(body):
    return GEMINI_EMBEDDINGS.upstream.from_canonical(body, ENDPOINT)


def test_every_input_is_a_request_of_a_batch():
    translated = asked(
        {"input": ["a", "b"], "dimensions": 8, "input_type": "search_query", "encoding_format": "base64"}
    )
    shared = {"outputDimensionality": 8, "taskType": "RETRIEVAL_QUERY"}
    assert translated.body == {
        "requests": [
            {"content": {"parts": [{"text": "a"}]}, **shared},
            {"content": {"parts": [{"text": "b"}]}, **shared},
        ]
    }
    assert translated.dropped == ()


def test_one_text_is_a_batch_of_one_and_content_may_hold_images():
    assert asked({"input": "a"}).body == {"requests": [{"content": {"parts": [{"text": "a"}]}}]}
    parts = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    assert asked({"input": [{"content": parts}]}).body["requests"][0]["content"]["parts"] == [
        {"text": "a"},
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
    ]


@pytest.mark.parametrize("tokens", [[1, 2], [[1, 2], [3]]])
def test_tokens_are_unsupported(tokens):
    with pytest.raises(Unsupported, match=r"input\[0\]"):
        asked({"input": tokens})


def test_what_has_no_word_is_named():
    assert asked({"input": "a", "user": "me", "input_type": "odd"}).dropped == ("user", "input_type")


def test_vectors_and_tokens_are_told():
    reply = {"embeddings": [{"values": [0.5]}, {"values": [1]}], "usageMetadata": {"promptTokenCount": 4}}
    assert GEMINI_EMBEDDINGS.upstream.reply_to_canonical(reply, None).body == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5]},
            {"object": "embedding", "index": 1, "embedding": [1]},
        ],
        "model": "",
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
    }
    progress = GEMINI_EMBEDDINGS.upstream.progress(stream=False)
    progress.see(reply)
    assert progress.done
    assert progress.usage.prompt == 4


@pytest.mark.parametrize("reply", [{}, {"embeddings": 1}, {"embeddings": [{}]}, {"embedding": {"values": "x"}}])
def test_a_reply_without_vectors_is_malformed(reply):
    with pytest.raises(Malformed):
        GEMINI_EMBEDDINGS.upstream.reply_to_canonical(reply, None)
    with pytest.raises(Malformed):
        GEMINI_EMBEDDINGS.upstream.progress(stream=False).see(reply)


def test_what_clients_ask_in_both_spellings():
    batch = {"requests": [{"content": {"parts": [{"text": "a"}]}, "output_dimensionality": 8, "title": "t"}]}
    translated = GEMINI_EMBEDDINGS.client.to_canonical(batch)
    assert translated.body == {"input": ["a"], "dimensions": 8}
    assert translated.dropped == ("requests.title",)
    single = {"content": {"parts": [{"text": "a"}]}, "embedContentConfig": {"taskType": "CLUSTERING"}}
    assert GEMINI_EMBEDDINGS.client.to_canonical(single).body == {"input": ["a"], "input_type": "clustering"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"requests": []}, "requests"),
        ({"requests": [{}]}, "requests[0].content"),
        ({"content": {"parts": []}}, "content"),
        ({"content": {"parts": [{"text": ""}]}}, "content.parts"),
        ({"content": {"parts": [{"text": "a"}]}, "outputDimensionality": True}, "outputDimensionality"),
    ],
)
def test_what_is_wrong_is_named(body, field):
    with pytest.raises(InvalidRequest) as raised:
        GEMINI_EMBEDDINGS.client.facts(body, {"model": "gemini-embedding-001"}, {})
    assert raised.value.field == field
