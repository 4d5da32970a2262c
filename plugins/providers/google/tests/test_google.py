"""Google AI Studio: the contract, and what its requests look like."""

from collections.abc import Mapping
from typing import Any

import pytest

import taxiway_google
from taxiway.candidate import Credential
from taxiway.catalog import CatalogModel
from taxiway.codec import loads
from taxiway.errors import ConfigError
from taxiway.http import HttpHead
from taxiway.secret import Secret
from taxiway.testing.provider import NOW, KnownModels, ProviderContract, Sample
from taxiway_gemini import GEMINI, GEMINI_EMBEDDINGS

REGISTRATION = next(iter(taxiway_google.taxiway_providers()))
HELLO = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
COUNTS = b'"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1,"totalTokenCount":2}'
CHUNK = b'{"candidates":[{"content":{"role":"model","parts":[{"text":"%b"}]}%b}],' + COUNTS + b',"responseId":"r"}'
FIRST, LAST = CHUNK % (b"Hel", b""), CHUNK % (b"lo", b',"finishReason":"STOP"')
EVENTS = b"data: " + FIRST + b"\r\n\r\ndata: " + LAST + b"\r\n\r\n"


class TestGoogle(ProviderContract):
    module = taxiway_google
    registration = REGISTRATION
    settings: Mapping[str, Any] = {"base_url": "https://gemini.example/v1beta/"}
    dialects = {"gemini": GEMINI, "gemini-embeddings": GEMINI_EMBEDDINGS}  # noqa: RUF012 - as the kit has it
    models = (
        CatalogModel(id="gemini-2.5-flash", slug="google/gemini-2.5-flash", name="Flash"),
        CatalogModel(id="gemini-embedding-001", slug="google/e", name="E", operation="embeddings"),
    )
    samples = (
        Sample(body=HELLO, reply=LAST, dialect="gemini"),
        Sample(body=HELLO, reply=EVENTS, dialect="gemini", stream=True, content_type="text/event-stream"),
        Sample(body=HELLO, reply=b"[" + FIRST + b"\r\n,\r\n" + LAST + b"]", dialect="gemini", stream=True),
        Sample(
            body={"requests": [{"content": {"parts": [{"text": "a"}]}}]},
            reply=b'{"embeddings":[{"values":[0.5]}]}',
            dialect="gemini-embeddings",
        ),
    )


CONTRACT = TestGoogle()
PROVIDER = CONTRACT._build()


def sent(body, dialect="gemini", stream=False, model="gemini-2.5-flash", operation="chat"):
    account = PROVIDER.accounts(Credential(id="c", provider="google-ai-studio", label="c"), Secret("AIza-0123456789"))[
        0
    ]
    known = CatalogModel(id=model, slug=f"google/{model}", name=model, operation=operation)
    (endpoint,) = PROVIDER.endpoints(KnownModels([known]), [account])
    outgoing = CONTRACT._outgoing(PROVIDER, Sample(body=HELLO, reply=b"", dialect="gemini"))
    outgoing.candidate = type(outgoing.candidate)(endpoint=endpoint, account=account, section="prioritised")
    outgoing.body, outgoing.dialect, outgoing.stream, outgoing.secret = body, dialect, stream, account.secret
    return PROVIDER.prepare(outgoing, NOW)


def test_the_model_and_what_is_asked_of_it_are_in_the_address():
    request = sent(HELLO)
    assert str(request.origin) == "https://generativelanguage.googleapis.com"
    assert request.target == "/v1beta/models/gemini-2.5-flash:generateContent"
    assert request.headers == (("content-type", "application/json"), ("x-goog-api-key", "AIza-0123456789"))
    assert loads(request.body) == HELLO
    assert sent(HELLO, stream=True).target == "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"


def test_embeddings_name_their_model_everywhere():
    model = "gemini-embedding-001"
    batch = {"requests": [{"content": {"parts": [{"text": "a"}]}}]}
    request = sent(batch, "gemini-embeddings", model=model, operation="embeddings")
    assert request.target == f"/v1beta/models/{model}:batchEmbedContents"
    assert loads(request.body)["requests"][0]["model"] == f"models/{model}"
    single = {"content": {"parts": [{"text": "a"}]}}
    request = sent(single, "gemini-embeddings", model=model, operation="embeddings")
    assert request.target == f"/v1beta/models/{model}:embedContent"
    assert loads(request.body) == {"model": f"models/{model}", **single}


@pytest.mark.parametrize(
    ("model", "tools", "config", "told"),
    [
        (
            "gemini-3-flash-preview",
            [{"googleSearch": {}}, {"functionDeclarations": []}],
            {},
            {"includeServerSideToolInvocations": True},
        ),
        ("gemini-2.5-flash", [{"googleSearch": {}}, {"functionDeclarations": []}], {}, None),
        ("gemini-3-flash-preview", [{"functionDeclarations": []}], {}, None),
        (
            "gemini-3-flash-preview",
            [{"codeExecution": {}}, {"functionDeclarations": []}],
            {"toolConfig": {"functionCallingConfig": {"mode": "AUTO"}}},
            {"includeServerSideToolInvocations": True, "functionCallingConfig": {"mode": "AUTO"}},
        ),
    ],
)
def test_functions_beside_googles_own_tools_are_announced(model, tools, config, told):
    body = loads(sent({**HELLO, "tools": tools, **config}, model=model).body)
    assert body.get("toolConfig") == told


def test_a_key_is_needed():
    with pytest.raises(ConfigError, match=r"c\.key: is missing"):
        PROVIDER.accounts(Credential(id="c", provider="google", label="c"), None)


def test_an_address_that_is_none_is_refused():
    credential = Credential(id="c", provider="google", label="c", settings={"base_url": "nowhere"})
    with pytest.raises(ConfigError, match=r"c\.settings\.base_url"):
        PROVIDER.accounts(credential, Secret("AIza-0123456789"))


def test_listing_a_model_is_the_probe():
    account = PROVIDER.accounts(Credential(id="c", provider="google", label="c"), Secret("AIza-0123456789"))[0]
    request = PROVIDER.probe(account, account.secret, NOW)
    assert (request.method, request.target) == ("GET", "/v1beta/models?pageSize=1")


def test_both_names_read_the_environment_once():
    first, second = taxiway_google.taxiway_providers()
    assert (first.name, second.name) == ("google", "google-ai-studio")
    assert first.environment is second.environment
    (credential,) = first.environment({"GOOGLE_API_KEY": "x", "GEMINI_API_KEY": "y"})
    assert credential.key == "env:GEMINI_API_KEY"


def test_limits_are_told_by_refusals_alone():
    outgoing = CONTRACT._outgoing(PROVIDER, CONTRACT.samples[0])
    assert list(PROVIDER.hints(outgoing, HttpHead(200, {"x-ratelimit-limit-requests": "9"}), NOW)) == []


def test_media_come_as_bytes_but_for_videos():
    outgoing = CONTRACT._outgoing(PROVIDER, CONTRACT.samples[0])
    assert outgoing.candidate.endpoint.fetches == {"image", "file", "audio"}
