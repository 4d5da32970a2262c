"""The lines of the access log, when they are written in batches."""

import asyncio
import io
import re
import time
from types import SimpleNamespace
from typing import Any

from taxiway_gateway.access import Lines
from taxiway_gateway.command import _loop_factory


def asked(path: str, **more: str) -> Any:
    told = {"model": "", "generation": "", "ending": "failed", "provider": "", **more}
    return SimpleNamespace(method="GET", raw_path=path, status=200, **told)


async def test_lines_are_written_in_batches() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.add(asked("/first"), time.perf_counter())
    lines.add(asked("/second"), time.perf_counter() - 1)
    assert stream.getvalue() == ""
    await asyncio.sleep(0.15)
    first, second = stream.getvalue().splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d taxiway.access: GET /first 200 \d+\.\dms", first)
    assert re.search(r" GET /second 200 \d{4,}\.\dms$", second)


async def test_a_line_says_what_was_known_when_it_was_added() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    call = asked("/" + "x" * 200, model="m" * 200, generation="gen-1", ending="done", provider="somebody")
    lines.add(call, time.perf_counter())
    lines.add(asked("/", model="a\nforged", generation="gen-2"), time.perf_counter())
    call.ending, call.provider = "failed", "another"
    lines.flush()
    first, second = (line.split()[4:] for line in stream.getvalue().splitlines())
    assert (first[0], *first[3:]) == ("/" + "x" * 119, "gen-1", "m" * 120, "done", "somebody")
    assert second[3:] == ["gen-2", "-", "failed", "-"]


async def test_a_console_that_is_gone_stops_nobody() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.add(asked("/"), time.perf_counter())
    stream.close()
    lines.flush()


def test_the_gateway_runs_on_uvloop() -> None:
    factory = _loop_factory()
    assert factory is not None
    loop = factory()
    loop.close()
    assert type(loop).__module__.startswith("uvloop")
