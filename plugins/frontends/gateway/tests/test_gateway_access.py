"""The lines of the access log, when they are written in batches."""

import asyncio
import io

from taxiway_gateway.access import Lines
from taxiway_gateway.command import _loop_factory


async def test_lines_are_written_in_batches() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.add("GET / 200 0.1ms")
    lines.add("GET / 200 0.2ms")
    assert stream.getvalue() == ""
    await asyncio.sleep(0.15)
    first, second = stream.getvalue().splitlines()
    assert first.endswith("taxiway.access: GET / 200 0.1ms")
    assert second.endswith("taxiway.access: GET / 200 0.2ms")


async def test_a_console_that_is_gone_stops_nobody() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.add("GET / 200 0.1ms")
    stream.close()
    lines.flush()


def test_the_gateway_runs_on_uvloop() -> None:
    factory = _loop_factory()
    assert factory is not None
    loop = factory()
    loop.close()
    assert type(loop).__module__.startswith("uvloop")
