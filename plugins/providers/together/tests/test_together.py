"""Together AI: the contract, and what its replies and errors are read as."""

import json
import subprocess
import sys

import pytest

import taxiway_together
from taxiway.chat import CHAT
from taxiway.http import HttpHead
from taxiway.outcome import Bill
from taxiway.testing.provider import NOW, ProviderContract, Sample

REGISTRATION = next(iter(taxiway_together.taxiway_providers()))
USER = {"role": "user", "content": "hi"}
CHUNK = (
    b'data: {"id":"9026","object":"chat.completion.chunk","created":1,"choices":[{"index":0,"text":"%b","logprobs":null,'
    b'"finish_reason":%b,"seed":%b,"delta":{"token_id":17,"role":"assistant","content":"%b","tool_calls":null}}],'
    b'"model":"m","usage":%b}\n\n'
)
SEED = 16804105058607157000
USAGE = b'{"prompt_tokens":48,"completion_tokens":2,"total_tokens":50,"cached_tokens":40}'
STREAM = (
    CHUNK % (b"2", b"null", b"null", b"2", b"null")
    + CHUNK % (b"", b'"eos"', str(SEED).encode(), b"", USAGE)
    + b"data: [DONE]\n\n"
)
REPLY = (
    b'{"id":"9026","object":"chat.completion","created":1,"model":"m","prompt":[],"choices":[{"finish_reason":"eos",'
    b'"seed":16804105058607157000,"logprobs":null,"index":0,"message":{"role":"assistant","content":"2","tool_calls":[]}}],'
    b'"usage":' + USAGE + b"}"
)
# As recorded with good replies.
NOISE = {
    "retry-after": "2",
    "x-ratelimit": "false",
    "x-ratelimit-limit": "30",
    "x-ratelimit-limit-tokens": "3000",
    "x-ratelimit-remaining": "59",
    "x-ratelimit-remaining-tokens": "3000",
    "x-ratelimit-reset": "2",
}


class TestTogether(ProviderContract):
    module = taxiway_together
    registration = REGISTRATION
    limit_headers = tuple(NOISE)
    samples = (
        Sample(
            body={"model": "m", "messages": [USER]},
            reply=STREAM,
            stream=True,
            content_type="text/event-stream;charset=utf-8",
        ),
        Sample(body={"model": "m", "messages": [USER]}, reply=REPLY),
        Sample(body={"model": "m", "input": "a"}, reply=b'{"data":[{"embedding":[0.1]}]}', dialect="embeddings"),
    )


CONTRACT = TestTogether()
PROVIDER = CONTRACT._build()
STREAMED, SENT = (CONTRACT._outgoing(PROVIDER, sample) for sample in CONTRACT.samples[:2])


def given(outgoing, body):
    """What a chat client gets of a reply, as bytes that any JSON reader may read."""
    replies, progress = PROVIDER.replies(outgoing, HttpHead(200, {})), CHAT.upstream.progress(outgoing.stream)
    bill = Bill(outgoing.candidate, None, None)
    stamp, told = CHAT.client.stamp(outgoing.call, lambda: bill), []
    for event in [*replies.feed(body), *replies.close(framed=True)]:
        progress.see(event)
        told.append((stamp.event if outgoing.stream else stamp.reply)(event))
    bill.usage = progress.usage
    told += stamp.last() if outgoing.stream else []
    data = CHAT.client.writer(outgoing.call).write(told)
    return [json.loads(line[6:]) for line in data.decode().splitlines() if line]


def test_eos_is_stop_and_nothing_else_of_a_choice_is_lost():
    _, last, usage = given(STREAMED, STREAM)
    (choice,) = last["choices"]
    assert (choice["finish_reason"], choice["native_finish_reason"]) == ("stop", "eos")
    assert (choice["seed"], choice["text"], choice["delta"]["token_id"]) == (SEED, "", 17)
    assert usage["usage"]["prompt_tokens_details"] == {"cached_tokens": 40}
    (reply,) = given(SENT, REPLY)
    (choice,) = reply["choices"]
    assert (choice["finish_reason"], choice["native_finish_reason"], choice["seed"]) == ("stop", "eos", SEED)
    assert reply["prompt"] == []


def test_a_seed_beyond_what_a_float_holds_survives_either_codec():
    code = (
        "import sys\n"
        "if sys.argv[1] == 'json': sys.modules['msgspec'] = None\n"
        "from taxiway.codec import dumps, loads\n"
        "print(dumps(loads(sys.argv[2].encode())).decode())"
    )
    for codec in ("json", "msgspec"):
        sent = '{"seed":16804105058607157000}'
        shown = subprocess.run([sys.executable, "-c", code, codec, sent], capture_output=True, text=True, check=True)
        assert shown.stdout.strip() == sent


def test_headers_of_good_replies_are_noise():
    assert not list(PROVIDER.hints(SENT, HttpHead(200, NOISE), NOW))
    failure = PROVIDER.classify(SENT, 429, NOISE, {"error": {"message": "x", "type": "model_rate_limit"}}, NOW)
    assert (failure.kind, failure.retry_after, failure.hints) == ("rate_limited", 2, ())


@pytest.mark.parametrize(
    ("status", "kind", "code", "message", "expected"),
    [
        # Recorded: its `id` is beside the error.
        (401, "invalid_request_error", "invalid_api_key", "Invalid API key provided.", "credential_invalid"),
        (402, "credit_limit", None, "Credit limit exceeded.", "quota_exhausted"),
        (
            422,
            "invalid_request_error",
            None,
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193. Given: 9000 `inputs` tokens",
            "context_length",
        ),
        (404, "invalid_request_error", "model_not_available", "Unable to access model x.", "not_found"),
        (400, "invalid_request_error", "model_not_available", "Unable to access non-serverless model x.", "not_found"),
        (403, "invalid_request_error", None, "Forbidden", "permission_denied"),
        (429, "request_rate_limit", None, "You have reached the rate limit", "rate_limited"),
        (503, "server_error", None, "The server is overloaded or not ready yet", "overloaded"),
        (524, None, None, "A timeout occurred", "unavailable"),
        (529, None, None, "The origin is overloaded", "overloaded"),
    ],
)
def test_errors_are_what_the_pages_say(status, kind, code, message, expected):
    """Synthetic, from documentation, but for the first."""
    error = {"id": "oVRN", "error": {"message": message, "type": kind, "param": None, "code": code}}
    failure = PROVIDER.classify(SENT, status, {}, error, NOW)
    assert (failure.kind, failure.message) == (expected, message)


def test_a_key_is_proved_by_listing_models_and_found_in_the_environment():
    probe = PROVIDER.probe(SENT.candidate.account, SENT.secret, NOW)
    assert (probe.method, str(probe.origin), probe.target) == ("GET", "https://api.together.ai", "/v1/models")
    (credential,) = REGISTRATION.environment({"TOGETHER_API_KEY": "k-1234567890"})
    assert (credential.provider, credential.key) == ("together", "env:TOGETHER_API_KEY")
