"""Where a database is: `[store] url`."""

from pathlib import Path
from typing import Final

from taxiway.errors import ConfigError, Problem

MEMORY: Final = ":memory:"
_SCHEME: Final = "sqlite://"
_DEFAULT: Final = "taxiway.db"


def database_of(url: str, data_dir: Path | None, home: Path | None = None) -> str:
    """Return the file that `url` names, or `:memory:`. Raises ConfigError.

    `sqlite:////var/lib/taxiway.db` is absolute, `sqlite:///taxiway.db` relative to the working folder (as SQLAlchemy writes
    them), `~` is the home folder, and `sqlite://` alone is `taxiway.db` in the data folder. What follows the three slashes is
    the path as it is: nothing is decoded, and there is no query.
    """
    place = url.removeprefix(_SCHEME)
    if place == url:
        raise _wrong("is not SQLite's; write sqlite:///path/to/taxiway.db")
    path = place.removeprefix("/")
    if place and path == place:
        raise _wrong("needs three slashes before the path: sqlite:///relative.db, sqlite:////absolute.db")
    if path == MEMORY:
        return MEMORY
    if not path:
        if data_dir is None:
            raise _wrong("names no file, and there is no data folder (data_dir)")
        return str(data_dir / _DEFAULT)
    if path.startswith("~/") and home is not None:
        return str(home / path[2:])
    return str(Path(path).expanduser())


def _wrong(message: str) -> ConfigError:
    return ConfigError([Problem(message, "store.url")])
