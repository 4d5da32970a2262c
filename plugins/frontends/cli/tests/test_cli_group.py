"""The program as a whole: listing without importing, commands of plugins, texts instead of tracebacks."""

import json
import os
import subprocess
import sys
import textwrap

import click
import pytest
from click.testing import CliRunner

from taxiway.errors import ConfigError, KeyStoreError, PluginError, Problem
from taxiway_cli.group import Commands
from taxiway_cli.main import main


def run(*args, path=(), code=None, cwd=None, **environment):
    """Run the program in a process of its own, with more folders to import from."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("TAXIWAY_")}
    variables |= {"PYTHONPATH": os.pathsep.join([*map(str, path), *filter(None, [os.environ.get("PYTHONPATH")])])}
    command = ["-c", code] if code else ["-m", "taxiway_cli.main", *args]
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, cwd=cwd, env=variables | environment
    )


def install(folder, name, source, entry_points):
    """Make `folder` hold a distribution, as pip would leave it."""
    (folder / f"{name.replace('-', '_')}.py").write_text(textwrap.dedent(source))
    info = folder / f"{name.replace('-', '_')}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\nSummary: What {name} is for\n")
    (info / "entry_points.txt").write_text("[taxiway]\n" + "\n".join(entry_points) + "\n")
    return folder


GOOD = """
    import click
    from taxiway.hookspecs import hookimpl
    from taxiway.registration import NoOptions, Registration

    TAXIWAY_API = (1, 0)

    def build(options, context):
        @click.group("fly")
        def fly(): ...

        @fly.command()
        @click.option("--config")
        @click.option("--data-dir")
        def away(config, data_dir):
            click.echo(f"{config} {data_dir}")

        return fly

    @hookimpl
    def taxiway_commands():
        return [Registration(name="fly", summary="Fly", options=NoOptions, build=build)]
"""


@pytest.fixture
def good(tmp_path):
    return install(tmp_path, "house-fly", GOOD, ["command-fly = house_fly"])


@pytest.fixture
def broken(tmp_path):
    source = "open('imported', 'w')\nimport a_module_that_nobody_has\n"
    return install(tmp_path, "house-broken", source, ["command-broken = house_broken"])


def test_help_names_every_command(good):
    result = run("--help", path=[good])
    assert result.returncode == 0
    for name in ("api-keys", "check", "explain", "init", "plugins", "schema", "serve", "simulator", "fly"):
        assert f"\n  {name} " in result.stdout
    assert "What house-fly is for (house-fly)" in result.stdout


def test_help_imports_no_plugin_and_nothing_heavy():
    code = """
        import sys, json
        from taxiway_cli.main import main
        main(["--help"], standalone_mode=False)
        print(json.dumps(sorted(sys.modules)))
    """
    result = run(code=textwrap.dedent(code))
    modules = set(json.loads(result.stdout.splitlines()[-1]))
    assert not modules & {"httpx", "rich", "taxiway.router", "taxiway.config", "taxiway_gateway", "taxiway_simulator"}


def test_a_broken_plugin_breaks_only_its_own_command(broken, tmp_path):
    shown = run("--help", path=[broken], cwd=tmp_path)
    assert shown.returncode == 0
    assert "  broken " in shown.stdout
    assert not (tmp_path / "imported").exists()

    typed = run("broken", path=[broken], cwd=tmp_path)
    assert typed.returncode == 1
    assert "house-broken 1.2" in typed.stderr
    assert "a_module_that_nobody_has" in typed.stderr
    assert "Traceback" not in typed.stderr


@pytest.mark.parametrize(
    ("args", "environment"),
    [
        (["--config", "a.toml", "--data-dir", "d", "fly", "away"], {}),
        (["fly", "away", "--config", "a.toml", "--data-dir", "d"], {}),
        (["--config", "b.toml", "fly", "away", "--config", "a.toml", "--data-dir", "d"], {}),
        (["fly", "away"], {"TAXIWAY_CONFIG": "a.toml", "TAXIWAY_DATA_DIR": "d"}),
        (["fly", "away", "--config", "a.toml"], {"TAXIWAY_CONFIG": "b.toml", "TAXIWAY_DATA_DIR": "d"}),
    ],
)
def test_where_things_are_may_be_said_before_after_or_in_the_environment(good, args, environment):
    assert run(*args, path=[good], **environment).stdout == "a.toml d\n"


def test_an_empty_variable_is_an_unset_one(good):
    assert run("fly", "away", path=[good], TAXIWAY_CONFIG="", TAXIWAY_DATA_DIR="").stdout == "None None\n"


def test_a_taxiway_toml_beside_you_is_used(good):
    (good / "taxiway.toml").touch()
    assert run("fly", "away", path=[good], cwd=good).stdout == "taxiway.toml None\n"
    assert run("fly", "away", "--config", "a.toml", path=[good], cwd=good).stdout == "a.toml None\n"


def test_a_misspelt_command_names_the_nearest():
    result = CliRunner().invoke(main, ["chekc"])
    assert result.exit_code == 2
    assert "Did you mean 'check'?" in result.stderr


def test_the_version_is_taxiways():
    result = CliRunner().invoke(main, ["--version"])
    assert result.stdout.startswith("taxiway ")


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (
            ConfigError([Problem("is wrong", "a.b"), Problem("also", "c")], "x.toml"),
            2,
            "x.toml: a.b: is wrong\nx.toml: c: also",
        ),
        (PluginError("sink-x", "x 1", "why"), 1, "plugin sink-x (from x 1): why"),
        (KeyStoreError("env:NAME", "is not set"), 1, "env:NAME: is not set"),
    ],
)
def test_errors_are_texts_with_an_exit_code(error, code, text):
    @click.group(cls=Commands)
    def group():
        raise error

    result = CliRunner().invoke(group, ["check"])
    assert (result.exit_code, result.stderr) == (code, f"Error: {text}\n")
    assert result.stdout == ""


def leaves(command, name=""):
    if not isinstance(command, click.Group):
        yield name, command
        return
    with click.Context(command) as ctx:
        for inner in command.list_commands(ctx):
            yield from leaves(command.get_command(ctx, inner), f"{name} {inner}")


def test_every_command_takes_config_and_data_dir():
    for name, command in leaves(main):
        options = {option for param in command.params for option in param.opts}
        assert {"--config", "--data-dir"} <= options, name
        assert command.help, name


def test_plugins_says_why_one_is_broken(broken, tmp_path):
    rows = json.loads(run("plugins", "--all", "--json", path=[broken], cwd=tmp_path).stdout)
    (row,) = [row for row in rows if row["name"] == "broken"]
    assert (row["state"], row["distribution"], row["version"]) == ("broken", "house-broken", "1.2")
    assert "a_module_that_nobody_has" in row["error"]


def test_plugins_lists_both_of_two_that_claim_one_name(broken, tmp_path):
    install(broken, "house-other", "", ["command-broken = house_other"])
    rows = json.loads(run("plugins", "--json", path=[broken], cwd=tmp_path).stdout)
    rows = [row for row in rows if row["name"] == "broken"]
    assert {row["distribution"]: row["state"] for row in rows} == {"house-broken": "broken", "house-other": "broken"}
    assert all("uninstall all but one" in row["error"] for row in rows)
    assert not (tmp_path / "imported").exists()


def test_plugins_imports_only_what_is_used(broken, tmp_path):
    rows = json.loads(run("plugins", "--json", path=[broken], cwd=tmp_path).stdout)
    assert [row["state"] for row in rows if row["name"] == "broken"] == ["installed"]
    assert not (tmp_path / "imported").exists()
