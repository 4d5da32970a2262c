"""The lines of the access log, when they are written in batches."""

import asyncio
import io
import re
import time
from types import SimpleNamespace
from typing import Any

from taxiway_gateway.access import Lines
from taxiway_gateway.command import _loop_factory


def asked(path: str) -> Any:
    return SimpleNamespace(method="GET", raw_path=path, status=200, model="")


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
