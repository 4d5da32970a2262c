"""A conversation's calls go where its last one was served."""

import asyncio
from random import Random

from simulated import EXACT, MODEL, over_sim

from taxiway import Router
from taxiway.codec import dumps
from taxiway.http import HttpHead
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock

MESSAGES = [{"role": "user", "content": f"reply exactly: {EXACT}"}]
CALLS = 24


async def served(bench, count=CALLS, **body):
    """Who served so many calls: providers, and keys where there are several."""
    found = set()
    for _ in range(count):
        reply = await bench.router.chat(model=MODEL, messages=MESSAGES, **body)
        name, log = ("second", bench.second.log) if reply["provider"] == "Second" else ("first", bench.first.log)
        found.add((name, log[-1].key))
        await asyncio.sleep(1)
    return found


@virtual_time
async def test_a_sessions_calls_go_to_one_endpoint_and_one_key():
    async with over_sim() as bench:
        assert len(await served(bench)) == 4
        assert len(await served(bench, session_id="a")) == 1
        spread = set()
        for number in range(CALLS):
            spread |= await served(bench, 1, session_id=f"other {number}")
        assert len(spread) == 4


@virtual_time
async def test_a_given_order_goes_before_a_session():
    async with over_sim() as bench:
        await served(bench, 1, session_id="a", provider={"order": ["second"]})
        assert {name for name, _ in await served(bench, session_id="a")} == {"second"}
        assert {name for name, _ in await served(bench, session_id="a", provider={"order": ["openai"]})} == {"first"}


@virtual_time
async def test_a_session_moves_on_when_its_endpoint_fails_and_stays_where_it_was_served():
    async with over_sim({"kind": "server_error", "at": "1m", "lasts": "1m"}) as bench:
        await served(bench, 1, session_id="a", provider={"only": ["openai"]})
        assert {name for name, _ in await served(bench, 3, session_id="a")} == {"first"}
        await asyncio.sleep(60)
        assert {name for name, _ in await served(bench, 3, session_id="a")} == {"second"}
        await asyncio.sleep(120)
        assert {name for name, _ in await served(bench, 3, session_id="a")} == {"second"}


@virtual_time
async def test_a_session_ends_ten_minutes_after_its_last_success():
    async with over_sim() as bench:
        first = await served(bench, 1, session_id="a")
        again = set()
        for _ in range(CALLS):
            await asyncio.sleep(595)
            again |= await served(bench, 1, session_id="a")
        assert again == first
        for _ in range(CALLS):
            await asyncio.sleep(601)
            again |= await served(bench, 1, session_id="a")
        assert len(again) > 1


@virtual_time
async def test_a_session_keeps_the_model_that_was_chosen_for_it():
    models = [
        {"id": name, "slug": f"acme/{name}", "price": {"input": 1.0, "output": 1.0}} for name in ("one", "two", "three")
    ]
    config = {
        "providers": [{"use": "simulator", "slug": "acme", "models": models}],
        "models": {"team/any": {"try": [one["slug"] for one in models], "strategy": "balanced"}},
    }
    async with Router.from_dict(config, clock=VirtualClock(), random=Random(1)) as router:

        async def chosen(**body):
            replies = [await router.chat(model="team/any", messages=MESSAGES, **body) for _ in range(CALLS)]
            return {reply["model"] for reply in replies}

        assert len(await chosen()) == len(models)
        assert len(await chosen(session_id="a")) == 1


class Cached:
    """A transport whose servers answer at once; that at port 9001 has a prompt cache."""

    schemes = frozenset({"http"})

    def open(self, request, connect):
        return Answer(8 if request.origin.port == 9001 else 0)


class Answer:
    """An exchange that is over before it begins."""

    phase, sent, moved, framed, reused = "body", "whole", 1, True, True

    def __init__(self, cached):
        usage = {"prompt_tokens": 9, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": cached}}
        choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
        reply = {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [choice],
            "usage": usage,
        }
        self.parts = [b"", dumps(reply)]

    async def head(self):
        return HttpHead(200, {"content-type": "application/json"})

    async def read(self):
        return self.parts.pop()

    def abort(self, reason="cancelled"): ...


@virtual_time
async def test_a_conversation_without_a_name_goes_back_to_where_a_cache_was_seen_at_work():
    price = {"input": 1.0, "output": 1.0, "cache_read": 0.1}
    providers = [
        {
            "use": "openai-compatible",
            "slug": f"p{port}",
            "base_url": f"http://127.0.0.1:{port}/v1",
            "models": [{"id": "m", "slug": "acme/m", "price": price}],
        }
        for port in (9000, 9001)
    ]
    async with Router.from_dict({"providers": providers}, clock=VirtualClock(), random=Random(1)) as router:
        router.engine.transports = {"http": Cached()}

        async def asked(text, provider=None):
            messages = [{"role": "system", "content": "be kind"}, {"role": "user", "content": text}]
            reply = await router.chat(model="acme/m", messages=messages, provider=provider or {})
            return reply["provider"].lower()

        for _ in range(CALLS):
            await asked("first", {"only": ["p9000"]})
        await asked("first", {"only": ["p9001"]})
        assert {await asked("first") for _ in range(CALLS)} == {"p9001"}
        assert {await asked(f"new {number}") for number in range(CALLS)} == {"p9000", "p9001"}
