"""Canonical requests as Converse takes them: bodies are those that boto3 would send, and come back as the conversation that they were."""

import base64
import copy
import json
from contextlib import suppress

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from conformance.asking.converse import canonical
from hypothesis import given, settings
from hypothesis import strategies as st

from taxiway.candidate import Endpoint
from taxiway.errors import InvalidRequest, Unsupported
from taxiway.testing.dialect import JSON, make_endpoint
from taxiway_bedrock.converse import CONVERSE
from taxiway_bedrock.request import State

SERVICE = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"), "bedrock-runtime")
OPERATION = SERVICE.operation_model("Converse")
BLOBS = frozenset({"bytes", "redactedContent"})

HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
SONNET_37 = "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
SONNET_46 = "us.anthropic.claude-sonnet-4-6"
OPUS_47 = "global.anthropic.claude-opus-4-7"
NOVA = "us.amazon.nova-pro-v1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
USER = {"role": "user", "content": "Hi"}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "t1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
USED = [
    USER,
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "t1", "content": "4"},
]
PIXEL = "data:image/png;base64,AAAA"


def endpoint(id_: str = HAIKU, **changes) -> Endpoint:
    return make_endpoint("chat", "converse", id=id_, **changes)


def translated(body, id_=HAIKU, **changes):
    before = copy.deepcopy(body)
    made = CONVERSE.upstream.from_canonical(body, endpoint(id_, **changes))
    assert body == before
    return made


def sent(body, id_=HAIKU, **changes):
    """The body, once botocore's own model and serializer have found it good."""
    made = translated(body, id_, **changes).body
    params = {"modelId": id_, **_with_blobs(made)}
    assert not ParamValidator().validate(params, OPERATION.input_shape).has_errors()
    asked = create_serializer("rest-json").serialize_to_request(params, OPERATION)
    assert json.loads(asked["body"]) == made
    return made


def _with_blobs(value, name=""):
    """As boto3 takes it: bytes where the wire has base64."""
    if isinstance(value, dict):
        return {inner: _with_blobs(one, inner) for inner, one in value.items()}
    if isinstance(value, list):
        return [_with_blobs(one) for one in value]
    return base64.b64decode(value) if name in BLOBS and isinstance(value, str) else value


def test_a_conversation_is_turns_that_alternate_with_instructions_before_them():
    body = {
        "messages": [
            {"role": "system", "content": "Be terse."},
            {
                "role": "developer",
                "content": [{"type": "text", "text": "No jokes.", "cache_control": {"type": "ephemeral"}}],
            },
            USER,
            {"role": "user", "content": "there"},
            {"role": "assistant", "content": "Yes?", "tool_calls": [CALL, {**CALL, "id": "t2"}]},
            {"role": "tool", "tool_call_id": "t1", "content": "4"},
            {"role": "tool", "tool_call_id": "t2", "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]},
            {"role": "user", "content": "Go on."},
        ],
        "tools": [TOOL],
    }
    made = sent(body)
    assert made["system"] == [{"text": "Be terse."}, {"text": "No jokes."}, {"cachePoint": {"type": "default"}}]
    assert [(turn["role"], [next(iter(block)) for block in turn["content"]]) for turn in made["messages"]] == [
        ("user", ["text", "text"]),
        ("assistant", ["text", "toolUse", "toolUse"]),
        ("user", ["toolResult", "toolResult", "text"]),
    ]
    _, assistant, results = made["messages"]
    assert assistant["content"][1] == {"toolUse": {"toolUseId": "t1", "name": "weather", "input": {"city": "Oslo"}}}
    assert results["content"][0] == {"toolResult": {"toolUseId": "t1", "content": [{"text": "4"}]}}
    assert results["content"][1]["toolResult"]["content"] == [{"image": {"format": "png", "source": {"bytes": "AAAA"}}}]


def test_instructions_amid_the_conversation_are_said_in_the_users_turn_and_never_before_a_tools_result():
    body = {"messages": [*USED[:2], {"role": "system", "content": "Be kind."}, USED[2]], "tools": [TOOL]}
    made = translated(body)
    assert made.body["messages"][-1]["content"][1] == {"text": "<system>\nBe kind.\n</system>"}
    assert made.applied == ("messages.system",)


def test_parameters_have_their_places():
    body = {
        "messages": [USER],
        "max_tokens": 5,
        "temperature": 0.5,
        "stop": "END",
        "top_k": 9,
        "service_tier": "fast",
        "tools": [{**TOOL, "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "tool_choice": "required",
        "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
        "performanceConfig": {"latency": "optimized"},
        "additionalModelRequestFields": {"anthropic_beta": ["x"]},
    }
    made = sent(body)
    assert made["inferenceConfig"] == {"maxTokens": 5, "temperature": 0.5, "stopSequences": ["END"]}
    assert made["additionalModelRequestFields"] == {"anthropic_beta": ["x"], "top_k": 9}
    assert made["serviceTier"] == {"type": "priority"}
    assert made["toolConfig"]["tools"][1] == {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert made["toolConfig"]["toolChoice"] == {"any": {}}
    assert made["guardrailConfig"] == body["guardrailConfig"]
    assert made["performanceConfig"] == {"latency": "optimized"}


@pytest.mark.parametrize(
    ("id_", "more"),
    [
        (HAIKU, {"top_k": 3}),
        (NOVA, {"inferenceConfig": {"topK": 3}}),
        ("mistral.mistral-large-3-675b-instruct", {"top_k": 3}),
        ("cohere.command-r-v1:0", {"k": 3}),
    ],
)
def test_top_k_is_a_field_of_each_makers_own(id_, more):
    assert sent({"messages": [USER], "top_k": 3}, id_)["additionalModelRequestFields"] == more


@pytest.mark.parametrize(
    ("id_", "body", "inference", "dropped", "applied"),
    [
        (HAIKU, {"temperature": 1.5}, {"temperature": 1}, (), ("temperature",)),
        (HAIKU, {"temperature": 0.5, "top_p": 0.5}, {"temperature": 0.5}, ("top_p",), ()),
        (SONNET_37, {"temperature": 0.5, "top_p": 0.5}, {"temperature": 0.5, "topP": 0.5}, (), ()),
        (OPUS_47, {"temperature": 0.5, "top_p": 0.5, "top_k": 4}, None, ("top_k", "temperature", "top_p"), ()),
        (
            SONNET_37,
            {"temperature": 0.5, "top_p": 0.5, "top_k": 4, "reasoning": {"max_tokens": 2000}, "max_tokens": 4000},
            {"maxTokens": 4000},
            ("top_k", "temperature", "top_p"),
            (),
        ),
        (LLAMA, {"top_k": 4, "seed": 1, "user": "u", "parallel_tool_calls": True}, None, ("seed", "user", "top_k"), ()),
    ],
)
def test_what_a_model_refuses_is_left_out_and_named(id_, body, inference, dropped, applied):
    made = translated({"messages": [USER], **body}, id_)
    assert made.body.get("inferenceConfig") == inference
    assert (set(made.dropped), made.applied) == (set(dropped), applied)


def test_what_the_catalog_says_is_off_is_left_out():
    made = translated({"messages": [USER], "temperature": 0}, LLAMA, unsupported=frozenset({"temperature"}))
    assert (made.body, made.dropped) == (
        {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]},
        ("temperature",),
    )


@pytest.mark.parametrize(
    ("id_", "body", "more", "applied"),
    [
        (SONNET_37, {"reasoning": {"max_tokens": 2000}}, {"thinking": {"type": "enabled", "budget_tokens": 2000}}, ()),
        (
            SONNET_37,
            {"reasoning": {"effort": "high"}, "max_tokens": 10_000},
            {"thinking": {"type": "enabled", "budget_tokens": 8000}},
            (),
        ),
        (
            NOVA_2,
            {"reasoning_effort": "high"},
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}},
            (),
        ),
        (
            NOVA_2,
            {"reasoning_effort": "high", "max_tokens": 9},
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}},
            ("reasoning.effort",),
        ),
        (NOVA_2, {"reasoning": {"enabled": False}}, None, ()),
        ("openai.gpt-oss-120b-1:0", {"reasoning": {"enabled": True}}, {"reasoning_effort": "medium"}, ()),
        ("openai.gpt-oss-120b-1:0", {"reasoning_effort": "xhigh"}, {"reasoning_effort": "high"}, ("reasoning.effort",)),
        ("us.openai.gpt-5.6-luna", {"reasoning_effort": "none"}, {"reasoning": {"effort": "none"}}, ()),
        (
            "us.openai.gpt-5.6-luna",
            {"reasoning": {"max_tokens": 300}, "max_tokens": 1000},
            {"reasoning": {"effort": "low"}},
            ("reasoning.max_tokens",),
        ),
    ],
)
def test_how_to_think_is_a_field_of_each_makers_own(id_, body, more, applied):
    made = translated({"messages": [USER], **body}, id_)
    assert made.body.get("additionalModelRequestFields") == more
    assert (made.dropped, made.applied) == ((), applied)
    sent({"messages": [USER], **body}, id_)


@pytest.mark.parametrize("id_", [SONNET_46, OPUS_47])
def test_newer_claudes_adapt_how_they_think(id_):
    fields = sent({"messages": [USER], "reasoning": {"effort": "high"}}, id_)["additionalModelRequestFields"]
    assert fields["thinking"]["type"] == "adaptive"
    assert fields["output_config"] == {"effort": "high"}


def test_what_does_not_think_is_not_told_to():
    made = translated({"messages": [USER], "reasoning": {"effort": "low", "summary": "auto"}}, LLAMA)
    assert made.body == {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
    assert set(made.dropped) == {"reasoning", "reasoning.summary"}


@pytest.mark.parametrize(
    ("messages", "more"),
    [([USER], {"tools": [TOOL], "tool_choice": "required"}), (USED, {"tools": [TOOL]})],
    ids=["a tool has to be used", "another began the turn"],
)
def test_claude_does_not_think_beside_what_it_refuses_to_think_with(messages, more):
    made = translated({"messages": messages, "reasoning": {"max_tokens": 2000}, **more}, SONNET_37)
    assert "additionalModelRequestFields" not in made.body
    assert made.dropped == ("reasoning",)


def test_reasoning_goes_back_to_whoever_signed_it():
    claudes = {"type": "reasoning.text", "text": "Hm.", "signature": "c2ln", "format": "anthropic-claude-v1"}
    hidden = {"type": "reasoning.encrypted", "data": "aGlkZGVu"}
    foreign = [
        {"type": "reasoning.encrypted", "data": "eA==", "format": "openai-responses-v1"},
        {"type": "reasoning.text", "text": "Unsigned.", "format": "unknown"},
        {"type": "reasoning.summary", "summary": "Short.", "format": "openai-responses-v1"},
    ]
    said = {"role": "assistant", "content": "Yes.", "reasoning": "Hm.", "reasoning_details": [claudes, hidden]}
    assert sent({"messages": [USER, said, USER]})["messages"][1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": "aGlkZGVu"}},
        {"text": "Yes."},
    ]
    for detail in foreign:
        made = translated({"messages": [USER, {**said, "reasoning_details": [detail]}, USER]})
        assert made.body["messages"][1]["content"] == [{"text": "Yes."}]
        assert made.dropped == ("messages.reasoning_details",)


def test_reasoning_without_a_signature_goes_to_those_who_sign_none():
    for said in (
        {"reasoning": "Hm."},
        {"reasoning_details": [{"type": "reasoning.text", "text": "Hm.", "format": "unknown"}]},
    ):
        body = {"messages": [USER, {"role": "assistant", "content": "Yes.", **said}, USER]}
        thought = {"reasoningContent": {"reasoningText": {"text": "Hm."}}}
        assert sent(body, "openai.gpt-oss-120b-1:0")["messages"][1]["content"] == [thought, {"text": "Yes."}]
        made = translated(body, LLAMA)
        assert made.body["messages"][1]["content"] == [{"text": "Yes."}]
        assert made.dropped


def test_tools_stay_named_where_the_conversation_has_used_them():
    made = translated({"messages": USED})
    assert made.applied == ("tools",)
    (tool,) = sent({"messages": USED})["toolConfig"]["tools"]
    assert tool["toolSpec"]["name"] == "weather"


def test_tools_that_must_not_be_used_are_not_sent_and_can_not_be_forbidden_once_they_were():
    assert "toolConfig" not in sent({"messages": [USER], "tools": [TOOL], "tool_choice": "none"})
    with pytest.raises(Unsupported) as raised:
        translated({"messages": USED, "tools": [TOOL], "tool_choice": "none"})
    assert raised.value.field == "tool_choice"


def test_a_tool_is_chosen_by_name():
    choice = {"type": "function", "function": {"name": "weather"}}
    made = sent({"messages": [USER], "tools": [TOOL], "tool_choice": choice})
    assert made["toolConfig"]["toolChoice"] == {"tool": {"name": "weather"}}


FORM = {
    "type": "json_schema",
    "json_schema": {
        "name": "city",
        "description": "A city.",
        "strict": True,
        "schema": {"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": False},
    },
}


def test_the_answers_form_is_said_natively_where_the_model_takes_it():
    made = translated({"messages": [USER], "response_format": FORM})
    form = sent({"messages": [USER], "response_format": FORM})["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert json.loads(form.pop("schema")) == FORM["json_schema"]["schema"]
    assert form == {"name": "city", "description": "A city."}
    assert (made.dropped, made.applied) == ((), ())


def test_the_answers_form_is_a_tools_where_the_model_can_be_made_to_use_one():
    made = translated({"messages": [USER], "response_format": FORM}, NOVA)
    assert made.applied == ("response_format",)
    assert made.state == State(answer="city")
    tools = sent({"messages": [USER], "response_format": FORM}, NOVA)["toolConfig"]
    assert tools["toolChoice"] == {"tool": {"name": "city"}}
    assert tools["tools"][0]["toolSpec"]["inputSchema"]["json"] == FORM["json_schema"]["schema"]


@pytest.mark.parametrize(
    ("id_", "body"),
    [
        (LLAMA, {"response_format": FORM}),
        (NOVA, {"response_format": FORM, "tools": [TOOL]}),
        (NOVA, {"response_format": {"type": "json_object"}}),
    ],
)
def test_the_answers_form_is_said_in_words_else(id_, body):
    made = translated({"messages": [USER], **body}, id_)
    assert made.applied == ("response_format",)
    assert "JSON" in made.body["system"][-1]["text"]
    assert made.state.answer is None


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            {"type": "image_url", "image_url": {"url": "data:image/jpg;base64,AAAA"}},
            {"image": {"format": "jpeg", "source": {"bytes": "AAAA"}}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "s3://bucket/a.jpg"}},
            {"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://bucket/a.jpg"}}}},
        ),
        (
            {"type": "video_url", "video_url": {"url": "data:video/quicktime;base64,AAAA"}},
            {"video": {"format": "mov", "source": {"bytes": "AAAA"}}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
            {"audio": {"format": "mp3", "source": {"bytes": "AAAA"}}},
        ),
        (
            {"type": "audio_url", "audio_url": {"url": "data:audio/x-wav;base64,AAAA"}},
            {"audio": {"format": "wav", "source": {"bytes": "AAAA"}}},
        ),
        (
            {
                "type": "file",
                "file": {"filename": "My_report (v2)!.final.pdf", "file_data": "data:application/pdf;base64,AAAA"},
            },
            {"document": {"name": "My report (v2) final", "format": "pdf", "source": {"bytes": "AAAA"}}},
        ),
        (
            {"type": "file", "file": {"filename": "notes.md", "file_data": "data:text/plain,a%20b"}},
            {"document": {"name": "notes", "format": "md", "source": {"bytes": "YSBi"}}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:text/x-python;base64,AAAA"}},
            {"document": {"name": "Document 1", "format": "txt", "source": {"bytes": "AAAA"}}},
        ),
        (
            {"type": "file", "file": {"filename": "a.png", "file_data": PIXEL}},
            {"image": {"format": "png", "source": {"bytes": "AAAA"}}},
        ),
    ],
)
def test_media_are_bytes_with_the_apis_word_for_their_format(part, block):
    content = [{"type": "text", "text": "Look:"}, part]
    assert sent({"messages": [{"role": "user", "content": content}]})["messages"][0]["content"] == [
        {"text": "Look:"},
        block,
    ]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/bmp;base64,AAAA"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "file", "file": {"file_data": "data:application/zip;base64,AAAA"}},
        {"type": "video_url", "video_url": {"url": "s3://bucket/film"}},
    ],
)
def test_media_that_can_not_be_said_are_unsupported_here(part):
    with pytest.raises(Unsupported) as raised:
        translated({"messages": [{"role": "user", "content": [part]}]})
    assert raised.value.field.startswith("messages[0].content[0].")


def test_documents_have_names_of_their_own_and_a_text_beside_them():
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}}
    made = translated({"messages": [{"role": "user", "content": [file, file]}]})
    text, *documents = made.body["messages"][0]["content"]
    assert [one["document"]["name"] for one in documents] == ["a", "a (2)"]
    assert text == {"text": "a, a (2)"}
    assert made.applied == ("messages.content",)


def test_cache_marks_are_points_behind_what_they_mark():
    mark = {"cache_control": {"type": "ephemeral"}}
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}, **mark}
    body = {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Look:", **mark}, file]},
            USED[1],
            {**USED[2], "content": [{"type": "text", "text": "4", **mark}]},
            USER,
        ],
        "tools": [TOOL],
        **mark,
    }
    first, _, last = sent(body)["messages"]
    # None stands right behind a document: that is refused.
    assert [next(iter(block)) for block in first["content"]] == ["text", "cachePoint", "document", "text", "cachePoint"]
    assert [next(iter(block)) for block in last["content"]] == ["toolResult", "cachePoint", "text", "cachePoint"]
    made = translated(body, LLAMA)
    assert b"cachePoint" not in json.dumps(made.body).encode()
    assert made.dropped == ("cache_control",)


def test_a_nova_has_no_cache_points_among_its_tools():
    body = {"messages": [USER], "tools": [{**TOOL, "cache_control": {"type": "ephemeral"}}]}
    made = translated(body, NOVA)
    assert len(made.body["toolConfig"]["tools"]) == 1
    assert made.dropped == ("cache_control",)


def test_ids_of_tool_calls_that_the_api_would_refuse_become_others_and_stay_pairs():
    odd = "call|" + "x" * 80
    messages = [USER, {**USED[1], "tool_calls": [{**CALL, "id": odd}]}, {**USED[2], "tool_call_id": odd}]
    _, called, result = sent({"messages": messages})["messages"]
    id_ = called["content"][0]["toolUse"]["toolUseId"]
    assert id_ == result["content"][0]["toolResult"]["toolUseId"]
    assert len(id_) <= 64
    assert id_.replace("_", "").isalnum()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"n": 2}, "n"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
        ({"tools": [TOOL], "tool_choice": {"type": "allowed_tools"}}, "tool_choice.type"),
        ({"response_format": {"type": "grammar", "grammar": "x"}}, "response_format.type"),
    ],
)
def test_what_would_mean_something_else_is_unsupported(body, field):
    with pytest.raises(Unsupported) as raised:
        translated({"messages": [USER], **body})
    assert raised.value.field == field


def test_a_prefill_goes_on_without_spaces_or_is_unsupported():
    messages = [USER, {"role": "assistant", "content": "I say \n"}]
    assert sent({"messages": messages}, SONNET_37)["messages"][1]["content"] == [{"text": "I say"}]
    with pytest.raises(Unsupported):
        translated({"messages": messages}, SONNET_46)


@settings(deadline=None)
@given(data=st.data())
def test_no_body_raises_anything_else(data):
    body = copy.deepcopy(
        {
            "messages": [{"role": "system", "content": "S"}, *USED],
            "tools": [TOOL],
            "response_format": FORM,
            "stop": ["x"],
        }
    )
    places = list(_places(body))
    holder, key = data.draw(st.sampled_from(places))
    holder[key] = data.draw(JSON)
    with suppress(InvalidRequest, Unsupported):
        CONVERSE.upstream.from_canonical(body, endpoint(data.draw(st.sampled_from([HAIKU, NOVA, LLAMA]))))


def _places(value):
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in list(pairs):
        yield value, key
        yield from _places(child)


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(str.strip)
MARK = st.just({"type": "ephemeral"})
TEXT_PART = st.fixed_dictionaries({"type": st.just("text"), "text": TEXT}, optional={"cache_control": MARK})
IMAGE = st.just({"type": "image_url", "image_url": {"url": PIXEL}})
IDS = st.from_regex(r"[a-zA-Z0-9_.:-]{1,20}", fullmatch=True)
ARGUMENTS = st.dictionaries(TEXT, st.integers(-(2**53), 2**53) | TEXT | st.booleans() | st.none(), max_size=3)
DETAILS = st.lists(st.builds(lambda text, signature: {"text": text, "signature": signature}, TEXT, TEXT), max_size=2)


@st.composite
def conversations(draw):
    """Turns of user and assistant, each of which may have tool calls and their results, in the form that comes back."""
    messages = [{"role": "system", "content": draw(st.lists(TEXT_PART, min_size=1, max_size=2))}]
    for _ in range(draw(st.integers(1, 3))):
        messages.append({"role": "user", "content": draw(st.lists(TEXT_PART | IMAGE, min_size=1, max_size=3))})
        said = {"role": "assistant", "content": draw(st.lists(TEXT_PART, min_size=1, max_size=2))}
        calls = draw(st.lists(st.tuples(IDS, ARGUMENTS), max_size=2, unique_by=lambda call: call[0]))
        if calls:
            said["tool_calls"] = [
                {"id": id_, "type": "function", "function": {"name": "weather", "arguments": json.dumps(arguments)}}
                for id_, arguments in calls
            ]
        if thoughts := draw(DETAILS):
            said["reasoning_details"] = [
                {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": index, **thought}
                for index, thought in enumerate(thoughts)
            ]
        messages.append(said)
        messages += [
            {"role": "tool", "tool_call_id": id_, "content": draw(st.lists(TEXT_PART | IMAGE, min_size=1, max_size=2))}
            for id_, _ in calls
        ]
    messages.append({"role": "user", "content": draw(st.lists(TEXT_PART, min_size=1, max_size=2))})
    tool = {**TOOL, **draw(st.fixed_dictionaries({}, optional={"cache_control": MARK}))}
    return {"messages": messages, "tools": [tool]}


@settings(deadline=None, max_examples=200)
@given(body=conversations())
def test_a_conversation_comes_back_as_it_was(body):
    """Read back by other means than ours; what a turn has of one kind stands together then."""
    made = translated(body)
    assert not made.dropped
    assert _shape(canonical(made.body)["messages"]) == _shape(body["messages"])
    assert canonical(made.body)["tools"] == body["tools"]


def _shape(messages):
    """Consecutive messages of a user are one turn of the API, and a mark on one part of a tool's result is one on all of it."""
    turns = []
    for message in messages:
        content = [dict(part) for part in message.get("content") or ()]
        if message["role"] == "tool":
            content = [{name: value for name, value in part.items() if name != "cache_control"} for part in content]
        for call in message.get("tool_calls") or ():
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
        if turns and turns[-1]["role"] == message["role"] == "user":
            turns[-1]["content"] += content
        else:
            turns.append({**message, "content": content})
    return turns
