"""Whatever is said in chat comes through Anthropic's messages as it was; and whatever comes, nothing but Taxiway's own errors is raised."""

import copy
import json

import pytest
from claude_messages import BODIES, EVERYTHING, STOPPED
from hypothesis import given, settings
from hypothesis import strategies as st

from taxiway.call import Facts
from taxiway.chat import CHAT
from taxiway.chat_fold import ChatFold
from taxiway.errors import InvalidRequest, Malformed, Unsupported
from taxiway.testing.dialect import JSON, make_call, make_endpoint
from taxiway_anthropic_messages import MESSAGES, checked, without_foreign

OURS = (InvalidRequest, Malformed, Unsupported)
ENDPOINT = make_endpoint("chat", "messages", model="anthropic/claude-opus-4.5", max_output=64_000)
CALL = make_call(MESSAGES, {"messages": [{"role": "user", "content": "hi"}]}, Facts(("acme/model-1",)))
MARK = st.sampled_from([{"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}])

# A text that has more than spaces, and none at its end: the API refuses both.
said = st.text(min_size=1, max_size=20).map(lambda text: f"a{text.strip()}z".replace("\x00", ""))
names = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)


def parts(*others):
    text = st.fixed_dictionaries({"type": st.just("text"), "text": said}, optional={"cache_control": MARK})
    return st.lists(st.one_of(text, *others), min_size=2, max_size=4)


image = st.sampled_from(["https://a.example/b.png", "data:image/png;base64,iVBORw0KGgo="]).map(
    lambda url: {"type": "image_url", "image_url": {"url": url}}
)
file = st.fixed_dictionaries(
    {"file_data": st.sampled_from(["https://a.example/b.pdf", "data:application/pdf;base64,JVBE"])},
    optional={"filename": names},
).map(lambda held: {"type": "file", "file": held})
user = st.fixed_dictionaries({"role": st.just("user"), "content": said | parts(image, file)})
arguments = st.dictionaries(names, JSON, max_size=3).map(
    lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False)
)
call = st.fixed_dictionaries({"name": names, "arguments": arguments})
thought = st.one_of(
    st.fixed_dictionaries({"type": st.just("reasoning.text"), "text": said | st.just(""), "signature": names}),
    st.fixed_dictionaries({"type": st.just("reasoning.encrypted"), "data": names}),
)


@st.composite
def conversations(draw):
    """Messages as chat knows them, with tool calls that are answered."""
    system = draw(st.none() | said | parts())
    messages = [] if system is None else [{"role": "system", "content": system}]
    count = 0
    for _ in range(draw(st.integers(1, 3))):
        messages.append(draw(user))
        details = draw(st.lists(thought, max_size=2))
        calls = draw(st.lists(call, max_size=2))
        text = draw(st.none() | said) if calls else draw(said)
        message = {"role": "assistant", "content": text}
        if details:
            places = [{**one, "format": "anthropic-claude-v1", "index": place} for place, one in enumerate(details)]
            shown = "".join(one.get("text", "") for one in details)
            message |= {"reasoning_details": places} | ({"reasoning": shown} if shown else {})
        if calls:
            ids = [f"toolu_{count + number}" for number in range(len(calls))]
            count += len(calls)
            message["tool_calls"] = [
                {"id": name, "type": "function", "function": one} for name, one in zip(ids, calls, strict=True)
            ]
        messages.append(message)
        if calls:
            messages += [{"role": "tool", "tool_call_id": name, "content": draw(said | parts(image))} for name in ids]
    if messages[-1]["role"] == "assistant":
        messages.append(draw(user))
    return messages


tools = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.just("function"),
            "function": st.fixed_dictionaries(
                {"name": names, "parameters": st.just({"type": "object", "properties": {"a": {"type": "string"}}})},
                optional={"description": said, "strict": st.just(True)},
            ),
        },
        optional={"cache_control": MARK},
    ),
    min_size=1,
    max_size=3,
)


@st.composite
def bodies(draw):
    body = {"messages": draw(conversations()), "max_tokens": draw(st.integers(5000, 9000))}
    body |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "temperature": st.floats(0, 1),
                "top_k": st.integers(1, 9),
                "stop": st.lists(said, min_size=1, max_size=3),
                "user": names,
                "service_tier": st.sampled_from(["auto", "default"]),
                "cache_control": MARK,
            },
        )
    )
    if draw(st.booleans()):
        body["tools"] = draw(tools)
        name = body["tools"][0]["function"]["name"]
        chosen = {"type": "function", "function": {"name": name}}
        body["tool_choice"] = draw(st.sampled_from(["auto", "required", "none"]) | st.just(chosen))
        if body["tool_choice"] != "none":
            body["parallel_tool_calls"] = draw(st.booleans())
    return body


def in_meaning(body):
    """A mark of a tool's result is of all of it, so that it stands at its last part; an empty text is none; JSON is what it says."""
    made = copy.deepcopy(body)
    for message in made["messages"]:
        for detail in message.get("reasoning_details") or ():
            if detail.get("text") == "":
                del detail["text"]
        content = message["content"]
        if message["role"] == "tool" and isinstance(content, list):
            marks = [part.pop("cache_control") for part in content if "cache_control" in part]
            if marks:
                content[-1]["cache_control"] = marks[-1]
        for number in message.get("tool_calls") or ():
            number["function"]["arguments"] = json.loads(number["function"]["arguments"])
    return made


@given(bodies())
@settings(deadline=None)
def test_a_request_comes_back_as_it_was(body):
    before = copy.deepcopy(body)
    there = MESSAGES.upstream.from_canonical(body, ENDPOINT)
    assert body == before
    assert there.dropped == there.applied == ()
    back = MESSAGES.client.to_canonical(there.body)
    assert back.dropped == ()
    assert in_meaning(back.body) == in_meaning(body)


@given(bodies())
@settings(deadline=None)
def test_what_is_sent_is_a_body_that_clients_may_send(body):
    sent = MESSAGES.upstream.from_canonical(body, ENDPOINT).body
    assert MESSAGES.client.facts({"model": "m", **sent}, {}, {})
    assert without_foreign(sent) is sent


pieces = st.lists(
    st.one_of(
        st.fixed_dictionaries({"content": st.text(max_size=5)}),
        st.fixed_dictionaries({"reasoning": st.text(max_size=5)}),
        st.tuples(
            thought,
            st.sampled_from(["google-gemini-v1", "openai-responses-v1", "anthropic-claude-v1"]),
            st.integers(0, 3),
        ).map(lambda one: {"reasoning_details": [{**one[0], "format": one[1], "index": one[2]}]}),
    ),
    max_size=8,
)


@given(pieces, st.lists(call, max_size=2), st.sampled_from(["stop", "length", "tool_calls"]))
@settings(deadline=None)
def test_any_stream_of_chat_is_a_message_that_says_the_same(deltas, calls, finish):
    for index, one in enumerate(calls):
        deltas = [
            *deltas,
            {"tool_calls": [{"index": index, "id": f"c{index}", "function": {"name": one["name"], "arguments": ""}}]},
            {"tool_calls": [{"index": index, "function": {"arguments": one["arguments"]}}]},
        ]
    chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}], "usage": {"prompt_tokens": 3}})
    translator, fold, text = MESSAGES.client.events_from_canonical(CALL), MESSAGES.upstream.fold(), ChatFold()
    events = []
    for chunk in copy.deepcopy(chunks):
        events += translator.feed(chunk)
        text.feed(chunk)
    events += translator.close()
    progress = MESSAGES.upstream.progress(stream=True)
    for event in events:
        assert list(checked(event)) == [event]
        fold.feed(event)
        progress.see(event)
    assert progress.done
    message = fold.reply()
    whole = text.reply()["choices"][0]["message"]
    assert "".join(block["text"] for block in message["content"] if block["type"] == "text") == (whole["content"] or "")
    uses = [block for block in message["content"] if block["type"] == "tool_use"]
    assert [(block["name"], block["input"]) for block in uses] == [
        (one["name"], json.loads(one["arguments"])) for one in calls
    ]


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_any_body_is_translated_or_refused(data):
    body = copy.deepcopy(data.draw(st.sampled_from(BODIES)))
    spoil(body, data)
    try:
        MESSAGES.client.facts(body, {}, {})
        canonical = MESSAGES.client.to_canonical(body).body
        MESSAGES.upstream.from_canonical(canonical, ENDPOINT)
        without_foreign(body)
    except OURS:
        return


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_any_chat_body_is_translated_or_refused(data):
    body = {"model": "m", **copy.deepcopy(data.draw(bodies()))}
    spoil(body, data)
    try:
        CHAT.client.facts(body, {}, {})
        MESSAGES.upstream.from_canonical(body, ENDPOINT)
    except OURS:
        return


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_any_reply_is_read_or_malformed(data):
    exchange = data.draw(st.sampled_from([EVERYTHING, STOPPED]))
    reply = copy.deepcopy(exchange.reply)
    spoil(reply, data)
    try:
        for event in checked(reply):
            MESSAGES.upstream.progress(stream=False).see(event)
            made = MESSAGES.upstream.reply_to_canonical(event, None).body
            MESSAGES.client.reply_from_canonical(made, CALL)
    except OURS:
        return


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_any_stream_is_read_or_malformed(data):
    events = list(copy.deepcopy(data.draw(st.sampled_from([EVERYTHING, STOPPED])).events))
    spoil(events, data)
    there, back = MESSAGES.upstream.events_to_canonical(None), MESSAGES.client.events_from_canonical(CALL)
    progress, fold = MESSAGES.upstream.progress(stream=True), MESSAGES.upstream.fold()
    try:
        for raw in events:
            if not isinstance(raw, dict):
                return
            for event in checked(raw):
                progress.see(event)
                fold.feed(event)
                for chunk in there.feed(event):
                    back.feed(chunk)
        back.close()
        fold.reply()
    except OURS:
        return


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_any_chat_reply_is_read_or_malformed(data):
    reply = MESSAGES.upstream.reply_to_canonical(copy.deepcopy(EVERYTHING.reply), None).body
    spoil(reply, data)
    try:
        MESSAGES.client.reply_from_canonical(reply, CALL)
    except OURS:
        return


@pytest.mark.parametrize("exchange", [EVERYTHING, STOPPED])
def test_translating_changes_no_event(exchange):
    events = copy.deepcopy(exchange.events)
    there = MESSAGES.upstream.events_to_canonical(None)
    for event in events:
        there.feed(event)
    assert events == exchange.events


def spoil(value, data):
    """Put any JSON value at any place."""
    holder, key = data.draw(st.sampled_from(list(places(value))))
    holder[key] = data.draw(JSON)


def places(value):
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in list(pairs):
        yield value, key
        yield from places(child)
