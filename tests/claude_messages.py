"""Anthropic's messages, as tests of several folders use them: what clients ask, what Claude answers. Synthetic, from the documentation."""

from taxiway.testing.dialect import Exchange

TOOL = {"name": "weather", "description": "Tell it.", "input_schema": {"type": "object", "properties": {"place": {}}}}
PIXEL = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}

BODIES = (
    {
        "model": "acme/model-1",
        "max_tokens": 100,
        "stream": True,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "messages": [
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                    {"type": "redacted_thinking", "data": "ZGF0YQ=="},
                    {"type": "text", "text": "Let me look."},
                    {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"place": "Rome"}},
                    {"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny"},
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_2",
                        "content": [{"type": "text", "text": "a map"}, {"type": "image", "source": PIXEL}],
                    },
                    {"type": "text", "text": "And now?", "cache_control": {"type": "ephemeral"}},
                ],
            },
        ],
        "tools": [TOOL, {**TOOL, "name": "other", "cache_control": {"type": "ephemeral"}}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "stop_sequences": ["END"],
        "temperature": 0.5,
        "metadata": {"user_id": "user-1"},
        "service_tier": "auto",
    },
    {
        "model": "acme/model-1",
        "max_tokens": 50,
        "fallbacks": [{"model": "acme/model-2"}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "document", "source": {"type": "url", "url": "https://a.example/b.pdf"}, "title": "b.pdf"},
                    {"type": "document", "source": {**PIXEL, "media_type": "application/pdf"}},
                    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a text"}},
                    {"type": "image", "source": {"type": "url", "url": "https://a.example/c.png"}},
                    {"type": "text", "text": "What is it?"},
                ],
            },
            {"role": "assistant", "content": "It is"},
        ],
        "cache_control": {"type": "ephemeral"},
    },
)

USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 7,
    "cache_read_input_tokens": 5,
    "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
    "output_tokens": 20,
    "output_tokens_details": {"thinking_tokens": 8},
    "service_tier": "standard",
}
CITATION = {
    "type": "web_search_result_location",
    "url": "https://a.example",
    "title": "A",
    "encrypted_index": "eA==",
    "cited_text": "so it is",
}
START = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_sequence": None}
RESULT = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"type": "web_search_result"}]}


def delta(index, kind, **members):
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **members}}


def block(index, content, *deltas):
    start = {"type": "content_block_start", "index": index, "content_block": content}
    return (
        start,
        *(delta(index, kind, **members) for kind, members in deltas),
        {"type": "content_block_stop", "index": index},
    )


EVERYTHING = Exchange(
    events=(
        {
            "type": "message_start",
            "message": {**START, "content": [], "stop_reason": None, "usage": {**USAGE, "output_tokens": 1}},
        },
        {"type": "ping"},
        *block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            ("thinking_delta", {"thinking": "Let me "}),
            ("thinking_delta", {"thinking": "see."}),
            ("signature_delta", {"signature": "c2ln"}),
        ),
        *block(1, {"type": "redacted_thinking", "data": "ZGF0YQ=="}),
        *block(2, {"type": "text", "text": ""}, ("text_delta", {"text": "I "}), ("text_delta", {"text": "look. "})),
        *block(
            3,
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
            ("input_json_delta", {"partial_json": ""}),
            ("input_json_delta", {"partial_json": '{"query":'}),
            ("input_json_delta", {"partial_json": ' "a"}'}),
        ),
        *block(4, RESULT),
        *block(
            5,
            {"type": "text", "text": "", "citations": []},
            ("citations_delta", {"citation": CITATION}),
            ("text_delta", {"text": "It is."}),
        ),
        *block(
            6,
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
            ("input_json_delta", {"partial_json": ""}),
            ("input_json_delta", {"partial_json": '{"place":"Ro'}),
            ("input_json_delta", {"partial_json": 'me"}'}),
        ),
        *block(7, {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}}),
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {"output_tokens": 20, "output_tokens_details": {"thinking_tokens": 8}},
        },
        {"type": "message_stop"},
    ),
    reply={
        **START,
        "content": [
            {"type": "thinking", "thinking": "Let me see.", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "ZGF0YQ=="},
            {"type": "text", "text": "I look. "},
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "a"}},
            RESULT,
            {"type": "text", "text": "It is.", "citations": [CITATION]},
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"place": "Rome"}},
            {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
        ],
        "stop_reason": "tool_use",
        "usage": USAGE,
    },
)

STOPPED = Exchange(
    events=(
        {
            "type": "message_start",
            "message": {**START, "content": [], "stop_reason": None, "usage": {"input_tokens": 3, "output_tokens": 1}},
        },
        *block(0, {"type": "text", "text": ""}, ("text_delta", {"text": "one, two"})),
        {
            "type": "message_delta",
            "delta": {"stop_reason": "stop_sequence", "stop_sequence": "three"},
            "usage": {"output_tokens": 4},
        },
        {"type": "message_stop"},
    ),
    reply={
        **START,
        "content": [{"type": "text", "text": "one, two"}],
        "stop_reason": "stop_sequence",
        "stop_sequence": "three",
        "usage": {"input_tokens": 3, "output_tokens": 4},
    },
)
