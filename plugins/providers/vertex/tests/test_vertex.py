"""Vertex AI: the contract by each kind of key, where requests go, what they carry, and what errors mean."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

import taxiway_vertex
from taxiway.candidate import Credential
from taxiway.catalog import CatalogModel
from taxiway.chat import CHAT
from taxiway.codec import loads
from taxiway.errors import ConfigError, Malformed, Unsupported
from taxiway.http import HttpHead
from taxiway.secret import Secret
from taxiway.testing.provider import NOW, KnownModels, ProviderContract, Sample
from taxiway_anthropic_messages import COUNT_TOKENS, MESSAGES
from taxiway_gemini import GEMINI, GEMINI_COUNT_TOKENS, GEMINI_EMBEDDINGS

REGISTRATION = next(iter(taxiway_vertex.taxiway_providers()))
FLASH, CLAUDE, LLAMA = "gemini-2.5-flash", "claude-haiku-4-5@20251001", "meta/llama-3.3-70b-instruct-maas"
MODELS = (
    CatalogModel(id=FLASH, slug="google/gemini-2.5-flash", name="Flash"),
    CatalogModel(id=CLAUDE, slug="anthropic/claude-haiku-4.5", name="Haiku"),
    CatalogModel(id=LLAMA, slug="meta-llama/llama-3.3-70b-instruct", name="Llama"),
    CatalogModel(id="text-embedding-005", slug="google/text-embedding-005", name="E", operation="embeddings"),
    CatalogModel(id="gemini-embedding-001", slug="google/gemini-embedding-001", name="G1", operation="embeddings"),
    CatalogModel(id="gemini-embedding-2", slug="google/gemini-embedding-2", name="G2", operation="embeddings"),
)
PRIVATE = "-----BEGIN PRIVATE KEY-----\nplanted+private/key\n-----END PRIVATE KEY-----\n"
ACCOUNT = {
    "type": "service_account",
    "project_id": "acme-1",
    "private_key_id": "k1",
    "private_key": PRIVATE,
    "client_email": "taxiway@acme-1.iam.gserviceaccount.com",
    "token_uri": "https://oauth2.googleapis.com/token",
}

HELLO = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
COUNTS = b'"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1,"totalTokenCount":2}'
CHUNK = b'{"candidates":[{"content":{"role":"model","parts":[{"text":"%b"}]}%b}],' + COUNTS + b',"responseId":"r"}'
FIRST, LAST = CHUNK % (b"Hel", b""), CHUNK % (b"lo", b',"finishReason":"STOP"')
EVENTS = b"data: " + FIRST + b"\r\n\r\ndata: " + LAST + b"\r\n\r\n"
ASKED = {"max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}
MESSAGE = {
    "id": "msg_vrtx_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [],
    "stop_reason": None,
    "usage": {"input_tokens": 3, "output_tokens": 1},
}
CLAUDES = (
    {"type": "message_start", "message": MESSAGE},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
    {"type": "message_stop"},
)
STREAMED = b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in CLAUDES)
ANSWERED = json.dumps({**MESSAGE, "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"}).encode()
CHATTED = (
    b'{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},'
    b'"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
)
PREDICTED = b'{"predictions":[{"embeddings":{"values":[0.5],"statistics":{"truncated":false,"token_count":3}}}]}'
SSE = "text/event-stream"
ONE = {"requests": [{"content": {"parts": [{"text": "a"}]}}]}


class TestVertex(ProviderContract):
    module = taxiway_vertex
    registration = REGISTRATION
    key = "AIza-planted-0123456789"
    settings: Mapping[str, Any] = {"project": "acme-1", "region": "us-east5"}
    models = MODELS
    dialects = {  # noqa: RUF012 - as the kit has it
        "chat": CHAT,
        "messages": MESSAGES,
        "count-tokens": COUNT_TOKENS,
        "gemini": GEMINI,
        "gemini-embeddings": GEMINI_EMBEDDINGS,
        "gemini-count-tokens": GEMINI_COUNT_TOKENS,
    }
    samples = (
        Sample(body=HELLO, reply=LAST, dialect="gemini"),
        Sample(body=HELLO, reply=EVENTS, dialect="gemini", stream=True, content_type=SSE),
        Sample(body=ASKED, reply=ANSWERED, dialect="messages"),
        Sample(body=ASKED, reply=STREAMED, dialect="messages", stream=True, content_type=SSE),
        Sample(body=ASKED, reply=b'{"input_tokens":7}', dialect="count-tokens"),
        Sample(body={"messages": [{"role": "user", "content": "Hi"}]}, reply=CHATTED),
        Sample(body=ONE, reply=PREDICTED, dialect="gemini-embeddings"),
    )


class TestServiceAccount(TestVertex):
    key = json.dumps(ACCOUNT)
    hidden = ("planted+private/key",)
    settings: Mapping[str, Any] = {}

    def _outgoing(self, provider, sample):
        outgoing = super()._outgoing(provider, sample)
        outgoing.secret = Secret("ya29.derived")
        return outgoing

    def test_a_probe_shows_the_key_in_headers_only(self, provider):
        (account,) = self._accounts(provider)
        request = provider.probe(account, Secret("ya29.derived"), NOW)
        assert dict(request.headers)["authorization"] == "Bearer ya29.derived"
        self._shows_only_in_headers(request, f"{request!r} {request.target} {account!r}")


class TestExpress(TestVertex):
    settings: Mapping[str, Any] = {}
    samples = tuple(one for one in TestVertex.samples if one.dialect.startswith("gemini"))

    def test_every_endpoint_pairs_up_and_is_named_once(self, provider):
        (account,) = self._accounts(provider)
        served = {one.id for one in provider.endpoints(KnownModels(MODELS), [account]) if provider.serves(one, account)}
        assert served == {model.id for model in MODELS} - {CLAUDE, LLAMA}


CONTRACT = TestVertex()
PROVIDER = CONTRACT._build()


def account(key: str | None = "AIza-0123456789", **settings):
    credential = Credential(id="c", provider="google-vertex", label="label", settings=settings)
    (made,) = PROVIDER.accounts(credential, None if key is None else Secret(key))
    return made


def outgoing(body, dialect, model, *, stream=False, of=None, headers=None):
    of = of or account(project="acme-1", region="us-east5")
    made = CONTRACT._outgoing(PROVIDER, Sample(body=HELLO, reply=b"", dialect="gemini"))
    (endpoint,) = (one for one in PROVIDER.endpoints(KnownModels(MODELS), [of]) if one.id == model)
    made.candidate = type(made.candidate)(endpoint=endpoint, account=of, section="prioritised")
    made.body, made.dialect, made.stream, made.secret = body, dialect, stream, Secret("sent-0123456789")
    made.call.headers = headers or {}
    return made


def sent(*args, **kwargs):
    return PROVIDER.prepare(outgoing(*args, **kwargs), NOW)


HOST = "https://us-east5-aiplatform.googleapis.com"
PARENT = "/projects/acme-1/locations/us-east5"


@pytest.mark.parametrize(
    ("dialect", "model", "stream", "target"),
    [
        ("gemini", FLASH, False, f"/v1beta1{PARENT}/publishers/google/models/gemini-2.5-flash:generateContent"),
        (
            "gemini",
            FLASH,
            True,
            f"/v1beta1{PARENT}/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
        ),
        (
            "gemini-count-tokens",
            FLASH,
            False,
            f"/v1beta1{PARENT}/publishers/google/models/gemini-2.5-flash:countTokens",
        ),
        ("messages", CLAUDE, False, f"/v1{PARENT}/publishers/anthropic/models/{CLAUDE}:rawPredict"),
        ("messages", CLAUDE, True, f"/v1{PARENT}/publishers/anthropic/models/{CLAUDE}:streamRawPredict"),
        ("count-tokens", CLAUDE, False, f"/v1{PARENT}/publishers/anthropic/models/count-tokens:rawPredict"),
        ("chat", LLAMA, True, f"/v1{PARENT}/endpoints/openapi/chat/completions"),
    ],
)
def test_each_dialect_has_its_path(dialect, model, stream, target):
    body = HELLO if dialect.startswith("gemini") else ASKED
    request = sent(body, dialect, model, stream=stream)
    assert (str(request.origin), request.target) == (HOST, target)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("global", "https://aiplatform.googleapis.com"),
        ("us", "https://aiplatform.us.rep.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
        ("europe-west4", "https://europe-west4-aiplatform.googleapis.com"),
    ],
)
def test_a_region_has_its_host(region, host):
    assert account(project="p", region=region).origin == host


def test_another_address_may_have_a_path():
    request = sent(HELLO, "gemini", FLASH, of=account(project="p", base_url="https://gateway.example/vertex/"))
    assert str(request.origin) == "https://gateway.example"
    assert request.target.startswith("/vertex/v1beta1/projects/p/locations/global/")


def test_a_key_of_express_mode_has_no_project_in_the_path():
    request = sent(HELLO, "gemini", FLASH, of=account())
    assert request.target == "/v1beta1/publishers/google/models/gemini-2.5-flash:generateContent"
    assert dict(request.headers)["x-goog-api-key"] == "sent-0123456789"


@pytest.mark.parametrize("key", [json.dumps(ACCOUNT), None])
def test_a_token_is_sent_as_a_bearer(key):
    request = sent(HELLO, "gemini", FLASH, of=account(key, project="acme-2"))
    assert dict(request.headers)["authorization"] == "Bearer sent-0123456789"
    assert "/projects/acme-2/locations/global/" in request.target


def test_a_service_account_says_its_project_and_may_say_a_region():
    assert account(json.dumps({**ACCOUNT, "region": "us-east5"})).settings.parent == PARENT[1:]
    assert account(json.dumps({**ACCOUNT, "region": "us-east5"}), region="eu").settings.parent.endswith("/eu")


def test_claude_is_asked_with_a_version_and_no_model():
    body = {"model": "x", "stream": False, **ASKED}
    assert loads(sent(body, "messages", CLAUDE).body) == {"anthropic_version": "vertex-2023-10-16", **ASKED}
    streamed = loads(sent(body, "messages", CLAUDE, stream=True).body)
    assert streamed == {"anthropic_version": "vertex-2023-10-16", **ASKED, "stream": True}
    assert loads(sent(ASKED, "count-tokens", CLAUDE).body)["model"] == CLAUDE


def test_betas_are_sent_on_for_claude_alone():
    headers = {"anthropic-beta": "context-1m-2025-08-07"}
    assert dict(sent(ASKED, "messages", CLAUDE, headers=headers).headers)["anthropic-beta"] == "context-1m-2025-08-07"
    assert "anthropic-beta" not in dict(sent(HELLO, "gemini", FLASH, headers=headers).headers)


def test_a_chat_names_its_model_and_asks_for_usage():
    body = loads(sent({"messages": []}, "chat", LLAMA, stream=True).body)
    assert body == {"model": LLAMA, "messages": [], "stream": True, "stream_options": {"include_usage": True}}


@pytest.mark.parametrize(
    ("tier", "told"), [("flex", "flex"), ("SERVICE_TIER_PRIORITY", "priority"), ("standard", None)]
)
def test_a_tier_is_a_header(tier, told):
    request = sent({**HELLO, "serviceTier": tier}, "gemini", FLASH)
    assert loads(request.body) == HELLO
    assert dict(request.headers).get("x-vertex-ai-llm-shared-request-type") == told


def test_every_content_says_whose_it_is():
    assert loads(sent({"contents": [{"parts": [{"text": "hi"}]}]}, "gemini", FLASH).body) == HELLO
    wrapped = {"generateContentRequest": {"model": "models/x", "contents": [{"parts": [{"text": "hi"}]}]}}
    assert loads(sent(wrapped, "gemini-count-tokens", FLASH).body) == HELLO


TEXTS = [{"content": {"parts": [{"text": text}]}, "taskType": "CLUSTERING", "outputDimensionality": 8} for text in "ab"]


def embedded(model, body):
    request = sent(body, "gemini-embeddings", model)
    return request.target.rpartition(":")[2], loads(request.body)


def test_texts_are_predicted():
    assert embedded("text-embedding-005", {"requests": TEXTS}) == (
        "predict",
        {
            "instances": [{"content": "a", "task_type": "CLUSTERING"}, {"content": "b", "task_type": "CLUSTERING"}],
            "parameters": {"outputDimensionality": 8},
        },
    )
    assert embedded("gemini-embedding-001", ONE) == ("predict", {"instances": [{"content": "a"}]})


def test_contents_are_embedded_one_by_one_or_as_a_batch():
    config = {"taskType": "CLUSTERING", "outputDimensionality": 8}
    told = [{"content": {"role": "user", "parts": [{"text": text}]}, "embedContentConfig": config} for text in "ab"]
    assert embedded("gemini-embedding-2", TEXTS[0]) == ("embedContent", told[0])
    for model in ("gemini-embedding-2", "gemini-embedding-001"):
        assert embedded(model, {"requests": TEXTS}) == ("batchEmbedContents", {"requests": told})


def test_an_image_is_no_text_to_predict():
    image = {"requests": [{"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "AA"}}]}}]}
    with pytest.raises(Unsupported):
        embedded("text-embedding-005", image)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (PREDICTED, {"usageMetadata": {"promptTokenCount": 3}}),
        (
            b'{"embedding":{"values":[0.5]},"usageMetadata":{"promptTokenCount":3}}',
            {"usageMetadata": {"promptTokenCount": 3}},
        ),
        (b'{"embeddings":[{"values":[0.5]}]}', {}),
    ],
)
def test_vectors_are_read_in_every_form(reply, told):
    for body, made in ((ONE, list), (ONE["requests"][0], dict)):
        replies = PROVIDER.replies(outgoing(body, "gemini-embeddings", "gemini-embedding-2"), HttpHead(200, {}))
        replies.feed(reply)
        (read,) = replies.close(True)
        vectors = read.pop("embeddings" if made is list else "embedding")
        assert (vectors if made is dict else vectors[0])["values"] == [0.5]
        assert read == told


@pytest.mark.parametrize(
    "reply",
    [b"{}", b'{"predictions":[]}', b'{"predictions":[1]}', b'{"embeddings":[]}', b'{"predictions":[{"embeddings":1}]}'],
)
def test_a_reply_without_vectors_is_malformed(reply):
    replies = PROVIDER.replies(outgoing(ONE, "gemini-embeddings", "text-embedding-005"), HttpHead(200, {}))
    replies.feed(reply)
    with pytest.raises(Malformed):
        replies.close(True)


def failed(status, error, *, of=None, model=FLASH, dialect="gemini"):
    return PROVIDER.classify(outgoing(HELLO, dialect, model, of=of), status, {}, error, NOW)


def google(code, status, message="no", reason=None):
    error = {"code": code, "status": status, "message": message}
    if reason:
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}]
    return {"error": error}


# Synthetic, from documentation and from what users reported.
@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (404, google(404, "NOT_FOUND", "Publisher Model `projects/p/locations/r/...` was not found"), "not_found"),
        (400, google(400, "FAILED_PRECONDITION", "Publisher Model x is not servable in region us-east1."), "not_found"),
        (
            403,
            google(403, "PERMISSION_DENIED", "Permission 'aiplatform.endpoints.predict' denied"),
            "permission_denied",
        ),
        (429, google(429, "RESOURCE_EXHAUSTED", "Resource exhausted. Please try again later."), "rate_limited"),
        (429, json.dumps([google(429, "RESOURCE_EXHAUSTED")]), "rate_limited"),
        (None, google(503, "UNAVAILABLE"), "overloaded"),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "overloaded"),
        (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}, "invalid_request"),
        (400, {"error": {"code": "context_length_exceeded", "message": "too long"}}, "context_length"),
    ],
)
def test_an_error_means_the_same_in_each_makers_form(status, error, kind):
    assert failed(status, error).kind == kind


def test_only_a_token_expires():
    error = google(401, "UNAUTHENTICATED", "invalid authentication credentials")
    assert failed(401, error).kind == "credential_invalid"
    assert failed(401, error, of=account(json.dumps(ACCOUNT))).kind == "token_expired"
    assert failed(401, error, of=account(None, project="p")).kind == "token_expired"
    assert failed(401, google(401, "UNAUTHENTICATED", reason="ACCESS_TOKEN_EXPIRED")).kind == "credential_invalid"


@pytest.mark.parametrize(
    ("key", "settings", "where"),
    [
        (None, {}, "label.settings.project"),
        ("AIza-0123456789", {"project": "p/x"}, "label.settings.project"),
        ("AIza-0123456789", {"project": "p", "region": "evil.example/"}, "label.settings.region"),
        ("AIza-0123456789", {"base_url": "nowhere"}, "label.settings.base_url"),
        ("", {}, "label.key"),
        ("{not json", {}, "label.key"),
        ('{"type": "authorized_user"}', {"project": "p"}, "label.key"),
        (json.dumps({**ACCOUNT, "private_key": 1}), {}, "label.key: has no private_key"),
        (json.dumps({**ACCOUNT, "token_uri": "nowhere"}), {}, "label.key: has a token_uri"),
        (json.dumps({**ACCOUNT, "project_id": ""}), {}, "label.settings.project"),
    ],
)
def test_a_credential_of_the_wrong_shape_is_refused_by_label(key, settings, where):
    with pytest.raises(ConfigError) as raised:
        account(key, **settings)
    assert where in str(raised.value)
    assert "planted" not in str(raised.value)


def test_the_environment_offers_default_credentials_of_a_project():
    offer = REGISTRATION.environment
    found = {"GOOGLE_APPLICATION_CREDENTIALS": "/etc/key.json", "GOOGLE_VERTEX_PROJECT": "p"}
    assert list(offer({"GOOGLE_CLOUD_PROJECT": "p"})) == list(offer({"GOOGLE_APPLICATION_CREDENTIALS": "x"})) == []
    (one,) = offer(found)
    assert (one.provider, one.key, one.settings) == ("google-vertex", None, {"project": "p"})
    (one,) = offer({**found, "GOOGLE_CLOUD_PROJECT": "q", "GOOGLE_VERTEX_LOCATION": "eu"})
    assert one.settings == {"project": "q", "region": "eu"}


def test_a_probe_counts_a_word():
    request = PROVIDER.probe(account(project="p"), Secret("k"), NOW)
    assert request.target.endswith("/publishers/google/models/gemini-2.5-flash:countTokens")
    assert loads(request.body) == HELLO
    assert PROVIDER.probe(account(project="p"), None, NOW) is None
