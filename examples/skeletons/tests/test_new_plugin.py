"""`make new`: what it makes is found, typed, clean and tested as it stands."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def run(*command, cwd, **environment):
    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def new(root, name="fewest-first", kind="strategy"):
    return run(str(ROOT / "examples" / "new.py"), "--kind", kind, "--name", name, "--root", str(root), cwd=root)


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "tests").mkdir()
    for path in ("pyproject.toml", "tests/patience.py"):
        shutil.copy(ROOT / path, tmp_path / path)
    return tmp_path


def test_the_new_plugin_passes_its_tests_as_it_stands(checkout):
    made = new(checkout)
    assert made.returncode == 0, made.stderr
    folder = checkout / "plugins" / "strategies" / "fewest-first"
    source = str(folder / "src")
    path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
    tests = run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder), cwd=checkout, PYTHONPATH=path)
    assert tests.returncode == 0, tests.stdout + tests.stderr
    assert " passed" in tests.stdout
    # The copied settings look for the sources beside themselves; core's are elsewhere here.
    sources = f'src = ["{ROOT}/core/src", "plugins/*/*/src"]'
    for check in (["check"], ["format", "--check"]):
        clean = run("-m", "ruff", *check, "--no-cache", "--config", sources, str(folder), cwd=checkout)
        assert clean.returncode == 0, clean.stdout + clean.stderr
    leftovers = [path for path in folder.rglob("*") if path.suffix == ".in" or "MODULE" in path.name]
    assert not leftovers
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["taxiway"] == {"strategy-fewest-first": "taxiway_fewest_first"}


@pytest.mark.slow
@pytest.mark.timeout(600)  # the types of everything are checked: minutes on a slow machine
def test_a_whole_checkout_is_as_clean_as_before(tmp_path):
    root = tmp_path / "taxiway"
    left_behind = shutil.ignore_patterns(".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "dist")
    shutil.copytree(ROOT, root, ignore=left_behind)
    assert new(root).returncode == 0
    path = os.pathsep.join(map(str, [root / "core" / "src", *root.glob("plugins/*/*/src")]))
    house = [f"tests/house/test_{name}.py" for name in ("anatomy", "floors", "pages", "sizes")]
    lint = "import sys; sys.argv[1:] = ['--no-logo']; from importlinter.cli import lint_imports_command as run; run()"
    for command in (
        ["-m", "ruff", "check", "--no-cache"],
        ["-m", "ruff", "format", "--check", "--no-cache"],
        ["-m", "mypy"],
        ["-c", lint],
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", "plugins/strategies/fewest-first", *house],
    ):
        done = run(*command, cwd=root, PYTHONPATH=path, MYPYPATH=path)
        assert done.returncode == 0, done.stdout + done.stderr


def test_it_says_what_to_do_next(checkout):
    made = new(checkout)
    assert "plugins/strategies/fewest-first/src/taxiway_fewest_first/ranking.py" in made.stdout
    assert 'strategy = "fewest-first"' in made.stdout


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Fast", "lower case"),
        ("a_b", "lower case"),
        ("-a", "argument"),
        ("price", "already offers the strategy 'price'"),
    ],
)
def test_a_name_that_can_not_be_is_refused(checkout, name, said):
    shutil.copytree(ROOT / "plugins" / "strategies" / "standard", checkout / "plugins" / "strategies" / "standard")
    made = new(checkout, name)
    assert made.returncode != 0
    assert said in made.stderr


def test_nothing_is_overwritten(checkout):
    new(checkout)
    assert "already" in new(checkout).stderr


def test_an_unknown_kind_names_the_known_ones(checkout):
    assert "strategy" in new(checkout, kind="provder").stderr
