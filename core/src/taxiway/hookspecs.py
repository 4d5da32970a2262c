"""The extension points. Every hook is synchronous, takes nothing, is called once at start, and returns registrations.

A plugin's module carries `TAXIWAY_API = (1, 0)` and marks its functions with `taxiway.hookimpl`.
"""

from typing import TYPE_CHECKING, Any, Final

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taxiway.catalog import Catalog
    from taxiway.dialect import Dialect
    from taxiway.keystore import KeyStore
    from taxiway.provider import Provider
    from taxiway.registration import Registration
    from taxiway.sink import Sink
    from taxiway.store import Store
    from taxiway.strategy import Strategy
    from taxiway.transform import Transform
    from taxiway.transport import Transport

API: Final = (1, 0)
"""The version of the hooks and contracts: a plugin with the same first number, and a second not above this one, is loaded."""

PROJECT: Final = "taxiway"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def taxiway_providers() -> "Iterable[Registration[Any, Provider]]":  # type: ignore[empty-body]
    """Offer providers: who runs models. Entry points `provider-<name>`."""


@hookspec
def taxiway_dialects() -> "Iterable[Registration[Any, Dialect]]":  # type: ignore[empty-body]
    """Offer dialects: wire formats, towards providers, clients or both. Entry points `dialect-<name>`."""


@hookspec
def taxiway_strategies() -> "Iterable[Registration[Any, Strategy]]":  # type: ignore[empty-body]
    """Offer strategies: in which order endpoints are tried. Entry points `strategy-<name>`."""


@hookspec
def taxiway_key_stores() -> "Iterable[Registration[Any, KeyStore]]":  # type: ignore[empty-body]
    """Offer key stores: where the values of keys come from. Entry points `keystore-<scheme>`."""


@hookspec
def taxiway_telemetry_sinks() -> "Iterable[Registration[Any, Sink]]":  # type: ignore[empty-body]
    """Offer telemetry sinks: who takes generations. Entry points `sink-<name>`."""


@hookspec
def taxiway_stores() -> "Iterable[Registration[Any, Store]]":  # type: ignore[empty-body]
    """Offer stores: the database. Entry points `store-<scheme>`; the options get the whole of `[store]`."""


@hookspec
def taxiway_transports() -> "Iterable[Registration[Any, Transport]]":  # type: ignore[empty-body]
    """Offer transports: how requests travel. Entry points `transport-<name>`."""


@hookspec
def taxiway_catalogs() -> "Iterable[Registration[Any, Catalog]]":  # type: ignore[empty-body]
    """Offer catalogs: models and prices. Entry points `catalog-<name>`."""


@hookspec
def taxiway_transforms() -> "Iterable[Registration[Any, Transform]]":  # type: ignore[empty-body]
    """Offer transforms: changes of a request for one candidate. Entry points `transform-<name>`."""


@hookspec
def taxiway_commands() -> "Iterable[Registration[Any, Any]]":  # type: ignore[empty-body]
    """Offer commands of the `taxiway` program: each builds a click command. Entry points `command-<name>`."""
