"""The law of streams: a reply cut into chunks anywhere folds back into the reply."""

from hypothesis import given
from hypothesis import strategies as st

from taxiway.chat import CHAT

HEAD = {"id": "c", "created": 1, "model": "m"}
TEXTS = st.text(min_size=1, max_size=12)


@st.composite
def calls(draw, number):
    arguments = draw(st.text(max_size=12))
    return {"id": f"call_{number}", "type": "function", "function": {"name": draw(TEXTS), "arguments": arguments}}


@st.composite
def messages(draw):
    message = {"role": "assistant", "content": draw(st.none() | TEXTS)}
    for name in ("refusal", "reasoning"):
        if draw(st.booleans()):
            message[name] = draw(TEXTS)
    count = draw(st.integers(0, 3))
    if count:
        message["tool_calls"] = [draw(calls(number)) for number in range(count)]
    return message


def pieces(draw, text):
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def deltas(draw, message):
    """Cut a message as providers do: texts in pieces, a tool call's arguments after its name."""
    yield {"role": "assistant", "content": None}
    for name in ("reasoning", "content", "refusal"):
        if message.get(name):
            yield from ({name: piece} for piece in pieces(draw, message[name]))
    for index, call in enumerate(message.get("tool_calls", ())):
        first, *rest = pieces(draw, call["function"]["arguments"])
        yield {"tool_calls": [{**call, "index": index, "function": {**call["function"], "arguments": first}}]}
        yield from ({"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in rest)


@given(st.lists(messages(), min_size=1, max_size=3), st.data())
def test_a_reply_cut_anywhere_folds_back(answers, data):
    queues = [list(deltas(data.draw, answer)) for answer in answers]
    fold, usage = CHAT.upstream.fold(), {"prompt_tokens": 1, "completion_tokens": 2}
    while waiting := [index for index, queue in enumerate(queues) if queue]:
        index = data.draw(st.sampled_from(waiting))
        choice = {"index": index, "delta": queues[index].pop(0), "finish_reason": None}
        fold.feed({**HEAD, "object": "chat.completion.chunk", "choices": [choice], "usage": None, "obfuscation": "x"})
    for index in range(len(answers)):
        fold.feed({**HEAD, "choices": [{"index": index, "delta": {}, "finish_reason": "stop"}]})
    fold.feed({**HEAD, "choices": [], "usage": usage})
    assert fold.reply() == {
        **HEAD,
        "object": "chat.completion",
        "choices": [{"index": i, "message": answer, "finish_reason": "stop"} for i, answer in enumerate(answers)],
        "usage": usage,
    }
