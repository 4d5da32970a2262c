"""Every example runs as it stands."""

import json
import shutil
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_library(python):
    out = python(EXAMPLES / "library.py")
    assert "answered: (Simulated reply of demo/answers" in out
    assert "Streamed: (Simulated reply of demo/answers" in out
    assert "2 vectors of 64 numbers" in out
    # The three keys of the cheaper provider, and the one of the other.
    assert sorted(line.split()[1] for line in out.splitlines() if " with the key " in line) == ["alpha"] * 3 + ["beta"]


def test_the_library_without_async(python):
    lines = python(EXAMPLES / "sync.py").splitlines()
    assert [line.rpartition("You said: ")[2] for line in lines[:2]] == ["Hello", "Hello again"]
    assert lines[2].startswith("As it should: ")


def test_the_openai_client(python):
    out = dict(line.split(": ", 1) for line in python(EXAMPLES / "clients" / "openai_client.py").splitlines())
    assert "simulator/echo" in out["Models"]
    assert out["Chat"].endswith("You said: Hello")
    assert "You said: Hello again (" in out["Stream"]
    assert out["Tool"].startswith("get_weather {")
    assert json.loads(out["Structured"])["name"]
    assert out["Embeddings"].startswith("2 of ")
    assert "nobody/nothing" in out["Error"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(run):
    out = run("sh", str(EXAMPLES / "clients" / "curl.sh"))
    lines = [line for line in out.splitlines() if line]
    assert json.loads(lines[0])["object"] == "list"
    assert json.loads(lines[1])["choices"]
    assert "data: [DONE]" in lines
    assert json.loads(lines[-2])["data"][0]["embedding"]
    assert json.loads(lines[-1])["data"]["label"]


@pytest.mark.parametrize("file", sorted((EXAMPLES / "configurations").glob("*.toml")), ids=lambda file: file.stem)
def test_a_configuration(taxiway, file):
    assert "no mistakes" in taxiway("check", "--no-keys", "--config", file)


def test_the_simulated_configuration_needs_nothing_else(taxiway):
    out = taxiway(
        "explain", "--cold", "--model", "team/fast", "--config", EXAMPLES / "configurations" / "simulated.toml"
    )
    assert out.count("prioritised") == 4


def test_explain_asks_the_running_gateway(taxiway, gateway):
    plan = json.loads(taxiway("explain", "--model", "simulator/echo", "--url", gateway, "--json"))
    assert plan["live"] is True
    assert [row["model"] for row in plan["rows"]] == ["simulator/echo"]
    assert "the running gateway" in taxiway("explain", "--model", "simulator/echo", "--url", gateway)
