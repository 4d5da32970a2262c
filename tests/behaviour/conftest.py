"""Two providers, two keys on the first, and one door after the other into the same engine."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import openai
import pytest
from attrs import frozen
from doors import Door, Library, Wire, gateway
from upstream import Upstream

from taxiway.router import Router

CONFIG = {
    "routing": {"strategy": "order"},
    "models": {
        "team/fast": {"try": ["openai/gpt-4o-mini", "openai/gpt-4o"]},
    },
}


@frozen
class Scene:
    """What a case gets: the way in, and the two providers behind it."""

    door: Door
    a: Upstream
    b: Upstream
    router: Router


def _provider(slug: str, upstream: Upstream, models: list[str]) -> dict[str, object]:
    return {
        "use": "openai-compatible",
        "slug": slug,
        "name": slug.upper(),
        "base_url": upstream.url,
        "models": [
            {"slug": f"openai/{model}", "id": model, "price": {"input": 1.0, "output": 2.0}} for model in models
        ],
    }


@pytest.fixture(params=["library", "gateway"])
async def scene(request, monkeypatch) -> AsyncIterator[Scene]:
    for name in ("A1", "A2", "B1"):
        monkeypatch.setenv(f"KEY_{name}", f"sk-key-{name}-secret")
    async with AsyncExitStack() as stack:
        a = await stack.enter_async_context(Upstream("sk-key-A1-secret", "sk-key-A2-secret").serving())
        b = await stack.enter_async_context(Upstream("sk-key-B1-secret").serving())
        config = {
            **CONFIG,
            "providers": [
                _provider("a", a, ["gpt-4o", "gpt-4o-mini", "text-embedding-3-small"]),
                _provider("b", b, ["gpt-4o"]),
            ],
            "credentials": [
                {"provider": "a", "key": "env:KEY_A1", "label": "a-one", "sort_order": 1},
                {"provider": "a", "key": "env:KEY_A2", "label": "a-two", "sort_order": 2},
                {"provider": "b", "key": "env:KEY_B1", "label": "b-one"},
            ],
        }
        router = await stack.enter_async_context(Router.from_dict(config))
        door: Door = Library(router)
        if request.param == "gateway":
            served = await stack.enter_async_context(gateway(router))
            client = openai.AsyncOpenAI(base_url=served.base_url, api_key=served.key, max_retries=0)
            door = Wire(await stack.enter_async_context(client))
        yield Scene(door, a, b, router)
