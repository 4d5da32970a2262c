"""Presets: what a table may say, and what a body becomes that names one."""

import pytest

from taxiway.chat import CHAT
from taxiway.dialect import Dialect
from taxiway.embeddings import EMBEDDINGS
from taxiway.errors import InvalidRequest
from taxiway.presets import Preset, applied

USER = {"role": "user", "content": "Hello"}
SYSTEM = {"role": "system", "content": "Be brief."}
OTHER = Dialect("other", "chat", CHAT.upstream, CHAT.client)
F, G = ({"type": "function", "function": {"name": name, "parameters": {}}} for name in "fg")
TABLE = {
    "name": "Support",
    "model": "acme/model-1",
    "models": ["acme/model-2"],
    "provider": {"only": ["acme"]},
    "plugins": [{"id": "web"}],
    "temperature": 0.2,
    "max_tokens": 50,
    "tools": [F],
    "system_prompt": "Be brief.",
}


def presets(**tables):
    return {slug: Preset.of(slug, table) for slug, table in ({"support": TABLE} | tables).items()}


def filled(body, dialect=CHAT, path=None, **tables):
    return applied(presets(**tables), dialect, {"messages": [USER], **body}, path or {})


@pytest.mark.parametrize(
    "body", [{"model": "@preset/support"}, {"preset": "support"}, {"preset": "support", "model": "@preset/support"}]
)
def test_a_body_that_names_a_preset_and_no_more_is_all_that_the_preset_says(body):
    made, _ = filled(body)
    rest = {key: value for key, value in TABLE.items() if key not in {"name", "system_prompt"}}
    assert made == {**rest, "messages": [SYSTEM, USER]}


def test_a_body_that_names_none_stays_as_it_is():
    body, path = {"model": "a/b", "messages": [USER], "preset": None}, {}
    assert applied(presets(), CHAT, body, path) == (body, path)
    assert applied(presets(), CHAT, body, path)[0] is body


def test_what_a_request_says_goes_before_its_preset_and_null_is_as_absent():
    own = {
        "model": "acme/other@preset/support",
        "models": [],
        "temperature": 1,
        "max_tokens": None,
        "provider": {"sort": "price"},
    }
    made, _ = filled(own)
    assert (made["model"], made["models"], made["temperature"], made["max_tokens"]) == ("acme/other", [], 1, 50)
    assert made["provider"] == {"sort": "price"}


def test_a_system_prompt_of_the_requests_own_replaces_the_presets():
    own = {"role": "developer", "content": "Be long."}
    assert filled({"preset": "support", "messages": [own, USER]})[0]["messages"] == [own, USER]


def test_tools_are_those_of_both_and_the_requests_where_they_are_one():
    mine = {"type": "function", "function": {"name": "f", "description": "mine"}}
    search = {"type": "openrouter:web_search"}
    table = {"model": "a/b", "tools": [F, search]}
    made, _ = filled({"preset": "tools", "tools": [mine, G, {**search, "more": 1}]}, tools=table)
    assert made["tools"] == [mine, G, {**search, "more": 1}]
    assert filled({"preset": "tools", "tools": [G]}, tools=table)[0]["tools"] == [F, search, G]


def test_a_list_of_models_may_name_the_preset_too():
    made, _ = filled({"models": ["acme/a@preset/support", "acme/b", "@preset/support"]})
    assert (made["model"], made["models"]) == ("acme/model-1", ["acme/a", "acme/b"])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"model": "@preset/suport"}, 'there is no preset "suport" here; did you mean "support"?'),
        ({"model": "a/b", "preset": "zzz"}, 'there is no preset "zzz" here; presets are written as'),
        ({"model": "a/b", "preset": 5}, "there is no preset"),
        ({"model": "@preset/support", "preset": "bare"}, "a request has one preset, and this names support, bare"),
        ({"preset": "bare"}, 'is required: the preset "bare" names no model'),
    ],
)
def test_what_can_not_be_meant_is_refused(body, said):
    with pytest.raises(InvalidRequest) as refused:
        filled(body, bare={"temperature": 1})
    assert said in refused.value.message


def test_a_model_of_the_list_stands_in_where_a_preset_names_no_first():
    made, _ = filled({"preset": "list"}, list={"models": ["acme/a", "acme/b"]})
    assert CHAT.client.facts(made, {}, {}).models == ("acme/a", "acme/b")


def test_another_dialects_body_gets_models_and_providers_at_once_and_the_rest_by_name():
    made, path = filled({"preset": "support"}, OTHER, {"model": "@preset/support"})
    routed = {key: TABLE[key] for key in ("model", "models", "provider", "plugins")}
    assert made == {"messages": [USER], **routed, "preset": "support"}
    assert path == {"model": "acme/model-1"}


def test_embeddings_get_models_and_providers_alone():
    made, _ = filled({"model": "@preset/support", "input": "x"}, EMBEDDINGS)
    assert {key for key in made if key not in {"messages", "input"}} == {"model", "models", "provider"}


def test_what_is_known_of_a_body_knows_what_the_preset_adds():
    (preset,) = presets().values()
    facts = preset.known(CHAT.client.facts({"model": "a/b", "messages": [USER], "top_p": 0.5}, {}, {}))
    assert (facts.models, facts.max_output) == (("a/b",), 50)
    assert {"tools", "temperature", "top_p", "max_tokens"} <= facts.parameters
    assert facts.tokens > CHAT.client.facts({"model": "a/b", "messages": [USER]}, {}, {}).tokens


@pytest.mark.parametrize(
    ("table", "field"),
    [
        ({"temperatur": 1}, "temperatur"),
        ({"messages": []}, "messages"),
        ({"stream": True}, "stream"),
        ({"temperature": 9}, "temperature"),
        ({"model": 5}, "model"),
        ({"models": "a/b"}, "models"),
        ({"provider": {"only": "acme"}}, "provider.only"),
        ({"tools": [{"type": "function"}]}, "tools[0].function.name"),
        ({"system_prompt": 5}, "system_prompt"),
        ({"name": 5}, "name"),
        ({"model": "@preset/other"}, "model"),
    ],
)
def test_a_table_is_checked_as_a_request_is(table, field):
    with pytest.raises(InvalidRequest) as refused:
        Preset.of("wrong", table)
    assert refused.value.field == field
