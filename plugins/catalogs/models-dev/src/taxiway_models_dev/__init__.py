"""Models and prices from models.dev for Taxiway."""

from collections.abc import Iterable

from taxiway.catalog import Catalog
from taxiway.hookspecs import hookimpl
from taxiway.registration import Context, NoOptions, Registration

TAXIWAY_API = (1, 0)


@hookimpl
def taxiway_catalogs() -> Iterable[Registration[NoOptions, Catalog]]:
    """Offer the catalog."""

    def build(_: NoOptions, __: Context) -> Catalog:
        from taxiway_models_dev.catalog import ModelsDev

        return ModelsDev()

    return [
        Registration(
            name="models-dev",
            summary="models and prices of 130 providers, from models.dev",
            options=NoOptions,
            build=build,
        )
    ]
