"""What servers say otherwise than OpenAI is brought to what OpenAI's says: usage, and reasoning."""

from copy import deepcopy
from types import NoneType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway.errors import Malformed
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


_DELTAS = st.sampled_from([None, {}, {"content": "a"}, {"reasoning_content": "b"}, "reasoning_content", [], 0])
_CHOICES = st.sampled_from([{}, None, "delta", [], 0]) | st.builds(lambda delta: {"index": 0, "delta": delta}, _DELTAS)


@given(choices=st.lists(_CHOICES, max_size=3) | st.sampled_from([None, {}, "", "delta", 0, {"delta": {}}]))
def test_choices_of_a_chunk_are_objects_with_deltas_or_it_is_malformed(choices):
    event = {"choices": deepcopy(choices)}
    told = [] if choices is None else choices
    if type(told) is list and all(type(one) is dict and type(one.get("delta")) in {dict, NoneType} for one in told):
        quirks.chunk(event)
        assert event == {"choices": [{**one, "delta": _meant(one.get("delta") or {})} for one in told]}
    else:
        with pytest.raises(Malformed):
            quirks.chunk(event)


def _meant(delta):
    return {**delta, "reasoning": "b"} if "reasoning_content" in delta else delta
