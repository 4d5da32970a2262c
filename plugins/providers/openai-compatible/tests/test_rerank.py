"""The dialect rerank: the contract of dialects, and what its replies are read as. The wire is synthetic, from documentation."""

import pytest

import taxiway_openai_compatible
from taxiway.errors import InvalidRequest, Malformed
from taxiway.money import Cost
from taxiway.outcome import Bill
from taxiway.testing.dialect import DialectContract, Exchange, make_call, make_candidate, make_endpoint
from taxiway.usage import Usage
from taxiway_openai_compatible.rerank import RERANK

PLAIN = {"model": "acme/ranker", "query": "What is Taxiway?", "documents": ["A router.", "A road for planes."]}
RICH = {**PLAIN, "documents": [{"text": "A router."}, {"image": "https://a.example/b.png"}], "top_n": 1, "user": "a"}
REPLY = {
    "id": "r-1",
    "model": "ranker",
    "results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1, "document": "A router."}],
    "usage": {"total_tokens": 30, "cost": 0.5, "search_units": 1},
}


class TestRerank(DialectContract):
    module = taxiway_openai_compatible
    registration = next(iter(taxiway_openai_compatible.taxiway_dialects()))
    bodies = (PLAIN, RICH)
    exchanges = (Exchange(events=(), reply=REPLY),)


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"query": ""}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": ["a", 5]}, "documents[1]"),
        ({"documents": [{}]}, "documents[0]"),
        ({"top_n": 0}, "top_n"),
        ({"stream": True}, "stream"),
        ({"model": ""}, "model"),
    ],
)
def test_what_can_not_be_served_is_refused_by_field(fields, where):
    with pytest.raises(InvalidRequest) as raised:
        RERANK.client.facts({**PLAIN, **fields}, {}, {})
    assert raised.value.field == where


def test_each_document_is_reckoned_with_the_query():
    facts = RERANK.client.facts({"model": "a/b", "query": "1234", "documents": ["1234", {"text": "1234"}]}, {}, {})
    assert (facts.tokens, facts.inputs, facts.stream) == (4, {"text"}, False)
    assert RERANK.client.facts(RICH, {}, {}).inputs == {"text", "image"}


def test_usage_is_what_went_in_and_what_its_provider_says_that_it_cost():
    progress = RERANK.upstream.progress(stream=False)
    progress.see(REPLY)
    assert (progress.usage.prompt, progress.usage.completion, progress.usage.reported_cost) == (30, 0, 0.5)


@pytest.mark.parametrize("reply", [{}, {"results": {}}, {"results": [1]}, {"results": [{"index": 0}]}])
def test_what_is_no_reply_is_malformed(reply):
    with pytest.raises(Malformed):
        RERANK.upstream.progress(stream=False).see(reply)


def test_every_result_has_its_document_and_the_cost_is_ours():
    bill = Bill(
        make_candidate(make_endpoint("rerank", "rerank")), Usage(input=30, reported_cost=0.5), Cost(2e-5, 2e-5, 0.0)
    )
    reply = {**REPLY, "results": [dict(result) for result in REPLY["results"]], "usage": dict(REPLY["usage"])}
    made = RERANK.client.stamp(make_call(RERANK, RICH), lambda: bill).reply(reply)
    assert (made["id"], made["model"], made["provider"]) == ("gen-1", "acme/model-1", "Acme")
    assert [result["document"] for result in made["results"]] == [
        {"image": "https://a.example/b.png"},
        {"text": "A router."},
    ]
    assert made["usage"] == {
        "total_tokens": 30,
        "search_units": 1,
        "is_byok": True,
        "cost": 2e-5,
        "cost_details": {
            "upstream_inference_cost": 0.5,
            "upstream_inference_prompt_cost": 2e-5,
            "upstream_inference_completions_cost": 0.0,
        },
    }
