"""What single Claude models take, by family and version.

Sources: platform.claude.com/docs: build-with-claude/thinking, effort, structured-outputs and mid-conversation-system-messages, the
migration guides of each model, and what `GET /v1/models` lists as capabilities; error messages as users reported them.
"""

import re
from functools import lru_cache
from typing import Any, Final, TypeAlias

from attrs import evolve, frozen

from taxiway.candidate import Endpoint

Version: TypeAlias = tuple[int, int]


@frozen(kw_only=True)
class Claude:
    """What a model takes.

    `budget`, `adaptive`: the forms of `thinking` that turn it on. `thinks`: it does so unasked; `off`: the `type` that turns it off,
    None where nothing does. `efforts`: the levels of `output_config.effort`, the least first. `sampling`: temperature, top_p and
    top_k, and `pair`: two of them at once. `structured`: `output_config.format` and `strict` tools. `prefill`: it goes on where a
    last assistant message ends. `system_turns`: messages of the role system among the others.
    """

    family: str = ""
    version: Version = (0, 0)
    budget: bool = False
    adaptive: bool = False
    thinks: bool = False
    off: str | None = "disabled"
    efforts: tuple[str, ...] = ()
    sampling: bool = True
    pair: bool = True
    structured: bool = False
    prefill: bool = True
    system_turns: bool = False


_EVERY: Final = frozenset("opus sonnet haiku fable mythos".split())
_LARGE: Final = frozenset("opus fable mythos".split())

_SINCE: Final[tuple[tuple[Version, frozenset[str], dict[str, Any]], ...]] = (
    ((3, 7), _EVERY, {"budget": True}),
    ((4, 1), _EVERY, {"pair": False, "structured": True}),
    ((4, 5), frozenset({"opus"}), {"efforts": ("low", "medium", "high")}),
    ((4, 6), _EVERY, {"adaptive": True, "efforts": ("low", "medium", "high", "max"), "prefill": False}),
    ((4, 7), _EVERY, {"budget": False, "sampling": False, "efforts": ("low", "medium", "high", "xhigh", "max")}),
    ((4, 7), frozenset({"fable", "mythos"}), {"thinks": True, "off": None}),
    ((4, 8), _LARGE, {"system_turns": True}),
    ((5, 0), _EVERY, {"thinks": True}),
    ((5, 5), frozenset({"opus"}), {"off": None}),
    ((5, 5), frozenset({"sonnet"}), {"off": "between_tools"}),
)
"""What changed with which version, for which families. The rows add up."""

_UNKNOWN: Final = Claude(budget=True)
"""A model that is not told by its name: nothing is taken from it, and nothing newer is tried."""

_PREVIEW: Final[Version] = (4, 7)
"""What stands for the version of a model that is named without one (`claude-mythos-preview`)."""

_NAME: Final = re.compile(
    r"claude-(?:(\d)(?:[-.](\d))?-)?(opus|sonnet|haiku|fable|mythos)(?:-(\d)(?:[-.](\d{1,2})(?!\d))?(?!\d))?"
)
"""`claude-3-7-sonnet-20250219`, `claude-opus-4.5`, `us.anthropic.claude-sonnet-4-20250514-v1:0`, `claude-opus-4-1@20250805`."""


@lru_cache(maxsize=4096)
def claude_named(name: str) -> Claude | None:
    """Return what the model of a name takes, whoever's name it is; None where the name is of no such model."""
    found = _NAME.search(name)
    if found is None:
        return None
    major, minor = found[1] or found[4], found[2] or found[5]
    version = (int(major), int(minor or 0)) if major else _PREVIEW
    model = Claude(family=found[3], version=version)
    for since, families, changes in _SINCE:
        if version >= since and found[3] in families:
            model = evolve(model, **changes)
    return model


def model_of(endpoint: Endpoint) -> Claude:
    """Return what the model of an endpoint takes: by its slug, else by its id there."""
    return claude_named(endpoint.model) or claude_named(endpoint.id) or _UNKNOWN
