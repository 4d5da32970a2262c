"""The legacy completions: the contract of dialects, and what becomes of prompts and of chat."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion

import taxiway_openai_completions
from taxiway.errors import InvalidRequest, Malformed, Unsupported
from taxiway.outcome import CallError, Failure
from taxiway.testing.dialect import INHERITED, JSON, DialectContract, Exchange, make_call, make_endpoint
from taxiway_openai_completions.dialect import COMPLETIONS

CLIENT, UPSTREAM = COMPLETIONS.client, COMPLETIONS.upstream
PLAIN = {"model": "acme/model-1", "prompt": "Once upon"}
RICH = {
    **PLAIN,
    "prompt": ["Once upon"],
    "max_tokens": 20,
    "temperature": 0.5,
    "n": 2,
    "stop": ["\n"],
    "logprobs": 2,
    "seed": 3,
    "logit_bias": {"5": 1},
    "user": "someone",
    "echo": False,
    "best_of": 1,
    "suffix": None,
    "stream": True,
    "reasoning": {"effort": "low"},
}
LOGPROBS = {
    "tokens": ["a", " time"],
    "token_logprobs": [-0.5, -0.1],
    "top_logprobs": [{"a": -0.5}, None],
    "text_offset": [9, 10],
}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
TOP = {"id": "cmpl-1", "object": "text_completion", "created": 1760000000, "model": "model-1"}


def chunk(text, finish=None, logprobs=None, index=0, **members):
    choice = {"text": text, "index": index, "logprobs": logprobs, "finish_reason": finish}
    return {**TOP, "choices": [choice], **members}


def piece(place):
    return {name: values[place : place + 1] for name, values in LOGPROBS.items()}


STREAMED = Exchange(
    events=[
        chunk("a", logprobs=piece(0), made_up=1),
        chunk(" time", logprobs=piece(1)),
        chunk("", "length"),
        {**TOP, "choices": [], "usage": USAGE},
    ],
    reply={**chunk("a time", "length", LOGPROBS, made_up=1), "usage": USAGE},
)
COMPLETE = Exchange(events=(), reply={**chunk("a time", "stop"), "usage": USAGE, "content_filter": {"a": 1}})


class TestCompletions(DialectContract):
    module = taxiway_openai_completions
    registration = next(iter(taxiway_openai_completions.taxiway_dialects()))
    bodies = (PLAIN, RICH)
    exchanges = (STREAMED, COMPLETE)


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"prompt": 5}, "prompt"),
        ({"prompt": ["a", 5]}, "prompt"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"logprobs": True}, "logprobs"),
        ({"echo": "yes"}, "echo"),
        ({"model": None}, "model"),
    ],
)
def test_what_can_not_be_served_is_refused_by_field(fields, where):
    with pytest.raises(InvalidRequest) as raised:
        CLIENT.facts({**PLAIN, **fields}, {}, {})
    assert raised.value.field == where


@pytest.mark.parametrize(
    ("prompt", "tokens"),
    [("12345678", 2), (["1234", "1234"], 2), ([5, 6, 7], 3), ([[5], [6, 7]], 3), (None, 0), ("", 0)],
)
def test_a_prompt_is_reckoned_in_every_form(prompt, tokens):
    facts = CLIENT.facts({"model": "a/b", "prompt": prompt, "max_tokens": 9, "logprobs": 1, "stop": "a"}, {}, {})
    assert (facts.tokens, facts.max_output) == (tokens, 9)
    assert facts.parameters == {"max_tokens", "logprobs", "stop"}


def test_a_prompt_is_a_message():
    made = CLIENT.to_canonical({"prompt": "a", "logprobs": 0, "max_tokens": 5, "made_up": 1, "echo": False})
    assert made.body == {"messages": [{"role": "user", "content": "a"}], "logprobs": True, "max_tokens": 5}
    assert made.dropped == ("made_up",)


@pytest.mark.parametrize(
    "fields",
    [{"prompt": ["a", "b"]}, {"prompt": [1, 2]}, {"prompt": ""}, {"suffix": "b"}, {"echo": True}, {"best_of": 2}],
)
def test_what_means_nothing_to_a_model_that_chats_goes_elsewhere(fields):
    with pytest.raises(Unsupported):
        CLIENT.to_canonical({"prompt": "a", **fields})


def test_one_thing_said_is_a_prompt():
    endpoint = make_endpoint("chat", "completions", unsupported=frozenset({"seed", "cache_control"}))
    part = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    made = UPSTREAM.from_canonical(
        {
            "messages": [{"role": "user", "content": [part, {"type": "text", "text": "b"}]}],
            "max_completion_tokens": 5,
            "logprobs": True,
            "top_logprobs": 3,
            "seed": 1,
            "verbosity": "low",
        },
        endpoint,
    )
    assert made.body == {"prompt": "ab", "max_tokens": 5, "logprobs": 3}
    assert made.dropped == ("seed", "verbosity")


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, "messages"),
        ({"messages": [{"role": "system", "content": "a"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content"),
        ({"tools": [{}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
    ],
)
def test_a_conversation_goes_elsewhere(fields, where):
    with pytest.raises(Unsupported) as raised:
        UPSTREAM.from_canonical(
            {"messages": [{"role": "user", "content": "a"}], **fields}, make_endpoint("chat", "completions")
        )
    assert raised.value.field == where


CONTENT = [
    {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [{"token": "a", "logprob": -0.5, "bytes": [97]}]},
    {"token": "b", "logprob": -0.1, "bytes": None, "top_logprobs": []},
]


def test_a_chat_completion_is_a_text():
    message = {
        "role": "assistant",
        "content": "ab",
        "reasoning": "why",
        "reasoning_details": [{"type": "x"}],
        "tool_calls": [{}],
    }
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": {"content": CONTENT}}
    call = make_call(COMPLETIONS, PLAIN)
    made = CLIENT.reply_from_canonical({**TOP, "object": "chat.completion", "choices": [choice], "usage": USAGE}, call)
    assert made.dropped == ("message.tool_calls",)
    Completion.model_validate(made.body)
    assert made.body["choices"] == [
        {
            "index": 0,
            "finish_reason": "stop",
            "text": "ab",
            "reasoning": "why",
            "reasoning_details": [{"type": "x"}],
            "logprobs": {
                "tokens": ["a", "b"],
                "token_logprobs": [-0.5, -0.1],
                "top_logprobs": [{"a": -0.5}, {}],
                "text_offset": [0, 1],
            },
        }
    ]


def test_chunks_are_texts_and_a_refusal_is_one():
    translator = CLIENT.events_from_canonical(make_call(COMPLETIONS, PLAIN))
    deltas = ({"role": "assistant", "content": ""}, {"content": "a"}, {"refusal": "No."}, {})
    made = [
        event
        for delta in deltas
        for event in translator.feed({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]})
    ]
    assert [event["choices"][0]["text"] for event in made] == ["", "a", "No.", ""]
    assert {event["object"] for event in made} == {"text_completion"}
    assert not translator.close()


def test_a_text_is_a_chat_completion():
    made = UPSTREAM.reply_to_canonical(
        COMPLETE.reply | {"choices": [chunk("a", "stop", LOGPROBS)["choices"][0]]}, None
    ).body
    (choice,) = made["choices"]
    assert made["object"] == "chat.completion"
    assert choice["message"] == {"role": "assistant", "content": "a"}
    assert [one["token"] for one in choice["logprobs"]["content"]] == ["a", " time"]
    assert choice["logprobs"]["content"][0]["top_logprobs"] == [{"token": "a", "logprob": -0.5, "bytes": None}]
    translator = UPSTREAM.events_to_canonical(None)
    (event,) = translator.feed(chunk("a"))
    assert event["choices"][0]["delta"] == {"content": "a"}
    assert event["object"] == "chat.completion.chunk"


def test_a_stream_that_fails_says_so_in_a_choice():
    stamp = CLIENT.stamp(make_call(COMPLETIONS, PLAIN), lambda: None)
    (event,) = stamp.failed(CallError(Failure(kind="timeout", message="too slow"), provider="Acme"))
    (choice,) = event["choices"]
    assert (choice["text"], choice["finish_reason"], event["object"]) == ("", "error", "text_completion")
    assert event["error"]["message"] == "too slow"


CHOICE = st.dictionaries(st.sampled_from(["text", "message", "delta", "logprobs", "index", "finish_reason"]), JSON)
REPLY = st.dictionaries(st.sampled_from(["choices", "usage", "id"]), JSON | st.lists(CHOICE, max_size=2))


@INHERITED
@given(reply=REPLY)
def test_replies_of_any_form_are_translated_or_malformed(reply):
    call = make_call(COMPLETIONS, PLAIN)
    for read in (
        lambda one: UPSTREAM.reply_to_canonical(one, None),
        lambda one: CLIENT.reply_from_canonical(one, call),
        UPSTREAM.events_to_canonical(None).feed,
        CLIENT.events_from_canonical(call).feed,
    ):
        with suppress(Malformed):
            read(reply)


@INHERITED
@given(
    body=st.dictionaries(
        st.sampled_from(["messages", "tools", "n", "logprobs", "max_tokens", "prompt", "best_of"]), JSON
    )
)
def test_bodies_of_any_form_are_translated_or_refused(body):
    with suppress(Unsupported):
        UPSTREAM.from_canonical(body, make_endpoint("chat", "completions"))
    with suppress(InvalidRequest, Unsupported):
        CLIENT.facts({"model": "a/b", **body}, {}, {})
        CLIENT.to_canonical(body)
