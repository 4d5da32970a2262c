"""`taxiway catalog`: what is unpaired, and newer data in place of the installed."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from click.testing import CliRunner

from taxiway.errors import TaxiwayError
from taxiway.testing.command import CommandContract
from taxiway_models_dev import taxiway_commands
from taxiway_models_dev.catalog import ModelsDev
from taxiway_models_dev.command import catalog
from taxiway_models_dev.data import FILE
from taxiway_models_dev.update import update

MODEL = {"name": "M", "modalities": {"input": ["text"], "output": ["text"]}, "limit": {"context": 10, "output": 5}}
NEWER = {
    "openrouter": {"id": "openrouter", "models": {"acme/model-9": MODEL}},
    "groq": {"id": "groq", "models": {"model-9": MODEL | {"cost": {"input": 3, "output": 6}}, "other": MODEL}},
}


class TestCatalogCommand(CommandContract):
    registration = next(iter(taxiway_commands()))


@pytest.fixture
def newer(tmp_path):
    file = tmp_path / "api.json"
    file.write_text(json.dumps(NEWER))
    return file


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"

    def run(*args):
        return CliRunner().invoke(catalog, [*args, "--data-dir", str(data)])

    return run


def test_check_lists_what_has_no_slug(run):
    result = run("check", "groq", "cerebras")
    assert result.exit_code == 0
    told = json.loads(run("check", "groq", "cerebras", "--json").stdout)
    assert list(told) == ["groq", "cerebras"]
    assert "groq/compound" in told["groq"]["unpaired"]
    count = len(told["groq"]["unpaired"])
    assert f"groq: {count} of {told['groq']['models']} without a canonical slug\n" in result.stdout
    assert "\n  groq/compound\n" in result.stdout


def test_check_without_names_asks_for_what_the_installed_providers_use(run):
    names = {line.partition(":")[0] for line in run("check").stdout.splitlines() if not line.startswith(" ")}
    assert "openai" in names
    assert len(names) < len(run("check", "--all").stdout.splitlines())


def test_check_of_an_unknown_provider_is_an_error(run):
    result = run("check", "nobody")
    assert result.exit_code == 2
    assert "knows no nobody" in result.stderr


def test_updated_data_is_used_instead_of_the_installed(run, newer, tmp_path):
    result = run("update", "--from", str(newer))
    assert result.exit_code == 0, result.output
    assert "3 models of 2 providers" in result.stdout
    models = ModelsDev(tmp_path / "data")
    assert list(models.providers()) == ["openrouter", "groq"]
    made = models.provider("groq")
    assert made["model-9"].slug == "acme/model-9"
    assert made["model-9"].price.output == pytest.approx(6e-6)
    assert made["other"].slug == "groq/other"
    assert run("check", "groq").stdout == "groq: 1 of 2 without a canonical slug\n  other\n"


def test_an_address_is_fetched(newer, tmp_path):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path == "/api.json"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(newer.read_bytes() if found else b"")

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert update(f"{url}/api.json", tmp_path / "data")[1:] == (2, 3)
        with pytest.raises(TaxiwayError, match="status 404"):
            update(f"{url}/nothing", tmp_path / "data")
        server.shutdown()
    with pytest.raises(TaxiwayError, match="can't be fetched: ConnectError"):
        update(f"{url}/api.json", tmp_path / "data")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html>", "is not models.dev's data"),
        ("[]", "is not models.dev's data"),
        ('{"openrouter": {"models": {}}, "x"', "is not models.dev's data"),
        (json.dumps({"groq": NEWER["groq"]}), "has no provider openrouter"),
        (json.dumps(NEWER | {"bad": {"id": "bad"}}), "bad can't be read"),
        (json.dumps(NEWER | {"bad": {"models": {"m": MODEL | {"cost": {"input": "free"}}}}}), "bad can't be read"),
        (json.dumps(NEWER | {"bad": {"models": {"m": MODEL | {"limit": {"context": -1}}}}}), "bad can't be read"),
        (json.dumps(NEWER | {"bad": {"models": ["m"]}}), "bad can't be read"),
    ],
)
def test_what_is_no_catalog_replaces_nothing(tmp_path, newer, text, said):
    update(str(newer), tmp_path)
    before = (tmp_path / FILE).read_bytes()
    wrong = tmp_path / "wrong.json"
    wrong.write_text(text)
    with pytest.raises(TaxiwayError, match=said):
        update(str(wrong), tmp_path)
    assert (tmp_path / FILE).read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"api.json", "wrong.json", FILE}


def test_a_file_that_was_damaged_says_what_to_do(tmp_path):
    (tmp_path / FILE).write_text('{"openai": ')
    with pytest.raises(TaxiwayError, match="fetch it again, or delete it"):
        ModelsDev(tmp_path).provider("openai")


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(TaxiwayError, match="can't be read: No such file"):
        update(str(tmp_path / "nothing.json"), tmp_path)
