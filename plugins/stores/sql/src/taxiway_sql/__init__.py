"""Workspaces, API keys and generations in an SQL database: SQLite."""

from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from taxiway.hookspecs import hookimpl
from taxiway.registration import Context, Registration

if TYPE_CHECKING:
    from taxiway_sql.store import SqliteStore

TAXIWAY_API = (1, 0)


@frozen(kw_only=True)
class StoreOptions:
    """The table `[store]`. `url`: `sqlite:///<path>`; without a path the database is `taxiway.db` in the data folder."""

    url: str = "sqlite://"


def _build(options: StoreOptions, context: Context) -> "SqliteStore":
    from taxiway_sql.address import database_of
    from taxiway_sql.store import SqliteStore

    home = Path(context.environment["HOME"]) if context.environment.get("HOME") else None
    return SqliteStore(database_of(options.url, context.data_dir, home), context.clock)


@hookimpl
def taxiway_stores() -> "list[Registration[StoreOptions, SqliteStore]]":
    """Offer the SQLite store."""
    return [
        Registration(
            name="sqlite",
            summary="workspaces, API keys and generations in an SQLite database",
            options=StoreOptions,
            build=_build,
        )
    ]
