"""What only some official clients ask, over every API that providers speak: thinking, schemas, legacy completions, other addresses."""

import anthropic
import openai
import pytest
from clients import upstreams
from clients.pairs import both
from clients.speakers import Ask, Gemini, Messages
from doors import KEY
from google.genai import types
from pydantic import BaseModel

TEXT = "one two three four five six"
EXACT = f"reply exactly: {TEXT}"

pytestmark = pytest.mark.asyncio(loop_scope="module")
EVERY_ROW = pytest.mark.parametrize("row", upstreams.UPSTREAMS, ids=lambda row: row.name)


class Place(BaseModel):
    city: str
    height: int


@pytest.fixture
async def gpt(site):
    async with openai.AsyncOpenAI(base_url=f"{site.origin}/api/v1", api_key=KEY, max_retries=0) as client:
        yield client


@EVERY_ROW
async def test_an_answer_of_a_schema_by_chat(gpt, row):
    ask = [{"role": "user", "content": "Where?"}]
    made = await gpt.chat.completions.parse(model=row.model[0], messages=ask, response_format=Place)
    assert made.choices[0].message.parsed == Place(city="simulated", height=0)


@EVERY_ROW
async def test_an_answer_of_a_schema_by_responses(gpt, row):
    made = await gpt.responses.parse(model=row.model[0], input="Where?", text_format=Place, store=False)
    assert made.output_parsed == Place(city="simulated", height=0)


@EVERY_ROW
async def test_an_answer_of_a_schema_by_gemini(speaking, site, row):
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Place)
    client = speaking(Gemini, site).client
    made = await client.generate_content(model=row.model[0], contents="Where?", config=config)
    assert made.parsed == Place(city="simulated", height=0)


@EVERY_ROW
async def test_an_answer_of_a_schema_by_messages(speaking, site, row):
    client = speaking(Messages, site).client
    ask = [{"role": "user", "content": "Where?"}]
    made = await client.messages.parse(model=row.model[0], messages=ask, max_tokens=100, output_format=Place)
    assert made.parsed_output == Place(city="simulated", height=0)


@EVERY_ROW
async def test_claudes_thinking_is_asked_for_where_there_is_any(speaking, site, row):
    client = speaking(Messages, site).client
    made = await client.messages.create(
        model=row.model[0],
        messages=[{"role": "user", "content": EXACT}],
        max_tokens=4000,
        thinking={"type": "enabled", "budget_tokens": 2000},
    )
    assert made.content[-1].text == TEXT
    sent = site.simulations[row.name].asked[-1].body
    thinks = {"anthropic": b'"budget_tokens":2000', "gemini": b'"thinkingBudget":2000', "responses": b'"reasoning":{'}
    assert thinks.get(row.name, b"") in sent


@EVERY_ROW
async def test_legacy_completions(gpt, row):
    made = await gpt.completions.create(model=row.model[0], prompt=EXACT, max_tokens=50)
    assert made.choices[0].text == TEXT
    assert made.usage.completion_tokens == 6
    stream = await gpt.completions.create(model=row.model[0], prompt=EXACT, max_tokens=50, stream=True)
    assert "".join([choice.text async for chunk in stream for choice in chunk.choices]) == TEXT


async def test_embeddings(gpt, speaking, site):
    made = await gpt.embeddings.create(model=upstreams.EMBEDS, input=["runway", "gate"])
    by_google = await speaking(Gemini, site).client.embed_content(model=upstreams.EMBEDS, contents=["runway", "gate"])
    assert [one.values for one in by_google.embeddings] == [pytest.approx(row.embedding, abs=1e-6) for row in made.data]


@pytest.mark.parametrize("path", ["", "/api"])
async def test_claudes_client_finds_the_gateway_at_either_address(site, path):
    async with anthropic.AsyncAnthropic(base_url=site.origin + path, api_key=KEY, max_retries=0) as client:
        made = await client.messages.create(
            model=upstreams.SPARE, max_tokens=50, messages=[{"role": "user", "content": EXACT}]
        )
        assert made.content[0].text == TEXT


@pytest.mark.parametrize("path", ["", "/api"])
async def test_googles_client_finds_the_gateway_at_either_address(site, path):
    client = Gemini(site.origin + path, KEY)
    for say in both(client):
        assert (await say(Ask(model=upstreams.SPARE, text=EXACT))).text == TEXT
    await client.aclose()
