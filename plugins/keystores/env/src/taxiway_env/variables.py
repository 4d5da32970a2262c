"""Keys from environment variables, and from a `.env` file beside the program."""

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from taxiway.errors import KeyStoreError
from taxiway.secret import Secret

_LOG: Final = logging.getLogger(__name__)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,63}|[a-z_]{1,32}")
"""Names that are surely names: a key has both cases, or digits between small letters."""

# One assignment: `export` before it, the value in quotes (over several lines if need be) or up to a comment.
_LINE: Final = re.compile(
    r"""^[^\S\n]*(?:export[^\S\n]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)[^\S\n]*=[^\S\n]*
    (?:'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|(?P<plain>[^\n]*?))
    [^\S\n]*(?:(?<=\s)\#[^\n]*)?$""",
    re.MULTILINE | re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}


class Variables:
    """Resolves `env:NAME`: from the environment, else from the file. White space at a value's ends is not part of it.

    A variable that is empty then counts as not set.
    """

    def __init__(self, environment: Mapping[str, str], file: Path, log: logging.Logger = _LOG) -> None:
        self._environment = environment
        self._file = file
        self._log = log

    async def get(self, reference: str) -> Secret:
        """Return a variable's value. Raises KeyStoreError. The file is read anew each time: keys rotate."""
        if not _NAME.fullmatch(reference):
            # What is no name may be the key itself: it is not shown.
            raise KeyStoreError("env:", "what follows is not the name of a variable")
        value = self._environment.get(reference, "").strip() or self._from_file().get(reference)
        if not value:
            name = reference if _PLAIN.fullmatch(reference) else f"{reference[:3]}..."
            raise KeyStoreError(f"env:{name}", f"is not set, {self._why()}")
        return Secret(value)

    def environment(self) -> Mapping[str, str]:
        """Return the variables of both that are set; the environment's own win. A file that can't be read is warned of."""
        if reason := self._unread():
            self._log.warning("%s can't be read: %s", self._file, reason)
        return {**self._from_file(), **_filled(self._environment)}

    def _from_file(self) -> Mapping[str, str]:
        try:
            return _filled(variables(self._text()))
        except (OSError, UnicodeDecodeError, RuntimeError):
            return {}

    def _text(self) -> str:
        return self._file.expanduser().read_text("utf-8-sig")

    def _unread(self) -> str:
        """Say why a file that is there can't be read; nothing where it can, or is not there."""
        try:
            self._text()
        except FileNotFoundError:
            pass
        except OSError as error:
            return os.strerror(error.errno or 0).lower()
        except UnicodeDecodeError:
            return "is not UTF-8"
        except RuntimeError:
            return "there is no such home folder"
        return ""

    def _why(self) -> str:
        """Say where a variable was not found; a file that is there and can't be read is told from one that has it not."""
        if reason := self._unread():
            return f"and {self._file} can't be read: {reason}"
        return f"neither in the environment nor in {self._file}"


def _filled(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: stripped for name, value in variables.items() if (stripped := value.strip())}


def variables(text: str) -> dict[str, str]:
    """Read the variables of a `.env` file. A line that is no assignment is skipped; of two with one name the later wins."""
    found: dict[str, str] = {}
    for match in _LINE.finditer(text.replace("\r\n", "\n")):
        name, single, double, plain = match.group("name", "single", "double", "plain")
        if double is not None:
            found[name] = _ESCAPE.sub(lambda escape: _ESCAPES.get(escape[1], escape[1]), double)
        else:
            found[name] = plain.strip() if single is None else single
    return found
