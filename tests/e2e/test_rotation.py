"""A key is replaced where it is kept while calls go on: the refused one is read again, and nobody notices."""

import asyncio
import logging

import pytest
from simulated import MODEL
from upstream import Upstream
from waiting import until

from taxiway import Router
from taxiway.assembly import Parts
from taxiway.errors import ConfigError, Problem

ASK = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}


def configuration(url, folder):
    return {
        "providers": [
            {
                "use": "openai-compatible", "slug": "own", "base_url": url,
                "models": [{"id": "gpt-4o-mini", "slug": MODEL, "price": {"input": 0.1, "output": 0.2}}],
            }
        ],
        "credentials": [
            {"provider": "own", "label": "first", "key": f"file:{folder / 'first'}"},
            {"provider": "own", "label": "second", "key": f"file:{folder / 'second'}", "fallback": True},
        ],
    }  # fmt: skip


@pytest.fixture
async def rotated(tmp_path):
    """A router whose first key was refused a moment ago, and has a new value in its file."""
    (tmp_path / "first").write_text("sk-old-old-old-old-old")
    (tmp_path / "second").write_text("sk-second-second-second")
    async with (
        Upstream("sk-old-old-old-old-old", "sk-second-second-second").serving() as upstream,
        Router.from_dict(configuration(upstream.url, tmp_path)) as router,
    ):
        await router.chat(**ASK)
        upstream.keys = {"sk-new-new-new-new-new", "sk-second-second-second"}
        (tmp_path / "first").write_text("sk-new-new-new-new-new")
        yield router, upstream


@pytest.mark.real_time
async def test_a_replaced_key_is_read_again_and_no_call_fails(rotated, caplog):
    caplog.set_level(logging.WARNING, "taxiway")
    router, upstream = rotated
    before = router.snapshot
    for _ in range(3):
        await router.chat(**ASK)
    await until(lambda: router.snapshot is not before)
    await router.chat(**ASK)
    assert upstream.requests[-1].headers["authorization"] == "Bearer sk-new-new-new-new-new"
    assert "disabled" not in caplog.text


@pytest.mark.real_time
async def test_where_the_rest_of_the_reload_fails_the_old_key_is_judged_as_it_stands(rotated, caplog, monkeypatch):
    caplog.set_level(logging.WARNING, "taxiway")
    router, _ = rotated

    async def broken(_):
        raise ConfigError([Problem("is not to be had", "credentials[1].key")])

    monkeypatch.setattr(Parts, "refresh", broken)
    await router.chat(**ASK)
    await until(lambda: "credential_disabled" in caplog.text)
    assert "credentials[1].key" in caplog.text
    await router.chat(**ASK)


async def test_of_two_reloads_at_once_the_later_one_stays(rotated, monkeypatch):
    router, _ = rotated
    real, under_way = Parts.refresh, []

    async def slow(parts):
        under_way.append(parts)
        await asyncio.sleep(0)
        assert len(under_way) == 1
        made = await real(parts)
        under_way.clear()
        return made

    monkeypatch.setattr(Parts, "refresh", slow)
    await asyncio.gather(router.reload_keys(), router.reload_keys())
