"""Recorded traffic of providers, as test cases: `@pytest.mark.recorded(which=...)` runs a test once for each exchange that `which` says."""

from functools import cache

import pytest
from conformance import corpus
from conformance.replay import replay as made


@cache
def _recorded():
    return list(corpus.recorded())


def pytest_configure(config):
    config.addinivalue_line("markers", "recorded(which): run once for each recorded exchange that `which` says")


def pytest_generate_tests(metafunc):
    mark = metafunc.definition.get_closest_marker("recorded")
    if mark is None:
        return
    which = mark.kwargs["which"]
    found = [cassette for cassette in _recorded() if which(cassette)]
    missing = [pytest.param(None, marks=pytest.mark.skip(reason=corpus.MISSING))]
    metafunc.parametrize("cassette", found or missing, ids=repr)


def pytest_collection_modifyitems(items):
    """Tell the score of each test which recording it is of."""
    for item in items:
        cassette = item.callspec.params.get("cassette") if hasattr(item, "callspec") else None
        if isinstance(cassette, corpus.Cassette):
            item.user_properties.append(("recording", [cassette.folder, cassette.kind, cassette.name]))


@pytest.fixture
def replay(cassette):
    """What serves the recording. Skips where it is outside of what is served, or a plugin is not installed."""
    return made(cassette)
