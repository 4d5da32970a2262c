"""Taxiway's HTTP gateway: `taxiway serve`."""

from typing import TYPE_CHECKING

from taxiway.hookspecs import hookimpl
from taxiway.registration import Context, NoOptions, Registration

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click

TAXIWAY_API = (1, 0)


@hookimpl
def taxiway_commands() -> "Iterable[Registration[NoOptions, click.Command]]":
    """Offer `taxiway serve`."""

    def build(options: NoOptions, context: Context) -> "click.Command":
        from taxiway_gateway.command import serve

        return serve

    return [Registration(name="serve", summary="Run the gateway.", options=NoOptions, build=build)]
