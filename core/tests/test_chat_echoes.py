"""An assistant's reasoning goes back under the name that an endpoint knows, and what can't is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway.chat import CHAT
from taxiway.testing.dialect import JSON, make_endpoint

REFUSED = frozenset({"reasoning", "reasoning_content", "reasoning_details", "cache_control"})
TEXT = {"type": "reasoning.text", "text": "because", "format": "unknown", "index": 0}
SUMMARY = {"type": "reasoning.summary", "summary": "because"}
SIGNED = TEXT | {"signature": "s"}
HIDDEN = {"type": "reasoning.encrypted", "data": "x"}


def sent(message, echoes="reasoning_content", refused=REFUSED):
    endpoint = make_endpoint("chat", "chat", echoes=echoes, unsupported=refused)
    body = {"messages": [{"role": "user", "content": "why?"}, {"role": "assistant", "content": "So.", **message}]}
    translated = CHAT.upstream.from_canonical(body, endpoint)
    assert body["messages"][1] == {"role": "assistant", "content": "So.", **message}
    kept = {name: value for name, value in translated.body["messages"][1].items() if name not in {"role", "content"}}
    return kept, translated.dropped


@pytest.mark.parametrize(
    "message",
    [
        {"reasoning": "because"},
        {"reasoning_content": "because"},
        {"reasoning_details": [TEXT]},
        {"reasoning_details": [SUMMARY]},
        {"reasoning": "because", "reasoning_details": [TEXT]},
        {"reasoning": "because", "reasoning_content": "because", "reasoning_details": []},
        {"reasoning": None, "reasoning_details": [TEXT | {"text": "be"}, TEXT | {"text": "cause"}]},
    ],
)
@pytest.mark.parametrize("echoes", ["reasoning", "reasoning_content"])
def test_however_a_client_says_it_it_goes_back_under_one_name(message, echoes):
    assert sent(message, echoes) == ({echoes: "because"}, ())


@pytest.mark.parametrize("detail", [SIGNED, HIDDEN])
def test_what_is_more_than_text_is_named_as_dropped(detail):
    assert sent({"reasoning": "because", "reasoning_details": [TEXT, detail]}) == (
        {"reasoning_content": "because"},
        ("reasoning_details",),
    )


def test_without_that_name_all_of_it_is_dropped():
    assert sent({"reasoning": "because", "reasoning_details": [TEXT]}, "") == ({}, ("reasoning", "reasoning_details"))


def test_an_empty_one_stays_as_the_client_says_it():
    assert sent({"reasoning_content": ""}) == ({"reasoning_content": ""}, ())


def test_the_parameter_is_another_matter():
    endpoint = make_endpoint("chat", "chat", echoes="reasoning", unsupported=REFUSED)
    body = {
        "reasoning": {"effort": "low", "exclude": True},
        "messages": [{"role": "assistant", "content": "So.", "reasoning": "because"}],
    }
    translated = CHAT.upstream.from_canonical(body, endpoint)
    assert translated.body == {"reasoning_effort": "low", "messages": body["messages"]}
    assert translated.dropped == ("reasoning.exclude",)


def test_nothing_to_send_back_leaves_the_body_as_it_is():
    endpoint = make_endpoint("chat", "chat", echoes="reasoning_content")
    body = {"messages": [{"role": "user", "content": "why?", "reasoning": "not an assistant's"}]}
    assert CHAT.upstream.from_canonical(body, endpoint).body is body


@given(messages=JSON | st.lists(st.fixed_dictionaries({"role": st.just("assistant"), "reasoning_details": JSON})))
def test_no_body_makes_it_fail(messages):
    endpoint = make_endpoint("chat", "chat", echoes="reasoning_content", unsupported=REFUSED)
    CHAT.upstream.from_canonical({"messages": messages}, endpoint)
