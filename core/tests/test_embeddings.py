"""Embeddings: what is read of a request, and the encoding that the client asked for."""

import base64
import struct

import pytest

from taxiway.embeddings import EMBEDDINGS
from taxiway.errors import InvalidRequest, Malformed
from taxiway.money import Cost
from taxiway.outcome import Bill
from taxiway.testing.dialect import make_call, make_candidate, make_endpoint
from taxiway.usage import Usage

FLOATS = [0.5, -1.25]
TEXT = base64.b64encode(struct.pack("<2f", *FLOATS)).decode()
ENDPOINT = make_endpoint("embeddings", "embeddings")


def facts(**changes):
    return EMBEDDINGS.client.facts({"model": "a/b", "input": "hello", **changes}, {}, {})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"input": ""}, "input"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": {}}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": ["a", 5]}, "input[1]"),
        ({"input": [[1], []]}, "input[1]"),
        ({"input": [1, "a"]}, "input"),
        ({"input": [{"content": [{}]}]}, "input[0].content[0].type"),
        ({"model": None}, "model"),
        ({"dimensions": 0}, "dimensions"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"stream": True}, "stream"),
    ],
)
def test_a_mistake_is_named_by_its_field(changes, field):
    with pytest.raises(InvalidRequest) as raised:
        facts(**changes)
    assert raised.value.field == field


def test_tokens_are_estimated_or_counted():
    assert facts(input="x" * 40).tokens == 10
    assert facts(input=["x" * 40, "y" * 4]).tokens == 11
    assert facts(input=[1, 2, 3]).tokens == 3
    assert facts(input=[[1, 2], [3]]).tokens == 3


def test_content_is_a_list_of_parts_and_no_text():
    """As the error says, which at chat names a text too."""
    with pytest.raises(InvalidRequest, match="must be a list of parts"):
        facts(input=[{"content": "a text"}])


def test_parts_tell_their_modality():
    parts = [{"type": "text", "text": "abcd"}, {"type": "image_url", "image_url": {"url": "https://a"}}]
    assert facts(input=[{"content": parts}]).inputs == {"text", "image"}


def stamped(vector, **body):
    call = make_call(EMBEDDINGS, {"model": "a/b", "input": "hello", **body})
    bill = Bill(make_candidate(ENDPOINT), Usage(input=3), Cost(3e-6, 3e-6, 0.0))
    reply = {"data": [{"embedding": vector}], "usage": {"prompt_tokens": 3, "total_tokens": 3}}
    return EMBEDDINGS.client.stamp(call, lambda: bill).reply(reply)


@pytest.mark.parametrize("vector", [FLOATS, TEXT])
@pytest.mark.parametrize(("asked", "given_back"), [("base64", TEXT), ("float", FLOATS), (None, FLOATS)])
def test_vectors_come_in_the_encoding_that_was_asked_for(vector, asked, given_back):
    body = {} if asked is None else {"encoding_format": asked}
    assert stamped(vector, **body)["data"] == [{"object": "embedding", "index": 0, "embedding": given_back}]


def test_a_reply_says_who_served_and_what_it_cost():
    reply = stamped(FLOATS)
    assert (reply["id"], reply["object"], reply["model"], reply["provider"]) == (
        "gen-1",
        "list",
        "acme/model-1",
        "Acme",
    )
    assert reply["usage"]["prompt_tokens"] == reply["usage"]["total_tokens"] == 3
    assert reply["usage"]["cost"] == 3e-6
    assert reply["usage"]["is_byok"] is True


@pytest.mark.parametrize("vector", ["!", "AAA=", ["x"]])
def test_a_vector_that_is_none_is_malformed(vector):
    asked = "base64" if isinstance(vector, list) else "float"
    with pytest.raises(Malformed):
        stamped(vector, encoding_format=asked)


@pytest.mark.parametrize("reply", [{}, {"data": 1}, {"data": [1]}, {"data": [{}]}])
def test_a_reply_without_vectors_is_malformed(reply):
    with pytest.raises(Malformed):
        EMBEDDINGS.upstream.progress(stream=False).see(reply)


def test_what_an_endpoint_refuses_is_left_out_and_named():
    endpoint = make_endpoint("embeddings", "embeddings", unsupported=frozenset({"dimensions"}))
    body = {"input": "a", "dimensions": 3}
    translated = EMBEDDINGS.upstream.from_canonical(body, endpoint)
    assert translated.body == {"input": "a"}
    assert translated.dropped == ("dimensions",)
    assert EMBEDDINGS.upstream.from_canonical(body, ENDPOINT).body is body
