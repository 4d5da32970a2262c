"""The official openrouter SDK, which is strict: it refuses a reply that lacks a field it calls required."""

import pytest
from openrouter import OpenRouter, errors
from upstream import Answer, Message

MODEL = "openai/gpt-4o"
ASK = [{"role": "user", "content": "Say these four words"}]

# The SDK warns of fields of its own that it calls deprecated and required at once.
pytestmark = pytest.mark.filterwarnings("ignore:warning. .. DEPRECATED:DeprecationWarning")


@pytest.fixture
async def client(served):
    async with OpenRouter(api_key=served.key, server_url=served.base_url, retry_config=None) as made:
        yield made


async def test_chat(client) -> None:
    reply = await client.chat.send_async(model=MODEL, messages=ASK)
    assert reply.choices[0].message.content == "Say these four words"
    assert reply.usage.total_tokens == 8


async def test_streamed_chat(client) -> None:
    text, usage = "", None
    async with await client.chat.send_async(model=MODEL, messages=ASK, stream=True) as events:
        async for event in events:
            usage = event.usage or usage
            for choice in event.choices:
                text += choice.delta.content or ""
    assert text == "Say these four words "
    assert usage.total_tokens == 8


async def test_an_error_inside_a_stream(client, upstream) -> None:
    upstream.script(Message({"content": "one two three"}, error={"message": "broke", "code": "server_error"}))
    last = None
    async with await client.chat.send_async(model=MODEL, messages=ASK, stream=True) as events:
        async for event in events:
            last = event
    assert last.error.code == 502
    assert last.choices[0].finish_reason == "error"


async def test_routing_preferences(client, upstream) -> None:
    reply = await client.chat.send_async(
        models=[MODEL, "openai/gpt-4o-mini"], messages=ASK, provider={"order": ["strict"], "allow_fallbacks": False}
    )
    assert reply.model == MODEL
    with pytest.raises(errors.NotFoundResponseError):
        await client.chat.send_async(model=MODEL, messages=ASK, provider={"only": ["another"]})


async def test_embeddings(client) -> None:
    reply = await client.embeddings.generate_async(model="openai/text-embedding-3-small", input=["a", "b"])
    assert len(reply.data) == 2


async def test_models(client) -> None:
    listed = await client.models.list_async()
    models = listed.result.data if hasattr(listed, "result") else listed.data
    assert {model.id for model in models} >= {MODEL}


async def test_endpoints(client) -> None:
    reply = await client.endpoints.list_async(author="openai", slug="gpt-4o")
    (endpoint,) = reply.data.endpoints
    assert (endpoint.tag, endpoint.pricing.prompt) == ("strict", "0.0000025")


async def test_the_endpoints_of_a_name_of_ones_own(client) -> None:
    reply = await client.endpoints.list_async(author="team", slug="fast")
    assert [endpoint.model_id for endpoint in reply.data.endpoints] == ["openai/gpt-4o-mini", "openai/gpt-4o"]


async def test_the_key(client) -> None:
    reply = await client.api_keys.get_current_key_metadata_async()
    assert reply.data.label
    assert reply.data.usage == 0


async def test_a_generation(client, served) -> None:
    sent = await client.chat.send_async(model=MODEL, messages=ASK)
    found = None
    for _ in range(200):
        try:
            found = await client.generations.get_generation_async(id=sent.id)
            break
        except errors.NotFoundResponseError:
            await served.router.clock.sleep(0.02)
    assert found is not None
    assert found.data.model == MODEL
    assert found.data.total_cost == pytest.approx(sent.usage.cost)
    assert found.data.latency is not None
    assert found.data.provider_responses[0].status == 200
    assert found.data.provider_responses[0].id == "chatcmpl-upstream"


@pytest.mark.parametrize(("status", "code", "expected"), [
    (400, "bad", errors.BadRequestResponseError),
    (402, "billing", errors.PaymentRequiredResponseError),
    (403, "no_access", errors.ForbiddenResponseError),
    (404, "model_not_found", errors.NotFoundResponseError),
    (413, "too_large", errors.PayloadTooLargeResponseError),
    (429, "rate_limit_exceeded", errors.TooManyRequestsResponseError),
    (500, "server_error", errors.BadGatewayResponseError),
    (503, "overloaded", errors.ServiceUnavailableResponseError),
])  # fmt: skip
async def test_errors(client, upstream, status, code, expected) -> None:
    upstream.always(Answer(status, {"error": {"message": "scripted", "type": "x", "param": None, "code": code}}))
    with pytest.raises(expected) as raised:
        await client.chat.send_async(model=MODEL, messages=ASK)
    assert raised.value.data.error.message


async def test_a_wrong_key(served) -> None:
    async with OpenRouter(api_key="sk-or-v1-of-somebody-else", server_url=served.base_url) as client:
        with pytest.raises(errors.UnauthorizedResponseError):
            await client.chat.send_async(model=MODEL, messages=ASK)
        # At OpenRouter this route needs no key, so the SDK has no class for it.
        with pytest.raises(errors.OpenRouterError) as raised:
            await client.models.list_async()
        assert raised.value.status_code == 401


async def test_a_response(client) -> None:
    reply = await client.responses.send_async(model=MODEL, input="Say these four words", instructions="Be brief.")
    assert reply.output[0].content[0].text == "Say these four words"
    assert (reply.status, reply.model, reply.usage.total_tokens) == ("completed", MODEL, 8)
    assert reply.usage.cost > 0


async def test_a_streamed_response(client, upstream) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
    upstream.script(Message({"content": "Wait", "reasoning": "Well", "tool_calls": [call]}, "tool_calls"))
    async with await client.responses.send_async(model=MODEL, input="Weather?", stream=True) as events:
        told = [event async for event in events]
    assert told[-1].type == "response.completed"
    assert [item.type for item in told[-1].response.output][-1] == "function_call"
    assert [event.sequence_number for event in told] == list(range(len(told)))


async def test_a_response_that_fails_in_its_stream(client, upstream) -> None:
    upstream.script(Message({"content": "one two three"}, error={"message": "broke", "code": "server_error"}))
    async with await client.responses.send_async(model=MODEL, input="Go", stream=True) as events:
        told = [event async for event in events]
    assert [event.type for event in told[-2:]] == ["error", "response.failed"]
