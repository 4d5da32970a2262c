"""Whatever a client puts into a body, on whichever route and for whichever provider's API: an answer, or an error of its own."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from clients.upstreams import EMBEDS, UPSTREAMS
from doors import KEY
from hypothesis import given, settings
from hypothesis import strategies as st

from taxiway.codec import Json

pytestmark = pytest.mark.asyncio(loop_scope="module")

PICTURE = "data:image/png;base64,iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "weather", "description": "The weather", "parameters": SCHEMA}
CALLED = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}

CHAT: Json = {
    "messages": [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": [
            {"type": "text", "text": "What is this?", "cache_control": {"type": "ephemeral"}},
            {"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
        ]},
        {"role": "assistant", "content": None, "tool_calls": [CALLED], "reasoning_details": [
            {"type": "reasoning.text", "text": "hm", "signature": "s", "format": "anthropic-claude-v1", "index": 0},
        ]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ],
    "tools": [{"type": "function", "function": FUNCTION}],
    "tool_choice": {"type": "function", "function": {"name": "weather"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}},
    "reasoning": {"effort": "low"}, "max_tokens": 50, "temperature": 0.5, "stop": ["x"], "n": 1, "logit_bias": {"1": 2},
    "provider": {"order": ["plain"], "sort": "price"}, "models": ["second/spare"], "plugins": [{"id": "file-parser"}],
    "user": "u", "metadata": {"a": "b"}, "session_id": "s", "stream_options": {"include_usage": True}, "seed": 1,
}  # fmt: skip
MESSAGES: Json = {
    "system": [{"type": "text", "text": "Be short.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        ]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Oslo"}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "is_error": False, "content": [{"type": "text", "text": "rain"}]},
        ]},
    ],
    "tools": [{"name": "weather", "description": "The weather", "input_schema": SCHEMA}],
    "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000, "stop_sequences": ["x"],
    "metadata": {"user_id": "u"}, "output_config": {"effort": "low"}, "provider": {"only": ["plain"]},
}  # fmt: skip
RESPONSES: Json = {
    "instructions": "Be short.",
    "input": [
        {"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": PICTURE},
        ]},
        {"type": "reasoning", "id": "r1", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "e"},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "rain"},
    ],
    "tools": [{"type": "function", **FUNCTION, "strict": False}, {"type": "web_search"}],
    "tool_choice": {"type": "function", "name": "weather"}, "include": ["reasoning.encrypted_content"],
    "reasoning": {"effort": "low", "summary": "auto"}, "max_output_tokens": 50, "store": False, "metadata": {"a": "b"},
    "text": {"format": {"type": "json_schema", "name": "place", "schema": SCHEMA, "strict": True}, "verbosity": "low"},
}  # fmt: skip
GEMINI: Json = {
    "systemInstruction": {"parts": [{"text": "Be short."}]},
    "contents": [
        {"role": "user", "parts": [
            {"text": "What is this?"}, {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
        ]},
        {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {}}, "thoughtSignature": "s"}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": {"output": "rain"}}}]},
    ],
    "tools": [{"functionDeclarations": [FUNCTION]}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}},
    "generationConfig": {
        "maxOutputTokens": 50, "stopSequences": ["x"], "responseMimeType": "application/json", "responseSchema": SCHEMA,
        "thinkingConfig": {"thinkingBudget": 100, "includeThoughts": True}, "candidateCount": 1, "topK": 3,
    },
    "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}], "plugins": [],
}  # fmt: skip
COHERE: Json = {
    "messages": [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": [{"type": "text", "text": "What is this?"}]},
        {"role": "assistant", "tool_plan": "look", "tool_calls": [CALLED]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "document", "document": {"data": "rain"}}]},
    ],
    "documents": [{"id": "d", "data": {"text": "rain"}}], "citation_options": {"mode": "FAST"}, "safety_mode": "NONE",
    "tools": [{"type": "function", "function": FUNCTION}], "response_format": {"type": "json_object"}, "k": 3, "p": 0.5,
    "thinking": {"type": "enabled", "token_budget": 100}, "max_tokens": 50, "stop_sequences": ["x"],
}  # fmt: skip
TEXT: Json = {
    "prompt": ["one"],
    "suffix": "two",
    "max_tokens": 5,
    "echo": False,
    "logprobs": 1,
    "best_of": 1,
    "stop": "x",
}
PARTS = [
    {"type": "text", "text": "a"},
    {"type": "image_url", "image_url": {"url": PICTURE}},
    CHAT["messages"][1]["content"][2],
]
EMBED: Json = {"input": ["a", {"content": PARTS}], "dimensions": 8, "encoding_format": "base64", "input_type": "x"}
CONTENT: Json = {"content": {"parts": [{"text": "a"}]}, "taskType": "CLUSTERING", "outputDimensionality": 8}
COHERE_EMBED: Json = {"texts": ["a"], "input_type": "clustering", "embedding_types": ["float"], "output_dimension": 8}
RANKED: Json = {"query": "a", "documents": ["b", {"text": "c"}], "top_n": 1}

ROUTES = {
    "/api/v1/chat/completions": CHAT,
    "/v1/messages": MESSAGES,
    "/v1/messages/count_tokens": MESSAGES,
    "/v1/responses": RESPONSES,
    "/v1beta/models/{model}:generateContent": GEMINI,
    "/v1beta/models/{model}:streamGenerateContent": GEMINI,
    "/v1beta/models/{model}:countTokens": GEMINI,
    "/v1beta/models/{model}:embedContent": CONTENT,
    "/v1beta/models/{model}:batchEmbedContents": {"requests": [CONTENT]},
    "/v2/chat": COHERE,
    "/v2/embed": COHERE_EMBED,
    "/v2/rerank": RANKED,
    "/api/v1/rerank": RANKED,
    "/v1/completions": TEXT,
    "/v1/embeddings": EMBED,
    "/api/v1/explain": CHAT,
}
"""A body for every route that takes one, with as much in it as has a form."""

EMBEDDING = {route for route in ROUTES if "mbed" in route}
NAMES = [{"model": slug} for slug in (*(row.model[0] for row in UPSTREAMS), "simulator/echo")]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a body."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*place, key)
        yield from places(inner, (*place, key))


@st.composite
def spoilt(draw: st.DrawFn, body: Json) -> Json:
    """A body with something else, nothing, or what is elsewhere in it, in one or two of its places."""
    body = copy.deepcopy(body)
    for _ in range(draw(st.integers(1, 2))):
        if not body:
            break
        *way, last = draw(st.sampled_from(list(places(body))))
        holder = body
        for key in way:
            holder = holder[key]
        what = draw(st.sampled_from(["other", "nothing", "empty", "moved", "added"]))
        if what == "nothing":
            del holder[last]
        elif what == "empty":
            holder[last] = type(holder[last])()
        elif what == "added" and isinstance(holder[last], dict):
            holder[last][draw(st.sampled_from([place[-1] for place in places(body)]).map(str))] = draw(anything)
        else:
            holder[last] = (
                copy.deepcopy(draw(st.sampled_from(list(body.values())))) if what == "moved" else draw(anything)
            )
    return body


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ask(kept_site):
    """Sends a body to a route, as it is."""
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    async with httpx.AsyncClient(base_url=kept_site.origin, headers=headers, trust_env=False) as client:

        async def send(route: str, model: str, body: Json) -> httpx.Response:
            if kept_site.gateway.router.engine.health.gates:
                kept_site.refresh()
            if "{model}" not in route:
                body = {"model": model, **body}
            return await client.post(route.format(model=model), content=json.dumps(body))

        yield send


def said(reply: httpx.Response) -> Any:
    """What an error says, in whichever dialect."""
    told = reply.json()
    told = told[0] if isinstance(told, list) else told
    return told.get("error", told)["message"]


@pytest.mark.parametrize("route", ROUTES)
# The same bodies in every run: what a longer search finds (more examples, not derandomized) becomes a case of its own below.
@settings(max_examples=25, derandomize=True)
@given(data=st.data())
async def test_any_body_is_answered_or_is_the_clients_mistake(ask, route, data):
    body = data.draw(spoilt(ROUTES[route]))
    model = EMBEDS if route in EMBEDDING else data.draw(st.sampled_from(NAMES))["model"]
    reply = await ask(route, model, body)
    assert reply.status_code in {200, 400, 404}, reply.text
    assert "failed (" not in reply.text, "no plugin stumbles over it"
    if reply.status_code != 200:
        assert said(reply)


@pytest.mark.parametrize(("route", "model", "body", "named"), [
    ("/v1beta/models/{model}:generateContent", NAMES[0]["model"], {**GEMINI, "generationConfig": {"topK": "x"}}, "topK"),
    ("/v1beta/models/{model}:embedContent", EMBEDS, {**CONTENT, "outputDimensionality": True}, "outputDimensionality"),
    ("/v1/embeddings", EMBEDS, {"input": "a", "dimensions": 10_000}, "dimensions"),
])  # fmt: skip
async def test_a_field_that_is_wrong_is_named(ask, route, model, body, named):
    reply = await ask(route, model, body)
    assert reply.status_code == 400
    assert named in said(reply)


@pytest.mark.parametrize(("route", "body"), [
    ("/v1/embeddings", {"input": [{"content": PARTS}]}),
    ("/v1/embeddings", {"input": "a", "reasoning": "low"}),
    ("/v1beta/models/{model}:embedContent", {**CONTENT, "plugins": {"a": "b"}}),
])  # fmt: skip
async def test_what_only_chat_has_disturbs_nothing_else(ask, route, body):
    assert (await ask(route, EMBEDS, body)).status_code == 200
