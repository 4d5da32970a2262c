"""Chat's requests as Anthropic's API takes them, for models of every generation. Synthetic, from the API's documentation."""

import pytest

from taxiway.errors import InvalidRequest, Unsupported
from taxiway.testing.dialect import make_endpoint
from taxiway_anthropic_messages import MESSAGES, claude_named

USER = {"role": "user", "content": "hi"}
PNG = "data:image/png;base64,iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
CLOSED = {**SCHEMA, "additionalProperties": False}
FORM = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}
TOOL = {"name": "f", "input_schema": SCHEMA}
CALL = {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": '{"a":"b"}'}}
USE = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": "b"}}
RESULT = {"role": "tool", "tool_call_id": "toolu_1", "content": "done"}
MARK = {"type": "ephemeral"}


def endpoint(model="claude-sonnet-4.5", **changes):
    values = {"model": f"anthropic/{model}", "max_output": 64_000, "reasoning": True, **changes}
    return make_endpoint("chat", "messages", **values)


def sent(body, model="claude-sonnet-4.5", **changes):
    """What is sent but for max_tokens, and what is named."""
    made = MESSAGES.upstream.from_canonical({"messages": [USER], **body}, endpoint(model, **changes))
    rest = {name: value for name, value in made.body.items() if name != "max_tokens"}
    if rest["messages"] == [USER]:
        del rest["messages"]
    return rest, made.dropped, made.applied


def turns(*messages, model="claude-sonnet-4.5", **body):
    return sent({"messages": list(messages), **body}, model)[0]["messages"]


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({}, 64_000),
    ],
)
def test_there_is_always_a_limit(body, limit):
    made = MESSAGES.upstream.from_canonical({"messages": [USER], **body}, endpoint())
    assert made.body["max_tokens"] == limit
    unknown = endpoint(max_output=None)
    assert MESSAGES.upstream.from_canonical({"messages": [USER]}, unknown).body["max_tokens"] == 4096


@pytest.mark.parametrize(
    ("body", "model", "expected", "dropped", "applied"),
    [
        ({"temperature": 0.5, "top_k": 5}, "claude-sonnet-4", {"temperature": 0.5, "top_k": 5}, (), ()),
        ({"temperature": 1.5}, "claude-sonnet-4", {"temperature": 1}, (), ("temperature",)),
        ({"temperature": 0.5, "top_p": 0.9}, "claude-sonnet-4", {"temperature": 0.5, "top_p": 0.9}, (), ()),
        ({"temperature": 0.5, "top_p": 0.9}, "claude-sonnet-4.5", {"temperature": 0.5}, ("top_p",), ()),
        ({"top_k": -1}, "claude-sonnet-4.5", {}, (), ()),
        ({"temperature": 0, "top_p": 0.9, "top_k": 3}, "claude-opus-4.7", {}, ("temperature", "top_p", "top_k"), ()),
        ({"stop": "END"}, "claude-sonnet-4.5", {"stop_sequences": ["END"]}, (), ()),
        ({"stop": ["a", "\n"]}, "claude-sonnet-4.5", {"stop_sequences": ["a"]}, ("stop",), ()),
        ({"user": "u"}, "claude-sonnet-4.5", {"metadata": {"user_id": "u"}}, (), ()),
        ({"service_tier": "default"}, "claude-sonnet-4.5", {"service_tier": "standard_only"}, (), ()),
        ({"service_tier": "flex"}, "claude-sonnet-4.5", {}, ("service_tier",), ()),
        ({"seed": 1, "logit_bias": {"1": 1}, "min_p": None}, "claude-sonnet-4.5", {}, ("seed", "logit_bias"), ()),
        ({"cache_control": MARK}, "claude-sonnet-4.5", {"cache_control": MARK}, (), ()),
        ({"mcp_servers": [{"type": "url"}]}, "claude-sonnet-4.5", {"mcp_servers": [{"type": "url"}]}, (), ()),
        ({"verbosity": "low"}, "claude-opus-4.5", {"output_config": {"effort": "low"}}, (), ("verbosity",)),
        ({"verbosity": "low"}, "claude-sonnet-4.5", {}, ("verbosity",), ()),
        ({"n": 1, "modalities": ["text"], "logprobs": False}, "claude-sonnet-4.5", {}, ("logprobs",), ()),
    ],
)
def test_parameters_have_another_name_or_none(body, model, expected, dropped, applied):
    assert sent(body, model) == (expected, dropped, applied)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"n": 2}, "n"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "x"}}]}]},
            "input_audio",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "x"}}]}]}, "video_url"),
        ({"tools": [{"type": "custom", "custom": {"name": "c"}}]}, "tools"),
        ({"tools": [{"type": "openrouter:web_search"}]}, "tools"),
        ({"tools": [FUNCTION], "tool_choice": {"type": "custom", "custom": {"name": "c"}}}, "tool_choice"),
        ({"response_format": {"type": "grammar", "grammar": "x"}}, "response_format"),
        (
            {"messages": [USER, {"role": "assistant", "content": "a", "function_call": {"name": "f"}}]},
            "messages.function_call",
        ),
    ],
)
def test_what_would_mean_something_else_is_for_others(body, field):
    with pytest.raises(Unsupported) as raised:
        sent(body)
    assert raised.value.field == field


@pytest.mark.parametrize(
    ("reasoning", "model", "limit", "thinking", "effort", "dropped"),
    [
        ({"effort": "high"}, "claude-sonnet-4.5", 10_000, {"type": "enabled", "budget_tokens": 8000}, None, ()),
        ({"effort": "xhigh"}, "claude-sonnet-4.5", 10_000, {"type": "enabled", "budget_tokens": 9500}, None, ()),
        ({"enabled": True}, "claude-sonnet-4.5", 10_000, {"type": "enabled", "budget_tokens": 5000}, None, ()),
        ({"effort": "minimal"}, "claude-3.7-sonnet", 4000, {"type": "enabled", "budget_tokens": 1024}, None, ()),
        ({"max_tokens": 3000}, "claude-sonnet-4.5", 10_000, {"type": "enabled", "budget_tokens": 3000}, None, ()),
        ({"max_tokens": 10}, "claude-sonnet-4.5", 10_000, {"type": "enabled", "budget_tokens": 1024}, None, ()),
        ({"max_tokens": 20_000}, "claude-sonnet-4.5", 10_000, {"type": "enabled", "budget_tokens": 9999}, None, ()),
        ({"effort": "high"}, "claude-sonnet-4.5", 1024, None, None, ("reasoning",)),
        ({"effort": "high"}, "claude-3.5-sonnet", 4000, None, None, ("reasoning",)),
        ({"effort": "none"}, "claude-3.5-sonnet", 4000, None, None, ()),
        ({"effort": "none"}, "claude-sonnet-4.5", 4000, {"type": "disabled"}, None, ()),
        ({"enabled": False}, "claude-opus-5", 4000, {"type": "disabled"}, None, ()),
        ({"effort": "high"}, "claude-opus-4.6", 4000, {"type": "adaptive", "display": "summarized"}, "high", ()),
        ({"effort": "xhigh"}, "claude-opus-4.6", 4000, {"type": "adaptive", "display": "summarized"}, "high", ()),
        ({"max_tokens": 2000}, "claude-opus-4.6", 4000, {"type": "enabled", "budget_tokens": 2000}, None, ()),
        ({"max_tokens": 2000}, "claude-opus-4.7", 4000, {"type": "adaptive", "display": "summarized"}, "medium", ()),
        ({"effort": "minimal"}, "claude-opus-4.7", 4000, {"type": "adaptive", "display": "summarized"}, "low", ()),
        ({"enabled": True}, "claude-sonnet-5", 4000, {"type": "adaptive", "display": "summarized"}, None, ()),
        (
            {"effort": "max", "exclude": True},
            "claude-sonnet-5",
            4000,
            {"type": "adaptive", "display": "omitted"},
            "max",
            (),
        ),
        (
            {"effort": "low", "summary": "auto"},
            "claude-sonnet-5",
            4000,
            {"type": "adaptive", "display": "summarized"},
            "low",
            ("reasoning.summary",),
        ),
        ({}, "claude-sonnet-5", 4000, None, None, ()),
    ],
)
def test_reasoning_is_a_budget_or_an_effort(reasoning, model, limit, thinking, effort, dropped):
    body, named, _ = sent({"reasoning": reasoning, "max_tokens": limit}, model)
    assert (body.get("thinking"), body.get("output_config", {}).get("effort"), named) == (thinking, effort, dropped)


def test_a_model_that_always_thinks_is_not_told_to_stop():
    with pytest.raises(Unsupported, match="always thinks"):
        sent({"reasoning": {"effort": "none"}}, "claude-fable-5")
    assert sent({"reasoning_effort": "none"}, "claude-sonnet-5.5") == (
        {"thinking": {"type": "between_tools"}},
        (),
        ("reasoning",),
    )


def test_thinking_leaves_no_say_in_sampling():
    body = {"reasoning": {"effort": "high"}, "temperature": 0.2, "top_p": 0.99, "top_k": 4}
    made, dropped, _ = sent(body, "claude-opus-4.5")
    assert ("temperature" in made, made.get("top_p"), "top_k" in made) == (False, 0.99, False)
    assert dropped == ("temperature", "top_k")
    assert sent({"reasoning": {"effort": "high"}, "temperature": 1})[0]["temperature"] == 1


@pytest.mark.parametrize("model", ["claude-sonnet-4.5", "claude-opus-4.7"])
def test_a_tool_that_must_be_called_goes_before_thinking(model):
    body = {"tools": [FUNCTION], "tool_choice": "required", "reasoning": {"effort": "high"}}
    made, dropped, _ = sent(body, model)
    assert "thinking" not in made
    assert dropped == ("reasoning",)
    assert sent({"tools": [FUNCTION], "tool_choice": "required"}, "claude-opus-5")[0]["thinking"] == {
        "type": "disabled"
    }


def test_a_turn_that_another_model_began_goes_on_without_a_budget():
    messages = [USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}, RESULT]
    body = {"messages": messages, "reasoning": {"effort": "high"}}
    made, dropped, _ = sent(body)
    assert "thinking" not in made
    assert dropped == ("reasoning",)
    assert sent(body, "claude-opus-4.7")[0]["thinking"]["type"] == "adaptive"
    own = {"type": "reasoning.text", "text": "Hm.", "signature": "c2ln", "format": "anthropic-claude-v1", "index": 0}
    thought = [USER, {**messages[1], "reasoning_details": [own]}, RESULT]
    assert sent({**body, "messages": thought})[0]["thinking"]["type"] == "enabled"
    assert sent({**body, "messages": [*messages, {"role": "assistant", "content": "so"}]})[1] == ("reasoning",)
    assert sent({**body, "messages": [*messages, {"role": "assistant", "content": "so"}, USER]})[1] == ()


@pytest.mark.parametrize(
    ("body", "tools", "choice"),
    [
        ({"tools": [FUNCTION]}, [TOOL], None),
        ({"tools": [FUNCTION], "tool_choice": "auto"}, [TOOL], {"type": "auto"}),
        ({"tools": [FUNCTION], "tool_choice": "none", "parallel_tool_calls": False}, [TOOL], {"type": "none"}),
        ({"tools": [FUNCTION], "tool_choice": "required"}, [TOOL], {"type": "any"}),
        (
            {"tools": [FUNCTION], "parallel_tool_calls": False},
            [TOOL],
            {"type": "auto", "disable_parallel_tool_use": True},
        ),
        (
            {"tools": [FUNCTION], "tool_choice": {"type": "function", "function": {"name": "f"}}},
            [TOOL],
            {"type": "tool", "name": "f"},
        ),
        ({"tools": [{**FUNCTION, "cache_control": MARK}]}, [{**TOOL, "cache_control": MARK}], None),
        (
            {"tools": [{"type": "function", "function": {"name": "g", "description": "d"}}]},
            [{"name": "g", "description": "d", "input_schema": {"type": "object", "properties": {}}}],
            None,
        ),
        (
            {
                "tools": [
                    {"type": "function", "function": {"name": "g", "parameters": {"properties": {}}, "strict": True}}
                ]
            },
            [{"name": "g", "input_schema": {"type": "object", "properties": {}}, "strict": True}],
            None,
        ),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, [{"type": "bash_20250124", "name": "bash"}], None),
        (
            {"web_search_options": {"user_location": {"type": "approximate", "approximate": {"city": "Rome"}}}},
            [
                {
                    "type": "web_search_20250305",
                    "name": "web_search",
                    "user_location": {"type": "approximate", "city": "Rome"},
                }
            ],
            None,
        ),
        ({"tool_choice": "auto"}, None, None),
    ],
)
def test_tools_and_who_chooses(body, tools, choice):
    made, dropped, _ = sent(body)
    assert (made.get("tools"), made.get("tool_choice"), dropped) == (tools, choice, ())


def test_a_strict_tool_is_plain_where_the_model_knows_none():
    strict = {"type": "function", "function": {"name": "f", "parameters": SCHEMA, "strict": True}}
    assert sent({"tools": [strict]}, "claude-3.7-sonnet") == ({"tools": [TOOL]}, ("tools.strict",), ())


def test_a_form_is_asked_for_natively_where_it_can_be():
    made, dropped, applied = sent({"response_format": FORM})
    assert made == {"output_config": {"format": {"type": "json_schema", "schema": CLOSED}}}
    assert (dropped, applied) == ((), ())
    assert sent({"response_format": FORM}, "m", parameters=frozenset({"structured_outputs"}))[0] == made
    assert "output_config" not in sent({"response_format": FORM}, unsupported=frozenset({"structured_outputs"}))[0]
    both = sent({"response_format": FORM, "reasoning": {"effort": "low"}}, "claude-opus-4.6")[0]
    assert both["output_config"] == {"format": {"type": "json_schema", "schema": CLOSED}, "effort": "low"}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}},
        {"type": "object", "additionalProperties": True},
        {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string", "maxLength": 3}}}},
        {"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}, {"oneOf": []}]}}},
        {"type": "object", "properties": {"a": True}},
        {"type": "object", "$defs": {"b": {"type": "array", "minItems": 2}}},
    ],
)
def test_a_form_that_structured_outputs_do_not_know_is_a_tool(schema):
    asked = {"type": "json_schema", "json_schema": {"name": "my answer", "schema": schema, "description": "D."}}
    made, dropped, applied = sent({"response_format": asked})
    assert made["tools"] == [{"name": "my_answer", "description": "D.", "input_schema": schema}]
    assert made["tool_choice"] == {"type": "tool", "name": "my_answer"}
    assert (dropped, applied) == ((), ("response_format",))


def test_a_form_stands_beside_other_tools_as_one_of_them():
    tools = [{"type": "function", "function": {"name": "answer", "parameters": SCHEMA}}]
    made = MESSAGES.upstream.from_canonical(
        {"messages": [USER], "tools": tools, "response_format": FORM}, endpoint("claude-3.5-haiku")
    )
    assert [tool["name"] for tool in made.body["tools"]] == ["answer", "answer_"]
    assert made.body["tool_choice"] == {"type": "any"}
    assert made.state.form == "answer_"


def test_json_without_a_schema_is_asked_for_in_words():
    made, _, applied = sent(
        {"messages": [{"role": "system", "content": "S."}, USER], "response_format": {"type": "json_object"}}
    )
    assert [block["text"][:3] for block in made["system"]] == ["S.", "Ans"]
    assert applied == ("response_format",)
    assert sent({"response_format": {"type": "text"}}) == ({}, (), ())


def test_only_an_object_can_be_asked_for():
    form = {"type": "json_schema", "json_schema": {"name": "list", "schema": {"type": "array"}}}
    with pytest.raises(Unsupported, match="only an object"):
        sent({"response_format": form})


def test_the_system_prompt_is_apart():
    system = {"role": "system", "content": "S."}
    assert sent({"messages": [system, USER]})[0] == {"system": "S."}
    marked = {"role": "developer", "content": [{"type": "text", "text": "D.", "cache_control": MARK}]}
    made = sent({"messages": [system, marked, USER]})[0]
    assert made["system"] == [{"type": "text", "text": "S."}, {"type": "text", "text": "D.", "cache_control": MARK}]
    assert sent({"messages": [system]}) == (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "S."}]}]},
        (),
        ("messages.system",),
    )
    with pytest.raises(Unsupported):
        sent({"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": PNG}}]}, USER]})


def test_an_instruction_in_the_middle_stays_there():
    middle = {"role": "system", "content": "Now in French."}
    said = [USER, middle, {"role": "assistant", "content": "Oui."}, USER]
    assert turns(*said, model="claude-opus-4.8")[1] == {
        "role": "system",
        "content": [{"type": "text", "text": "Now in French."}],
    }
    tagged = {"role": "user", "content": [{"type": "text", "text": "<system>\nNow in French.\n</system>"}]}
    assert turns(*said)[1] == tagged
    # It may not stand between a tool call and its result, nor, as a turn of its own, before a user's.
    asked = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    made = turns(USER, asked, middle, RESULT, USER, model="claude-opus-4.8")
    assert [turn["role"] for turn in made] == ["user", "assistant", "user", "user", "user"]
    assert made[2]["content"][0]["type"] == "tool_result"
    assert made[3] == tagged


def test_results_of_parallel_calls_are_one_message_and_what_is_said_with_them_comes_after():
    calls = [CALL, {**CALL, "id": "toolu_2"}]
    second = {
        "role": "tool",
        "tool_call_id": "toolu_2",
        "is_error": True,
        "content": [
            {"type": "text", "text": "a picture"},
            {"type": "image_url", "image_url": {"url": PNG}, "cache_control": MARK},
        ],
    }
    made = turns(USER, {"role": "assistant", "content": "", "tool_calls": calls}, RESULT, second, USER, USER)
    assert made[1:] == [
        {"role": "assistant", "content": [USE, {**USE, "id": "toolu_2"}]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"},
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_2",
                    "cache_control": MARK,
                    "content": [
                        {"type": "text", "text": "a picture"},
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
                        },
                    ],
                    "is_error": True,
                },
                {"type": "text", "text": "hi"},
            ],
        },
        USER,
    ]


def test_ids_of_other_providers_are_made_such_as_the_api_takes():
    odd = {**CALL, "id": "functions.f:0"}
    other = {**CALL, "id": "functions.f.0"}
    made = turns(
        USER, {"role": "assistant", "content": None, "tool_calls": [odd, other]}, {**RESULT, "tool_call_id": odd["id"]}
    )
    (first, second), (result,) = made[1]["content"], made[2]["content"]
    assert first["id"] == result["tool_use_id"]
    assert first["id"] != second["id"]
    assert first["id"].startswith("functions_f_0_")


@pytest.mark.parametrize(
    ("arguments", "given", "applied"),
    [
        ("", {}, ()),
        ("{}", {}, ()),
        ('{"a": 1}', {"a": 1}, ()),
        ('{"a": ', {"arguments": '{"a": '}, ("tool_calls.function.arguments",)),
        ("[1]", {"arguments": [1]}, ("tool_calls.function.arguments",)),
    ],
)
def test_arguments_are_an_object_whatever_a_model_wrote(arguments, given, applied):
    call = {**CALL, "function": {"name": "f", "arguments": arguments}}
    made, _, named = sent({"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [call]}]})
    assert made["messages"][1]["content"][0]["input"] == given
    assert named == applied


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            {"type": "image_url", "image_url": {"url": "https://a/b.png"}},
            {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}},
        ),
        (
            {"type": "file", "file": {"file_data": "https://a/b.pdf", "filename": "b.pdf"}},
            {"type": "document", "source": {"type": "url", "url": "https://a/b.pdf"}, "title": "b.pdf"},
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE"}},
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:text/csv;base64,YSxi"}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:text/plain,a%20b"}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a b"}},
        ),
        (
            {"type": "file", "file": {"file_data": PNG}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        ),
        (
            {"type": "file", "file": {"file_id": "file_1"}},
            {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        ),
        ({"type": "text", "text": "a", "cache_control": MARK}, {"type": "text", "text": "a", "cache_control": MARK}),
        (
            {"type": "text", "text": "a", "document": {"data": {"title": "A", "text": "a"}}, "cache_control": MARK},
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "a"},
                "title": "A",
                "citations": {"enabled": True},
                "cache_control": MARK,
            },
        ),
    ],
)
def test_parts_are_blocks(part, block):
    assert turns({"role": "user", "content": [part, {"type": "text", "text": " "}]}) == [
        {"role": "user", "content": [block]}
    ]


def test_files_of_other_types_are_for_others():
    word = {"type": "file", "file": {"file_data": "data:application/msword;base64,AAAA"}}
    with pytest.raises(Unsupported):
        turns({"role": "user", "content": [word]})
    for broken in ({}, {"file_data": "data:text/plain;base64,!"}):
        with pytest.raises(InvalidRequest):
            turns({"role": "user", "content": [{"type": "file", "file": broken}]})


def test_what_chat_alone_knows_of_a_part_is_named():
    image = {"type": "image_url", "image_url": {"url": PNG, "detail": "high"}}
    text = {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}
    body = {"messages": [{"role": "user", "name": "Ann", "content": [text, image]}]}
    made, dropped, applied = sent(body)
    assert made["messages"][0]["content"][0] == {"type": "text", "text": "Ann: a"}
    assert dropped == ("text.prompt_cache_breakpoint", "image_url.detail")
    assert applied == ("messages.name",)
    image["image_url"]["detail"] = {"as": "you like"}
    assert sent(body)[1] == dropped


def test_reasoning_comes_back_as_it_was_and_in_its_place():
    details = [
        {"type": "reasoning.text", "text": "Hm", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.text", "text": ".", "signature": "c2ln", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "ZGF0YQ==", "format": "anthropic-claude-v1", "index": 2},
        {"type": "reasoning.text", "text": "", "signature": "dHdv", "index": 3},
    ]
    message = {
        "role": "assistant",
        "content": "So.",
        "reasoning": "Hm.",
        "reasoning_details": details,
        "tool_calls": [CALL],
    }
    made, dropped, _ = sent({"messages": [USER, message]})
    assert made["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "text", "text": "So."},
        {"type": "redacted_thinking", "data": "ZGF0YQ=="},
        {"type": "thinking", "thinking": "", "signature": "dHdv"},
        USE,
    ]
    assert dropped == ()


@pytest.mark.parametrize(
    "detail",
    [
        {"type": "reasoning.encrypted", "data": "x", "format": "openai-responses-v1"},
        {"type": "reasoning.text", "text": "x", "signature": "y", "format": "google-gemini-v1"},
        {"type": "reasoning.text", "text": "unsigned"},
        {"type": "reasoning.summary", "summary": "x"},
        "no object",
    ],
)
def test_reasoning_that_is_not_claudes_is_named_as_dropped(detail):
    message = {"role": "assistant", "content": "So.", "reasoning_details": [detail]}
    made, dropped, _ = sent({"messages": [USER, message, USER]})
    assert made["messages"][1]["content"] == [{"type": "text", "text": "So."}]
    assert dropped == ("messages.reasoning_details",)
    assert sent({"messages": [USER, {"role": "assistant", "content": "a", "reasoning": "b"}, USER]})[1] == (
        "messages.reasoning",
    )


def test_a_prefill_has_no_spaces_at_its_end_and_is_only_for_models_that_go_on():
    body = {"messages": [USER, {"role": "assistant", "content": "It is "}]}
    made, _, applied = sent(body)
    assert made["messages"][1] == {"role": "assistant", "content": "It is"}
    assert applied == ("messages.content",)
    with pytest.raises(Unsupported, match="does not go on"):
        sent(body, "claude-opus-4.6")


def test_empty_turns_are_left_out():
    assert turns(USER, {"role": "assistant", "content": ""}, USER) == [USER, USER]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("us.anthropic.claude-opus-4-5-20251101-v1:0", {"efforts": ("low", "medium", "high"), "prefill": True}),
        ("claude-3-7-sonnet@20250219", {"budget": True, "adaptive": False, "pair": True, "structured": False}),
        ("claude-sonnet-4-20250514", {"budget": True, "structured": False}),
        ("claude-opus-4-1-20250805", {"structured": True, "pair": False}),
        ("anthropic/claude-sonnet-4.6", {"budget": True, "adaptive": True, "prefill": False, "sampling": True}),
        ("claude-opus-4-7", {"budget": False, "sampling": False, "thinks": False, "system_turns": False}),
        ("claude-opus-4-8", {"system_turns": True}),
        ("claude-sonnet-5", {"thinks": True, "system_turns": False, "off": "disabled"}),
        ("claude-mythos-preview", {"thinks": True, "off": None, "adaptive": True}),
        ("claude-opus-5-5", {"off": None}),
    ],
)
def test_a_model_is_known_by_its_name_wherever_it_runs(name, told):
    model = claude_named(name)
    assert {trait: getattr(model, trait) for trait in told} == told
    assert claude_named("gpt-5") is None
