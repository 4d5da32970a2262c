"""Replies, complete and streamed, between chat and responses: what a client of either gets of the other's."""

import copy
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from taxiway.chat import CHAT
from taxiway.codec import dumps, loads
from taxiway.errors import Malformed
from taxiway.testing.dialect import INHERITED, JSON, make_call
from taxiway_openai_responses.dialect import RESPONSES

CLIENT, UPSTREAM = RESPONSES.client, RESPONSES.upstream
FORM = "openai-responses-v1"
EVENT = TypeAdapter(ResponseStreamEvent)
FUNCTION = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False}
ASKED = {
    "model": "acme/model-1",
    "input": "Hello",
    "instructions": "Be short.",
    "tools": [FUNCTION],
    "temperature": 0.5,
    "reasoning": {"effort": "low"},
    "max_output_tokens": 50,
    "metadata": {"a": "b"},
    "stream": True,
}
CALL = make_call(RESPONSES, ASKED)
USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 12,
    "total_tokens": 32,
    "prompt_tokens_details": {"cached_tokens": 8},
    "completion_tokens_details": {"reasoning_tokens": 5},
}


def chunk(delta, finish=None, **members):
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **members,
    }


def told(*deltas, finish="stop", usage=USAGE):
    """The events that a Responses client gets of chat's chunks."""
    translator = CLIENT.events_from_canonical(CALL)
    chunks = [chunk({"role": "assistant", "content": ""}), *map(chunk, deltas), chunk({}, finish)]
    events = [event for one in [*chunks, {"choices": [], "usage": usage}] for event in translator.feed(one)]
    events += translator.close()
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    for event in events:
        EVENT.validate_python(loads(dumps(event)), strict=True)
    return events


def kinds(events):
    return [event["type"].removeprefix("response.") for event in events]


def answered(message, finish="stop", **choice):
    reply = {
        "id": "c",
        "created": 1,
        "choices": [{"index": 0, "message": message, "finish_reason": finish, **choice}],
        "usage": USAGE,
    }
    made = CLIENT.reply_from_canonical(reply, CALL).body
    Response.model_validate(loads(dumps(made)), strict=True)
    return made


def test_a_text_is_told_as_the_api_does():
    events = told({"content": "Hi"}, {"content": " there"})
    assert kinds(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    last = events[-1]["response"]
    assert last["status"] == "completed"
    assert last["output"] == [
        {
            "id": "msg_gen-1_0",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hi there", "annotations": [], "logprobs": []}],
        }
    ]
    assert last["usage"]["input_tokens"] == 20
    assert last["usage"]["input_tokens_details"] == {"cached_tokens": 8, "cache_write_tokens": 0}
    assert last["usage"]["output_tokens_details"] == {"reasoning_tokens": 5}


def test_a_response_says_what_its_request_said():
    for response in (told({"content": "a"})[0]["response"], answered({"content": "a"})):
        for name in ("instructions", "tools", "temperature", "reasoning", "max_output_tokens", "metadata"):
            assert response[name] == ASKED[name]
        assert (response["parallel_tool_calls"], response["tool_choice"], response["store"]) == (True, "auto", False)
        for name in ("completed_at", "error", "incomplete_details", "presence_penalty", "frequency_penalty", "top_p"):
            assert response[name] is None


def test_calls_are_items_and_one_without_arguments_gets_an_empty_object():
    deltas = (
        {"content": "Wait."},
        {"tool_calls": [{"index": 0, "id": "1", "type": "function", "function": {"name": "a", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"b":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]},
        {"tool_calls": [{"index": 1, "id": "2", "type": "function", "function": {"name": "c"}}]},
        {"tool_calls": [{"index": 2, "id": "3", "type": "custom", "custom": {"name": "d", "input": "ls"}}]},
    )
    output = told(*deltas, finish="tool_calls")[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "function_call", "function_call", "custom_tool_call"]
    assert [(item["call_id"], item.get("arguments"), item.get("input")) for item in output[1:]] == [
        ("1", '{"b":1}', None),
        ("2", "{}", None),
        ("3", None, "ls"),
    ]


def test_why_an_answer_is_not_whole_is_said():
    for finish, reason in (("length", "max_output_tokens"), ("content_filter", "content_filter")):
        events = told({"content": "a"}, finish=finish)
        assert events[-1]["type"] == "response.incomplete"
        for response in (events[-1]["response"], answered({"content": "a"}, finish)):
            assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": reason})
    assert answered({"content": "a"}, "error")["status"] == "failed"


def test_refusals_citations_images_and_log_probabilities_have_their_places():
    note = {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A", "start_index": 1}}
    logprobs = {"content": [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]}
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    message = {"content": "ab", "annotations": [note], "refusal": "No.", "images": [picture]}
    said, drawn = answered(message, logprobs=logprobs)["output"]
    citation = {
        "type": "url_citation",
        "url": "https://a.example",
        "title": "A",
        "start_index": 1,
        "end_index": 0,
    }
    assert said["content"] == [
        {"type": "output_text", "text": "ab", "annotations": [citation], "logprobs": logprobs["content"]},
        {"type": "refusal", "refusal": "No."},
    ]
    assert (drawn["type"], drawn["result"]) == ("image_generation_call", "AAAA")
    deltas = ({"content": "ab"}, {"annotations": [note]}, {"refusal": "No."}, {"images": [picture]})
    streamed = told(*deltas)[-1]["response"]["output"]
    assert [item["type"] for item in streamed] == ["message", "image_generation_call"]
    assert streamed[0]["content"][0]["annotations"] == [citation]
    assert streamed[0]["content"][1] == {"type": "refusal", "refusal": "No."}


def test_the_older_function_call_is_a_call_with_an_id_of_ours():
    (item,) = answered({"content": None, "function_call": {"name": "a", "arguments": "{}"}})["output"]
    assert (item["type"], item["name"], item["call_id"]) == ("function_call", "a", "call_gen-1_0")


SIGNED = [
    {
        "type": "reasoning.text",
        "text": "Let me see.",
        "signature": "sig==",
        "format": "anthropic-claude-v1",
        "index": 0,
    },
    {"type": "reasoning.encrypted", "data": "redacted", "format": "anthropic-claude-v1", "index": 1},
]


def deltas_of(details):
    """Details as they come in a stream: texts in pieces, a signature after its text."""
    for detail in details:
        member = {"reasoning.text": "text", "reasoning.summary": "summary"}.get(detail["type"])
        rest = {name: value for name, value in detail.items() if name not in {member, "signature"}}
        text = detail.get(member, "") if member else ""
        for piece in (text[:2], text[2:]):
            if piece:
                yield {"reasoning": piece, "reasoning_details": [{**rest, member: piece}]}
        if "signature" in detail or not text:
            signature = {"signature": detail["signature"]} if "signature" in detail else {}
            yield {"reasoning_details": [{**rest, **signature}]}


@pytest.mark.parametrize(
    "details",
    [
        SIGNED,
        [{"type": "reasoning.encrypted", "data": "thought", "format": "google-gemini-v1", "id": "call_1", "index": 0}],
        [
            {"type": "reasoning.summary", "summary": "Think.", "format": FORM, "id": "rs_1", "index": 0},
            {"type": "reasoning.summary", "summary": "More.", "format": FORM, "id": "rs_1", "index": 1},
            {"type": "reasoning.encrypted", "data": "gAAAA", "format": FORM, "id": "rs_1", "index": 2},
        ],
    ],
)
def test_whatever_a_provider_needs_back_of_its_reasoning_comes_back(details):
    """Through a client that keeps of an item only what OpenAI's own needs: id, summary and encrypted content."""
    text = "\n\n".join(filter(None, (detail.get("text") or detail.get("summary") for detail in details)))
    reply = answered({"content": "Hi", "reasoning": text, "reasoning_details": details})
    streamed = told(*deltas_of(details), {"content": "Hi"})[-1]["response"]
    assert streamed["output"] == reply["output"]
    kept = [
        {name: value for name, value in item.items() if name in {"type", "id", "summary", "encrypted_content"}}
        if item["type"] == "reasoning"
        else item
        for item in reply["output"]
    ]
    body = {"model": "acme/model-1", "input": kept}
    CLIENT.facts(body, {}, {})
    (message,) = CLIENT.to_canonical({"input": kept}).body["messages"]
    assert message["reasoning_details"] == details
    assert message.get("reasoning", "") == text


def test_reasoning_that_is_text_only_is_the_items_text():
    for output in (
        answered({"content": "Hi", "reasoning": "Let me see."})["output"],
        told({"reasoning": "Let me"}, {"reasoning": " see."}, {"content": "Hi"})[-1]["response"]["output"],
        told({"reasoning_content": "Let me see."}, {"content": "Hi"})[-1]["response"]["output"],
    ):
        assert output[0]["content"] == [{"type": "reasoning_text", "text": "Let me see."}]
        assert "encrypted_content" not in output[0]


def test_packed_reasoning_that_was_tampered_with_is_left_out():
    for text in ("taxiway.%%%", "taxiway.bm90IGpzb24=", "taxiway.MQ=="):
        item = {"type": "reasoning", "summary": [], "encrypted_content": text}
        (message,) = CLIENT.to_canonical({"input": [item]}).body["messages"]
        assert not message["reasoning_details"]


# Towards chat.


def item(kind, place, value):
    return {"type": f"response.output_item.{kind}", "output_index": place, "item": value}


def folded(*events, output=(), **last):
    """The chat reply that a stream of events makes."""
    translator, fold = UPSTREAM.events_to_canonical(FORM), CHAT.upstream.fold()
    begun = {"type": "response.created", "response": {"id": "resp_1", "created_at": 5, "model": "m"}}
    end = {
        "type": "response.completed",
        "response": {"id": "resp_1", "created_at": 5, "model": "m", "status": "completed", "output": output, **last},
    }
    for event in (begun, *events, end):
        for made in translator.feed(event):
            fold.feed(made)
    assert not translator.close()
    return fold.reply(), translator


SAID = {
    "type": "message",
    "role": "assistant",
    "content": [
        {"type": "output_text", "text": "One. ", "annotations": []},
        {
            "type": "output_text",
            "text": "Two.",
            "annotations": [
                {"type": "url_citation", "start_index": 0, "end_index": 3, "url": "u", "title": "t"},
                {"type": "file_citation", "file_id": "f"},
            ],
        },
        {"type": "refusal", "refusal": "No."},
    ],
}
CALLED = {"type": "function_call", "call_id": "1", "name": "a", "arguments": ""}
CUSTOM = {"type": "custom_tool_call", "call_id": "2", "name": "b", "input": "ls"}
DRAWN = {"type": "image_generation_call", "result": "AAAA", "output_format": "webp"}
SEARCHED = {"type": "web_search_call", "id": "ws", "status": "completed", "action": {}}
THOUGHT = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
    "content": [],
    "encrypted_content": "x",
}
OUTPUT = [THOUGHT, SEARCHED, SAID, CALLED, CUSTOM, DRAWN]


def complete(output, status="completed", **members):
    response = {"id": "resp_1", "created_at": 5, "model": "m", "status": status, "output": output, **members}
    return UPSTREAM.reply_to_canonical(response, FORM)


def test_a_complete_response_is_a_chat_completion():
    made = complete(OUTPUT, usage={"input_tokens": 3, "output_tokens": 2, "total_tokens": 5, "extra": 1})
    assert made.dropped == ("output.web_search_call", "output.message.file_citation")
    (choice,) = made.body["choices"]
    assert (choice["finish_reason"], choice["native_finish_reason"]) == ("tool_calls", "completed")
    message = choice["message"]
    assert (message["content"], message["refusal"], message["reasoning"]) == ("One. Two.", "No.", "a\n\nb")
    assert message["annotations"] == [
        {"type": "url_citation", "url_citation": {"start_index": 5, "end_index": 8, "url": "u", "title": "t"}}
    ]
    assert message["tool_calls"] == [
        {"id": "1", "type": "function", "function": {"name": "a", "arguments": "{}"}},
        {"id": "2", "type": "custom", "custom": {"name": "b", "input": "ls"}},
    ]
    assert message["images"][0]["image_url"]["url"] == "data:image/webp;base64,AAAA"
    assert [detail["type"] for detail in message["reasoning_details"]] == [
        "reasoning.summary",
        "reasoning.summary",
        "reasoning.encrypted",
    ]
    assert made.body["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "extra": 1}


def test_a_stream_that_tells_items_only_when_they_are_done_loses_nothing():
    """As servers do that have no pieces: each item comes whole, or all of them with the last event."""
    whole = complete(OUTPUT).body
    done, translator = folded(*(item("done", place, value) for place, value in enumerate(OUTPUT)), output=OUTPUT)
    assert done["choices"][0]["message"] == whole["choices"][0]["message"]
    assert "output.web_search_call" in translator.dropped
    last, _ = folded(output=OUTPUT)
    assert last["choices"] == whole["choices"]


def test_pieces_are_told_as_they_come():
    translator = UPSTREAM.events_to_canonical(FORM)
    chunks = [
        *translator.feed(item("added", 0, {**CALLED})),
        *translator.feed({"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{"}),
        *translator.feed({"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "}"}),
        *translator.feed(item("done", 0, {**CALLED, "arguments": "{}"})),
    ]
    calls = [chunk["choices"][0]["delta"]["tool_calls"][0] for chunk in chunks]
    assert calls[0]["id"] == "1"
    assert [call["function"]["arguments"] for call in calls] == ["", "{", "}"]
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"


@pytest.mark.parametrize(
    ("status", "details", "finish", "native"),
    [
        ("incomplete", {"reason": "max_output_tokens"}, "length", "max_output_tokens"),
        ("incomplete", {"reason": "content_filter"}, "content_filter", "content_filter"),
        ("incomplete", None, "length", "incomplete"),
        ("completed", None, "stop", "completed"),
        ("cancelled", None, "error", "cancelled"),
        ("queued", None, None, None),
    ],
)
def test_finish_reasons(status, details, finish, native):
    (choice,) = complete([SAID], status, incomplete_details=details).body["choices"]
    assert (choice["finish_reason"], choice["native_finish_reason"]) == (finish, native)


def test_a_stream_that_failed_is_never_done():
    progress = UPSTREAM.progress(stream=True)
    progress.see({"type": "response.created", "response": {"id": "resp_1", "output": []}})
    progress.see({"type": "response.failed", "response": {"id": "resp_1", "status": "failed", "output": []}})
    progress.close(mark=True, framed=True)
    assert not progress.done
    assert not progress.started


KINDS = (
    "created in_progress output_item.added output_item.done content_part.added output_text.delta output_text.annotation.added "
    "reasoning_summary_text.delta reasoning_text.delta function_call_arguments.delta refusal.delta completed incomplete"
).split()
ANYTHING = st.dictionaries(
    st.sampled_from(["type", "id", "content", "summary", "text", "encrypted_content", "call_id", "name", "arguments"]),
    JSON,
)
EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS).map("response.{}".format) | JSON},
    optional={
        "item": ANYTHING,
        "delta": JSON,
        "output_index": JSON,
        "annotation": JSON,
        "response": ANYTHING | st.fixed_dictionaries({"output": st.lists(ANYTHING)}, optional={"usage": JSON}),
    },
)


@settings(INHERITED, max_examples=200)
@given(events=st.lists(EVENTS, max_size=6))
def test_events_of_any_form_are_read_or_malformed(events):
    for read in (UPSTREAM.progress(stream=True).see, UPSTREAM.events_to_canonical(FORM).feed):
        with suppress(Malformed):
            for event in events:
                before = copy.deepcopy(event)
                read(event)
                assert event == before


@INHERITED
@given(reply=st.fixed_dictionaries({"output": JSON | st.lists(ANYTHING)}, optional={"usage": JSON, "status": JSON}))
def test_replies_of_any_form_are_read_or_malformed(reply):
    for read in (UPSTREAM.progress(stream=False).see, lambda one: UPSTREAM.reply_to_canonical(one, FORM)):
        with suppress(Malformed):
            read(reply)


MESSAGES = st.dictionaries(
    st.sampled_from("content reasoning reasoning_details tool_calls annotations images refusal function_call".split()),
    JSON | st.lists(st.dictionaries(st.sampled_from(["type", "text", "id", "index", "function", "custom"]), JSON)),
)


@INHERITED
@given(messages=st.lists(MESSAGES, min_size=1, max_size=3))
def test_chat_of_any_form_is_told_or_malformed(messages):
    with suppress(Malformed):
        CLIENT.reply_from_canonical({"choices": [{"message": messages[0]}]}, CALL)
    translator = CLIENT.events_from_canonical(CALL)
    with suppress(Malformed):
        for message in messages:
            translator.feed({"choices": [{"delta": message}]})
        translator.close()
