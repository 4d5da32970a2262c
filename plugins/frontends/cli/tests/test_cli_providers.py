"""`taxiway providers` and `taxiway probe`."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from click.testing import CliRunner

from taxiway_cli.main import main
from taxiway_cli.providers import variables

GOOD, BAD = "sk-planted-good-0123456789", "sk-planted-bad-0123456789"


@pytest.fixture
def taxiway(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*args, toml=None, **environment):
        if toml is not None:
            (tmp_path / "taxiway.toml").write_text(toml)
        return CliRunner(env=environment).invoke(main, list(args))

    return run


@pytest.fixture
def url():
    """A server whose list of models needs a good key."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            known = self.headers.get("authorization") in {f"Bearer {GOOD}", None}
            status = 404 if self.path != "/v1/models" else 200 if known else 401
            body = b'{"data":[{"id":"m"}]}' if status == 200 else b'{"error":{"message":"wrong key"}}'
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def configured(url, *labels, slug="local"):
    credentials = "".join(
        f'[[credentials]]\nprovider = "{slug}"\nkey = "env:{one}"\nlabel = "{one}"\n' for one in labels
    )
    return f'[[providers]]\nuse = "openai-compatible"\nslug = "{slug}"\nbase_url = "{url}"\n{credentials}'


def test_every_provider_is_listed_once_with_what_it_needs(taxiway):
    rows = {row["slug"]: row for row in json.loads(taxiway("providers", "--json").stdout)}
    assert rows["openai"]["settings"] == ["base_url", "organization", "project"]
    assert rows["openai"]["distribution"] == "taxiway-openai"
    assert rows["z-ai"]["plugin"] == "zai"
    assert rows["z-ai"]["environment"] == ["ZAI_API_KEY", "ZHIPU_API_KEY"]
    assert rows["ollama"]["credential"] == "no key"
    assert {"AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID", "AWS_PROFILE"} <= {*rows["amazon-bedrock"]["environment"]}
    assert rows["groq"]["operations"] == ["chat"]
    assert "embeddings" in rows["openai"]["dialects"]
    assert [row["plugin"] for row in rows.values()].count("openai-compatible") == 1
    assert len({row["plugin"] for row in rows.values()}) == len(rows)


def test_providers_is_a_table_for_people(taxiway):
    result = taxiway("providers")
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0][:3] == ["slug", "plugin", "operations"]
    assert any(line[:3] == ["groq", "groq", "chat"] for line in lines)


def test_a_disabled_provider_is_not_listed(taxiway):
    result = taxiway("providers", "--json", toml='[plugins]\ndisabled = ["provider-groq"]\n')
    assert "groq" not in {row["slug"] for row in json.loads(result.stdout)}


def test_variables_are_those_that_are_asked_for():
    def both(environment):
        if environment.get("ONE") and environment["TWO"]:
            return environment["THREE"].broken
        return ()

    def either(environment):
        return [environment.get("ONE") or environment.get("TWO") or environment.get("THREE")]

    assert variables(both) == ("ONE", "TWO", "THREE")
    assert variables(either) == ("ONE", "TWO", "THREE")
    assert variables(None) == ()


def test_a_probe_tells_of_every_key_and_shows_none(taxiway, url):
    result = taxiway("probe", "local", "--json", toml=configured(url, "ONE", "TWO"), ONE=GOOD, TWO=BAD)
    assert result.exit_code == 1
    told = {row["account"]: (row["good"], row["said"]) for row in json.loads(result.stdout)}
    assert told["ONE"] == (True, f"GET {url}/models")
    assert told["TWO"] == (False, f"refused: status 401 of GET {url}/models")
    assert GOOD not in result.output
    assert BAD not in result.output


def test_good_keys_end_with_zero(taxiway, url):
    result = taxiway("probe", toml=configured(url, "ONE"), ONE=GOOD)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].split()[:3] == ["local", "ONE", "good"]


def test_a_server_without_keys_is_asked_for_its_models(taxiway, url):
    assert taxiway("probe", toml=configured(url)).stdout.splitlines()[1].split()[:3] == ["local", "local", "good"]


def test_where_nobody_answers_no_key_is_proved(taxiway):
    result = taxiway("probe", toml=configured("http://127.0.0.1:9/v1", "ONE"), ONE=GOOD)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1].split()[:3] == ["local", "ONE", "?"]
    assert "nobody answers at http://127.0.0.1:9: refused" in result.stdout
    assert GOOD not in result.output


def test_what_no_free_request_proves_is_said_and_is_no_failure(taxiway):
    result = taxiway("probe", toml='[[credentials]]\nprovider = "nvidia"\nkey = "env:ONE"\n', ONE=GOOD)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].split()[:3] == ["nvidia", "ONE", "?"]


def test_a_provider_that_is_not_configured_is_a_mistake(taxiway, url):
    result = taxiway("probe", "groq", toml=configured(url, "ONE"), ONE=GOOD)
    assert result.exit_code == 2
    assert "there is local" in result.stderr
    assert 'It needs a table [[credentials]] with provider = "groq"' in result.stderr


def test_a_provider_whose_key_is_not_found_is_told_its_variables(taxiway):
    result = taxiway("probe", "openai", OPENAI_API_KEY=None)
    assert result.exit_code == 2
    assert "found by OPENAI_API_KEY" in result.stderr


def test_a_provider_that_is_not_installed_is_not_asked_for_a_table(taxiway, url):
    result = taxiway("probe", "nosuch", toml=configured(url, "ONE"), ONE=GOOD)
    assert result.exit_code == 2
    assert "`taxiway providers` lists what is installed" in result.stderr
