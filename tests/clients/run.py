"""`make test-clients`: clients with trees of their own, run against a gateway in front of every API that providers speak.

Each program prints a line of JSON for each case, `[model, case, said]`; here is what they have to say. The names of programs may be given:
`make test-clients ARGS="cohere_client.py"`.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import field, frozen

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

from clients.upstreams import BREAKS, EMBEDS, SPARE, UPSTREAMS, Site, serving  # noqa: E402 - after the path
from doors import KEY  # noqa: E402

TEXT: Final = "one two three four five six"
TOOL: Final = ["get_weather", {"city": "simulated"}]
SECONDS: Final = 300
"""A program that takes longer hangs."""

EACH: Final[Mapping[str, Any]] = {
    "answer": TEXT,
    "usage": 6,
    "stream": TEXT,
    "streamed usage": 6,
    "tool": TOOL,
    "result": True,
    "streamed tool": TOOL,
}
"""What is said of each model."""

NO_STREAMED_TOOL: Final = {name: said for name, said in EACH.items() if name != "streamed tool"}
"""Mistral's SDK takes a tool's name from every piece of a call, so it reads no stream of OpenAI's form that has one."""

RESPONSES: Final[Mapping[str, Any]] = {
    "response": TEXT,
    "streamed response": TEXT,
    "response's tool": TOOL,
    "response's result": True,
}
ERRORS: Final[Mapping[str, Any]] = {"wrong key": 401, "no model": [400, True]}


@frozen
class Program:
    """One program, by its path; what it says of each model (where `models` is empty: of every one), and what once."""

    path: str
    once: Mapping[str, Any]
    each: Mapping[str, Any] = field(factory=lambda: EACH)
    models: tuple[str, ...] = ()


PROGRAMS: Final = (
    Program("python/cohere_client.py", {**ERRORS, "embeddings": 2, "broken stream": "ERROR"}),
    Program(
        "python/mistral_client.py",
        {**ERRORS, "embeddings": 2, "broken stream": "error"},
        each=NO_STREAMED_TOOL,
    ),
    Program(
        "python/boto3_client.py",
        {"wrong key": 403, "broken stream": "modelStreamErrorException"},
        each=NO_STREAMED_TOOL,
        models=("spare",),
    ),
    Program(
        "javascript/openai_client.js",
        {**ERRORS, "embeddings": 2, "broken stream": 502, "broken response": "failed"},
        each={**EACH, **RESPONSES},
    ),
    Program("javascript/ai_sdk_client.js", {**ERRORS, "broken stream": "told"}, each={**EACH, "streamed result": True}),
)
PYTHON: Final = HERE / "python" / ".venv" / "bin" / "python"
PACKAGES: Final = HERE / "javascript" / "node_modules"


async def main(names: list[str]) -> int:
    """Run the programs; how many of them did not say what they should have."""
    chosen = [program for program in PROGRAMS if not names or Path(program.path).name in names]
    with pytest.MonkeyPatch.context() as environment:
        async with serving(environment) as site:
            site.fails("second", kind="slow", model="breaks", factor=3000)
            site.fails("second", kind="error_in_stream", model="breaks", after=2)
            models = [row.model[0] for row in UPSTREAMS] + [SPARE]
            variables = _variables(site, models)
            failed = [program.path for program in chosen if not await _passes(program, models, variables)]
            if not names:
                failed += [page async for page in _pages_that_fail(variables)]
    print("\n".join(["", *(f"FAILED: {path}" for path in failed)]) if failed else "\nAll of them are served.")
    return len(failed)


def _variables(site: Site, models: list[str]) -> dict[str, str]:
    """Return the environment of a program: none of the machine's own keys and addresses."""
    named = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "SYSTEMROOT"}}
    return named | {
        "TAXIWAY_ORIGIN": site.origin,
        "TAXIWAY_API_KEY": KEY,
        "TAXIWAY_MODELS": " ".join(models),
        "TAXIWAY_BREAKS": BREAKS,
        "TAXIWAY_EMBEDS": EMBEDS,
        "SIMULATED_BEDROCK": site.origins["second"],
        "SIMULATED_BEDROCK_MODEL": "spare",
        "SIMULATED_BEDROCK_BREAKS": "breaks",
    }


async def _passes(program: Program, models: list[str], variables: Mapping[str, str]) -> bool:
    """Run one program, and print where it differs from what it should say."""
    path = HERE / program.path
    interpreter = PYTHON if path.suffix == ".py" else "node"
    status, out, errors = await _run([interpreter, path.name], path.parent, variables)
    said = {(model if case in program.each else "", case): what for model, case, what in map(json.loads, out)}
    wanted = {(m, case): what for m in program.models or models for case, what in program.each.items()}
    wanted |= {("", case): what for case, what in program.once.items()}
    wrong = [place for place in wanted if said.get(place) != wanted[place]]
    print(f"{program.path}: {len(wanted) - len(wrong)} of {len(wanted)} cases")
    for model, case in wrong:
        print(f"    {model or 'once'}, {case}: {said.get((model, case), 'nothing was said')!r}")
    if status:
        print(errors)
    return not wrong and not status


async def _run(
    command: list[Any], folder: Path, variables: Mapping[str, str], given: str = ""
) -> tuple[int, list[str], str]:
    """Run a program with something on its standard input: its status, the lines it printed, and its errors."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *map(str, command), cwd=folder, env=variables, stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(SECONDS):
            out, errors = await process.communicate(given.encode())
    except TimeoutError:
        process.kill()
        return 1, [], f"it took more than {SECONDS} seconds"
    return process.returncode or 0, out.decode().splitlines(), errors.decode()


async def _pages_that_fail(variables: Mapping[str, str]) -> Any:
    """Run the JavaScript on our pages, as it stands but for the address and the model; give the places of what fails."""
    for place, code in _snippets():
        here = re.sub(r"http://127\.0\.0\.1:8787", variables["TAXIWAY_ORIGIN"], code)
        here = here.replace("openai/gpt-4o-mini", "simulator/echo")
        status, out, errors = await _run(["node", "--input-type=module", "-"], HERE / "javascript", variables, here)
        served = not status and any("You said: Hello" in line for line in out)
        print(f"{place}: {'served' if served else errors or out}")
        if not served:
            yield place


def _snippets() -> Iterator[tuple[str, str]]:
    for page in (ROOT / "README.md", ROOT / "docs" / "clients.md"):
        for number, code in enumerate(re.findall(r"^```js\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)):
            yield f"{page.relative_to(ROOT)}, JavaScript {number + 1}", code


if __name__ == "__main__":
    sys.exit(min(1, asyncio.run(main(sys.argv[1:]))))
