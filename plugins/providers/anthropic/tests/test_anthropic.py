"""Anthropic: the contract, and what its errors, headers and models are read as."""

import json

import pytest
from claude_messages import EVERYTHING, STOPPED

import taxiway_anthropic
from taxiway.call import Facts
from taxiway.catalog import CatalogModel
from taxiway.codec import loads
from taxiway.http import HttpHead
from taxiway.provider import InBandError
from taxiway.testing.dialect import make_call, make_candidate
from taxiway.testing.provider import NOW, KnownModels, ProviderContract, Sample
from taxiway_anthropic_messages import COUNT_TOKENS, MESSAGES

REGISTRATION = next(iter(taxiway_anthropic.taxiway_providers()))
USER = {"role": "user", "content": "hi"}
BODY = {"model": "m", "max_tokens": 9, "messages": [USER]}


def written(events):
    return b"".join(b"event: %b\ndata: %b\n\n" % (one["type"].encode(), json.dumps(one).encode()) for one in events)


class TestAnthropic(ProviderContract):
    module = taxiway_anthropic
    registration = REGISTRATION
    key = "sk-ant-api03-planted-0123456789abcdef"
    dialects = {"messages": MESSAGES, "count-tokens": COUNT_TOKENS}  # noqa: RUF012 - read only
    models = (
        CatalogModel(id="claude-opus-4-1-20250805", slug="anthropic/claude-opus-4.1", name="Opus 4.1", reasoning=True),
        CatalogModel(id="claude-opus-4-7", slug="anthropic/claude-opus-4.7", name="Opus 4.7", reasoning=True),
    )
    limit_headers = tuple(
        f"anthropic-ratelimit-{unit}-{what}"
        for what in ("limit", "remaining", "reset")
        for unit in ("requests", "tokens", "input-tokens", "output-tokens")
    )
    samples = (
        Sample(
            body=BODY,
            reply=written(EVERYTHING.events),
            dialect="messages",
            stream=True,
            content_type="text/event-stream; charset=utf-8",
        ),
        Sample(body=BODY, reply=json.dumps(STOPPED.reply).encode(), dialect="messages"),
        Sample(body=BODY, reply=b'{"input_tokens":12}', dialect="count-tokens"),
    )


CONTRACT = TestAnthropic()
PROVIDER = CONTRACT._build()
STREAMED, SENT, COUNTED = (CONTRACT._outgoing(PROVIDER, sample) for sample in CONTRACT.samples)
OLD, NEW = PROVIDER.endpoints(KnownModels(CONTRACT.models), [])


def test_a_request_has_its_key_and_version_in_headers_and_its_model_first():
    request = PROVIDER.prepare(STREAMED, NOW)
    assert (request.method, str(request.origin), request.target) == (
        "POST",
        "https://api.anthropic.com",
        "/v1/messages",
    )
    assert dict(request.headers) == {
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
        "x-api-key": CONTRACT.key,
    }
    body = loads(request.body)
    assert list(body) == ["model", "max_tokens", "messages", "stream"]
    assert body["stream"] is True
    counted = PROVIDER.prepare(COUNTED, NOW)
    assert counted.target == "/v1/messages/count_tokens"


def test_beta_features_are_sent_on():
    call = make_call(MESSAGES, BODY, Facts(("m",)))
    call.headers = {"anthropic-beta": "a,b", "x-anthropic-beta": "b,c"}
    outgoing = CONTRACT._outgoing(PROVIDER, CONTRACT.samples[1])
    outgoing.call = call
    assert dict(PROVIDER.prepare(outgoing, NOW).headers)["anthropic-beta"] == "a,b,c"


def test_what_another_model_said_in_its_own_way_is_not_sent():
    thought = {"type": "thinking", "thinking": "Hm", "signature": 'taxiway:{"type":"reasoning.text"}'}
    turn = {"role": "assistant", "content": [thought, {"type": "text", "text": "So."}]}
    outgoing = CONTRACT._outgoing(PROVIDER, CONTRACT.samples[1])
    outgoing.body = {"max_tokens": 9, "messages": [USER, turn, USER]}
    sent = loads(PROVIDER.prepare(outgoing, NOW).body)
    assert sent["messages"][1]["content"] == [{"type": "text", "text": "So."}]


def test_keys_are_proved_by_listing_models():
    probe = PROVIDER.probe(SENT.candidate.account, SENT.secret, NOW)
    assert (probe.method, probe.target) == ("GET", "/v1/models")
    assert {"x-api-key", "anthropic-version"} <= dict(probe.headers).keys()
    (credential,) = REGISTRATION.environment({"ANTHROPIC_API_KEY": "sk-ant-1", "ANTHROPIC_BASE_URL": "http://taxiway"})
    assert (credential.provider, credential.key, credential.settings) == ("anthropic", "env:ANTHROPIC_API_KEY", {})


def test_models_are_known_by_their_names():
    assert OLD.dialects == {"chat": ("messages",), "count-tokens": ("count-tokens",)}
    assert (OLD.prefill, NEW.prefill) == (True, False)
    assert (OLD.quota_group, NEW.quota_group) == ("claude-opus-4", "claude-opus-4")
    assert {"temperature", "structured_outputs", "reasoning"} <= OLD.parameters
    assert "verbosity" in NEW.parameters
    assert not {"temperature", "top_p", "top_k"} & NEW.parameters
    assert {"temperature", "top_p", "top_k"} <= NEW.unsupported
    assert (OLD.charges, OLD.provider_name) == ("usage", "Anthropic")
    unknown = CatalogModel(id="new-thing", slug="anthropic/new-thing", name="New")
    (endpoint,) = PROVIDER.endpoints(KnownModels([unknown]), [])
    assert endpoint.quota_group == "new-thing"


@pytest.mark.parametrize(
    ("status", "kind", "message", "expected"),
    [
        (400, "invalid_request_error", "messages: at least one message is required", "invalid_request"),
        (400, "invalid_request_error", "prompt is too long: 3333404 tokens > 200000 maximum", "context_length"),
        (
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 188059 + 20000 > 200000, decrease one",
            "context_length",
        ),
        (
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing",
            "quota_exhausted",
        ),
        (
            400,
            "invalid_request_error",
            "You have reached your specified API usage limits. You will regain access on 2026-11-01 at 00:00 UTC.",
            "quota_exhausted",
        ),
        (
            400,
            "invalid_request_error",
            "You have reached your specified workspace API usage limits.",
            "quota_exhausted",
        ),
        (400, "invalid_request_error", "This organization has been disabled.", "credential_invalid"),
        (400, "invalid_request_error", "Output blocked by content filtering policy", "content_policy"),
        (
            400,
            "invalid_request_error",
            "This model does not support effort level 'xhigh'. Supported levels: high, low, max, medium.",
            "unsupported_here",
        ),
        (
            400,
            "invalid_request_error",
            "This model does not support assistant message prefill. The conversation must end with a user message.",
            "unsupported_here",
        ),
        (
            400,
            "invalid_request_error",
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort"',
            "unsupported_here",
        ),
        (400, "invalid_request_error", "messages: role 'system' is not supported on this model", "unsupported_here"),
        (
            400,
            "invalid_request_error",
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
            "unsupported_here",
        ),
        (
            400,
            "invalid_request_error",
            "Thinking may not be enabled when tool_choice forces tool use.",
            "unsupported_here",
        ),
        (400, "invalid_request_error", "seed: Extra inputs are not permitted", "unsupported_here"),
        (
            400,
            "invalid_request_error",
            "messages.0.content.1.image.source.base64: image exceeds 5 MB maximum: 6291456 bytes > 5242880 bytes",
            "payload_too_large",
        ),
        (401, "authentication_error", "invalid x-api-key", "credential_invalid"),
        (402, "billing_error", "Check your payment details", "quota_exhausted"),
        (
            403,
            "permission_error",
            "Your API key does not have permission to use the specified resource.",
            "permission_denied",
        ),
        (404, "not_found_error", "model: claude-does-not-exist", "not_found"),
        (413, "request_too_large", "Request exceeds the maximum size", "payload_too_large"),
        (429, "rate_limit_error", "This request would exceed your account's rate limit.", "rate_limited"),
        (429, "rate_limit_error", "Extra usage is required for long context requests.", "permission_denied"),
        (500, "api_error", "Internal server error", "unavailable"),
        (504, "timeout_error", "The request timed out", "timeout"),
        (529, "overloaded_error", "Overloaded", "overloaded"),
        (None, "overloaded_error", "Overloaded", "overloaded"),
        (None, "api_error", "Internal server error", "unavailable"),
        (None, "rate_limit_error", "slow down", "rate_limited"),
        (None, "invalid_request_error", "odd", "invalid_request"),
    ],
)
def test_errors_are_what_the_table_says(status, kind, message, expected):
    """Those of 400 and 404 that name a model or tokens are recorded; the others are synthetic, from documentation and public reports."""
    error = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    failure = PROVIDER.classify(SENT, status, {}, error, NOW)
    assert (failure.kind, failure.code, failure.message) == (expected, kind, message)


def test_an_error_inside_a_stream_is_found():
    """Synthetic, from the documentation: none was recorded."""
    replies = PROVIDER.replies(STREAMED, HttpHead(200, {"content-type": "text/event-stream"}))
    data = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    start, error = replies.feed(written(STOPPED.events[:1]) + data)
    assert start == STOPPED.events[0]
    assert isinstance(error, InBandError)
    assert PROVIDER.classify(STREAMED, None, {}, error.raw, NOW).kind == "overloaded"


LIMITS = {
    "date": "Thu, 09 Oct 2025 08:53:20 GMT",
    "retry-after": "17",
    "anthropic-ratelimit-requests-limit": "4000",
    "anthropic-ratelimit-requests-remaining": "3999",
    "anthropic-ratelimit-requests-reset": "2025-10-09T08:53:19Z",
    "anthropic-ratelimit-input-tokens-limit": "2000000",
    "anthropic-ratelimit-input-tokens-remaining": "1000000",
    "anthropic-ratelimit-input-tokens-reset": "2025-10-09T08:53:50Z",
    "anthropic-ratelimit-output-tokens-limit": "400000",
    "anthropic-ratelimit-output-tokens-remaining": "400000",
    "anthropic-ratelimit-output-tokens-reset": "soon",
    "anthropic-ratelimit-tokens-limit": "2400000",
    "anthropic-ratelimit-tokens-remaining": "2500000",
}


def test_limits_are_buckets_that_refill():
    later = NOW + 86_400
    requests, into, out = PROVIDER.hints(SENT, HttpHead(200, LIMITS), later)
    # A reset before the reply's own date: full again.
    assert (requests.unit, requests.window, requests.remaining, requests.reset) == ("requests", 60, 3999, later)
    assert (into.unit, into.limit, into.reset, into.refill) == ("input-tokens", 2_000_000, later + 30, 2_000_000 / 60)
    assert (out.unit, out.reset) == ("output-tokens", None)
    undated = {name: value for name, value in LIMITS.items() if name != "date"}
    assert next(iter(PROVIDER.hints(SENT, HttpHead(200, undated), NOW - 20))).reset == NOW - 1


def test_a_wait_is_of_a_429_and_not_of_a_good_reply():
    error = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}
    failure = PROVIDER.classify(SENT, 429, LIMITS, error, NOW)
    assert failure.retry_after == 17
    assert len(failure.hints) == 3


def test_a_count_is_one_number():
    replies = PROVIDER.replies(COUNTED, HttpHead(200, {}))
    replies.feed(b'{"input_tokens":12}')
    assert replies.close(framed=True) == ({"input_tokens": 12},)
    assert make_candidate(OLD).endpoint.dialects["count-tokens"] == ("count-tokens",)
