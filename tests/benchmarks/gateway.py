"""The gateway beside the bare loop: requests a second, CPU of a paced stream, memory at rest, time until it is ready.

The gateway authenticates, plans over 3 endpoints with 3 keys each, and makes every generation durable in its spool and
SQLite. Rounds are interleaved; each figure is the median of its rounds, and `x` is its ratio to the bare loop's.
"""

import json
import os
import statistics
import sys
import time
from pathlib import Path

import uvloop
from attrs import define, field
from load import MODEL, requests, streams
from rig import HERE, LOAD, PROGRAM, cpu, free_port, memory, pin

KEY = "benchmark-key-0123456789-0123456789"
COLUMNS = ("chat/s", "streams/s", "us/paced stream", "idle MB", "ready s")


@define
class Target:
    """A program that stands between the load and the upstream, and what was measured of it."""

    name: str
    path: str
    key: str
    command: list
    env: dict = field(factory=dict)
    port: int = 0
    process: object = None
    figures: dict = field(factory=dict)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}{self.path}"

    def note(self, column, figure):
        self.figures.setdefault(column, []).append(figure)

    def median(self, column):
        return statistics.median(self.figures[column])

    def start(self, programs):
        command = [str(part).replace("{port}", str(self.port)) for part in self.command]
        self.process, ready = programs.start(command, self.port, PROGRAM, {**os.environ, **self.env})
        self.note("ready s", ready)


def bare(upstream):
    return Target("bare loop", "/v1/chat/completions", "k", [sys.executable, HERE / "bare.py", "{port}", upstream])


def taxiway(upstream, folder):
    tables, keys = [], {}
    for provider in "123":
        model = f'{{ slug = "{MODEL}", id = "gpt-4o-mini", price = {{ input = 0.{provider}, output = 0.6 }} }}'
        tables += [
            '[[providers]]\nuse = "openai-compatible"',
            f'slug = "upstream-{provider}"\nbase_url = "http://127.0.0.1:{upstream}/v1"\nmodels = [{model}]',
        ]
        for number in "123":
            keys[f"KEY_{provider}{number}"] = f"sk-benchmark-{provider}{number}-0123456789"
            tables += [f'[[credentials]]\nprovider = "upstream-{provider}"\nlabel = "{provider}{number}"']
            tables += [f'key = "env:KEY_{provider}{number}"']
    file = folder / "taxiway.toml"
    file.write_text("\n".join(tables))
    program = Path(sys.executable).with_name("taxiway")
    command = [program, "serve", "--config", file, "--data-dir", folder / "data", "--port", "{port}"]
    return Target("taxiway", "/api/v1/chat/completions", KEY, command, {**keys, "TAXIWAY_API_KEY": KEY})


def litellm(upstream, folder, program):
    """LiteLLM's proxy with one worker, without a database: its own configuration for the same 3 x 3 keys."""
    models = [
        {
            "model_name": MODEL,
            "litellm_params": {
                "model": "openai/gpt-4o-mini",
                "api_base": f"http://127.0.0.1:{upstream}/v1",
                "api_key": f"sk-benchmark-{number}",
            },
        }
        for number in range(9)
    ]
    file = folder / "litellm.yaml"
    # JSON is YAML.
    file.write_text(json.dumps({"model_list": models, "general_settings": {"master_key": f"sk-{KEY}"}}))
    command = [program, "--config", file, "--host", "127.0.0.1", "--port", "{port}", "--num_workers", "1"]
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "NO_DOCS": "True"}
    return Target("litellm", "/v1/chat/completions", f"sk-{KEY}", command, quiet)


def measure(programs, targets, *, rounds, seconds, count):
    """Fill in the targets' figures, round after round."""
    pin(0, LOAD)
    for target in targets:
        target.port = free_port()
        target.start(programs)
        for _ in range(rounds - 1 if target.name != "litellm" else 0):
            programs.stop(target.process)
            target.start(programs)
    time.sleep(2)
    for target in targets:
        target.note("idle MB", memory(target.process.pid))
        requests(target, 1)
    for _ in range(rounds):
        for target in targets:
            target.note("chat/s", requests(target, seconds))
        for target in targets:
            target.note("streams/s", requests(target, seconds, stream=True))
        for target in targets:
            before = cpu(target.process.pid)
            uvloop.run(streams(target, count))
            target.note("us/paced stream", (cpu(target.process.pid) - before) / count * 1e6)


def table(targets):
    """The figures as a Markdown table; `x` are ratios to the first target."""
    yield "| program | chat/s | x | streams/s | x | CPU us a paced stream | x | idle MB | ready s |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    for target in targets:
        cells = [target.name]
        for column in COLUMNS:
            figure = target.median(column)
            cells.append(f"{figure:,.2f}" if column == "ready s" else f"{figure:,.0f}")
            if column in COLUMNS[:3]:
                cells.append(f"{figure / targets[0].median(column):.2f}")
        yield f"| {' | '.join(cells)} |"
