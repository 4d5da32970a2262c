"""Reasoning between `<think>` and `</think>` at the beginning of an answer, however it is split."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway_openai_compatible.thinking import Thinking, complete, thinking

ANSWERS = [
    ("<think>\nSo one and one.\n</think>\n\nTwo.", "So one and one.\n", "Two."),
    ("\n <think>a</think>b", "a", "b"),
    ("<think>\n\n</think>\n\nTwo.", "", "Two."),
    ("<think>never closed </thin", "never closed </thin", ""),
    ("<think>a < b, </b></think>c <think>d</think>", "a < b, </b>", "c <think>d</think>"),
    ("Plain <think>a</think>", "", "Plain <think>a</think>"),
    ("<thin", "", "<thin"),
    ("<thinker>", "", "<thinker>"),
    ("  Plain", "", "  Plain"),
    ("", "", ""),
    (" " * 500, "", " " * 500),
]


def read(pieces):
    answer = Thinking()
    told = [*map(answer.feed, pieces), answer.close()]
    return "".join(reasoning for reasoning, _ in told), "".join(content for _, content in told)


@pytest.mark.parametrize(("text", "reasoning", "content"), ANSWERS)
def test_an_answer_that_begins_with_reasoning_is_parted(text, reasoning, content):
    assert read([text]) == (reasoning, content)
    assert read(list(text)) == (reasoning, content)


@given(
    text=st.lists(st.sampled_from(["<think>", "</think>", "<", "think>", "\n", " ", "a", "</"])).map("".join),
    data=st.data(),
)
def test_any_split_gives_the_same(text, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert read(pieces) == read([text])


@given(text=st.lists(st.sampled_from(["<think>", "</think>", "<", "x", " "])).map("".join))
def test_little_is_held_back(text):
    answer = Thinking()
    for piece in text:
        answer.feed(piece)
        assert len(answer._held) <= 64


class Asked:
    stream = True


def test_each_choice_has_its_own_and_the_end_gives_what_was_held():
    change = thinking(Asked)

    def told(index, content, finish=None):
        event = {"choices": [{"index": index, "delta": {"content": content, "odd": 1}, "finish_reason": finish}]}
        change(event)
        return event["choices"][0]["delta"]

    assert told(0, "<think>a") == {"content": "", "odd": 1, "reasoning": "a"}
    assert told(1, "b") == {"content": "b", "odd": 1}
    assert told(0, "</") == {"content": "", "odd": 1}
    assert told(0, None, "stop") == {"content": None, "odd": 1, "reasoning": "</"}


def test_a_complete_reply_is_read_at_once():
    reply = {
        "choices": [{"message": {"content": "<think>a</think>b"}}, {"message": {"content": None}}, {"message": 1}, 2]
    }
    complete(reply)
    assert reply["choices"] == [
        {"message": {"content": "b", "reasoning": "a"}},
        {"message": {"content": None}},
        {"message": 1},
        2,
    ]


@pytest.mark.parametrize("event", [{}, {"choices": None}, {"choices": [{"index": [], "delta": {"content": "a"}}]}])
def test_what_is_no_chunk_makes_nothing_fail(event):
    thinking(Asked)(event)
    complete(event)
