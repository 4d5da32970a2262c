"""Anthropic's replies and streams as chat's, and chat's as Anthropic's. Synthetic, from the API's documentation."""

import copy

import pytest
from claude_messages import BODIES, CITATION, EVERYTHING, RESULT, STOPPED, block
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from taxiway.call import Facts
from taxiway.chat_fold import ChatFold
from taxiway.errors import Malformed
from taxiway.testing.dialect import make_call, make_endpoint
from taxiway_anthropic_messages import MESSAGES, checked

CALL = make_call(MESSAGES, {"messages": [{"role": "user", "content": "hi"}]}, Facts(("acme/model-1",), tokens=7))
CLAUDE = "anthropic-claude-v1"
FORM = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object", "minProperties": 1}}}


def to_chat(events, state=None):
    translator = MESSAGES.upstream.events_to_canonical(state)
    return [chunk for event in copy.deepcopy(events) for chunk in translator.feed(event)]


def from_chat(*chunks):
    translator = MESSAGES.client.events_from_canonical(CALL)
    return [event for chunk in chunks for event in translator.feed(chunk)] + list(translator.close())


def folded(events):
    fold = MESSAGES.upstream.fold()
    for event in events:
        fold.feed(event)
    return fold.reply()


def chat_folded(chunks):
    fold = ChatFold()
    for chunk in chunks:
        fold.feed(chunk)
    return fold.reply()


def chunk(delta=None, finish=None, **members):
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish, **members.pop("choice", {})}
    return {"object": "chat.completion.chunk", "choices": [choice], **members}


def reply(message, finish="stop", **members):
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "c", "model": "m", "choices": [choice], **members}


def message_of(made):
    return made.body["choices"][0]["message"]


@pytest.mark.parametrize("exchange", [EVERYTHING, STOPPED])
def test_a_stream_and_its_reply_say_the_same_in_chat_and_are_valid(exchange):
    chunks = to_chat(exchange.events)
    for one in chunks:
        ChatCompletionChunk.model_validate({"id": "c", "created": 1, "model": "m", **one})
    whole = MESSAGES.upstream.reply_to_canonical(copy.deepcopy(exchange.reply), None)
    ChatCompletion.model_validate({"created": 1, **whole.body})
    assert chat_folded(chunks) == whole.body
    assert not whole.dropped


def test_all_that_a_message_has_has_a_place_in_chat():
    made = MESSAGES.upstream.reply_to_canonical(EVERYTHING.reply, None)
    (choice,) = made.body["choices"]
    message = choice["message"]
    assert message["content"] == "I look. It is."
    assert message["reasoning"] == "Let me see."
    assert [detail["index"] for detail in message["reasoning_details"]] == [0, 1, 3, 4]
    assert message["reasoning_details"][:2] == [
        {"type": "reasoning.text", "text": "Let me see.", "signature": "c2ln", "format": CLAUDE, "index": 0},
        {"type": "reasoning.encrypted", "data": "ZGF0YQ==", "format": CLAUDE, "index": 1},
    ]
    assert message["annotations"] == [
        {
            "type": "url_citation",
            "url_citation": {
                "url": "https://a.example",
                "title": "A",
                "content": "so it is",
                "start_index": 8,
                "end_index": 14,
            },
        }
    ]
    assert [call["function"] for call in message["tool_calls"]] == [
        {"name": "weather", "arguments": '{"place":"Rome"}'},
        {"name": "now", "arguments": "{}"},
    ]
    assert (choice["finish_reason"], choice["native_finish_reason"]) == ("tool_calls", "tool_use")
    assert made.body["usage"] == {
        "prompt_tokens": 22,
        "completion_tokens": 20,
        "total_tokens": 42,
        "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 7},
        "completion_tokens_details": {"reasoning_tokens": 8},
    }
    assert made.body["service_tier"] == "default"


def test_it_goes_back_to_claude_as_it_was():
    message = message_of(MESSAGES.upstream.reply_to_canonical(EVERYTHING.reply, None))
    body = {"messages": [{"role": "user", "content": "hi"}, message, {"role": "user", "content": "so?"}]}
    sent = MESSAGES.upstream.from_canonical(body, make_endpoint("chat", "messages"))
    blocks = copy.deepcopy(EVERYTHING.reply["content"])
    # Only the citations stay with who was told of them.
    del blocks[5]["citations"]
    assert sent.body["messages"][1]["content"] == blocks
    assert sent.dropped == ("messages.annotations",)


def test_a_claude_client_behind_a_translation_gets_it_as_it_was():
    chat = MESSAGES.upstream.reply_to_canonical(EVERYTHING.reply, None).body
    made = MESSAGES.client.reply_from_canonical(chat, CALL)
    blocks = copy.deepcopy(EVERYTHING.reply["content"])
    blocks[5]["citations"] = [{**CITATION, "encrypted_index": "taxiway:"}]
    assert made.body["content"] == blocks
    assert made.body["stop_reason"] == "tool_use"
    streamed = folded(from_chat(*to_chat(EVERYTHING.events)))
    assert streamed["content"] == blocks
    assert streamed["usage"]["output_tokens"] == 20


def test_a_stop_sequence_is_told_both_ways():
    chat = MESSAGES.upstream.reply_to_canonical(STOPPED.reply, None).body
    assert chat["choices"][0]["stop_sequence"] == "three"
    made = MESSAGES.client.reply_from_canonical(chat, CALL).body
    assert (made["stop_reason"], made["stop_sequence"]) == ("stop_sequence", "three")
    assert folded(from_chat(*to_chat(STOPPED.events)))["stop_sequence"] == "three"


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("something_new", "something_new"),
    ],
)
def test_reasons_to_stop(stop, finish):
    message = {**STOPPED.reply, "content": [], "stop_reason": stop, "stop_sequence": None}
    chat = MESSAGES.upstream.reply_to_canonical(message, None).body
    assert chat["choices"][0]["finish_reason"] == finish
    assert chat["choices"][0]["native_finish_reason"] == stop
    back = MESSAGES.client.reply_from_canonical(chat, CALL).body["stop_reason"]
    assert back == ("end_turn" if stop == "something_new" else stop)


def test_a_refusal_says_why():
    details = {"type": "refusal", "category": "bio", "explanation": "Not this."}
    message = {**STOPPED.reply, "content": [], "stop_reason": "refusal", "stop_sequence": None, "stop_details": details}
    chat = MESSAGES.upstream.reply_to_canonical(message, None).body
    assert message_of(MESSAGES.upstream.reply_to_canonical(message, None))["refusal"] == "Not this."
    made = MESSAGES.client.reply_from_canonical(chat, CALL).body
    assert (made["content"], made["stop_details"]["explanation"]) == (
        [{"type": "text", "text": "Not this."}],
        "Not this.",
    )
    ended = {
        "type": "message_delta",
        "delta": {"stop_reason": "refusal", "stop_details": details},
        "usage": {"output_tokens": 1},
    }
    assert (
        chat_folded(to_chat([*STOPPED.events[:1], ended, {"type": "message_stop"}]))["choices"][0]["message"]["refusal"]
        == "Not this."
    )


def test_a_form_that_came_as_a_tools_input_is_the_text():
    body = {"messages": [{"role": "user", "content": "hi"}], "response_format": FORM}
    state = MESSAGES.upstream.from_canonical(body, make_endpoint("chat", "messages")).state
    use = {"type": "tool_use", "id": "toolu_1", "name": "answer", "input": {}}
    pieces = ("input_json_delta", {"partial_json": '{"a"'}), ("input_json_delta", {"partial_json": ":1}"})
    ended = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 4}}
    events = [STOPPED.events[0], *block(0, use, *pieces), ended, {"type": "message_stop"}]
    whole = MESSAGES.upstream.reply_to_canonical(folded(events), state).body
    assert whole["choices"][0]["message"]["content"] == '{"a":1}'
    assert whole["choices"][0]["finish_reason"] == "stop"
    assert chat_folded(to_chat(events, state)) == whole
    both = [STOPPED.events[0], *block(0, use), *block(1, {**use, "name": "f"}), ended, {"type": "message_stop"}]
    assert chat_folded(to_chat(both, state))["choices"][0]["finish_reason"] == "tool_calls"
    assert chat_folded(to_chat(both, state)) == MESSAGES.upstream.reply_to_canonical(folded(both), state).body


def test_reasoning_that_is_not_wanted_is_left_out():
    body = {"messages": [{"role": "user", "content": "hi"}], "reasoning": {"exclude": True}}
    state = MESSAGES.upstream.from_canonical(body, make_endpoint("chat", "messages")).state
    whole = MESSAGES.upstream.reply_to_canonical(EVERYTHING.reply, state).body
    assert not {"reasoning", "reasoning_details"} & whole["choices"][0]["message"].keys()
    assert chat_folded(to_chat(EVERYTHING.events, state)) == whole


def test_what_only_anthropic_has_is_named():
    message = {**STOPPED.reply, "container": {"id": "c"}, "context_management": {"applied_edits": [1]}}
    assert MESSAGES.upstream.reply_to_canonical(message, None).dropped == ("container", "context_management")
    translator = MESSAGES.upstream.events_to_canonical(None)
    for event in STOPPED.events[:-2]:
        translator.feed(event)
    translator.feed({**STOPPED.events[-2], "context_management": {"applied_edits": [1]}})
    assert list(translator.dropped) == ["context_management"]


def test_a_compaction_rides_along():
    grown = ("compaction_delta", {"content": "So far: "}), ("compaction_delta", {"content": "nothing."})
    events = [STOPPED.events[0], *block(0, {"type": "compaction", "content": None}, *grown), *STOPPED.events[-2:]]
    message = folded(events)
    assert message["content"] == [{"type": "compaction", "content": "So far: nothing."}]
    chat = chat_folded(to_chat(events))
    assert chat == MESSAGES.upstream.reply_to_canonical(message, None).body
    assert MESSAGES.client.reply_from_canonical(chat, CALL).body["content"] == message["content"]


CHAT = [
    chunk({"role": "assistant", "content": ""}, id="c", model="m"),
    chunk(
        {
            "reasoning": "Hm",
            "reasoning_details": [{"type": "reasoning.text", "text": "Hm", "format": "google-gemini-v1", "index": 0}],
        }
    ),
    chunk(
        {
            "reasoning": ".",
            "reasoning_details": [{"type": "reasoning.text", "text": ".", "format": "google-gemini-v1", "index": 0}],
        }
    ),
    chunk(
        {
            "reasoning_details": [
                {"type": "reasoning.text", "signature": "c2ln", "format": "google-gemini-v1", "index": 0}
            ]
        }
    ),
    chunk(
        {
            "reasoning_details": [
                {
                    "type": "reasoning.encrypted",
                    "data": "b3A=",
                    "format": "openai-responses-v1",
                    "id": "rs_1",
                    "index": 1,
                }
            ]
        }
    ),
    chunk({"content": "I "}),
    chunk({"content": "look."}),
    chunk({"annotations": [{"type": "url_citation", "url_citation": {"url": "https://a", "title": "A"}}]}),
    chunk(
        {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}]}
    ),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}),
    chunk(
        {"tool_calls": [{"index": 1, "id": "call_2", "type": "function", "function": {"name": "g", "arguments": ""}}]}
    ),
    chunk(finish="tool_calls"),
    chunk(
        usage={"prompt_tokens": 20, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 5}},
        choice={"index": 0},
    ),
]


def test_events_stand_in_anthropics_order():
    events = from_chat(*copy.deepcopy(CHAT))
    kinds = [event["type"] for event in events]
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])
    assert events[0]["message"]["usage"]["input_tokens"] == 7
    opened = None
    for event in events[1:-2]:
        if event["type"] == "content_block_start":
            assert opened is None
            opened = event["index"]
        assert event["index"] == opened
        if event["type"] == "content_block_stop":
            opened = None
    assert opened is None
    usage = events[-2]["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"]) == (15, 5, 9)


def test_reasoning_of_others_comes_back_to_them_as_it_was():
    message = folded(from_chat(*copy.deepcopy(CHAT)))
    assert [one["type"] for one in message["content"]] == [
        "thinking",
        "redacted_thinking",
        "text",
        "tool_use",
        "tool_use",
    ]
    assert message["content"][0]["thinking"] == "Hm."
    whole = MESSAGES.client.reply_from_canonical(chat_folded(CHAT), CALL).body
    assert whole["content"] == message["content"]
    turn = {"role": "assistant", "content": message["content"]}
    back = MESSAGES.client.to_canonical({"messages": [turn]}).body["messages"][0]
    assert back["reasoning_details"] == chat_folded(CHAT)["choices"][0]["message"]["reasoning_details"]
    assert back["reasoning"] == "Hm."
    assert [call["id"] for call in back["tool_calls"]] == ["call_1", "call_2"]


def test_reasoning_without_anything_to_send_back_is_thinking_without_a_signature():
    events = from_chat(
        chunk({"reasoning": "Hm"}), chunk({"reasoning": "."}), chunk({"content": "So."}), chunk(finish="stop")
    )
    message = folded(events)
    assert message["content"][0] == {"type": "thinking", "thinking": "Hm.", "signature": ""}
    whole = reply({"content": "So.", "reasoning": "Hm."})
    assert MESSAGES.client.reply_from_canonical(whole, CALL).body["content"] == message["content"]
    back = MESSAGES.client.to_canonical({"messages": [{"role": "assistant", "content": message["content"]}]})
    assert back.body["messages"][0]["reasoning"] == "Hm."


@pytest.mark.parametrize(
    ("message", "finish", "members", "stop"),
    [
        ({"content": "a"}, "stop", {}, "end_turn"),
        ({"content": "a"}, "length", {}, "max_tokens"),
        ({"content": "a"}, "eos", {}, "end_turn"),
        ({"content": "a"}, None, {}, "end_turn"),
        ({"content": "a"}, "content_filter", {}, "refusal"),
        ({"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": ""}}]}, "stop", {}, "tool_use"),
        ({"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{"}}]}, "tool_calls", {}, "tool_use"),
    ],
)
def test_any_models_reply_is_a_message(message, finish, members, stop):
    from anthropic.types import Message

    made = MESSAGES.client.reply_from_canonical(reply(message, finish), CALL).body
    assert made["stop_reason"] == stop
    Message.model_validate(made)


def test_a_refusal_is_the_text_where_there_is_no_other():
    refused = folded(from_chat(chunk({"refusal": "Not "}), chunk({"refusal": "this."}), chunk(finish="stop")))
    assert refused["content"] == [{"type": "text", "text": "Not this."}]
    told = folded(from_chat(chunk({"content": "Part"}), chunk({"refusal": "Why"}), chunk(finish="content_filter")))
    assert told["content"] == [{"type": "text", "text": "Part"}]
    assert told["stop_details"]["explanation"] == "Why"


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"choices": []},
        {"choices": [{"delta": {}}]},
        reply({"content": "a"}, "error"),
        reply({"tool_calls": [{"id": "c"}]}),
        reply({"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}),
    ],
)
def test_a_chat_reply_that_is_none_is_malformed(broken):
    with pytest.raises(Malformed):
        MESSAGES.client.reply_from_canonical(broken, CALL)


@pytest.mark.parametrize(
    "calls",
    [
        [{"index": 0, "function": {"arguments": "{}"}}],
        [{"index": 0, "id": "c", "function": {"arguments": "{}"}}],
        [{"index": 0}],
        ["c"],
    ],
)
def test_a_stream_whose_tool_calls_have_no_beginning_is_malformed(calls):
    with pytest.raises(Malformed):
        from_chat(chunk({"tool_calls": calls}))


def test_what_a_claude_client_can_not_be_told_is_named():
    whole = reply({"content": "a", "images": [{"type": "image_url"}]})
    whole["choices"][0]["logprobs"] = {"content": []}
    assert MESSAGES.client.reply_from_canonical(whole, CALL).dropped == ("images", "logprobs")
    translator = MESSAGES.client.events_from_canonical(CALL)
    translator.feed(chunk({"images": [{"type": "image_url"}]}))
    translator.feed(chunk({"annotations": [{"url_citation": {"url": "u"}}]}))
    translator.close()
    assert list(translator.dropped) == ["images", "annotations"]


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"type": 1},
        {"type": "content_block_delta", "index": 0},
        {"type": "content_block_delta", "index": "0", "delta": {}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": None}},
        {"type": "content_block_start", "index": 0, "content_block": {}},
        {"type": "content_block_start", "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text"}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "a", "name": "b"}},
        {"type": "content_block_stop"},
        {"type": "message_start"},
        {"type": "message_delta"},
        {"type": "message"},
        {"type": "message", "content": ["text"]},
    ],
)
def test_an_event_that_is_none_is_malformed(event):
    with pytest.raises(Malformed):
        checked(event)


def test_what_is_not_known_passes():
    for event in (*EVERYTHING.events, EVERYTHING.reply, {"type": "message_something", "a": 1}, RESULT):
        assert list(checked(event)) == [event]
    strange = [STOPPED.events[0], {"type": "message_something"}, *STOPPED.events[1:]]
    assert to_chat(strange) == to_chat(STOPPED.events)


def test_bodies_are_what_both_sides_agree_on():
    for body in BODIES:
        canonical = MESSAGES.client.to_canonical(copy.deepcopy(body)).body
        sent = MESSAGES.upstream.from_canonical(canonical, make_endpoint("chat", "messages")).body
        assert {name: sent[name] for name in ("max_tokens", "tools") if name in body} == {
            name: body[name] for name in ("max_tokens", "tools") if name in body
        }
