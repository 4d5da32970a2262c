"""Azure: the contract, and what its events, errors, headers and models are read as."""

from collections.abc import Mapping
from typing import Any

import pytest

import taxiway_azure
from taxiway.candidate import Credential
from taxiway.catalog import CatalogModel
from taxiway.chat import CHAT
from taxiway.codec import dumps, loads
from taxiway.http import HttpHead
from taxiway.outcome import Bill
from taxiway.secret import Secret
from taxiway.testing.provider import NOW, KnownModels, ProviderContract, Sample

REGISTRATION = next(iter(taxiway_azure.taxiway_providers()))
USER = {"role": "user", "content": "hi"}
SAFE = {"hate": {"filtered": False, "severity": "safe"}, "jailbreak": {"detected": False, "filtered": False}}
NAMED = {"id": "chatcmpl-1", "model": "gpt-4o-2024-08-06", "object": "chat.completion.chunk", "created": 1}
FIRST = {
    "choices": [],
    "created": 0,
    "id": "",
    "model": "",
    "object": "",
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": SAFE}],
}
CHUNKS = (
    FIRST,
    {**NAMED, "choices": [{"content_filter_results": {}, "finish_reason": None, "index": 0, "logprobs": None}]},
    {
        **NAMED,
        "choices": [{"content_filter_results": SAFE, "delta": {"content": "Hi"}, "finish_reason": None, "index": 0}],
    },
    {**NAMED, "choices": [{"content_filter_results": {}, "delta": {}, "finish_reason": "stop", "index": 0}]},
    {
        **NAMED,
        "choices": [],
        "latency_checkpoint": {"engine_ttft_ms": 30},
        "usage": {"prompt_tokens": 8, "completion_tokens": 1, "total_tokens": 9},
    },
)
STREAM = b"".join(b"data: %b\n\n" % dumps(chunk) for chunk in CHUNKS) + b"data: [DONE]\n\n"
REPLY = {
    **NAMED,
    "object": "chat.completion",
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": SAFE}],
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hi"},
            "finish_reason": "stop",
            "content_filter_results": {},
            "content_filter_result": {"error": {"code": "content_filter_error", "message": "not filtered"}},
        }
    ],
}


class TestAzure(ProviderContract):
    module = taxiway_azure
    registration = REGISTRATION
    key = "planted0123456789abcdef0123456789"
    settings: Mapping[str, Any] = {"resource": "acme"}
    limit_headers = tuple(
        f"x-ratelimit-{what}-{unit}" for what in ("limit", "remaining", "reset") for unit in ("requests", "tokens")
    )
    samples = (
        Sample(body={"model": "m", "messages": [USER]}, reply=STREAM, stream=True, content_type="text/event-stream"),
        Sample(body={"model": "m", "messages": [USER]}, reply=dumps(REPLY)),
        Sample(body={"model": "m", "input": "a"}, reply=b'{"data":[{"embedding":[0.1]}]}', dialect="embeddings"),
    )


class TestEntra(TestAzure):
    """The secret of the account stands for the token that is derived from it."""

    settings: Mapping[str, Any] = {"resource": "acme", "tenant": "contoso.onmicrosoft.com", "client_id": "app"}


class TestDeployments(TestAzure):
    """An older version: the deployment is in the path."""

    settings: Mapping[str, Any] = {
        "endpoint": "https://acme.openai.azure.com/",
        "api_version": "2024-10-21",
        "deployments": {"acme/model-1": "chat 1", "acme/model-2": "vectors"},
    }


CONTRACT = TestAzure()
PROVIDER = CONTRACT._build()
STREAMED, SENT = (CONTRACT._outgoing(PROVIDER, sample) for sample in CONTRACT.samples[:2])


def test_a_stream_whose_first_chunk_is_nothing_comes_through_with_all_that_azure_tells():
    replies = PROVIDER.replies(STREAMED, HttpHead(200, {"content-type": "text/event-stream; charset=utf-8"}))
    progress, bill = CHAT.upstream.progress(stream=True), Bill(STREAMED.candidate, None, None)
    stamp, given = CHAT.client.stamp(STREAMED.call, lambda: bill), []
    for event in replies.feed(STREAM):
        progress.see(event)
        given.append(stamp.event(event))
    bill.usage = progress.usage
    first, empty, text, finish, checkpoint, usage = [loads(dumps(event)) for event in (*given, *stamp.last())]
    assert progress.upstream_id == "chatcmpl-1"
    assert {event["id"] for event in (first, empty, text, finish, checkpoint, usage)} == {STREAMED.call.id}
    assert first["object"] == "chat.completion.chunk"
    assert first["prompt_filter_results"] == FIRST["prompt_filter_results"]
    assert empty["choices"][0]["delta"] == {}
    assert text["choices"][0]["content_filter_results"] == SAFE
    assert finish["choices"][0]["finish_reason"] == "stop"
    assert checkpoint["latency_checkpoint"] == {"engine_ttft_ms": 30}
    assert usage["usage"]["total_tokens"] == 9


def test_a_filters_own_error_inside_a_choice_is_no_error_of_the_reply():
    replies = PROVIDER.replies(SENT, HttpHead(200, {}))
    replies.feed(dumps(REPLY))
    assert replies.close(framed=True) == (REPLY,)


@pytest.mark.parametrize(
    ("chunk", "usage"),
    [
        # As recorded of DeepSeek and of Grok at Foundry: what is cached is more than the prompt.
        (
            {"prompt_tokens": 19, "total_tokens": 1739, "completion_tokens": 1720, "reasoning_tokens": 0},
            (19, 0, 1720, 0),
        ),
        (
            {
                "prompt_tokens": 81,
                "completion_tokens": 22,
                "total_tokens": 103,
                "audio_prompt_tokens": 0,
                "prompt_tokens_details": {"cached_tokens": 192, "audio_tokens": 0, "text_tokens": 81},
                "num_sources_used": 0,
            },
            (0, 81, 22, 0),
        ),
    ],
)
def test_usage_of_other_makers_models_adds_up(chunk, usage):
    replies = PROVIDER.replies(STREAMED, HttpHead(200, {"content-type": "text/event-stream"}))
    (event,) = replies.feed(b"data: %b\n\n" % dumps({"choices": [], "usage": chunk}))
    progress = CHAT.upstream.progress(stream=True)
    progress.see(event)
    told = progress.usage
    assert (told.input, told.cache_read, told.output, told.reasoning) == usage


def test_thoughts_of_deepseek_are_reasoning_and_its_matched_stop_stays():
    choice = {"index": 0, "delta": {"role": None, "content": None, "reasoning_content": "We"}, "matched_stop": 1}
    replies = PROVIDER.replies(STREAMED, HttpHead(200, {"content-type": "text/event-stream"}))
    (event,) = replies.feed(b"data: %b\n\n" % dumps({"choices": [choice]}))
    assert event["choices"][0]["delta"]["reasoning"] == "We"
    assert event["choices"][0]["matched_stop"] == 1


@pytest.mark.parametrize(
    ("status", "error", "kind", "scope"),
    [
        # The first four are recorded.
        (401, {"code": "401", "message": "Access denied due to invalid subscription key"}, "credential_invalid", None),
        (429, {"code": "RateLimitReached", "message": "exceeded rate limit.", "details": "text"}, "rate_limited", None),
        (
            404,
            {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."},
            "not_found",
            "candidate",
        ),
        (404, {"code": "404", "message": "Resource not found"}, "not_found", "candidate"),
        (404, {"code": "BadRequest", "message": "API version not supported"}, "not_found", "candidate"),
        (400, {"code": "unknown_model", "message": "Unknown model: x"}, "not_found", "candidate"),
        (
            401,
            {"code": "PermissionDenied", "message": "The principal lacks the data action"},
            "permission_denied",
            "account",
        ),
        (
            403,
            {"code": "403", "message": "Access denied due to Virtual Network/Firewall rules."},
            "permission_denied",
            "account",
        ),
        (
            400,
            {
                "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
                "type": None,
                "param": "prompt",
                "code": "content_filter",
                "status": 400,
                "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {}},
            },
            "content_policy",
            None,
        ),
        (
            400,
            {"code": "OperationNotSupported", "message": "The chatCompletion operation does not work with the model"},
            "unsupported_here",
            None,
        ),
        (
            400,
            {"code": "unsupported_parameter", "message": "Unsupported parameter: 'max_tokens'"},
            "unsupported_here",
            None,
        ),
        (400, {"code": "context_length_exceeded", "message": "maximum context length is 8192"}, "context_length", None),
        (429, {"code": "429", "message": "Requests have exceeded call rate limit."}, "rate_limited", None),
        (429, {"code": "NoCapacity", "message": "The system is experiencing high demand"}, "overloaded", None),
        (503, {"code": "ServiceUnavailable", "message": "Service temporarily unable"}, "overloaded", None),
        (500, {"code": "InternalServerError", "message": "Backend returned unexpected response."}, "unavailable", None),
        (None, {"code": "content_filter", "message": "The response was filtered"}, "content_policy", None),
    ],
)
def test_errors_have_a_text_as_code_and_no_type(status, error, kind, scope):
    """Synthetic, from documentation and public reports, but for the first ones."""
    failure = PROVIDER.classify(SENT, status, {}, {"error": error}, NOW)
    assert (failure.kind, failure.scope, failure.code) == (kind, scope, error["code"])


def test_of_two_waits_the_longer_counts():
    """Recorded: the milliseconds are 0."""
    error = {"error": {"code": "RateLimitReached", "message": "exceeded rate limit."}}
    assert PROVIDER.classify(SENT, 429, {"retry-after": "1", "retry-after-ms": "0"}, error, NOW).retry_after == 1
    assert PROVIDER.classify(SENT, 429, {"retry-after": "1", "retry-after-ms": "1500"}, error, NOW).retry_after == 1.5


def test_a_token_that_is_too_old_is_no_wrong_key_and_the_other_way_round():
    error = {"statusCode": 401, "message": "Unauthorized. Access token is missing, invalid, or have expired."}
    entra = TestEntra()._outgoing(PROVIDER, CONTRACT.samples[1])
    assert PROVIDER.classify(entra, 401, {}, error, NOW).kind == "token_expired"
    assert PROVIDER.classify(SENT, 401, {}, error, NOW).kind == "credential_invalid"
    denied = {"error": {"code": "PermissionDenied", "message": "Principal does not have access to API/Operation."}}
    assert PROVIDER.classify(entra, 401, {}, denied, NOW).kind == "permission_denied"


def test_limits_are_buckets_of_a_minute_and_what_is_unknown_is_left_out():
    headers = {
        "x-ratelimit-limit-requests": "250",
        "x-ratelimit-remaining-requests": "249",
        "x-ratelimit-reset-requests": "1",
        "x-ratelimit-limit-tokens": "-1",
        "x-ratelimit-remaining-tokens": "-1",
        "x-ratelimit-reset-tokens": "-1",
        "x-ratelimit-renewalperiod-requests": "60",
        "x-ratelimit-abusepenalty-active": "False",
    }
    (hint,) = PROVIDER.hints(SENT, HttpHead(200, headers), NOW)
    assert (hint.unit, hint.window, hint.remaining, hint.reset) == ("requests", 60, 249, NOW + 1)
    assert hint.refill == pytest.approx(250 / 60)


def endpoint(model, **known):
    made = CatalogModel(id=model, slug=f"maker/{model}", name=model, **known)
    account = PROVIDER.accounts(
        Credential(id="a", provider="azure", label="a", settings={"resource": "acme"}), Secret("k" * 9)
    )
    return next(iter(PROVIDER.endpoints(KnownModels([made]), account)), None)


@pytest.mark.parametrize(
    ("model", "dialects"),
    [
        ("gpt-4o", ("chat", "responses")),
        ("gpt-5.2-chat", ("chat", "responses")),
        ("gpt-5-codex", ("responses",)),
        ("codex-mini", ("responses",)),
        ("gpt-5.4-pro", ("responses",)),
        ("gpt-3.5-turbo-instruct", ("completions",)),
        ("grok-4-fast-reasoning", ("chat",)),
        ("deepseek-v3.2", ("chat",)),
        ("kimi-k2.6", ("chat",)),
    ],
)
def test_a_model_speaks_what_azure_serves_it_by(model, dialects):
    assert endpoint(model).dialects == {"chat": dialects}


def test_claude_is_not_offered_and_vectors_are():
    assert endpoint("claude-sonnet-4-6") is None
    assert endpoint("cohere-embed-v-4-0", operation="embeddings").dialects == {"embeddings": ("embeddings",)}


@pytest.mark.parametrize(
    ("model", "reasoning", "body", "sent"),
    [
        ("gpt-5-mini", True, {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ("gpt-4o", False, {"max_tokens": 5}, {"max_tokens": 5}),
        ("gpt-4o", False, {"reasoning_effort": "low"}, {}),
        ("deepseek-r1", True, {"max_completion_tokens": 5}, {"max_tokens": 5}),
        ("gpt-5-mini", True, {"reasoning": {"effort": "high"}, "top_k": 4}, {"reasoning_effort": "high"}),
    ],
)
def test_parameters_are_said_as_the_model_takes_them(model, reasoning, body, sent):
    translated = CHAT.upstream.from_canonical({"messages": [USER], **body}, endpoint(model, reasoning=reasoning))
    assert translated.body == {"messages": [USER], **sent}


@pytest.mark.parametrize(
    ("environment", "key", "settings"),
    [
        (
            {"AZURE_API_KEY": "k-123456", "AZURE_RESOURCE_NAME": "acme"},
            "env:AZURE_API_KEY",
            {"resource": "acme"},
        ),
        (
            {"AZURE_OPENAI_API_KEY": "k-123456", "AZURE_OPENAI_ENDPOINT": "https://acme.openai.azure.com/"},
            "env:AZURE_OPENAI_API_KEY",
            {"endpoint": "https://acme.openai.azure.com/"},
        ),
        ({"AZURE_API_KEY": "k-123456", "AZURE_OPENAI_ENDPOINT": "https://acme.openai.azure.com"}, None, None),
        # It may point at Taxiway itself.
        ({"AZURE_OPENAI_API_KEY": "k-123456", "AZURE_OPENAI_ENDPOINT": "http://127.0.0.1:8787"}, None, None),
        ({"AZURE_OPENAI_API_KEY": "k-123456", "AZURE_OPENAI_ENDPOINT": "acme"}, None, None),
    ],
)
def test_the_environment_offers_a_key_with_its_place(environment, key, settings):
    found = list(REGISTRATION.environment(environment))
    assert [(one.key, one.settings) for one in found] == ([] if key is None else [(key, settings)])
    assert all(PROVIDER.accounts(one, Secret("k-123456")) for one in found)
