"""providers.toml as it is written: cheap enough for the registrations, which say no more than names."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

FILE: Final = "providers.toml"


@cache
def raw() -> Mapping[str, Mapping[str, Any]]:
    """Return the rows by name."""
    return tomllib.loads((files("taxiway_openai_compatible") / FILE).read_text("utf-8"))
