"""The dialects of core hold to the contract."""

from taxiway import chat, embeddings
from taxiway.testing.dialect import DialectContract, Exchange

HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "model-1"}
REPLY = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "model-1"}
USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 12,
    "total_tokens": 32,
    "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 0},
}
END = {**HEAD, "choices": [], "usage": USAGE}


def chunk(delta, finish=None, index=0, **more):
    return {**HEAD, "choices": [{"index": index, "delta": delta, "finish_reason": finish, **more}], "usage": None}


def reply(*choices):
    return {**REPLY, "choices": list(choices), "usage": USAGE}


def choice(message, finish="stop", index=0, **more):
    message = {"role": "assistant", "content": None, **message}
    return {"index": index, "message": message, "finish_reason": finish, **more}


def call(number, name="", arguments="", **more):
    first = {"id": f"call_{number}", "type": "function"} if name else {}
    function = {"name": name, "arguments": arguments} if name else {"arguments": arguments}
    return {"index": number, **first, "function": function, **more}


TEXT = Exchange(
    events=(
        {**chunk({"role": "assistant", "content": "", "refusal": None}), "obfuscation": "xyz"},
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk({}, "stop"),
        END,
    ),
    reply=reply(choice({"content": "Hello", "refusal": None})),
)
TOOLS = Exchange(
    events=(
        chunk({"role": "assistant", "content": None, "tool_calls": [call(0, "weather")]}),
        chunk({"tool_calls": [call(0, arguments='{"city"')]}),
        chunk({"tool_calls": [call(0, arguments=': "Paris"}'), call(1, "time", "{")]}),
        chunk({"tool_calls": [call(1, arguments="}")]}),
        chunk({}, "tool_calls"),
        END,
    ),
    reply=reply(
        choice(
            {
                "tool_calls": [
                    {
                        "id": "call_0",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city": "Paris"}'},
                    },
                    {"id": "call_1", "type": "function", "function": {"name": "time", "arguments": "{}"}},
                ]
            },
            "tool_calls",
        )
    ),
)
REASONING = Exchange(
    events=(
        chunk({"reasoning": "Let ", "reasoning_details": [{"type": "reasoning.text", "text": "Let ", "index": 0}]}),
        chunk({"reasoning": "me", "reasoning_details": [{"type": "reasoning.text", "text": "me", "index": 0}]}),
        chunk({"reasoning_details": [{"type": "reasoning.text", "signature": "s1g", "index": 0}]}),
        chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "abc", "index": 0}]}),
        chunk({"content": "4"}),
        chunk({"annotations": [{"type": "url_citation", "url_citation": {"url": "https://a"}}]}),
        chunk({"annotations": [{"type": "url_citation", "url_citation": {"url": "https://b"}}]}),
        chunk({}, "stop"),
        END,
    ),
    reply=reply(
        choice(
            {
                "content": "4",
                "reasoning": "Let me",
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "Let me", "index": 0, "signature": "s1g"},
                    {"type": "reasoning.encrypted", "data": "abc", "index": 0},
                ],
                "annotations": [
                    {"type": "url_citation", "url_citation": {"url": "https://a"}},
                    {"type": "url_citation", "url_citation": {"url": "https://b"}},
                ],
            }
        )
    ),
)
SEVERAL = Exchange(
    events=(
        chunk({"content": "a"}, logprobs={"content": [{"token": "a"}], "refusal": None}),
        chunk({"refusal": "No"}, index=1),
        chunk({"content": "b"}, logprobs={"content": [{"token": "b"}], "refusal": None}),
        chunk({"refusal": "!"}, index=1),
        chunk({}, "stop"),
        chunk({}, "content_filter", index=1),
        END,
    ),
    reply=reply(
        choice({"content": "ab"}, logprobs={"content": [{"token": "a"}, {"token": "b"}], "refusal": None}),
        choice({"refusal": "No!"}, "content_filter", 1),
    ),
)
AUDIO = Exchange(
    events=(
        chunk({"audio": {"id": "audio_1", "transcript": "Hi"}}),
        chunk({"audio": {"data": "AAA"}}),
        chunk({"audio": {"data": "BBB", "transcript": " you"}}),
        chunk({"audio": {"expires_at": 5}}, "stop"),
        END,
    ),
    reply=reply(choice({"audio": {"id": "audio_1", "transcript": "Hi you", "data": "AAABBB", "expires_at": 5}})),
)
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}


class TestChat(DialectContract):
    module = chat
    registration = next(iter(chat.taxiway_dialects()))
    bodies = (
        {"model": "acme/model-1", "messages": [{"role": "user", "content": "Hello"}]},
        {
            "models": ["acme/model-1", "acme/model-2"],
            "stream": True,
            "stream_options": {"include_usage": True},
            "messages": [
                {
                    "role": "system",
                    "content": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
                },
                {"role": "user", "name": "ann", "content": [{"type": "text", "text": "What is it?"}, IMAGE]},
                {
                    "role": "assistant",
                    "content": None,
                    "reasoning_details": [{"type": "reasoning.text", "text": "hm"}],
                    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
            ],
            "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
            "tool_choice": {"type": "function", "function": {"name": "look"}},
            "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}},
            "reasoning": {"effort": "high", "max_tokens": 100},
            "temperature": 1,
            "stop": ["a"],
            "seed": 1,
            "unknown": [1],
        },
    )
    exchanges = (TEXT, TOOLS, REASONING, SEVERAL, AUDIO)


class TestEmbeddings(DialectContract):
    module = embeddings
    registration = next(iter(embeddings.taxiway_dialects()))
    bodies = (
        {"model": "acme/model-2", "input": "Hello"},
        {"model": "acme/model-2", "input": ["a", "b"], "encoding_format": "base64", "dimensions": 3, "user": "u"},
        {"model": "acme/model-2", "input": [[1, 2], [3]]},
        {"model": "acme/model-2", "input": [{"content": [{"type": "text", "text": "a"}, IMAGE]}]},
    )
    exchanges = (
        Exchange(
            events=(),
            reply={
                "object": "list",
                "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1.0]}],
                "model": "model-2",
                "usage": {"prompt_tokens": 2, "total_tokens": 2},
            },
        ),
    )
