"""Models and prices from models.dev for Taxiway, and the command that looks after them."""

from typing import TYPE_CHECKING

from taxiway.hookspecs import hookimpl
from taxiway.registration import Context, NoOptions, Registration

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click

    from taxiway.catalog import Catalog

TAXIWAY_API = (1, 0)


@hookimpl
def taxiway_catalogs() -> "Iterable[Registration[NoOptions, Catalog]]":
    """Offer the catalog."""

    def build(_: NoOptions, context: Context) -> "Catalog":
        from taxiway_models_dev.catalog import ModelsDev

        return ModelsDev(context.data_dir)

    return [
        Registration(
            name="models-dev",
            summary="models and prices of 130 providers, from models.dev",
            options=NoOptions,
            build=build,
        )
    ]


@hookimpl
def taxiway_commands() -> "Iterable[Registration[NoOptions, click.Command]]":
    """Offer `taxiway catalog`."""

    def build(_: NoOptions, __: Context) -> "click.Command":
        from taxiway_models_dev.command import catalog

        return catalog

    return [Registration(name="catalog", summary="Check and update models and prices.", options=NoOptions, build=build)]
