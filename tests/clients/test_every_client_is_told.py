"""Official clients over every API that providers speak: what fails is each client's own exception. The same cases for each pair."""

import pytest
from clients.pairs import EVERY_PAIR, EVERY_SPEAKER, WHOLE_AND_STREAMED, both
from clients.speakers import Ask
from clients.upstreams import SPARE

TEXT = "one two three four five six"
EXACT = f"reply exactly: {TEXT}"

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # The openrouter SDK warns of fields of its own that it calls deprecated and required at once.
    pytest.mark.filterwarnings("ignore:warning. .. DEPRECATED:DeprecationWarning"),
]


@EVERY_PAIR
async def test_a_rate_limit_says_when_to_come_back(speaking, speaker, row, scarce_site):
    client = speaking(speaker, scarce_site)
    ask = Ask(model=row.model[0], text=EXACT)
    await client.ask(ask)
    for say in both(client):
        with pytest.raises(client.raises["limited"]) as raised:
            await say(ask)
        assert client.status(raised.value) == 429
        # Taxiway adds at most a tenth, so that not all come back at once.
        assert 0 < int(client.headers(raised.value)["retry-after"]) <= 66


@EVERY_PAIR
async def test_a_provider_that_is_down(speaking, speaker, row, site):
    site.fails(row.name, kind="server_error")
    client = speaking(speaker, site)
    for say in both(client):
        with pytest.raises(client.raises["down"]) as raised:
            await say(Ask(model=row.model[0], text=EXACT))
        assert client.status(raised.value) == 502


@EVERY_PAIR
@WHOLE_AND_STREAMED
async def test_another_provider_serves_where_the_first_is_down(speaking, speaker, row, site, streamed):
    site.fails(row.name, kind="server_error")
    answer = await both(speaking(speaker, site))[streamed](Ask(model=f"safe/{row.name}", text=EXACT))
    assert answer.text == TEXT
    assert site.simulations[row.name].asked
    assert len(site.simulations["second"].asked) == 1


@EVERY_PAIR
@pytest.mark.parametrize("kind", ["error_in_stream", "cut"])
async def test_a_stream_that_breaks_after_its_first_token(speaking, speaker, row, site, kind):
    # What comes together with its failure reaches nobody: the first token comes alone.
    client, seen = speaking(speaker, site), site.pauses(row.name, 5.0)
    site.fails(row.name, kind=kind, after=2)
    with pytest.raises(client.raises["stream"]):
        await client.stream(Ask(model=f"safe/{row.name}", text=EXACT), seen)
    assert seen
    assert TEXT.startswith("".join(seen))
    assert not site.simulations["second"].asked


@EVERY_SPEAKER
async def test_a_wrong_key(speaking, speaker, site):
    client = speaking(speaker, site, "tw-v1-of-somebody-else")
    for say in both(client):
        with pytest.raises(client.raises["key"]) as raised:
            await say(Ask(model=SPARE, text="x"))
        assert client.status(raised.value) == 401


@EVERY_SPEAKER
async def test_a_model_that_nobody_has(speaking, speaker, site):
    client = speaking(speaker, site)
    for say in both(client):
        with pytest.raises(client.raises["model"], match="no/such") as raised:
            await say(Ask(model="no/such", text="x"))
        assert client.status(raised.value) == 400
