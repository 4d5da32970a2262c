"""What Taxiway does with a call. Each case goes through the library and through the gateway: one engine, two doors."""

import asyncio

import pytest
from doors import Refusal
from upstream import Answer, Message
from waiting import until

from taxiway.testing.peer import spent

MODEL = "openai/gpt-4o"
ASK = [{"role": "user", "content": "Say these four words"}]


def error(status: int, code: str = "x", **headers: str) -> Answer:
    return Answer(status, {"error": {"message": "scripted", "type": "x", "param": None, "code": code}}, headers)


def text(events) -> str:
    return "".join(choice["delta"].get("content") or "" for event in events for choice in event.get("choices", ()))


def keys(upstream) -> list[str]:
    return [received.headers["authorization"].removeprefix("Bearer sk-key-") for received in upstream.requests]


async def test_a_reply_says_who_served_and_what_it_cost(scene) -> None:
    reply = await scene.door.chat(model=MODEL, messages=ASK)
    assert reply["choices"][0]["message"]["content"] == "Say these four words"
    assert reply["id"].startswith("gen-")
    assert (reply["model"], reply["provider"]) == (MODEL, "A")
    assert reply["usage"]["cost"] == pytest.approx(4 * 1e-6 + 4 * 2e-6)
    assert reply["usage"]["is_byok"] is True
    assert reply["choices"][0]["native_finish_reason"] == "stop"


async def test_a_stream_says_the_same(scene) -> None:
    events = await scene.door.stream(model=MODEL, messages=ASK)
    assert text(events) == "Say these four words "
    assert {event["model"] for event in events} == {MODEL}
    assert {event["provider"] for event in events} == {"A"}
    assert len({event["id"] for event in events}) == 1
    assert [event["usage"]["total_tokens"] for event in events if event.get("usage")] == [8]
    assert events[-1]["choices"] == []


async def test_unknown_fields_pass_and_ours_do_not(scene) -> None:
    await scene.door.chat(
        model=MODEL, messages=ASK, provider={"order": ["a"]}, models=["openai/gpt-4o-mini"], verbosity="low"
    )
    sent = scene.a.requests[0].body
    assert sent["verbosity"] == "low"
    assert not {"provider", "models", "usage", "transforms"} & sent.keys()


async def test_embeddings(scene) -> None:
    model = "openai/text-embedding-3-small"
    reply = await scene.door.embed(model=model, input=["a", "b"], encoding_format="float")
    assert [row["embedding"] for row in reply["data"]] == [[0.0, 0.125, 0.25, 0.375], [0.125, 0.25, 0.375, 0.5]]
    assert reply["model"] == model


@pytest.mark.parametrize(("body", "field"), [
    ({"model": "no/such"}, "no/such"),
    ({"model": MODEL, "messages": "hello"}, "messages"),
    ({"model": MODEL, "temperature": "hot"}, "temperature"),
    ({"model": MODEL, "provider": {"order": "a"}}, "provider.order"),
    ({"model": MODEL, "provider": {"unheard": 1}}, "provider.unheard"),
    ({"model": MODEL, "tools": [{"type": "function"}]}, "tools[0]"),
])  # fmt: skip
async def test_a_wrong_request_is_refused_before_anybody_is_asked(scene, body, field) -> None:
    for ask in (scene.door.chat, scene.door.stream):
        with pytest.raises(Refusal) as refused:
            await ask(**{"messages": ASK, **body})
        assert refused.value.status == refused.value.error["code"] == 400
        assert field in refused.value.error["message"]
    assert scene.a.requests + scene.b.requests == []


async def test_a_rate_limit_moves_to_the_next_key_and_then_to_the_next_provider(scene) -> None:
    scene.a.script(error(429, "rate_limit_exceeded", **{"retry-after": "60"}))
    assert (await scene.door.chat(model=MODEL, messages=ASK))["provider"] == "A"
    assert keys(scene.a) == ["A1-secret", "A2-secret"]
    scene.a.always(error(429, "rate_limit_exceeded", **{"retry-after": "60"}))
    assert (await scene.door.chat(model=MODEL, messages=ASK))["provider"] == "B"
    assert keys(scene.a) == ["A1-secret", "A2-secret", "A2-secret"], "a key that is shut is not asked again"


async def test_all_keys_shut_is_a_429_that_says_when(scene) -> None:
    for upstream in (scene.a, scene.b):
        upstream.always(error(429, "rate_limit_exceeded", **{"retry-after": "30"}))
    with pytest.raises(Refusal) as refused:
        await scene.door.chat(model=MODEL, messages=ASK)
    told = refused.value.error
    assert (refused.value.status, told["metadata"]["error_type"]) == (429, "rate_limit_exceeded")
    assert told["availability"]["code"] == "capacity_exhausted"
    assert len(told["metadata"]["previous_errors"]) == 2


LIMITED = error(429, "rate_limit_exceeded", **{"retry-after": "30"})
MISSING, BUSY = error(404, "model_not_found"), error(503)


@pytest.mark.parametrize(("answers", "status", "code", "retryable"), [
    ((LIMITED, LIMITED), 429, "capacity_exhausted", True),
    ((BUSY, BUSY), 503, "temporarily_unavailable", True),
    ((MISSING, MISSING), 404, "model_unavailable_upstream", False),
    ((MISSING, BUSY), 503, None, None),
    ((error(403), error(403)), 403, None, None),
])  # fmt: skip
async def test_why_nothing_could_serve_is_told_in_openrouters_words(scene, answers, status, code, retryable) -> None:
    for upstream, answer in zip((scene.a, scene.b), answers, strict=True):
        upstream.always(answer)
    with pytest.raises(Refusal) as refused:
        await scene.door.chat(model=MODEL, messages=ASK)
    told = refused.value.error
    assert refused.value.status == told["code"] == status
    availability = told.get("availability") or {}
    assert (availability.get("code"), availability.get("retryable")) == (code, retryable)


@pytest.mark.parametrize("answer", [error(500), error(503), Message(cut=0)])
async def test_a_provider_that_fails_is_replaced_unseen(scene, answer) -> None:
    scene.a.always(answer)
    events = await scene.door.stream(model=MODEL, messages=ASK)
    assert text(events) == "Say these four words "
    assert {event["provider"] for event in events} == {"B"}


async def test_a_wrong_request_of_one_model_is_not_asked_of_another_provider(scene) -> None:
    scene.a.always(error(400, "odd"))
    with pytest.raises(Refusal) as refused:
        await scene.door.chat(model=MODEL, messages=ASK)
    assert refused.value.status == 400
    assert scene.b.requests == []


async def test_the_next_model_serves_where_the_first_can_not(scene) -> None:
    scene.a.script(error(400, "context_length_exceeded"))
    reply = await scene.door.chat(model="openai/gpt-4o-mini", models=[MODEL], messages=ASK)
    assert reply["model"] == MODEL


async def test_a_name_of_ones_own(scene) -> None:
    assert (await scene.door.chat(model="team/fast", messages=ASK))["model"] == "openai/gpt-4o-mini"
    scene.a.script(error(404, "model_not_found"), error(404, "model_not_found"))
    assert (await scene.door.chat(model="team/fast", messages=ASK))["model"] == MODEL


async def test_a_providers_own_id(scene) -> None:
    assert (await scene.door.chat(model="b/gpt-4o", messages=ASK))["provider"] == "B"


@pytest.mark.parametrize(("preferences", "provider"), [
    ({"order": ["b"]}, "B"), ({"only": ["b"]}, "B"), ({"ignore": ["a"]}, "B"), ({"order": ["a"]}, "A"), ({}, "A"),
])  # fmt: skip
async def test_providers_as_asked_for(scene, preferences, provider) -> None:
    reply = await scene.door.chat(model=MODEL, messages=ASK, provider=preferences)
    assert reply["provider"] == provider


async def test_no_fallbacks(scene) -> None:
    scene.b.always(error(500))
    with pytest.raises(Refusal) as refused:
        await scene.door.chat(model=MODEL, messages=ASK, provider={"order": ["b"], "allow_fallbacks": False})
    assert refused.value.status == 502
    assert scene.a.requests == []


async def test_nobody_left_is_a_404(scene) -> None:
    with pytest.raises(Refusal) as refused:
        await scene.door.chat(model=MODEL, messages=ASK, provider={"only": ["nobody"]})
    assert refused.value.status == 404


@pytest.mark.parametrize("answer", [
    Message({"content": "one two three"}, cut=3),
    Message({"content": "one two three"}, error={"message": "broke", "code": "server_error"}),
])  # fmt: skip
async def test_after_the_first_token_a_failure_is_told_in_the_stream(scene, answer) -> None:
    scene.a.script(answer)
    events = await scene.door.stream(model=MODEL, messages=ASK)
    assert text(events[:-1]).startswith("one")
    assert events[-1]["error"]["code"] == 502
    assert scene.b.requests == []


async def test_a_caller_that_leaves_takes_its_upstream_along(scene) -> None:
    scene.a.script(Message(hold=asyncio.Event()))
    task = asyncio.create_task(scene.door.chat(model=MODEL, messages=ASK))
    await until(lambda: scene.a.requests)
    task.cancel()
    await spent(lambda: scene.a.closed)


async def test_no_key_is_ever_told(scene) -> None:
    for upstream in (scene.a, scene.b):
        upstream.always(Answer(401, {"error": {"message": "bad key sk-key-A1-secret", "code": "invalid_api_key"}}))
    with pytest.raises(Refusal) as refused:
        await scene.door.chat(model=MODEL, messages=ASK)
    assert refused.value.status == 403
    assert "sk-key" not in str(refused.value)
