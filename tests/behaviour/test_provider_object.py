"""The `provider` object and the configuration's defaults of it, through the doors; and what is said where nobody may serve."""

import pytest
from doors import Refusal
from simulated import BODY, MODEL, over_sim

from taxiway.chat import CHAT
from taxiway.errors import ConfigError
from taxiway.outcome import CallError
from taxiway.router import Router
from taxiway.testing.virtual import virtual_time

NAME = "openai/gpt-4o"
ASK = [{"role": "user", "content": "Say these four words"}]


@pytest.mark.parametrize(
    ("provider", "code", "excluded_by", "field"),
    [
        ({"only": ["nobody"]}, "no_endpoints", ["allowed_providers"], "provider.only"),
        ({"max_price": {"prompt": "0.5"}}, "constraint_filtered", ["max_price"], "provider.max_price.prompt"),
        ({"zdr": True}, "privacy_restricted", ["data_policy:zdr"], "provider.zdr"),
        ({"data_collection": "deny"}, "privacy_restricted", ["data_policy:training"], "provider.data_collection"),
    ],
)
async def test_where_nobody_may_serve_the_error_says_why(scene, provider, code, excluded_by, field) -> None:
    for ask in (scene.door.chat, scene.door.stream):
        with pytest.raises(Refusal) as refused:
            await ask(model=NAME, messages=ASK, provider=provider)
        assert (refused.value.status, refused.value.error["metadata"]["error_type"]) == (404, "not_found")
        told = refused.value.error["availability"]
        assert (told["code"], told["excluded_by"], told["retryable"]) == (code, excluded_by, False)
        assert told["requested_models"] == [NAME]
        assert told["affected_providers"] == ["a", "b"]
        assert told["constraint"]["field"] == field
    assert scene.a.requests + scene.b.requests == []


async def test_an_unknown_model_names_those_that_are_like_it(scene) -> None:
    with pytest.raises(Refusal, match="did you mean") as refused:
        await scene.door.chat(model="openai/gpt-4o-mimi", messages=ASK)
    told = refused.value.error["availability"]
    assert (refused.value.status, told["code"]) == (400, "model_not_found")
    assert told["fallback_models"][0] == "openai/gpt-4o-mini"


async def test_options_are_sent_to_the_provider_that_they_name_and_to_no_other(scene) -> None:
    options = {"a": {"seed": 7, "temperature": 0.25}, "b": {"user": "x"}, "nobody": {"top_p": 0.5}}
    await scene.door.chat(model=NAME, messages=ASK, temperature=1.0, provider={"order": ["a"], "options": options})
    sent = scene.a.requests[0].body
    assert (sent["seed"], sent["temperature"]) == (7, 0.25)
    assert not {"user", "top_p", "provider", "options"} & sent.keys()
    await scene.door.chat(model=NAME, messages=ASK, provider={"order": ["b"], "options": options})
    assert scene.b.requests[0].body["user"] == "x"
    assert "seed" not in scene.b.requests[0].body


def serving(bench):
    """How many requests each provider got."""
    return [len(bench.first.log), len(bench.second.log)]


@virtual_time
async def test_the_configured_only_is_a_ceiling():
    async with over_sim(routing={"only": ["second"]}) as bench:
        await bench.router.chat(**{**BODY, "provider": {"order": ["openai"]}})
        assert serving(bench) == [0, 1]
        with pytest.raises(CallError, match="not in `only` of the configuration"):
            await bench.router.chat(**{**BODY, "provider": {"only": ["openai"]}})


@virtual_time
async def test_a_prompt_that_does_not_fit_is_refused_as_a_provider_would():
    async with over_sim(models={MODEL: {"context": 50}}) as bench:
        with pytest.raises(CallError, match="its context is 50 tokens, about") as raised:
            await bench.router.chat(**BODY, max_tokens=1000)
        assert CHAT.client.error(raised.value)[1]["error"]["metadata"]["error_type"] == "context_length_exceeded"
        assert serving(bench) == [0, 0]


@virtual_time
async def test_no_retention_is_known_of_who_is_said_to_keep_nothing():
    async with over_sim(routing={"zdr": True}, models={"second/gpt-4o-mini": {"zdr": True}}) as bench:
        await bench.router.chat(**{**BODY, "provider": {"zdr": False}})
        assert serving(bench) == [0, 1]
        rows = (await bench.router.explain(**BODY)).rows
        out = {row.provider: row.reason for row in rows if row.place is None}
        assert out == {"openai": "it is not known to keep nothing (zdr)"}


@virtual_time
async def test_what_a_providers_table_says_is_true_of_its_endpoints_unless_a_model_says_otherwise():
    config = {
        "providers": [
            {"use": "simulator", "slug": "keeps", "models": [MODEL], "data_collection": "allow", "zdr": False},
            {
                "use": "simulator",
                "slug": "forgets",
                "models": [MODEL],
                "data_collection": "deny",
                "quantization": "fp8",
            },
        ],
        "models": {f"keeps/{MODEL}": {"data_collection": "deny"}},
    }
    async with Router.from_dict(config) as router:
        known = {one.provider: one for one in (offer.endpoint for offer in router.snapshot.models("default")[MODEL])}
        assert (known["keeps"].collects, known["keeps"].zdr, known["keeps"].quantization) == (False, False, None)
        assert (known["forgets"].collects, known["forgets"].zdr, known["forgets"].quantization) == (False, None, "fp8")


@virtual_time
async def test_a_word_of_a_providers_table_that_is_wrong_has_its_place():
    table = {"use": "simulator", "zdr": "yes", "quantization": "fp9"}
    with pytest.raises(ConfigError) as raised:
        async with Router.from_dict({"providers": [table]}):
            raise AssertionError
    assert {problem.path for problem in raised.value.problems} == {"providers[0].zdr", "providers[0].quantization"}


TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


@virtual_time
async def test_a_call_with_tools_goes_where_the_owner_says_that_they_work():
    own = {"openai/gpt-4o-mini": {"parameters": ["temperature"]}, "second/gpt-4o-mini": {"parameters": ["tools"]}}
    async with over_sim(models=own) as bench:
        await bench.router.chat(**BODY, tools=[TOOL])
        await bench.router.chat(**BODY)
        assert serving(bench) == [1, 1]
        rows = (await bench.router.explain(**BODY, tools=[TOOL])).rows
        assert {row.reason for row in rows if row.place is None} == {"does not take tools, others do"}


@virtual_time
async def test_tiers_that_nobody_asked_for_are_no_reason_why_nothing_is_left():
    async with over_sim(models={MODEL: {"tiers": {"priority": {}}}}) as bench:
        for provider, code in (({"only": ["nobody"]}, "no_endpoints"), ({"zdr": True}, "privacy_restricted")):
            with pytest.raises(CallError) as raised:
                await bench.router.chat(**{**BODY, "provider": provider})
            told = CHAT.client.error(raised.value)[1]["error"]
            assert told["availability"]["code"] == code
            assert len(told["availability"]["excluded_by"]) == 1
            assert "tier" not in told["message"]


@virtual_time
async def test_models_that_nobody_serves_are_warned_of_wherever_they_are_named():
    presets = {"quick": {"model": "openai/gpt-4o-mimi", "models": [MODEL]}}
    async with over_sim(presets=presets) as bench:
        config = {
            "providers": [{"use": "simulator", "slug": "b", "models": [{"id": "m", "slug": MODEL}]}],
            "credentials": [{"provider": "b", "allowed_models": ["openai/gpt-4o-mimi"]}],
        }
        async with Router.from_dict(config) as other:
            for warnings, place in ((bench.router.warnings, "presets.quick.model"), (other.warnings, "allowed_models")):
                said = [one for one in warnings if place in one]
                assert len(said) == 1
                assert "openai/gpt-4o-mini" in said[0]
