"""A provider of Taxiway that answers by itself: in process as `sim:`, or over HTTP by `taxiway simulator serve`."""

from typing import TYPE_CHECKING

from taxiway.hookspecs import hookimpl
from taxiway.registration import Context, NoOptions, Registration
from taxiway_simulator.options import SimulatorOptions

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click

    from taxiway.provider import Provider

TAXIWAY_API = (1, 0)


@hookimpl
def taxiway_providers() -> "Iterable[Registration[SimulatorOptions, Provider]]":
    """Offer the provider; it also serves where no key was found, so that a first request works."""

    def build(options: SimulatorOptions, context: Context) -> "Provider":
        from taxiway_simulator.provider import SimulatorProvider

        return SimulatorProvider(options, context.clock)

    return [
        Registration(
            name="simulator",
            summary="made-up models that answer without any AI: for trying things out and for tests",
            options=SimulatorOptions,
            build=build,
            requires=("dialect-chat", "dialect-embeddings"),
            last_resort=True,
            credential="no key, or any",
        )
    ]


@hookimpl
def taxiway_commands() -> "Iterable[Registration[NoOptions, click.Command]]":
    """Offer `taxiway simulator`."""

    def build(options: NoOptions, context: Context) -> "click.Command":
        from taxiway_simulator.command import make

        return make(context.clock)

    return [
        Registration(
            name="simulator",
            summary="Serve simulated providers, and try strategies on them.",
            options=NoOptions,
            build=build,
        )
    ]
