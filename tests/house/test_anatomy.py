"""Every plugin folder looks the same, and leans on nothing that it does not declare."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from attrs import fields
from tree import CORE, PLUGINS, ROOT, Plugin, imports, name, nodes, toml

from taxiway import hookspecs
from taxiway.plugins import KINDS

KITS = {path.stem for path in CORE.glob("testing/*.py")} - {"__init__"}
DISTRIBUTIONS = {module: {_.lower() for _ in names} for module, names in packages_distributions().items()}


def dependencies(project: dict[str, Any]) -> set[str]:
    return {re.split(r"[<>=~\[ ;]", text, maxsplit=1)[0] for text in project["dependencies"]}


def kits(path: Path) -> Iterator[str]:
    """The kits whose contract a class of this module has as its base."""
    bases = {ast.unparse(base) for node in nodes(path) if isinstance(node, ast.ClassDef) for base in node.bases}
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom) and node.module:
            contracts = {alias.name for alias in node.names if alias.name.endswith("Contract")}
            if contracts & bases:
                yield node.module.removeprefix("taxiway.testing.")


@pytest.mark.parametrize("plugin", PLUGINS, ids=str)
def test_a_plugin_folder_has_what_every_other_has(plugin: Plugin) -> None:
    folder, project = plugin.folder, plugin.project
    assert {"pyproject.toml", "README.md", "src", "tests"} <= {path.name for path in folder.iterdir()}
    assert project["name"] == f"taxiway-{folder.name}"
    assert project["license"] == "Apache-2.0"
    assert project["version"] == toml(ROOT / "core/pyproject.toml")["project"]["version"]
    assert {target.split(":")[0].split(".")[0] for target in project["entry-points"]["taxiway"].values()} == {
        plugin.package.name
    }
    assert (plugin.package / "py.typed").exists()
    assert import_module(plugin.package.name).TAXIWAY_API == hookspecs.API
    readme = (folder / "README.md").read_text()
    assert readme.startswith(f"# {project['name']}\n")
    assert "\n```" in readme, "one example"


@pytest.mark.parametrize("plugin", PLUGINS, ids=str)
def test_a_readme_names_every_option(plugin: Plugin) -> None:
    readme = (plugin.folder / "README.md").read_text()
    # A list: what is offered may import a module of the package, which becomes a member of it.
    hooks = list(vars(import_module(plugin.package.name)).items())
    offered = [one for hook, offer in hooks if hook in KINDS.values() for one in offer()]
    assert offered
    for registration in offered:
        missing = [field.name for field in fields(registration.options) if f"`{field.name}`" not in readme]
        assert not missing, registration.name


@pytest.mark.parametrize("plugin", PLUGINS, ids=str)
def test_a_plugin_passes_the_contract_kit_of_each_kind_that_it_offers(plugin: Plugin) -> None:
    kinds = {entry.partition("-")[0] for entry in plugin.project["entry-points"]["taxiway"]}
    assert kinds <= KITS
    assert kinds <= {kit for path in plugin.folder.glob("tests/**/*.py") for kit in kits(path)}


@pytest.mark.parametrize("plugin", PLUGINS, ids=str)
def test_a_plugin_imports_what_it_declares_and_no_siblings_insides(plugin: Plugin) -> None:
    declared = dependencies(plugin.project)
    if "taxiway" in declared:
        # What core itself depends on comes with it.
        declared |= dependencies(toml(ROOT / "core/pyproject.toml")["project"])
    siblings = {other.package.name for other in PLUGINS} - {plugin.package.name}
    for path in plugin.modules:
        for module in imports(path):
            top = module.partition(".")[0]
            if top in sys.stdlib_module_names or top == plugin.package.name:
                continue
            known = DISTRIBUTIONS.get(top, {top.replace("_", "-")})
            assert known & declared, f"{name(path)} imports {module}, which is not declared"
            assert module == top or top not in siblings, f"{name(path)} reaches into {module}"


@pytest.mark.parametrize("plugin", PLUGINS, ids=str)
def test_a_plugin_takes_nothing_private_of_core(plugin: Plugin) -> None:
    for path in plugin.modules:
        for node in nodes(path):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("taxiway"):
                private = [alias.name for alias in node.names if re.match(r"_[a-z]", alias.name)]
                assert node.module.startswith(plugin.package.name) or not private, f"{name(path)}: {private}"
                assert not node.module.startswith("taxiway.testing"), name(path)
