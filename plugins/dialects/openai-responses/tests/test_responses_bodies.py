"""Requests: what is refused, what becomes what, and that nothing is lost on the way there and back."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taxiway.errors import InvalidRequest, Malformed, Unsupported
from taxiway.testing.dialect import INHERITED, JSON, make_endpoint
from taxiway_openai_responses.dialect import RESPONSES

CLIENT, UPSTREAM = RESPONSES.client, RESPONSES.upstream
HELLO = [{"role": "user", "content": "Hello"}]


def endpoint(**changes):
    made = {"provider": "openai", "reasoning": True, "unsupported": frozenset({"max_tokens"}), **changes}
    return make_endpoint("chat", "responses", **made)


def to_chat(items, **fields):
    body = {"model": "acme/model-1", "input": items, **fields}
    CLIENT.facts(body, {}, {})
    return CLIENT.to_canonical({name: value for name, value in body.items() if name != "model"})


def from_chat(body, **changes):
    return UPSTREAM.from_canonical({"messages": HELLO, **body}, endpoint(**changes))


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"store": True}, "store"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"background": True}, "background"),
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": 5}, "input"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"type": "function_call", "call_id": "1", "name": "a"}]}, "input[0].arguments"),
        ({"input": [{"type": "function_call_output", "call_id": "1"}]}, "input[0].output"),
        ({"input": [{"type": "reasoning", "summary": [{"type": "summary_text"}]}]}, "input[0].summary[0].text"),
        ({"temperature": -1}, "temperature"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"text": {"format": {"type": "json_schema", "name": "a"}}}, "text.format.schema"),
        ({"model": "@preset/a"}, "model"),
        ({"instructions": ["a"]}, "instructions"),
    ],
)
def test_what_can_not_be_served_is_refused_by_field(fields, where):
    with pytest.raises(InvalidRequest) as raised:
        CLIENT.facts({"model": "acme/model-1", "input": "Hello", **fields}, {}, {})
    assert raised.value.field == where


def test_planning_knows_what_is_in_use():
    body = {
        "model": "acme/a",
        "models": ["acme/b"],
        "instructions": "1234",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "5678"}, {"type": "input_image"}]}],
        "tools": [{"type": "web_search"}],
        "max_output_tokens": 7,
        "text": {"format": {"type": "json_schema", "name": "a", "schema": {}}, "verbosity": "low"},
        "reasoning": {"effort": "low"},
        "stream": True,
    }
    facts = CLIENT.facts(body, {}, {})
    assert facts.models == ("acme/a", "acme/b")
    assert facts.parameters == {
        "tools",
        "max_tokens",
        "response_format",
        "structured_outputs",
        "verbosity",
        "reasoning",
    }
    assert facts.inputs == {"text", "image"}
    assert (facts.max_output, facts.stream) == (7, True)
    assert 765 <= facts.tokens < 800


def test_what_an_assistant_did_between_two_others_is_one_message():
    items = [
        {"role": "user", "content": "a"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "b"}],
            "phase": "commentary",
        },
        {"type": "function_call", "id": "fc_1", "call_id": "1", "name": "f", "arguments": "{}"},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "y"},
        {"type": "function_call", "id": "fc_2", "call_id": "2", "name": "g", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": "c"},
        {"type": "function_call_output", "call_id": "2", "output": [{"type": "input_text", "text": "d"}]},
    ]
    made = to_chat(items)
    detail = {"type": "reasoning.encrypted", "format": "openai-responses-v1"}
    assert made.body["messages"] == [
        {"role": "user", "content": "a"},
        {
            "role": "assistant",
            "content": "b",
            "reasoning_details": [
                {**detail, "id": "rs_1", "data": "x", "index": 0},
                {**detail, "id": "rs_2", "data": "y", "index": 1},
            ],
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": "c"},
        {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": "d"}]},
    ]
    assert made.dropped == ("input.phase",)


def test_reasoning_after_what_was_said_is_of_what_is_said_next_or_else_of_what_was():
    thought = {"type": "reasoning", "summary": [], "encrypted_content": "x"}
    said = {"role": "assistant", "content": "a"}
    next_one = to_chat([said, thought, {"role": "assistant", "content": "b"}]).body
    assert ["reasoning_details" in message for message in next_one["messages"]] == [False, True]
    last = to_chat([said, thought, {"role": "user", "content": "b"}]).body
    assert ["reasoning_details" in message for message in last["messages"]] == [True, False]


def test_what_may_be_read_of_reasoning_is_its_text():
    item = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
    }
    (message,) = to_chat([item]).body["messages"]
    assert message == {"role": "assistant", "content": None, "reasoning": "a\n\nb"}


def test_what_only_openai_knows_goes_to_endpoints_that_speak_responses_only():
    for fields, where in (
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}, "tools[0].type"),
        ({"tool_choice": {"type": "file_search"}}, "tool_choice"),
        ({"input": [{"type": "computer_call_output", "call_id": "1"}]}, "input[0].type"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
            "input[0].content[0].image_url",
        ),
    ):
        body = {"input": "a", **fields}
        with pytest.raises(Unsupported) as raised:
            to_chat(body.pop("input"), **body)
        assert raised.value.field == where


def test_records_of_what_openai_ran_and_fields_that_chat_lacks_are_named_as_dropped():
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {}}
    made = to_chat([search, {"role": "user", "content": "a"}], max_tool_calls=3, made_up=1, truncation="auto")
    assert made.dropped == ("max_tool_calls", "made_up", "input.web_search_call")
    assert made.body == {"messages": [{"role": "user", "content": "a"}]}


def test_nothing_is_asked_to_be_stored_and_reasoning_is_asked_for_encrypted():
    made = from_chat({})
    assert made.body == {
        "store": False,
        "input": [{"role": "user", "content": "Hello"}],
        "include": ["reasoning.encrypted_content"],
    }
    assert "include" not in from_chat({}, reasoning=False).body


def test_the_first_of_a_system_are_the_instructions_unless_nothing_else_is_said():
    system = {"role": "system", "content": "a"}
    made = from_chat({"messages": [system, *HELLO]}).body
    assert (made["instructions"], made["input"]) == ("a", HELLO)
    alone = from_chat({"messages": [system]}).body
    assert (alone.get("instructions"), alone["input"]) == (None, [system])
    parts = {"role": "system", "content": [{"type": "text", "text": "a"}]}
    assert "instructions" not in from_chat({"messages": [parts, *HELLO]}).body


def test_a_prompt_that_is_stored_may_be_all_that_is_asked():
    assert CLIENT.facts({"model": "openai/gpt-4o", "prompt": {"id": "pmpt_1"}}, {}, {}).tokens == 0


def test_a_chat_clients_functions_are_not_strict_unless_it_says_so():
    tools = [
        {"type": "function", "function": {"name": "a"}},
        {"type": "function", "function": {"name": "b", "strict": True}},
    ]
    made = from_chat({"tools": tools, "tool_choice": {"type": "function", "function": {"name": "a"}}}).body
    assert made["tools"] == [
        {"type": "function", "name": "a", "parameters": None, "strict": False},
        {"type": "function", "name": "b", "strict": True, "parameters": None},
    ]
    assert made["tool_choice"] == {"type": "function", "name": "a"}


@pytest.mark.parametrize(
    ("fields", "made", "dropped", "applied"),
    [
        ({"max_tokens": 100}, {"max_output_tokens": 100}, (), ()),
        ({"max_completion_tokens": 5, "max_tokens": 9}, {"max_output_tokens": 16}, (), ("max_tokens",)),
        ({"reasoning_effort": "high"}, {"reasoning": {"effort": "high"}}, (), ()),
        (
            {"reasoning": {"effort": "max", "summary": "auto"}},
            {"reasoning": {"effort": "xhigh", "summary": "auto"}},
            (),
            (),
        ),
        (
            {"reasoning": {"enabled": True, "exclude": True, "summary": "auto"}},
            {"reasoning": {"effort": "medium"}},
            (),
            (),
        ),
        (
            {"reasoning": {"max_tokens": 80}, "max_tokens": 100},
            {"reasoning": {"effort": "high"}, "max_output_tokens": 100},
            (),
            ("reasoning.max_tokens",),
        ),
        ({"response_format": {"type": "json_object"}}, {"text": {"format": {"type": "json_object"}}}, (), ()),
        ({"response_format": {"type": "text"}, "verbosity": "low"}, {"text": {"verbosity": "low"}}, (), ()),
        ({"stop": ["a"], "seed": 1, "top_k": 4, "temperature": 1}, {"temperature": 1}, ("stop", "seed", "top_k"), ()),
        ({"logprobs": True, "top_logprobs": 3}, {"top_logprobs": 3}, (), ()),
        ({"n": 1, "modalities": ["text"]}, {}, (), ()),
        ({"web_search_options": {}}, {"tools": [{"type": "web_search"}]}, (), ()),
    ],
)
def test_fields_have_other_names_or_are_named_as_dropped(fields, made, dropped, applied):
    translated = from_chat(fields)
    plain = {name: value for name, value in translated.body.items() if name not in {"store", "input", "include"}}
    assert plain == made
    assert (translated.dropped, translated.applied) == (dropped, applied)


def test_what_an_endpoint_is_known_to_refuse_is_left_out():
    refused = frozenset({"temperature", "logprobs", "verbosity", "cache_control", "reasoning_effort"})
    marked = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    body = {
        "messages": [{"role": "user", "content": [marked]}],
        "temperature": 0.5,
        "logprobs": True,
        "verbosity": "low",
        "reasoning": {"effort": "low"},
        "tools": [{"type": "function", "function": {"name": "a"}, "cache_control": {"type": "ephemeral"}}],
    }
    made = UPSTREAM.from_canonical(body, endpoint(reasoning=False, unsupported=refused))
    assert set(made.dropped) == {"temperature", "logprobs", "verbosity", "cache_control", "reasoning"}
    assert set(made.body) == {"store", "input", "tools"}
    assert "cache_control" not in str(made.body)
    assert "cache_control" in marked


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"n": 2}, "n"),
        ({"modalities": ["text", "audio"], "audio": {}}, "audio"),
        ({"modalities": ["image"]}, "modalities"),
        ({"functions": [{"name": "a"}]}, "functions"),
        ({"response_format": {"type": "grammar"}}, "response_format"),
        ({"tools": [{"type": "openrouter:web"}]}, "tools[0].type"),
        ({"tool_choice": {"type": "openrouter:web"}}, "tool_choice"),
        ({"messages": [{"role": "function", "name": "a", "content": "b"}]}, "messages[0].role"),
        (
            {"messages": [{"role": "user", "content": [{"type": "audio_url", "audio_url": {"url": "x"}}]}]},
            "messages[0].content[0].type",
        ),
    ],
)
def test_what_the_api_can_not_express_goes_elsewhere(fields, where):
    with pytest.raises(Unsupported) as raised:
        from_chat(fields)
    assert raised.value.field == where


def test_only_its_own_encrypted_reasoning_goes_back_to_a_provider():
    own = {"type": "reasoning.encrypted", "data": "x", "format": "openai-responses-v1", "id": "rs_1", "index": 0}
    details = [
        {"type": "reasoning.summary", "summary": "a", "format": "openai-responses-v1", "id": "rs_1"},
        own,
        {"type": "reasoning.text", "text": "b", "signature": "s", "format": "anthropic-claude-v1"},
        {"type": "reasoning.summary", "summary": "c", "format": "openai-responses-v1", "id": "rs_2"},
    ]
    message = {"role": "assistant", "content": "d", "reasoning": "a", "reasoning_details": details}
    made = from_chat({"messages": [message, *HELLO]})
    assert made.body["input"] == [
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "a"}],
            "id": "rs_1",
            "encrypted_content": "x",
        },
        {"role": "assistant", "content": "d"},
        *HELLO,
    ]
    assert made.dropped == ("messages.reasoning_details",)
    assert [item.get("type") for item in from_chat({"messages": [message]}, provider="xai").body["input"]] == [None]
    azure = {**message, "reasoning_details": [{**own, "format": "azure-openai-responses-v1"}]}
    assert from_chat({"messages": [azure]}, provider="azure").body["input"][0]["type"] == "reasoning"


def test_reasoning_that_is_text_goes_back_to_who_wants_it():
    message = {"role": "assistant", "content": "b", "reasoning": "a"}
    item = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "a"}]}
    assert from_chat({"messages": [message]}, echoes="reasoning_content").body["input"][0] == item
    made = from_chat({"messages": [message]})
    assert made.body["input"] == [{"role": "assistant", "content": "b"}]
    assert made.dropped == ("messages.reasoning",)


def test_members_that_no_item_has_are_named_as_dropped():
    part = {"type": "text", "text": "a", "document": {"title": "b"}}
    message = {"role": "tool", "tool_call_id": "1", "content": [part], "is_error": True, "name": "c"}
    made = from_chat({"messages": [*HELLO, message]})
    assert made.dropped == ("messages.is_error", "messages.name", "messages.content.document")


def test_what_is_refused_of_who_reasons_is_left_out_where_reasoning_is_asked_for():
    known = {"thinking_refuses": frozenset({"temperature"})}
    assert "temperature" in from_chat({"temperature": 1}, **known).body
    made = from_chat({"temperature": 1, "reasoning_effort": "low"}, **known)
    assert made.dropped == ("temperature",)


TEXT = st.text(min_size=1, max_size=8)
MARK = st.none() | st.just({"type": "ephemeral"}) | st.just({"type": "ephemeral", "ttl": "1h"})


def marked(part):
    return st.builds(lambda one, mark: {**one, "cache_control": mark} if mark else one, part, MARK)


TEXTS = marked(TEXT.map(lambda text: {"type": "text", "text": text}))
PARTS = st.one_of(
    TEXTS,
    marked(
        TEXT.map(lambda text: {"type": "image_url", "image_url": {"url": f"https://a.example/{text}", "detail": "low"}})
    ),
    TEXT.map(lambda text: {"type": "file", "file": {"filename": text, "file_data": "data:text/plain;base64,QQ=="}}),
    TEXT.map(lambda text: {"type": "file", "file": {"file_data": f"https://a.example/{text}"}}),
    TEXT.map(lambda text: {"type": "input_audio", "input_audio": {"data": text, "format": "wav"}}),
    TEXT.map(lambda text: {"type": "video_url", "video_url": {"url": text}}),
)
SAID = st.none() | TEXT | st.lists(TEXTS, min_size=2, max_size=3)
CALLS = st.lists(
    st.one_of(
        st.tuples(TEXT, TEXT).map(
            lambda named: {"type": "function", "function": {"name": named[0], "arguments": named[1]}}
        ),
        st.tuples(TEXT, TEXT).map(lambda named: {"type": "custom", "custom": {"name": named[0], "input": named[1]}}),
    ),
    max_size=3,
)


@st.composite
def thoughts(draw):
    """Reasoning as OpenAI's items have it: summary, text, and what is encrypted."""
    details = []
    for number in range(draw(st.integers(0, 2))):
        common = {"format": "openai-responses-v1", "id": f"rs_{number}"}
        details += [
            {"type": "reasoning.summary", "summary": text, **common} for text in draw(st.lists(TEXT, max_size=2))
        ]
        details += [{"type": "reasoning.text", "text": text, **common} for text in draw(st.lists(TEXT, max_size=1))]
        details.append({"type": "reasoning.encrypted", "data": draw(TEXT.map("data {}".format)), **common})
    return [{**detail, "index": index} for index, detail in enumerate(details)]


def details_by_item(details):
    return [[detail for detail in details if detail["id"] == name] for name in ("rs_0", "rs_1")]


def readable(details):
    """What may be read of one item: its text, else its summary."""
    texts = [detail["text"] for detail in details if "text" in detail]
    return "\n\n".join(texts or [detail["summary"] for detail in details if "summary" in detail])


@st.composite
def conversations(draw):
    """Messages in an order that chat allows: calls are answered before anybody else speaks."""
    messages = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(TEXT | st.lists(TEXTS, min_size=1, max_size=2))})
    for number in range(draw(st.integers(1, 4))):
        messages.append({"role": "user", "content": draw(TEXT | st.lists(PARTS, min_size=1, max_size=3))})
        message = {"role": "assistant", "content": draw(SAID)}
        calls = [{"id": f"call_{number}_{place}", **call} for place, call in enumerate(draw(CALLS))]
        details = draw(thoughts())
        if calls:
            message["tool_calls"] = calls
        if details:
            message["reasoning_details"] = details
            if shown := "\n\n".join(filter(None, map(readable, details_by_item(details)))):
                message["reasoning"] = shown
        if message["content"] or calls or details:
            messages.append(message)
        for call in calls:
            content = draw(TEXT | st.lists(PARTS, min_size=1, max_size=2))
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": content})
    return messages


@settings(max_examples=100, deadline=None)
@given(messages=conversations(), marks=st.booleans())
def test_a_conversation_survives_the_way_through_responses(messages, marks):
    tool = {"type": "function", "function": {"name": "a", "parameters": {"type": "object"}}}
    body = {"messages": messages, "tools": [{**tool, "cache_control": {"type": "ephemeral"}} if marks else tool]}
    there = UPSTREAM.from_canonical(body, endpoint(unsupported=frozenset()))
    assert not there.dropped
    CLIENT.facts({"model": "acme/model-1", **there.body}, {}, {})
    back = CLIENT.to_canonical(there.body)
    assert not back.dropped
    assert back.body == body


@INHERITED
@given(
    messages=JSON | st.lists(st.dictionaries(st.sampled_from(["role", "content", "tool_calls", "refusal"]), JSON)),
    fields=st.dictionaries(
        st.sampled_from(["tools", "tool_choice", "reasoning", "response_format", "max_tokens"]), JSON
    ),
)
def test_a_chat_body_of_any_form_is_translated_or_refused(messages, fields):
    with suppress(Unsupported, Malformed):
        from_chat({"messages": messages, **fields})


KINDS = "message reasoning function_call function_call_output custom_tool_call web_search_call made_up".split()
ITEMS = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS), "role": st.sampled_from(["user", "assistant", "system"])},
    optional={
        **dict.fromkeys(("call_id", "name", "arguments", "input", "encrypted_content"), st.text() | JSON),
        **dict.fromkeys(
            ("content", "output", "summary"), st.text() | st.lists(st.dictionaries(st.text(), JSON)) | JSON
        ),
    },
)


@INHERITED
@given(
    items=st.lists(ITEMS, min_size=1),
    fields=st.dictionaries(st.sampled_from(["tools", "tool_choice", "text", "include", "reasoning"]), JSON),
)
def test_what_is_taken_in_is_translated_or_refused(items, fields):
    with suppress(InvalidRequest, Unsupported, Malformed):
        to_chat(items, **fields)
