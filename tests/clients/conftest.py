"""A whole gateway with a store, in front of a strict provider; and one without, in front of every API that providers speak."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio
from clients.speakers import Speaker
from clients.upstreams import Site, serving
from doors import KEY, Gateway, gateway
from upstream import Upstream

from taxiway.router import Router
from taxiway_simulator.options import Quota


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


@pytest.fixture(scope="module")
def environment() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kept_site(environment: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    async with serving(environment) as site:
        yield site


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kept_scarce_site(environment: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    async with serving(environment, Quota(requests=1)) as site:
        yield site


@pytest.fixture
def site(kept_site: Site) -> Site:
    """One for all tests of a module, which nothing of the last test is left of."""
    kept_site.refresh()
    return kept_site


@pytest.fixture
def scarce_site(kept_scarce_site: Site) -> Site:
    """One whose providers take one request a minute."""
    kept_scarce_site.refresh()
    return kept_scarce_site


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def speaking() -> AsyncIterator[Callable[..., Speaker]]:
    """Makes each client once for each key: what they read when they are made takes longer than what is asked of them."""
    made: dict[tuple[type[Speaker], str, str], Speaker] = {}

    def speaker(kind: type[Speaker], at: Site, key: str = KEY) -> Speaker:
        place = (kind, at.origin, key)
        if place not in made:
            made[place] = kind(at.origin, key)
        return made[place]

    yield speaker
    for one in made.values():
        await one.aclose()
