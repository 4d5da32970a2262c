"""Newer data of models.dev: fetched or copied, looked over, and only then put in its place."""

import os
import tempfile
from pathlib import Path
from typing import Any, Final

from taxiway.catalog import CatalogModel
from taxiway.errors import TaxiwayError
from taxiway_models_dev.catalog import ModelsDev
from taxiway_models_dev.data import FILE

SOURCE: Final = "https://models.dev/api.json"

_NEEDED: Final = ("openrouter",)
"""Providers without which no model has a name."""

_LARGEST: Final = 64 * 1024 * 1024
_PATIENCE: Final = 60.0
"""Seconds for each step of fetching."""


def update(source: str, folder: Path) -> tuple[Path, int, int]:
    """Put the data of a file or an address into the data folder; return where it is, and how many providers and models it has.

    Raises TaxiwayError, and then what was there stays.
    """
    text = _fetched(source) if source.startswith(("http://", "https://")) else _read(Path(source))
    target = folder / FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as beside:
            candidate = Path(beside) / FILE
            candidate.write_bytes(text)
            counts = _looked_over(Path(beside), source)
            # Within one file system: whoever reads it has the old one or the new one, whole.
            os.replace(candidate, target)  # noqa: PTH105 - it is the atomic one, and says so
    except OSError as error:
        raise TaxiwayError(f"{target} can't be written: {error.strerror}") from None
    return target, *counts


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TaxiwayError(f"{path} can't be read: {error.strerror}") from None


def _fetched(url: str) -> bytes:
    import httpx

    text = bytearray()
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=_PATIENCE) as reply:
            if reply.status_code != httpx.codes.OK:
                raise TaxiwayError(f"{url} answers with status {reply.status_code}")
            for piece in reply.iter_bytes():
                text += piece
                if len(text) > _LARGEST:
                    raise TaxiwayError(f"{url} sends more than {_LARGEST} bytes")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise TaxiwayError(f"{url} can't be fetched: {type(error).__name__}") from None
    return bytes(text)


def _looked_over(folder: Path, source: str) -> tuple[int, int]:
    """Make every model of every provider, as it is done when it is used. Raises TaxiwayError, naming the provider."""
    catalog = ModelsDev(folder)
    try:
        names = list(catalog.providers())
    except TaxiwayError:
        raise TaxiwayError(f"{source}: is not models.dev's data") from None
    if missing := [name for name in _NEEDED if name not in names]:
        raise TaxiwayError(f"{source}: has no provider {missing[0]}, whose names all models have")
    models = 0
    for name in names:
        try:
            models += sum(map(_sound, catalog.provider(name).values()))
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise TaxiwayError(f"{source}: {name} can't be read ({type(error).__name__})") from None
    return len(names), models


def _sound(model: CatalogModel) -> bool:
    """Raise ValueError where a figure is none; the rest was looked at where it was made."""
    figures: tuple[Any, ...] = (model.context, model.max_output, model.price.input, model.price.output)
    if any(type(figure) not in {int, float} or figure < 0 for figure in figures if figure is not None):
        raise ValueError(model.id)
    return True
