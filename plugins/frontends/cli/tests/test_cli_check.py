"""`taxiway check`, `schema` and `plugins`."""

import json
import tomllib

import jsonschema
import pytest
from click.testing import CliRunner

from taxiway_cli.init import TEMPLATE
from taxiway_cli.main import main

MISTAKES = """
[gatway]
listen = "127.0.0.1:1"

[routing]
wait = "soon"

[[credentials]]
provider = "opnai"
key = "env:ONE"

[plugins]
disabled = ["strategy-prise"]
"""


@pytest.fixture
def taxiway(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*args, toml=None, **environment):
        if toml is not None:
            (tmp_path / "taxiway.toml").write_text(toml)
        return CliRunner(env=environment).invoke(main, list(args))

    return run


def test_all_mistakes_come_at_once_each_with_its_place_and_the_nearest_name(taxiway):
    result = taxiway("check", toml=MISTAKES)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert len(lines) == 4
    for place, near in [
        ("gatway", "gateway"),
        ("routing.wait", '"2s"'),
        ("credentials[0].provider", "openai"),
        ("plugins.disabled[0]", "strategy-price"),
    ]:
        assert any(line.startswith(f"taxiway.toml: {place}: ") and near in line for line in lines), place


def test_keys_that_can_not_be_read_are_mistakes_unless_told_otherwise(taxiway):
    toml = '[[credentials]]\nprovider = "openai"\nkey = "env:NOT_THERE"\n'
    result = taxiway("check", toml=toml)
    assert result.exit_code == 1
    assert "env:NOT_THERE" in result.stdout
    assert taxiway("check", "--no-keys", toml=toml).exit_code == 0
    assert taxiway("check", toml=toml, NOT_THERE="sk-something-made-up").exit_code == 0


def test_other_mistakes_do_not_hide_keys_that_can_not_be_read(taxiway):
    toml = f'{MISTAKES}\n[[credentials]]\nprovider = "openai"\nkey = "env:NOT_THERE"\n'
    lines = taxiway("check", toml=toml).stdout.splitlines()
    assert len(lines) == 5
    assert "credentials[1].key" in lines[-1]
    assert "env:NOT_THERE" in lines[-1]
    assert len(taxiway("check", "--no-keys", toml=toml).stdout.splitlines()) == 4
    unknown = toml.replace("NOT_THERE", "THERE").replace("opnai", "openai")
    assert len(taxiway("check", toml=unknown, THERE="sk-something-made-up", ONE="sk-another").stdout.splitlines()) == 3


def test_a_file_that_is_not_there_is_one_mistake(taxiway):
    result = taxiway("--config", "nowhere.toml", "check")
    assert result.exit_code == 1
    assert result.stdout == "nowhere.toml: can't be read: No such file or directory\n"


def test_what_is_doubtful_is_no_mistake(taxiway):
    toml = '[[providers]]\nuse = "simulator"\n[models."team/x"]\ntry = ["simulator/ecko"]\n'
    result = taxiway("check", toml=toml)
    assert (result.exit_code, result.stdout) == (0, "taxiway.toml: no mistakes.\n")
    assert "simulator/echo" in result.stderr


def test_the_template_has_no_mistakes(taxiway):
    assert taxiway("check", toml=TEMPLATE).exit_code == 0


def test_what_the_template_comments_out_has_none_either(taxiway, uncommented):
    result = taxiway("check", "--no-keys", toml=uncommented)
    assert result.exit_code == 0, result.stdout


def test_the_schema_accepts_what_check_accepts(taxiway, uncommented):
    schema = json.loads(taxiway("schema").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(tomllib.loads(uncommented), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"gatway": {}}, schema)


def test_plugins_tells_what_is_used_and_disabled_and_from_where(taxiway):
    toml = '[[providers]]\nuse = "simulator"\n[plugins]\ndisabled = ["strategy-price"]\n'
    rows = {f"{row['kind']}-{row['name']}": row for row in json.loads(taxiway("plugins", "--json", toml=toml).stdout)}
    assert rows["provider-simulator"]["state"] == "used"
    assert rows["provider-openai"]["state"] == "installed"
    assert rows["strategy-price"]["state"] == "disabled"
    assert rows["store-sqlite"]["distribution"] == "taxiway-sql"
    assert all(row["version"] for row in rows.values())


def test_plugins_is_a_table_for_people_and_lists_in_spite_of_mistakes(taxiway):
    result = taxiway("plugins", toml=MISTAKES)
    assert result.exit_code == 0
    assert "taxiway check" in result.stderr
    assert any(line.split()[:3] == ["strategy", "balanced", "taxiway-standard"] for line in result.stdout.splitlines())


def test_plugins_tells_the_summary_of_all_where_asked(taxiway):
    rows = json.loads(taxiway("plugins", "--all", "--json").stdout)
    assert all(row["summary"] for row in rows if row["state"] != "disabled")
