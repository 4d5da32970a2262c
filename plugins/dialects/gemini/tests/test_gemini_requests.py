"""What canonical chat asks, as Gemini is asked it; and what Gemini's clients ask, in the canonical form."""

import copy

import pytest

from taxiway.chat_facts import facts as chat_facts
from taxiway.errors import InvalidRequest, Unsupported
from taxiway.testing.dialect import make_endpoint
from taxiway_gemini import GEMINI

HELLO = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": "it"}'}}
PIXEL = "data:image/png;base64,aGk="


def asked(body, model="gemini-2.5-flash", **endpoint):
    """Translate a canonical body; what it was is not changed."""
    body = {"messages": [HELLO], **body}
    before = copy.deepcopy(body)
    values = {"id": model, "reasoning": True, "max_output": 65_536, **endpoint}
    translated = GEMINI.upstream.from_canonical(body, make_endpoint("chat", "gemini", **values))
    assert body == before
    return translated


def config(body, model="gemini-2.5-flash", **endpoint):
    return asked(body, model, **endpoint).body.get("generationConfig", {})


def contents(*messages, model="gemini-2.5-flash"):
    return asked({"messages": list(messages)}, model).body["contents"]


def heard(body):
    """Translate a client's body, which the canonical dialect takes."""
    before = copy.deepcopy(body)
    translated = GEMINI.client.to_canonical(body)
    assert body == before
    chat_facts({"model": "m", **translated.body}, {}, {})
    return translated


def test_parameters_have_their_names():
    asks = {
        "temperature": 0.3,
        "top_p": 0.5,
        "top_k": 9,
        "max_completion_tokens": 50,
        "stop": "END",
        "seed": 3,
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
        "n": 2,
        "logprobs": True,
        "top_logprobs": 4,
        "modalities": ["image", "text"],
        "image_config": {"aspect_ratio": "1:1", "image_size": "2K"},
        "audio": {"voice": "Kore", "format": "wav"},
    }
    translated = asked(asks)
    assert translated.body["generationConfig"] == {
        "temperature": 0.3,
        "topP": 0.5,
        "topK": 9,
        "maxOutputTokens": 50,
        "stopSequences": ["END"],
        "seed": 3,
        "presencePenalty": 0.5,
        "frequencyPenalty": -0.5,
        "candidateCount": 2,
        "responseLogprobs": True,
        "logprobs": 4,
        "responseModalities": ["IMAGE", "TEXT"],
        "imageConfig": {"aspectRatio": "1:1", "imageSize": "2K"},
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
    }
    assert translated.dropped == ("audio.format",)


def test_what_has_no_word_is_named_as_dropped_and_what_is_usual_is_not():
    asks = {
        "min_p": 0.1,
        "logit_bias": {"1": 2},
        "user": "me",
        "parallel_tool_calls": False,
        "seed": 2**40,
        "top_a": None,
    }
    assert set(asked(asks).dropped) == {"min_p", "logit_bias", "user", "parallel_tool_calls", "seed"}
    usual = {"parallel_tool_calls": True, "n": 1, "logprobs": False, "service_tier": "auto"}
    assert asked(usual).dropped == ()
    assert "generationConfig" not in asked(usual).body


def test_what_the_endpoint_refuses_is_named_as_dropped():
    translated = asked({"reasoning": {"effort": "low"}, "temperature": 1}, unsupported=frozenset({"reasoning"}))
    assert translated.body["generationConfig"] == {"temperature": 1}
    assert translated.dropped == ("reasoning",)


def test_geminis_own_fields_pass():
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    translated = asked({"safety_settings": safety, "cached_content": "cachedContents/x", "service_tier": "priority"})
    assert translated.body["safetySettings"] == safety
    assert translated.body["cachedContent"] == "cachedContents/x"
    assert translated.body["serviceTier"] == "priority"
    assert translated.dropped == ()


@pytest.mark.parametrize(
    ("model", "asks", "thinking"),
    [
        ("gemini-2.5-flash", {"reasoning": {"effort": "high"}}, {"thinkingBudget": 24_576, "includeThoughts": True}),
        ("gemini-2.5-pro", {"reasoning": {"effort": "high"}}, {"thinkingBudget": 32_768, "includeThoughts": True}),
        (
            "gemini-2.5-pro",
            {"reasoning": {"effort": "low"}, "max_tokens": 1000},
            {"thinkingBudget": 200, "includeThoughts": True},
        ),
        (
            "gemini-2.5-flash-lite",
            {"reasoning": {"effort": "minimal"}, "max_tokens": 1000},
            {"thinkingBudget": 512, "includeThoughts": True},
        ),
        ("gemini-2.5-flash", {"reasoning": {"max_tokens": 777}}, {"thinkingBudget": 777, "includeThoughts": True}),
        ("gemini-2.5-flash", {"reasoning": {"effort": "none"}}, {"thinkingBudget": 0}),
        ("gemini-2.5-flash", {"reasoning": {"enabled": False}}, {"thinkingBudget": 0}),
        ("gemini-3-flash-preview", {"reasoning": {"enabled": False}}, {"thinkingLevel": "MINIMAL"}),
        ("gemini-3-flash-preview", {"reasoning_effort": "xhigh"}, {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-3.5-flash", {"reasoning": {"enabled": True}}, {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
        (
            "gemini-3-pro-preview",
            {"reasoning": {"effort": "medium"}},
            {"thinkingLevel": "HIGH", "includeThoughts": True},
        ),
        (
            "gemini-3-pro-preview",
            {"reasoning": {"effort": "minimal"}},
            {"thinkingLevel": "LOW", "includeThoughts": True},
        ),
        (
            "gemini-3.1-pro-preview",
            {"reasoning": {"effort": "medium"}},
            {"thinkingLevel": "MEDIUM", "includeThoughts": True},
        ),
        (
            "gemini-3-pro-preview",
            {"reasoning": {"max_tokens": 6400}},
            {"thinkingBudget": 6400, "includeThoughts": True},
        ),
        ("gemini-flash-latest", {"reasoning": {"effort": "low"}}, {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-3-flash-preview", {"reasoning": {"effort": "low", "exclude": True}}, {"thinkingLevel": "LOW"}),
        ("gemini-2.5-flash", {"include_reasoning": True}, {"includeThoughts": True}),
        ("gemini-2.5-flash", {"reasoning": {}}, {"includeThoughts": True}),
        ("gemini-2.5-flash", {"include_reasoning": False}, None),
        ("gemini-2.5-flash", {}, None),
    ],
)
def test_how_much_is_thought(model, asks, thinking):
    assert config(asks, model).get("thinkingConfig") == thinking


@pytest.mark.parametrize("model", ["gemini-2.5-pro", "gemini-3-pro-preview"])
def test_a_model_that_always_thinks_can_not_be_stopped(model):
    with pytest.raises(Unsupported, match=r"reasoning\.effort"):
        asked({"reasoning": {"effort": "none"}}, model)


def test_instructions_come_first_and_later_ones_are_said_by_the_user():
    translated = asked(
        {
            "messages": [
                {"role": "system", "content": "Be kind."},
                {"role": "developer", "content": [{"type": "text", "text": "Be short."}]},
                HELLO,
                {"role": "system", "content": "Now be loud."},
            ]
        }
    )
    assert translated.body["systemInstruction"] == {"parts": [{"text": "Be kind."}, {"text": "Be short."}]}
    assert translated.body["contents"][1] == {"role": "user", "parts": [{"text": "Now be loud."}]}
    assert translated.applied == ("messages.system",)


def test_a_speakers_name_is_said():
    translated = asked({"messages": [{"role": "user", "name": "Ann", "content": "hi"}]})
    assert translated.body["contents"][0]["parts"] == [{"text": "Ann: hi"}]
    assert translated.applied == ("messages.name",)


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"type": "image_url", "image_url": {"url": PIXEL}}, {"inlineData": {"mimeType": "image/png", "data": "aGk="}}),
        (
            {"type": "image_url", "image_url": {"url": "gs://b/a.webp"}},
            {"fileData": {"mimeType": "image/webp", "fileUri": "gs://b/a.webp"}},
        ),
        (
            {"type": "video_url", "video_url": {"url": "https://youtu.be/x"}},
            {"fileData": {"mimeType": "video/mp4", "fileUri": "https://youtu.be/x"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}},
            {"inlineData": {"mimeType": "audio/mp3", "data": "aGk="}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk="}},
            {"inlineData": {"mimeType": "application/pdf", "data": "aGk="}},
        ),
        (
            {"type": "file", "file": {"file_id": "https://generativelanguage.googleapis.com/v1beta/files/x"}},
            {
                "fileData": {
                    "mimeType": "application/pdf",
                    "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x",
                }
            },
        ),
    ],
)
def test_media_come_as_bytes_or_by_address(part, told):
    (content,) = contents({"role": "user", "content": [{"type": "text", "text": "see"}, part]})
    assert content["parts"] == [{"text": "see"}, told]


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/png,plain"}}, "messages.content[0].image_url.url"),
        ({"type": "image_url", "image_url": {"url": ""}}, "messages.content[0].image_url.url"),
        ({"type": "hologram", "hologram": {}}, "messages.content[0].type"),
    ],
)
def test_what_no_part_can_hold_is_unsupported(part, field):
    with pytest.raises(Unsupported) as raised:
        contents({"role": "user", "content": [part]})
    assert raised.value.field == field


def test_what_is_lost_of_media_is_named():
    translated = asked(
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "image_url",
                            "image_url": {"url": PIXEL, "detail": "high"},
                            "cache_control": {"type": "ephemeral"},
                        },
                        {"type": "file", "file": {"file_data": PIXEL, "filename": "a.pdf"}},
                    ],
                }
            ]
        }
    )
    assert translated.dropped == (
        "cache_control",
        "messages.content[0].image_url.detail",
        "messages.content[1].file.filename",
    )


def test_calls_and_results_are_told_by_id_and_name():
    told = contents(
        HELLO,
        {"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "seen"},
        {"role": "tool", "tool_call_id": "c2", "content": '{"n":1}'},
        HELLO,
    )
    assert told[1] == {
        "role": "model",
        "parts": [
            {"functionCall": {"id": "c1", "name": "look", "args": {"at": "it"}}},
            {"functionCall": {"id": "c2", "name": "look", "args": {"at": "it"}}},
        ],
    }
    assert told[2] == {
        "role": "user",
        "parts": [
            {"functionResponse": {"id": "c1", "name": "look", "response": {"output": "seen"}}},
            {"functionResponse": {"id": "c2", "name": "look", "response": {"n": 1}}},
        ],
    }
    assert told[3]["role"] == "user"


@pytest.mark.parametrize(
    ("arguments", "args"),
    [("", {}), ("{}", {}), (" ", {}), ("{broken", {"arguments": "{broken"}), ("[1]", {"arguments": [1]})],
)
def test_arguments_that_are_no_object_stay_readable(arguments, args):
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    (content,) = contents({"role": "assistant", "tool_calls": [call]})
    assert content["parts"][0]["functionCall"]["args"] == args


def test_an_image_that_a_tool_gave_back_is_inside_of_its_result_for_models_that_take_it_there():
    result = {
        "role": "tool",
        "tool_call_id": "c1",
        "content": [{"type": "text", "text": "here"}, {"type": "image_url", "image_url": {"url": PIXEL}}],
    }
    messages = [{"role": "assistant", "tool_calls": [CALL]}, result]
    blob = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    told = {"id": "c1", "name": "look", "response": {"output": "here"}}
    newer, older = contents(*messages, model="gemini-3-flash-preview"), contents(*messages)
    assert newer[1]["parts"] == [{"functionResponse": {**told, "parts": [blob]}}]
    assert older[1]["parts"] == [{"functionResponse": told}, blob]
    assert asked({"messages": messages}).applied == ("messages.tool.content",)


def test_calls_that_nobody_signed_say_so_where_signatures_are_wanted():
    messages = [HELLO, {"role": "assistant", "tool_calls": [CALL, {**CALL, "id": "c2"}]}]
    translated = asked({"messages": messages}, "gemini-3-flash-preview")
    first, second = translated.body["contents"][1]["parts"]
    assert first["thoughtSignature"] == "skip_thought_signature_validator"
    assert "thoughtSignature" not in second
    assert translated.applied == ("messages.reasoning_details",)
    assert all("thoughtSignature" not in part for part in contents(*messages)[1]["parts"])


def test_reasoning_that_another_model_signed_is_left_out_and_named():
    details = [{"type": "reasoning.text", "text": "hm", "signature": "s", "format": "anthropic-claude-v1"}]
    message = {"role": "assistant", "content": "yes", "reasoning": "hm", "reasoning_details": details}
    translated = asked({"messages": [message]})
    assert translated.body["contents"] == [{"role": "model", "parts": [{"text": "yes"}]}]
    assert translated.dropped == ("messages.reasoning_details",)


def test_tools_are_declared_by_their_json_schema():
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}}
    function = {"name": "f", "description": "d", "parameters": schema, "strict": True}
    translated = asked(
        {"tools": [{"type": "function", "function": function}, {"type": "function", "function": {"name": "g"}}]}
    )
    assert translated.body["tools"] == [
        {"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": schema}, {"name": "g"}]}
    ]
    assert translated.dropped == ("tools.function.strict",)


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ({"type": "function", "function": {"name": "f"}}, {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    ],
)
def test_which_tool_is_to_be_used(choice, told):
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert asked({"tools": tools, "tool_choice": choice}).body["toolConfig"] == {"functionCallingConfig": told}


def test_the_web_is_searched_by_googles_own_tool():
    assert asked({"web_search_options": {}}).body["tools"] == [{"googleSearch": {}}]
    assert asked({"tools": [{"type": "openrouter:web_search"}]}).body["tools"] == [{"googleSearch": {}}]
    with pytest.raises(Unsupported, match=r"tools\[0\]\.type"):
        asked({"tools": [{"type": "mcp"}]})


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
FORM = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA}}
TOOLS = [{"type": "function", "function": {"name": "f"}}]


def test_an_answer_of_a_schema_is_asked_natively():
    assert config({"response_format": FORM}) == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {**SCHEMA, "title": "answer"},
    }
    assert config({"response_format": {"type": "json_object"}}) == {"responseMimeType": "application/json"}
    assert config({"response_format": {"type": "text"}}) == {}
    with pytest.raises(Unsupported, match=r"response_format\.type"):
        asked({"response_format": {"type": "grammar", "grammar": "x"}})


def test_models_that_take_no_schema_beside_tools_are_asked_in_words():
    older = asked({"response_format": FORM, "tools": TOOLS})
    assert "generationConfig" not in older.body
    assert '"properties":{"a":{"type":"integer"}}' in older.body["systemInstruction"]["parts"][0]["text"]
    assert older.applied == ("response_format",)
    newer = asked({"response_format": FORM, "tools": TOOLS}, "gemini-3-flash-preview")
    assert newer.body["generationConfig"]["responseMimeType"] == "application/json"
    assert newer.applied == ()


# What clients ask.


def test_members_may_be_spelt_as_in_the_proto_file():
    camel = {
        "contents": [{"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"someKey": 1}}}]}],
        "systemInstruction": {"parts": [{"text": "x"}]},
        "generationConfig": {"maxOutputTokens": 5, "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 9}},
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": SCHEMA}]}],
    }
    snake = {
        "contents": [{"role": "model", "parts": [{"function_call": {"name": "f", "args": {"someKey": 1}}}]}],
        "system_instruction": {"parts": [{"text": "x"}]},
        "generation_config": {
            "max_output_tokens": 5,
            "thinking_config": {"include_thoughts": True, "thinking_budget": 9},
        },
        "tool_config": {"function_calling_config": {"mode": 2}},
        "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": SCHEMA}]}],
    }
    assert heard(camel).body == heard(snake).body
    assert heard(snake).dropped == ()


def test_a_schema_of_googles_becomes_one_of_json():
    schema = {
        "type": "OBJECT",
        "description": "d",
        "properties": {
            "a": {"type": "STRING", "format": "enum", "enum": ["x"], "nullable": True},
            "b": {"type": "ARRAY", "min_items": "1", "items": {"type": 3}},
            "c": {"anyOf": [{"type": "NUMBER"}, {"type": "BOOLEAN"}], "nullable": True},
        },
        "propertyOrdering": ["b", "a"],
        "required": ["a"],
    }
    body = {"contents": [], "tools": [{"functionDeclarations": [{"name": "f", "parameters": schema}]}]}
    (tool,) = GEMINI.client.to_canonical(body).body["tools"]
    assert tool["function"]["parameters"] == {
        "type": "object",
        "description": "d",
        "properties": {
            "a": {"type": ["string", "null"], "format": "enum", "enum": ["x", None]},
            "b": {"type": "array", "minItems": 1, "items": {"type": "integer"}},
            "c": {"anyOf": [{"type": "number"}, {"type": "boolean"}, {"type": "null"}]},
        },
        "propertyOrdering": ["b", "a"],
        "required": ["a"],
    }


def test_results_without_ids_are_those_of_the_calls_of_their_name_in_order():
    model = {
        "role": "model",
        "parts": [
            {"functionCall": {"name": "f", "args": {}}},
            {"functionCall": {"name": "g", "args": {}}},
            {"functionCall": {"name": "f", "args": {}}},
        ],
    }
    user = {
        "role": "user",
        "parts": [{"functionResponse": {"name": name, "response": {"output": name}}} for name in ("g", "f", "f")],
    }
    messages = heard({"contents": [model, user]}).body["messages"]
    assert [call["id"] for call in messages[0]["tool_calls"]] == ["call_0_0", "call_0_1", "call_0_2"]
    assert [message["tool_call_id"] for message in messages[1:]] == ["call_0_1", "call_0_0", "call_0_2"]


def test_what_only_google_has_is_unsupported_elsewhere():
    with pytest.raises(Unsupported, match="cachedContent"):
        GEMINI.client.to_canonical({"contents": [], "cachedContent": "cachedContents/x"})


def test_what_canonical_chat_has_no_word_for_is_named():
    translated = heard(
        {
            "contents": [
                {"parts": [{"fileData": {"fileUri": "u", "mimeType": "video/mp4"}, "videoMetadata": {"fps": 1}}]}
            ],
            "tools": [{"codeExecution": {}}, {"googleSearch": {}}],
            "safetySettings": [{"category": 10, "threshold": 3}],
            "labels": {"a": "b"},
            "generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW"},
        }
    )
    assert set(translated.dropped) == {
        "contents.parts.videoMetadata",
        "tools.codeExecution",
        "safetySettings",
        "labels",
        "generationConfig.mediaResolution",
    }
    assert translated.body["web_search_options"] == {}


@pytest.mark.parametrize(
    ("thinking", "reasoning"),
    [
        ({"thinkingLevel": "HIGH"}, {"effort": "high", "exclude": True}),
        ({"thinkingLevel": "low", "includeThoughts": True}, {"effort": "low"}),
        ({"thinkingBudget": 0}, {"effort": "none"}),
        ({"thinkingBudget": -1}, {"enabled": True, "exclude": True}),
        ({"includeThoughts": True}, {"enabled": True}),
        ({"includeThoughts": False}, None),
    ],
)
def test_how_much_a_client_wants_thought(thinking, reasoning):
    translated = heard({"contents": [{"parts": [{"text": "x"}]}], "generationConfig": {"thinkingConfig": thinking}})
    assert translated.body.get("reasoning") == reasoning


def read(body, **path):
    return GEMINI.client.facts(body, path, {})


def test_facts_are_read():
    found = read(
        {
            "contents": [
                {"parts": [{"text": "x" * 400}, {"inline_data": {"mime_type": "image/png", "data": "aGk="}}]},
                {"parts": {"fileData": {"mimeType": "application/pdf", "fileUri": "u"}}},
            ],
            "tools": [{"functionDeclarations": [{"name": "f"}]}],
            "generationConfig": {"maxOutputTokens": 9, "temperature": 1, "responseMimeType": "application/json"},
        },
        model="gemini-2.5-flash",
        action="streamGenerateContent",
    )
    assert found.models == ("google/gemini-2.5-flash",)
    assert found.stream
    assert found.max_output == 9
    assert found.inputs == {"text", "image", "file"}
    assert found.parameters == {"tools", "temperature", "max_tokens", "response_format"}
    assert 865 <= found.tokens < 900


@pytest.mark.parametrize(
    ("path", "body", "models"),
    [
        ({"model": "gemini-2.5-pro"}, {}, ("google/gemini-2.5-pro",)),
        ({"model": "models/gemini-2.5-pro"}, {}, ("google/gemini-2.5-pro",)),
        ({"model": "anthropic/claude-sonnet-4.5"}, {}, ("anthropic/claude-sonnet-4.5",)),
        ({"model": "claude-sonnet-4.5", "publisher": "anthropic"}, {}, ("anthropic/claude-sonnet-4.5",)),
        ({"model": "fast"}, {"models": ["gemini-2.5-pro"]}, ("fast", "google/gemini-2.5-pro")),
        ({}, {"model": "models/gemma-3-4b-it"}, ("google/gemma-3-4b-it",)),
    ],
)
def test_models_are_named_as_googles_clients_do_and_as_all_others(path, body, models):
    assert read({"contents": [{"parts": [{"text": "x"}]}], **body}, **path).models == models


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "contents"),
        ({"contents": "hi"}, "contents"),
        ({"contents": ["hi"]}, "contents[0]"),
        ({"contents": [{"parts": [1]}]}, "contents[0].parts[0]"),
        ({"contents": [{"parts": [{"text": 1}]}]}, "contents[0].parts[0].text"),
        ({"contents": [{}], "generationConfig": 1}, "generationConfig"),
        ({"contents": [{}], "generationConfig": {"maxOutputTokens": "x"}}, "generationConfig.maxOutputTokens"),
        ({"contents": [{}], "generationConfig": {"temperature": {}}}, "generationConfig.temperature"),
        ({"contents": [{}], "generationConfig": {"topK": "x"}}, "generationConfig.topK"),
        ({"contents": [{}], "generationConfig": {"candidateCount": "x"}}, "generationConfig.candidateCount"),
        ({"contents": [{}], "generation_config": {"stop_sequences": "x"}}, "generationConfig.stopSequences"),
        ({"contents": [{}], "tools": [1]}, "tools[0]"),
        ({"contents": [{}], "toolConfig": []}, "toolConfig"),
    ],
)
def test_what_is_wrong_is_named(body, field):
    with pytest.raises(InvalidRequest) as raised:
        read(body, model="m")
    assert raised.value.field == field
