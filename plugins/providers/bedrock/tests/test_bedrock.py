"""Bedrock: the contract by each kind of credential, where requests go, what they carry, and what errors mean."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from frames import event, exception, frame

import taxiway_bedrock
from taxiway.candidate import Credential
from taxiway.catalog import CatalogModel
from taxiway.chat import CHAT
from taxiway.codec import loads
from taxiway.embeddings import EMBEDDINGS
from taxiway.errors import ConfigError, Malformed
from taxiway.http import HttpHead
from taxiway.provider import Derived, InBandError, Refreshes
from taxiway.secret import Secret
from taxiway.testing.provider import NOW, KnownModels, ProviderContract, Sample
from taxiway_anthropic_messages import COUNT_TOKENS, MESSAGES
from taxiway_bedrock import sigv4
from taxiway_bedrock.converse import CONVERSE
from taxiway_bedrock.embeddings import VECTORS
from taxiway_bedrock.sigv4 import Keys

REGISTRATION = next(iter(taxiway_bedrock.taxiway_providers()))
SONNET, NOVA = "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-lite-v1:0"
TITAN = "amazon.titan-embed-text-v2:0"
SECRET, TOKEN = "wJalrXUtnFEMI-planted-secret", "planted/session+token=="
ACCESS = json.dumps(
    {"accessKeyId": "AKIAPLANTED", "secretAccessKey": SECRET, "sessionToken": TOKEN, "region": "us-east-1"}
)

MODELS = (
    CatalogModel(id=SONNET, slug="anthropic/claude-sonnet-4.5", name="Claude Sonnet 4.5 (US)"),
    CatalogModel(id=NOVA, slug="amazon/nova-lite", name="Nova Lite", inputs=frozenset({"text", "image"})),
)
TURN = {"role": "user", "content": [{"text": "Hi"}]}
USAGE = {"inputTokens": 3, "outputTokens": 1, "totalTokens": 4}
EVENTS = (
    {"messageStart": {"role": "assistant"}},
    {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Hi"}, "p": "abc"}},
    {"contentBlockStop": {"contentBlockIndex": 0}},
    {"messageStop": {"stopReason": "end_turn"}},
    {"metadata": {"usage": USAGE, "metrics": {"latencyMs": 1}}},
)
REPLY = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
    "stopReason": "end_turn",
    "usage": USAGE,
    "metrics": {"latencyMs": 1},
}
CLAUDES = (
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude",
            "content": [],
            "stop_reason": None,
            "usage": {"input_tokens": 3, "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
    {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 3, "outputTokenCount": 1}},
)
ASKED = {"max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}
MESSAGE = {**CLAUDES[0]["message"], "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"}


def stream(events) -> bytes:
    return b"".join(event(kind, value) for one in events for kind, value in one.items())


def chunks(events) -> bytes:
    encoded = [base64.b64encode(json.dumps(one).encode()).decode() for one in events]
    return b"".join(event("chunk", {"bytes": data, "p": "ab"}) for data in encoded)


FRAMES = "application/vnd.amazon.eventstream"
DIALECTS = {
    "chat": CHAT,
    "embeddings": EMBEDDINGS,
    "converse": CONVERSE,
    "messages": MESSAGES,
    "count-tokens": COUNT_TOKENS,
    "bedrock-embeddings": VECTORS,
}


class TestBedrock(ProviderContract):
    module = taxiway_bedrock
    registration = REGISTRATION
    key = "bedrock-api-key-0123456789abcdef"
    settings: Mapping[str, Any] = {"region": "us-east-1"}
    models = MODELS
    dialects = DIALECTS
    samples = (
        Sample(body={"messages": [TURN]}, dialect="converse", reply=stream(EVENTS), stream=True, content_type=FRAMES),
        Sample(body={"messages": [TURN]}, dialect="converse", reply=json.dumps(REPLY).encode()),
        Sample(body=ASKED, dialect="messages", reply=chunks(CLAUDES), stream=True, content_type=FRAMES),
        Sample(body=ASKED, dialect="messages", reply=json.dumps(MESSAGE).encode()),
        Sample(body=ASKED, dialect="count-tokens", reply=b'{"inputTokens": 7}'),
        Sample(
            body={"inputText": "Hi"},
            dialect="bedrock-embeddings",
            reply=b'{"embedding": [0.1], "inputTextTokenCount": 2}',
        ),
    )


class TestSigned(TestBedrock):
    key = ACCESS
    hidden = (SECRET,)
    settings: Mapping[str, Any] = {}


CONTRACT = TestBedrock()
PROVIDER = CONTRACT._build()
SIGNED = TestSigned()


def sending(sample: int, contract: ProviderContract = CONTRACT):
    return contract._outgoing(PROVIDER, contract.samples[sample])


def account(key: str | None, **settings):
    credential = Credential(id="c", provider="amazon-bedrock", label="label", settings=settings)
    (made,) = PROVIDER.accounts(credential, None if key is None else Secret(key))
    return made


def test_each_dialect_has_its_path_and_its_body():
    requests = [PROVIDER.prepare(sending(index), NOW) for index in range(6)]
    nova, sonnet = "/model/amazon.nova-lite-v1%3A0", f"/model/{SONNET.replace(':', '%3A')}"
    assert {str(request.origin) for request in requests} == {"https://bedrock-runtime.us-east-1.amazonaws.com"}
    targets = [request.target for request in requests]
    assert targets[2:] == [
        f"{sonnet}/invoke-with-response-stream",
        f"{sonnet}/invoke",
        f"{sonnet.replace('us.', '')}/count-tokens",
        f"/model/{TITAN.replace(':', '%3A')}/invoke".replace("v2", "v1").replace("%3A0", ""),
    ]
    assert [target.rpartition("/")[2] for target in targets[:2]] == ["converse-stream", "converse"]
    assert all(target.startswith((nova, sonnet)) for target in targets[:2])
    assert loads(requests[2].body) == {**ASKED, "anthropic_version": "bedrock-2023-05-31"}
    counted = loads(base64.b64decode(loads(requests[4].body)["input"]["invokeModel"]["body"]))
    assert counted == {**ASKED, "anthropic_version": "bedrock-2023-05-31"}


def test_an_api_key_is_sent_and_access_keys_sign():
    headers = dict(PROVIDER.prepare(sending(1), NOW).headers)
    assert headers == {"content-type": "application/json", "authorization": f"Bearer {CONTRACT.key}"}
    sent = sending(1, SIGNED)
    request = PROVIDER.prepare(sent, NOW)
    plain = PROVIDER.prepare(sending(1), NOW)
    unsigned = sigv4.HttpRequest(
        "POST", plain.origin, plain.target, (("content-type", "application/json"),), plain.body
    )
    again = sigv4.sign(unsigned, Keys("AKIAPLANTED", SECRET, TOKEN), "us-east-1", "bedrock", NOW)
    assert request.headers == again.headers
    later = dict(PROVIDER.prepare(sent, NOW + 3600).headers)
    assert later["x-amz-date"] != dict(request.headers)["x-amz-date"]


def test_betas_are_a_field_of_the_body_where_bedrock_knows_them():
    betas = "claude-code-20250219, interleaved-thinking-2025-05-14"
    for sample in (3, 1):
        sent = sending(sample)
        sent.call.headers = {"anthropic-beta": betas, "x-anthropic-beta": "context-1m-2025-08-07"}
        if sample == 1 and sent.candidate.endpoint.id != SONNET:
            sent.candidate = sending(3).candidate
        body = loads(PROVIDER.prepare(sent, NOW).body)
        found = body if sample == 3 else body["additionalModelRequestFields"]
        assert found["anthropic_beta"] == ["interleaved-thinking-2025-05-14", "context-1m-2025-08-07"]


def test_what_only_other_models_can_read_is_not_sent_to_claude():
    sent = sending(3)
    thought = {"type": "thinking", "thinking": "Hm.", "signature": ""}
    said = {"role": "assistant", "content": [thought, {"type": "text", "text": "Yes."}]}
    sent.body = {**sent.body, "messages": [*ASKED["messages"], said, *ASKED["messages"]]}
    body = loads(PROVIDER.prepare(sent, NOW).body)
    assert body["messages"][1]["content"] == [{"type": "text", "text": "Yes."}]


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "bedrock-runtime.eu-central-1.amazonaws.com"),
        ("us-gov-west-1", "bedrock-runtime.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "bedrock-runtime.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_each_region_has_its_host(region, host):
    assert account("key-0123456789", region=region).origin == f"https://{host}"


def test_another_address_keeps_its_path():
    made = account("key-0123456789", region="us-east-1", base_url="http://127.0.0.1:9/base/")
    assert made.settings.path == "/base"
    assert PROVIDER.probe(made, made.secret, NOW) is None


@pytest.mark.parametrize(
    ("key", "settings", "path"),
    [
        ("key-0123456789", {}, "label.settings.region"),
        ("key-0123456789", {"region": "nowhere"}, "label.settings.region"),
        ("key-0123456789", {"region": "us-east-1", "profile": "p"}, "label.settings.profile"),
        ("key-0123456789", {"region": "us-east-1", "endpoint": "other"}, "label.settings.endpoint"),
        ("key-0123456789", {"region": "us-east-1", "base_url": "nowhere"}, "label.settings.base_url"),
        ("key-0123\u2026", {"region": "us-east-1"}, "label.key"),
        ('{"accessKeyId": "AKIA"', {"region": "us-east-1"}, "label.key"),
        ("AKIAPLANTED", {"region": "us-east-1"}, "label.key"),
        ('{"accessKeyId": "AKIA-planted"}', {"region": "us-east-1"}, "label.key"),
        ('{"accessKeyId": "a", "secretAccessKey": "planted", "other": "x"}', {"region": "us-east-1"}, "label.key"),
        ('{"accessKeyId": "a", "secretAccessKey": 7}', {"region": "us-east-1"}, "label.key"),
        ('{"accessKeyId": "a", "secretAccessKey": "planted\\n"}', {"region": "us-east-1"}, "label.key"),
    ],
)
def test_a_credential_of_another_shape_is_refused_at_its_place(key, settings, path):
    with pytest.raises(ConfigError) as raised:
        account(key, **settings)
    assert path in str(raised.value)
    assert "planted" not in str(raised.value)


def test_a_region_may_be_in_the_key_and_the_settings_go_before_it():
    assert account(ACCESS).settings.region == "us-east-1"
    assert account(ACCESS, region="eu-west-1").settings.region == "eu-west-1"


async def test_a_key_is_what_is_sent_and_needs_no_deriving():
    assert isinstance(PROVIDER, Refreshes)
    made = account(ACCESS)
    assert await PROVIDER.refresh(made, NOW) == Derived(made.secret)


def ids(*models: str, **settings):
    known = [CatalogModel(id=id_, slug=f"a/{id_}", name=id_) for id_ in models]
    made = account("key-0123456789", **{"region": "us-east-1", **settings})
    endpoints = list(PROVIDER.endpoints(KnownModels(known), [made]))
    return [one for one in endpoints if "embeddings" not in one.dialects and PROVIDER.serves(one, made)]


@pytest.mark.parametrize(
    ("region", "reached"),
    [
        ("us-east-1", {"us.a.x", "global.a.x"}),
        ("eu-west-3", {"eu.a.x", "global.a.x"}),
        ("ap-northeast-1", {"jp.a.x", "apac.a.x", "global.a.x"}),
        ("ap-southeast-2", {"au.a.x", "apac.a.x", "global.a.x"}),
        ("us-gov-west-1", {"us-gov.a.x"}),
        ("sa-east-1", {"global.a.x"}),
    ],
)
def test_profiles_are_paired_with_the_regions_that_may_call_them(region, reached):
    profiles = [f"{prefix}.a.x" for prefix in ("us", "eu", "jp", "au", "apac", "us-gov", "global")]
    assert {one.id for one in ids(*profiles, region=region)} == reached


def test_a_model_with_profiles_is_offered_by_them_alone_and_each_has_a_tag():
    found = ids("us.a.x", "global.a.x", "a.x", "a.y")
    assert {one.id: one.tag for one in found} == {
        "us.a.x": "amazon-bedrock/us",
        "global.a.x": "amazon-bedrock/global",
        "a.y": "amazon-bedrock",
    }
    assert len({one.key for one in found}) == len(found)


def test_which_profiles_may_be_used_can_be_said():
    assert {one.id for one in ids("us.a.x", "global.a.x", "a.y", inference_profiles=["us"])} == {"us.a.x", "a.y"}


def test_an_account_that_names_models_serves_only_those_also_unknown_ones():
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
    found = ids("us.a.x", "a.x", "a.y", models={"anthropic/claude-sonnet-4.5": arn, "a/x": "a.x"})
    assert {one.id for one in found} == {arn, "a.x"}
    (named,) = [one for one in found if one.id == arn]
    assert named.model == "anthropic/claude-sonnet-4.5"
    assert named.dialects["chat"] == ("converse", "messages")
    assert not named.prefill or named.fetches


def test_an_endpoint_says_what_works():
    claude, nova = ids(SONNET, NOVA)
    assert claude.dialects == {"chat": ("converse", "messages"), "count-tokens": ("count-tokens",)}
    assert nova.dialects == {"chat": ("converse",)}
    assert {"tools", "response_format", "reasoning", "top_k"} <= claude.parameters
    assert "reasoning" not in nova.parameters
    assert "file" in nova.inputs
    assert claude.charges == "reserve-max"
    assert claude.fetches == {"image", "file", "audio", "video"}


@pytest.mark.parametrize(
    ("status", "type_", "message", "kind"),
    [
        (
            403,
            "ExpiredTokenException:http://internal.amazon.com/coral/",
            "The security token is expired",
            "credential_invalid",
        ),
        (
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            "credential_invalid",
        ),
        (403, "InvalidSignatureException", "The request signature we calculated does not match", "credential_invalid"),
        (
            403,
            "InvalidSignatureException",
            "Signature expired: 20251009T000000Z is now earlier than 2025",
            "clock_skewed",
        ),
        (
            403,
            "InvalidSignatureException",
            "Signature not yet current: 20251009T000000Z is still later",
            "clock_skewed",
        ),
        (403, "RequestTimeTooSkewed", "The difference between the request time and the current time", "clock_skewed"),
        (
            403,
            "AccessDeniedException",
            "You don't have access to the model with the specified model ID.",
            "permission_denied",
        ),
        (
            403,
            "AccessDeniedException",
            "Authentication failed: Please make sure your API Key is valid.",
            "credential_invalid",
        ),
        (403, "", "Bearer Token has expired", "credential_invalid"),
        (429, "ThrottlingException", "Too many tokens, please wait before trying again.", "rate_limited"),
        (400, "ServiceQuotaExceededException", "Your request exceeds the service quota", "rate_limited"),
        (429, "ModelNotReadyException", "Model is not ready for inference", "overloaded"),
        (503, "ServiceUnavailableException", "Bedrock is unable to process your request.", "overloaded"),
        (500, "InternalServerException", "Try again", "unavailable"),
        (424, "ModelErrorException", "The model failed", "unavailable"),
        (408, "ModelTimeoutException", "Model has timed out", "timeout"),
        (404, "ResourceNotFoundException", "This model version has reached the end of its life.", "not_found"),
        (400, "ValidationException", "The provided model identifier is invalid.", "not_found"),
        (
            400,
            "ValidationException",
            "Invocation of model ID x with on-demand throughput isn\u2019t supported.",
            "not_found",
        ),
        (400, "ValidationException", "Input is too long for requested model.", "context_length"),
        (400, "ValidationException", "prompt is too long: 210000 tokens > 200000 maximum", "context_length"),
        (400, "ValidationException", "Operation not allowed", "permission_denied"),
        (400, "ValidationException", "This model doesn't support tool use.", "unsupported_here"),
        (400, "", "This model doesn't support the video content block that you provided.", "unsupported_here"),
        (
            400,
            "ValidationException",
            "Malformed input request: #: extraneous key [x] is not permitted",
            "unsupported_here",
        ),
        (400, "ValidationException", "1 validation error detected", "invalid_request"),
        (400, "", "messages.2.content.2.document.source.type: Field required", "invalid_request"),
        (413, "", "Request body too large", "payload_too_large"),
        (418, "", "I'm a teapot", "invalid_request"),
    ],
)
def test_errors_are_what_the_table_says(status, type_, message, kind):
    headers = {"x-amzn-errortype": type_} if type_ else {}
    failure = PROVIDER.classify(sending(1), status, headers, {"message": message}, NOW)
    assert (failure.kind, failure.status, failure.message) == (kind, status, message)
    assert (failure.code or "") == type_.partition(":")[0]


def test_an_expired_token_is_fetched_anew_where_it_can_be():
    credential = Credential(
        id="c", provider="amazon-bedrock", label="l", settings={"region": "us-east-1", "profile": "p"}
    )
    (keyless,) = PROVIDER.accounts(credential, None)
    sent = sending(1)
    object.__setattr__(sent.candidate, "account", keyless)
    headers = {"x-amzn-errortype": "ExpiredTokenException"}
    assert PROVIDER.classify(sent, 403, headers, {"message": "expired"}, NOW).kind == "token_expired"


def test_how_long_to_wait_is_in_milliseconds():
    headers = {"x-amzn-errortype": "ThrottlingException", "x-amz-retry-after": "1500"}
    assert PROVIDER.classify(sending(1), 429, headers, {"message": "slow"}, NOW).retry_after == 1.5


@pytest.mark.parametrize(
    ("kind", "said", "expected"),
    [
        ("throttlingException", {"message": "slow"}, "rate_limited"),
        ("serviceUnavailableException", {"message": "later"}, "overloaded"),
        ("internalServerException", {}, "unavailable"),
        ("modelStreamErrorException", {"message": "x", "originalStatusCode": 500}, "unavailable"),
        ("modelTimeoutException", {"message": "x"}, "timeout"),
        ("validationException", {"message": "x"}, "invalid_request"),
        ("somethingNew", {"message": "x"}, "unavailable"),
    ],
)
@pytest.mark.parametrize("sample", [0, 2])
def test_an_exception_in_a_stream_is_an_error_and_what_came_before_it_is_not_lost(sample, kind, said, expected):
    """Synthetic, from documentation: none was recorded."""
    sent = sending(sample)
    before = stream(EVENTS[:2]) if sample == 0 else chunks(CLAUDES[:2])
    body = before + exception(kind, said)
    replies = PROVIDER.replies(sent, HttpHead(200, {"content-type": FRAMES}))
    *events, error = replies.feed(body)
    assert len(events) == 2
    assert isinstance(error, InBandError)
    failure = PROVIDER.classify(sent, None, {}, error.raw, NOW)
    assert failure.kind == expected
    assert failure.message


def test_an_error_of_the_stream_itself_is_in_headers():
    sent = sending(0)
    headers = {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "It broke."}
    (error,) = PROVIDER.replies(sent, HttpHead(200, {})).feed(frame(headers, b""))
    failure = PROVIDER.classify(sent, None, {}, error.raw, NOW)
    assert (failure.kind, failure.code, failure.message) == ("unavailable", "InternalFailure", "It broke.")


def test_claudes_own_error_in_a_stream_is_an_error():
    (error,) = PROVIDER.replies(sending(2), HttpHead(200, {})).feed(
        chunks([{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}])
    )
    assert isinstance(error, InBandError)
    assert PROVIDER.classify(sending(2), None, {}, error.raw, NOW).kind == "overloaded"


@pytest.mark.parametrize(
    "payload", [b"[1]", b"{}", b'{"bytes": "%%%"}', b'{"bytes": "W10="}', b'{"bytes": 5}', b"no json"]
)
def test_a_chunk_that_is_none_is_malformed(payload):
    chunk = frame({":event-type": "chunk", ":message-type": "event"}, payload)
    with pytest.raises(Malformed):
        PROVIDER.replies(sending(2), HttpHead(200, {})).feed(chunk)


@pytest.mark.parametrize("body", [b'{"output": {}}', b'{"output": {"message": {"content": [1]}}}', b"{}"])
def test_a_reply_without_a_message_is_malformed(body):
    replies = PROVIDER.replies(sending(1), HttpHead(200, {}))
    replies.feed(body)
    with pytest.raises(Malformed):
        replies.close(framed=True)


def test_models_are_listed_where_they_are_kept():
    for key in (CONTRACT.key, ACCESS):
        made = account(key, region="us-west-2")
        request = PROVIDER.probe(made, made.secret, NOW)
        assert (request.method, str(request.origin), request.target) == (
            "GET",
            "https://bedrock.us-west-2.amazonaws.com",
            "/foundation-models",
        )


@pytest.mark.parametrize(
    ("environment", "key", "settings"),
    [
        ({"AWS_BEARER_TOKEN_BEDROCK": "k", "AWS_PROFILE": "p"}, "env:AWS_BEARER_TOKEN_BEDROCK", {}),
        ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}, None, {}),
        ({"AWS_PROFILE": "p"}, None, {"profile": "p"}),
    ],
)
def test_what_the_environment_has_is_offered_with_its_region(environment, key, settings):
    assert not list(REGISTRATION.environment(environment))
    (credential,) = REGISTRATION.environment({**environment, "AWS_REGION": "eu-west-1"})
    assert (credential.key, credential.settings) == (key, {"region": "eu-west-1", **settings})


def test_an_environment_with_a_region_alone_offers_nothing():
    assert not list(REGISTRATION.environment({"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "half"}))
