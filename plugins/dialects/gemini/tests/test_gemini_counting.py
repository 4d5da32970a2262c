"""Tokens are counted for Anthropic's clients by Gemini, and for Gemini's clients by Claude."""

import pytest

from taxiway.errors import Malformed
from taxiway.testing.dialect import make_endpoint
from taxiway_gemini import GEMINI_COUNT_TOKENS

ENDPOINT = make_endpoint("count-tokens", "gemini-count-tokens", id="gemini-2.5-flash")
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def test_a_message_of_anthropics_is_counted():
    body = {
        "system": "Be short.",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "tools": [{"name": "f", "description": "d", "input_schema": SCHEMA}],
    }
    assert GEMINI_COUNT_TOKENS.upstream.from_canonical(body, ENDPOINT).body == {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "systemInstruction": {"parts": [{"text": "Be short."}]},
        "tools": [{"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": SCHEMA}]}],
    }


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_request_of_geminis_is_counted(wrapped):
    request = {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "systemInstruction": {"parts": [{"text": "Be short."}]},
        "generationConfig": {"maxOutputTokens": 5},
    }
    body = {"generateContentRequest": {"model": "models/x", **request}} if wrapped else request
    assert GEMINI_COUNT_TOKENS.client.to_canonical(body).body == {
        "system": "Be short.",
        "messages": [{"role": "user", "content": "hi"}],
    }
    facts = GEMINI_COUNT_TOKENS.client.facts(body, {"model": "anthropic/claude-sonnet-4.5"}, {})
    assert facts.models == ("anthropic/claude-sonnet-4.5",)


def test_the_count_is_told_both_ways_and_is_free():
    reply = {"totalTokens": 36}
    assert GEMINI_COUNT_TOKENS.upstream.reply_to_canonical(reply, None).body == {"input_tokens": 36}
    assert GEMINI_COUNT_TOKENS.client.reply_from_canonical({"input_tokens": 36}, None).body == reply
    progress = GEMINI_COUNT_TOKENS.upstream.progress(stream=False)
    progress.see(reply)
    assert (progress.done, progress.usage.total, progress.usage.requests) == (True, 0, 0)
    with pytest.raises(Malformed):
        progress.see({"totalTokens": "many"})
