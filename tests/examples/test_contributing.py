"""CONTRIBUTING.md, followed to the letter: its files and commands in an empty folder, with the wheels of this checkout."""

import os
import re
import shutil
import subprocess
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import pytest
from tree import ROOT

EXAMPLE = ROOT / "examples" / "strategy-plugin"
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
WALK = PAGE[PAGE.index("## A strategy of your own") : PAGE.index("## Working on Taxiway")]
BLOCK = re.compile(
    r"(?:^\*\*`(?P<path>[^`]+)`\*\*\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
BLOCKS = [match.groupdict() for match in BLOCK.finditer(WALK)]
LEFT_BEHIND = shutil.ignore_patterns(".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "dist")
STAMP = ROOT / ".venv" / ".dev-stamp"


@pytest.fixture
def clone(tmp_path):
    """A copy of this checkout that needs no setting up: a stamp is newer than everything that it depends on."""
    if not STAMP.exists():
        pytest.skip("`make test` sets up what this builds with")
    folder = tmp_path / "taxiway"
    shutil.copytree(ROOT, folder, ignore=LEFT_BEHIND)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    for path in [*folder.rglob("pyproject.toml"), *folder.glob("requirements/*"), folder / ".ci" / "setup"]:
        os.utime(path, (0, 0))
    return folder


@pytest.fixture
def offline(tmp_path):
    """Variables with which pip finds what others made in our own environment, and asks no index."""
    others = tmp_path / "others"
    others.mkdir()
    ours = re.compile(r"_*(editable_|taxiway|acme|pip|setuptools)|.*\.pth$")
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not ours.match(path.name):
            (others / path.name).symlink_to(path)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    # pip reads "no" as the value of its option --no-build-isolation: so 0 is without isolation.
    pip = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return kept | pip | {"HOME": str(tmp_path), "PYTHONPATH": str(others), "PYTHONDONTWRITEBYTECODE": "1"}


def plain(text):
    """Lines as they are told: no columns, and no times that were measured."""
    return [re.sub(r"[0-9.]+ s$", "... s", " ".join(line.split())) for line in text.splitlines()]


@pytest.mark.slow
@pytest.mark.timeout(600)  # environments are made, and tests run in them
@pytest.mark.skipif(find_spec("ensurepip") is None, reason="this Python makes no environments with pip")
def test_the_walk_leads_to_the_router_using_the_strategy(clone, offline, tmp_path):
    # `~/taxiway` is the clone, since its parent is the home.
    folder, out = tmp_path / "acme-taxiway", ""
    for number, block in enumerate(BLOCKS):
        if block["path"]:
            (folder / block["path"]).write_text(block["text"])
        elif block["language"] == "sh":
            begin = "" if number == 0 else f"cd {folder}\n. .venv/bin/activate\n"
            done = subprocess.run(
                ["sh", "-euc", begin + block["text"]],
                cwd=tmp_path,
                env=offline,
                capture_output=True,
                text=True,
                check=False,
            )
            out = done.stdout
            assert done.returncode == 0, block["text"] + out + done.stderr
        else:
            assert block["language"] == "text"
            assert not set(plain(block["text"])) - set(plain(out)), out


def test_the_files_of_the_walk_are_those_of_the_example():
    told = {block["path"]: block["text"] for block in BLOCKS if block["path"]}
    theirs = [path for path in EXAMPLE.rglob("*") if path.suffix in {".py", ".toml"} and ".venv" not in path.parts]
    assert {str(path.relative_to(EXAMPLE)): path.read_text() for path in theirs}.items() <= told.items()


def test_the_example_is_short():
    assert sum(len(path.read_text().splitlines()) for path in EXAMPLE.glob("src/**/*.py")) < 60


def test_every_command_of_the_page_is_one_that_make_has():
    targets = re.findall(r"^\| `make ([\w-]+)", PAGE, re.MULTILINE)
    assert len(targets) >= 6
    makefile = (ROOT / "Makefile").read_text()
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
