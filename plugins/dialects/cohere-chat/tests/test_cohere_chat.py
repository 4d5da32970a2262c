"""The dialect cohere-chat: the contract, both ways of requests, replies and streams, and what is lost on the way, by name."""

import copy
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

import taxiway_cohere_chat
from taxiway.chat import CHAT
from taxiway.codec import dumps, loads
from taxiway.errors import InvalidRequest, Malformed, Unsupported
from taxiway.failures import POLICIES
from taxiway.outcome import Availability, Bill, CallError, Failure
from taxiway.sse import SseParser
from taxiway.testing.dialect import JSON, DialectContract, Exchange, make_call, make_candidate, make_endpoint
from taxiway.usage import Usage
from taxiway_cohere_chat.chat import COHERE_CHAT

REGISTRATIONS = {one.name: one for one in taxiway_cohere_chat.taxiway_dialects()}
UPSTREAM, CLIENT = COHERE_CHAT.upstream, COHERE_CHAT.client
ENDPOINT = make_endpoint("chat", "cohere-chat", reasoning=True, max_output=1000)
USER = {"role": "user", "content": "hi"}
TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}},
}
USAGE = {
    "billed_units": {"input_tokens": 5, "output_tokens": 10},
    "tokens": {"input_tokens": 100, "output_tokens": 20, "reasoning_tokens": 4},
    "cached_tokens": 64,
}
SOURCE = {"type": "document", "id": "doc:0", "document": {"id": "doc:0", "title": "facts.txt", "text": "Ruby is old."}}


def event(kind, index=None, message=None, **more):
    made = {"type": kind, **({} if index is None else {"index": index}), **more}
    return made if message is None else {**made, "delta": {"message": message}}


def start(id_="c1"):
    message = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    return event("message-start", message=message, id=id_)


def end(reason="COMPLETE", usage=USAGE):
    return {"type": "message-end", "delta": {"finish_reason": reason, "usage": usage}}


def cited(first, last, text, **more):
    return {"start": first, "end": last, "text": text, "sources": [SOURCE], "type": "TEXT_CONTENT", **more}


THOUGHT = Exchange(
    events=(
        start(),
        event("content-start", 0, {"content": {"type": "thinking", "thinking": ""}}),
        event("content-delta", 0, {"content": {"thinking": "Hm"}}),
        event("content-delta", 0, {"content": {"thinking": "."}}),
        event("content-end", 0),
        event("content-start", 1, {"content": {"type": "text", "text": ""}}),
        event("content-delta", 1, {"content": {"text": "Ruby"}}),
        event("citation-start", 0, {"citations": cited(0, 4, "Ruby", content_index=1)}),
        event("citation-end", 0),
        event("content-delta", 1, {"content": {"text": " it is"}}),
        event("content-end", 1),
        end(),
    ),
    reply={
        "id": "c1",
        "message": {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Ruby it is"}],
            "citations": [cited(0, 4, "Ruby", content_index=1)],
        },
        "finish_reason": "COMPLETE",
        "usage": USAGE,
    },
)
CALLED = Exchange(
    events=(
        start(),
        event("tool-plan-delta", message={"tool_plan": "I will"}),
        event("tool-plan-delta", message={"tool_plan": " call."}),
        event(
            "tool-call-start",
            0,
            {"tool_calls": {"id": "t1", "type": "function", "function": {"name": "f", "arguments": ""}}},
        ),
        event("tool-call-delta", 0, {"tool_calls": {"function": {"arguments": '{"a"'}}}),
        event("tool-call-delta", 0, {"tool_calls": {"function": {"arguments": ":1}"}}}),
        event("tool-call-end", 0),
        event(
            "tool-call-start",
            1,
            {"tool_calls": {"id": "t2", "type": "function", "function": {"name": "g", "arguments": ""}}},
        ),
        event("tool-call-end", 1),
        end("TOOL_CALL"),
    ),
    reply={
        "id": "c1",
        "message": {
            "role": "assistant",
            "tool_plan": "I will call.",
            "tool_calls": [
                {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
                {"id": "t2", "type": "function", "function": {"name": "g", "arguments": ""}},
            ],
        },
        "finish_reason": "TOOL_CALL",
        "usage": USAGE,
    },
)
BODIES = (
    {"model": "m", "messages": [USER]},
    {
        "model": "m",
        "stream": True,
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "s"}]},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "a"},
                    {"type": "image_url", "image_url": {"url": "https://x.example/i", "detail": "low"}},
                ],
            },
            {
                "role": "assistant",
                "tool_plan": "p",
                "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {
                "role": "tool",
                "tool_call_id": "t",
                "content": [{"type": "document", "document": {"id": "d", "data": {"output": "5"}}}],
            },
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "5"}]},
            {"role": "user", "content": [{"type": "text", "text": "b"}]},
        ],
        "documents": [{"id": "doc:0", "data": {"text": "t"}}, "a text"],
        "tools": [TOOL],
        "tool_choice": "REQUIRED",
        "strict_tools": True,
        "max_tokens": 100,
        "stop_sequences": ["x"],
        "temperature": 0.3,
        "p": 0.9,
        "k": 5,
        "seed": 1,
        "frequency_penalty": 0.5,
        "logprobs": True,
        "safety_mode": "STRICT",
        "citation_options": {"mode": "FAST"},
        "thinking": {"type": "enabled", "token_budget": 50},
        "priority": 3,
    },
    {
        "model": "m",
        "messages": [USER],
        "response_format": {"type": "json_object", "json_schema": {"type": "object"}},
        "thinking": {"type": "disabled"},
    },
)


class TestCohereChat(DialectContract):
    module = taxiway_cohere_chat
    registration = REGISTRATIONS["cohere-chat"]
    bodies = BODIES
    exchanges = (THOUGHT, CALLED)


def asked(body, endpoint=ENDPOINT):
    """Return what a canonical body becomes."""
    return UPSTREAM.from_canonical({"messages": [USER], **body}, endpoint)


def chunks(events):
    """Return the canonical chunks of a stream, and the translator."""
    translator = UPSTREAM.events_to_canonical(None)
    made = [chunk for one in events for chunk in translator.feed(copy.deepcopy(one))]
    return [*made, *translator.close()], translator


def folded(made):
    fold = CHAT.upstream.fold()
    for chunk in made:
        fold.feed(chunk)
    return fold.reply()


def told(made):
    """Return the events that chunks become for a client of Cohere's dialect."""
    call = make_call(COHERE_CHAT, BODIES[0])
    translator = CLIENT.events_from_canonical(call)
    events = [one for chunk in made for one in translator.feed(copy.deepcopy(chunk))]
    return [*events, *translator.close()], translator


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_request_is_the_same_on_the_way_back(body):
    sent = {name: value for name, value in body.items() if name not in {"model", "stream", "priority"}}
    canonical = CLIENT.to_canonical(copy.deepcopy(sent))
    assert UPSTREAM.from_canonical(canonical.body, ENDPOINT).body == sent
    assert CLIENT.to_canonical(body).dropped == (("priority",) if "priority" in body else ())


def test_parameters_have_cohere_names_and_stay_within_its_ranges():
    made = asked(
        {
            "top_p": 1,
            "top_k": -1,
            "stop": "x",
            "max_completion_tokens": 5,
            "max_tokens": 7,
            "frequency_penalty": -1,
            "presence_penalty": 1.5,
            "temperature": 0,
            "safety_mode": "OFF",
            "n": 1,
            "user": "u",
            "top_logprobs": 3,
            "seed": None,
        }
    )
    assert made.body == {
        "messages": [USER],
        "p": 0.99,
        "k": 0,
        "stop_sequences": ["x"],
        "max_tokens": 5,
        "frequency_penalty": 0.0,
        "presence_penalty": 1.0,
        "temperature": 0,
        "safety_mode": "OFF",
    }
    assert set(made.dropped) == {"user", "top_logprobs"}
    assert set(made.applied) == {"top_p", "top_k", "frequency_penalty", "presence_penalty"}


@pytest.mark.parametrize(
    ("reasoning", "thinking", "dropped"),
    [
        ({"reasoning": {"effort": "high"}}, {"type": "enabled", "token_budget": 800}, ()),
        ({"reasoning": {"effort": "low"}, "max_tokens": 100}, {"type": "enabled", "token_budget": 20}, ()),
        ({"reasoning_effort": "none"}, {"type": "disabled"}, ()),
        ({"reasoning": {"enabled": False}}, {"type": "disabled"}, ()),
        ({"reasoning": {"enabled": True}}, {"type": "enabled"}, ()),
        (
            {"reasoning": {"max_tokens": 64, "exclude": True}},
            {"type": "enabled", "token_budget": 64},
            ("reasoning.exclude",),
        ),
        ({"reasoning": {"summary": "auto"}}, None, ("reasoning.summary",)),
        ({"reasoning": {}}, None, ()),
    ],
)
def test_effort_and_budget_are_a_switch_and_a_budget(reasoning, thinking, dropped):
    made = asked(reasoning)
    assert made.body.get("thinking") == thinking
    assert made.dropped == dropped
    assert made.applied == (("reasoning.effort",) if thinking and reasoning.get("reasoning", {}).get("effort") else ())


def test_a_model_that_does_not_think_is_told_of_no_thoughts():
    plain = make_endpoint("chat", "cohere-chat", unsupported=frozenset({"reasoning"}))
    thought = {"role": "assistant", "content": "a", "reasoning": "hm"}
    made = asked({"messages": [USER, thought, USER], "reasoning": {"effort": "high"}}, plain)
    assert made.body == {"messages": [USER, {"role": "assistant", "content": "a"}, USER]}
    assert set(made.dropped) == {"reasoning", "messages.reasoning"}


def test_what_was_thought_and_said_is_where_cohere_has_it():
    call = {"id": "t", "type": "function", "function": {"name": "f", "arguments": ""}}
    sent = {**call, "function": {"name": "f", "arguments": "{}"}}
    details = [
        {"type": "reasoning.text", "text": "hm", "signature": "s"},
        {"type": "reasoning.summary", "summary": "so"},
        {"type": "reasoning.encrypted", "data": "x"},
    ]
    blocks = [{"type": "thinking", "thinking": "hm"}, {"type": "thinking", "thinking": "so"}]
    for message, expected in (
        ({"content": "p", "tool_calls": [call]}, {"tool_plan": "p", "tool_calls": [sent]}),
        ({"content": "", "tool_calls": [call]}, {"tool_calls": [sent]}),
        ({"content": None, "tool_calls": [call], "reasoning": "hm"}, {"tool_calls": [sent], "content": blocks[:1]}),
        ({"content": "a", "reasoning_details": details}, {"content": [*blocks, {"type": "text", "text": "a"}]}),
        ({"content": [{"type": "refusal", "refusal": "no"}]}, {"content": [{"type": "text", "text": "no"}]}),
        ({"content": "a", "images": [], "annotations": [{}]}, {"content": "a"}),
    ):
        made = asked({"messages": [{"role": "assistant", **message}]})
        assert made.body["messages"] == [{"role": "assistant", **expected}]
        assert set(made.dropped) == (
            {"messages.reasoning_details"}
            if "reasoning_details" in message
            else {f"messages.{n}" for n in ("annotations",) if n in message}
        )


def test_names_and_cache_marks():
    mark = {"type": "ephemeral"}
    messages = [
        {"role": "developer", "content": [{"type": "text", "text": "s", "cache_control": mark}]},
        {"role": "user", "name": "Ann", "content": "hi"},
        {"role": "user", "name": "Bo", "content": [{"type": "text", "text": "a"}]},
        {"role": "tool", "tool_call_id": "t", "content": "1"},
    ]
    made = asked({"messages": messages, "tools": [{**TOOL, "cache_control": mark}]})
    assert made.body["messages"] == [
        {"role": "system", "content": [{"type": "text", "text": "s"}]},
        {"role": "user", "content": "Ann: hi"},
        {"role": "user", "content": [{"type": "text", "text": "Bo: "}, {"type": "text", "text": "a"}]},
        {"role": "tool", "tool_call_id": "t", "content": "1"},
    ]
    assert made.dropped == ("cache_control",)


def test_the_choice_of_one_tool_is_the_only_tool():
    other = {"type": "function", "function": {"name": "g", "strict": True}}
    choice = {"type": "function", "function": {"name": "g"}}
    made = asked({"tools": [TOOL, other], "tool_choice": choice})
    assert [tool["function"]["name"] for tool in made.body["tools"]] == ["g"]
    assert made.body["tools"][0]["function"]["parameters"] == {"type": "object", "properties": {}}
    assert (made.body["tool_choice"], made.body["strict_tools"], made.applied) == ("REQUIRED", True, ("tool_choice",))
    assert "tool_choice" not in asked({"tools": [TOOL], "tool_choice": "auto"}).body
    assert asked({"tools": [TOOL], "tool_choice": "none"}).body["tool_choice"] == "NONE"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"n": 2}, "n"),
        ({"stop": list("abcdef")}, "stop"),
        ({"response_format": {"type": "grammar"}}, "response_format"),
        ({"tools": [{"type": "openrouter:web_search"}]}, "tools[0]"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice"),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]}, "messages[0].content[0]"),
        (
            {
                "messages": [
                    {"role": "tool", "tool_call_id": "t", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}
                ]
            },
            "messages[0].content[0]",
        ),
        ({"messages": [{"role": "function", "name": "f", "content": "1"}]}, "messages[0].role"),
    ],
)
def test_what_cohere_can_not_be_told_is_unsupported_and_says_where(body, field):
    with pytest.raises(Unsupported) as raised:
        asked(body)
    assert raised.value.field == field


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "user", "content": [{"type": "sound"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "assistant", "tool_plan": 1}]}, "messages[0].tool_plan"),
        ({"messages": [USER], "stop_sequences": 1}, "stop_sequences"),
        ({"messages": [USER], "p": 2}, "p"),
        ({"messages": [USER], "tool_choice": "f"}, "tool_choice"),
        ({"messages": [USER], "thinking": {"type": "much"}}, "thinking.type"),
        ({"messages": [USER], "thinking": {"type": "enabled", "token_budget": -1}}, "thinking.max_tokens"),
        ({"messages": [USER], "documents": [1]}, "documents"),
        ({"messages": [{"role": "system", "content": "s"}], "documents": ["d"]}, "documents"),
        ({"messages": [USER], "response_format": {"type": "xml"}}, "response_format.type"),
        ({"messages": [USER], "model": None}, "model"),
    ],
)
def test_a_wrong_field_is_named_as_the_client_knows_it(body, field):
    with pytest.raises(InvalidRequest) as raised:
        CLIENT.facts({"model": "m", **body}, {}, {})
    assert raised.value.field == field


def test_facts_are_what_planning_may_know():
    facts = CLIENT.facts(BODIES[1], {}, {})
    assert facts.models == ("m",)
    assert facts.inputs == {"text", "image"}
    assert (facts.max_output, facts.stream) == (100, True)
    assert {"tools", "tool_choice", "stop", "top_p", "top_k", "reasoning", "logprobs"} <= facts.parameters
    assert facts.tokens > 700


def test_documents_are_texts_for_others_and_documents_again_for_cohere():
    document = {"id": "d", "data": {"title": "t", "text": "x"}}
    canonical = CLIENT.to_canonical({"messages": [USER], "documents": [document, "plain"]}).body
    assert canonical["messages"][0]["content"] == [
        {"type": "text", "text": '{"title":"t","text":"x"}', "document": document},
        {"type": "text", "text": "plain", "document": "plain"},
        {"type": "text", "text": "hi"},
    ]


@pytest.mark.parametrize("exchange", [THOUGHT, CALLED], ids=["thought", "called"])
def test_a_stream_and_its_reply_become_one_canonical_reply(exchange):
    made, translator = chunks(exchange.events)
    complete = UPSTREAM.reply_to_canonical(copy.deepcopy(exchange.reply), None)
    assert folded(made) == complete.body
    assert not translator.dropped
    assert not complete.dropped


def test_what_a_canonical_reply_says():
    message = UPSTREAM.reply_to_canonical(THOUGHT.reply, None).body["choices"][0]["message"]
    assert message == {
        "role": "assistant",
        "content": "Ruby it is",
        "reasoning": "Hm.",
        "reasoning_details": [{"type": "reasoning.text", "text": "Hm.", "format": "unknown", "index": 0}],
        "annotations": [
            {
                "type": "url_citation",
                "url_citation": {
                    "url": "doc:0",
                    "title": "facts.txt",
                    "content": "Ruby is old.",
                    "start_index": 0,
                    "end_index": 4,
                },
            }
        ],
    }
    reply = UPSTREAM.reply_to_canonical(CALLED.reply, None).body
    choice = reply["choices"][0]
    assert (choice["finish_reason"], choice["native_finish_reason"]) == ("tool_calls", "TOOL_CALL")
    assert choice["message"]["content"] == "I will call."
    assert [call["function"]["arguments"] for call in choice["message"]["tool_calls"]] == ['{"a":1}', "{}"]
    assert reply["usage"] == {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 4},
        "billed_units": USAGE["billed_units"],
    }


@pytest.mark.parametrize("pieces", [["null"], ["nu", "ll"], [""], [], [None]])
def test_a_call_whose_arguments_are_nothing_is_given_an_empty_object(pieces):
    first, *rest = pieces or [""]
    function = {"name": "f", "arguments": first}
    events = [start(), event("tool-call-start", 0, {"tool_calls": {"id": "t", "function": function}})]
    events += [event("tool-call-delta", 0, {"tool_calls": {"function": {"arguments": piece}}}) for piece in rest]
    made, _ = chunks([*events, event("tool-call-end", 0), end("TOOL_CALL")])
    (call,) = folded(made)["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "f", "arguments": "{}"}
    reply = {
        "message": {"tool_calls": [{"id": "t", "function": {"name": "f", "arguments": pieces[0] if pieces else None}}]}
    }
    (whole,) = UPSTREAM.reply_to_canonical(reply, None).body["choices"][0]["message"]["tool_calls"]
    assert whole["function"]["arguments"] == ("{}" if pieces != ["nu", "ll"] else "nu")


def test_a_citation_counts_from_its_own_part():
    message = {
        "tool_plan": "Plan. ",
        "content": [
            {"type": "text", "text": "One. "},
            {"type": "thinking", "thinking": "h"},
            {"type": "text", "text": "Two."},
        ],
        "citations": [cited(0, 3, "Two", content_index=2), cited(0, 3, "One"), {**cited(0, 4, "Plan"), "type": "PLAN"}],
    }
    made = UPSTREAM.reply_to_canonical({"message": message}, None)
    message = made.body["choices"][0]["message"]
    places = [(one["url_citation"]["start_index"], one["url_citation"]["end_index"]) for one in message["annotations"]]
    assert [message["content"][first:last] for first, last in places] == ["Two", "One"]
    assert made.dropped == ("message.citations",)


def test_a_citation_of_a_tools_result_has_its_address():
    output = {"title": "Ruby Facts", "url": "https://x.example/ruby", "text": "t"}
    source = {"type": "tool", "id": "call:0", "tool_output": output}
    reply = {
        "message": {
            "content": [{"type": "text", "text": "Ruby"}],
            "citations": [{"start": 0, "end": 4, "sources": [source]}],
        }
    }
    (annotation,) = UPSTREAM.reply_to_canonical(reply, None).body["choices"][0]["message"]["annotations"]
    assert annotation["url_citation"]["url"] == "https://x.example/ruby"
    assert annotation["url_citation"]["title"] == "Ruby Facts"


def test_probabilities_of_tokens_go_both_ways():
    item = {"text": "Hi", "token_ids": [1, 2], "logprobs": [-0.5, -0.25]}
    reply = {"message": {"content": [{"type": "text", "text": "Hi"}]}, "logprobs": [item]}
    choice = UPSTREAM.reply_to_canonical(reply, None).body["choices"][0]
    assert choice["logprobs"]["content"] == [
        {"token": "Hi", "logprob": -0.75, "bytes": None, "top_logprobs": [], "token_ids": [1, 2]}
    ]
    made, _ = chunks([start(), event("content-delta", 0, {"content": {"text": "Hi"}}, logprobs=item), end()])
    assert folded(made)["choices"][0]["logprobs"] == choice["logprobs"]
    assert told(made)[0][2]["logprobs"] == {"text": "Hi", "token_ids": [1, 2], "logprobs": [-0.75]}


@pytest.mark.parametrize("exchange", [THOUGHT, CALLED], ids=["thought", "called"])
def test_a_client_of_the_dialect_is_told_the_same_by_another_provider(exchange):
    made, _ = chunks(exchange.events)
    events, translator = told(made)
    fold = UPSTREAM.fold()
    for one in events:
        fold.feed(one)
    call = make_call(COHERE_CHAT, BODIES[0])
    assert fold.reply() == CLIENT.reply_from_canonical(folded(made), call).body
    assert not translator.dropped
    kinds = [one["type"] for one in events]
    assert kinds[0] == "message-start"
    assert kinds[-1] == "message-end"
    for kind in ("content", "tool-call", "citation"):
        assert kinds.count(f"{kind}-start") == kinds.count(f"{kind}-end")
    back = UPSTREAM.reply_to_canonical(fold.reply(), None).body
    assert back["choices"][0]["message"]["content"] == folded(made)["choices"][0]["message"]["content"]
    assert back["usage"] == folded(made)["usage"]


def test_an_answer_of_another_model_in_every_detail():
    message = {
        "role": "assistant",
        "content": "Hi",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "hm", "signature": "s"},
            {"type": "reasoning.encrypted", "data": "x"},
        ],
        "images": [{"type": "image_url", "image_url": {"url": "data:,"}}],
        "annotations": [
            {
                "type": "url_citation",
                "url_citation": {"url": "https://x.example", "title": "X", "start_index": 0, "end_index": 2},
            }
        ],
    }
    choice = {"index": 0, "message": message, "finish_reason": "stop", "stop_sequence": "x"}
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}}
    reply = {"id": "r", "choices": [choice, {"index": 1, "message": {}}], "usage": usage}
    made = CLIENT.reply_from_canonical(reply, make_call(COHERE_CHAT, BODIES[0]))
    assert made.body["message"]["content"] == [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hi"}]
    (citation,) = made.body["message"]["citations"]
    assert (citation["start"], citation["end"], citation["text"], citation["content_index"]) == (0, 2, "Hi", 1)
    assert made.body["finish_reason"] == "STOP_SEQUENCE"
    assert made.body["usage"] == {
        "billed_units": {"input_tokens": 9, "output_tokens": 3},
        "tokens": {"input_tokens": 9, "output_tokens": 3},
        "cached_tokens": 2,
    }
    assert set(made.dropped) == {"message.images", "choices", "message.reasoning_details"}
    delta = {name: value for name, value in message.items() if name != "role"}
    chunk = {"id": "r", "choices": [{"index": 0, "delta": delta}, {"index": 1, "delta": {"content": "x"}}]}
    _, translator = told([chunk])
    assert set(translator.dropped) == set(made.dropped)


def test_usage_is_of_what_went_through_the_model():
    progress = UPSTREAM.progress(stream=False)
    usage = {"tokens": {"input_tokens": 501.0, "output_tokens": 65, "image_tokens": 518}, "cached_tokens": 480}
    progress.see({"message": {"content": []}, "finish_reason": "MAX_TOKENS", "usage": usage})
    assert progress.usage == Usage(input=21, cache_read=480, image_in=518, output=65)
    assert (progress.finish, progress.native_finish) == ("length", "MAX_TOKENS")
    progress.see({"message": {}, "usage": {"billed_units": {"input_tokens": 3, "output_tokens": 1}}})
    assert progress.usage == Usage(input=3, output=1)
    progress.see({"message": {}, "usage": {}})
    assert progress.usage is None


def stamped():
    endpoint = make_endpoint("chat", "cohere-chat")
    bill = Bill(make_candidate(endpoint), Usage(input=10, output=5), endpoint.price.parts(Usage(input=10, output=5)))
    return CLIENT.stamp(make_call(COHERE_CHAT, BODIES[0]), lambda: bill)


def test_the_stamp_tells_who_and_what_it_cost_at_the_end():
    stamp = stamped()
    first, last = stamp.event(start()), stamp.event(end())
    assert (first["id"], first["model"], first["provider"]) == ("gen-1", "acme/model-1", "Acme")
    assert last is None
    (last,) = stamp.last()
    assert last["delta"]["usage"] == {**USAGE, "cost": 2e-5, "is_byok": True}
    stamp = stamped()
    stamp.event(end(usage=None))
    (last,) = stamp.last()
    assert last["delta"]["usage"]["tokens"] == {"input_tokens": 10, "output_tokens": 5}
    reply = stamped().reply(copy.deepcopy(CALLED.reply))
    assert (reply["id"], reply["model"], reply["usage"]["cost"]) == ("gen-1", "acme/model-1", 2e-5)


def test_a_stream_is_written_with_the_names_of_its_events():
    writer = CLIENT.writer(make_call(COHERE_CHAT, BODIES[0]))
    data = writer.write(THOUGHT.events) + writer.ping() + writer.end(whole=True)
    parsed = SseParser().feed(data)
    assert [one.name for one in parsed[:-1]] == [one["type"] for one in THOUGHT.events]
    assert [loads(one.data) for one in parsed[:-1]] == list(THOUGHT.events)
    assert parsed[-1].data == b"[DONE]"


def test_errors_are_told_as_cohere_tells_them():
    error = CallError(Failure(kind="rate_limited", message="Slow down."), generation="gen-1")
    assert CLIENT.error(error) == (429, {"id": "gen-1", "message": "Slow down.", "error_type": "RATE_LIMIT_EXCEEDED"})
    (last,) = stamped().failed(error)
    assert last["delta"] == {"finish_reason": "ERROR", "error": "Slow down.", "error_type": "RATE_LIMIT_EXCEEDED"}
    none = CallError(Failure(kind="not_found", message="x"), availability=Availability(code="no_endpoints"))
    told = {"code": "no_endpoints", "retryable": False, "requested_models": []}
    assert CLIENT.error(none)[1]["availability"] == told
    assert next(iter(stamped().failed(none)))["delta"]["availability"] == told
    assert CLIENT.refused(401, "authentication", "No key.") == {"message": "No key.", "error_type": "AUTHENTICATION"}
    assert all(
        CLIENT.error(CallError(Failure(kind=kind, message="x")))[0] == POLICIES[kind].status for kind in POLICIES
    )


TEXTS = st.text(max_size=8)
PARTS = st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS}), min_size=1, max_size=3)
CALLS = st.lists(
    st.builds(
        lambda id_, name: {"id": id_, "type": "function", "function": {"name": name, "arguments": '{"a":1}'}},
        st.text(min_size=1, max_size=5),
        st.text(min_size=1, max_size=5),
    ),
    min_size=1,
    max_size=3,
)


@st.composite
def conversations(draw):
    messages = [{"role": "system", "content": draw(TEXTS | PARTS)}] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        messages.append({"role": "user", "content": draw(TEXTS | PARTS)})
        said = {"role": "assistant", "content": draw(PARTS)}
        thoughts = draw(st.lists(st.text(min_size=1, max_size=5), max_size=2))
        if thoughts:
            said["reasoning"] = "".join(thoughts)
            said["reasoning_details"] = [
                {"type": "reasoning.text", "text": text, "format": "unknown", "index": index}
                for index, text in enumerate(thoughts)
            ]
        if draw(st.booleans()):
            said["tool_calls"] = draw(CALLS)
            said["content"] = draw(st.text(min_size=1, max_size=8) | PARTS)
            messages.append(said)
            messages += [
                {"role": "tool", "content": draw(TEXTS | PARTS), "tool_call_id": call["id"]}
                for call in said["tool_calls"]
            ]
        else:
            messages.append(said)
    return messages


@given(messages=conversations(), tools=st.booleans())
def test_a_conversation_keeps_its_messages_tools_ids_and_reasoning(messages, tools):
    body = {"messages": messages, **({"tools": [TOOL], "tool_choice": "required"} if tools else {})}
    before = copy.deepcopy(body)
    sent = UPSTREAM.from_canonical(body, ENDPOINT)
    assert body == before
    assert not sent.dropped
    back = CLIENT.to_canonical(loads(dumps(sent.body)))
    assert not back.dropped
    assert back.body == body


CANONICAL = {
    "messages": [
        {"role": "user", "name": "n", "content": [{"type": "text", "text": "a", "document": {"data": {}}}]},
        {
            "role": "assistant",
            "content": "p",
            "reasoning_details": [{"type": "reasoning.text", "text": "t"}],
            "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "t", "content": [{"type": "text", "text": "1"}]},
    ],
    "tools": [TOOL],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "stop": ["x"],
    "top_p": 0.5,
    "n": 1,
    "max_tokens": 5,
    "reasoning": {"effort": "high", "max_tokens": None, "exclude": True},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
}
"""A bit of everything that a request may have."""


def places(value):
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in list(pairs):
        yield value, key
        yield from places(child)


@st.composite
def spoiled(draw, values):
    """One of some values, with any JSON at any place."""
    value = copy.deepcopy(draw(st.sampled_from(values)))
    holder, key = draw(st.sampled_from(list(places(value))))
    holder[key] = draw(JSON)
    return value


@given(body=spoiled([CANONICAL]))
def test_any_canonical_body_is_translated_or_unsupported(body):
    try:
        made = UPSTREAM.from_canonical(body, ENDPOINT).body
    except Unsupported:
        return
    assert loads(dumps(made)) == made


@given(body=spoiled(BODIES))
def test_any_body_of_a_client_is_translated_or_refused(body):
    try:
        made = CLIENT.to_canonical(body).body
    except InvalidRequest:
        return
    assert loads(dumps(made)) == made


@given(events=spoiled([list(THOUGHT.events), list(CALLED.events)]))
def test_any_events_are_translated_or_malformed(events):
    for take in (UPSTREAM.events_to_canonical(None).feed, UPSTREAM.fold().feed, UPSTREAM.progress(stream=True).see):
        for one in events:
            if isinstance(one, dict):
                with suppress(Malformed):
                    take(one)


@given(reply=spoiled([THOUGHT.reply, CALLED.reply]))
def test_any_reply_is_translated_or_malformed(reply):
    try:
        made = UPSTREAM.reply_to_canonical(reply, None).body
        UPSTREAM.progress(stream=False).see(reply)
    except Malformed:
        return
    assert loads(dumps(made)) == made


@given(data=st.data())
def test_any_canonical_answer_can_be_told(data):
    exchange = data.draw(st.sampled_from([THOUGHT, CALLED]))
    made, _ = chunks(exchange.events)
    chunk = data.draw(spoiled([made]))
    events, _ = told([one for one in chunk if isinstance(one, dict)])
    assert loads(dumps(events)) == events
    reply = data.draw(spoiled([UPSTREAM.reply_to_canonical(exchange.reply, None).body]))
    answer = CLIENT.reply_from_canonical(reply, make_call(COHERE_CHAT, BODIES[0])).body
    assert loads(dumps(answer)) == answer
