"""What servers say otherwise than OpenAI is brought to what OpenAI's says: usage, and reasoning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway.testing.dialect import JSON
from taxiway_openai_compatible import quirks


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        # Together; DeepSeek; SGLang.
        ({"cached_tokens": 4}, {"prompt_tokens_details": {"cached_tokens": 4}}),
        ({"prompt_cache_hit_tokens": 4, "prompt_tokens_details": {"cached_tokens": 3}}, {}),
        (
            {"reasoning_tokens": 4, "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0}},
            {"completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 0}},
        ),
        ({"reasoning_tokens": 0, "prompt_tokens_details": None}, {}),
        # xAI; whoever counts as OpenAI does.
        ({"total_tokens": 24, "completion_tokens_details": {"reasoning_tokens": 9}}, {"completion_tokens": 14}),
        ({"total_tokens": 15, "completion_tokens_details": {"reasoning_tokens": 2}}, {}),
        # Grok at Azure.
        ({"prompt_tokens_details": {"cached_tokens": 192}}, {"prompt_tokens_details": {"cached_tokens": 10}}),
        ({"cached_tokens": "4", "total_tokens": None}, {}),
        ({"cost_in_usd_ticks": 37_756_000}, {"cost": 0.0037756}),
    ],
)
def test_usage_means_what_openais_means(sent, meant):
    usage = {"prompt_tokens": 10, "completion_tokens": 5, **sent}
    for make in (quirks.chunk, quirks.reply):
        details = {name: dict(value) for name, value in usage.items() if isinstance(value, dict)}
        (event,) = make({"choices": [], "usage": {**usage, **details}})
        assert event["usage"] == {**usage, **meant}


@pytest.mark.parametrize(("make", "member"), [(quirks.chunk, "delta"), (quirks.reply, "message")])
@pytest.mark.parametrize(
    ("sent", "reasoning"),
    [
        ({"reasoning_content": "b", "content": "a"}, "b"),
        ({"reasoning_content": None, "content": "a"}, None),
        ({"reasoning_content": "", "content": "a"}, None),
        ({"reasoning_content": "b", "reasoning": "c"}, "c"),
        ({"reasoning": "c"}, "c"),
    ],
)
def test_reasoning_is_told_by_its_canonical_name_too(make, member, sent, reasoning):
    (event,) = make({"choices": [{member: dict(sent)}]})
    told = event["choices"][0][member]
    assert told.get("reasoning") == reasoning
    assert {**told, "reasoning": None} == {**sent, "reasoning": None}


@given(usage=JSON, content=st.dictionaries(st.sampled_from(("reasoning_content", "reasoning", "content")), JSON))
def test_whatever_usage_and_reasoning_are_nothing_is_raised(usage, content):
    quirks.chunk({"choices": [{"delta": dict(content)}], "usage": usage})
    quirks.reply({"choices": [{"message": dict(content)}], "usage": usage})
