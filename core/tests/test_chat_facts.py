"""What is read of a chat body, and which mistakes are named by which field."""

import pytest

from taxiway.chat import CHAT
from taxiway.errors import InvalidRequest

USER = {"role": "user", "content": "Hello"}
BASE = {"model": "a/b", "messages": [USER]}
FUNCTION = {"type": "function", "function": {"name": "f"}}


def facts(**changes):
    return CHAT.client.facts({**BASE, **changes}, {}, {})


def parts(*items):
    return {"messages": [{"role": "user", "content": list(items)}]}


def image(**members):
    return {"type": "image_url", "image_url": members}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": [USER, "hi"]}, "messages[1]"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        (parts("text"), "messages[0].content[0]"),
        (parts({}), "messages[0].content[0].type"),
        (parts({"type": "text"}), "messages[0].content[0].text"),
        (parts({"type": "text", "text": "a"}, {"type": "image_url"}), "messages[0].content[1].image_url"),
        (parts({"type": "image_url", "image_url": "http://x"}), "messages[0].content[0].image_url"),
        (parts(image()), "messages[0].content[0].image_url.url"),
        (parts(image(url=1)), "messages[0].content[0].image_url.url"),
        (parts({"type": "input_audio", "input_audio": {}}), "messages[0].content[0].input_audio.data"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "assistant", "tool_calls": {}}]}, "messages[0].tool_calls"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages[0].tool_calls[0].id"),
        (
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {}}}]}
                ]
            },
            "messages[0].tool_calls[0].function.arguments",
        ),
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"model": 5}, "model"),
        ({"models": "a/b"}, "models"),
        ({"models": [1]}, "models"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "1"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": 1.5}, "max_completion_tokens"),
        ({"n": 0}, "n"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"stop": [1]}, "stop"),
        ({"stream": 1}, "stream"),
        ({"tools": {}}, "tools"),
        ({"tools": [{}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function.name"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"tool_choice": []}, "tool_choice"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.name"),
        ({"reasoning": "high"}, "reasoning"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
        ({"reasoning": {"effort": "low"}, "reasoning_effort": "high"}, "reasoning_effort"),
        ({"logit_bias": []}, "logit_bias"),
        ({"user": 5}, "user"),
        ({"plugins": {"id": "web"}}, "plugins"),
        ({"plugins": ["web"]}, "plugins[0]"),
    ],
)
def test_a_mistake_is_named_by_its_field(changes, field):
    with pytest.raises(InvalidRequest) as raised:
        facts(**changes)
    assert raised.value.field == field
    assert raised.value.message


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": None, "tools": None, "stop": None, "reasoning": None, "messages": [USER]},
        {"messages": [{"role": "assistant"}, {"role": "function", "name": "f", "content": None}, USER]},
        {"messages": [{"role": "developer", "content": "x"}]},
        {"tool_choice": {"type": "allowed_tools", "allowed_tools": {}}},
        {"tool_choice": {"function": {"name": "f"}}},
        parts({"type": "file_url", "file_url": {"url": "https://x.example/a.pdf"}}),
        {"tools": [{"type": "custom", "custom": {"name": "x"}}, {"type": "openrouter:web_search"}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {"input": "x"}}]}]},
        {"seed": -5, "top_k": -1, "whatever": {"a": 1}, "service_tier": "flex"},
        {"reasoning": {"effort": "low"}, "reasoning_effort": "low"},
        {"plugins": [], "preset": None},
        {"plugins": None, "preset": "", "models": []},
        {"plugins": [{"id": "web", "enabled": False}], "transforms": ["middle-out"], "route": "fallback"},
        {"session_id": "s", "user": "u", "trace": {"trace_id": "t"}},
    ],
)
def test_what_openai_and_openrouter_take_is_taken(changes):
    assert facts(**changes).models == ("a/b",)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"model": "@preset/support"}, "model"),
        ({"model": "a/b@preset/support"}, "model"),
        ({"model": None, "models": ["a/b", "@preset/support"]}, "models"),
        ({"model": "@preset/support", "models": ["a/b"]}, "model"),
    ],
)
def test_a_preset_that_nothing_stands_for_is_refused_and_not_ignored(changes, field):
    with pytest.raises(InvalidRequest, match="names a preset, and none is configured") as raised:
        facts(**changes)
    assert raised.value.field == field


def test_models_are_the_model_and_then_the_others_once():
    assert facts(models=["c/d", "a/b"]).models == ("a/b", "c/d")
    assert facts(model=None, models=["c/d"]).models == ("c/d",)


def test_parameters_in_use_are_openrouters_names():
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}
    read = facts(temperature=0, seed=None, tools=[FUNCTION], response_format=form, user="u")
    assert read.parameters == {"temperature", "tools", "response_format", "structured_outputs"}


def test_inputs_and_estimate_of_tokens():
    assert facts().inputs == {"text"}
    assert facts().tokens == 2
    read = facts(**parts({"type": "text", "text": "x" * 40}, image(url="data:image/png;base64," + "A" * 10_000)))
    assert read.inputs == {"text", "image"}
    assert read.tokens == 10 + 765
    file = {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA"}}
    assert facts(**parts(file)).inputs == {"text", "file"}
    assert facts(tools=[FUNCTION]).tokens > facts().tokens


def test_the_most_that_may_come_out():
    assert facts().max_output is None
    assert facts(max_tokens=5).max_output == 5
    assert facts(max_tokens=5, max_completion_tokens=7).max_output == 7


def test_stream_is_read():
    assert facts(stream=True).stream
    assert not facts(stream=None).stream


def test_parts_and_choices_that_providers_have_of_their_own_pass():
    file = {"type": "file_url", "file_url": {"url": "https://a.example/x.pdf"}}
    told = facts(**parts({"type": "text", "text": "a"}, file), tool_choice={"function": {"name": "f"}})
    assert told.inputs == {"text", "file"}
    with pytest.raises(InvalidRequest, match="tool_choice"):
        facts(tool_choice={"name": "f"})


@pytest.mark.parametrize(
    "role", ["user", "assistant", "system", "developer", "tool", "function", "robot", None, ["user"]]
)
@pytest.mark.parametrize("content", ["Hello", "", None, 5, [{"type": "text", "text": "Hello"}]])
def test_a_null_beside_a_messages_content_changes_nothing_of_what_is_read(role, content):
    def read(**more):
        try:
            return facts(messages=[USER, {"role": role, "content": content, **more}]).tokens
        except InvalidRequest as error:
            return str(error)

    assert read() == read(tool_calls=None)


def test_content_that_is_neither_text_nor_parts_is_told_both():
    with pytest.raises(InvalidRequest, match="must be a text or a list of parts"):
        facts(messages=[{"role": "user", "content": 5}])
