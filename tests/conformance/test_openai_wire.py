"""Replayed: what we would have sent equals what was recorded, and nothing of what was answered is lost."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import taxiway_openai
from taxiway.call import Outgoing
from taxiway.candidate import Credential
from taxiway.catalog import CatalogModel
from taxiway.chat import CHAT
from taxiway.codec import loads
from taxiway.embeddings import EMBEDDINGS
from taxiway.errors import InvalidRequest
from taxiway.http import HttpHead
from taxiway.outcome import Bill
from taxiway.registration import NoOptions
from taxiway.replies import JsonReplies
from taxiway.secret import Secret
from taxiway.testing.dialect import context, make_call, make_candidate
from taxiway.testing.provider import NOW, KnownModels

PROVIDER = next(iter(taxiway_openai.taxiway_providers())).build(NoOptions(), context())
DIALECTS = {"chat.completions": CHAT, "embeddings": EMBEDDINGS}
every = pytest.mark.cassettes("openai", "chat.completions", "embeddings")

REFUSED = {
    "error-chat-no-messages-0": "messages",
    "error-test-custom-llm-within-crew-0": "messages[1].content[0].type",
}
"""Requests that OpenAI answered with an error that names a field, and that we refuse ourselves, naming the same."""

ERRORS = {
    "error-cassette-18": "credential_invalid",
    "error-chat-no-messages-0": "invalid_request",
    "error-openai-gpt-5-mini-completions-0": "unsupported_here",
    "error-strict-tool-openai-completionshandles-optional-properties-in-str-0": "invalid_request",
    "error-test-custom-llm-within-crew-0": "invalid_request",
    "error-test-multimodal-tool-return-matrix-direct-binary-audio-openai-ch-1": "invalid_request",
    "error-test-vision-2": "invalid_request",
}

STAMPED = {"id", "object", "created", "model", "provider", "usage", "system_fingerprint", "choices"}


def outgoing(cassette):
    body = copy.deepcopy(cassette.request["body"])
    dialect = DIALECTS[cassette.endpoint]
    facts = dialect.client.facts(body, {}, {})
    call = make_call(dialect, body, facts)
    model = body["model"]
    known = CatalogModel(
        id=model,
        slug=f"openai/{model}",
        name=model,
        operation=dialect.operation,
        reasoning=model.startswith(("o1", "o3", "o4", "gpt-5")),
    )
    credential = Credential(id="c", provider="openai", label="c")
    (account,) = PROVIDER.accounts(credential, Secret("sk-test-0123456789"))
    (endpoint,) = PROVIDER.endpoints(KnownModels([known]), [account])
    translated = dialect.upstream.from_canonical(call.body, endpoint)
    assert not translated.dropped
    return Outgoing(
        call, dialect.name, translated.body, make_candidate(endpoint, account), account.secret, facts.stream
    )


def expected(recorded):
    """The recorded request, and what Taxiway states that it does: usage is asked for in streams, a false `stream` left out."""
    body = {name: value for name, value in recorded.items() if name != "stream"}
    body.pop("stream_options", None)
    if recorded.get("stream"):
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


def decode(sent, cassette, pieces):
    head = HttpHead(cassette.response["status"], cassette.response["headers"])
    replies = PROVIDER.replies(sent, head)
    events = [event for piece in pieces for event in replies.feed(piece)]
    return replies, [*events, *replies.close(framed=True)]


def recorded_events(cassette):
    """The reply's events, read by other means than ours."""
    if not cassette.streamed:
        return [json.loads(cassette.body)]
    lines = [line for line in cassette.response["body_text"].split("\n") if line.startswith("data:")]
    return [json.loads(line[5:]) for line in lines if line[5:].strip() != "[DONE]"]


@every
def test_what_we_send_equals_what_was_recorded(cassette):
    if cassette.name in REFUSED:
        with pytest.raises(InvalidRequest) as raised:
            outgoing(cassette)
        assert raised.value.field == REFUSED[cassette.name] == cassette.response["body"]["error"]["param"]
        return
    sent = outgoing(cassette)
    request = PROVIDER.prepare(sent, NOW)
    assert request.method == cassette.request["method"]
    assert request.origin.host == cassette.request["host"]
    assert request.target == cassette.request["path"]
    assert loads(request.body) == expected(cassette.request["body"])
    assert {"content-type", "authorization"} == {name for name, _ in request.headers}


@every
def test_decoding_loses_no_field(cassette):
    if cassette.response["status"] >= 400:
        return
    _, events = decode(outgoing(cassette), cassette, [cassette.body])
    assert events == recorded_events(cassette)


@every
def test_the_stamp_loses_no_field_but_its_own(cassette):
    if cassette.response["status"] >= 400:
        return
    sent = outgoing(cassette)
    bill = Bill(sent.candidate, None, None)
    stamp = DIALECTS[cassette.endpoint].client.stamp(sent.call, lambda: bill)
    for event in recorded_events(cassette):
        stamped = (stamp.event if cassette.streamed else stamp.reply)(copy.deepcopy(event))
        if stamped is None:
            assert event.keys() - {"obfuscation", "service_tier"} <= STAMPED
            continue
        assert stamped["id"] == sent.call.id
        assert {k: v for k, v in event.items() if k not in STAMPED}.items() <= stamped.items()
        for ours, theirs in zip(stamped.get("choices", ()), event.get("choices", ()), strict=True):
            assert {**ours, "finish_reason": ours["native_finish_reason"]}.items() >= theirs.items()


@every
def test_a_recorded_reply_is_done_and_its_usage_adds_up(cassette):
    if cassette.response["status"] >= 400:
        return
    replies, events = decode(outgoing(cassette), cassette, [cassette.body])
    progress = DIALECTS[cassette.endpoint].upstream.progress(cassette.streamed)
    for event in events:
        progress.see(event)
    progress.close(replies.mark, framed=False)
    assert progress.done
    assert progress.started or progress.finish
    told = [event["usage"] for event in events if event.get("usage")]
    if told:
        assert progress.usage.prompt == told[-1]["prompt_tokens"]
        assert progress.usage.completion == told[-1].get("completion_tokens", 0)


@every
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_any_split_gives_the_same_events(cassette, data):
    if not cassette.streamed:
        return
    size = len(cassette.body)
    cuts = sorted(data.draw(st.lists(st.integers(0, size), max_size=30)))
    pieces = [cassette.body[start:end] for start, end in zip([0, *cuts], [*cuts, size], strict=True)]
    sent = outgoing(cassette)
    assert decode(sent, cassette, pieces)[1] == decode(sent, cassette, [cassette.body])[1]


@every
def test_a_folded_stream_has_all_that_was_streamed(cassette):
    if not cassette.streamed:
        return
    fold, texts, arguments = CHAT.upstream.fold(), {}, {}
    for event in recorded_events(cassette):
        fold.feed(event)
        for choice in event["choices"]:
            delta, index = choice["delta"], choice["index"]
            texts[index] = texts.get(index, "") + (delta.get("content") or "")
            for call in delta.get("tool_calls") or ():
                place = index, call["index"]
                arguments[place] = arguments.get(place, "") + call["function"]["arguments"]
    reply = fold.reply()
    assert {choice["index"]: choice["message"]["content"] or "" for choice in reply["choices"]} == texts
    assert {
        (choice["index"], number): call["function"]["arguments"]
        for choice in reply["choices"]
        for number, call in enumerate(choice["message"].get("tool_calls") or ())
    } == arguments
    assert all(choice["finish_reason"] for choice in reply["choices"])


@every
def test_recorded_errors_are_what_the_table_says(cassette):
    if cassette.response["status"] < 400:
        assert cassette.name not in ERRORS
        return
    error = cassette.response["body"]
    failure = PROVIDER.classify(None, cassette.response["status"], cassette.response["headers"], error, NOW)
    assert failure.kind == ERRORS[cassette.name]
    assert failure.field == error["error"]["param"]
    assert failure.message


@every
def test_recorded_limits_are_read(cassette):
    headers = cassette.response["headers"]
    hints = list(PROVIDER.hints(None, HttpHead(200, headers), NOW))
    named = {unit for unit in ("requests", "tokens") if headers.get(f"x-ratelimit-limit-{unit}", "").isdigit()}
    assert {hint.unit for hint in hints if hint.unit != "images"} == named
    for hint in hints:
        assert hint.window in {60, 86_400}
        assert 0 <= hint.remaining <= hint.limit


@pytest.mark.cassettes("openai", "models")
def test_listing_models_is_the_probe(cassette):
    (account,) = PROVIDER.accounts(Credential(id="c", provider="openai", label="c"), Secret("sk-test-0123456789"))
    request = PROVIDER.probe(account, account.secret, NOW)
    assert (request.method, request.origin.host, request.target) == (
        cassette.request["method"],
        cassette.request["host"],
        cassette.request["path"],
    )
    replies = JsonReplies()
    replies.feed(cassette.body)
    assert replies.close(framed=True) == (cassette.response["body"],)
