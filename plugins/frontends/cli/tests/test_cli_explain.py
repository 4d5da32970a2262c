"""`taxiway explain` without a gateway: a cold plan that says that it is one."""

import io
import json

import pytest
from click.testing import CliRunner

from taxiway_cli.main import main
from taxiway_cli.running import base_url

TOML = """
[gateway]
listen = "127.0.0.1:9"

[[providers]]
use = "simulator"
slug = "cheap"
models = [{ id = "m", slug = "demo/m", price = { input = 0.1, output = 0.1 } }]

[[providers]]
use = "simulator"
slug = "dear"
models = [{ id = "m", slug = "demo/m", price = { input = 9.0, output = 9.0 } }]

[models."team/x"]
try = ["demo/m"]
"""


@pytest.fixture
def explain(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taxiway.toml").write_text(TOML)

    def run(*args, stdin=None, key=""):
        return CliRunner(env={"TAXIWAY_API_KEY": key}).invoke(main, ["explain", *args], input=stdin)

    return run


def test_a_cold_plan_says_so_and_opens_nothing(explain, tmp_path):
    result = explain("--model", "team/x")
    assert result.exit_code == 0
    assert "cold plan" in result.stderr
    assert result.stdout.startswith("team/x: strategy balanced, cycle headroom")
    assert "planned cold" in result.stdout
    places = {line.split()[2]: line.split()[0] for line in result.stdout.splitlines() if line[:1].isdigit()}
    assert sorted(places.values()) == ["1", "2"]
    assert places.keys() == {"cheap", "dear"}
    assert [file.name for file in tmp_path.iterdir()] == ["taxiway.toml"]


def test_a_key_without_a_gateway_is_a_cold_plan_too(explain):
    result = explain("--model", "demo/m", "--json", key="some-api-key-of-somebody")
    assert result.exit_code == 0
    assert "No gateway answers at http://127.0.0.1:9/api/v1." in result.stderr
    plan = json.loads(result.stdout)
    assert plan["live"] is False
    assert [row["place"] for row in plan["rows"]] == [1, 2]


@pytest.mark.parametrize(("listen", "url"), [
    ("localhost", "http://localhost:8787/api/v1"),
    ("0.0.0.0:9", "http://127.0.0.1:9/api/v1"),
    ("[::]:9", "http://[::1]:9/api/v1"),
])  # fmt: skip
def test_the_gateway_is_looked_for_where_it_listens(tmp_path, listen, url):
    config = tmp_path / "taxiway.toml"
    config.write_text(f'[gateway]\nlisten = "{listen}"\n')
    assert base_url(config) == url


def test_the_key_may_stand_in_the_file_that_the_gateway_reads_too(explain, tmp_path):
    (tmp_path / ".env").write_text("TAXIWAY_API_KEY=some-api-key-of-somebody\n")
    assert "No gateway answers at http://127.0.0.1:9/api/v1." in explain("--model", "demo/m").stderr


def test_a_gateway_that_was_named_must_answer(explain):
    result = explain("--model", "demo/m", "--url", "http://127.0.0.1:9/api/v1", key="some-api-key-of-somebody")
    assert result.exit_code == 1
    assert "No gateway answers" in result.stderr


def test_a_whole_request_tells_why_one_is_out(explain):
    body = {"model": "demo/m", "messages": [{"role": "user", "content": "Hi"}], "provider": {"ignore": ["cheap"]}}
    result = explain("--cold", "--json", "--body", "-", stdin=io.BytesIO(json.dumps(body).encode()))
    rows = {row["provider"]: row for row in json.loads(result.stdout)["rows"]}
    assert rows["dear"]["place"] == 1
    assert rows["cheap"]["place"] is None
    assert rows["cheap"]["reason"]


def test_a_model_that_nobody_serves_is_a_failure(explain):
    result = explain("--cold", "--model", "demo/nothing")
    assert result.exit_code == 1
    assert "nothing can serve it" in result.stderr
    assert "demo/nothing" in result.stderr
    assert "headroom" not in result.stdout.partition("\n")[2]  # no table without rows


@pytest.mark.parametrize(
    ("args", "stdin", "said"),
    [
        ([], None, "--model"),
        (["--body", "-"], b"{", "--body"),
        (["--body", "-"], b"[]", "must be a JSON object"),
        (["--body", "-", "--model", "x"], b"{}", "--model"),
        (["--cold", "--url", "http://127.0.0.1:9", "--model", "x"], None, "--url"),
    ],
)
def test_what_can_not_be_explained_is_said(explain, args, stdin, said):
    result = explain(*args, stdin=stdin)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_request_that_is_wrong_names_its_field(explain):
    result = explain("--cold", "--body", "-", stdin=b'{"model": "demo/m", "messages": 3}')
    assert result.exit_code == 1
    assert "messages" in result.stderr
    assert "Traceback" not in result.stderr
