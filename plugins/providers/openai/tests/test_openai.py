"""OpenAI: the contract, and what its errors, headers and models are read as."""

from collections.abc import Mapping
from typing import Any

import pytest

import taxiway_openai
import taxiway_openai_completions
import taxiway_openai_responses
from taxiway.call import Outgoing
from taxiway.candidate import Credential
from taxiway.catalog import CatalogModel
from taxiway.chat import CHAT
from taxiway.codec import loads
from taxiway.embeddings import EMBEDDINGS
from taxiway.errors import ConfigError
from taxiway.http import HttpHead
from taxiway.money import Price
from taxiway.provider import InBandError
from taxiway.registration import NoOptions
from taxiway.secret import Secret
from taxiway.testing.dialect import context, make_call, make_candidate
from taxiway.testing.provider import NOW, KnownModels, ProviderContract, Sample

REGISTRATION = next(iter(taxiway_openai.taxiway_providers()))
USER = {"role": "user", "content": "hi"}
CHUNK = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[%b],"usage":%b}\n\n'
STREAM = (
    CHUNK % (b'{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}', b"null")
    + CHUNK % (b'{"index":0,"delta":{"content":"Hi"},"finish_reason":null}', b"null")
    + CHUNK % (b'{"index":0,"delta":{},"finish_reason":"stop"}', b"null")
    + CHUNK % (b"", b'{"prompt_tokens":8,"completion_tokens":1,"total_tokens":9}')
    + b"data: [DONE]\n\n"
)
RESPONSES = next(iter(taxiway_openai_responses.taxiway_dialects())).build(NoOptions(), context())
COMPLETIONS = next(iter(taxiway_openai_completions.taxiway_dialects())).build(NoOptions(), context())
RESPONSE = b'{"id":"r","object":"response","status":"%b","output":[%b],"usage":null}'
SAID = b'{"id":"m","type":"message","role":"assistant","content":[{"type":"output_text","text":"Hi","annotations":[]}]}'
EVENTS = (
    b'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":%b}\n\n'
    b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":1,"item_id":"m",'
    b'"output_index":0,"content_index":0,"delta":"Hi"}\n\n'
    b'event: response.completed\ndata: {"type":"response.completed","sequence_number":2,"response":%b}\n\n'
) % (RESPONSE % (b"in_progress", b""), RESPONSE % (b"completed", SAID))


class TestOpenAI(ProviderContract):
    module = taxiway_openai
    registration = REGISTRATION
    settings: Mapping[str, Any] = {"organization": "org-1", "project": "proj_1"}
    limit_headers = tuple(
        f"x-ratelimit-{what}-{unit}"
        for what in ("limit", "remaining", "reset")
        for unit in ("requests", "tokens", "input-images")
    )
    samples = (
        Sample(body={"model": "m", "messages": [USER]}, reply=STREAM, stream=True, content_type="text/event-stream"),
        Sample(
            body={"model": "m", "messages": [USER]},
            reply=b'{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}',
        ),
        Sample(body={"model": "m", "input": "a"}, reply=b'{"data":[{"embedding":[0.1]}]}', dialect="embeddings"),
        Sample(
            body={"model": "m", "input": "a"},
            reply=EVENTS,
            dialect="responses",
            stream=True,
            content_type="text/event-stream; charset=utf-8",
        ),
        Sample(body={"model": "m", "input": "a"}, reply=RESPONSE % (b"completed", SAID), dialect="responses"),
        Sample(
            body={"model": "m", "prompt": "a"},
            reply=b'data: {"choices":[{"text":"b","index":0,"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
            dialect="completions",
            stream=True,
            content_type="text/event-stream",
        ),
    )
    dialects: Mapping[str, Any] = {
        "chat": CHAT,
        "embeddings": EMBEDDINGS,
        "responses": RESPONSES,
        "completions": COMPLETIONS,
    }


CONTRACT = TestOpenAI()
SEARCH = "web_search_options"
PROVIDER = CONTRACT._build()
SENT = CONTRACT._outgoing(PROVIDER, CONTRACT.samples[1])


@pytest.mark.parametrize(
    "event",
    [
        b'{"type":"error","sequence_number":1,"error":{"type":"insufficient_quota","code":"insufficient_quota","message":"No."}}',
        b'{"type":"error","sequence_number":1,"code":"insufficient_quota","message":"No.","param":null}',
        b'{"type":"response.failed","response":{"status":"failed","output":[],"error":{"code":"insufficient_quota","message":"No."}}}',
    ],
)
def test_a_failed_stream_of_responses_says_why_inside(event):
    sent = CONTRACT._outgoing(PROVIDER, CONTRACT.samples[3])
    replies = PROVIDER.replies(sent, HttpHead(200, {"content-type": "text/event-stream"}))
    name = loads(event)["type"].encode()
    (error,) = replies.feed(b"event: %b\ndata: %b\n\n" % (name, event))
    assert isinstance(error, InBandError)
    failure = PROVIDER.classify(sent, None, {}, error.raw, NOW)
    assert (failure.kind, failure.code, failure.message) == ("quota_exhausted", "insufficient_quota", "No.")


def test_a_stream_of_responses_is_asked_for_without_chats_options():
    request = PROVIDER.prepare(CONTRACT._outgoing(PROVIDER, CONTRACT.samples[3]), NOW)
    assert request.target == "/v1/responses"
    assert loads(request.body) == {"model": "model-1", "input": "a", "stream": True}


@pytest.mark.parametrize(
    ("name", "reasoning", "speaks", "refused", "taken"),
    [
        ("gpt-4o", False, ("chat", "responses"), {"reasoning_effort"}, {"temperature", "max_tokens", "stop"}),
        ("gpt-5-mini", True, ("responses", "chat"), {"temperature", "stop", "max_tokens"}, {"reasoning_effort"}),
        ("o3-mini", True, ("responses", "chat"), {"top_p", "logprobs"}, {"stop"}),
        ("o3", True, ("responses", "chat"), {"stop"}, {"seed"}),
        ("o1-pro-2025-03-19", True, ("responses",), {"temperature"}, set()),
        ("gpt-5.1-codex-mini", True, ("responses",), {"stop"}, set()),
        ("gpt-audio-mini", False, ("chat",), set(), {"temperature"}),
        ("gpt-4o-mini-search-preview", False, ("chat",), set(), set()),
        ("gpt-3.5-turbo-instruct", False, ("completions",), set(), {"temperature", "stop"}),
        ("gpt-5-chat-latest", True, ("responses", "chat"), {"reasoning_effort"}, {"temperature", "max_tokens", "stop"}),
    ],
)
def test_what_a_model_speaks_and_refuses_is_declared(name, reasoning, speaks, refused, taken):
    model = CatalogModel(id=name, slug=f"openai/{name}", name=name, reasoning=reasoning)
    endpoint = next(one for one in PROVIDER.endpoints(KnownModels([model]), []) if one.id == name)
    assert endpoint.dialects == {"chat": speaks}
    assert refused <= endpoint.unsupported
    assert taken.isdisjoint(endpoint.unsupported)


@pytest.mark.parametrize(
    ("name", "elsewhere", "thinking"),
    [
        ("gpt-4o", set(), set()),
        ("o3", {"reasoning", SEARCH}, set()),
        ("gpt-5-mini", {"reasoning", SEARCH}, set()),
        ("gpt-5.1", {"reasoning", SEARCH}, {"temperature", "top_p", "logprobs", "top_logprobs"}),
        ("gpt-5.4-nano", {"reasoning", "tools", SEARCH}, {"temperature", "top_p", "logprobs", "top_logprobs"}),
        ("gpt-5.6-sol", {"reasoning", "tools", SEARCH}, set()),
    ],
)
def test_when_a_chat_clients_call_goes_by_responses_is_declared(name, elsewhere, thinking):
    unsupported = frozenset({"temperature"}) if name.startswith(("o", "gpt-5")) else frozenset()
    model = CatalogModel(id=name, slug=f"openai/{name}", name=name, reasoning=name != "gpt-4o", unsupported=unsupported)
    endpoint = next(one for one in PROVIDER.endpoints(KnownModels([model]), []) if one.id == name)
    assert endpoint.elsewhere == elsewhere
    assert endpoint.thinking_refuses == thinking
    assert ("temperature" in endpoint.unsupported) is (bool(unsupported) and not thinking)


def test_what_the_catalog_does_not_know_of_a_model_is_declared():
    tools = frozenset({"tools", "tool_choice", "parallel_tool_calls"})
    known = KnownModels(
        [CatalogModel(id=n, slug=f"openai/{n}", name=n, unsupported=tools) for n in ("gpt-3.5-turbo", "x")]
    )
    served = {endpoint.id: endpoint for endpoint in PROVIDER.endpoints(known, [])}
    assert tools.isdisjoint(served["gpt-3.5-turbo"].unsupported)
    assert tools <= served["x"].unsupported


def test_models_that_only_draw_are_not_served_and_those_that_the_catalog_lacks_are():
    known = KnownModels([CatalogModel(id="gpt-image-1", slug="openai/i", name="I")])
    served = {endpoint.id: endpoint for endpoint in PROVIDER.endpoints(known, [])}
    assert set(served) == {"gpt-3.5-turbo-instruct", "davinci-002", "babbage-002"}
    assert served["davinci-002"].price.input == 2e-6


def test_the_organization_and_the_project_are_headers():
    headers = dict(PROVIDER.prepare(SENT, NOW).headers)
    assert headers["openai-organization"] == "org-1"
    assert headers["openai-project"] == "proj_1"
    probe = PROVIDER.probe(SENT.candidate.account, SENT.secret, NOW)
    assert (probe.method, probe.target) == ("GET", "/v1/models")
    assert dict(probe.headers)["openai-organization"] == "org-1"


def test_an_organization_that_can_not_be_sent_is_refused():
    credential = Credential(id="x", provider="openai", label="x", settings={"organization": "org\n", "project": "p"})
    with pytest.raises(ConfigError, match=r"x\.settings: openai-organization has characters"):
        PROVIDER.accounts(credential, None)


@pytest.mark.parametrize(
    ("status", "kind", "code", "expected"),
    [
        (401, "invalid_request_error", "invalid_api_key", "credential_invalid"),
        (401, "invalid_request_error", "account_deactivated", "credential_invalid"),
        (429, "insufficient_quota", "insufficient_quota", "quota_exhausted"),
        (429, "insufficient_quota", "project_spend_limit_exceeded", "quota_exhausted"),
        (429, "billing_not_active", "billing_not_active", "quota_exhausted"),
        (400, "invalid_request_error", "billing_hard_limit_reached", "quota_exhausted"),
        (429, "requests", "rate_limit_exceeded", "rate_limited"),
        (429, "tokens", "rate_limit_exceeded", "rate_limited"),
        (404, "invalid_request_error", "model_not_found", "not_found"),
        (400, "invalid_request_error", "context_length_exceeded", "context_length"),
        (400, "invalid_request_error", "unsupported_parameter", "unsupported_here"),
        (400, "invalid_request_error", "unsupported_value", "unsupported_here"),
        (400, "invalid_request_error", "invalid_value", "invalid_request"),
        (400, "invalid_request_error", "content_policy_violation", "content_policy"),
        (403, "request_forbidden", "unsupported_country_region_territory", "permission_denied"),
        (503, "service_unavailable_error", "server_is_overloaded", "overloaded"),
        (500, "server_error", None, "unavailable"),
        (None, "server_error", None, "unavailable"),
        (None, "insufficient_quota", "insufficient_quota", "quota_exhausted"),
        (None, None, "invalid_prompt", "content_policy"),
        (None, None, "failed_to_download_image", "invalid_request"),
        (None, None, "vector_store_timeout", "unavailable"),
        (400, "invalid_request_error", "model_not_found", "not_found"),
        (400, "invalid_request_error", "unsupported_file", "unsupported_here"),
        (400, "invalid_request_error", "invalid_encrypted_content", "unsupported_here"),
    ],
)
def test_errors_are_what_the_table_says(status, kind, code, expected):
    error = {"error": {"message": "It failed.", "type": kind, "param": None, "code": code}}
    assert PROVIDER.classify(SENT, status, {}, error, NOW).kind == expected


@pytest.mark.parametrize(
    ("status", "message", "expected", "scope"),
    [
        (
            401,
            "You have insufficient permissions for this operation. Missing scopes: model.request",
            "permission_denied",
            None,
        ),
        (
            429,
            "Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 1",
            "rate_limited",
            "none",
        ),
        (429, "The engine is currently overloaded, please try again later", "overloaded", None),
        (400, "Unrecognized request argument supplied: top_k", "unsupported_here", None),
        (400, "This model's maximum context length is 8192 tokens.", "context_length", None),
        (404, "This model is only supported in v1/responses and not in v1/chat/completions.", "unsupported_here", None),
        (
            404,
            "This is not a chat model and thus not supported in the v1/chat/completions endpoint.",
            "unsupported_here",
            None,
        ),
        (
            400,
            "Function tools with reasoning_effort are not supported for gpt-5.5 in /v1/chat/completions.",
            "unsupported_here",
            None,
        ),
        (400, "Encrypted content is not supported with this model.", "unsupported_here", None),
        (400, "Your organization must be verified to generate reasoning summaries.", "permission_denied", None),
    ],
)
def test_errors_that_only_their_message_tells(status, message, expected, scope):
    failure = PROVIDER.classify(SENT, status, {}, {"error": {"message": message, "type": "x"}}, NOW)
    assert (failure.kind, failure.scope) == (expected, scope)


def test_a_429_tells_its_limits_and_its_wait():
    headers = {
        "retry-after": "1",
        "retry-after-ms": "1250",
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1m0s",
    }
    failure = PROVIDER.classify(SENT, 429, headers, {"error": {"code": "rate_limit_exceeded", "message": "x"}}, NOW)
    assert failure.retry_after == 1.25
    (hint,) = failure.hints
    assert (hint.unit, hint.window, hint.remaining, hint.reset) == ("requests", 60, 0, NOW + 60)
    assert PROVIDER.hints(SENT, HttpHead(200, headers), NOW) == failure.hints


@pytest.mark.parametrize(
    ("reasoning", "body", "sent", "dropped"),
    [
        (True, {"max_tokens": 5}, {"max_completion_tokens": 5}, ()),
        (True, {"reasoning": {"effort": "high"}}, {"reasoning_effort": "high"}, ()),
        (True, {"reasoning": {"enabled": True}}, {"reasoning_effort": "medium"}, ()),
        (
            True,
            {"reasoning": {"max_tokens": 200}, "max_tokens": 1000},
            {"reasoning_effort": "low", "max_completion_tokens": 1000},
            (),
        ),
        (True, {"reasoning": {"exclude": True}}, {}, ("reasoning",)),
        (
            True,
            {"reasoning": {"effort": "low", "summary": "auto", "exclude": False}, "reasoning_effort": None},
            {"reasoning_effort": "low"},
            ("reasoning.summary",),
        ),
        (False, {"reasoning": {"effort": "high"}, "max_tokens": 5}, {"max_tokens": 5}, ("reasoning",)),
        (False, {"top_k": 4, "min_p": None, "seed": 3}, {"seed": 3}, ("top_k",)),
    ],
)
def test_openrouters_additions_are_mapped_or_named_as_dropped(reasoning, body, sent, dropped):
    model = CatalogModel(id="o", slug="openai/o", name="O", reasoning=reasoning)
    endpoint = next(one for one in PROVIDER.endpoints(KnownModels([model]), []) if one.id == "o")
    translated = CHAT.upstream.from_canonical({"messages": [USER], **body}, endpoint)
    assert translated.body == {"messages": [USER], **sent}
    assert translated.dropped == dropped


@pytest.mark.parametrize(
    ("name", "asked", "told"),
    [
        ("o3-mini", "none", "low"),
        ("o4-mini", "minimal", "low"),
        ("gpt-5-mini-2025-08-07", "none", "minimal"),
        ("gpt-5", "xhigh", "high"),
        ("gpt-5.1", "none", "none"),
        ("gpt-5-mini", "medium", "medium"),
    ],
)
def test_a_model_that_always_reasons_is_asked_for_the_least_where_a_client_wants_none(name, asked, told):
    model = CatalogModel(id=name, slug=f"openai/{name}", name=name, reasoning=True)
    (account,) = PROVIDER.accounts(Credential(id="c", provider="openai", label="c"), Secret("sk-test-0123456789"))
    (endpoint,) = [one for one in PROVIDER.endpoints(KnownModels([model]), [account]) if one.id == name]

    def sent(dialect, body, asker):
        call = make_call(CHAT, {"model": name, "messages": [USER]})
        call.dialect = asker
        outgoing = Outgoing(call, dialect, body, make_candidate(endpoint, account), account.secret, stream=False)
        return loads(PROVIDER.prepare(outgoing, NOW).body)

    assert sent("chat", {"messages": [USER], "reasoning_effort": asked}, "chat")["reasoning_effort"] == told
    reasoning = {"effort": asked, "summary": "auto"}
    assert sent("responses", {"input": "a", "reasoning": reasoning}, "messages")["reasoning"] == reasoning | {
        "effort": told
    }
    # What a client of the same API says is its own to say.
    assert sent("responses", {"input": "a", "reasoning": reasoning}, "responses")["reasoning"] == reasoning


def test_what_openai_takes_is_the_same_object():
    body = {"messages": [USER, {"role": "user", "content": [{"type": "text", "text": "a"}]}], "temperature": 1}
    endpoint = SENT.candidate.endpoint
    assert CHAT.upstream.from_canonical(body, endpoint).body is body


def test_additions_inside_messages_are_left_out_and_the_caller_keeps_his():
    part = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    message = {
        "role": "assistant",
        "content": [part],
        "reasoning_details": [{"type": "reasoning.text"}],
        "reasoning": None,
    }
    endpoint = SENT.candidate.endpoint
    translated = CHAT.upstream.from_canonical({"messages": [message, USER]}, endpoint)
    assert translated.body["messages"] == [{"role": "assistant", "content": [{"type": "text", "text": "a"}]}, USER]
    assert translated.body["messages"][1] is USER
    assert set(translated.dropped) == {"cache_control", "reasoning_details"}
    assert "cache_control" in part
    assert "reasoning" in message


def test_a_key_in_the_environment_is_offered():
    (credential,) = REGISTRATION.environment({"OPENAI_API_KEY": "sk-1234567890", "OPENAI_ORG_ID": "org-1"})
    assert credential.key == "env:OPENAI_API_KEY"
    assert credential.settings == {"organization": "org-1"}
    assert not list(REGISTRATION.environment({"OPENAI_API_KEY": ""}))


@pytest.mark.parametrize(
    ("name", "searches"),
    [("gpt-4o", False), ("gpt-4o-search-preview", True), ("o3", True), ("o3-mini", False), ("gpt-5", True)],
)
def test_who_searches_the_web_is_declared(name, searches):
    model = CatalogModel(id=name, slug=f"openai/{name}", name=name, parameters=frozenset({"tools"}))
    endpoint = next(one for one in PROVIDER.endpoints(KnownModels([model]), []) if one.id == name)
    assert (SEARCH in endpoint.parameters) is searches


@pytest.mark.parametrize(
    ("name", "tiers"),
    [
        ("gpt-5-mini-2025-08-07", {"priority": (0.45, 3.6), "flex": (0.5, 1.0)}),
        ("gpt-4.1", {"priority": (3.5, 14.0)}),
        ("o3", {"flex": (0.5, 1.0)}),
        ("gpt-5-chat-latest", {}),
        ("text-embedding-3-small", {}),
    ],
)
def test_which_service_tiers_a_model_has_and_what_they_cost_is_declared(name, tiers):
    price = Price(input=1e-6, output=2e-6)
    model = CatalogModel(id=name, slug=f"openai/{name}", name=name, price=price)
    endpoint = next(one for one in PROVIDER.endpoints(KnownModels([model]), []) if one.id == name)
    told = {tier: (price.input * 1e6, price.output * 1e6) for tier, price in endpoint.tiers.items()}
    assert told == {tier: pytest.approx(price) for tier, price in tiers.items()}
