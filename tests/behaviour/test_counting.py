"""Tokens are counted for any model: by who serves it, else they are reckoned."""

import httpx
import pytest
from doors import gateway
from upstream import Upstream

from taxiway.router import Router

BODY = {
    "model": "acme/large",
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "Hello there, who is it?"}],
}


@pytest.fixture
async def counted(upstream: Upstream, tmp_path):
    config = {
        "providers": [
            {
                "use": "openai-compatible",
                "slug": "acme",
                "base_url": upstream.url,
                "models": [{"id": "m", "slug": "acme/large"}],
            }
        ]
    }
    async with Router.from_dict(config, gateway=True, data_dir=tmp_path) as router, gateway(router) as running:
        headers = {"x-api-key": running.key}
        async with httpx.AsyncClient(base_url=running.base_url, headers=headers) as client:
            yield client


async def test_a_count_is_reckoned_where_nobody_counts(counted: httpx.AsyncClient, upstream: Upstream) -> None:
    reply = await counted.post("/messages/count_tokens", json=BODY)
    assert reply.status_code == 200
    assert 5 <= reply.json()["input_tokens"] <= 15
    assert reply.json()["estimated"] is True
    assert not upstream.requests


async def test_a_model_that_is_not_there_has_no_count(counted: httpx.AsyncClient) -> None:
    reply = await counted.post("/messages/count_tokens", json={**BODY, "model": "acme/none"})
    assert reply.status_code == 400
    assert reply.json()["error"]["type"] == "invalid_request_error"
