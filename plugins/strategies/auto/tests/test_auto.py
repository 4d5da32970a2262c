from random import Random
from typing import ClassVar

import pytest
from attrs import evolve

import taxiway_auto
from taxiway import Price
from taxiway.call import Facts
from taxiway.converter import structure
from taxiway.errors import ConfigError
from taxiway.testing.dialect import make_endpoint
from taxiway.testing.strategy import FakeView, StrategyContract, make_chat, order
from taxiway_auto.complexity import complexity, occurs
from taxiway_auto.options import WORDS, Auto, Weights
from taxiway_auto.ranking import AutoStrategy
from taxiway_auto.text import LONGEST, asked, has_code

NAMED = {
    "models": [{"model": "acme/small", "up_to": 0.3}, {"model": "acme/middle", "up_to": 0.6}, {"model": "acme/big"}]
}


class TestAuto(StrategyContract):
    module = taxiway_auto


class TestAutoWithOptions(StrategyContract):
    module = taxiway_auto
    options: ClassVar = {
        "models": [{"model": "acme/model-2", "up_to": 0.3}, {"model": "acme/model-1"}],
        "rules": [
            {"words": ["prove"], "code": False, "model": "other/model"},
            {"tokens_to": 500, "model": "acme/model-1"},
        ],
    }


def at(model, provider="p", price=1e-6):
    price = Price() if price is None else Price(input=price, output=price)
    return make_endpoint("chat", "chat", model=model, provider=provider, tag=provider, price=price)


SMALL, MIDDLE, BIG = at("acme/small", price=1e-7), at("acme/middle"), at("acme/big", price=1e-5)


def asks(text="", tokens=100, parameters=(), inputs=("text",)):
    call = make_chat(tokens)
    call.facts = evolve(call.facts, parameters=frozenset(parameters), inputs=frozenset(inputs))
    call.body = {"messages": [{"role": "user", "content": text}]}
    return call


def ranked(call, endpoints=(BIG, MIDDLE, SMALL), options=NAMED, view=None):
    return AutoStrategy(structure(options, Auto)).rank(call, endpoints, view or FakeView(), Random(1))


def models(*args, **more):
    return [endpoint.model.removeprefix("acme/") for endpoint in order(ranked(*args, **more))]


# --- which model


def test_the_model_for_the_complexity_comes_first_then_harder_ones_then_easier_ones():
    assert models(asks("Hello")) == ["small", "middle", "big"]
    assert models(asks("Debug the race condition", parameters=["tools"])) == ["middle", "big", "small"]
    hard = asks("Prove the theorem step by step", tokens=20_000, parameters=["reasoning"])
    assert models(hard) == ["big", "middle", "small"]


def test_the_endpoints_of_one_model_are_equal_and_models_without_a_name_come_last():
    endpoints = [at("other/model"), at("acme/small", "a"), at("acme/small", "b"), BIG]
    assert [row.score for row in ranked(asks("Hello"), endpoints)] == [3.0, 0.0, 0.0, 2.0]


def test_without_models_those_there_are_are_taken_by_price():
    unknown = at("acme/unknown", price=None)
    endpoints = [unknown, BIG, MIDDLE, SMALL]
    assert models(asks("Hello"), endpoints, {}) == ["small", "middle", "big", "unknown"]
    assert models(asks("Hello", parameters=["reasoning"]), endpoints, {}) == ["middle", "big", "unknown", "small"]


def test_a_model_costs_what_its_cheapest_endpoint_does():
    endpoints = [at("acme/a", "dear", 9e-6), at("acme/b"), at("acme/a", "cheap", 1e-7)]
    assert models(asks("Hello"), endpoints, {})[:2] == ["a", "a"]


def test_an_outage_comes_after_all_others():
    view = FakeView(outages=frozenset([SMALL]))
    assert models(asks("Hello"), view=view) == ["middle", "big", "small"]


def test_where_there_is_one_model_there_is_nothing_to_choose():
    rows = ranked(asks("Prove it"), [at("acme/big", "a"), at("acme/big", "b")])
    assert [row.score for row in rows] == [0.0, 0.0]


# --- rules


@pytest.mark.parametrize(
    ("condition", "call"),
    [
        ({"words": ["Contract", "liability"]}, asks("Read this CONTRACT.")),
        ({"parameters": ["tools", "reasoning"]}, asks(parameters=["tools"])),
        ({"inputs": ["image"]}, asks(inputs=["text", "image"])),
        ({"code": True}, asks("```\nx\n```")),
        ({"code": False, "tokens_from": 100, "tokens_to": 100}, asks("no code")),
    ],
)
def test_a_rule_decides_where_all_that_it_says_holds(condition, call):
    options = {**NAMED, "rules": [{**condition, "model": "acme/big"}]}
    rows = ranked(call, options=options)
    assert order(rows) == [BIG, SMALL, MIDDLE]
    assert rows[0].why == "rule 1: acme/big"
    for otherwise in (asks("Hello", tokens=99), asks("subcontractors", tokens=101)):
        assert order(ranked(otherwise, options=options))[0] is SMALL


def test_the_first_rule_that_fits_decides_also_for_a_model_of_no_complexity():
    rules = [{"words": ["never"], "model": "acme/big"}, {"tokens_from": 0, "model": "other/model"}]
    endpoints = [SMALL, BIG, at("other/model")]
    assert models(asks("Hello"), endpoints, {**NAMED, "rules": rules}) == ["other/model", "small", "big"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"models": [{"model": "a/b", "up_to": 0.5}, {"model": "a/c", "up_to": 0.5}]}, "higher"),
        ({"models": [{"model": "a/b", "up_to": 0.5}]}, "up to 1"),
        ({"rules": [{"model": "a/b"}]}, "condition"),
        ({"rules": [{"model": "a/b", "words": [""]}]}, "words"),
        ({"words": {"prove": 2}}, "words"),
        ({"weights": {"size": 7}}, "size"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        structure(options, Auto)


# --- complexity


def seems(text="", tokens=0, parameters=(), inputs=("text",)):
    facts = Facts(("a/b",), parameters=frozenset(parameters), inputs=frozenset(inputs), tokens=tokens)
    return complexity(facts, text, WORDS, Weights())


def test_each_part_adds_its_weight():
    assert seems() == 0.0
    assert seems(tokens=200) == 0.0
    assert seems(tokens=2_000) == pytest.approx(0.15)
    assert seems(tokens=20_000) == seems(tokens=10**7) == pytest.approx(0.3)
    assert seems("```py```") == pytest.approx(0.2)
    assert seems(parameters=["tools"]) == pytest.approx(0.15)
    assert seems(parameters=["reasoning_effort"]) == pytest.approx(0.3)
    assert seems(parameters=["response_format"]) == pytest.approx(0.05)
    assert seems(inputs=["text", "image"]) == seems(inputs=["image"]) == pytest.approx(0.1)
    assert seems("Prove it, and debug it.") == pytest.approx(0.35)
    assert seems(" ".join(WORDS)) == pytest.approx(0.4)
    assert seems("Prove it", parameters=["tools"], inputs=["text", "image"]) == 0.45
    assert seems("Translate") == 0.0
    assert seems("Translate", parameters=["tools"]) == pytest.approx(0.1)


def test_a_word_counts_only_as_a_whole():
    assert occurs("prove", "please prove it")
    assert occurs("prove", "improve? no: prove!")
    assert not occurs("prove", "improve, proven, 2prove")
    assert not occurs("plan", "why do planes taxi?")


def test_code_is_a_block_or_a_few_lines_that_look_like_it():
    assert has_code("look:\n```\nx\n```")
    assert has_code("def f(x):\n    return x\nimport os\n")
    assert has_code("int main() {\n  f(x);\n}")
    assert not has_code("Let us return to the class;\nand import nothing more.")


# --- what the user said last


@pytest.mark.parametrize(
    "body",
    [
        {
            "messages": [
                {"role": "user", "content": "old"},
                {"role": "assistant", "content": "no"},
                {"role": "user", "content": "Hi"},
            ]
        },
        {"messages": [{"role": "user", "content": [{"type": "image_url"}, {"type": "text", "text": "Hi"}]}]},
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "tool", "content": "no"}]},
        {
            "messages": [
                {"role": "user", "content": [{"text": "Hi"}]},
                {"role": "user", "content": [{"type": "tool_result", "content": "no"}]},
            ]
        },
        {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}, {"role": "model", "parts": [{"text": "no"}]}]},
        {"contents": {"parts": {"text": "Hi"}}},
        {"input": "Hi"},
        {
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
                {"type": "function_call_output", "output": "no"},
            ]
        },
        {"prompt": ["no", "Hi"]},
        {"query": "Hi", "documents": ["no"]},
    ],
    ids=[
        "chat",
        "parts",
        "tool",
        "messages",
        "gemini",
        "gemini, single objects",
        "responses",
        "items",
        "completions",
        "rerank",
    ],
)
def test_the_last_text_of_the_user_is_read_in_every_dialect(body):
    assert asked(body) == "Hi"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": 7},
        {"messages": [[], None, 3, {"role": "user"}, {"role": "user", "content": {"a": 1}}]},
        {"input": [[1]]},
    ],
)
def test_what_holds_no_text_gives_none(body):
    assert asked(body) == ""


def test_of_a_long_text_the_beginning_and_the_end_are_read():
    text = asked({"prompt": f"begin {'x' * 1_000_000} end"})
    assert text.startswith("begin")
    assert text.endswith("end")
    assert len(text) <= LONGEST + 1
