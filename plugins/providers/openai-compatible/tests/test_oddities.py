"""What single providers do otherwise: requests become theirs, replies become everybody's. Small wire cases, some synthetic."""

import json

import pytest

from taxiway.call import Facts, Outgoing
from taxiway.candidate import Account, Credential
from taxiway.catalog import CatalogModel
from taxiway.chat import CHAT
from taxiway.chat_usage import usage_of
from taxiway.embeddings import EMBEDDINGS
from taxiway.errors import Malformed
from taxiway.http import HttpHead
from taxiway.provider import InBandError
from taxiway.secret import Secret
from taxiway.testing.dialect import make_call, make_candidate
from taxiway.testing.provider import NOW, KnownModels
from taxiway_openai_compatible import RowOptions, rows
from taxiway_openai_compatible.oddities import ODDITIES

USER = {"role": "user", "content": "hi"}


def outgoing(name, body, model="m", *, stream=False, reasoning=True, dialect=CHAT):
    provider = rows.provider(name, RowOptions())
    known = CatalogModel(id=model, slug="acme/m", name="M", operation=dialect.operation, reasoning=reasoning)
    (account,) = provider.accounts(Credential(id="c", provider=name, label="c"), Secret("sk-0123456789abcdef"))
    endpoint = next(one for one in provider.endpoints(KnownModels([known]), [account]) if one.id == model)
    call = make_call(dialect, body, Facts((model,), stream=stream))
    translated = dialect.upstream.from_canonical(call.body, endpoint)
    sent = Outgoing(call, dialect.name, translated.body, make_candidate(endpoint, account), account.secret, stream)
    return provider, sent, translated.dropped


def request(name, body, model="m", **more):
    """What is sent, and what was dropped on the way."""
    provider, sent, dropped = outgoing(name, {"messages": [USER], **body}, model, **more)
    made = json.loads(provider.prepare(sent, NOW).body)
    if "messages" not in body:
        del made["messages"]
    del made["model"]
    return made, dropped


def reply(name, body, dialect=CHAT):
    provider, sent, _ = outgoing(name, {"messages": [USER], "input": "a"}, dialect=dialect)
    replies = provider.replies(sent, HttpHead(200, {"content-type": "application/json"}))
    replies.feed(json.dumps(body).encode())
    (event,) = replies.close(framed=True)
    return event


def events(name, *chunks, end=b"data: [DONE]\n\n"):
    provider, sent, _ = outgoing(name, {"messages": [USER]}, stream=True)
    replies = provider.replies(sent, HttpHead(200, {"content-type": "text/event-stream"}))
    data = b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks) + end
    return [*replies.feed(data), *replies.close(framed=True)]


def chunk(delta, finish=None, **more):
    return {"id": "1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def message(content, finish="stop", **more):
    return {"id": "1", "choices": [{"index": 0, "message": content, "finish_reason": finish}], **more}


def classify(name, status, error, headers=()):
    return rows.provider(name, RowOptions()).classify(None, status, dict(headers), error, NOW)


# Requests.


@pytest.mark.parametrize(
    ("name", "model", "asked", "sent"),
    [
        ("groq", "openai/gpt-oss-120b", {"effort": "xhigh"}, {"reasoning_effort": "high"}),
        ("groq", "qwen/qwen3-32b", {"effort": "low"}, {"reasoning_effort": "default"}),
        ("groq", "qwen/qwen3-32b", {"enabled": False}, {"reasoning_effort": "none"}),
        ("cerebras", "gpt-oss-120b", {"effort": "minimal"}, {"reasoning_effort": "low"}),
        ("deepseek", "deepseek-v4-flash", {"effort": "max"}, {"reasoning_effort": "max"}),
        ("deepseek", "deepseek-v4-flash", {"enabled": False}, {"thinking": {"type": "disabled"}}),
        ("zai", "glm-4.7", {"effort": "none"}, {"thinking": {"type": "disabled"}}),
        ("openrouter", "m", {"max_tokens": 2000}, {"reasoning": {"max_tokens": 2000}}),
        ("vercel", "m", {"enabled": True}, {"reasoning": {"enabled": True}}),
    ],
)
def test_reasoning_is_asked_for_as_each_knows_it(name, model, asked, sent):
    assert request(name, {"reasoning": asked}, model) == (sent, ())


def test_models_that_do_not_reason_are_not_told_how_much():
    assert request("groq", {"reasoning": {"effort": "low"}}, reasoning=False) == ({}, ("reasoning",))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("deepseek", "reasoning_content"),
        ("zai", "reasoning_content"),
        ("moonshot", "reasoning_content"),
        ("fireworks", "reasoning_content"),
        ("groq", "reasoning"),
        ("cerebras", "reasoning"),
    ],
)
def test_what_was_reasoned_goes_back_under_the_name_that_each_knows(name, said):
    details = [{"type": "reasoning.text", "text": "hm", "format": "unknown", "index": 0}]
    turn = {"role": "assistant", "content": "So.", "reasoning": "hm", "reasoning_details": details}
    sent, dropped = request(name, {"messages": [USER, turn, USER]})
    assert sent["messages"][1] == {"role": "assistant", "content": "So.", said: "hm"}
    assert not dropped


@pytest.mark.parametrize("name", ["openrouter", "vercel"])
def test_routers_get_all_that_is_canonical(name):
    details = [{"type": "reasoning.encrypted", "data": "x", "format": "google-gemini-v1", "index": 0}]
    turn = {"role": "assistant", "content": "So.", "reasoning": "hm", "reasoning_details": details}
    marked = {"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]}
    body = {"messages": [marked, turn], "cache_control": {"type": "ephemeral"}, "top_k": 3}
    assert request(name, body) == (body, ())


def test_what_only_coheres_clients_say_is_dropped_everywhere_and_named():
    assert request("openrouter", {"safety_mode": "STRICT"}) == ({}, ("safety_mode",))
    assert request("groq", {"citation_options": {"mode": "fast"}}) == ({}, ("citation_options",))


def test_instructions_go_by_the_role_that_all_know():
    developer = {"role": "developer", "content": "Be brief."}
    sent, _ = request("deepseek", {"messages": [developer, USER]})
    assert sent["messages"] == [{"role": "system", "content": "Be brief."}, USER]
    assert developer["role"] == "developer"
    assert request("openrouter", {"messages": [developer, USER]})[0]["messages"][0] == developer


BEGUN = {"role": "assistant", "content": "The answer"}


def test_an_answer_that_is_begun_is_gone_on_with_as_each_wants_it_said():
    called = {**BEGUN, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "a", "arguments": ""}}]}
    assert request("moonshot", {"messages": [USER, BEGUN]})[0]["messages"] == [USER, {**BEGUN, "partial": True}]
    vllm = ODDITIES["final-message"].request
    made = vllm({"messages": [USER, BEGUN]}, None)
    assert (made["continue_final_message"], made["add_generation_prompt"]) == (True, False)
    for last in (USER, called):
        assert request("moonshot", {"messages": [USER, last]})[0] == {"messages": [USER, last]}
        assert vllm({"messages": [USER, last]}, None) == {"messages": [USER, last]}
    assert vllm({"messages": [BEGUN], "continue_final_message": False}, None)["add_generation_prompt"] is True


def test_a_limit_of_tokens_goes_by_the_older_name():
    assert request("deepseek", {"max_completion_tokens": 5}) == ({"max_tokens": 5}, ())
    assert request("groq", {"max_completion_tokens": 5}) == ({"max_completion_tokens": 5}, ())


def test_perplexity_has_no_tools_and_is_not_asked_for_an_encoding():
    assert request("perplexity", {"tools": []}) == ({}, ("tools",))
    sent, _ = request("perplexity", {"input": "a", "encoding_format": "float"}, dialect=EMBEDDINGS)
    assert sent == {"input": "a"}


# Replies.


def test_groqs_older_streams_have_their_usage_elsewhere():
    usage = {"queue_time": 0.1, "prompt_tokens": 12, "completion_tokens": 26, "total_tokens": 38}
    (event,) = events("groq", chunk({}, "stop", x_groq={"id": "req_1", "usage": usage}))
    assert event["usage"] == usage
    assert event["x_groq"] == {"id": "req_1", "usage": usage}


def test_groqs_reasoning_and_channel_survive():
    (event,) = events("groq", chunk({"reasoning": "We", "channel": "analysis"}))
    delta = event["choices"][0]["delta"]
    assert (delta["reasoning"], delta["channel"]) == ("We", "analysis")
    assert delta["reasoning_details"] == [{"type": "reasoning.text", "text": "We", "format": "unknown", "index": 0}]


def test_groqs_failure_inside_a_good_reply_is_another_endpoints_chance():
    error = {"error": {"code": "tool_use_failed", "message": "no", "failed_generation": "{}", "status_code": 400}}
    end = b"event: error\ndata: %b\n\n" % json.dumps(error).encode()
    *_, last = events("groq", chunk({"content": "a"}), end=end)
    assert last == InBandError(error)
    failure = classify("groq", None, last.raw)
    assert (failure.kind, failure.status, failure.code) == ("unsupported_here", 400, "tool_use_failed")


def test_deepseeks_cache_and_reasoning_are_said_as_everybody_says_them():
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "prompt_cache_hit_tokens": 4}
    event = reply("deepseek", message({"content": "4", "reasoning_content": "hm"}, usage=usage))
    said = event["choices"][0]["message"]
    assert (said["reasoning"], said["reasoning_content"]) == ("hm", "hm")
    assert said["reasoning_details"][0]["text"] == "hm"
    assert usage_of(event["usage"]).cache_read == 4
    assert event["usage"]["prompt_cache_hit_tokens"] == 4


@pytest.mark.parametrize(
    ("name", "theirs", "ours"),
    [
        ("deepseek", "insufficient_system_resource", "error"),
        ("zai", "sensitive", "content_filter"),
        ("zai", "model_context_window_exceeded", "length"),
        ("zai", "stop", "stop"),
    ],
)
def test_reasons_to_finish_have_one_name_and_keep_their_own(name, theirs, ours):
    choice = reply(name, message({"content": "a"}, theirs))["choices"][0]
    assert choice["finish_reason"] == ours
    assert choice.get("native_finish_reason", theirs) == theirs


PAGE = {"title": "T", "url": "https://a.example", "snippet": "S", "date": "2026-01-01"}
FOUND = {"citations": ["https://a.example", "https://b.example"], "search_results": [PAGE, {"title": "doc", "url": ""}]}
NOWHERE = {"start_index": 0, "end_index": 0}
CITED = [
    {"type": "url_citation", "url_citation": {**NOWHERE, "url": "https://a.example", "title": "T", "content": "S"}},
    {"type": "url_citation", "url_citation": {**NOWHERE, "url": "https://b.example", "title": ""}},
]


def test_perplexitys_searches_become_annotations_and_its_cost_a_number():
    body = message({"role": "assistant", "content": "a [1]"}, **FOUND)
    body["choices"][0]["delta"] = {"role": "assistant", "content": ""}
    body["usage"] = {"prompt_tokens": 1, "completion_tokens": 2, "cost": {"total_cost": 0.006, "request_cost": 0.005}}
    event = reply("perplexity", body)
    (choice,) = event["choices"]
    assert choice["message"] == {"role": "assistant", "content": "a [1]", "annotations": CITED}
    assert "delta" not in choice
    assert usage_of(event["usage"]).reported_cost == 0.006
    assert event["usage"]["cost_parts"]["request_cost"] == 0.005
    assert event["search_results"] == FOUND["search_results"]


def test_perplexitys_stream_is_told_once_and_cites_at_its_end():
    def both(delta, whole, finish=None):
        made = chunk({"content": delta}, finish, **FOUND)
        made["choices"][0]["message"] = {"role": "assistant", "content": whole}
        return made

    first, last = events("perplexity", both("a", "a"), both(" [1]", "a [1]", "stop"), end=b"")
    assert first["choices"][0] == {"index": 0, "delta": {"content": "a"}, "finish_reason": None}
    assert last["choices"][0]["delta"] == {"content": " [1]", "annotations": CITED}


def test_perplexitys_vectors_are_signed_bytes():
    event = reply("perplexity", {"data": [{"embedding": "AAF/gP8=", "index": 0}]}, EMBEDDINGS)
    assert event["data"][0]["embedding"] == [0.0, 1.0, 127.0, -128.0, -1.0]
    with pytest.raises(Malformed):
        reply("perplexity", {"data": [{"embedding": "?", "index": 0}]}, EMBEDDINGS)


@pytest.mark.parametrize(("model", "completion"), [("google/gemini-3-pro", 284), ("openai/gpt-5", 52)])
def test_vercel_counts_what_googles_models_reason_beside_the_completion(model, completion):
    details = {"completion_tokens_details": {"reasoning_tokens": 232}}
    usage = {"prompt_tokens": 9, "completion_tokens": 52, "total_tokens": 61, **details}
    event = reply("vercel", message({"content": "a", "provider_metadata": {"x": 1}}, model=model, usage=usage))
    assert event["usage"]["completion_tokens"] == completion
    assert event["choices"][0]["message"]["provider_metadata"] == {"x": 1}


def test_openrouters_reply_is_kept_and_says_who_served_behind_it():
    details = [{"type": "reasoning.text", "text": "hm", "signature": "s", "format": "anthropic-claude-v1", "index": 0}]
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cost": 0.01, "is_byok": False}
    said = {"content": "a", "reasoning": "hm", "reasoning_details": details}
    event = reply("openrouter", message(said, provider="Amazon Bedrock", usage=usage))
    assert event["choices"][0]["message"] == said
    assert event["upstream_provider"] == event["provider"] == "Amazon Bedrock"
    assert usage_of(event["usage"]).reported_cost == 0.01


def test_openrouters_error_after_a_finish_is_found():
    error = {"error": {"code": 400, "message": "Token limit reached"}, "choices": []}
    first, last = events("openrouter", chunk({"content": "a"}, "length"), error, end=b"data: [DONE]\n\n")
    assert first["choices"][0]["finish_reason"] == "length"
    assert classify("openrouter", None, last.raw).status == 400


# Errors. Those of documentation that no recording has are synthetic.


@pytest.mark.parametrize(
    ("name", "status", "error", "kind"),
    [
        (
            "groq",
            413,
            {"error": {"message": "Request too large for model `m` on tokens per minute (TPM)"}},
            "rate_limited",
        ),
        ("groq", 498, {"error": {"message": "Flex capacity exceeded"}}, "overloaded"),
        ("groq", 400, {"error": {"message": "x", "code": "model_decommissioned"}}, "not_found"),
        (
            "groq",
            400,
            {"error": {"message": "`reasoning_effort` is not supported with this model"}},
            "unsupported_here",
        ),
        (
            "cerebras",
            429,
            {"message": "We're experiencing high traffic right now!", "code": "queue_exceeded"},
            "overloaded",
        ),
        ("cerebras", 429, {"message": "x", "code": "token_quota_exceeded"}, "rate_limited"),
        ("fireworks", 412, {"error": {"message": "Account suspended"}}, "quota_exhausted"),
        ("sambanova", 410, {"error": {"message": "The model is gone"}}, "not_found"),
        ("deepinfra", 429, {"detail": {"error": "Model busy, retry later"}}, "overloaded"),
        ("novita", 403, {"code": 403, "reason": "NOT_ENOUGH_BALANCE", "message": "not enough"}, "quota_exhausted"),
        ("novita", 403, {"code": 403, "reason": "INVALID_API_KEY", "message": "no"}, "credential_invalid"),
        ("nvidia", 400, {"title": "Bad Request", "detail": "DEGRADED function cannot be invoked"}, "unavailable"),
        ("deepseek", 402, {"error": {"message": "Insufficient Balance"}}, "quota_exhausted"),
        ("deepseek", 400, {"error": {"message": "Content Exists Risk"}}, "content_policy"),
        ("zai", 429, {"error": {"code": "1113", "message": "recharge"}}, "quota_exhausted"),
        ("zai", 429, {"error": {"code": "1305", "message": "busy"}}, "overloaded"),
        ("zai", 400, {"error": {"code": "1261", "message": "Prompt too long"}}, "context_length"),
        ("moonshot", 429, {"error": {"type": "engine_overloaded_error", "message": "x"}}, "overloaded"),
        ("moonshot", 429, {"error": {"type": "exceeded_current_quota_error", "message": "x"}}, "quota_exhausted"),
        ("huggingface", 402, {"error": "You have exceeded your monthly included credits"}, "quota_exhausted"),
        ("vercel", 402, {"error": {"type": "insufficient_funds", "message": "x"}}, "quota_exhausted"),
        ("openrouter", 402, {"error": {"code": 402, "message": "Insufficient credits"}}, "quota_exhausted"),
        (
            "openrouter",
            429,
            {"error": {"code": 429, "message": "Rate limit exceeded: free-models-per-day"}},
            "rate_limited",
        ),
        (
            "openrouter",
            403,
            {"error": {"code": 403, "message": "requires moderation: your input was flagged"}},
            "content_policy",
        ),
        ("ollama", 404, {"error": {"message": 'model "x" not found, try pulling it first'}}, "not_found"),
    ],
)
def test_errors_mean_what_each_says_of_them(name, status, error, kind):
    failure = classify(name, status, error)
    assert (failure.kind, failure.status) == (kind, status)
    assert failure.message


@pytest.mark.parametrize(
    "raw",
    [
        '{"error": {"message": "m is temporarily rate-limited upstream", "code": "slow"}}',
        {"error": {"message": "m is temporarily rate-limited upstream", "code": "slow"}},
        "m is temporarily rate-limited upstream",
    ],
)
def test_what_openrouters_provider_said_is_told(raw):
    error = {
        "error": {"code": 429, "message": "Provider returned error", "metadata": {"raw": raw, "provider_name": "X"}}
    }
    failure = classify("openrouter", 429, error)
    assert (failure.kind, failure.scope) == ("overloaded", "endpoint")
    assert failure.message == "Provider returned error: m is temporarily rate-limited upstream"


# Limits.


def test_groqs_requests_are_of_a_day_and_its_tokens_of_a_minute():
    provider = rows.provider("groq", RowOptions())
    headers = {
        "x-ratelimit-limit-requests": "14400",
        "x-ratelimit-remaining-requests": "14370",
        "x-ratelimit-reset-requests": "2m59.56s",
        "x-ratelimit-limit-tokens": "18000",
        "x-ratelimit-remaining-tokens": "17997",
        "x-ratelimit-reset-tokens": "7.66s",
    }
    day, minute = provider.hints(None, HttpHead(200, headers), NOW)
    assert (day.unit, day.window, day.limit, day.reset) == ("requests", 86_400, 14_400, NOW + 179.56)
    assert (minute.unit, minute.window, minute.remaining) == ("tokens", 60, 17_997)


def test_hugging_face_tells_only_what_is_left_and_no_limit_is_none():
    provider = rows.provider("huggingface", RowOptions())
    headers = {
        "x-ratelimit-remaining-requests-minute": "1998",
        "x-ratelimit-remaining-requests-day": "2879998",
        "x-ratelimit-remaining-tokens-minute": "9223372036854767616",
    }
    minute, day = provider.hints(None, HttpHead(200, headers), NOW)
    assert (minute.window, minute.limit, minute.remaining) == (60, None, 1998)
    assert (day.window, day.remaining) == (86_400, 2_879_998)


def test_an_account_of_a_row_is_ordinary():
    provider = rows.provider("groq", RowOptions())
    accounts = provider.accounts(Credential(id="c", provider="groq", label="c"), Secret("sk-0123456789abcdef"))
    assert [type(account) for account in accounts] == [Account]
