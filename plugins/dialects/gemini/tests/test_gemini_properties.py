"""What holds for whatever is said: conversations come back from Gemini's form, and nothing that was sent breaks a translator."""

import copy

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taxiway.call import Facts
from taxiway.chat_fold import ChatFold
from taxiway.codec import dumps
from taxiway.errors import InvalidRequest, Malformed, Unsupported
from taxiway.testing.dialect import JSON, make_call, make_endpoint
from taxiway_gemini import GEMINI, GEMINI_EMBEDDINGS

FAST = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ENDPOINTS = [make_endpoint("chat", "gemini", id=name) for name in ("gemini-2.5-flash", "gemini-3-flash-preview")]

TEXT = st.text(min_size=1, max_size=12)
DATA = st.binary(max_size=6).map(lambda data: f"data:image/png;base64,{data.hex()}")
ARGUMENTS = st.dictionaries(st.text(max_size=4), JSON, max_size=3).map(lambda value: dumps(value).decode())
PART = TEXT.map(lambda text: {"type": "text", "text": text}) | DATA.map(
    lambda url: {"type": "image_url", "image_url": {"url": url}}
)
SIGNATURE = st.text("abcdef0123456789", min_size=4, max_size=8)


@st.composite
def assistants(draw, number):
    """A message that a Gemini model said, with the signatures that it may have, and the results of its calls."""
    content = draw(TEXT | st.none())
    count = draw(st.integers(0 if content else 1, 3))
    calls = [
        {"id": f"call-{number}-{index}", "type": "function", "function": {"name": "tool", "arguments": draw(ARGUMENTS)}}
        for index in range(count)
    ]
    details = []

    def keep(**detail):
        details.append({**detail, "format": "google-gemini-v1", "index": len(details)})

    thought = draw(TEXT | st.none())
    if thought:
        signed = {"signature": draw(SIGNATURE)} if draw(st.booleans()) else {}
        keep(type="reasoning.text", text=thought, **signed)
    if content and draw(st.booleans()):
        start = draw(st.integers(0, len(content) - 1))
        keep(type="reasoning.encrypted", data=draw(SIGNATURE), id=f"text:{start}:{len(content)}")
    for call in calls:
        if draw(st.booleans()):
            keep(type="reasoning.encrypted", data=draw(SIGNATURE), id=call["id"])
    message = {"role": "assistant", "content": content}
    if thought:
        message["reasoning"] = thought
    if details:
        message["reasoning_details"] = details
    if calls:
        message["tool_calls"] = calls
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": draw(st.text(max_size=12) | ARGUMENTS)}
        for call in calls
    ]
    return [message, *results]


@st.composite
def conversations(draw):
    messages = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(TEXT)})
    for number in range(draw(st.integers(1, 3))):
        content = draw(TEXT | st.lists(PART, min_size=2, max_size=3))
        messages.append({"role": "user", "content": content})
        messages += draw(assistants(number))
    return messages


SCHEMA = st.dictionaries(st.text(min_size=1, max_size=4), JSON, min_size=1, max_size=3)
TOOLS = st.lists(
    st.fixed_dictionaries(
        {"name": st.text("abc", min_size=1, max_size=4)},
        optional={"description": st.text(max_size=5), "parameters": SCHEMA},
    ).map(lambda function: {"type": "function", "function": function}),
    min_size=1,
    max_size=3,
)


@FAST
@given(messages=conversations(), tools=TOOLS | st.none(), endpoint=st.sampled_from(ENDPOINTS))
def test_a_conversation_comes_back_from_geminis_form(messages, tools, endpoint):
    body = {"messages": messages, **({"tools": tools} if tools else {})}
    there = GEMINI.upstream.from_canonical(copy.deepcopy(body), endpoint)
    assert not there.dropped
    back = GEMINI.client.to_canonical(copy.deepcopy(there.body)).body
    if there.applied:
        # Calls that nobody signed were given a signature that says so.
        assert there.applied == ("messages.reasoning_details",)
        for message in (*back["messages"], *body["messages"]):
            message.pop("reasoning_details", None)
    assert back == body


@FAST
@given(messages=conversations())
def test_what_a_model_said_is_told_to_a_client_and_comes_back(messages):
    for message in messages:
        if message["role"] != "assistant":
            continue
        reply = {"choices": [{"index": 0, "message": copy.deepcopy(message), "finish_reason": "stop"}]}
        call = make_call(GEMINI, {"contents": []}, Facts(("m",)))
        told = GEMINI.client.reply_from_canonical(reply, call).body
        again = GEMINI.upstream.reply_to_canonical(told, None).body["choices"][0]["message"]
        assert again == message


@FAST
@given(data=st.data())
def test_a_stream_says_what_the_complete_reply_says(data):
    (message, *_) = data.draw(assistants(0))
    reply = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    call = make_call(GEMINI, {"contents": []}, Facts(("m",)))
    told = GEMINI.client.reply_from_canonical(reply, call).body
    parts = told["candidates"][0]["content"]["parts"]
    pieces = []
    for part in parts:
        if set(part) <= {"text", "thought"}:
            cut = data.draw(st.integers(0, len(part["text"])))
            pieces += [{**part, "text": part["text"][:cut]}, {**part, "text": part["text"][cut:]}]
        else:
            pieces.append(part)
    events = [{"candidates": [{"content": {"role": "model", "parts": [piece]}, "index": 0}]} for piece in pieces]
    events.append({"candidates": [{"index": 0, "finishReason": "STOP"}]})
    reader, chats, fold = GEMINI.upstream.events_to_canonical(None), ChatFold(), GEMINI.upstream.fold()
    for event in events:
        fold.feed(event)
        for chunk in reader.feed(event):
            chats.feed(chunk)
    for chunk in reader.close():
        chats.feed(chunk)
    complete = GEMINI.upstream.reply_to_canonical(fold.reply(), None).body
    assert chats.reply()["choices"] == complete["choices"]
    assert complete["choices"][0]["message"] == message


SPOILT = st.recursive(
    JSON,
    lambda inner: (
        st.dictionaries(
            st.sampled_from(
                "contents parts text thought thoughtSignature functionCall functionResponse inlineData fileData name args id "
                "response candidates content finishReason index usageMetadata promptFeedback blockReason groundingMetadata "
                "groundingChunks groundingSupports segment citationMetadata citations logprobsResult chosenCandidates "
                "topCandidates tools functionDeclarations parameters type properties generationConfig thinkingConfig "
                "responseSchema responseMimeType stopSequences responseModalities speechConfig imageConfig systemInstruction "
                "toolConfig functionCallingConfig mode allowedFunctionNames promptTokensDetails modality tokenCount requests "
                "embedding embeddings values".split()
            ),
            inner,
            max_size=5,
        )
        | st.lists(inner, max_size=3)
    ),
    max_leaves=25,
)
OBJECT = st.dictionaries(st.sampled_from(["candidates", "contents", "usageMetadata", "promptFeedback"]), SPOILT)


@FAST
@given(body=OBJECT)
def test_any_reply_is_read_or_malformed(body):
    for dialect in (GEMINI, GEMINI_EMBEDDINGS):
        progress, fold = dialect.upstream.progress(stream=True), GEMINI.upstream.fold()
        reader = GEMINI.upstream.events_to_canonical(None)
        try:
            progress.see(body)
            progress.close(mark=False, framed=True)
            fold.feed(body)
            dialect.upstream.reply_to_canonical(copy.deepcopy(body), None)
            dialect.upstream.reply_to_canonical(fold.reply(), None)
        except Malformed:
            continue
        dumps([*reader.feed(copy.deepcopy(body)), *reader.close()])
        assert progress.text is not None
        assert progress.usage is None or progress.usage.total >= 0


@FAST
@given(
    body=st.dictionaries(
        st.sampled_from(
            ["contents", "tools", "generationConfig", "toolConfig", "systemInstruction", "requests", "content"]
        ),
        SPOILT,
    )
)
def test_any_body_is_told_or_refused(body):
    for dialect in (GEMINI, GEMINI_EMBEDDINGS):
        before = copy.deepcopy(body)
        try:
            dialect.client.facts(body, {"model": "m"}, {})
        except InvalidRequest:
            continue
        try:
            dialect.client.to_canonical(body)
        except Unsupported:
            continue
        assert body == before


CHAT = st.recursive(
    JSON,
    lambda inner: (
        st.dictionaries(
            st.sampled_from(
                "role content text type image_url url file file_data input_audio data tool_calls id function name arguments "
                "reasoning reasoning_details format signature index images annotations url_citation start_index end_index "
                "refusal audio".split()
            ),
            inner,
            max_size=5,
        )
        | st.lists(inner, max_size=3)
    ),
    max_leaves=25,
)


@FAST
@given(
    reply=st.fixed_dictionaries(
        {
            "choices": st.lists(
                st.fixed_dictionaries(
                    {"message": CHAT, "delta": CHAT}, optional={"index": JSON, "finish_reason": JSON, "logprobs": CHAT}
                ),
                max_size=2,
            )
        },
        optional={"usage": CHAT},
    )
)
def test_any_canonical_reply_is_told_or_refused(reply):
    call = make_call(GEMINI, {"contents": []}, Facts(("m",)))
    writer = GEMINI.client.events_from_canonical(call)
    try:
        GEMINI.client.reply_from_canonical(copy.deepcopy(reply), call)
        for _ in range(2):
            writer.feed(copy.deepcopy(reply))
        writer.close()
    except (Unsupported, Malformed):
        pass


BODY = st.dictionaries(
    st.sampled_from(
        "messages tools tool_choice reasoning reasoning_effort response_format stop seed top_k modalities image_config audio "
        "service_tier web_search_options n max_tokens temperature".split()
    ),
    CHAT,
)


@FAST
@given(
    body=BODY,
    message=st.dictionaries(st.sampled_from(["role", "content", "tool_calls", "reasoning_details"]), CHAT),
    role=st.sampled_from(["user", "assistant", "tool", "system"]),
)
def test_any_canonical_body_is_told_or_refused(body, message, role):
    body = {**body, "messages": [{"role": role, **message}, {**message, "role": role}]}
    before = copy.deepcopy(body)
    for endpoint in ENDPOINTS:
        try:
            dumps(GEMINI.upstream.from_canonical(body, endpoint).body)
        except (Unsupported, Malformed):
            continue
    assert body == before
