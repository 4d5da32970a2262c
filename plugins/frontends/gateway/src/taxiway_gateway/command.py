"""The command `taxiway serve`."""

import asyncio
import contextlib
import gc
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import which
from typing import Any, Final

import click

_PATH: Final = click.Path(path_type=Path)
_LEVELS: Final = ("debug", "info", "warning", "error")
_OPEN_MAX: Final = 10_240
"""What macOS grants where it names a limit that it does not (its setrlimit(2), COMPATIBILITY)."""
_COLLECT_AFTER: Final = 10_000
"""New objects that live before the collector looks at them. No call leaves a circle behind, so by Python's own 700 it would look
at what is under way again and again, for nothing."""


@click.command()
@click.option("--config", type=_PATH, help="The configuration  [default: ./taxiway.toml where there is one].")
@click.option("--data-dir", type=_PATH, help="Where database and spool are kept  [default: ~/.taxiway].")
@click.option("--host", help="The address to listen on  [default: 127.0.0.1].")
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen on, 0 for a free one  [default: 8787].")
@click.option("--log-level", type=click.Choice(_LEVELS), default="info", show_default=True)
def serve(config: Path | None, data_dir: Path | None, host: str | None, port: int | None, log_level: str) -> None:
    """Run the gateway.

    It ends on SIGTERM or Ctrl-C: no new calls are taken, those in flight are finished.
    """
    from taxiway_gateway.access import Lines
    from taxiway_gateway.run import Start, run

    _log_to_stderr(log_level)
    _open_files()

    def say(text: str) -> None:
        click.echo(text)
        # What lives now lives for good: the collector need never look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_COLLECT_AFTER)

    start = Start(config=config, data_dir=data_dir, host=host, port=port, program=_program())
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(
            run(start, say, Lines(sys.stderr) if logging.getLogger("taxiway").isEnabledFor(logging.INFO) else None)
        )


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    factory: Callable[[], Any] = uvloop.new_event_loop
    return factory


def _open_files() -> None:
    """Allow as many open files as the system lets us have: a call takes two, and most systems begin with 1,024 or 256."""
    if sys.platform != "win32":
        import resource

        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        for limit in (most, _OPEN_MAX):
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, most))
                return


def _log_to_stderr(level: str) -> None:
    """Log to stderr, one line each. Nothing of a record but time, level, name and message is ever looked up."""
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("taxiway").setLevel(level.upper())
    # Its warnings are of what clients send, and those have an answer.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


def _program() -> str:
    """Return the name that the shell finds this program by: in a clone, without an activated environment, its path."""
    called = sys.argv[0]
    return called if Path(called).name == "taxiway" and which("taxiway") is None else "taxiway"
