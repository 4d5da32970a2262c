"""The host `bedrock-mantle`: OpenAI's and Anthropic's forms, signed or with an API key."""

import json

import pytest
from attrs import evolve

from taxiway.call import Facts, Outgoing
from taxiway.candidate import Credential
from taxiway.catalog import CatalogModel
from taxiway.chat import CHAT
from taxiway.codec import loads
from taxiway.errors import Malformed
from taxiway.http import HttpHead
from taxiway.secret import Secret
from taxiway.testing.dialect import make_call, make_candidate
from taxiway.testing.provider import NOW, KnownModels
from taxiway_anthropic_messages import MESSAGES
from taxiway_bedrock.provider import BedrockProvider

PROVIDER = BedrockProvider()
ACCESS = json.dumps({"accessKeyId": "AKIA", "secretAccessKey": "secret-0123456789"})
GPT_OSS, HAIKU, VOXTRAL = (
    "openai.gpt-oss-120b-1:0",
    "anthropic.claude-haiku-4-5-20251001-v1:0",
    "mistral.voxtral-mini-3b-2507",
)
USER = {"role": "user", "content": "Hi"}
CHUNK = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def account(key="bedrock-api-key-0123456789", **settings):
    table = {"region": "us-east-1", "endpoint": "mantle", **settings}
    credential = Credential(id="c", provider="amazon-bedrock", label="c", settings=table)
    (made,) = PROVIDER.accounts(credential, Secret(key))
    return made


def endpoints(made, *ids):
    known = [CatalogModel(id=id_, slug=f"a/{id_}", name=id_) for id_ in ids]
    return [one for one in PROVIDER.endpoints(KnownModels(known), [made]) if PROVIDER.serves(one, made)]


def sending(made, id_, dialect, body, stream=False, headers=()):
    endpoint = next(one for one in endpoints(made, GPT_OSS, HAIKU, VOXTRAL) if one.id == id_)
    kind = MESSAGES if dialect == "messages" else CHAT
    call = make_call(kind, body, Facts((endpoint.model,), stream=stream))
    call.headers = dict(headers)
    return Outgoing(call, dialect, call.body, make_candidate(endpoint, made), made.secret, stream)


def test_models_have_the_ids_that_they_have_there_and_speak_what_they_speak_there():
    made = account(models={})
    found = {
        one.id: one.dialects["chat"]
        for one in endpoints(made, GPT_OSS, f"us.{HAIKU}", HAIKU, VOXTRAL, "qwen.qwen3-vl-235b-a22b")
    }
    assert found == {
        "openai.gpt-oss-120b": ("chat", "responses"),
        "anthropic.claude-haiku-4-5": ("messages",),
        VOXTRAL: ("chat", "responses"),
        "qwen.qwen3-vl-235b-a22b-instruct": ("chat", "responses"),
    }


def test_models_that_no_catalog_knows_are_named_by_the_account():
    (only,) = endpoints(account(models={"openai/gpt-5.6-luna": "openai.gpt-5.6-luna"}), GPT_OSS)
    assert (only.model, only.id, only.dialects) == (
        "openai/gpt-5.6-luna",
        "openai.gpt-5.6-luna",
        {"chat": ("responses",)},
    )
    assert only.tag == "amazon-bedrock/mantle"


def test_an_account_serves_only_what_its_own_api_has():
    runtime, mantle = account(endpoint="runtime"), account()
    found = list(PROVIDER.endpoints(KnownModels([CatalogModel(id=VOXTRAL, slug="a/v", name="v")]), [runtime, mantle]))
    ours = [one for one in found if one.id == VOXTRAL]
    assert [(PROVIDER.serves(one, runtime), PROVIDER.serves(one, mantle)) for one in ours] == [
        (True, False),
        (False, True),
    ]
    assert len({one.key for one in found}) == len(found)


def test_an_account_is_asked_what_it_has_unless_it_is_declared():
    request = PROVIDER.discovery(account(), Secret("bedrock-api-key-0123456789"), NOW)
    assert (str(request.origin), request.target) == ("https://bedrock-mantle.us-east-1.api.aws", "/v1/models")
    assert PROVIDER.discovery(account(models={"a/b": "c"}), Secret("bedrock-api-key-0123456789"), NOW) is None
    assert PROVIDER.discovery(account(endpoint="runtime"), Secret("bedrock-api-key-0123456789"), NOW) is None
    assert PROVIDER.discovered(b'{"data": [{"id": "xai.grok-4.6"}, {}, 5]}') == ["xai.grok-4.6"]
    for wrong in (b"[]", b'{"data": 5}', b"no json"):
        with pytest.raises(Malformed):
            PROVIDER.discovered(wrong)


def test_what_an_account_lists_is_offered_by_the_catalogs_slug_where_that_knows_it():
    listed = evolve(account(), models={"amazon-bedrock/xai.grok-4.6": "xai.grok-4.6", "amazon-bedrock/x": VOXTRAL})
    assert {one.model: one.id for one in endpoints(listed, VOXTRAL, GPT_OSS)} == {
        "amazon-bedrock/xai.grok-4.6": "xai.grok-4.6",
        f"a/{VOXTRAL}": VOXTRAL,
    }


def test_chat_is_sent_as_openais_and_asks_for_usage():
    request = PROVIDER.prepare(sending(account(), "openai.gpt-oss-120b", "chat", {"messages": [USER]}, True), NOW)
    assert str(request.origin) == "https://bedrock-mantle.us-east-1.api.aws"
    assert request.target == "/v1/chat/completions"
    assert loads(request.body) == {
        "model": "openai.gpt-oss-120b",
        "messages": [USER],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert dict(request.headers)["authorization"].startswith("Bearer ")


@pytest.mark.parametrize(
    ("id_", "path"), [("openai.gpt-5.6-luna", "/openai/v1/responses"), ("openai.gpt-oss-20b", "/v1/responses")]
)
def test_responses_have_their_prefix_by_model(id_, path):
    made = account(models={"a/b": id_})
    (endpoint,) = endpoints(made)
    call = make_call(CHAT, {"input": "Hi"}, Facts(("a/b",)))
    sent = Outgoing(call, "responses", call.body, make_candidate(endpoint, made), made.secret, False)
    assert PROVIDER.prepare(sent, NOW).target == path


def test_claude_is_sent_as_anthropics_with_its_version_and_betas():
    body = {"max_tokens": 5, "messages": [USER]}
    sent = sending(account(), "anthropic.claude-haiku-4-5", "messages", body, headers={"anthropic-beta": "a,b"})
    request = PROVIDER.prepare(sent, NOW)
    assert request.target == "/anthropic/v1/messages"
    headers = dict(request.headers)
    assert (headers["anthropic-version"], headers["anthropic-beta"]) == ("2023-06-01", "a,b")
    assert loads(request.body)["model"] == "anthropic.claude-haiku-4-5"


def test_access_keys_sign_for_that_service():
    made = account(ACCESS)
    headers = dict(PROVIDER.prepare(sending(made, VOXTRAL, "chat", {"messages": [USER]}), NOW).headers)
    assert "/us-east-1/bedrock-mantle/aws4_request" in headers["authorization"]
    request = PROVIDER.probe(made, made.secret, NOW)
    assert (str(request.origin), request.target) == ("https://bedrock-mantle.us-east-1.api.aws", "/v1/models")


def test_replies_are_server_sent_events_or_json():
    sent = sending(account(), VOXTRAL, "chat", {"messages": [USER]}, True)
    replies = PROVIDER.replies(sent, HttpHead(200, {"content-type": "text/event-stream"}))
    (chunk,) = replies.feed(CHUNK)
    assert chunk["choices"][0]["delta"] == {"content": "Hi"}
    assert replies.mark


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (
            400,
            {"error": {"message": "model `x` isn't supported on this route", "code": "validation_error"}},
            "not_found",
        ),
        (404, {"error": {"message": "No such model", "code": "model_not_found"}}, "not_found"),
        (429, {"error": {"message": "Slow", "code": "rate_limit_exceeded"}}, "rate_limited"),
        (401, {"error": {"message": "Invalid API key", "code": "invalid_api_key"}}, "credential_invalid"),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "overloaded"),
    ],
)
def test_errors_are_read_in_openais_and_anthropics_form(status, error, kind):
    sent = sending(account(), VOXTRAL, "chat", {"messages": [USER]})
    assert PROVIDER.classify(sent, status, {}, error, NOW).kind == kind
