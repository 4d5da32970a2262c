"""Fixtures that several folders of tests share."""

from collections.abc import AsyncIterator

import pytest
from upstream import Upstream


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """A strict provider on loopback."""
    async with Upstream().serving() as served:
        yield served
