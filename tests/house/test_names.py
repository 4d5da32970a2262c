"""Public names are listed, and core names no provider."""

import ast
from collections.abc import Iterator
from inspect import ismodule
from pathlib import Path

from tree import core_modules, name, nodes

import taxiway
from taxiway.plugins import Plugins

PROVIDERS = {*Plugins.discover().names("provider"), "fireworks-ai", "novita-ai", "togetherai"}
"""Names and slugs of those that are installed, and what the catalog calls three of them: in core one would be a special case."""


def names(path: Path) -> Iterator[tuple[int, str]]:
    """Every identifier and every text of a module."""
    for node in nodes(path):
        line = getattr(node, "lineno", 0)
        for field in ("id", "attr", "name", "arg", "asname", "value", "module"):
            if isinstance(value := getattr(node, field, None), str):
                yield line, value
        if isinstance(node, ast.alias):
            yield line, node.name.rpartition(".")[2]


def test_core_names_no_provider() -> None:
    found = [
        f"{name(path)}:{line}: {text}"
        for path in core_modules(testing=True)
        for line, text in names(path)
        if text.lower().replace("_", "-") in PROVIDERS
    ]
    assert not found


def test_a_provider_that_core_names_is_found(tmp_path: Path) -> None:
    (tmp_path / "special.py").write_text('def openai(x):\n    return x.z_ai == "groq"\n')
    assert {text for _, text in names(tmp_path / "special.py")} >= {"openai", "z_ai", "groq"}


def test_public_names_are_sorted_and_exactly_all() -> None:
    public = taxiway.__all__
    # As ruff sorts them: constants, classes, the rest.
    assert list(public) == sorted(public, key=lambda text: (not text[0].isupper(), text))
    assert len(public) == len(set(public))
    for one in public:
        assert getattr(taxiway, one) is not None
    # Only now, since every name has been asked for: submodules become attributes as they are imported.
    rest = {one for one in vars(taxiway) if not one.startswith("_") and not ismodule(getattr(taxiway, one))}
    assert rest - {"TYPE_CHECKING", "Any", "import_module"} == set(public)


def test_a_public_name_has_a_description() -> None:
    aliases = {"Duration", "Headers", "Json", "Kind", "Operation", "Section", "Event"}
    undescribed = [one for one in taxiway.__all__ if one not in aliases and not getattr(taxiway, one).__doc__]
    assert not undescribed
