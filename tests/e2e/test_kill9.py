"""A gateway that is killed under load, again and again: what a client received whole, and what was sent, is accounted once."""

import asyncio
import json
import os
import random
import re
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx
import pytest
from attrs import define, field
from upstream import Answer, Message, Upstream

from taxiway.records import read

KEY = "the-tests-own-key-of-32-characters"
UPSTREAM_KEY = "sk-upstream-test"
KILLS = 5
CLIENTS = 8

CONFIG = """
[[providers]]
use = "openai-compatible"
slug = "first"
base_url = "{url}"
models = [{{ id = "gpt-4o-mini", slug = "openai/gpt-4o-mini", price = {{ input = 1.0, output = 2.0 }} }}]

[[providers]]
use = "openai-compatible"
slug = "second"
base_url = "{url}"
models = [{{ id = "gpt-4o-mini", slug = "openai/gpt-4o-mini", price = {{ input = 1.0, output = 2.0 }} }}]

[[credentials]]
provider = "first"
key = "env:UPSTREAM_KEY"

[[credentials]]
provider = "second"
key = "env:UPSTREAM_KEY"

[[telemetry]]
use = "jsonl"
"""


class Uneven(Upstream):
    """Refuses some, lets some wait for ever, cuts some: so that a kill finds attempts in every state."""

    dice = random.Random(5)

    def next(self) -> Answer | Message:
        drawn = self.dice.random()
        if drawn < 0.1:
            return Answer(
                503, {"error": {"message": "overloaded", "type": "server_error", "code": None, "param": None}}
            )
        if drawn < 0.12:
            return Message(hold=asyncio.Event())
        if drawn < 0.15:
            return Message(cut=3)
        return Message()


@define
class Received:
    """What clients got: ids of the generations whose reply came whole."""

    whole: set[str] = field(factory=set)
    came: asyncio.Event = field(factory=asyncio.Event)

    def add(self, id_: str) -> None:
        self.whole.add(id_)
        self.came.set()

    async def more(self, count: int) -> None:
        """Wait for so many more of them."""
        aim = len(self.whole) + count
        while len(self.whole) < aim:
            self.came.clear()
            await self.came.wait()


@asynccontextmanager
async def gateway(folder: Path, config: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Run `taxiway serve`; yield it and its base URL."""
    environment = {**os.environ, "TAXIWAY_API_KEY": KEY, "UPSTREAM_KEY": UPSTREAM_KEY, "HOME": str(folder)}
    errors = (folder / "stderr").open("ab")
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("taxiway"),
        "serve",
        "--config",
        config,
        "--data-dir",
        folder / "data",
        "--port",
        "0",
        stdout=asyncio.subprocess.PIPE,
        stderr=errors,
        env=environment,
        cwd=folder,
    )
    errors.close()
    try:
        assert process.stdout is not None
        said = ""
        async with asyncio.timeout(20):
            while (found := re.search(r"http://127\.0\.0\.1:\d+", said)) is None:
                line = await process.stdout.readline()
                assert line, (folder / "stderr").read_text()
                said += line.decode()
        yield process, found[0]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def load(url: str, received: Received, dice: random.Random) -> None:
    """Ask, one request after the other, until the gateway is gone."""
    async with httpx.AsyncClient(
        base_url=url, headers={"authorization": f"Bearer {KEY}"}, timeout=30, trust_env=False
    ) as client:
        while True:
            body = {
                "model": "openai/gpt-4o-mini",
                "messages": [{"role": "user", "content": "say something of some length, please"}],
                "stream": dice.random() < 0.5,
            }
            try:
                reply = await client.post("/api/v1/chat/completions", json=body)
            except httpx.HTTPError:
                return
            if reply.status_code == 200:
                note(reply, body["stream"], received)


def note(reply: httpx.Response, stream: bool, received: Received) -> None:
    """Keep the id where all of the reply came."""
    if not stream:
        received.add(reply.json()["id"])
        return
    lines = [line.removeprefix("data: ") for line in reply.text.splitlines() if line.startswith("data: ")]
    if lines and lines[-1] == "[DONE]":
        received.add(json.loads(lines[0])["id"])


@pytest.mark.real_time
@pytest.mark.timeout(180)
async def test_killed_at_any_moment_nothing_is_lost_or_counted_twice(tmp_path: Path) -> None:
    dice, received, seen = random.Random(11), Received(), 0
    config = tmp_path / "taxiway.toml"
    async with Uneven(UPSTREAM_KEY).serving() as upstream:
        config.write_text(CONFIG.format(url=upstream.url))
        for _ in range(KILLS):
            async with gateway(tmp_path, config) as (process, url):
                clients = [asyncio.create_task(load(url, received, dice)) for _ in range(CLIENTS)]
                # By what was served first, since on a busy machine a second may serve nothing.
                await received.more(dice.randrange(25, 100))
                await asyncio.sleep(dice.uniform(0.0, 0.1))
                process.send_signal(signal.SIGKILL)
                assert await process.wait() == -signal.SIGKILL
                await asyncio.gather(*clients)
        seen = len([request for request in upstream.requests if request.method == "POST"])
        # A start that serves nothing: it recovers, and its end delivers all that is left.
        async with gateway(tmp_path, config) as (process, _):
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0

    assert len(received.whole) > 100
    check(tmp_path, received.whole, seen)


def check(folder: Path, whole: set[str], seen: int) -> None:
    """Compare what the gateways left with what clients received, and with the `seen` requests of the upstream."""
    data = folder / "data"
    assert list((data / "spool").iterdir()) == []
    with closing(sqlite3.connect(data / "taxiway.db")) as database:
        rows = database.execute("SELECT id, state, estimated, cost, detail FROM generations").fetchall()
    states = {id_: state for id_, state, *_ in rows}
    assert len(states) == len(rows)
    assert {states.get(id_) for id_ in whole} == {"done"}

    lost = [row for row in rows if row[1] == "lost"]
    assert lost
    assert all(estimated and cost is not None for _, _, estimated, cost, _ in lost)
    attempts = [attempt for *_, detail in rows for attempt in read(detail.encode()).attempts]
    # An attempt is written down before it is sent, so a kill may leave one that never was; never the other way round.
    assert seen <= len(attempts) <= seen + KILLS * CLIENTS

    # A kill may tear a line of this file; the generation comes again, on a line of its own.
    lines = [parsed for line in (data / "generations.jsonl").read_text().splitlines() if (parsed := parse(line))]
    assert Counter(line["id"] for line in lines) == Counter(states.keys())

    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for planted in (b"say something of some length", UPSTREAM_KEY.encode(), KEY.encode()):
        assert planted not in everything


def parse(line: str) -> dict[str, str] | None:
    """Decode a line, where it is whole."""
    try:
        return json.loads(line)
    except ValueError:
        return None
