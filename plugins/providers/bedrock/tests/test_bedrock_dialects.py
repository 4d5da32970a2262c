"""The dialects hold to the contract: their replies, streamed and complete, from documentation and as recorded (synthetic here)."""

import base64
import copy
from contextlib import suppress
from unittest import mock

import pytest
from botocore.eventstream import EventStream
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import EventStreamJSONParser
from frames import event as framed
from hypothesis import given, settings
from hypothesis import strategies as st

import taxiway_bedrock
from taxiway.call import Facts
from taxiway.chat import CHAT
from taxiway.errors import Malformed
from taxiway.testing.dialect import JSON, DialectContract, Exchange, make_call
from taxiway_anthropic_messages import MESSAGES
from taxiway_bedrock.converse import CONVERSE
from taxiway_bedrock.request import State

SERVICE = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"), "bedrock-runtime")
CONVERSE_REGISTRATION, VECTORS_REGISTRATION = taxiway_bedrock.taxiway_dialects()

USAGE = {
    "inputTokens": 10,
    "outputTokens": 7,
    "totalTokens": 25,
    "cacheReadInputTokens": 5,
    "cacheReadInputTokenCount": 5,
    "cacheWriteInputTokens": 3,
    "cacheWriteInputTokenCount": 3,
    "cacheDetails": [{"ttl": "1h", "inputTokens": 2}, {"ttl": "5m", "inputTokens": 1}],
}
START = {"messageStart": {"role": "assistant", "p": "abc"}}


def delta(index, value):
    return {"contentBlockDelta": {"contentBlockIndex": index, "delta": value, "p": "ab"}}


def begun(index, value):
    return {"contentBlockStart": {"contentBlockIndex": index, "start": value}}


def ended(index):
    return {"contentBlockStop": {"contentBlockIndex": index, "p": "a"}}


def end(reason, **rest):
    return [
        {"messageStop": {"stopReason": reason, "p": "abcdef"}},
        {"metadata": {"usage": USAGE, "metrics": {"latencyMs": 5}, "p": "a", **rest}},
    ]


def reply(reason, *content, **rest):
    message = {"role": "assistant", "content": list(content)}
    return {
        "output": {"message": message},
        "stopReason": reason,
        "usage": USAGE,
        "metrics": {"latencyMs": 5},
        **rest,
    }


PLAIN = Exchange(
    events=[
        START,
        delta(0, {"text": "Hel"}),
        delta(0, {"text": ""}),
        delta(0, {"text": "lo"}),
        ended(0),
        *end("end_turn"),
    ],
    reply=reply("end_turn", {"text": "Hello"}),
)
TOOLS = Exchange(
    events=[
        START,
        delta(0, {"reasoningContent": {"text": "I "}}),
        delta(0, {"reasoningContent": {"text": "think"}}),
        delta(0, {"reasoningContent": {"signature": "c2ln"}}),
        ended(0),
        delta(1, {"reasoningContent": {"redactedContent": "aGlkZGVu"}}),
        ended(1),
        delta(2, {"text": "Let me see."}),
        ended(2),
        begun(3, {"toolUse": {"toolUseId": "t1", "name": "weather"}}),
        delta(3, {"toolUse": {"input": '{"city":'}}),
        delta(3, {"toolUse": {"input": '"Oslo"}'}}),
        ended(3),
        begun(4, {"toolUse": {"toolUseId": "t2", "name": "now"}}),
        ended(4),
        *end("tool_use", serviceTier={"type": "priority"}),
    ],
    reply=reply(
        "tool_use",
        {"reasoningContent": {"reasoningText": {"text": "I think", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": "aGlkZGVu"}},
        {"text": "Let me see."},
        {"toolUse": {"toolUseId": "t1", "name": "weather", "input": {"city": "Oslo"}}},
        {"toolUse": {"toolUseId": "t2", "name": "now", "input": {}}},
        serviceTier={"type": "priority"},
    ),
)
CITATION = {
    "title": "facts",
    "source": "https://example.com/facts",
    "sourceContent": [{"text": "The sky is blue."}],
    "location": {"documentChar": {"documentIndex": 0, "start": 0, "end": 16}},
}
CITED = Exchange(
    events=[
        START,
        delta(0, {"text": "So: "}),
        ended(0),
        delta(1, {"text": "it is "}),
        delta(1, {"text": "blue"}),
        delta(1, {"citation": CITATION}),
        ended(1),
        delta(2, {"text": "."}),
        ended(2),
        *end("max_tokens", trace={"guardrail": {}}),
    ],
    reply=reply(
        "max_tokens",
        {"text": "So: "},
        {"citationsContent": {"content": [{"text": "it is blue"}], "citations": [CITATION]}},
        {"text": "."},
        trace={"guardrail": {}},
    ),
)
SERVED = Exchange(
    events=[
        START,
        begun(0, {"toolUse": {"toolUseId": "s", "name": "nova_code_interpreter", "type": "server_tool_use"}}),
        delta(0, {"toolUse": {"input": '{"snippet":"1"}'}}),
        ended(0),
        begun(1, {"toolResult": {"toolUseId": "s", "type": "nova_code_interpreter_result", "status": "success"}}),
        delta(1, {"toolResult": [{"json": {"stdOut": "1"}}]}),
        ended(1),
        begun(2, {"image": {"format": "png"}}),
        delta(2, {"image": {"source": {"bytes": "AAAA"}}}),
        ended(2),
        *end("guardrail_intervened"),
    ],
    reply=reply(
        "guardrail_intervened",
        {
            "toolUse": {
                "toolUseId": "s",
                "name": "nova_code_interpreter",
                "type": "server_tool_use",
                "input": {"snippet": "1"},
            }
        },
        {
            "toolResult": {
                "toolUseId": "s",
                "type": "nova_code_interpreter_result",
                "status": "success",
                "content": [{"json": {"stdOut": "1"}}],
            }
        },
        {"image": {"format": "png", "source": {"bytes": "AAAA"}}},
    ),
)
EXCHANGES = (PLAIN, TOOLS, CITED, SERVED)
USED = {
    "prompt_tokens": 18,
    "completion_tokens": 7,
    "total_tokens": 25,
    "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3},
}


class TestConverse(DialectContract):
    module = taxiway_bedrock
    registration = CONVERSE_REGISTRATION
    exchanges = EXCHANGES


class TestVectors(DialectContract):
    module = taxiway_bedrock
    registration = VECTORS_REGISTRATION
    exchanges = (
        Exchange(events=(), reply={"embedding": [0.1], "inputTextTokenCount": 3}),
        Exchange(events=(), reply={"embeddings": [[0.1], [0.2]], "id": "x", "response_type": "embeddings_floats"}),
        Exchange(events=(), reply={"embeddings": {"float": [[0.1]]}}),
        Exchange(events=(), reply={"embeddings": [{"embeddingType": "TEXT", "embedding": [0.1]}]}),
    )


def canonical(exchange, state=None):
    return CONVERSE.upstream.reply_to_canonical(exchange.reply, state)


def chunks(exchange, state=None):
    translator = CONVERSE.upstream.events_to_canonical(state)
    made = [chunk for event in exchange.events for chunk in translator.feed(event)]
    return [*made, *translator.close()], translator.dropped


def test_a_reply_is_said_in_chat():
    translated = canonical(TOOLS, State(format="anthropic-claude-v1"))
    (choice,) = translated.body["choices"]
    assert choice["message"] == {
        "role": "assistant",
        "content": "Let me see.",
        "refusal": None,
        "reasoning": "I think",
        "reasoning_details": [
            {
                "type": "reasoning.text",
                "format": "anthropic-claude-v1",
                "index": 0,
                "text": "I think",
                "signature": "c2ln",
            },
            {"type": "reasoning.encrypted", "data": "aGlkZGVu", "format": "anthropic-claude-v1", "index": 1},
        ],
        "tool_calls": [
            {"id": "t1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}},
            {"id": "t2", "type": "function", "function": {"name": "now", "arguments": "{}"}},
        ],
    }
    assert (choice["finish_reason"], choice["native_finish_reason"]) == ("tool_calls", "tool_use")
    assert translated.body["usage"] == USED
    assert translated.body["service_tier"] == "priority"
    assert not translated.dropped


def test_citations_are_annotations_of_the_text_that_they_stand_behind():
    translated = canonical(CITED)
    (choice,) = translated.body["choices"]
    message = choice["message"]
    (annotation,) = message["annotations"]
    cited = annotation["url_citation"]
    assert message["content"] == "So: it is blue."
    assert message["content"][cited["start_index"] : cited["end_index"]] == "it is blue"
    assert (cited["url"], cited["title"], cited["content"]) == (
        "https://example.com/facts",
        "facts",
        "The sky is blue.",
    )
    assert choice["finish_reason"] == "length"
    assert set(translated.dropped) == {"trace", "citations.location"}


def test_what_the_provider_ran_itself_is_named_as_dropped_and_images_are_data_urls():
    translated = canonical(SERVED)
    (choice,) = translated.body["choices"]
    assert choice["message"]["images"] == [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "content_filter"
    assert set(translated.dropped) == {"toolUse", "toolResult"}


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize(
    "state", [None, State(format="anthropic-claude-v1"), State(exclude=True), State(answer="weather")]
)
def test_a_translated_stream_folds_into_the_translated_reply(exchange, state):
    made, dropped = chunks(exchange, state)
    fold = CHAT.upstream.fold()
    for chunk in made:
        assert chunk["object"] == "chat.completion.chunk"
        fold.feed(chunk)
    folded, complete = fold.reply(), canonical(exchange, state)
    (ours,), (theirs,) = folded.pop("choices"), complete.body.pop("choices")
    known = {name: value for name, value in theirs["message"].items() if value is not None}
    assert {**ours["message"], "content": ours["message"]["content"] or None} == {"content": None, **known}
    assert {**ours, "message": None, "logprobs": None} == {**theirs, "message": None}
    assert folded == complete.body
    assert set(dropped) == set(complete.dropped)


def test_a_tool_that_stands_for_the_answers_form_is_text():
    state = State(answer="weather")
    exchange = Exchange(
        events=[
            START,
            begun(0, {"toolUse": {"toolUseId": "t1", "name": "weather"}}),
            delta(0, {"toolUse": {"input": '{"a":1}'}}),
            ended(0),
            *end("tool_use"),
        ],
        reply=reply("tool_use", {"toolUse": {"toolUseId": "t1", "name": "weather", "input": {"a": 1}}}),
    )
    (choice,) = canonical(exchange, state).body["choices"]
    assert choice["message"]["content"] == '{"a":1}'
    assert (choice["finish_reason"], choice["native_finish_reason"]) == ("stop", "tool_use")
    made, _ = chunks(exchange, state)
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in made if chunk["choices"]) == '{"a":1}'
    assert made[-2]["choices"][0]["finish_reason"] == "stop"


def test_a_stop_sequence_that_was_met_is_on_the_choice():
    exchange = Exchange(
        events=[
            START,
            delta(0, {"text": "a"}),
            ended(0),
            {"messageStop": {"stopReason": "stop_sequence", "additionalModelResponseFields": {"stop_sequence": "END"}}},
            {"metadata": {"usage": USAGE, "metrics": {}}},
        ],
        reply={
            **reply("stop_sequence", {"text": "a"}),
            "additionalModelResponseFields": {"stop_sequence": "END"},
        },
    )
    made, _ = chunks(exchange)
    for choice in (canonical(exchange).body["choices"][0], made[-2]["choices"][0]):
        assert (choice["finish_reason"], choice["stop_sequence"]) == ("stop", "END")


def test_a_stream_without_what_follows_its_end_is_not_done():
    progress = CONVERSE.upstream.progress(stream=True)
    *events, metadata = PLAIN.events
    for event in events:
        progress.see(event)
    progress.close(mark=False, framed=True)
    assert not progress.done
    assert progress.finish == "stop"
    progress.see(metadata)
    assert progress.done
    assert progress.usage.prompt == 18
    assert (progress.usage.cache_write_5m, progress.usage.cache_write_1h) == (1, 2)


def test_a_tools_input_that_was_cut_stays_as_it_came():
    fold = CONVERSE.upstream.fold()
    for event in (begun(0, {"toolUse": {"toolUseId": "t", "name": "n"}}), delta(0, {"toolUse": {"input": '{"a'}})):
        fold.feed(event)
    folded = fold.reply()
    assert folded["output"]["message"]["content"][0]["toolUse"]["input"] == '{"a'
    (choice,) = CONVERSE.upstream.reply_to_canonical(folded, None).body["choices"]
    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == '{"a'


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_events_are_those_that_botocore_reads(exchange):
    """With blobs as base64, and without the padding, of which its model says nothing."""
    body = b"".join(framed(kind, value) for event in exchange.events for kind, value in event.items())
    raw = mock.Mock(stream=lambda: [body])
    shape = SERVICE.operation_model("ConverseStream").output_shape.members["stream"]
    read = EventStream(raw, shape, EventStreamJSONParser(), "ConverseStream")
    assert [_shown(event) for event in read] == [_shown(event) for event in exchange.events]


def _shown(value):
    if isinstance(value, dict):
        return {
            name: _shown(inner)
            for name, inner in value.items()
            if name not in {"p", "cacheReadInputTokenCount", "cacheWriteInputTokenCount"}
        }
    if isinstance(value, list):
        return [_shown(inner) for inner in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _spoilt(value, data):
    """Any JSON at any place."""
    value = copy.deepcopy(value)
    places = list(_places(value))
    holder, key = data.draw(st.sampled_from(places))
    holder[key] = data.draw(JSON)
    return value


def _places(value):
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in list(pairs):
        yield value, key
        yield from _places(child)


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_a_reply_of_any_json_is_read_or_malformed(data):
    exchange = data.draw(st.sampled_from(EXCHANGES))
    state = data.draw(st.sampled_from([None, State(answer="weather"), State(exclude=True)]))
    reply, events = _spoilt(exchange.reply, data), _spoilt(list(exchange.events), data)
    with suppress(Malformed):
        CONVERSE.upstream.reply_to_canonical(reply, state)
    with suppress(Malformed):
        CONVERSE.upstream.progress(stream=False).see(reply)
    translator, progress, fold = (
        CONVERSE.upstream.events_to_canonical(state),
        CONVERSE.upstream.progress(stream=True),
        CONVERSE.upstream.fold(),
    )
    for take in (translator.feed, progress.see, fold.feed):
        for event in events:
            if isinstance(event, dict):
                with suppress(Malformed):
                    take(event)
    with suppress(Malformed):
        fold.reply()
    assert isinstance(progress.text, str)


def test_a_guardrails_end_is_a_refusal_for_anthropics_clients():
    chat = canonical(SERVED).body
    call = make_call(MESSAGES, {"max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}, Facts(("m",)))
    assert MESSAGES.client.reply_from_canonical(chat, call).body["stop_reason"] == "refusal"
