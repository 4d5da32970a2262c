"""The simulated APIs beside OpenAI's, read by their vendors' own clients."""

import asyncio
import base64
import contextlib
import json

import anthropic
import botocore.session
import openai
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from google import genai

from taxiway.clock import SystemClock
from taxiway_simulator.options import Fault, Key, Model, Pace, Quota, SimulatorOptions
from taxiway_simulator.server import SimulatorServer
from taxiway_simulator.simulation import Simulation

FAST = Pace(first_token=0.0, tokens_per_second=10_000.0)
TEXT = "one two three four five six"
ASK = f"reply exactly: {TEXT}"
KEY = "simulated-key-one"
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def serving(*faults, **options):
    clock = SystemClock()
    simulated = SimulatorOptions(
        slug="acme", faults=faults, models=(Model(id="m", pace=FAST),), keys=(Key(key=KEY, name="one"),), **options
    )
    return SimulatorServer(Simulation(simulated, clock.now()), clock)


def origin(server):
    return server.base_url.removesuffix("/v1")


class Claude:
    def __init__(self, server, key=KEY):
        self.client = anthropic.AsyncAnthropic(base_url=origin(server), api_key=key, max_retries=0)
        self.aclose = self.client.close

    async def ask(self):
        made = await self.client.messages.create(model="m", max_tokens=100, messages=[{"role": "user", "content": ASK}])
        return made.content[0].text, made.usage.output_tokens

    async def stream(self):
        messages = [{"role": "user", "content": ASK}]
        async with self.client.messages.stream(model="m", max_tokens=100, messages=messages) as stream:
            text = "".join([piece async for piece in stream.text_stream])
            return text, (await stream.get_final_message()).usage.output_tokens

    async def tool(self):
        made = await self.client.messages.create(
            model="m",
            max_tokens=100,
            messages=[{"role": "user", "content": "call get_weather"}],
            tools=[{"name": "get_weather", "input_schema": WEATHER}],
        )
        use = made.content[-1]
        return use.name, use.input, made.stop_reason


class Responses:
    def __init__(self, server, key=KEY):
        self.client = openai.AsyncOpenAI(base_url=server.base_url, api_key=key, max_retries=0)
        self.aclose = self.client.close

    async def ask(self):
        made = await self.client.responses.create(model="m", input=ASK)
        return made.output_text, made.usage.output_tokens

    async def stream(self):
        async with self.client.responses.stream(model="m", input=ASK) as stream:
            text = "".join([event.delta async for event in stream if event.type == "response.output_text.delta"])
            return text, (await stream.get_final_response()).usage.output_tokens

    async def tool(self):
        tool = {"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": False}
        made = await self.client.responses.create(model="m", input="call get_weather", tools=[tool])
        call = made.output[-1]
        return call.name, json.loads(call.arguments), "-"


class Gemini:
    def __init__(self, server, key=KEY):
        options = genai.types.HttpOptions(base_url=origin(server))
        made = genai.Client(api_key=key, http_options=options).aio
        self.client, self.aclose = made.models, made.aclose

    async def ask(self):
        made = await self.client.generate_content(model="m", contents=ASK)
        return made.text, made.usage_metadata.candidates_token_count

    async def stream(self):
        chunks = [chunk async for chunk in await self.client.generate_content_stream(model="m", contents=ASK)]
        text = "".join(chunk.text or "" for chunk in chunks)
        return text, chunks[-1].usage_metadata.candidates_token_count

    async def tool(self):
        declared = genai.types.FunctionDeclaration(name="get_weather", parameters_json_schema=WEATHER)
        config = genai.types.GenerateContentConfig(
            tools=[genai.types.Tool(function_declarations=[declared])],
            automatic_function_calling=genai.types.AutomaticFunctionCallingConfig(disable=True),
        )
        made = await self.client.generate_content(model="m", contents="call get_weather", config=config)
        return made.function_calls[0].name, made.function_calls[0].args, made.candidates[0].finish_reason.value


class Bedrock:
    """botocore waits in threads of its own."""

    def __init__(self, server, key=KEY):
        self.client = botocore.session.get_session().create_client(
            "bedrock-runtime",
            region_name="us-east-1",
            endpoint_url=origin(server),
            aws_access_key_id=key,
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1}),
        )

    async def ask(self):
        made = await self._converse(ASK)
        return made["output"]["message"]["content"][0]["text"], made["usage"]["outputTokens"]

    async def stream(self):
        return await asyncio.to_thread(self._stream)

    def _stream(self):
        made = self.client.converse_stream(modelId="m", messages=[{"role": "user", "content": [{"text": ASK}]}])
        with contextlib.closing(made["stream"]) as stream:
            events = list(stream)
        deltas = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
        return "".join(deltas), events[-1]["metadata"]["usage"]["outputTokens"]

    async def tool(self):
        spec = {"name": "get_weather", "inputSchema": {"json": WEATHER}}
        made = await self._converse("call get_weather", toolConfig={"tools": [{"toolSpec": spec}]})
        use = made["output"]["message"]["content"][-1]["toolUse"]
        return use["name"], use["input"], made["stopReason"]

    async def aclose(self):
        self.client.close()

    async def _converse(self, text, **more):
        message = {"role": "user", "content": [{"text": text}]}
        return await asyncio.to_thread(self.client.converse, modelId="m", messages=[message], **more)


CLIENTS = [Claude, Responses, Gemini, Bedrock]
STATUS = {
    Claude: lambda error: error.status_code,
    Responses: lambda error: error.status_code,
    Gemini: lambda error: error.code,
    Bedrock: lambda error: error.response["ResponseMetadata"]["HTTPStatusCode"],
}
ERRORS = (anthropic.APIStatusError, openai.APIStatusError, genai.errors.APIError, ClientError)


@pytest.mark.parametrize("client", CLIENTS)
async def test_its_own_client_reads_an_answer_a_stream_and_a_tool_call(client):
    async with serving() as server, contextlib.aclosing(client(server)) as asked:
        text, tokens = await asked.ask()
        assert text == TEXT
        assert tokens > 0
        assert await asked.stream() == (text, tokens)
        name, arguments, _ = await asked.tool()
        assert name == "get_weather"
        assert set(arguments) == {"city"}
        assert [seen.key for seen in server.simulation.log] == ["one"] * 3


@pytest.mark.parametrize(
    ("client", "key", "limited", "down"),
    [(Claude, 401, 429, 529), (Responses, 401, 429, 503), (Gemini, 400, 429, 503), (Bedrock, 403, 429, 503)],
)
async def test_errors_are_those_of_its_api(client, key, limited, down):
    async def refused(server, **more):
        async with contextlib.aclosing(client(server, **more)) as asked:
            with pytest.raises(ERRORS) as raised:
                await asked.ask()
        return STATUS[client](raised.value)

    async with serving() as server:
        assert await refused(server, key="another-key") == key
    async with serving(quota=Quota(requests=1)) as server:
        async with contextlib.aclosing(client(server)) as asked:
            await asked.ask()
        assert await refused(server) == limited
    async with serving(Fault(kind="overloaded")) as server:
        assert await refused(server) == down


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("kind", ["error_in_stream", "cut"])
async def test_a_stream_that_breaks_is_no_whole_answer(client, kind):
    async with serving(Fault(kind=kind, after=2)) as server, contextlib.aclosing(client(server)) as asked:
        text = ""
        with contextlib.suppress(Exception):  # each client raises something of its own, some only at the missing end
            text, _ = await asked.stream()
        assert text != TEXT


async def test_claudes_limits_are_told_in_its_headers():
    async with serving(quota=Quota(requests=5)) as server, contextlib.aclosing(Claude(server)) as claude:
        made = await claude.client.messages.with_raw_response.create(
            model="m", max_tokens=9, messages=[{"role": "user", "content": ASK}]
        )
        assert made.headers["anthropic-ratelimit-requests-remaining"] == "4"
        assert made.headers["anthropic-ratelimit-requests-reset"].endswith("Z")


async def test_bedrocks_images_arrive():
    picture = base64.b64decode("iVBORw0KGgo=")
    async with serving() as server, contextlib.aclosing(Bedrock(server)) as bedrock:
        content = [{"text": ASK}, {"image": {"format": "png", "source": {"bytes": picture}}}]
        made = await asyncio.to_thread(
            bedrock.client.converse, modelId="m", messages=[{"role": "user", "content": content}]
        )
        assert made["usage"]["inputTokens"] > 85


@pytest.mark.parametrize(("query", "begins"), [("?alt=sse", b'data: {"candidates"'), ("", b'[{"candidates"')])
def test_google_streams_events_only_where_the_address_says_so(query, begins):
    # Named as Google's own are: what a dialect takes for short to its clients is a server's whole name.
    options = SimulatorOptions(slug="acme", models=(Model(id="gemini-2.5-flash", pace=FAST),))
    target = f"/v1beta/models/gemini-2.5-flash:streamGenerateContent{query}"
    body = json.dumps({"contents": [{"role": "user", "parts": [{"text": ASK}]}]}).encode()
    script, seen = Simulation(options, 0.0).answer("POST", target, {}, body, 0.0)
    assert seen.model == "gemini-2.5-flash"
    assert script.parts[0].data.startswith(begins)


def test_what_a_dialect_can_not_say_is_the_callers_mistake():
    simulation = Simulation(SimulatorOptions(slug="acme", models=(Model(id="m", pace=FAST),)), 0.0)
    body = {"model": "m", "input": ASK, "tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}
    script, _ = simulation.answer("POST", "/v1/responses", {}, json.dumps(body).encode(), 0.0)
    assert script.head.status == 400
    assert json.loads(script.parts[0].data)["error"]["param"] == "tools[0].type"
