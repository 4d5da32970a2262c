"""The dialects cohere-embeddings and cohere-rerank: the contract, and what becomes what."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

import taxiway_cohere_chat
from taxiway.codec import dumps, loads
from taxiway.embeddings import EMBEDDINGS
from taxiway.errors import InvalidRequest, Malformed, Unsupported
from taxiway.outcome import Bill
from taxiway.testing.dialect import JSON, DialectContract, Exchange, make_call, make_candidate, make_endpoint
from taxiway.usage import Usage
from taxiway_cohere_chat.embeddings import COHERE_EMBEDDINGS
from taxiway_cohere_chat.rerank import COHERE_RERANK

REGISTRATIONS = {one.name: one for one in taxiway_cohere_chat.taxiway_dialects()}
VECTORS = {
    "id": "e1",
    "embeddings": {"float": [[0.5, 0.25], [1.0, 0.0]]},
    "texts": ["a", "b"],
    "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 2}},
    "response_type": "embeddings_by_type",
}
RANKED = {
    "id": "r1",
    "results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}],
    "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
}
IMAGE = "data:image/png;base64,AA"
PICTURE = {"type": "image_url", "image_url": {"url": IMAGE}}
TEXT = {"type": "text", "text": "a"}
EMBED_BODIES = (
    {
        "model": "m",
        "texts": ["a", "b"],
        "input_type": "search_query",
        "embedding_types": ["float", "base64"],
        "truncate": "END",
    },
    {"model": "m", "images": [IMAGE], "input_type": "image"},
    {"model": "m", "inputs": [{"content": [TEXT, PICTURE]}], "input_type": "clustering", "output_dimension": 256},
)
RANK_BODIES = (
    {"model": "m", "query": "q", "documents": ["a", "b"], "top_n": 1, "max_tokens_per_doc": 100},
    {"model": "m", "query": "q", "documents": [{"text": "a"}], "return_documents": True},
)


class TestCohereEmbeddings(DialectContract):
    module = taxiway_cohere_chat
    registration = REGISTRATIONS["cohere-embeddings"]
    bodies = EMBED_BODIES
    exchanges = (Exchange(events=(), reply=VECTORS),)


class TestCohereRerank(DialectContract):
    module = taxiway_cohere_chat
    registration = REGISTRATIONS["cohere-rerank"]
    bodies = RANK_BODIES
    exchanges = (Exchange(events=(), reply=RANKED),)


def embed(body):
    return COHERE_EMBEDDINGS.upstream.from_canonical(body, make_endpoint("embeddings", "cohere-embeddings"))


def rank(body):
    return COHERE_RERANK.upstream.from_canonical(body, make_endpoint("rerank", "cohere-rerank"))


@pytest.mark.parametrize(
    ("body", "made", "applied"),
    [
        ({"input": "a"}, {"texts": ["a"], "input_type": "search_document"}, ("input_type",)),
        ({"input": ["a", "b"], "input_type": "query"}, {"texts": ["a", "b"], "input_type": "search_query"}, ()),
        (
            {"input": ["a"], "dimensions": 8, "input_type": "x"},
            {"texts": ["a"], "output_dimension": 8, "input_type": "x"},
            (),
        ),
        ({"input": [{"content": [PICTURE]}]}, {"images": [IMAGE], "input_type": "image"}, ("input_type",)),
        (
            {"input": ["a", {"content": [TEXT, PICTURE]}, {"content": "b"}]},
            {
                "inputs": [{"content": [TEXT]}, {"content": [TEXT, PICTURE]}, {"content": [{**TEXT, "text": "b"}]}],
                "input_type": "search_document",
            },
            ("input_type",),
        ),
    ],
)
def test_inputs_are_texts_images_or_both(body, made, applied):
    translated = embed({**body, "encoding_format": "base64", "user": "u"})
    assert translated.body == {**made, "embedding_types": ["float"]}
    assert translated.applied == applied
    assert translated.dropped == ("user",)


@pytest.mark.parametrize("given_input", [[1, 2], [[1, 2]], [{"content": [{"type": "input_audio", "input_audio": {}}]}]])
def test_tokens_and_sounds_are_unsupported(given_input):
    with pytest.raises(Unsupported, match=r"input\["):
        embed({"input": given_input})


@pytest.mark.parametrize(
    "embeddings",
    [
        {"float": [[0.5, 0.25], [1.0, 0.0]]},
        [[0.5, 0.25], [1.0, 0.0]],
        {"int8": [[1]], "float": [[0.5, 0.25], [1.0, 0.0]]},
    ],
)
def test_vectors_are_found_wherever_they_are(embeddings):
    made = COHERE_EMBEDDINGS.upstream.reply_to_canonical({**VECTORS, "embeddings": embeddings}, None).body
    assert [item["embedding"] for item in made["data"]] == [[0.5, 0.25], [1.0, 0.0]]
    assert made["usage"] == {"prompt_tokens": 2, "total_tokens": 2, "billed_units": {"input_tokens": 2}}


def test_the_canonical_reply_is_one_that_embeddings_can_stamp():
    made = COHERE_EMBEDDINGS.upstream.reply_to_canonical(VECTORS, None).body
    bill = Bill(make_candidate(make_endpoint("embeddings", "cohere-embeddings")), Usage(input=2), None)
    call = make_call(EMBEDDINGS, {"model": "m", "input": ["a", "b"], "encoding_format": "base64"})
    reply = EMBEDDINGS.client.stamp(call, lambda: bill).reply(made)
    assert reply["data"][0]["embedding"] == "AAAAPwAAgD4="


@pytest.mark.parametrize("reply", [{}, {"embeddings": None}, {"embeddings": {"float": 1}}, {"embeddings": {"odd": []}}])
def test_a_reply_without_vectors_is_malformed(reply):
    for take in (
        COHERE_EMBEDDINGS.upstream.progress(stream=False).see,
        lambda one: COHERE_EMBEDDINGS.upstream.reply_to_canonical(one, None),
    ):
        with pytest.raises(Malformed):
            take(reply)


def test_a_client_of_the_dialect_is_served_by_others():
    client = COHERE_EMBEDDINGS.client
    translated = client.to_canonical({**EMBED_BODIES[0], "priority": 1})
    assert translated.body == {"model": "m", "input": ["a", "b"], "input_type": "search_query"}
    assert translated.dropped == ("truncate", "priority")
    call = make_call(COHERE_EMBEDDINGS, EMBED_BODIES[0])
    reply = {"id": "x", "data": [{"embedding": [0.5, 0.25]}, {"embedding": "AAAAPw=="}], "usage": {"prompt_tokens": 4}}
    assert client.reply_from_canonical(reply, call).body == {
        "id": "x",
        "embeddings": {"float": [[0.5, 0.25], [0.5]], "base64": ["AAAAPwAAgD4=", "AAAAPw=="]},
        "texts": ["a", "b"],
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 4}},
        "response_type": "embeddings_by_type",
    }


def test_vectors_that_only_cohere_has_go_nowhere_else():
    body = {**EMBED_BODIES[0], "embedding_types": ["int8"]}
    assert COHERE_EMBEDDINGS.client.facts(body, {}, {}).models == ("m",)
    with pytest.raises(Unsupported):
        COHERE_EMBEDDINGS.client.to_canonical(body)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "texts"),
        ({"texts": [""]}, "texts"),
        ({"texts": "a"}, "texts"),
        ({"images": [1]}, "images"),
        ({"inputs": [{"content": 1}]}, "inputs[0].content"),
        ({"texts": ["a"], "embedding_types": ["odd"]}, "embedding_types"),
        ({"texts": ["a"], "model": None}, "model"),
    ],
)
def test_what_is_wrong_with_a_body_is_named(body, field):
    with pytest.raises(InvalidRequest) as raised:
        COHERE_EMBEDDINGS.client.facts({"model": "m", **body}, {}, {})
    assert raised.value.field == field


def test_ranked_documents_are_told_again():
    translated = rank({"query": "q", "documents": ["a", {"text": "b"}], "top_n": 2, "user": "u"})
    assert translated.body == {"query": "q", "documents": ["a", "b"], "top_n": 2}
    assert translated.dropped == ("user",)
    assert COHERE_RERANK.upstream.reply_to_canonical(copy.deepcopy(RANKED), translated.state).body == {
        "id": "r1",
        "results": [
            {"index": 1, "relevance_score": 0.9, "document": {"text": "b"}},
            {"index": 0, "relevance_score": 0.1, "document": {"text": "a"}},
        ],
        "usage": {"search_units": 1},
    }


@pytest.mark.parametrize("document", [{"text": "a", "image": IMAGE}, {"image": IMAGE}, 1])
def test_pictures_are_not_ranked(document):
    with pytest.raises(Unsupported, match=r"documents\[1\]"):
        rank({"query": "q", "documents": ["a", document]})


def test_what_others_can_not_be_asked_is_named():
    body = {**RANK_BODIES[1], "relevant_spans": {"mode": "enabled"}, "priority": 0}
    made = COHERE_RERANK.client.to_canonical(body)
    assert made.body == {"model": "m", "query": "q", "documents": ["a"]}
    assert made.dropped == ("relevant_spans", "return_documents")


def test_searches_are_what_is_billed():
    progress = COHERE_RERANK.upstream.progress(stream=False)
    progress.see({**RANKED, "meta": {"billed_units": {"search_units": 3.0}, "tokens": {"input_tokens": 7}}})
    assert progress.usage == Usage(input=7, requests=3)
    with pytest.raises(Malformed):
        progress.see({"results": None})


def test_a_client_that_wants_its_documents_back_gets_them():
    reply = COHERE_RERANK.upstream.reply_to_canonical(RANKED, ["a", "b"]).body
    for body, told in (
        (RANK_BODIES[0], {"index", "relevance_score"}),
        (RANK_BODIES[1], {"index", "relevance_score", "document"}),
    ):
        call = make_call(COHERE_RERANK, body)
        made = COHERE_RERANK.client.reply_from_canonical(copy.deepcopy(reply), call).body
        assert made["meta"] == RANKED["meta"]
        assert all(set(result) == told for result in made["results"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"query": ""}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": [1]}, "documents[0]"),
        ({"top_n": 0}, "top_n"),
        ({"model": 1}, "model"),
    ],
)
def test_what_is_wrong_with_a_rerank_is_named(body, field):
    with pytest.raises(InvalidRequest) as raised:
        COHERE_RERANK.client.facts({**RANK_BODIES[0], **body}, {}, {})
    assert raised.value.field == field


def test_the_stamp_tells_who_and_what_it_cost():
    endpoint = make_endpoint("embeddings", "cohere-embeddings")
    bill = Bill(make_candidate(endpoint), Usage(input=2), endpoint.price.parts(Usage(input=2)))
    call = make_call(COHERE_EMBEDDINGS, EMBED_BODIES[0])
    reply = COHERE_EMBEDDINGS.client.stamp(call, lambda: bill).reply(copy.deepcopy(VECTORS))
    assert (reply["id"], reply["model"], reply["provider"]) == ("gen-1", "acme/model-1", "Acme")
    assert reply["meta"] == {**VECTORS["meta"], "cost": 2e-6, "is_byok": True}


@given(reply=st.dictionaries(st.sampled_from(["results", "embeddings", "meta", "id"]), JSON), state=JSON)
def test_any_reply_is_translated_or_malformed(reply, state):
    for dialect in (COHERE_EMBEDDINGS, COHERE_RERANK):
        try:
            dialect.upstream.progress(stream=False).see(reply)
            made = dialect.upstream.reply_to_canonical(reply, state).body
        except Malformed:
            continue
        assert loads(dumps(made)) == made


@given(given_input=JSON, documents=JSON, kind=JSON)
def test_any_canonical_body_is_translated_or_unsupported(given_input, documents, kind):
    for make, body in (
        (embed, {"input": given_input, "input_type": kind}),
        (rank, {"query": kind, "documents": documents}),
    ):
        try:
            made = make(body).body
        except Unsupported:
            continue
        assert loads(dumps(made)) == made


@given(body=st.dictionaries(st.sampled_from([*EMBED_BODIES[0], *EMBED_BODIES[2], *RANK_BODIES[0], "images"]), JSON))
def test_any_body_of_a_client_is_translated_or_refused(body):
    for dialect in (COHERE_EMBEDDINGS, COHERE_RERANK):
        try:
            dialect.client.facts({"model": "m", **body}, {}, {})
            made = dialect.client.to_canonical(body).body
        except (InvalidRequest, Unsupported):
            continue
        assert loads(dumps(made)) == made
