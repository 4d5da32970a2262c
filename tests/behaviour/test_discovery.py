"""A server that names no models is asked for them, and serves what it lists."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from upstream import Upstream

from taxiway.assembly import Parts
from taxiway.clock import SystemClock
from taxiway.discovery import EVERY, SOON
from taxiway.errors import InvalidRequest
from taxiway.router import Router

KEY = "sk-upstream-listing"
CHAT = {"model": "local/gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}


class Waking(SystemClock):
    """A clock on which the long sleeps between two questions end when the test says so."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.sleeping = asyncio.Event()
        self.wake = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds not in {SOON, EVERY}:
            await super().sleep(seconds)
            return
        self.slept.append(seconds)
        self.sleeping.set()
        await self.wake.wait()
        self.wake.clear()

    async def next(self) -> None:
        """Let it ask again, and wait until it sleeps after that."""
        self.sleeping.clear()
        self.wake.set()
        await self.sleeping.wait()


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream(KEY).serving() as serving:
        yield serving


def router(upstream: Upstream, **around: object) -> Router:
    config = {
        "providers": [{"use": "openai-compatible", "slug": "local", "base_url": upstream.url}],
        "credentials": [{"provider": "local", "key": "env:KEY"}],
        "models": {"team/fast": {"try": ["local/gpt-4o"]}},
    }
    return Router.from_dict(config, environment={"KEY": KEY}, **around)


async def test_what_a_server_lists_is_served(upstream: Upstream) -> None:
    built = router(upstream)
    async with built as running:
        reply = await running.chat(**CHAT)
        assert reply["model"] == "local/gpt-4o"
        assert upstream.requests[-1].body["model"] == "gpt-4o"
        assert (await running.chat(**{**CHAT, "model": "team/fast"}))["provider"] == "local"
        assert not running.warnings


async def test_a_change_that_can_not_be_taken_over_ends_no_asking(upstream: Upstream, monkeypatch, caplog) -> None:
    clock = Waking()
    upstream.keys.clear()
    async with router(upstream, clock=clock):
        monkeypatch.setattr(Parts, "refresh", None)
        upstream.keys.add(KEY)
        await clock.sleeping.wait()
        async with asyncio.timeout(5):
            await clock.next()
    assert "can't be taken over" in caplog.text


async def test_one_that_does_not_list_is_asked_soon_again_and_one_that_does_every_hour(upstream: Upstream) -> None:
    clock = Waking()
    upstream.keys.clear()
    async with router(upstream, clock=clock) as running:
        with pytest.raises(InvalidRequest, match="not a valid model"):
            await running.chat(**CHAT)
        upstream.keys.add(KEY)
        await clock.sleeping.wait()
        await clock.next()
        assert (await running.chat(**CHAT))["provider"] == "local"
        await clock.next()
        assert clock.slept == [SOON, EVERY, EVERY]
