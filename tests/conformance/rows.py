"""The tables of this folder, read: how a recorded folder is served, what is stated of all, and the exceptions by name."""

import re
import tomllib
from functools import cache
from pathlib import Path

from attrs import field, frozen

DIALECTS = {
    "chat.completions": "chat",
    "completions": "completions",
    "responses": "responses",
    "messages": "messages",
    "rawPredict": "messages",
    "invoke": "messages",
    "generateContent": "gemini",
    "converse": "converse",
    "cohere.chat": "cohere-chat",
    "embeddings": "embeddings",
    "count": "count-tokens",
}
"""Our dialect of each recorded endpoint, where a row says no other. Listing models has none."""


@frozen(kw_only=True)
class Row:
    """How one folder of recordings is served: see providers.toml."""

    folder: str
    url: str
    plugin: str
    key: str = "recorded-0123456789"
    sent: str = ""
    settings: dict = field(factory=dict)
    model: str = ""
    catalog: str = ""
    reasons: str = ""
    speaks: dict = field(factory=dict)
    asks: dict = field(factory=dict)
    options: dict = field(factory=dict)
    odd: str = ""

    def dialect(self, endpoint):
        return self.speaks.get(endpoint) or DIALECTS.get(endpoint)


@frozen(kw_only=True)
class Outside:
    """What is recorded and not served."""

    endpoint: str
    why: str
    url: str = ""


@frozen(kw_only=True)
class Stated:
    """A difference that Taxiway says it makes, wherever it is: its dialect or plugin, the check, and the difference's text."""

    check: str
    difference: str
    why: str
    dialect: str = ""
    plugin: str = ""


@frozen(kw_only=True)
class Exemption:
    """A difference in one recording that stays, with the reason. One that is no longer there is a failure."""

    file: str
    check: str
    difference: str
    why: str


@frozen(kw_only=True)
class Meaning:
    """What an error means: the first row whose conditions all hold. `body` is a regular expression; `retry_after` in seconds."""

    kind: str
    folder: str = ""
    status: int = 0
    body: str = ""
    retry_after: float | None = None


def _read(name, **kinds):
    tables = tomllib.loads((Path(__file__).parent / name).read_text("utf-8"))
    return [[kind(**table) for table in tables.get(key, ())] for key, kind in kinds.items()]


ROWS, OUTSIDE = _read("providers.toml", row=Row, outside=Outside)
STATED, EXEMPTIONS = _read("differences.toml", stated=Stated, exemption=Exemption)
(MEANINGS,) = _read("errors.toml", error=Meaning)


@cache
def outside(cassette):
    """Why a recording is not served; None where it is."""
    for one in OUTSIDE:
        if one.endpoint == cassette.endpoint and re.search(one.url, cassette.url):
            return one.why
    return None


@cache
def row_of(cassette):
    """How a recording is served, and what its address says by name."""
    for row in ROWS:
        if row.folder == cassette.folder and (match := re.search(row.url, cassette.url)):
            return row, {name: value for name, value in match.groupdict().items() if value}
    raise LookupError(f"no row of providers.toml is for {cassette.folder}: {cassette.url}")
