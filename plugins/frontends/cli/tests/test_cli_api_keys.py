"""`taxiway api-keys`: one line on stdout that is the key and nothing else, in every surrounding."""

import asyncio
import json
import os
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from taxiway.api_keys import hash_api_key, is_well_formed
from taxiway_cli.database import opened
from taxiway_cli.main import main


@pytest.fixture
def taxiway(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAXIWAY_CONFIG", raising=False)

    def run(*args):
        return CliRunner().invoke(main, ["--data-dir", str(tmp_path / "data"), "api-keys", *args])

    return run


@pytest.mark.parametrize("surrounding", [{}, {"FORCE_COLOR": "1", "COLUMNS": "20"}, {"NO_COLOR": "1", "TERM": "dumb"}])
def test_a_key_is_alone_on_stdout(tmp_path, surrounding):
    command = [sys.executable, "-m", "taxiway_cli.main", "api-keys", "create", "--name", "app", "--data-dir", "data"]
    done = subprocess.run(command, capture_output=True, check=True, cwd=tmp_path, env=os.environ | surrounding)
    assert re.fullmatch(rb"[A-Za-z0-9_-]+\r?\n", done.stdout)
    key = done.stdout.decode().strip()
    assert is_well_formed(key)
    assert key.encode() not in done.stderr
    assert b"shown this once" in done.stderr
    assert not any(key.encode() in file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file())


def test_a_new_key_is_found_by_its_hash(taxiway, tmp_path):
    key = taxiway("create", "--name", "app").stdout.strip()

    async def find():
        async with opened(None, tmp_path / "data") as store:
            return await store.api_key(hash_api_key(key))

    found = asyncio.run(find())
    assert found is not None
    assert (found.name, found.workspace, found.disabled) == ("app", "default", False)


def test_keys_are_listed_and_disabled(taxiway):
    keys = [taxiway("create", "--name", name).stdout.strip() for name in ("one", "two")]
    listed = json.loads(taxiway("list", "--json").stdout)
    assert [row["name"] for row in listed] == ["one", "two"]
    result = taxiway("disable", listed[0]["id"])
    assert (result.exit_code, result.stdout) == (0, "")
    assert [row["state"] for row in json.loads(taxiway("list", "--json").stdout)] == ["disabled", "active"]
    table = taxiway("list").stdout
    assert listed[1]["id"] in table
    assert not any(key in table for key in keys)


def test_what_is_not_there_is_said(taxiway):
    assert "none" in taxiway("list").stderr
    unknown = taxiway("disable", "nobody")
    assert unknown.exit_code == 1
    assert "no API key with that ID" in unknown.stderr
    workspace = taxiway("create", "--name", "x", "--workspace", "defualt")
    assert workspace.exit_code == 2
    assert '"default"' in workspace.stderr
    assert workspace.stdout == ""


def test_a_providers_mistake_keeps_nobody_from_disabling_a_key(taxiway, tmp_path):
    (tmp_path / "taxiway.toml").write_text('[[credentials]]\nprovider = "nobody-has-this"\nkey = "env:X"\n')
    assert taxiway("create", "--name", "x").exit_code == 0


def test_a_store_that_is_not_installed_is_a_mistake_of_the_configuration(taxiway, tmp_path):
    (tmp_path / "taxiway.toml").write_text('[store]\nurl = "sqlit:///x.db"\n')
    result = taxiway("list")
    assert result.exit_code == 2
    assert "taxiway.toml: store.url" in result.stderr
    assert "sqlite" in result.stderr


def test_a_key_needs_a_name(taxiway):
    assert taxiway("create", "--name", "  ").exit_code == 2


def test_a_folder_in_the_home_of_nobody_is_said():
    result = CliRunner().invoke(main, ["api-keys", "list", "--data-dir", "~nobody-of-this-name/x"])
    assert result.exit_code != 0
    assert "data_dir: " in result.stderr


def test_a_name_that_is_no_text_is_said(taxiway):
    result = taxiway("create", "--name", "\udcff")
    assert result.exit_code == 2
    assert "bytes that are not UTF-8" in result.stderr


def test_no_argument_is_blamed_for_half_a_character_that_nobody_typed(taxiway):
    assert isinstance(taxiway("create", "--name", "\ud83d").exception, UnicodeEncodeError)
