"""Mistral: the contract, and what its requests, replies, errors and headers are."""

import copy
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import taxiway_mistral
from taxiway.catalog import CatalogModel
from taxiway.chat import CHAT
from taxiway.codec import dumps, loads
from taxiway.embeddings import EMBEDDINGS
from taxiway.errors import Malformed, Unsupported
from taxiway.http import HttpHead
from taxiway.provider import InBandError
from taxiway.testing.dialect import INHERITED, JSON
from taxiway.testing.provider import NOW, KnownModels, ProviderContract, Sample
from taxiway_mistral.quirks import Reading
from taxiway_mistral.requests import prefix_of, request, tool_id

REGISTRATION = next(iter(taxiway_mistral.taxiway_providers()))
USER = {"role": "user", "content": "hi"}
CHUNK = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[%b]%b,"p":"abc"}\n\n'
STREAM = (
    CHUNK % (b'{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}', b"")
    + CHUNK
    % (
        b'{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"H"}]}]},"finish_reason":null}',
        b"",
    )
    + CHUNK % (b'{"index":0,"delta":{"content":"Hi"},"finish_reason":null}', b"")
    + CHUNK
    % (
        b'{"index":0,"delta":{"content":""},"finish_reason":"stop"}',
        b',"usage":{"prompt_tokens":8,"completion_tokens":1,"total_tokens":9}',
    )
    + b"data: [DONE]\n\n"
)
HEADERS = tuple(
    f"{family}{what}{unit}"
    for what in ("limit", "remaining")
    for family, unit in (
        ("x-ratelimit-", "-req-minute"),
        ("x-ratelimit-", "-tokens-minute"),
        ("x-ratelimit-", "-tokens-month"),
        ("x-ratelimit-", "-audio-seconds-minute"),
        ("x-ratelimitbysize-", "-month"),
        ("ratelimitbysize-", ""),
    )
)


class TestMistral(ProviderContract):
    module = taxiway_mistral
    registration = REGISTRATION
    limit_headers = (*HEADERS, "ratelimitbysize-reset")
    samples = (
        Sample(body={"model": "m", "messages": [USER]}, reply=STREAM, stream=True, content_type="text/event-stream"),
        Sample(
            body={"model": "m", "messages": [USER]},
            reply=b'{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}',
        ),
        Sample(body={"model": "m", "input": "a"}, reply=b'{"data":[{"embedding":[0.1]}]}', dialect="embeddings"),
    )


CONTRACT = TestMistral()
PROVIDER = CONTRACT._build()
SENT = CONTRACT._outgoing(PROVIDER, CONTRACT.samples[1])


def endpoint(model="mistral-large-latest", **known):
    catalog = KnownModels([CatalogModel(id=model, slug=f"mistralai/{model}", name=model, **known)])
    (found,) = PROVIDER.endpoints(catalog, [])
    return found


def sent(body, model="mistral-large-latest", **known):
    """Return what goes out for a client's canonical body, and what was dropped."""
    found = endpoint(model, **known)
    translated = CHAT.upstream.from_canonical(body, found)
    outgoing = copy.copy(SENT)
    outgoing.body = translated.body
    outgoing.candidate = copy.copy(SENT.candidate)
    object.__setattr__(outgoing.candidate, "endpoint", found)
    return loads(PROVIDER.prepare(outgoing, NOW).body), translated.dropped


def read(events, body=None):
    """Return what one reply's events are made to mean."""
    outgoing = copy.copy(SENT)
    outgoing.body = body or {"messages": [USER]}
    reading = Reading(outgoing)
    return [made for event in copy.deepcopy(events) for made in reading(event)]


def delta(content, **more):
    return {"id": "c", "choices": [{"index": 0, "delta": {"content": content, **more}, "finish_reason": None}]}


def thinking(*texts, **more):
    return {"type": "thinking", "thinking": [{"type": "text", "text": text} for text in texts], **more}


def test_fields_that_mistral_does_not_know_are_mapped_or_named_as_dropped():
    asked = {
        "messages": [USER],
        "seed": 7,
        "max_completion_tokens": 5,
        "tool_choice": "required",
        "user": "u",
        "logit_bias": {"1": 2},
        "min_p": 0.1,
        "top_k": 4,
        "prompt_cache_key": "k",
        "safe_prompt": True,
    }
    body, dropped = sent(asked)
    assert {name: value for name, value in body.items() if name not in {"model", "messages"}} == {
        "random_seed": 7,
        "max_tokens": 5,
        "tool_choice": "any",
        "top_k": 4,
        "prompt_cache_key": "k",
        "safe_prompt": True,
    }
    assert set(dropped) == {"user", "logit_bias", "min_p"}


@pytest.mark.parametrize(
    ("model", "asked", "effort"),
    [
        ("mistral-small-latest", {"reasoning": {"effort": "medium"}}, "high"),
        ("mistral-medium-3-5", {"reasoning": {"effort": "minimal"}}, "none"),
        ("mistral-small-latest", {"reasoning_effort": "none"}, "none"),
        ("mistral-small-latest", {"reasoning": {"enabled": True}}, "high"),
        ("mistral-large-4-0", {"reasoning": {"effort": "medium"}}, "medium"),
        ("mistral-large-4-0", {"reasoning_effort": "max"}, "high"),
        ("magistral-medium-latest", {"reasoning": {"effort": "high"}}, None),
    ],
)
def test_effort_is_the_nearest_that_a_model_knows(model, asked, effort):
    body, dropped = sent({"messages": [USER], **asked}, model, reasoning=True)
    assert body.get("reasoning_effort") == effort
    assert "reasoning" not in body
    assert bool(dropped) is (effort is None)


def test_a_model_that_does_not_reason_is_sent_no_reasoning():
    told = {"role": "assistant", "content": "a", "reasoning": "hm", "reasoning_details": [{"type": "reasoning.text"}]}
    body, dropped = sent({"messages": [USER, told, USER], "reasoning": {"effort": "high"}})
    assert body["messages"][1] == {"role": "assistant", "content": "a"}
    assert set(dropped) == {"reasoning", "reasoning_details"}


def test_reasoning_is_sent_back_in_the_content():
    detail = {"type": "reasoning.text", "text": "hm", "format": "unknown", "index": 0, "signature": "s1"}
    other = {"type": "reasoning.text", "text": "so", "format": "anthropic-claude-v1", "signature": "s2"}
    hidden = {"type": "reasoning.encrypted", "data": "x", "format": "openai-responses-v1"}
    for message, content in (
        (
            {"content": "a", "reasoning": "hmso", "reasoning_details": [detail, other, hidden]},
            [thinking("hm", signature="s1"), thinking("so"), {"type": "text", "text": "a"}],
        ),
        ({"content": None, "reasoning": "hm"}, [thinking("hm")]),
        (
            {"content": [{"type": "text", "text": "a"}], "reasoning_content": "hm"},
            [thinking("hm"), {"type": "text", "text": "a"}],
        ),
    ):
        asked = {"messages": [USER, {"role": "assistant", **message}, USER]}
        body, dropped = sent(asked, "mistral-small-latest", reasoning=True)
        assert body["messages"][1] == {"role": "assistant", "content": content}
        assert not dropped


def test_a_last_message_of_the_assistant_is_one_to_go_on_from():
    last = {"role": "assistant", "content": "The answer is"}
    body, _ = sent({"messages": [USER, last]})
    assert body["messages"][-1] == {**last, "prefix": True}
    assert endpoint().prefill
    asked = {"messages": [USER, {**last, "prefix": False}]}
    assert sent(asked)[0]["messages"][-1]["prefix"] is False
    calls = [{"id": "abcdefghi", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    assert "prefix" not in sent({"messages": [USER, {"role": "assistant", "tool_calls": calls}]})[0]["messages"][-1]
    # A conversation of another dialect that says nothing is Mistral's to refuse.
    assert sent({"messages": []})[0]["messages"] == []


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        (["The answer is 42"], [" 42"]),
        (["The ", "answer", " is 42", "."], ["", "", " 42", "."]),
        (["42"], ["42"]),
        (["The ", "end"], ["", "The end"]),
        (["The answer is", " 42"], ["", " 42"]),
    ],
)
def test_what_the_client_said_itself_is_not_told_again(pieces, told):
    body = {"messages": [USER, {"role": "assistant", "content": "The answer is"}]}
    events = read([delta(piece) for piece in pieces], body)
    assert [event["choices"][0]["delta"]["content"] for event in events] == told
    parts = [{"type": "text", "text": "The "}, {"type": "text", "text": "answer is"}]
    assert prefix_of({"messages": [{"role": "assistant", "content": parts}]}) == "The answer is"


def test_tool_ids_are_nine_letters_and_the_same_in_call_and_result():
    ids = ["toolu_01A09q90qw90lq917835lq9", "call_1", "", "é" * 40, "abcdefghi"]
    made = [tool_id(id_) for id_ in ids]
    assert all(re.fullmatch(r"[A-Za-z0-9]{9}", id_) for id_ in made)
    assert len(set(made)) == len(ids)
    assert made[-1] == ids[-1]
    assert made == [tool_id(id_) for id_ in ids]
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "name": "f", "content": "1"},
    ]
    body, _ = sent({"messages": [USER, *messages]})
    assert body["messages"][1]["tool_calls"][0]["id"] == body["messages"][2]["tool_call_id"] == tool_id("call_1")
    assert body["messages"][2]["name"] == "f"
    assert call["id"] == "call_1"


def test_parts_and_roles_that_mistral_says_otherwise():
    data = "data:application/pdf;base64,JVBE"
    content = [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": "https://x.example/i.png"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        {"type": "audio_url", "audio_url": {"url": "https://x.example/a.mp3"}},
        {"type": "file", "file": {"file_data": data, "filename": "a.pdf"}},
        {"type": "file", "file": {"file_data": "https://x.example/a.pdf"}},
        {"type": "file", "file": {"file_data": "data:image/png;base64,AA"}},
        {"type": "file", "file": {"file_id": "f1"}},
    ]
    system = {"role": "developer", "content": "s"}
    tools = [{"type": "function", "function": {"name": "f"}}]
    named = [{"role": "user", "name": "Ann", "content": "hi"}, {"role": "user", "name": "Bo", "content": content[:1]}]
    body, dropped = sent({"messages": [system, {"role": "user", "content": content}, *named], "tools": tools})
    assert body["messages"][0] == {"role": "system", "content": "s"}
    assert body["messages"][1]["content"] == [
        *content[:3],
        {"type": "input_audio", "input_audio": "https://x.example/a.mp3"},
        {"type": "document_url", "document_url": data, "document_name": "a.pdf"},
        {"type": "document_url", "document_url": "https://x.example/a.pdf"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
        {"type": "file", "file_id": "f1"},
    ]
    assert body["messages"][2] == {"role": "user", "content": "Ann: hi"}
    assert body["messages"][3] == {"role": "user", "content": [{"type": "text", "text": "Bo: "}, *content[:1]]}
    assert body["tools"][0]["function"]["parameters"] == {"type": "object", "properties": {}}
    assert not dropped


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": [{"type": "video_url", "video_url": {"url": "https://x.example"}}]},
        {"role": "user", "content": [{"type": "file", "file": {}}]},
        {"role": "function", "name": "f", "content": "1"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
    ],
)
def test_what_mistral_can_not_be_told_is_unsupported_and_says_where(message):
    with pytest.raises(Unsupported) as raised:
        sent({"messages": [message]})
    assert raised.value.field.startswith("messages[0]")


def test_embeddings_have_their_own_name_for_dimensions():
    embed = CONTRACT._outgoing(PROVIDER, CONTRACT.samples[2])
    embed.body = {"input": "a", "dimensions": 64, "input_type": "x"}
    embed.body = EMBEDDINGS.upstream.from_canonical(embed.body, embed.candidate.endpoint).body
    assert loads(PROVIDER.prepare(embed, NOW).body) == {"model": "model-2", "input": "a", "output_dimension": 64}


def test_thinking_in_deltas_is_reasoning_and_folds_into_what_a_whole_reply_says():
    pieces = [
        [thinking("a")],
        [thinking("b", "c")],
        [thinking("", closed=True, signature="s")],
        "x",
        [{"type": "text", "text": "y"}],
        [thinking("d"), {"type": "text", "text": "z"}],
    ]
    fold = CHAT.upstream.fold()
    for event in read([delta(piece) for piece in pieces]):
        fold.feed(event)
    streamed = fold.reply()["choices"][0]["message"]
    whole = [
        thinking("a", "b", "c", closed=True, signature="s"),
        *({"type": "text", "text": t} for t in "xy"),
        *pieces[-1],
    ]
    message = {"role": "assistant", "content": whole, "tool_calls": None}
    (reply,) = read([{"choices": [{"index": 0, "message": message}]}])
    assert streamed == {name: value for name, value in reply["choices"][0]["message"].items() if name != "tool_calls"}
    assert streamed == {
        "role": "assistant",
        "content": "xyz",
        "reasoning": "abcd",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "abc", "format": "unknown", "index": 0, "signature": "s"},
            {"type": "reasoning.text", "text": "d", "format": "unknown", "index": 1},
        ],
    }


def test_a_delta_of_thinking_alone_has_no_text():
    (event,) = read([delta([thinking("a")])])
    assert event["choices"][0]["delta"]["content"] is None


def test_what_is_neither_text_nor_thinking_is_kept():
    reference = {"type": "reference", "reference_ids": [1]}
    (event,) = read([delta([{"type": "text", "text": "a"}, reference, {"type": "thinking", "thinking": [reference]}])])
    told = event["choices"][0]["delta"]
    assert told["content_chunks"] == [reference]
    assert told["reasoning_details"][0]["chunks"] == [reference]
    detail = told["reasoning_details"][0]
    message = {"role": "assistant", "content": "a", "reasoning_details": [detail]}
    body, _ = sent({"messages": [USER, message, USER]}, "mistral-small-latest", reasoning=True)
    assert body["messages"][1]["content"][0] == {"type": "thinking", "thinking": [reference]}


def call(**members):
    return {"type": "function", **members}


@pytest.mark.parametrize(
    ("deltas", "told"),
    [
        # Whole calls, without an index; two with one.
        (
            [[call(id="a", function={"name": "f", "arguments": "{}"}), call(id="b", function={"name": "g"})]],
            [(0, "a", "f", "{}"), (1, "b", "g", None)],
        ),
        (
            [[call(id="a", index=0, function={"name": "f"})], [call(id="b", index=0, function={"name": "g"})]],
            [(0, "a", "f", None), (1, "b", "g", None)],
        ),
        # In pieces: the later ones have an empty name, and no id or "null".
        (
            [
                [call(id="a", index=0, function={"name": "f", "arguments": ""})],
                [call(index=0, function={"name": "", "arguments": '{"x":'})],
                [call(id="null", index=0, function={"name": "", "arguments": "1}"})],
                [call(function={"arguments": ""})],
            ],
            [(0, "a", "f", ""), (0, None, None, '{"x":'), (0, None, None, "1}"), (0, None, None, "")],
        ),
        # An id that nobody gave.
        (
            [[call(id="null", function={"name": "f", "arguments": {"x": 1}})]],
            [(0, tool_id("c/0"), "f", '{"x":1}')],
        ),
    ],
)
def test_tool_calls_begin_once_with_an_index_an_id_and_a_name(deltas, told):
    found = []
    for event in read([delta("", tool_calls=calls) for calls in deltas]):
        for one in event["choices"][0]["delta"]["tool_calls"]:
            function = one["function"]
            found.append((one["index"], one.get("id"), function.get("name"), function.get("arguments")))
    assert found == told


def test_a_whole_call_without_arguments_has_an_empty_object():
    message = {"content": "", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": ""}}]}
    (reply,) = read([{"id": "c", "choices": [{"index": 0, "message": message}]}])
    assert reply["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == "{}"


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        (
            {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10, "num_cached_tokens": 4},
            {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}},
        ),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 1,
                "total_tokens": 15,
                "prompt_tokens_details": {"audio_tokens": 5},
            },
            {"prompt_tokens": 14, "prompt_tokens_details": {"audio_tokens": 5}},
        ),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 1,
                "total_tokens": 10,
                "prompt_tokens_details": {"audio_tokens": 5},
            },
            {"prompt_tokens": 9, "prompt_tokens_details": {"audio_tokens": 5}},
        ),
        ({"prompt_tokens": 9, "num_cached_tokens": None}, {"prompt_tokens": 9}),
    ],
)
def test_usage_is_brought_to_openais(usage, told):
    (event,) = read([{"choices": [], "usage": usage}])
    assert event["usage"] == {**usage, **told}


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (401, {"message": "No API key found in request", "request_id": "x"}, "credential_invalid"),
        (401, {"detail": "Invalid API Key"}, "credential_invalid"),
        (401, {"message": "Inactive subscription or usage limit reached"}, "quota_exhausted"),
        (400, {"object": "error", "message": "Invalid model: m", "type": "invalid_model", "code": "1500"}, "not_found"),
        (
            400,
            {"object": "error", "message": "Logprobs are not enabled for this model", "type": "x", "code": "3051"},
            "unsupported_here",
        ),
        (
            400,
            {
                "object": "error",
                "message": "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
            },
            "context_length",
        ),
        (
            422,
            {
                "object": "error",
                "message": {"detail": [{"loc": ["body", "x"], "msg": "Extra inputs are not permitted"}]},
            },
            "unsupported_here",
        ),
        (422, {"detail": [{"loc": ["body", "n"], "msg": "Input should be less than 2"}]}, "invalid_request"),
        (
            429,
            {"object": "error", "message": "Rate limit exceeded", "type": "rate_limited", "code": "1300"},
            "rate_limited",
        ),
        (429, {"message": "Requests rate limit exceeded"}, "rate_limited"),
        (
            429,
            {"object": "error", "message": "Service tier capacity exceeded for this model.", "code": "3505"},
            "rate_limited",
        ),
        (None, {"object": "error", "message": "x", "type": "y", "raw_status_code": 503}, "overloaded"),
    ],
)
def test_errors_in_each_of_mistrals_forms(status, error, kind):
    failure = PROVIDER.classify(SENT, status, {}, error, NOW)
    assert failure.kind == kind
    assert failure.message


def test_an_error_inside_of_a_stream_is_one():
    replies = PROVIDER.replies(CONTRACT._outgoing(PROVIDER, CONTRACT.samples[0]), HttpHead(200, {}))
    error = {"object": "error", "message": "x"}
    (event,) = replies.feed(b"data: %b\n\n" % dumps(error))
    assert event == InBandError(error)


def test_limits_of_both_families_of_headers_are_read():
    headers = dict.fromkeys(HEADERS, "9") | {"ratelimitbysize-reset": "33", "x-ratelimit-limit-req-minute": "10"}
    hints = list(PROVIDER.hints(SENT, HttpHead(200, headers), NOW))
    assert [(hint.unit, hint.window, hint.limit, hint.reset) for hint in hints] == [
        ("requests", 60, 10, None),
        ("tokens", 60, 9, None),
        ("tokens", 30 * 86_400, 9, None),
        ("audio-seconds", 60, 9, None),
        ("tokens", 30 * 86_400, 9, None),
        ("tokens", 60, 9, NOW + 33),
    ]


def test_a_key_in_the_environment_is_offered():
    (credential,) = REGISTRATION.environment({"MISTRAL_API_KEY": "sk-1234567890"})
    assert (credential.provider, credential.key) == ("mistral", "env:MISTRAL_API_KEY")
    assert not list(REGISTRATION.environment({}))


IDS = st.text(alphabet=st.characters(categories=["L", "N", "P"]), min_size=1, max_size=12)


@given(
    ids=st.lists(IDS, min_size=1, max_size=4, unique=True),
    texts=st.lists(st.text(min_size=1), max_size=3),
    said=st.text(),
)
def test_a_conversation_keeps_its_messages_tools_and_reasoning(ids, texts, said):
    calls = [{"id": id_, "type": "function", "function": {"name": "f", "arguments": "{}"}} for id_ in ids]
    details = [
        {"type": "reasoning.text", "text": text, "format": "unknown", "index": index}
        for index, text in enumerate(texts)
    ]
    message = {"role": "assistant", "content": said, "reasoning_details": details, "tool_calls": calls}
    results = [{"role": "tool", "tool_call_id": id_, "content": id_} for id_ in ids]
    before = copy.deepcopy(message)
    out = request({"messages": [USER, message, *results]}, SENT)["messages"]
    assert message == before
    assert [one["id"] for one in out[1]["tool_calls"]] == [one["tool_call_id"] for one in out[2:]]
    assert [one["content"] for one in out[2:]] == ids
    # And as a reply it means the same again: blocks of reasoning that nothing parts are one.
    content = out[1]["content"]
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    (reply,) = read([{"choices": [{"index": 0, "message": {"role": "assistant", "content": parts}}]}])
    told = reply["choices"][0]["message"]
    assert (told["content"] or "") == said
    assert told.get("reasoning", "") == "".join(texts)
    assert len(told.get("reasoning_details", ())) == min(1, len(texts))


@INHERITED
@given(
    event=st.dictionaries(st.sampled_from(["choices", "usage", "id", "p", "object"]), JSON), content=JSON, calls=JSON
)
def test_any_reply_is_read_or_malformed(event, content, calls):
    for chosen in (
        event,
        {**event, "choices": [{"delta": {"content": content, "tool_calls": calls}, "index": event.get("id")}]},
    ):
        for sample in CONTRACT.samples[:2]:
            replies = CONTRACT._replies(PROVIDER, sample, CONTRACT._outgoing(PROVIDER, sample))
            try:
                for piece in pairwise([dumps(chosen), b""]):
                    replies.feed(b"data: %b\n\n" % piece[0] if sample.stream else piece[0])
                replies.close(framed=True)
            except Malformed:
                continue
