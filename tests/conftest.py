"""Fixtures that several folders of tests share."""

from collections.abc import AsyncIterator

import pytest
from conformance.score import pytest_runtest_logreport, pytest_terminal_summary
from upstream import Upstream

__all__ = ["pytest_runtest_logreport", "pytest_terminal_summary", "upstream"]


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """A strict provider on loopback."""
    async with Upstream().serving() as served:
        yield served
