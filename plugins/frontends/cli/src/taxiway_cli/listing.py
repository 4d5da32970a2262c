"""What is installed, as `taxiway plugins` lists it. Nothing is imported for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import frozen

from taxiway.errors import PluginError
from taxiway.plugins import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taxiway.plugins import Plugins

State: TypeAlias = Literal["installed", "used", "disabled", "broken"]


@frozen
class Listed:
    """One line. `name` is the entry point's, after its kind; `error` says what is wrong with it."""

    kind: str
    name: str
    distribution: str
    version: str
    state: State
    summary: str = ""
    error: str = ""


def listing(plugins: Plugins) -> Iterator[Listed]:
    """Give all that is installed, by kind and name. Summaries are known of what was imported already."""
    for plugin in sorted(plugins.entries):
        for entry in plugins.entries[plugin]:
            yield _listed(plugins, plugin, *origin_of(entry))


def _listed(plugins: Plugins, plugin: str, distribution: str, version: str) -> Listed:
    kind, _, name = plugin.partition("-")
    state: State = "installed" if plugins.has(plugin) else "disabled"
    summary = error = ""
    if state == "installed" and plugins.tried(plugin):
        try:
            summary = plugins.load(plugin).summary
        except PluginError as problem:
            state, error = "broken", problem.reason
    state = "used" if plugin in plugins.used else state
    return Listed(kind, name, distribution, version, state, summary, error)
