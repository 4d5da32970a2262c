"""A whole gateway with a store, in front of a strict provider."""

from collections.abc import AsyncIterator

import pytest
from doors import Gateway, gateway
from upstream import Upstream

from taxiway.router import Router


@pytest.fixture
async def served(upstream: Upstream, tmp_path, monkeypatch) -> AsyncIterator[Gateway]:
    monkeypatch.setenv("UPSTREAM_KEY", "sk-upstream-test")
    config = {
        "providers": [
            {
                "use": "openai-compatible",
                "slug": "strict",
                "name": "Strict",
                "base_url": upstream.url,
                "models": [
                    {"slug": "openai/gpt-4o", "id": "gpt-4o", "price": {"input": 2.5, "output": 10.0}},
                    {"slug": "openai/gpt-4o-mini", "id": "gpt-4o-mini"},
                    {"slug": "openai/text-embedding-3-small", "id": "text-embedding-3-small"},
                ],
            }
        ],
        "models": {"team/fast": {"try": ["openai/gpt-4o-mini", "openai/gpt-4o"]}},
        "credentials": [{"provider": "strict", "key": "env:UPSTREAM_KEY", "label": "main"}],
    }
    async with (
        Router.from_dict(config, data_dir=tmp_path, gateway=True) as router,
        gateway(router) as running,
    ):
        yield running
