"""xAI: the contract, and what its errors, headers, usage and models are read as."""

import json

import pytest

import taxiway_xai
from taxiway.catalog import CatalogModel
from taxiway.chat import CHAT
from taxiway.http import HttpHead
from taxiway.testing.provider import NOW, KnownModels, ProviderContract, Sample

REGISTRATION = next(iter(taxiway_xai.taxiway_providers()))
USER = {"role": "user", "content": "hi"}
CHUNK = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"grok","choices":[%b]%b}\n\n'
USAGE = (
    b'{"prompt_tokens":213,"completion_tokens":2,"total_tokens":413,"prompt_tokens_details":{"text_tokens":213,'
    b'"audio_tokens":0,"image_tokens":0,"cached_tokens":192},"completion_tokens_details":{"reasoning_tokens":198,'
    b'"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0},"num_sources_used":0,'
    b'"cost_in_usd_ticks":3950400}'
)
# As recorded: a whole tool call in one delta, and the usage after the finish.
STREAM = (
    CHUNK % (b'{"index":0,"delta":{"reasoning_content":"Hm","role":"assistant"}}', b"")
    + CHUNK
    % (
        b'{"index":0,"delta":{"tool_calls":[{"id":"call_1","function":{"name":"add","arguments":"{}"},"index":0}]}}',
        b"",
    )
    + CHUNK % (b'{"index":0,"delta":{},"finish_reason":"tool_calls"}', b"")
    + CHUNK % (b"", b',"usage":' + USAGE)
    + b"data: [DONE]\n\n"
)
REPLY = (
    b'{"id":"c","object":"chat.completion","created":1,"model":"grok","choices":[{"index":0,"message":{"role":"assistant",'
    b'"content":"Hi","reasoning_content":"Hm","refusal":null},"finish_reason":"stop"}],"usage":' + USAGE + b"}"
)


class TestXai(ProviderContract):
    module = taxiway_xai
    registration = REGISTRATION
    key = "xai-planted-0123456789abcdef"
    models = (CatalogModel(id="grok-4.3", slug="x-ai/grok-4.3", name="Grok 4.3", reasoning=True),)
    limit_headers = tuple(
        f"x-ratelimit-{what}-{unit}" for what in ("limit", "remaining") for unit in ("requests", "tokens")
    )
    samples = (
        Sample(body={"model": "m", "messages": [USER]}, reply=STREAM, stream=True, content_type="text/event-stream"),
        Sample(body={"model": "m", "messages": [USER]}, reply=REPLY),
    )


CONTRACT = TestXai()
PROVIDER = CONTRACT._build()
STREAMED, SENT = (CONTRACT._outgoing(PROVIDER, sample) for sample in CONTRACT.samples)


def endpoint(model="grok-4.3", *, reasoning=True):
    known = CatalogModel(id=model, slug=f"x-ai/{model}", name=model, reasoning=reasoning)
    (made,) = PROVIDER.endpoints(KnownModels([known]), [])
    return made


def usage_of(events):
    progress = CHAT.upstream.progress(stream=len(events) > 1)
    for event in events:
        progress.see(event)
    return progress.usage


def test_reasoning_tokens_are_a_part_of_the_completion_in_streams_and_replies():
    stream = PROVIDER.replies(STREAMED, HttpHead(200, {"content-type": "text/event-stream"}))
    reply = PROVIDER.replies(SENT, HttpHead(200, {}))
    reply.feed(REPLY)
    for events in (stream.feed(STREAM), reply.close(framed=True)):
        usage = usage_of(events)
        assert (usage.input, usage.cache_read, usage.output, usage.reasoning) == (21, 192, 2, 198)
        assert (usage.total, usage.reported_cost) == (413, 0.00039504)
        told = events[-1]["usage"]
        assert told["completion_tokens"] == 200
        assert {**told, "completion_tokens": 2, "cost": None} == {**json.loads(USAGE), "cost": None}


def test_thoughts_are_told_as_reasoning_and_may_be_sent_back():
    (first, *_) = PROVIDER.replies(STREAMED, HttpHead(200, {"content-type": "text/event-stream"})).feed(STREAM)
    assert first["choices"][0]["delta"] == {"reasoning_content": "Hm", "reasoning": "Hm", "role": "assistant"}
    messages = [USER, {"role": "assistant", "content": "Hi", "reasoning_content": "Hm", "reasoning": "Hm"}]
    translated = CHAT.upstream.from_canonical({"messages": messages}, endpoint())
    assert translated.body["messages"][1] == {"role": "assistant", "content": "Hi", "reasoning_content": "Hm"}


@pytest.mark.parametrize(
    ("status", "code", "error", "expected"),
    [
        (400, "invalid-argument", "Incorrect API key provided. You can obtain an API key from", "credential_invalid"),
        (401, "unauthenticated:no-credentials", "No credentials provided", "credential_invalid"),
        (403, "permission-denied", "API key is currently blocked: Blocked due to API key leak", "credential_invalid"),
        (
            403,
            "permission-denied",
            "Your newly created team doesn't have any credits or licenses yet.",
            "quota_exhausted",
        ),
        (
            429,
            "Some resource has been exhausted",
            "Your team 1 has either used all available credits or reached its monthly spending limit.",
            "quota_exhausted",
        ),
        (
            429,
            "Some resource has been exhausted",
            "Too many tokens for team 1 and model grok-4. Your team's rate limit is - Tokens per Minute: 65605/16000.",
            "rate_limited",
        ),
        (
            403,
            "permission-denied",
            "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO",
            "content_policy",
        ),
        (
            400,
            "invalid-argument",
            "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
            "context_length",
        ),
        (400, "invalid-argument", "Argument not supported on this model: presencePenalty", "unsupported_here"),
        (400, "invalid-argument", "Model grok-4.20 does not support parameter reasoningEffort.", "unsupported_here"),
        (
            404,
            "Some requested entity was not found",
            "The model grok-9 does not exist or your team 1 does not have access to it.",
            "not_found",
        ),
        (400, "invalid-argument", "Model not found: grok-9", "not_found"),
        (403, "permission-denied", "The caller does not have permission", "permission_denied"),
        (410, None, "Live search is deprecated. Please switch to the Agent Tools API", "invalid_request"),
        (422, None, "Failed to deserialize the JSON body into the target type", "invalid_request"),
        (500, None, "Internal error", "unavailable"),
    ],
)
def test_errors_whose_error_is_a_text_are_told_by_it(status, code, error, expected):
    """Synthetic: bodies as xAI's pages and public reports show them; the first is recorded."""
    failure = PROVIDER.classify(SENT, status, {}, {"code": code, "error": error}, NOW)
    assert (failure.kind, failure.code, failure.message) == (expected, code, error)


def test_limits_are_of_a_minute_and_requests_come_back_by_the_second():
    headers = {
        "x-ratelimit-limit-requests": "1800",
        "x-ratelimit-remaining-requests": "1779",
        "x-ratelimit-limit-tokens": "10000000",
        "x-ratelimit-remaining-tokens": "10000000",
    }
    requests, tokens = PROVIDER.hints(SENT, HttpHead(200, headers), NOW)
    assert (requests.unit, requests.window, requests.remaining, requests.refill) == ("requests", 60, 1779, 30)
    assert (tokens.unit, tokens.window, tokens.remaining, tokens.refill) == ("tokens", 60, 10_000_000, None)


@pytest.mark.parametrize(
    ("model", "reasoning", "effort"),
    [
        ("grok-4.3", True, True),
        ("grok-3-mini", True, True),
        ("grok-4", True, False),
        ("grok-4-fast", True, False),
        ("grok-4.20-0309-reasoning", True, False),
        ("grok-4.20-0309-non-reasoning", False, False),
        ("grok-code-fast-1", True, False),
    ],
)
def test_an_effort_is_sent_to_models_that_take_one(model, reasoning, effort):
    made = endpoint(model, reasoning=reasoning)
    translated = CHAT.upstream.from_canonical({"messages": [USER], "reasoning": {"effort": "low"}}, made)
    assert translated.body.get("reasoning_effort") == ("low" if effort else None)
    assert translated.dropped == (() if effort else ("reasoning",))


def test_multi_agent_models_are_asked_by_responses_only():
    assert endpoint("grok-4.20-multi-agent-0309").dialects == {"chat": ("responses",)}
    assert "reasoning_effort" not in endpoint("grok-4.20-multi-agent-0309").unsupported
    assert endpoint().dialects == {"chat": ("chat", "responses")}


def test_penalties_are_left_out_for_models_that_reason_and_stop_never():
    body = {
        "messages": [USER],
        "presence_penalty": 1,
        "frequency_penalty": None,
        "stop": ["a"],
        "search_parameters": {},
    }
    translated = CHAT.upstream.from_canonical(body, endpoint())
    assert translated.dropped == ("presence_penalty",)
    assert translated.body == {"messages": [USER], "stop": ["a"], "search_parameters": {}}
    assert CHAT.upstream.from_canonical(body, endpoint(reasoning=False)).body is body


def test_a_key_is_proved_by_what_tells_of_it_and_found_in_the_environment():
    probe = PROVIDER.probe(SENT.candidate.account, SENT.secret, NOW)
    assert (probe.method, str(probe.origin), probe.target) == ("GET", "https://api.x.ai", "/v1/api-key")
    (credential,) = REGISTRATION.environment({"XAI_API_KEY": "xai-1234567890"})
    assert (credential.provider, credential.key) == ("xai", "env:XAI_API_KEY")
