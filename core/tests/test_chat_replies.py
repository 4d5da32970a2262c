"""What clients get: stamped replies and streams, usage and cost, errors in OpenRouter's form."""

import copy
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway.chat import CHAT
from taxiway.chat_usage import usage_of
from taxiway.money import Cost, Price
from taxiway.outcome import Availability, Bill, CallError, Failure
from taxiway.sse import SseParser
from taxiway.testing.dialect import JSON, make_call, make_candidate, make_endpoint
from taxiway.usage import Usage

CALL = make_call(CHAT, {"model": "acme/model-1", "messages": [{"role": "user", "content": "hi"}]})
ENDPOINT = make_endpoint("chat", "chat")
BILL = Bill(make_candidate(ENDPOINT), Usage(input=6, cache_read=4, output=3, reasoning=2), Cost(2e-5, 1e-5, 1e-5))
CHUNK = {"id": "up", "object": "chat.completion.chunk", "created": 7, "model": "m", "system_fingerprint": None}
RAW = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": {"currency": "?"}, "extra": 1}


def stamp(bill=BILL):
    return CHAT.client.stamp(CALL, lambda: bill)


def chunk(*choices, **more):
    return {**CHUNK, "choices": list(choices), **more}


def test_a_chunk_says_who_serves_and_keeps_the_rest():
    event = chunk({"index": 0, "delta": {"content": "a"}, "logprobs": None}, usage=None, obfuscation="x", odd=[1])
    assert stamp().event(event) == {
        "id": "gen-1",
        "object": "chat.completion.chunk",
        "created": 7,
        "model": "acme/model-1",
        "provider": "Acme",
        "choices": [
            {
                "index": 0,
                "delta": {"content": "a"},
                "logprobs": None,
                "finish_reason": None,
                "native_finish_reason": None,
            }
        ],
        "obfuscation": "x",
        "odd": [1],
    }


@pytest.mark.parametrize(
    ("native", "ours"),
    [("stop", "stop"), ("eos", "stop"), ("function_call", "tool_calls"), ("length", "length"), ("strange", "strange")],
)
def test_finish_reasons_are_openrouters_and_the_native_one_is_kept(native, ours):
    event = stamp().event(chunk({"index": 0, "delta": {}, "finish_reason": native}))
    assert event["choices"][0]["finish_reason"] == ours
    assert event["choices"][0]["native_finish_reason"] == native


def test_usage_is_taken_off_every_chunk_and_sent_last():
    stamped = stamp()
    first = stamped.event(chunk({"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}, usage=dict(RAW)))
    assert "usage" not in first
    assert stamped.event(chunk(usage=dict(RAW))) is None
    assert "moderation" in stamped.event(chunk(usage=None, moderation={"flagged": False}))
    (last,) = stamped.last()
    assert last["choices"] == []
    assert (last["id"], last["created"], last["model"], last["provider"]) == ("gen-1", 7, "acme/model-1", "Acme")
    assert last["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "extra": 1,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
        "cost": 2e-5,
        "cost_details": {
            "upstream_inference_cost": 2e-5,
            "upstream_inference_prompt_cost": 1e-5,
            "upstream_inference_completions_cost": 1e-5,
        },
        "is_byok": True,
    }


def test_an_unknown_cost_is_absent_and_an_estimate_is_marked():
    bill = Bill(BILL.candidate, Usage(input=3, output=1, estimated=True), None, is_byok=False)
    (last,) = stamp(bill).last()
    assert last["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": 1,
        "total_tokens": 4,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
        "is_byok": False,
        "estimated": True,
    }


def test_the_providers_own_cost_is_kept_beside_ours():
    bill = Bill(BILL.candidate, Usage(input=10, output=5, reported_cost=0.5), BILL.cost)
    (last,) = stamp(bill).last()
    assert last["usage"]["cost"] == 2e-5
    assert last["usage"]["cost_details"]["upstream_inference_cost"] == 0.5


def test_where_ours_is_unknown_the_providers_cost_and_half_of_its_details_are_not_passed_on():
    stamped = stamp(Bill(BILL.candidate, Usage(input=10, output=5), None))
    stamped.event(chunk(usage={**RAW, "cost": 0.5, "cost_details": {"upstream_inference_cost": 0.5}}))
    (last,) = stamped.last()
    assert not {"cost", "cost_details"} & last["usage"].keys()


def test_nothing_known_is_not_told_as_zero():
    assert not list(stamp(Bill(BILL.candidate, None, None)).last())


def test_a_complete_reply_has_every_key_that_official_clients_insist_on():
    message = {"role": "assistant", "content": "a", "odd": 1}
    reply = stamp().reply(
        {
            "id": "up",
            "model": "m",
            "choices": [{"message": message, "finish_reason": "stop"}],
            "usage": dict(RAW),
            "x": 2,
        }
    )
    assert reply["id"] == "gen-1"
    assert (reply["object"], reply["created"], reply["model"]) == ("chat.completion", 1_760_000_000, "acme/model-1")
    assert reply["provider"] == "Acme"
    assert reply["system_fingerprint"] is None
    assert reply["choices"] == [
        {"index": 0, "message": message, "finish_reason": "stop", "native_finish_reason": "stop"}
    ]
    assert reply["usage"]["cost"] == 2e-5
    assert reply["x"] == 2


def test_a_stream_that_failed_ends_with_its_error_and_no_mark():
    stamped = stamp()
    stamped.event(chunk({"index": 0, "delta": {"content": "a"}}))
    (event,) = stamped.failed(CallError(Failure(kind="unavailable", message="It broke.", code="x"), provider="Acme"))
    assert event["error"] == {
        "code": 502,
        "message": "It broke.",
        "metadata": {"error_type": "provider_unavailable", "provider_name": "Acme", "provider_code": "x"},
    }
    assert event["choices"][0]["finish_reason"] == "error"
    assert event["choices"][0]["delta"] == {"content": ""}
    writer = CHAT.client.writer(CALL)
    assert writer.end(whole=False) == b""


def test_what_is_written_is_read_back():
    writer, parser = CHAT.client.writer(CALL), SseParser()
    written = writer.write([{"a": "é\n"}, {"b": 1}]) + writer.ping() + writer.end(whole=True)
    assert [event.data for event in parser.feed(written)] == ['{"a":"é\\n"}'.encode(), b'{"b":1}', b"[DONE]"]


def test_an_error_tells_what_was_tried_and_when_to_come_back():
    limited = Failure(kind="rate_limited", message="Too many.", code="rate_limit_exceeded", status=429)
    error = CallError(
        limited,
        provider="Acme",
        previous=(
            ("Other", Failure(kind="unavailable", message="x", status=500)),
            ("Third", Failure(kind="timeout", message="y")),
        ),
        retry_after=3.0,
        availability=Availability(code="capacity_exhausted", models=("acme/model-1",), providers=("acme", "other")),
    )
    status, body = CHAT.client.error(error)
    assert status == 429
    assert body == {
        "error": {
            "code": 429,
            "message": "Too many.",
            "metadata": {
                "error_type": "rate_limit_exceeded",
                "provider_name": "Acme",
                "provider_code": "rate_limit_exceeded",
                "previous_errors": [
                    {"provider": "Other", "code": "provider_unavailable", "status": 500},
                    {"provider": "Third", "code": "timeout", "status": 504},
                ],
            },
            "availability": {
                "code": "capacity_exhausted",
                "retryable": True,
                "requested_models": ["acme/model-1"],
                "affected_providers": ["acme", "other"],
                "retry_after": 3.0,
            },
        }
    }


def test_usage_is_cut_into_disjoint_parts():
    raw = {
        "prompt_tokens": 100,
        "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 10, "audio_tokens": 5, "image_tokens": 7},
        "completion_tokens": 50,
        "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 4, "rejected_prediction_tokens": 9},
        "cost": 0.25,
    }
    assert usage_of(raw) == Usage(
        input=48,
        cache_read=30,
        cache_write_5m=10,
        audio_in=5,
        image_in=7,
        output=26,
        reasoning=20,
        audio_out=4,
        reported_cost=0.25,
    )


@given(st.dictionaries(st.sampled_from(sorted(RAW)), JSON), st.dictionaries(st.text(), JSON))
def test_usage_of_any_kind_adds_up(raw, details):
    details = {"cached_tokens": 5, "reasoning_tokens": 10**6, **details}
    usage = usage_of({**raw, "prompt_tokens_details": details, "completion_tokens_details": details})
    assert min(usage.input, usage.output) >= 0
    if type(raw.get("prompt_tokens")) is int and raw["prompt_tokens"] >= 0:
        assert usage.prompt == raw["prompt_tokens"]


def test_a_fold_leaves_events_as_they_were_and_takes_repeated_finishes():
    fold = CHAT.upstream.fold()
    events = [
        chunk(
            {
                "index": 0,
                "delta": {"role": "assistant", "tool_calls": [{"index": 0, "id": "c", "function": {"name": "f"}}]},
            }
        ),
        chunk(
            {
                "index": 0,
                "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]},
                "finish_reason": "stop",
            }
        ),
        chunk({"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "stop"}, usage=RAW),
    ]
    before = copy.deepcopy(events)
    for event in events:
        fold.feed(event)
    assert events == before
    assert fold.reply()["choices"] == [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}],
            },
            "finish_reason": "stop",
        }
    ]


@pytest.mark.parametrize(
    ("finishes", "mark", "framed", "done"),
    [
        ([], True, False, True),
        ([], False, True, False),
        ([0], False, True, False),
        ([0, 1], False, True, True),
        ([0, 1], False, False, False),
    ],
)
def test_a_stream_is_done_at_its_mark_or_when_framed_and_finished(finishes, mark, framed, done):
    progress = CHAT.upstream.progress(stream=True)
    for index in (0, 1):
        progress.see(chunk({"index": index, "delta": {"content": "a"}}))
    for index in finishes:
        progress.see(chunk({"index": index, "delta": {}, "finish_reason": "stop"}))
        progress.see(chunk({"index": index, "delta": {"content": ""}, "finish_reason": None}))
    progress.close(mark=mark, framed=framed)
    assert progress.done is done


@pytest.mark.parametrize("token", ["content", "reasoning", "reasoning_content", "refusal", "tool_calls", "audio"])
def test_any_token_starts_the_answer_and_empty_ones_do_not(token):
    progress = CHAT.upstream.progress(stream=True)
    progress.see(chunk({"index": 0, "delta": {"role": "assistant", "content": "", token: ""}}))
    assert not progress.started
    progress.see(chunk({"index": 0, "delta": {token: "x"}}))
    assert progress.started


def test_cost_details_hold_with_prices_by_length():
    price = Price(input=1e-6, output=2e-6, above=((5, Price(input=2e-6, output=4e-6)),))
    usage = Usage(input=10, output=5)
    endpoint = make_endpoint("chat", "chat", price=price)
    (last,) = stamp(Bill(make_candidate(endpoint), usage, price.parts(usage))).last()
    assert last["usage"]["cost_details"]["upstream_inference_prompt_cost"] == 2e-5


@given(st.floats(0.0, 1e-2), st.integers(0, 2_000_000))
def test_costs_have_ten_decimals(price, tokens):
    cost = Price(input=price, output=0.0).cost(Usage(input=tokens))
    assert cost == round(cost, 10)
    assert abs(cost - price * tokens) <= 0.51e-10


def test_a_price_without_bounds_is_told_as_it_is():
    assert Price(input=math.inf, output=math.inf).cost(Usage(input=1, output=1)) == math.inf


def test_the_client_half_changes_no_body():
    body = {"messages": [], "reasoning": {"effort": "low"}}
    assert CHAT.client.to_canonical(body).body is body
    assert CHAT.upstream.from_canonical(body, ENDPOINT).body is body


def test_the_tier_that_only_the_chunk_of_usage_tells_is_told_with_it():
    made = stamp()
    assert made.event(chunk(usage={"prompt_tokens": 1}, service_tier="on_demand")) is None
    (last,) = made.last()
    assert last["service_tier"] == "on_demand"


_CHOICES = st.fixed_dictionaries(
    {"delta": st.sampled_from([{"content": "a"}, {"content": None}, {"content": []}, {"reasoning": "b"}, {}])},
    optional={"index": st.sampled_from([0, 1, None]), "finish_reason": st.just("stop")},
)
_EVENTS = st.fixed_dictionaries(
    {"usage": st.sampled_from([None, {}, {"prompt_tokens": 1}]), "choices": st.lists(_CHOICES, max_size=2)},
    optional={"id": st.sampled_from(["", "x"])},
)


@given(st.lists(_EVENTS, max_size=8), st.booleans())
def test_a_chunk_says_the_same_whether_its_reason_to_finish_is_null_or_absent(events, mark):
    """Only one in which it is null can pass for the usual chunk, which is not looked at in full."""
    told = []
    for null in ({"finish_reason": None}, {}):
        progress = CHAT.upstream.progress(stream=True)
        for event in [{"choices": [{"index": 0, "delta": {"content": "a"}}]}, *events]:
            choices = [{**null, **choice} for choice in event.get("choices", ())]
            progress.see({**event, "choices": choices})
        progress.close(mark=mark, framed=True)
        told.append([getattr(progress, name) for name in ("text", "usage", "upstream_id", "finish", "done")])
    assert told[0] == told[1]
