"""`taxiway simulator`: `serve` has the simulated providers of a configuration over HTTP, `replay` compares strategies."""

import asyncio
import contextlib
import signal
from collections.abc import Sequence
from pathlib import Path

import click

from taxiway.clock import Clock
from taxiway.config import load
from taxiway_simulator.configured import PLUGIN, simulated
from taxiway_simulator.options import SimulatorOptions
from taxiway_simulator.server import SimulatorServer
from taxiway_simulator.simulation import Simulation


def make(clock: Clock) -> click.Command:
    """Make the command."""

    @click.group(PLUGIN, help="Providers that answer without any AI.")
    def simulator() -> None:
        """Hold the commands."""

    @simulator.command()
    @click.option(
        "--config", type=click.Path(path_type=Path), help="Whose simulated providers  [default: one of its own]."
    )
    @click.option("--data-dir", type=click.Path(path_type=Path), help="Taken as by every command; nothing is kept.")
    @click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
    @click.option(
        "--port",
        type=click.IntRange(0, 65535),
        default=8900,
        show_default=True,
        help="The first provider's port; the others follow. 0: free ones.",
    )
    def serve(config: Path | None, data_dir: Path | None, host: str, port: int) -> None:
        """Serve every simulated provider of the configuration over HTTP, each on a port of its own, until stopped."""
        options = simulated(load(config).checked())
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve(options, clock, host, port))

    from taxiway_simulator.replay.command import replay

    simulator.add_command(replay)
    return simulator


async def _serve(options: Sequence[SimulatorOptions], clock: Clock, host: str, port: int) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with contextlib.AsyncExitStack() as stack:
        for offset, one in enumerate(options):
            simulation = Simulation(one, clock.now())
            server = SimulatorServer(simulation, clock, host, port and port + offset)
            try:
                await stack.enter_async_context(server)
            except (OSError, OverflowError) as error:
                # The last ports are soon used up where there are several providers, and a number beyond them is no OSError.
                reason = getattr(error, "strerror", None) or error
                raise click.ClickException(f"port {server.port} of {host} can't be used: {reason}") from None
            click.echo(f"{one.slug}: base_url {server.base_url}, models {', '.join(one.all_models())}")
        await stopped.wait()
