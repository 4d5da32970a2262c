"""What clients that speak Gemini get: from models of others too. Checked by the types of Google's own SDK."""

import copy

import pytest
from google.genai import models, types

from taxiway.call import Facts
from taxiway.chat import CHAT
from taxiway.money import Cost
from taxiway.outcome import Availability, Bill, CallError, Failure
from taxiway.testing.dialect import make_call, make_candidate, make_endpoint
from taxiway.usage import Usage
from taxiway_gemini import GEMINI, GEMINI_EMBEDDINGS
from taxiway_gemini.from_parts import ModelReader, message_of

CLIENT = GEMINI.client
THOUGHT = {
    "type": "reasoning.text",
    "text": "I think.",
    "signature": "sig",
    "format": "anthropic-claude-v1",
    "index": 0,
    "id": "rs_1",
}
HIDDEN = {"type": "reasoning.encrypted", "data": "xyz", "format": "openai-responses-v1", "index": 1, "id": "rs_2"}
SHOWN = {"type": "reasoning.summary", "summary": "In short.", "format": "openai-responses-v1", "index": 2}
CALL = {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": '{"a":[1]}'}}
MESSAGE = {
    "role": "assistant",
    "content": "Here you are.",
    "reasoning": "I think.In short.",
    "reasoning_details": [THOUGHT, HIDDEN, SHOWN],
    "tool_calls": [CALL, {**CALL, "id": "toolu_2"}],
}
REPLY = {
    "id": "x",
    "object": "chat.completion",
    "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "tool_calls", "native_finish_reason": "tool_use"}],
    "usage": {
        "prompt_tokens": 10,
        "completion_tokens": 8,
        "total_tokens": 18,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 3},
    },
}


def call(**path):
    made = make_call(GEMINI, {"contents": [{"parts": [{"text": "x"}]}]}, Facts(("anthropic/claude",)))
    made.path = path
    return made


def stamp(usage=None, cost=None):
    bill = Bill(make_candidate(make_endpoint("chat", "gemini", model="anthropic/claude")), usage, cost)
    return CLIENT.stamp(call(), lambda: bill)


def sdk(reply):
    """Read a reply as Google's SDK does."""
    read = models._GenerateContentResponse_from_mldev(copy.deepcopy(reply))
    return types.GenerateContentResponse._from_response(response=read, kwargs={})


def translated(reply):
    return CLIENT.reply_from_canonical(copy.deepcopy(reply), call()).body


def chunks(message, finish="tool_calls"):
    """A canonical stream of a message, in small pieces."""
    deltas = [{"role": "assistant"}]
    for detail in message.get("reasoning_details", ()):
        name = {"reasoning.text": "text", "reasoning.summary": "summary"}.get(detail["type"])
        if name is None:
            deltas.append({"reasoning_details": [detail]})
            continue
        for letter in detail[name]:
            piece = {"type": detail["type"], name: letter, "format": detail["format"], "index": detail["index"]}
            deltas.append({"reasoning": letter, "reasoning_details": [piece]})
        rest = {name: value for name, value in detail.items() if name not in {"text", "summary"}}
        deltas.append({"reasoning_details": [rest]})
    deltas += [{"content": letter} for letter in message["content"] or ""]
    for index, one in enumerate(message.get("tool_calls", ())):
        deltas.append(
            {
                "tool_calls": [
                    {
                        "index": index,
                        "id": one["id"],
                        "type": "function",
                        "function": {"name": one["function"]["name"], "arguments": ""},
                    }
                ]
            }
        )
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": letter}}]}
            for letter in one["function"]["arguments"]
        ]
    head = {"object": "chat.completion.chunk"}
    yield from ({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas)
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish, "native_finish_reason": "tool_use"}]}
    yield {**head, "choices": [], "usage": REPLY["usage"]}


def test_a_reply_of_another_model_is_what_the_sdk_reads():
    read = sdk(stamp(Usage(input=6, cache_read=4, output=5, reasoning=3)).reply(translated(REPLY)))
    (candidate,) = read.candidates
    assert candidate.finish_reason is types.FinishReason.STOP
    assert [(one.id, one.name, one.args) for one in read.function_calls] == [
        ("toolu_1", "f", {"a": [1]}),
        ("toolu_2", "f", {"a": [1]}),
    ]
    assert [part.text for part in candidate.content.parts if part.text and not part.thought] == ["Here you are."]
    assert "".join(part.text for part in candidate.content.parts if part.thought) == "I think.In short."
    usage = read.usage_metadata
    assert (usage.prompt_token_count, usage.candidates_token_count, usage.thoughts_token_count) == (10, 5, 3)
    assert (usage.cached_content_token_count, usage.total_token_count) == (4, 18)
    assert (read.response_id, read.model_version) == ("gen-1", "anthropic/claude")


def echoed(parts):
    """What a client sends back of parts: through the SDK's types, as its chats do."""
    content = types.Content(role="model", parts=[types.Part.model_validate(part) for part in parts])
    return content.model_dump(mode="json", by_alias=True, exclude_none=True)


def test_what_another_model_signed_survives_a_client_that_speaks_gemini():
    parts = translated(REPLY)["candidates"][0]["content"]["parts"]
    (message,) = CLIENT.to_canonical({"contents": [echoed(parts)]}).body["messages"]
    assert message == MESSAGE


def test_so_it_does_when_it_was_streamed():
    writer = CLIENT.events_from_canonical(call())
    events = [event for chunk in chunks(MESSAGE) for event in writer.feed(chunk)]
    events += writer.close()
    parts = [
        part for event in events for candidate in event.get("candidates", ()) for part in candidate["content"]["parts"]
    ]
    assert [part["functionCall"]["args"] for part in parts if "functionCall" in part] == [{"a": [1]}, {"a": [1]}]
    (message,) = CLIENT.to_canonical({"contents": [echoed(parts)]}).body["messages"]
    assert message == MESSAGE
    assert events[-1]["usageMetadata"]["totalTokenCount"] == 18
    assert [event["candidates"][0].get("finishReason") for event in events[:-1]][-1] == "STOP"
    for event in events:
        sdk(event)


@pytest.mark.parametrize("kind", ["image/png", "audio/wav", "application/pdf"])
def test_bytes_as_googles_sdk_writes_them_reach_others_in_the_usual_alphabet(kind):
    part = types.Part.from_bytes(data=b"\xfb\xef\xff", mime_type=kind)
    sent = part.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert sent["inlineData"]["data"] == "--__"
    chat = CLIENT.to_canonical({"contents": [{"role": "user", "parts": [sent]}]}).body
    assert "++//" in str(chat["messages"][0]["content"])


@pytest.mark.parametrize(
    "parts",
    [
        [
            {"text": "hm", "thought": True},
            {"text": "look"},
            {"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": "QQ=="},
        ],
        [{"text": "hi"}, {"text": "", "thoughtSignature": "QQ=="}],
    ],
)
def test_geminis_own_signatures_survive_a_stream_that_was_translated_twice(parts):
    delta = ModelReader().take(parts)
    message = message_of(copy.deepcopy(delta))
    writer = CLIENT.events_from_canonical(call())
    events = [event for chunk in chunks(message) for event in writer.feed(chunk)]
    told = [part for event in events for part in event["candidates"][0]["content"]["parts"]]
    assert [part.get("thoughtSignature") for part in told if part.get("thoughtSignature")] == ["QQ=="]
    (again,) = CLIENT.to_canonical({"contents": [{"role": "model", "parts": told}]}).body["messages"]
    assert again["content"] == message["content"]
    assert again.get("tool_calls") == message.get("tool_calls")
    assert again["reasoning_details"][-1]["data"] == "QQ=="


@pytest.mark.parametrize(
    ("finish", "native", "told"),
    [
        ("stop", "end_turn", "STOP"),
        ("length", "length", "MAX_TOKENS"),
        ("content_filter", "refusal", "SAFETY"),
        ("content_filter", "RECITATION", "RECITATION"),
        ("error", None, "OTHER"),
    ],
)
def test_why_it_ended(finish, native, told):
    choice = {"index": 0, "message": {"content": "x"}, "finish_reason": finish, "native_finish_reason": native}
    assert translated({"choices": [choice]})["candidates"][0]["finishReason"] == told


def test_citations_are_grounds_in_bytes():
    cited = {
        "type": "url_citation",
        "url_citation": {"url": "https://a", "title": "A", "start_index": 3, "end_index": 7},
    }
    message = {"content": "Zü: café", "annotations": [cited]}
    (candidate,) = translated({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})["candidates"]
    assert candidate["groundingMetadata"] == {
        "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}],
        "groundingSupports": [
            {"segment": {"startIndex": 4, "endIndex": 8, "text": " caf"}, "groundingChunkIndices": [0]}
        ],
    }
    sdk({"candidates": [candidate]})


def test_the_last_chunk_alone_has_the_usage_and_it_is_the_bills():
    made = stamp(Usage(input=7, output=2), Cost(0.25, 0.2, 0.05))
    events = [
        {"candidates": [{"content": {"parts": [{"text": "a"}]}}], "usageMetadata": {"promptTokenCount": 1}},
        {
            "candidates": [{"content": {"parts": [{"text": "b"}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9, "serviceTier": "standard"},
        },
    ]
    sent = [stamped for event in events if (stamped := made.event(event)) is not None]
    assert len(sent) == 1
    assert "usageMetadata" not in sent[0]
    (last,) = made.last()
    assert last["candidates"][0]["finishReason"] == "STOP"
    assert last["usageMetadata"] == {
        "promptTokenCount": 7,
        "candidatesTokenCount": 2,
        "totalTokenCount": 9,
        "serviceTier": "standard",
        "cost": 0.25,
        "isByok": True,
    }
    assert sdk(last).usage_metadata.total_token_count == 9


def test_what_was_held_back_is_told_when_the_stream_fails_but_not_as_a_good_end():
    made = stamp()
    assert made.event({"candidates": [{"content": {"parts": [{"text": "b"}]}, "finishReason": "STOP"}]}) is None
    held, error = made.failed(CallError(Failure(kind="overloaded", message="too much"), provider="Acme"))
    assert held["candidates"] == [{"content": {"parts": [{"text": "b"}]}}]
    assert error["error"] == {
        "code": 503,
        "message": "too much",
        "status": "UNAVAILABLE",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "PROVIDER_OVERLOADED",
                "domain": "taxiway",
                "metadata": {"provider": "Acme"},
            }
        ],
    }


def test_errors_are_googles():
    status, body = CLIENT.error(
        CallError(Failure(kind="rate_limited", message="slow down", field="contents"), retry_after=2.5)
    )
    assert (status, body["error"]["code"], body["error"]["status"]) == (429, 429, "RESOURCE_EXHAUSTED")
    assert {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"} in body["error"]["details"]
    assert CLIENT.refused(401, "authentication", "no key")["error"]["status"] == "UNAUTHENTICATED"
    assert CLIENT.refused(413, "payload_too_large", "big")["error"]["code"] == 413


def test_why_nothing_could_serve_is_told_as_texts():
    availability = Availability(
        code="constraint_filtered",
        models=("acme/model-1", "acme/model-2"),
        excluded_by=("max_price",),
        constraint=("provider.max_price.prompt", "acme: too dear"),
    )
    _, body = CLIENT.error(CallError(Failure(kind="not_found", message="none"), availability=availability))
    assert body["error"]["details"][0]["metadata"] == {
        "availability_code": "constraint_filtered",
        "availability_retryable": "false",
        "availability_requested_models": "acme/model-1, acme/model-2",
        "availability_excluded_by": "max_price",
        "availability_constraint": "provider.max_price.prompt: acme: too dear",
    }


def test_embeddings_of_another_model_are_what_the_sdk_reads():
    body = {"requests": [{"content": {"parts": [{"text": "a"}]}}]}
    made = make_call(GEMINI_EMBEDDINGS, body, Facts(("openai/text-embedding-3-small",)))
    canonical = {"data": [{"embedding": [0.5, 1.0]}, {"embedding": "AACAPw=="}], "usage": {"prompt_tokens": 3}}
    reply = GEMINI_EMBEDDINGS.client.reply_from_canonical(canonical, made).body
    bill = Bill(make_candidate(make_endpoint("embeddings", "gemini-embeddings")), Usage(input=3), None)
    reply = GEMINI_EMBEDDINGS.client.stamp(made, lambda: bill).reply(reply)
    read = types.EmbedContentResponse._from_response(response=models._EmbedContentResponse_from_mldev(reply), kwargs={})
    assert [one.values for one in read.embeddings] == [[0.5, 1.0], [1.0]]
    assert reply["usageMetadata"]["promptTokenCount"] == 3


def test_a_chat_client_gets_a_gemini_stream_as_chunks():
    reader = GEMINI.upstream.events_to_canonical(None)
    bill = Bill(make_candidate(make_endpoint("chat", "gemini")), Usage(input=1, output=1), None)
    chat = make_call(CHAT, {"model": "m", "messages": [{"role": "user", "content": "x"}]})
    made = CHAT.client.stamp(chat, lambda: bill)
    event = {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}], "responseId": "r"}
    sent = [made.event(chunk) for chunk in (*reader.feed(event), *reader.close())]
    assert [chunk["choices"][0]["finish_reason"] for chunk in sent] == [None, "stop"]
    assert sent[0]["choices"][0]["delta"] == {"content": "a", "role": "assistant"}
