"""Recorded traffic of providers, as test cases. It lies beside the checkout, in shared/cassettes; without it they are skipped."""

import json
from pathlib import Path

import pytest
from attrs import frozen

_REASON = "recorded traffic (shared/cassettes beside the checkout) is not here"


@frozen(repr=False)
class Cassette:
    """One recorded exchange: see the README beside the recordings."""

    name: str
    endpoint: str
    request: dict
    response: dict
    tags: tuple

    def __repr__(self):
        return self.name

    @property
    def streamed(self):
        return "body_text" in self.response and self.response["body_text"].lstrip().startswith(("data:", "event:", ":"))

    @property
    def body(self):
        """The reply's bytes, as they came or as they would come."""
        if "body_text" in self.response:
            return self.response["body_text"].encode()
        return json.dumps(self.response["body"]).encode()


def pytest_configure(config):
    config.addinivalue_line("markers", "cassettes(provider, *endpoints): run once for each recorded exchange")


def pytest_generate_tests(metafunc):
    mark = metafunc.definition.get_closest_marker("cassettes")
    if mark is None:
        return
    found = list(_recorded(*mark.args))
    if found:
        metafunc.parametrize("cassette", found, ids=repr)
    else:
        metafunc.parametrize("cassette", [pytest.param(None, marks=pytest.mark.skip(reason=_REASON))])


def _recorded(provider, *endpoints):
    for folder in Path(__file__).resolve().parents:
        for path in sorted((folder.parent / "shared" / "cassettes" / provider).glob("*.json")):
            raw = json.loads(path.read_text("utf-8"))
            if raw.get("endpoint") in endpoints:
                yield Cassette(
                    path.stem, raw["endpoint"], raw["request"], raw["response"], tuple(raw.get("tags") or ())
                )
        if (folder / ".git").exists():
            return
