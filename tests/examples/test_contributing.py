"""CONTRIBUTING's walk-through, followed to the letter: its files, its commands, and what it says they print.

All but the making of the environment, which needs a package index: the plugin is installed into a folder instead.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tree import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text()
WALK = PAGE[PAGE.index("## A strategy of your own") : PAGE.index("## Working on Taxiway")]
FILES = dict(re.findall(r"^\*\*`([^`]+)`\*\*\n\n```\w+\n(.*?)^```", WALK, re.DOTALL | re.MULTILINE))
EXAMPLE = ROOT / "examples" / "strategy-plugin"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The plugin as the page makes it, with its environment."""
    folder = tmp_path_factory.mktemp("walk") / "acme-taxiway"
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    uv, target = Path(sys.executable).with_name("uv"), folder.parent / "installed"
    install = [uv, "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--offline"]
    subprocess.run([*install, "--python", sys.executable, "--target", target, folder], check=True, timeout=60)
    return folder


@pytest.fixture
def say(folder, environment):
    """Run a command in that folder; what it prints, in words."""
    variables = environment(PYTHONPATH=str(folder.parent / "installed"), COLUMNS="200")

    def say(*command):
        done = subprocess.run(
            [sys.executable, *command], cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=60
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return words(done.stdout)

    return say


def words(text):
    """Lines without the width of columns, and without seconds, which no two machines have in common."""
    return [" ".join(re.sub(r"\d+\.\d+ s\b", "... s", line).split()) for line in text.splitlines()]


def told(after):
    """What the page says is printed, by the first `text` block behind some words."""
    block = re.search(r"```text\n(.*?)```", WALK[WALK.index(after) :], re.DOTALL)
    assert block is not None
    return words(block[1])


def test_the_page_is_the_example_file_by_file():
    kept = {
        str(path.relative_to(EXAMPLE)): path.read_text()
        for path in EXAMPLE.rglob("*")
        if path.suffix in {".py", ".toml"} and "__pycache__" not in path.parts
    }
    assert {path: text for path, text in FILES.items() if path in kept} == kept


def test_the_example_is_short():
    lines = [line for path in EXAMPLE.glob("src/**/*.py") for line in path.read_text().splitlines()]
    assert len(lines) < 60


def test_its_tests_pass(say):
    assert any(" passed" in line for line in say("-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly"))


def test_taxiway_finds_it(say):
    commands = (["check"], ["plugins"], ["explain", "--model", "acme/answers"])
    printed = [line for command in commands for line in say("-m", "taxiway_cli.main", *command)]
    for line in told("### 6."):
        assert any(line in " ".join(one.split()) for one in printed), line


def test_the_router_uses_it(say):
    printed = say("try.py")
    assert printed[0] == "Served by Cheap"
    for line in told("### 7."):
        assert line in printed


def test_every_command_of_the_page_is_one_that_make_has():
    targets = re.findall(r"^\| `make ([\w-]+)", PAGE, re.MULTILINE)
    assert len(targets) >= 6
    makefile = (ROOT / "Makefile").read_text()
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
