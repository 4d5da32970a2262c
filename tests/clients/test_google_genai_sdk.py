"""Google's own SDK, pointed at the gateway by base URL and key alone. The model behind it is of another provider, which is strict."""

from contextlib import asynccontextmanager

import pytest
from google import genai
from google.genai import errors, types
from upstream import Answer, Message

MODEL = "openai/gpt-4o"
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}


def weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


@asynccontextmanager
async def sdk(served, key):
    options = types.HttpOptions(base_url=served.base_url.removesuffix("/v1"))
    with genai.Client(api_key=key, http_options=options) as made:
        async with made.aio as client:
            yield client


@pytest.fixture
async def client(served):
    async with sdk(served, served.key) as made:
        yield made


async def test_generate_content(client, upstream) -> None:
    reply = await client.models.generate_content(
        model=MODEL,
        contents="Say these four words",
        config=types.GenerateContentConfig(
            system_instruction="Be brief.", temperature=0.5, max_output_tokens=20, stop_sequences=["x"], seed=1
        ),
    )
    assert reply.text == "Say these four words"
    assert reply.candidates[0].finish_reason is types.FinishReason.STOP
    assert reply.response_id.startswith("gen-")
    assert reply.model_version == MODEL
    assert reply.usage_metadata.total_token_count == 8
    sent = upstream.requests[-1].body
    assert (sent["model"], sent["max_tokens"], sent["stop"], sent["seed"]) == ("gpt-4o", 20, ["x"], 1)
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}


async def test_generate_content_stream(client) -> None:
    chunks = [
        chunk
        async for chunk in await client.models.generate_content_stream(model=MODEL, contents="Say these four words")
    ]
    assert "".join(chunk.text or "" for chunk in chunks) == "Say these four words "
    assert chunks[-1].candidates[0].finish_reason is types.FinishReason.STOP
    assert [chunk.usage_metadata is not None for chunk in chunks].count(True) == 1
    assert chunks[-1].usage_metadata.total_token_count == 8


async def test_functions_are_called_by_the_sdk_itself(client, upstream) -> None:
    upstream.script(Message(message={"role": "assistant", "content": None, "tool_calls": [CALL]}, finish="tool_calls"))
    reply = await client.models.generate_content(
        model=MODEL, contents="Weather?", config=types.GenerateContentConfig(tools=[weather])
    )
    assert reply.text
    sent = upstream.requests[-1].body["messages"]
    assert sent[1]["tool_calls"] == [CALL]
    assert sent[2]["role"] == "tool"
    assert sent[2]["tool_call_id"] == "call_1"
    assert "sunny in Paris" in sent[2]["content"]


async def test_a_chat_keeps_what_was_said(client, upstream) -> None:
    chat = client.chats.create(model=MODEL)
    async for _ in await chat.send_message_stream("one two"):
        pass
    await chat.send_message("three")
    said = upstream.requests[-1].body["messages"]
    assert [message["role"] for message in said] == ["user", "assistant", "user"]
    assert said[1]["content"] == "one two "


async def test_an_answer_of_a_schema(client, upstream) -> None:
    schema = types.Schema(type="OBJECT", properties={"a": types.Schema(type="INTEGER")})
    await client.models.generate_content(
        model=MODEL,
        contents="x",
        config=types.GenerateContentConfig(response_mime_type="application/json", response_schema=schema),
    )
    form = upstream.requests[-1].body["response_format"]
    assert form["json_schema"]["schema"] == {"type": "object", "properties": {"a": {"type": "integer"}}}


async def test_embed_content(client, upstream) -> None:
    reply = await client.models.embed_content(
        model="openai/text-embedding-3-small",
        contents=["runway", "gate"],
        config=types.EmbedContentConfig(output_dimensionality=8),
    )
    assert all(one.values for one in reply.embeddings)
    sent = upstream.requests[-1].body
    assert (sent["input"], sent["dimensions"]) == (["runway", "gate"], 8)


async def test_errors_are_googles(client, served, upstream) -> None:
    with pytest.raises(errors.ClientError) as raised:
        await client.models.generate_content(model="acme/none", contents="x")
    assert (raised.value.code, raised.value.status) == (400, "INVALID_ARGUMENT")
    upstream.script(*[Answer(429, {"error": {"message": "slow", "code": "rate_limit_exceeded"}})] * 3)
    with pytest.raises(errors.ClientError) as raised:
        await client.models.generate_content(model=MODEL, contents="x")
    assert (raised.value.code, raised.value.status) == (429, "RESOURCE_EXHAUSTED")
    async with sdk(served, "tw-v1-wrong") as stranger:
        with pytest.raises(errors.ClientError) as raised:
            await stranger.models.generate_content(model=MODEL, contents="x")
    assert (raised.value.code, raised.value.status) == (401, "UNAUTHENTICATED")


async def test_a_stream_that_fails_says_so(client, upstream) -> None:
    upstream.script(
        Message(message={"content": "one two three"}, error={"error": {"message": "broken", "type": "server_error"}})
    )
    stream = await client.models.generate_content_stream(model=MODEL, contents="x")
    with pytest.raises(errors.APIError) as raised:
        async for _ in stream:
            pass
    assert raised.value.code >= 500
