"""Any OpenAI-shaped server: the contract, its options, and what its errors and headers are read as."""

import subprocess
import sys
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import taxiway_openai_compatible
import taxiway_openai_completions
from taxiway.candidate import Credential
from taxiway.catalog import CatalogModel
from taxiway.chat import CHAT
from taxiway.codec import loads
from taxiway.converter import structure
from taxiway.errors import ConfigError, Malformed
from taxiway.http import HttpHead
from taxiway.provider import InBandError
from taxiway.registration import NoOptions
from taxiway.secret import Secret
from taxiway.testing.dialect import context
from taxiway.testing.provider import NOW, KnownModels, ProviderContract, Sample
from taxiway_openai_compatible import (
    CompatibleProvider,
    ErrorRow,
    LimitRow,
    ModelRow,
    Shape,
    from_environment,
    paths_of,
)
from taxiway_openai_compatible.errors import SHARED, failure_of, read
from taxiway_openai_compatible.limits import go_duration, hints_of
from taxiway_openai_compatible.rerank import RERANK

CHUNKS = (
    b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant"}}]}\r\n\r\n'
    b": comment\r\n\r\n"
    b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"h\xc3\xa9"},"finish_reason":null}]}\r\n\r\n'
    b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\r\n\r\n'
    b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}\r\n\r\n'
)
STREAM = Sample(
    body={"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True},
    reply=CHUNKS + b"data: [DONE]\r\n\r\n",
    stream=True,
    content_type="text/event-stream",
)
UNMARKED = Sample(body=STREAM.body, reply=CHUNKS, stream=True, content_type="text/event-stream; charset=utf-8")
COMPLETE = Sample(
    body={"model": "m", "messages": [{"role": "user", "content": "hi"}]},
    reply=b'{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}',
)
VECTORS = Sample(
    body={"model": "m", "input": "hi"}, reply=b'{"data":[{"index":0,"embedding":[0.5]}]}', dialect="embeddings"
)
COMPLETIONS = next(iter(taxiway_openai_completions.taxiway_dialects())).build(NoOptions(), context())
REGISTRATION = next(iter(taxiway_openai_compatible.taxiway_providers()))


class TestServer(ProviderContract):
    module = taxiway_openai_compatible
    registration = REGISTRATION
    options: Mapping[str, Any] = {
        "slug": "local",
        "base_url": "http://127.0.0.1:8000/v1",
        "models": ["meta/llama", "tiny"],
    }
    samples = (STREAM, UNMARKED, COMPLETE, VECTORS)


class TestKeylessServer(TestServer):
    key = None


def build(**options):
    given_options = {"slug": "local", "base_url": "http://127.0.0.1:8000/v1", "models": ["m"], **options}
    return REGISTRATION.build(structure(given_options, REGISTRATION.options), context())


def outgoing(provider, sample=COMPLETE, settings=None, secret=None):
    contract = TestServer()
    contract.settings = settings or {}
    contract.key = secret
    return contract._outgoing(provider, sample)


def test_models_are_told_by_id_or_by_slug_and_id():
    provider = build(models=["meta-llama/llama", "tiny", {"slug": "openai/gpt-4o-mini", "id": "gpt-4o-mini"}])
    endpoints = list(provider.endpoints(KnownModels(()), []))
    assert [(e.model, e.id) for e in endpoints] == [
        ("meta-llama/llama", "meta-llama/llama"),
        ("local/tiny", "tiny"),
        ("openai/gpt-4o-mini", "gpt-4o-mini"),
    ]
    assert endpoints[0].tag == "local"
    assert set(endpoints[0].dialects) == {"chat", "embeddings"}


def test_what_a_server_speaks_is_said_and_a_dialect_that_is_none_is_refused():
    (endpoint,) = build(speaks=["chat", "responses", "rerank"]).endpoints(KnownModels(()), [])
    assert endpoint.dialects == {"chat": ("chat", "responses"), "rerank": ("rerank",)}
    with pytest.raises(ConfigError) as raised:
        build(speaks=["chat", "chats"])
    assert [problem.path for problem in raised.value.problems] == ["speaks[1]"]


TEXT = Sample(
    body={"model": "m", "prompt": "a", "stream": True},
    reply=b'data: {"choices":[{"text":"b","index":0,"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    dialect="completions",
    stream=True,
    content_type="text/event-stream",
)
RANKED = Sample(
    body={"model": "m", "query": "a", "documents": ["b"]},
    reply=b'{"id":"r","results":[{"index":0,"relevance_score":0.5}]}',
    dialect="rerank",
)


class TestServerOfEverything(ProviderContract):
    module = taxiway_openai_compatible
    registration = REGISTRATION
    options: Mapping[str, Any] = {
        "slug": "local",
        "base_url": "http://127.0.0.1:8000/v1",
        "models": ["meta/llama"],
        "speaks": ["chat", "completions", "rerank"],
    }
    samples = (STREAM, TEXT, RANKED)
    dialects: Mapping[str, Any] = {"chat": CHAT, "completions": COMPLETIONS, "rerank": RERANK}


def test_usage_is_asked_for_in_streams_of_chat_and_text():
    contract = TestServerOfEverything()
    provider = contract._build()
    sent = [loads(provider.prepare(contract._outgoing(provider, sample), NOW).body) for sample in contract.samples]
    assert [body.get("stream_options") for body in sent] == [{"include_usage": True}, {"include_usage": True}, None]


def test_prices_are_per_million_tokens_and_else_unknown():
    provider = build(models=["a", {"id": "b", "price": {"input": 0.5, "output": 2.0}}])
    unknown, known = provider.endpoints(KnownModels(()), [])
    assert not unknown.price.known
    assert known.price.input == 0.5e-6
    assert known.price.output == 2e-6


def test_every_wrong_option_is_said_at_once():
    with pytest.raises(ConfigError) as raised:
        build(base_url="localhost:8000", headers={"x-team": "a\nb"})
    assert [problem.path for problem in raised.value.problems] == ["base_url", "headers.x-team"]


def test_header_fields_that_every_request_has_or_that_none_can_carry_are_refused():
    with pytest.raises(ConfigError) as raised:
        build(headers={"Content-Type": "text/plain", "Authorization": "x", "x-team": "a\nb", "x-other": "a"})
    assert [problem.path for problem in raised.value.problems] == [
        "headers.Content-Type",
        "headers.Authorization",
        "headers.x-team",
    ]


def test_the_request_is_where_and_what_the_server_expects():
    provider = build(base_url="http://host:1234/api/v1/?api-version=2", headers={"X-Team": "a"})
    sent = outgoing(provider, STREAM, secret="sk-0123456789")
    request = provider.prepare(sent, NOW)
    assert str(request.origin) == "http://host:1234"
    assert request.target == "/api/v1/chat/completions?api-version=2"
    assert request.headers == (
        ("content-type", "application/json"),
        ("x-team", "a"),
        ("authorization", "Bearer sk-0123456789"),
    )
    assert loads(request.body) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_an_account_may_have_an_address_of_its_own():
    provider = build()
    request = provider.prepare(outgoing(provider, settings={"base_url": "https://other.example"}), NOW)
    assert str(request.origin) == "https://other.example"
    assert request.target == "/chat/completions"
    unsent = "https://me:password@other.example"
    for wrong in (
        "no",
        "htps://other.example",
        "https://other.example/a b",
        "https://other.example/\N{EN DASH}",
        unsent,
    ):
        with pytest.raises(ConfigError, match=r"x\.settings\.base_url"):
            provider.accounts(Credential(id="x", provider="local", label="x", settings={"base_url": wrong}), None)


def test_a_keyless_account_sends_no_authorization_and_has_no_probe():
    provider = build()
    sent = outgoing(provider)
    assert [name for name, _ in provider.prepare(sent, NOW).headers] == ["content-type"]
    assert provider.probe(sent.candidate.account, None, NOW) is None


def test_an_error_inside_a_good_reply_is_told_apart():
    provider = build()
    sent = outgoing(provider, STREAM)
    stream = provider.replies(sent, HttpHead(200, {"content-type": "text/event-stream"}))
    chunk, error, named = stream.feed(
        b'data: {"choices":[{"index":0}]}\n\n'
        b'data: {"error":{"code":503,"message":"busy"},"choices":[]}\n\n'
        b'event: error\ndata: {"message":"gone"}\n\n'
    )
    assert chunk == {"choices": [{"index": 0, "delta": {}}]}
    assert isinstance(error, InBandError)
    assert isinstance(named, InBandError)
    failure = provider.classify(sent, None, {}, error.raw, NOW)
    assert (failure.kind, failure.message, failure.status) == ("overloaded", "busy", 503)
    assert provider.classify(sent, None, {}, named.raw, NOW).kind == "unavailable"


def test_an_error_in_a_stream_that_is_the_requests_own_says_its_status():
    """As Groq was recorded to say it; without the status it would count against the provider."""
    error = {"error": {"message": "It failed.", "type": "invalid_request_error", "code": "tool_use_failed"}}
    error["error"]["status_code"] = 400
    failure = failure_of(SHARED, None, {}, error, NOW)
    assert (failure.kind, failure.status, failure.code) == ("invalid_request", 400, "tool_use_failed")


def test_a_json_body_where_a_stream_was_asked_for_is_an_error_or_malformed():
    provider = build()
    sent = outgoing(provider, STREAM)
    head = HttpHead(200, {"content-type": "application/json"})
    replies = provider.replies(sent, head)
    replies.feed(b'{"error":"no"}')
    assert isinstance(replies.close(True)[0], InBandError)
    replies = provider.replies(sent, head)
    replies.feed(COMPLETE.reply)
    with pytest.raises(Malformed, match="stream"):
        replies.close(True)


@pytest.mark.parametrize(
    "body", [b"[]", b"1", b'{"choices":1}', b'{"choices":[1]}', b'{"choices":[{"index":0,"message":1}]}', b"{", b""]
)
def test_what_is_no_chat_reply_is_malformed(body):
    provider = build()
    replies = provider.replies(outgoing(provider), HttpHead(200, {}))
    replies.feed(body)
    with pytest.raises(Malformed):
        replies.close(True)


@pytest.mark.parametrize("event", [b"[]", b'{"choices":1}', b'{"choices":[1]}', b'{"choices":[{"delta":1}]}', b"nope"])
def test_what_is_no_chunk_is_malformed(event):
    provider = build()
    replies = provider.replies(outgoing(provider, STREAM), HttpHead(200, {}))
    with pytest.raises(Malformed):
        replies.feed(b"data: " + event + b"\n\n")


@pytest.mark.parametrize(
    ("error", "message", "code"),
    [
        ({"error": {"message": "a", "code": "b", "type": "c"}}, "a", "b"),
        ({"error": "a", "code": "b"}, "a", "b"),
        ({"object": "error", "message": "a", "code": 400}, "a", "400"),
        ({"id": "x", "message": "a", "error_type": "b"}, "a", None),
        ({"detail": "a"}, "a", None),
        ({"detail": [{"loc": ["body"]}]}, "[{'loc': ['body']}]", None),
        ("  a\n b ", "a b", None),
        ({}, "", None),
    ],
)
def test_error_bodies_are_read_in_every_form(error, message, code):
    told = read(error)
    assert (told.message, told.code) == (message, code)


def test_a_list_of_what_is_wrong_is_told_with_its_places_and_without_what_it_quotes():
    wrong = [
        {"type": "extra_forbidden", "loc": ["body", "messages", 0, "name"], "msg": "Extra inputs", "input": "a secret"},
        {"loc": ["body", "n"], "msg": "Too many", "input": "a secret"},
    ]
    for body in ({"detail": wrong}, {"message": {"detail": wrong}}):
        told = read(body)
        assert told.message == "messages.0.name: Extra inputs; n: Too many"
        assert told.param == "messages.0.name"


def test_a_row_of_the_shape_comes_before_the_status():
    rows = (
        ErrorRow(kind="overloaded", statuses=(429,), message="capacity"),
        ErrorRow(kind="quota_exhausted", codes=("no_money",), scope="account"),
    )
    assert failure_of(rows, 429, {}, "Out of Capacity", NOW).kind == "overloaded"
    assert failure_of(rows, 429, {}, "slow down", NOW).kind == "rate_limited"
    failure = failure_of(rows, 400, {}, {"error": {"type": "no_money", "message": "x", "param": "p"}}, NOW)
    assert (failure.kind, failure.scope, failure.code, failure.field) == ("quota_exhausted", "account", "no_money", "p")


@pytest.mark.parametrize("text", ["Unrecognized request argument supplied: top_k", "Extra inputs are not permitted"])
def test_a_field_that_only_this_server_refuses_is_not_the_requests_fault(text):
    assert failure_of(SHARED, 400, {}, {"error": {"message": text}}, NOW).kind == "unsupported_here"


def test_the_wait_is_the_headers_else_the_messages():
    def wait(headers, text):
        return failure_of((), 429, headers, text, NOW).retry_after

    assert wait({"retry-after": "7"}, "try again in 1m2.5s.") == 7
    assert wait({}, "Please try again in 1m2.5s. Visit") == 62.5
    assert wait({}, "Please try again in 20ms.") == 0.02
    assert wait({}, "later") is None
    assert failure_of((), 400, {"retry-after": "7"}, "try again in 5s", NOW).retry_after is None


def test_messages_are_short_and_hide_keys():
    secret = Secret("very-secret-value-1")
    failure = failure_of((), 500, {}, f"<html>very-secret-value-1 {'x' * 10_000}", NOW)
    assert secret.reveal() not in failure.message
    assert len(failure.message) <= 2000


def test_limits_are_read_as_the_rows_say():
    rows = (
        LimitRow(unit="requests", limit="l", remaining="r", reset="t", window=None, refills=True),
        LimitRow(unit="tokens", limit="l2", remaining="r2", reset="t2", form="epoch", window=3600),
        LimitRow(unit="images", limit="l3", remaining="r3"),
    )
    headers = {"l": "500", "r": "499", "t": "120ms", "l2": "9", "r2": "0", "t2": str(NOW + 30), "l3": "5", "r3": "5"}
    requests, tokens, images = hints_of(rows, headers, NOW)
    assert (requests.window, requests.reset) == (60, NOW + 0.12)
    assert (tokens.unit, tokens.window, tokens.remaining, tokens.reset) == ("tokens", 3600, 0, NOW + 30)
    assert (images.limit, images.reset) == (5, None)


@pytest.mark.parametrize(
    ("limit", "remaining", "reset", "window"),
    [
        ("10000", "9999", "6ms", 60),
        ("10000", "9999", "8.64s", 86_400),
        ("200", "100", "30m", 3600),
        ("200", "0", "79156s", 86_400),
        ("30000000", "29999970", "0s", 60),
        ("500", "500", "0s", 60),
    ],
)
def test_a_window_is_inferred_from_what_drains(limit, remaining, reset, window):
    row = LimitRow(unit="requests", limit="l", remaining="r", reset="t", window=None, refills=True)
    (hint,) = hints_of((row,), {"l": limit, "r": remaining, "t": reset}, NOW)
    assert hint.window == window


@pytest.mark.parametrize("reset", ["7.66s", "5s", "", "?"])
def test_a_bucket_whose_window_is_known_refills_by_it(reset):
    """The first is what Groq's own page shows of its minute: by that reset it would be a day."""
    row = LimitRow(unit="tokens", limit="l", remaining="r", reset="t", refills=True)
    (hint,) = hints_of((row,), {"l": "18000", "r": "17997", "t": reset}, NOW)
    assert (hint.window, hint.refill) == (60.0, 300.0)


@pytest.mark.parametrize(
    ("form", "reset"), [("epoch", str(int(NOW * 1000))), ("seconds", str(NOW)), ("go-duration", "10000h")]
)
def test_a_reset_of_another_unit_than_declared_is_none(form, reset):
    row = LimitRow(unit="requests", limit="l", remaining="r", reset="t", form=form)
    (hint,) = hints_of((row,), {"l": "2", "r": "0", "t": reset}, NOW)
    assert (hint.remaining, hint.reset) == (0, None)


@pytest.mark.parametrize(
    ("limit", "remaining"), [("5", "6"), ("-1", "-2"), ("x", "1"), ("1e9", "1"), ("", ""), ("9223372036854767616", "1")]
)
def test_limits_without_sense_are_left_out(limit, remaining):
    row = LimitRow(unit="requests", limit="l", remaining="r")
    assert hints_of((row,), {"l": limit, "r": remaining}, NOW) == ()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6ms", 0.006),
        ("0s", 0),
        ("1m19.156s", 79.156),
        ("6m0s", 360),
        ("1h2m", 3720),
        ("", None),
        ("5", None),
        ("s1", None),
    ],
)
def test_go_durations(text, seconds):
    assert go_duration(text) == pytest.approx(seconds) if seconds is not None else go_duration(text) is None


@given(st.text())
def test_any_text_is_a_duration_or_none(text):
    assert go_duration(text) is None or go_duration(text) >= 0


def test_the_environment_offers_a_reference_and_never_a_value_or_an_address():
    offer = from_environment("acme", ("ACME_KEY", "OTHER_KEY"), {"project": "ACME_PROJECT"})
    found = list(offer({"OTHER_KEY": "sk-1234567890", "ACME_PROJECT": "p", "ACME_BASE_URL": "http://127.0.0.1"}))
    (credential,) = found
    assert (credential.provider, credential.key, credential.label) == ("acme", "env:OTHER_KEY", "OTHER_KEY")
    assert credential.settings == {"project": "p"}
    assert "sk-1234567890" not in repr(found)
    assert not list(offer({"ACME_KEY": ""}))


def test_a_shape_with_a_path_and_a_header_of_its_own():
    shape = Shape(
        slug="acme",
        name="Acme",
        base_url="https://a.example",
        paths={"chat": "/v2/chat"},
        auth_header="api-key",
        auth_scheme="",
    )
    provider = CompatibleProvider(shape)
    endpoints = list(provider.endpoints(KnownModels(ProviderContract.models), []))
    assert [endpoint.id for endpoint in endpoints] == ["model-1"]
    sent = outgoing(provider, secret="k-0123456789")
    assert provider.prepare(sent, NOW).target == "/v2/chat"
    assert ("api-key", "k-0123456789") in provider.prepare(sent, NOW).headers


def test_a_model_speaks_the_dialects_of_its_operation_that_the_shape_has_paths_for_best_first():
    shape = Shape(slug="acme", name="Acme", base_url="https://a.example/v1", paths=paths_of("responses", "chat"))
    (endpoint,) = CompatibleProvider(shape).endpoints(KnownModels(ProviderContract.models), [])
    assert endpoint.dialects == {"chat": ("responses", "chat")}


def test_what_is_known_of_single_models_is_read_in_order_and_the_last_word_counts():
    shape = Shape(
        slug="acme",
        name="Acme",
        base_url="https://a.example/v1",
        paths=paths_of("chat", "responses", "completions", "rerank"),
        refuses=frozenset({"top_k", "seed"}),
        models=(
            ModelRow(ids=("*",), dialects=("responses", "chat", "rerank")),
            ModelRow(
                ids=("old-*",), dialects=("completions",), refuses=frozenset({"tools"}), takes=frozenset({"seed"})
            ),
            ModelRow(ids=("gone",), dialects=("messages",)),
        ),
        adds=(
            CatalogModel(id="ranker", slug="acme/ranker", name="Ranker", operation="rerank"),
            CatalogModel(id="new", slug="acme/other", name="The catalog knows it better"),
        ),
    )
    known = [CatalogModel(id=name, slug=f"acme/{name}", name=name) for name in ("new", "old-1", "gone")]
    endpoints = {endpoint.model: endpoint for endpoint in CompatibleProvider(shape).endpoints(KnownModels(known), [])}
    assert {model: endpoint.dialects for model, endpoint in endpoints.items()} == {
        "acme/ranker": {"rerank": ("rerank",)},
        "acme/new": {"chat": ("responses", "chat")},
        "acme/old-1": {"chat": ("completions",)},
    }
    assert endpoints["acme/old-1"].unsupported == {"top_k", "tools"}


def test_a_shape_is_a_row_of_a_table():
    row = """
        slug = "acme"
        name = "Acme"
        base_url = "https://a.example"
        paths = { chat = "/v2/chat" }
        refuses = ["top_k"]
        errors = [{ kind = "overloaded", statuses = [429], message = "at capacity" }]
        limits = [{ unit = "requests", limit = "l", remaining = "r", reset = "t", form = "seconds" }]
    """
    shape = structure(tomllib.loads(row), Shape)
    provider = CompatibleProvider(shape)
    (endpoint,) = provider.endpoints(KnownModels(ProviderContract.models), [])
    assert endpoint.unsupported == {"top_k"}
    sent = outgoing(provider)
    headers = {"l": "2", "r": "1", "t": "5"}
    failure = provider.classify(sent, 429, headers, {"error": {"message": "We are AT CAPACITY."}}, NOW)
    assert failure.kind == "overloaded"
    assert [hint.reset for hint in failure.hints] == [NOW + 5]


def test_a_quirk_comes_before_the_checks():
    def finish(event):
        return [{**event, "choices": [{"index": 0, "message": {"content": event["text"]}}]}]

    provider = CompatibleProvider(Shape(slug="acme", name="Acme", base_url="https://a.example"), own={"chat": finish})
    replies = provider.replies(outgoing(provider), HttpHead(200, {}))
    replies.feed(b'{"text":"a"}')
    (reply,) = replies.close(framed=True)
    assert reply["choices"][0]["message"] == {"content": "a"}


def test_a_request_is_said_as_its_api_wants_it_and_the_callers_body_stays():
    def louder(body, sent):
        assert body["random_seed"] == 7
        return {**body, "messages": [*body["messages"], {"role": sent.call.id}]}

    shape = Shape(slug="acme", name="Acme", base_url="https://a.example", renames={"seed": "random_seed"}, prefill=True)
    provider = CompatibleProvider(shape, requests={"chat": louder})
    sent = outgoing(provider)
    sent.body["seed"] = 7
    body = loads(provider.prepare(sent, NOW).body)
    assert body.keys() == {"model", "messages", "random_seed"}
    assert body["messages"][-1] == {"role": "gen-1"}
    assert sent.body.keys() == {"messages", "seed"}
    assert sent.candidate.endpoint.prefill


def test_who_goes_on_where_a_message_ends_is_said_of_single_models_too():
    rows = (
        ModelRow(ids=("new-*",), prefill=False),
        ModelRow(ids=("new-but-able",), prefill=True),
        ModelRow(ids=("*",)),
    )
    shape = Shape(slug="acme", name="Acme", base_url="https://a.example", models=rows, prefill=True)
    assert [shape.goes_on(id_) for id_ in ("old", "new-one", "new-but-able")] == [True, False, True]


def test_a_quirk_may_be_made_for_each_reply():
    def numbered(sent):
        seen = []

        def number(event):
            seen.append(event)
            return [{**event, "number": len(seen), "asked": sent.call.id}]

        return number

    shape = Shape(slug="acme", name="Acme", base_url="https://a.example")
    provider = CompatibleProvider(shape, readings={"chat": numbered})
    sent = outgoing(provider, STREAM)
    for _ in range(2):
        replies = provider.replies(sent, HttpHead(200, {}))
        events = replies.feed(b'data: {"choices":[]}\n\ndata: {"choices":[]}\n\n')
        assert [(event["number"], event["asked"]) for event in events] == [(1, "gen-1"), (2, "gen-1")]


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, taxiway_openai_compatible; print([m for m in sys.modules if m in {'httpx', 'cattrs', 'email'}])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
