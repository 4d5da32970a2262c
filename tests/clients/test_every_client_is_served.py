"""Official clients over every API that providers speak: answers, streams, tools, pictures. The same cases for each pair.

Providers are the real plugins; their servers are simulated, on loopback.
"""

import pytest
from clients.pairs import EVERY_PAIR, WHOLE_AND_STREAMED, both
from clients.speakers import PICTURE, WEATHER, Ask

TEXT = "one two three four five six"
EXACT = f"reply exactly: {TEXT}"
SYSTEM = "Speak like a controller."
ENDS = {"stop", "completed", "end_turn", "STOP"}
CALLS = {"tool_calls", "completed", "tool_use", "STOP"}

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # The openrouter SDK warns of fields of its own that it calls deprecated and required at once.
    pytest.mark.filterwarnings("ignore:warning. .. DEPRECATED:DeprecationWarning"),
]


@EVERY_PAIR
async def test_an_answer_comes_with_its_usage(speaking, speaker, row, site):
    answer = await speaking(speaker, site).ask(Ask(model=row.model[0], text=EXACT, system=SYSTEM))
    assert answer.text == TEXT
    assert answer.into > 0
    assert answer.out == 6
    assert answer.end in ENDS
    (asked,) = site.simulations[row.name].asked
    assert asked.path.startswith(row.path)
    assert SYSTEM.encode() in asked.body


@EVERY_PAIR
async def test_a_stream_says_the_same(speaking, speaker, row, site):
    client, seen = speaking(speaker, site), []
    whole = await client.ask(Ask(model=row.model[0], text=EXACT))
    streamed = await client.stream(Ask(model=row.model[0], text=EXACT), seen)
    assert len(seen) > 1
    assert "".join(seen) == streamed.text == TEXT
    assert (streamed.into, streamed.out, streamed.end) == (whole.into, whole.out, whole.end)


@EVERY_PAIR
@WHOLE_AND_STREAMED
async def test_a_tool_is_called_and_its_result_is_answered(speaking, speaker, row, site, streamed):
    say = both(speaking(speaker, site))[streamed]
    ask = Ask(model=row.model[0], text=f"call {WEATHER}", tools=True)
    called = await say(ask)
    (call,) = called.calls
    assert call.id
    assert (call.name, call.arguments) == (WEATHER, {"city": "simulated"})
    assert called.end in CALLS
    answer = await say(Ask(model=ask.model, text=ask.text, tools=True, after=called, result="sunny, 21 degrees"))
    assert "sunny, 21 degrees" in answer.text
    assert not answer.calls
    assert answer.end in ENDS


@EVERY_PAIR
async def test_a_picture_arrives(speaking, speaker, row, site):
    client = speaking(speaker, site)
    answer = await client.ask(Ask(model=row.seeing[0], text=EXACT, picture=True))
    assert answer.text == TEXT
    sent = site.simulations[row.name].asked[-1].body.decode()
    if client.dialect == row.name == "gemini":
        # What the SDK sends goes through as it is, and it has the alphabet for addresses.
        sent = sent.replace("-", "+").replace("_", "/")
    assert PICTURE in sent
