"""Keys from files: one key each, as container platforms mount secrets."""

import os
from pathlib import Path
from typing import Final

from taxiway.errors import KeyStoreError
from taxiway.secret import Secret

_LARGEST: Final = 64 * 1024
"""Bytes. A service account's JSON has 2,400; whatever is larger than this is no key."""


class Files:
    """Resolves `file:PATH`; `~` is the home folder, a relative path starts at the working directory."""

    async def get(self, reference: str) -> Secret:
        """Read the file, less white space at its ends. Raises KeyStoreError. Read anew each time: keys rotate."""
        try:
            raw = _read(reference)
            # Editors of Windows begin a text with a mark of its encoding.
            value = raw.decode("utf-8-sig").strip()
        except OSError as error:
            raise KeyStoreError(f"file:{reference}", os.strerror(error.errno or 0).lower()) from None
        except UnicodeDecodeError:
            raise KeyStoreError(f"file:{reference}", "is not text") from None
        except (RuntimeError, ValueError):
            # `~` of a user that is none, and a NUL.
            raise KeyStoreError(f"file:{reference}", "is no path") from None
        if len(raw) > _LARGEST:
            raise KeyStoreError(f"file:{reference}", f"is larger than {_LARGEST} bytes, so it is no key")
        if not value:
            raise KeyStoreError(f"file:{reference}", "is empty")
        return Secret(value)


def _read(path: str) -> bytes:
    with Path(path).expanduser().open("rb") as file:
        return file.read(_LARGEST + 1)
