"""`taxiway init`."""

import tomllib

import pytest
from click.testing import CliRunner

from taxiway_cli.init import TEMPLATE
from taxiway_cli.main import main


@pytest.fixture
def runner(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return CliRunner()


@pytest.mark.parametrize(
    ("args", "file"),
    [
        ([], "taxiway.toml"),
        (["other.toml"], "other.toml"),
        (["."], "taxiway.toml"),
        (["deep/er.toml"], "deep/er.toml"),
        (["--config", "named.toml"], "named.toml"),
    ],
)
def test_it_writes_the_file(runner, tmp_path, args, file):
    result = runner.invoke(main, ["init", *args])
    assert result.exit_code == 0
    assert (tmp_path / file).read_text() == TEMPLATE
    assert result.stdout == ""
    assert file in result.stderr


def test_it_replaces_nothing_unless_told(runner, tmp_path):
    (tmp_path / "taxiway.toml").write_text("mine")
    result = runner.invoke(main, ["init"])
    assert result.exit_code == 2
    assert "--force" in result.stderr
    assert (tmp_path / "taxiway.toml").read_text() == "mine"
    assert runner.invoke(main, ["init", "--force"]).exit_code == 0
    assert (tmp_path / "taxiway.toml").read_text() == TEMPLATE


def test_what_can_not_be_written_is_said(runner, tmp_path):
    (tmp_path / "file").touch()
    result = runner.invoke(main, ["init", "file/taxiway.toml"])
    assert result.exit_code == 1
    assert "can't be written" in result.stderr


def test_what_is_commented_out_is_toml_too(uncommented):
    assert {"credentials", "routing", "models", "providers"} <= tomllib.loads(uncommented).keys()
