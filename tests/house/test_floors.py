"""Every module of core stands on one floor, and what goes up is an error that `lint-imports` tells of."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tree import PLUGINS, ROOT, core_modules, toml

SETTINGS = toml(ROOT / "pyproject.toml")["tool"]
CONTRACTS = {contract["id"]: contract for contract in SETTINGS["importlinter"]["contracts"]}


def test_every_module_of_core_stands_on_exactly_one_floor() -> None:
    floors = CONTRACTS["floors"]["layers"]
    places = Counter(name.strip(" ()") for floor in floors for name in floor.split(":"))
    assert not [name for name, count in places.items() if count > 1]
    modules = {path.stem for path in core_modules()} - {"__init__"}
    # A floor may name a module that is designed and not built; a module without a floor may import anything.
    assert modules - {"testing"} <= set(places)


def test_every_plugin_is_in_the_lists_of_the_tools() -> None:
    packages = {plugin.package.name for plugin in PLUGINS}
    assert set(SETTINGS["importlinter"]["root_packages"]) == packages | {"taxiway"}
    assert set(CONTRACTS["core"]["forbidden_modules"]) == packages
    assert set(CONTRACTS["plugins"]["modules"]) == packages
    sources = {str((plugin.folder / "src").relative_to(ROOT)) for plugin in PLUGINS}
    assert set(SETTINGS["mypy"]["mypy_path"]) == sources | {"core/src"}


@pytest.mark.slow
def test_imports_go_down_only() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
