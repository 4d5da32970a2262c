"""What of a chat body reaches a provider, whichever door it came in by: all that is the provider's, and nothing that is Taxiway's."""

from copy import deepcopy

import pytest

USER = {"role": "user", "content": "Hello"}
TEXT = {"type": "text", "text": "Hello"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
ANSWERED = {"role": "tool", "tool_call_id": "c", "content": "1"}
CACHED = {"cache_control": {"type": "ephemeral"}}


def of(*messages, **more):
    return {"messages": list(messages), **more}


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (of(USER), of(USER)),
        (of(USER, temperature=0.5, seed=7, user="u"), of(USER, temperature=0.5, seed=7, user="u")),
        (of(USER, CALLED, ANSWERED, tools=[TOOL]), of(USER, CALLED, ANSWERED, tools=[TOOL])),
        # Taxiway's own.
        (of(USER, provider={"order": ["a"]}, session_id="s", usage={"include": True}), of(USER)),
        (of(USER, models=["openai/gpt-4o"], route="fallback", transforms=[]), of(USER)),
        # What the endpoint refuses, wherever it stands.
        (of({**USER, **CACHED}, USER), of(USER, USER)),
        (of({"role": "user", "content": [TEXT, {**TEXT, **CACHED}]}), of({"role": "user", "content": [TEXT, TEXT]})),
        (of(USER, {**CALLED, "reasoning": "..."}, ANSWERED), of(USER, CALLED, ANSWERED)),
        (of(USER, tools=[{**TOOL, **CACHED}]), of(USER, tools=[TOOL])),
        # What it knows by another name.
        (of(USER, reasoning={"effort": "low"}), of(USER, reasoning_effort="low")),
        (of(USER, reasoning={"enabled": True}), of(USER, reasoning_effort="medium")),
    ],
)
async def test_what_is_sent_is_what_was_asked_for_less_what_is_not_the_providers(scene, asked, sent):
    given = deepcopy(asked)
    await scene.door.chat(model="openai/gpt-4o-mini", **asked)
    received = scene.a.requests[-1].body
    received.pop("stream", None)
    assert received == {"model": "gpt-4o-mini", **sent}
    # Whoever asked may ask with it again.
    assert asked == given


async def test_a_stream_is_asked_for_its_usage(scene):
    await scene.door.stream(model="openai/gpt-4o-mini", **of(USER))
    received = scene.a.requests[-1].body
    assert received == {"model": "gpt-4o-mini", **of(USER), "stream": True, "stream_options": {"include_usage": True}}
