"""What is pinned is what the distributions say that they need: with the same floors, extras and markers."""

from tree import PLUGINS, ROOT, toml

TESTING = "testing"
"""The extra of core that only those who write plugins install."""

BUILDING = {"editables", "hatchling>=1.27"}


def listed(name: str) -> set[str]:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    return {line for line in lines if line and not line.startswith(("#", "-"))}


def needed() -> set[str]:
    core = toml(ROOT / "core/pyproject.toml")["project"]
    extras = [some for name, some in core["optional-dependencies"].items() if name != TESTING]
    projects = [core["dependencies"], *extras, *(plugin.project["dependencies"] for plugin in PLUGINS)]
    return {one for some in projects for one in some if not one.startswith("taxiway")}


def test_what_runs_is_pinned_by_what_the_distributions_need() -> None:
    assert listed("runtime.in") == needed() | BUILDING
