"""Clients of Messages, for any model: what they ask in chat's words, what they are told, and how calls end for them."""

import copy

import pytest
from claude_messages import BODIES, EVERYTHING, STOPPED, TOOL

from taxiway.call import Facts
from taxiway.codec import loads
from taxiway.errors import InvalidRequest, Unsupported
from taxiway.money import Cost
from taxiway.outcome import Availability, Bill, CallError, Failure
from taxiway.sse import SseParser
from taxiway.testing.dialect import make_call, make_candidate, make_endpoint
from taxiway.usage import Usage
from taxiway_anthropic_messages import COUNT_TOKENS, MESSAGES, betas, without_foreign

CLIENT = MESSAGES.client
USER = {"role": "user", "content": "hi"}
MARK = {"type": "ephemeral"}
FUNCTION = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell it.",
        "parameters": {"type": "object", "properties": {"place": {}}},
    },
}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
SCHEMA = {"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": False}


def asked(body):
    """What is asked in chat's words, and what is named as dropped."""
    made = CLIENT.to_canonical({"messages": [USER], **body})
    rest = {name: value for name, value in made.body.items() if name != "messages" or value != [USER]}
    return rest, made.dropped


def messages(*turns):
    return CLIENT.to_canonical({"messages": list(turns)}).body["messages"]


@pytest.mark.parametrize(
    ("body", "expected", "dropped"),
    [
        (
            {"max_tokens": 5, "temperature": 0.5, "top_p": 1, "top_k": 3},
            {"max_tokens": 5, "temperature": 0.5, "top_p": 1, "top_k": 3},
            (),
        ),
        ({"stop_sequences": ["a"], "service_tier": "standard_only"}, {"stop": ["a"], "service_tier": "default"}, ()),
        ({"service_tier": "new"}, {}, ("service_tier",)),
        ({"metadata": {"user_id": "u"}}, {"user": "u"}, ()),
        ({"metadata": None, "container": None, "mcp_servers": []}, {}, ()),
        ({"cache_control": MARK}, {"cache_control": MARK}, ()),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, {"reasoning": {"max_tokens": 2000}}, ()),
        ({"thinking": {"type": "adaptive"}}, {"reasoning": {"enabled": True}}, ()),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "high"}},
            {"reasoning": {"effort": "high"}},
            ("thinking.display",),
        ),
        (
            {"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}},
            {"reasoning": {"enabled": False}, "verbosity": "low"},
            (),
        ),
        ({"output_config": {"effort": "low", "task_budget": {}}}, {"verbosity": "low"}, ()),
        ({"output_config": {"task_budget": {"total": 1}}}, {}, ("output_config.task_budget",)),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
                }
            },
            (),
        ),
        (
            {"output_format": {"type": "json_schema", "schema": {**SCHEMA, "title": "Reply", "required": []}}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {
                        "name": "Reply",
                        "schema": {**SCHEMA, "title": "Reply", "required": []},
                        "strict": False,
                    },
                }
            },
            (),
        ),
        ({"tools": [TOOL]}, {"tools": [FUNCTION]}, ()),
        (
            {"tools": [{**TOOL, "cache_control": MARK, "type": "custom"}]},
            {"tools": [{**FUNCTION, "cache_control": MARK}]},
            (),
        ),
        (
            {"tools": [{**TOOL, "defer_loading": True}, SEARCH]},
            {"tools": [FUNCTION]},
            ("tools.defer_loading", "tools.web_search_20250305"),
        ),
        ({"tools": [SEARCH], "tool_choice": {"type": "any"}}, {}, ("tools.web_search_20250305", "tool_choice")),
        ({"tools": [TOOL], "tool_choice": {"type": "any"}}, {"tools": [FUNCTION], "tool_choice": "required"}, ()),
        (
            {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}},
            {
                "tools": [FUNCTION],
                "tool_choice": {"type": "function", "function": {"name": "weather"}},
                "parallel_tool_calls": False,
            },
            (),
        ),
        ({"mcp_servers": [{}], "context_management": {"edits": []}}, {}, ("mcp_servers", "context_management")),
        ({"system": ""}, {}, ()),
    ],
)
def test_what_is_asked_in_chats_words(body, expected, dropped):
    assert asked(body) == (expected, dropped)


def test_a_users_name_that_is_too_long_for_some_is_a_digest():
    (first, _), (second, _) = (asked({"metadata": {"user_id": name * 100}}) for name in "ab")
    assert len(first["user"]) == 64
    assert first != second


def test_a_tool_of_anthropics_that_must_be_called_is_for_others():
    with pytest.raises(Unsupported):
        asked({"tools": [SEARCH], "tool_choice": {"type": "tool", "name": "web_search"}})


def test_system_prompts_are_messages_and_instructions_stay_where_they_are():
    system = [{"type": "text", "text": "A", "cache_control": MARK}, {"type": "text", "text": "B"}]
    body = {"system": system, "messages": [USER, {"role": "system", "content": [{"type": "text", "text": "C"}]}]}
    assert CLIENT.to_canonical(body).body["messages"] == [
        {"role": "system", "content": system},
        USER,
        {"role": "system", "content": "C"},
    ]


def test_results_are_messages_of_their_own():
    results = [
        {"type": "tool_result", "tool_use_id": "a", "content": "one", "cache_control": MARK},
        {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "text", "text": "two"}], "is_error": True},
        {"type": "tool_result", "tool_use_id": "c"},
        {"type": "text", "text": "and?"},
    ]
    assert messages({"role": "user", "content": results}) == [
        {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "one", "cache_control": MARK}]},
        {"role": "tool", "tool_call_id": "b", "content": "two", "is_error": True},
        {"role": "tool", "tool_call_id": "c", "content": ""},
        {"role": "user", "content": "and?"},
    ]


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "image", "source": {"type": "url", "url": "u"}}, {"type": "image_url", "image_url": {"url": "u"}}),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, {"type": "file", "file": {"file_id": "f"}}),
        (
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "QQ=="},
                "title": "t",
            },
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,QQ==", "filename": "t"}},
        ),
        ({"type": "document", "source": {"type": "text", "data": "t"}}, {"type": "text", "text": "t"}),
        (
            {
                "type": "document",
                "source": {"type": "text", "data": "t"},
                "title": "T",
                "citations": {"enabled": True},
            },
            {"type": "text", "text": "t", "document": {"data": {"title": "T", "text": "t"}}},
        ),
        ({"type": "document", "source": {"type": "content", "content": "t"}}, {"type": "text", "text": "t"}),
        (
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "t"}]}},
            {"type": "text", "text": "t"},
        ),
    ],
)
def test_blocks_are_parts(block, part):
    content = messages({"role": "user", "content": [block, {"type": "text", "text": "?"}]})[0]["content"]
    assert content == [part, {"type": "text", "text": "?"}]


def test_what_has_no_part_is_named():
    blocks = [
        {"type": "container_upload", "file_id": "f"},
        {"type": "search_result", "title": "T", "source": "S", "content": [{"type": "text", "text": "t"}]},
        {"type": "document", "source": {"type": "url", "url": "u"}, "citations": {"enabled": True}, "context": "c"},
    ]
    made, dropped = asked({"messages": [{"role": "user", "content": blocks}]})
    assert made["messages"][0]["content"][0] == {"type": "text", "text": "T (S)"}
    assert set(dropped) == {
        "messages.content.container_upload",
        "messages.content.citations",
        "messages.content.context",
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "text"}}]}]},
            "messages[0].content[0].source.type",
        ),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "b"}]}]},
            "messages[0].content[0].input",
        ),
        ({"system": [{"type": "image", "source": {"type": "url", "url": "u"}}]}, "system[0].type"),
        ({"model": ""}, "model"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"tools": [{"name": "a"}]}, "tools[0].input_schema"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"output_format": {"type": "json_schema"}}, "output_format.schema"),
        ({"fallbacks": [{"model": "a", "b": 1}]}, "fallbacks[0]"),
        ({"fallbacks": [{"model": "a"}] * 4}, "fallbacks"),
        ({"fallbacks": [{"model": "a"}], "models": ["b"]}, "fallbacks"),
        ({"preset": 1}, "preset"),
    ],
)
def test_a_wrong_body_is_refused_by_field(change, field):
    with pytest.raises(InvalidRequest) as raised:
        CLIENT.facts({"model": "a/b", "max_tokens": 5, "messages": [USER], **change}, {}, {})
    assert raised.value.field == field


def test_facts():
    facts = CLIENT.facts(BODIES[0], {}, {})
    assert facts.models == ("acme/model-1",)
    assert facts.parameters == {"max_tokens", "tools", "tool_choice", "stop", "temperature"}
    assert (facts.inputs, facts.max_output, facts.stream) == ({"text", "image"}, 100, True)
    assert facts.tokens > 765
    assert CLIENT.facts(BODIES[1], {}, {}).models == ("acme/model-1", "acme/model-2")
    assert CLIENT.facts(BODIES[1], {}, {}).inputs == {"text", "image", "file"}
    thinks = {
        "model": "m",
        "messages": [USER],
        "thinking": {"type": "adaptive"},
        "output_format": {"type": "json_schema", "schema": {}},
    }
    assert CLIENT.facts(thinks, {}, {}).parameters == {"reasoning", "response_format", "structured_outputs"}


def test_what_is_taxiways_is_not_sent_on():
    body = {**BODIES[1], "provider": {"only": ["a"]}, "models": None, "session_id": "s", "user": "u", "stream": False}
    call = make_call(MESSAGES, body, Facts(("m",)))
    assert call.body.keys() == {"max_tokens", "messages", "cache_control"}


def stamped(exchange, usage, cost=None):
    candidate = make_candidate(make_endpoint("chat", "messages"))
    call = make_call(MESSAGES, BODIES[0], Facts(("acme/model-1",)))
    return CLIENT.stamp(call, lambda: Bill(candidate, usage, cost))


def test_the_last_event_but_one_tells_usage_and_cost_of_the_whole_call():
    usage = Usage(input=10, cache_read=5, cache_write_5m=3, cache_write_1h=4, output=12, reasoning=8)
    stamp = stamped(EVERYTHING, usage, Cost(0.3, 0.1, 0.2))
    sent = [one for event in copy.deepcopy(EVERYTHING.events) if (one := stamp.event(event)) is not None]
    sent += stamp.last()
    assert [event["type"] for event in sent] == [event["type"] for event in EVERYTHING.events]
    assert {name: sent[0]["message"][name] for name in ("id", "model", "provider")} == {
        "id": "gen-1",
        "model": "acme/model-1",
        "provider": "Acme",
    }
    told = sent[-2]["usage"]
    assert (told["input_tokens"], told["cache_creation_input_tokens"], told["output_tokens"]) == (10, 7, 20)
    assert (told["cost"], told["is_byok"]) == (0.3, True)
    assert sent[-2]["delta"]["stop_reason"] == "tool_use"


def test_a_second_word_on_the_end_is_heard():
    stamp = stamped(STOPPED, None)
    for event in copy.deepcopy(STOPPED.events[-2:]):
        assert stamp.event(event) is None
    assert (
        stamp.event({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 9}})
        is None
    )
    delta, stop = stamp.last()
    assert (delta["delta"]["stop_reason"], delta["delta"]["stop_sequence"]) == ("max_tokens", "three")
    assert (delta["usage"]["output_tokens"], "cost" in delta["usage"]) == (9, False)
    assert stop == {"type": "message_stop"}


def test_a_stamped_reply_has_what_sdks_insist_on():
    from anthropic.types import Message

    reply = stamped(STOPPED, Usage(input=3, output=4, estimated=True)).reply(copy.deepcopy(STOPPED.reply))
    Message.model_validate(reply)
    assert {"stop_details", "container"} <= reply.keys()
    assert {"cache_creation", "service_tier", "server_tool_use", "inference_geo"} <= reply["usage"].keys()
    assert reply["usage"]["estimated"] is True


@pytest.mark.parametrize(
    ("kind", "status", "name"),
    [
        ("rate_limited", 429, "rate_limit_error"),
        ("overloaded", 503, "overloaded_error"),
        ("unavailable", 502, "api_error"),
        ("timeout", 504, "timeout_error"),
        ("not_found", 404, "not_found_error"),
        ("permission_denied", 403, "permission_error"),
        ("quota_exhausted", 402, "billing_error"),
        ("invalid_request", 400, "invalid_request_error"),
        ("content_policy", 400, "invalid_request_error"),
        ("payload_too_large", 413, "request_too_large"),
    ],
)
def test_errors_have_anthropics_types(kind, status, name):
    error = CallError(Failure(kind=kind, message="why"), generation="gen-1", provider="Acme")
    told, body = CLIENT.error(error)
    assert (told, body["type"], body["error"]["type"], body["error"]["message"]) == (status, "error", name, "why")
    assert body["request_id"] == "gen-1"
    assert body["metadata"]["provider_name"] == "Acme"
    (event,) = stamped(STOPPED, None).failed(error)
    assert event == body


def test_a_conversation_that_is_too_long_is_told_in_the_words_that_clients_look_for():
    for message, expected in (
        ("too much", "prompt is too long: too much"),
        ("prompt is too long: 3 > 2", "prompt is too long: 3 > 2"),
    ):
        _, body = CLIENT.error(CallError(Failure(kind="context_length", message=message)))
        assert body["error"]["message"] == expected


def test_nothing_could_serve():
    error = CallError(Failure(kind="not_found", message="none"), availability=Availability(code="no_endpoints"))
    status, body = CLIENT.error(error)
    assert (status, body["error"]["type"]) == (404, "not_found_error")
    assert body["error"]["availability"]["code"] == "no_endpoints"


def test_a_front_end_refuses_in_the_same_form():
    body = CLIENT.refused(401, "authentication", "no key")
    assert body == {
        "type": "error",
        "error": {"type": "authentication_error", "message": "no key", "error_type": "authentication"},
        "request_id": None,
    }


def test_events_are_written_with_their_names():
    writer = CLIENT.writer(make_call(MESSAGES, BODIES[0], Facts(("m",))))
    events = SseParser().feed(writer.write(STOPPED.events) + writer.end(whole=True))
    assert [(event.name, loads(event.data)) for event in events] == [(one["type"], one) for one in STOPPED.events]


def test_counting_is_free_and_passes_as_it_is():
    body = {"model": "m", "messages": [USER]}
    endpoint = make_endpoint("count-tokens", "count-tokens")
    assert COUNT_TOKENS.upstream.from_canonical(body, endpoint).body is body
    assert COUNT_TOKENS.client.to_canonical(body).body is body
    progress = COUNT_TOKENS.upstream.progress(stream=False)
    progress.see({"input_tokens": 5})
    assert progress.usage == Usage(requests=0)
    assert COUNT_TOKENS.upstream.reply_to_canonical({"input_tokens": 5}, None).body == {"input_tokens": 5}
    assert COUNT_TOKENS.client.reply_from_canonical({"input_tokens": 5}, None).body == {"input_tokens": 5}


def test_betas_are_those_of_both_headers():
    assert betas({"anthropic-beta": "a, b", "x-anthropic-beta": "b,c,"}) == ("a", "b", "c")
    assert betas({}) == ()


def test_what_only_others_can_read_is_taken_out_before_a_claude():
    own = [{"type": "thinking", "thinking": "a", "signature": "c2ln"}, {"type": "text", "text": "b"}]
    body = {"messages": [USER, {"role": "assistant", "content": own}]}
    assert without_foreign(body) is body
    location = {"type": "web_search_result_location", "encrypted_index": "taxiway:"}
    foreign = [
        {"type": "thinking", "thinking": "a", "signature": ""},
        {"type": "thinking", "thinking": "a", "signature": 'taxiway:{"type":"reasoning.text"}'},
        {"type": "redacted_thinking", "data": 'taxiway:{"type":"reasoning.encrypted"}'},
        {"type": "text", "text": "b", "citations": [location]},
        {"type": "text", "text": "c", "citations": [location, {"type": "char_location"}]},
    ]
    mixed = {
        "messages": [
            USER,
            {"role": "assistant", "content": [*own, *foreign]},
            {"role": "assistant", "content": foreign[:1]},
        ]
    }
    before = copy.deepcopy(mixed)
    kept = without_foreign(mixed)
    assert mixed == before
    assert kept["messages"] == [
        USER,
        {
            "role": "assistant",
            "content": [
                *own,
                {"type": "text", "text": "b"},
                {"type": "text", "text": "c", "citations": [{"type": "char_location"}]},
            ],
        },
    ]


@pytest.mark.parametrize(
    "body",
    [{}, {"messages": 1}, {"messages": [1, {"role": "assistant", "content": [1, {"type": "text", "citations": 3}]}]}],
)
def test_a_body_of_any_form_passes(body):
    assert without_foreign(body) is body
