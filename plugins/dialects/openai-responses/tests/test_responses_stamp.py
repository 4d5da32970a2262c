"""What Taxiway writes into Responses: who, what it costs, and how a stream fails."""

import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from taxiway.money import Cost
from taxiway.outcome import Availability, Bill, CallError, Failure
from taxiway.sse import SseParser
from taxiway.testing.dialect import make_call, make_candidate, make_endpoint
from taxiway.usage import Usage
from taxiway_openai_responses.dialect import RESPONSES

CALL = make_call(RESPONSES, {"model": "acme/model-1", "input": "Hello", "temperature": 0.5})
BILL = Bill(
    make_candidate(make_endpoint("chat", "responses")), Usage(input=10, cache_read=5, output=3), Cost(3e-5, 1e-5, 2e-5)
)
EVENT = TypeAdapter(ResponseStreamEvent)


def stamp():
    return RESPONSES.client.stamp(CALL, lambda: BILL)


def test_a_reply_says_who_served_it_and_what_it_cost():
    usage = {"input_tokens": 15, "output_tokens": 3, "total_tokens": 18, "num_sources_used": 2}
    reply = stamp().reply({"id": "resp_1", "model": "m", "object": "response", "usage": usage, "made_up": 1})
    assert (reply["id"], reply["model"], reply["made_up"]) == ("gen-1", "acme/model-1", 1)
    assert reply["usage"] == {
        "input_tokens": 15,
        "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 18,
        "num_sources_used": 2,
        "cost": 3e-5,
        "cost_details": {
            "upstream_inference_cost": 3e-5,
            "upstream_inference_input_cost": 1e-5,
            "upstream_inference_output_cost": 2e-5,
        },
        "is_byok": True,
    }
    for name in ("completed_at", "error", "incomplete_details", "metadata", "presence_penalty", "frequency_penalty"):
        assert name in reply


def test_events_without_a_number_get_one():
    made = stamp()
    given = [{"type": "a", "sequence_number": 4}, {"type": "b"}, {"type": "c"}]
    assert [made.event(event)["sequence_number"] for event in given] == [4, 5, 6]


@pytest.mark.parametrize(
    ("kind", "code", "error_type"),
    [
        ("rate_limited", "rate_limit_exceeded", "rate_limit_exceeded"),
        ("invalid_request", "invalid_prompt", "invalid_request"),
        ("content_policy", "image_content_policy_violation", "content_policy_violation"),
        ("overloaded", "server_error", "provider_overloaded"),
    ],
)
def test_a_stream_that_fails_says_so_twice(kind, code, error_type):
    made = stamp()
    made.event(
        {"type": "response.created", "sequence_number": 0, "response": {"id": "r", "created_at": 7, "tools": []}}
    )
    error, failed = made.failed(CallError(Failure(kind=kind, message="the reason"), provider="Acme"))
    assert error == {"type": "error", "sequence_number": 1, "code": code, "message": "the reason", "param": None}
    response = failed["response"]
    assert (failed["type"], failed["sequence_number"]) == ("response.failed", 2)
    assert (response["status"], response["error_type"], response["created_at"]) == ("failed", error_type, 7)
    assert response["error"] == {"code": code, "message": "the reason"}
    assert response["usage"]["input_tokens"] == 15


def test_before_anything_was_sent_a_failure_is_a_whole_response_too():
    availability = Availability(code="temporarily_unavailable")
    error = CallError(Failure(kind="timeout", message="too slow"), availability=availability)
    events = list(stamp().failed(error))
    for event in events:
        EVENT.validate_python(event)
    response = events[-1]["response"]
    assert (response["id"], response["model"], response["temperature"]) == ("gen-1", "acme/model-1", 0.5)
    assert response["usage"] is None
    assert response["availability"]["code"] == "temporarily_unavailable"


def test_a_stream_that_runs_out_of_context_ends_like_one_that_is_long_enough():
    (event,) = stamp().failed(CallError(Failure(kind="context_length", message="too long")))
    assert event["type"] == "response.incomplete"
    assert event["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


def test_events_are_written_under_their_names_and_nothing_comes_after_the_last():
    writer = RESPONSES.client.writer(CALL)
    data = writer.write([{"type": "response.created", "a": "b"}, {"type": "odd\nname"}])
    first, second = SseParser().feed(data)
    assert (first.name, first.data) == ("response.created", b'{"type":"response.created","a":"b"}')
    assert second.name == "odd\\nname"
    assert (writer.content_type, writer.end(whole=True)) == ("text/event-stream", b"")
