"""The official openai SDK's responses and legacy completions, pointed at the gateway. The provider behind it knows only chat, and is strict."""

import json

import openai
import pytest
from pydantic import BaseModel
from upstream import Answer, Message

MODEL = "openai/gpt-4o"
WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "Tell the weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}


@pytest.fixture
async def client(served):
    async with openai.AsyncOpenAI(base_url=served.base_url, api_key=served.key, max_retries=0) as made:
        yield made


async def test_a_response(client, upstream) -> None:
    reply = await client.responses.create(
        model=MODEL, instructions="Be brief.", input="Say these four words", max_output_tokens=20, store=False
    )
    assert reply.output_text == "Say these four words"
    assert (reply.status, reply.model, reply.instructions) == ("completed", MODEL, "Be brief.")
    assert reply.id.startswith("gen-")
    assert reply.usage.total_tokens == reply.usage.input_tokens + reply.usage.output_tokens
    assert reply.usage.cost > 0
    sent = upstream.requests[-1].body
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}
    assert sent["max_tokens"] == 20


async def test_the_stream_helper_sees_a_whole_response(client) -> None:
    async with client.responses.stream(model=MODEL, input="Say these four words") as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_response()
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert final.output_text == "Say these four words "
    assert final.usage.cost > 0


async def test_tools_in_a_conversation_that_is_sent_whole(client, upstream) -> None:
    upstream.script(Message({"content": None, "tool_calls": [CALL]}, "tool_calls"))
    asked = [{"role": "user", "content": "Weather in Paris?"}]
    reply = await client.responses.create(model=MODEL, input=asked, tools=[WEATHER])
    (call,) = reply.output
    assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "weather", {"city": "Paris"})
    answer = {"type": "function_call_output", "call_id": call.call_id, "output": "Sunny there"}
    reply = await client.responses.create(model=MODEL, input=[*asked, *reply.output, answer], tools=[WEATHER])
    assert reply.output_text == "Sunny there"
    assert upstream.requests[-1].body["messages"][1]["tool_calls"] == [CALL]


async def test_streamed_tools(client, upstream) -> None:
    upstream.script(Message({"content": None, "tool_calls": [CALL, {**CALL, "id": "call_2"}]}, "tool_calls"))
    done = [
        event
        async for event in await client.responses.create(model=MODEL, input="Go", tools=[WEATHER], stream=True)
        if event.type == "response.output_item.done"
    ]
    assert [(event.item.call_id, event.item.arguments) for event in done] == [
        ("call_1", '{"city": "Paris"}'),
        ("call_2", '{"city": "Paris"}'),
    ]


class Place(BaseModel):
    city: str
    country: str


async def test_structured_output(client, upstream) -> None:
    upstream.script(Message({"content": '{"city": "Paris", "country": "France"}'}))
    reply = await client.responses.parse(model=MODEL, input="Where?", text_format=Place)
    assert reply.output_parsed == Place(city="Paris", country="France")
    assert upstream.requests[-1].body["response_format"]["json_schema"]["strict"] is True


@pytest.mark.parametrize("fields", [{"store": True}, {"previous_response_id": "resp_1"}])
async def test_what_needs_a_store_is_refused_by_field(client, fields) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        await client.responses.create(model=MODEL, input="Hello", **fields)
    assert raised.value.param == next(iter(fields))


async def test_an_error_before_the_first_token_is_the_sdks_own(client, upstream) -> None:
    upstream.always(
        Answer(429, {"error": {"message": "scripted", "code": "rate_limit_exceeded"}}, {"retry-after": "30"})
    )
    for stream in (False, True):
        with pytest.raises(openai.RateLimitError):
            await client.responses.create(model=MODEL, input="Hello", stream=stream)


async def test_a_stream_that_breaks_fails_in_so_many_words(client, upstream) -> None:
    upstream.script(Message({"content": "one two three four"}, cut=3))
    events = [event async for event in await client.responses.create(model=MODEL, input="Hello", stream=True)]
    assert [event.type for event in events[-2:]] == ["error", "response.failed"]
    assert events[-1].response.status == "failed"
    assert [event.sequence_number for event in events] == list(range(len(events)))


async def test_a_text_completion(client, upstream) -> None:
    reply = await client.completions.create(model=MODEL, prompt="Say these four words", max_tokens=20)
    assert reply.choices[0].text == "Say these four words"
    assert (reply.object, reply.model) == ("text_completion", MODEL)
    assert reply.usage.cost > 0
    assert upstream.requests[-1].body["messages"] == [{"role": "user", "content": "Say these four words"}]


async def test_a_streamed_text_completion(client) -> None:
    chunks = [chunk async for chunk in await client.completions.create(model=MODEL, prompt="Say it", stream=True)]
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == "Say it "
    assert chunks[-1].usage.total_tokens > 0
