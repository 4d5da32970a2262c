"""A gateway from its start to its end."""

import logging
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Final

from attrs import frozen

from taxiway.errors import ConfigError, Problem
from taxiway.router import Router
from taxiway.tables import address_of
from taxiway_gateway.access import Lines
from taxiway_gateway.app import App
from taxiway_gateway.auth import Keys
from taxiway_gateway.first_key import entry, read_given
from taxiway_gateway.server import Server, bind
from taxiway_gateway.welcome import VARIABLE, welcome

_LOG: Final = logging.getLogger("taxiway.gateway")


@frozen(kw_only=True)
class Start:
    """What was said on the command line; None: as the configuration has it. `program`: how it was called."""

    config: Path | None = None
    data_dir: Path | None = None
    host: str | None = None
    port: int | None = None
    program: str = "taxiway"

    def command(self) -> str:
        """How other commands on the same data begin."""
        given = (("--config", self.config), ("--data-dir", self.data_dir))
        options = (word for option, path in given if path is not None for word in (option, str(path)))
        return shlex.join([self.program, *options])


async def run(start: Start, say: Callable[[str], None], lines: Lines | None = None) -> None:
    """Serve until a signal comes. `say` is given the text for the console once requests may come. Raises TaxiwayError.

    `lines` takes the lines of the access log; without it they go to the log `taxiway.access`.
    """
    router = Router.from_config(start.config, data_dir=start.data_dir, gateway=True)
    built, config = router.built, router.config
    host, port = address_of(config.gateway.listen)
    # Before anything is opened: a port that is in use is the most common mistake.
    listener = bind(start.host or host, port if start.port is None else start.port)
    try:
        _make_folder(built.context.data_dir)
        async with router:
            for warning in router.warnings:
                _LOG.warning("%s", warning)
            given = read_given(built.context.environment.get(VARIABLE))
            shown = await entry(router.store, given, router.clock.now())
            app = App(
                router,
                Keys(router.store, router.clock, given),
                body_limit=config.gateway.body_limit,
                max_calls=config.gateway.max_calls,
                lines=lines,
            )
            totals = [config.routing.timeouts.total, *(t.timeouts.total for t in config.models.values() if t.timeouts)]
            server = Server(app, config.gateway.cors, max(totals))
            text = welcome(
                _url(*listener.getsockname()[:2]),
                shown,
                router.snapshot,
                last_resort=built.last_resort,
                program=start.command(),
            )
            await server.listen(listener, lambda: say(text))
    finally:
        listener.close()
        if lines is not None:
            lines.flush()


def _make_folder(folder: Path | None) -> None:
    """Make the data folder, for nobody else to look into."""
    if folder is None:
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError([Problem(f"can't be made: {error.strerror}", f"data_dir {folder}")]) from None


def _url(host: str, port: int) -> str:
    # An address that stands for all of the machine's is none to connect to.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
