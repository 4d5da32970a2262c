"""Cohere: the contract, and what its addresses, errors, headers and models are."""

from collections.abc import Mapping
from typing import Any

import pytest

import taxiway_cohere
import taxiway_cohere_chat
from taxiway.candidate import Credential
from taxiway.catalog import CatalogModel
from taxiway.codec import dumps, loads
from taxiway.converter import structure
from taxiway.dialect import Dialect
from taxiway.http import HttpHead
from taxiway.provider import InBandError
from taxiway.registration import NoOptions
from taxiway.secret import Secret
from taxiway.testing.dialect import context
from taxiway.testing.provider import NOW, KnownModels, ProviderContract, Sample

REGISTRATION = next(iter(taxiway_cohere.taxiway_providers()))
COHERE = {one.name: one.build(NoOptions(), context()) for one in taxiway_cohere_chat.taxiway_dialects()}
USER = {"role": "user", "content": "hi"}
STREAM = (
    b'event: message-start\ndata: {"id":"c","type":"message-start","delta":{"message":{"role":"assistant"}}}\n\n'
    b'event: content-start\ndata: {"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}\n\n'
    b'event: content-delta\ndata: {"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"H\xc3\xa9"}}}}\n\n'
    b'event: content-end\ndata: {"type":"content-end","index":0}\n\n'
    b'event: message-end\ndata: {"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"tokens":{"input_tokens":9}}}}\n\n'
)
CHAT_BODY = {"model": "m", "messages": [USER]}


class TestCohere(ProviderContract):
    module = taxiway_cohere
    registration = REGISTRATION
    dialects: Mapping[str, Dialect] = {**ProviderContract.dialects, **COHERE}
    models = (
        *ProviderContract.models,
        CatalogModel(id="model-3", slug="acme/model-3", name="Model 3", operation="rerank"),
    )
    limit_headers = ("x-trial-endpoint-call-limit", "x-trial-endpoint-call-remaining")
    samples = (
        Sample(body=CHAT_BODY, reply=STREAM, dialect="cohere-chat", stream=True, content_type="text/event-stream"),
        Sample(
            body=CHAT_BODY,
            reply=STREAM + b"data: [DONE]\n\n",
            dialect="cohere-chat",
            stream=True,
            content_type="text/event-stream",
        ),
        Sample(
            body=CHAT_BODY,
            reply=b'{"id":"c","message":{"role":"assistant","content":[{"type":"text","text":"Hi"}]},"finish_reason":"COMPLETE"}',
            dialect="cohere-chat",
        ),
        Sample(
            body={"model": "m", "texts": ["a"], "input_type": "search_query"},
            reply=b'{"id":"e","embeddings":{"float":[[0.5]]}}',
            dialect="cohere-embeddings",
        ),
        Sample(
            body={"model": "m", "query": "q", "documents": ["a"]},
            reply=b'{"id":"r","results":[{"index":0,"relevance_score":0.5}]}',
            dialect="cohere-rerank",
        ),
    )


class TestCompatible(ProviderContract):
    module = taxiway_cohere
    registration = REGISTRATION
    options: Mapping[str, Any] = {"compatibility": True}
    samples = (
        Sample(body=CHAT_BODY, reply=b'{"choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}'),
        Sample(body={"model": "m", "input": "a"}, reply=b'{"data":[{"embedding":[0.1]}]}', dialect="embeddings"),
    )


CONTRACT, COMPATIBLE = TestCohere(), TestCompatible()
PROVIDER = CONTRACT._build()
SENT = CONTRACT._outgoing(PROVIDER, CONTRACT.samples[2])


@pytest.mark.parametrize(
    ("contract", "sample", "target"),
    [
        (CONTRACT, 0, "/v2/chat"),
        (CONTRACT, 3, "/v2/embed"),
        (CONTRACT, 4, "/v2/rerank"),
        (COMPATIBLE, 0, "/compatibility/v1/chat/completions"),
        (COMPATIBLE, 1, "/compatibility/v1/embeddings"),
    ],
)
def test_each_dialect_has_its_address(contract, sample, target):
    provider = contract._build()
    request = provider.prepare(contract._outgoing(provider, contract.samples[sample]), NOW)
    assert (str(request.origin), request.target) == ("https://api.cohere.com", target)
    body = loads(request.body)
    assert body["model"].startswith("model-") or body["model"] in {
        "embed-v4.0",
        "rerank-v4.0-pro",
        "command-a-plus-05-2026",
    }
    assert body.get("stream", False) is contract.samples[sample].stream
    assert "stream_options" not in body


def test_another_address_has_the_same_paths():
    credential = Credential(id="c", provider="cohere", label="c", settings={"base_url": "https://cohere.example/api/"})
    (account,) = PROVIDER.accounts(credential, Secret("k-0123456789"))
    assert account.settings.targets["cohere-chat"] == "/api/v2/chat"
    probe = PROVIDER.probe(account, account.secret, NOW)
    assert (probe.method, probe.target) == ("GET", "/api/v1/models?page_size=1")
    assert ("authorization", "Bearer k-0123456789") in probe.headers


def test_models_that_the_catalog_lacks_are_there_and_those_that_it_has_are_its():
    known = CatalogModel(id="embed-v4.0", slug="cohere/embed-v4", name="The catalog's", operation="embeddings")
    endpoints = {one.id: one for one in PROVIDER.endpoints(KnownModels([known]), [])}
    assert endpoints["embed-v4.0"].name == "The catalog's"
    assert endpoints["rerank-v3.5"].dialects == {"rerank": ("cohere-rerank",)}
    assert endpoints["embed-english-v3.0"].dialects == {"embeddings": ("cohere-embeddings",)}
    assert endpoints["command-a-plus-05-2026"].dialects == {"chat": ("cohere-chat",)}
    assert not endpoints["embed-english-v3.0"].price.known
    compatible = {one.id: one.dialects for one in COMPATIBLE._build().endpoints(KnownModels([known]), [])}
    assert "rerank-v3.5" not in compatible
    assert compatible["embed-v4.0"] == {"embeddings": ("embeddings",)}


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (401, {"id": "x", "message": "invalid api token"}, "credential_invalid"),
        (498, {"message": "invalid token"}, "credential_invalid"),
        (402, {"message": "Please add a payment method"}, "quota_exhausted"),
        (404, {"id": "x", "message": "model 'command-r' was removed on September 15, 2025."}, "not_found"),
        (
            400,
            {
                "id": "x",
                "message": "too many tokens: size limit exceeded by 5 tokens.",
                "error_type": "TOO_MANY_TOKENS",
            },
            "context_length",
        ),
        (
            400,
            {"message": "too many tokens: total number of tokens in the prompt cannot exceed 4081"},
            "context_length",
        ),
        (
            400,
            {
                "message": "too many tokens: max tokens must be less than or equal to 4096, the maximum output for this model"
            },
            "unsupported_here",
        ),
        (400, {"message": "invalid request: response_format is not supported with RAG."}, "unsupported_here"),
        (
            400,
            {"message": "invalid request: cannot specify both frequency_penalty and presence_penalty."},
            "unsupported_here",
        ),
        (400, {"message": "invalid request: list of documents must not be empty"}, "invalid_request"),
        (422, {"message": "missing field `model`"}, "invalid_request"),
        (429, {"message": "You are using a Trial key, which is limited to 40 API calls / minute."}, "rate_limited"),
        (429, {"message": "You are using a Trial key, which is limited to 1000 API calls / month."}, "quota_exhausted"),
        (500, {"message": "internal server error"}, "unavailable"),
        (503, "upstream connect error", "overloaded"),
        (None, {"message": "invalid tool generation", "error_type": "INVALID_TOOL_GENERATION"}, "unsupported_here"),
        (None, {"message": "x", "error_type": "TIMEOUT"}, "timeout"),
        (None, {"message": "x", "error_type": "ERROR"}, "unavailable"),
    ],
)
def test_errors_are_what_the_table_says(status, error, kind):
    failure = PROVIDER.classify(SENT, status, {}, error, NOW)
    assert failure.kind == kind
    assert failure.message


@pytest.mark.parametrize(
    ("end", "raw"),
    [
        (
            {"finish_reason": "ERROR", "usage": {}, "error": "no", "error_type": "INVALID_TOOL_GENERATION"},
            {"message": "no", "error_type": "INVALID_TOOL_GENERATION"},
        ),
        ({"finish_reason": "TIMEOUT"}, {"message": "the model could not finish its answer", "error_type": "TIMEOUT"}),
    ],
)
def test_an_answer_that_ends_in_an_error_is_one(end, raw):
    replies = PROVIDER.replies(CONTRACT._outgoing(PROVIDER, CONTRACT.samples[0]), HttpHead(200, {}))
    (event,) = replies.feed(b"data: %b\n\n" % dumps({"type": "message-end", "delta": end}))
    assert event == InBandError(raw)
    replies = PROVIDER.replies(SENT, HttpHead(200, {}))
    replies.feed(dumps({"id": "c", "message": {"role": "assistant"}, **end}))
    (event,) = replies.close(framed=True)
    assert isinstance(event, InBandError)
    assert PROVIDER.classify(SENT, None, {}, event.raw, NOW).code == raw["error_type"]


def test_the_limits_of_a_trial_key_are_read():
    headers = {
        "x-trial-endpoint-call-limit": "40",
        "x-trial-endpoint-call-remaining": "30",
        "x-endpoint-monthly-call-limit": "1000",
    }
    (hint,) = PROVIDER.hints(SENT, HttpHead(200, headers), NOW)
    assert (hint.unit, hint.window, hint.limit, hint.remaining) == ("requests", 60, 40, 30)


def test_keys_in_the_environment_are_offered():
    for name in ("COHERE_API_KEY", "CO_API_KEY"):
        (credential,) = REGISTRATION.environment({name: "k-1234567890"})
        assert (credential.provider, credential.key) == ("cohere", f"env:{name}")
    assert not list(REGISTRATION.environment({}))


def test_the_option_is_off_by_itself():
    assert structure({}, REGISTRATION.options) == taxiway_cohere.Options(compatibility=False)
