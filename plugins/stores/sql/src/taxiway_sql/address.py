"""Where a database is: `[store] url`."""

from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from taxiway.errors import ConfigError, Problem

MEMORY: Final = ":memory:"
_DEFAULT: Final = "taxiway.db"


def database_of(url: str, data_dir: Path | None, home: Path | None = None) -> str:
    """Return the file that `url` names, or `:memory:`. Raises ConfigError.

    `sqlite:////var/lib/taxiway.db` is absolute, `sqlite:///taxiway.db` relative to the working folder (as SQLAlchemy writes
    them), `~` is the home folder, and `sqlite:` alone is `taxiway.db` in the data folder.
    """
    parts = urlsplit(url)
    if parts.scheme != "sqlite":
        raise _wrong(f"{parts.scheme or url!r} is not a database this store knows; write sqlite:///path/to/taxiway.db")
    if parts.netloc or parts.query or parts.fragment:
        raise _wrong(
            "a path needs three slashes before it (sqlite:///relative.db, sqlite:////absolute.db), and nothing after it"
        )
    path = unquote(parts.path.removeprefix("/"))
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
