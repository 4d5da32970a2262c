"""The official openai SDK, pointed at the gateway by base URL and key alone. The provider behind it is strict."""

import asyncio
import base64
import json
import struct

import openai
import pytest
from pydantic import BaseModel
from upstream import Answer, Message, vector

MODEL = "openai/gpt-4o"
ASK = [{"role": "user", "content": "Say these four words"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}


@pytest.fixture
async def client(served):
    async with openai.AsyncOpenAI(base_url=served.base_url, api_key=served.key, max_retries=0) as made:
        yield made


async def test_chat(client, upstream) -> None:
    reply = await client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "system", "content": "Be brief."}, {"role": "developer", "content": "Be kind."}, *ASK],
        temperature=0.5, max_completion_tokens=20, seed=1, stop=["x"], user="u", metadata={"a": "b"}, n=1,
    )  # fmt: skip
    assert reply.choices[0].message.content == "Say these four words"
    assert reply.choices[0].finish_reason == "stop"
    assert reply.id.startswith("gen-")
    assert reply.model == MODEL
    assert reply.usage.total_tokens == 8
    assert reply.usage.cost == pytest.approx(4 * 2.5e-6 + 4 * 10e-6)
    assert reply._request_id
    sent = upstream.requests[-1].body
    assert (sent["model"], sent["seed"], sent["stop"]) == ("gpt-4o", 1, ["x"])


async def test_a_provider_is_named_by_its_own_id_too(client) -> None:
    reply = await client.chat.completions.create(model="strict/gpt-4o-mini", messages=ASK)
    assert reply.choices[0].message.content


async def test_streamed_chat(client, upstream) -> None:
    text, usage, finishes = "", None, []
    async for chunk in await client.chat.completions.create(
        model=MODEL, messages=ASK, stream=True, stream_options={"include_usage": True}
    ):
        assert chunk.id.startswith("gen-")
        assert chunk.model == MODEL
        if chunk.usage is not None:
            assert usage is None
            usage = chunk.usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finishes.append(choice.finish_reason)
    assert text == "Say these four words "
    assert finishes[-1] == "stop"
    assert usage.total_tokens == 8
    assert usage.cost > 0
    assert upstream.requests[-1].body["stream_options"] == {"include_usage": True}


async def test_the_stream_helper(client) -> None:
    async with client.chat.completions.stream(model=MODEL, messages=ASK) as stream:
        async for _ in stream:
            pass
        final = await stream.get_final_completion()
    assert final.choices[0].message.content == "Say these four words "


async def test_tools(client, upstream) -> None:
    upstream.script(Message({"content": None, "tool_calls": [CALL]}, "tool_calls"))
    reply = await client.chat.completions.create(
        model=MODEL, messages=ASK, tools=[WEATHER], tool_choice="auto", parallel_tool_calls=True
    )
    (call,) = reply.choices[0].message.tool_calls
    assert reply.choices[0].finish_reason == "tool_calls"
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    answer = {"role": "tool", "tool_call_id": call.id, "content": "Sunny there"}
    reply = await client.chat.completions.create(
        model=MODEL, messages=[*ASK, reply.choices[0].message, answer], tools=[WEATHER]
    )
    assert reply.choices[0].message.content == "Sunny there"
    assert upstream.requests[-1].body["messages"][1]["tool_calls"][0]["function"]["name"] == "weather"


async def test_streamed_tools(client, upstream) -> None:
    upstream.script(Message({"content": None, "tool_calls": [CALL, {**CALL, "id": "call_2"}]}, "tool_calls"))
    calls: dict[int, dict[str, str]] = {}
    async for chunk in await client.chat.completions.create(model=MODEL, messages=ASK, tools=[WEATHER], stream=True):
        for choice in chunk.choices:
            for delta in choice.delta.tool_calls or ():
                call = calls.setdefault(delta.index, {"id": delta.id, "name": delta.function.name, "arguments": ""})
                call["arguments"] += delta.function.arguments or ""
    assert [(call["id"], call["name"]) for call in calls.values()] == [("call_1", "weather"), ("call_2", "weather")]
    assert [json.loads(call["arguments"]) for call in calls.values()] == [{"city": "Paris"}] * 2


class Place(BaseModel):
    city: str
    country: str


async def test_structured_output(client, upstream) -> None:
    upstream.script(Message({"content": '{"city": "Paris", "country": "France"}'}))
    reply = await client.chat.completions.parse(model=MODEL, messages=ASK, response_format=Place)
    assert reply.choices[0].message.parsed == Place(city="Paris", country="France")
    assert upstream.requests[-1].body["response_format"]["json_schema"]["strict"] is True


async def test_images_in_messages(client, upstream) -> None:
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
    ]
    reply = await client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": parts}])
    assert reply.choices[0].message.content == "What is this? [image_url] [image_url]"
    assert upstream.requests[-1].body["messages"][0]["content"] == parts


@pytest.mark.parametrize("given", ["one text", ["one", "two"], [1, 2, 3], [[1, 2], [3]]])
async def test_embeddings(client, given) -> None:
    # The SDK asks for base64 by itself, and decodes it.
    reply = await client.embeddings.create(model="openai/text-embedding-3-small", input=given)
    count = 1 if isinstance(given, str) or isinstance(given[0], int) else len(given)
    assert [row.embedding for row in reply.data] == [vector(seed) for seed in range(count)]
    assert reply.model == "openai/text-embedding-3-small"
    assert reply.usage.prompt_tokens == 3 * count


@pytest.mark.parametrize("encoding", ["float", "base64"])
async def test_embeddings_as_asked_for(client, encoding) -> None:
    reply = await client.embeddings.create(
        model="openai/text-embedding-3-small", input="text", encoding_format=encoding, dimensions=4
    )
    embedding = reply.data[0].embedding
    if encoding == "base64":
        embedding = list(struct.unpack("<4f", base64.b64decode(embedding)))
    assert embedding == vector(0)


async def test_models_list(client) -> None:
    models = [model async for model in await client.models.list()]
    assert [await client.models.retrieve(model.id) for model in models] == models
    assert {model.id for model in models} >= {"openai/gpt-4o", "openai/gpt-4o-mini"}
    assert {model.object for model in models} == {"model"}


async def test_a_name_of_ones_own_is_listed_and_served(client) -> None:
    (named,) = [model async for model in await client.models.list() if model.id.startswith("team/")]
    assert named.description == "Tries openai/gpt-4o-mini, then openai/gpt-4o."
    assert (await client.models.retrieve(named.id)) == named
    assert (await client.chat.completions.create(model=named.id, messages=ASK)).model == "openai/gpt-4o-mini"


async def test_headers_of_a_reply(client) -> None:
    raw = await client.chat.completions.with_raw_response.create(model=MODEL, messages=ASK)
    assert raw.headers["x-generation-id"] == raw.parse().id


def _error(status: int, code: str, **headers: str) -> Answer:
    return Answer(status, {"error": {"message": "scripted", "type": "x", "param": None, "code": code}}, headers)


@pytest.mark.parametrize(("answer", "expected", "error_type"), [
    (_error(400, "bad_thing"), openai.BadRequestError, "invalid_request"),
    (_error(400, "context_length_exceeded"), openai.BadRequestError, "context_length_exceeded"),
    (_error(402, "billing"), openai.APIStatusError, "payment_required"),
    (_error(403, "no_access"), openai.PermissionDeniedError, "permission_denied"),
    (_error(404, "model_not_found"), openai.NotFoundError, "not_found"),
    (_error(413, "too_large"), openai.APIStatusError, "payload_too_large"),
    (_error(422, "odd"), openai.BadRequestError, "invalid_request"),
    (_error(429, "rate_limit_exceeded", **{"retry-after": "30"}), openai.RateLimitError, "rate_limit_exceeded"),
    (_error(429, "insufficient_quota"), openai.APIStatusError, "payment_required"),
    (_error(500, "server_error"), openai.InternalServerError, "provider_unavailable"),
    (_error(503, "overloaded"), openai.InternalServerError, "provider_overloaded"),
])  # fmt: skip
async def test_each_error_is_the_sdks_own(client, upstream, answer, expected, error_type) -> None:
    upstream.always(answer)
    for stream in (False, True):
        with pytest.raises(expected) as raised:
            await client.chat.completions.create(model=MODEL, messages=ASK, stream=stream)
        assert raised.value.body["metadata"]["error_type"] == error_type
        assert raised.value.status_code == raised.value.body["code"]


async def test_a_rate_limit_says_when_to_come_back(client, upstream) -> None:
    upstream.always(_error(429, "rate_limit_exceeded", **{"retry-after": "30"}))
    with pytest.raises(openai.RateLimitError) as raised:
        await client.chat.completions.create(model=MODEL, messages=ASK)
    assert 25 <= int(raised.value.response.headers["retry-after"]) <= 33
    assert int(raised.value.response.headers["retry-after-ms"]) > 25_000


async def test_a_wrong_provider_key_is_not_the_callers_fault(client, upstream) -> None:
    upstream.keys = {"sk-another"}
    with pytest.raises(openai.PermissionDeniedError):
        await client.chat.completions.create(model=MODEL, messages=ASK)


async def test_a_wrong_key_is_the_callers_fault(served) -> None:
    async with openai.AsyncOpenAI(
        base_url=served.base_url, api_key="sk-wrong-key-of-somebody", max_retries=0
    ) as client:
        with pytest.raises(openai.AuthenticationError):
            await client.chat.completions.create(model=MODEL, messages=ASK)
        with pytest.raises(openai.AuthenticationError):
            await client.models.list()


@pytest.mark.parametrize(("body", "field"), [
    ({"model": "no/such-model", "messages": ASK}, "no/such-model"),
    ({"model": MODEL, "messages": []}, "messages"),
    ({"model": MODEL, "messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
    ({"model": MODEL, "messages": ASK, "temperature": 9}, "temperature"),
    ({"model": MODEL, "messages": ASK, "extra_body": {"provider": {"order": 1}}}, "provider.order"),
    ({"model": MODEL, "messages": ASK, "extra_body": {"plugins": [{"id": "web", "engine": "exa"}]}}, "plugins[0]"),
    ({"model": MODEL, "messages": ASK, "extra_body": {"preset": "support"}}, "preset"),
    ({"model": f"{MODEL}@preset/support", "messages": ASK}, "model"),
])  # fmt: skip
async def test_our_own_refusals_name_the_field(client, upstream, body, field) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        await client.chat.completions.create(**body)
    assert field in raised.value.body["message"]
    assert upstream.requests == []


async def test_fields_that_ask_for_nothing_go_no_further(client, upstream) -> None:
    extra = {
        "plugins": [{"id": "web", "enabled": False}], "preset": None, "transforms": ["middle-out"], "route": "fallback",
        "session_id": "s", "trace": {"trace_id": "t"},
    }  # fmt: skip
    for given in (extra, {"plugins": []}, {"plugins": None}):
        await client.chat.completions.create(model=MODEL, messages=ASK, user="u", extra_body=given)
        assert not extra.keys() & upstream.requests[-1].body.keys()


async def read(client, seen: list[str]) -> None:
    """Read a stream to its end; `seen` takes its text."""
    async for chunk in await client.chat.completions.create(model=MODEL, messages=ASK, stream=True):
        seen += [choice.delta.content or "" for choice in chunk.choices]


async def test_an_error_inside_a_stream_is_raised(client, upstream) -> None:
    upstream.script(Message({"content": "one two three"}, error={"message": "broke", "code": "server_error"}))
    seen: list[str] = []
    with pytest.raises(openai.APIError) as raised:
        await read(client, seen)
    assert raised.value.body["code"] == 502
    assert seen[:2] == ["", "one "]


async def test_a_stream_that_is_cut_is_never_a_success(client, upstream) -> None:
    upstream.script(Message({"content": "one two three"}, cut=3))
    with pytest.raises(openai.APIError):
        await read(client, [])


async def test_the_sdk_retries_what_can_be_retried(served, upstream) -> None:
    upstream.always(_error(429, "insufficient_quota"))
    async with openai.AsyncOpenAI(base_url=served.base_url, api_key=served.key) as client:
        with pytest.raises(openai.APIStatusError):
            await client.chat.completions.create(model=MODEL, messages=ASK)
    assert len(upstream.requests) == 1, "quota is gone: no client may try again"


async def test_a_large_body_gets_its_answer(served) -> None:
    async with openai.AsyncOpenAI(base_url=served.base_url, api_key=served.key, max_retries=0) as client:
        with pytest.raises(openai.APIStatusError) as raised:
            await client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": "x" * 34 * 1024 * 1024}]
            )
    assert raised.value.status_code == 413


async def test_many_at_once(client) -> None:
    replies = await asyncio.gather(
        *[
            client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": str(n)}])
            for n in range(50)
        ]
    )
    assert [reply.choices[0].message.content for reply in replies] == [str(n) for n in range(50)]


async def test_a_plan_is_explained_without_asking_anybody(client, upstream) -> None:
    told = await client.post("/explain", body={"model": MODEL, "messages": ASK}, cast_to=object)
    assert "main" in str(told)
    assert "sk-upstream" not in str(told)
    assert upstream.requests == []
    told = await client.post("/explain", body={"model": "no/such", "messages": ASK}, cast_to=object)
    assert "no/such" in told["problem"]
    with pytest.raises(openai.BadRequestError):
        await client.post("/explain", body={"model": MODEL}, cast_to=object)
