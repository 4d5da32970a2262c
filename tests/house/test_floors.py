"""Every module of core stands on one floor, and what goes up is an error that `lint-imports` tells of."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tree import PLUGINS, ROOT, core_modules, imports, name, toml

SETTINGS = toml(ROOT / "pyproject.toml")["tool"]
CONTRACTS = {contract["id"]: contract for contract in SETTINGS["importlinter"]["contracts"]}


def test_every_module_of_core_stands_on_exactly_one_floor() -> None:
    floors = CONTRACTS["floors"]["layers"]
    places = Counter(module.strip(" ()") for floor in floors for module in floor.split(":"))
    assert not [module for module, count in places.items() if count > 1]
    # The linter lets a module that stands on no floor import anything, and passes over a name on a floor that is no module's.
    assert set(places) == {path.stem for path in core_modules()} - {"__init__"} | {"testing"}


def test_core_imports_no_plugin() -> None:
    packages = {plugin.package.name for plugin in PLUGINS}
    for path in core_modules(testing=True):
        assert packages.isdisjoint(module.partition(".")[0] for module in imports(path)), name(path)


@pytest.mark.slow
def test_imports_go_down_only() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
