"""What the pages say is so: their code runs, their tables are those of the program."""

import re
import shutil
from pathlib import Path

import pytest

from taxiway.failures import POLICIES, Policy

ROOT = Path(__file__).parents[2]
CONFIGURED = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("plugins/*/*/README.md"))]
CLIENTS = [ROOT / "README.md", ROOT / "docs" / "clients.md", ROOT / "docs" / "getting-started.md"]


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def parameters(language, pages=CLIENTS):
    return [
        pytest.param(code, id=f"{page.relative_to(ROOT)}-{number}")
        for page in pages
        for number, code in enumerate(blocks(page, language))
    ]


@pytest.mark.parametrize("code", parameters("python"))
def test_python_on_the_pages_runs(python, gateway, tmp_path, code):
    (tmp_path / "taxiway.toml").write_text('[[providers]]\nuse = "simulator"\n')
    program = tmp_path / "program.py"
    program.write_text(
        code.replace("http://127.0.0.1:8787", gateway.removesuffix("/api/v1"))
        .replace("openai/gpt-4o-mini", "simulator/echo")
        .replace("openai/gpt-4o", "simulator/words")
        .replace("openai/text-embedding-3-small", "simulator/embed")
    )
    assert python(program)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("code", [param for param in parameters("sh") if "curl " in param.values[0]])
def test_curl_on_the_pages_runs(run, gateway, code):
    script = re.sub(r"(?m)^export TAXIWAY_API_KEY=.*$", "", code).replace("http://127.0.0.1:8787/api/v1", gateway)
    assert '"error"' not in run("sh", "-euc", script.replace("openai/gpt-4o-mini", "simulator/echo"))


@pytest.mark.parametrize(
    "code", [param for param in parameters("toml", CONFIGURED) if "[project." not in param.values[0]]
)
def test_configurations_on_the_pages_have_no_mistakes(taxiway, tmp_path, code):
    (tmp_path / "page.toml").write_text(code)
    assert "no mistakes" in taxiway("check", "--no-keys", "--config", tmp_path / "page.toml")


def test_the_table_of_failures_is_the_one_that_runs():
    rows = re.findall(
        r"^\| (\w+) \| (\w+) \| (\w+) \| (\d+) \| (\w+) \| (yes)? ?\| (yes)? ?\|$",
        (ROOT / "docs" / "failures.md").read_text(),
        re.MULTILINE,
    )
    told = {
        kind: Policy(penalised, following, int(status), name, passing=bool(passing), budgeted=bool(budgeted))
        for kind, penalised, following, status, name, passing, budgeted in rows
    }
    assert told == POLICIES
    assert list(told) == list(POLICIES)
