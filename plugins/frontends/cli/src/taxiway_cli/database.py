"""The gateway's database, opened beside it: a running gateway goes on and sees what changes."""

from __future__ import annotations

import logging
import os
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from taxiway.store import Store


@asynccontextmanager
async def opened(config: Path | None, data_dir: Path | None) -> AsyncIterator[Store]:
    """Open the store that `taxiway serve` with the same arguments would use.

    Only the store is built: a provider's mistake must not keep anybody from disabling a key. Raises TaxiwayError.
    """
    from taxiway.building import Builder
    from taxiway.clock import SystemClock
    from taxiway.composition import DEFAULT_FOLDER
    from taxiway.config import load
    from taxiway.converter import structure
    from taxiway.errors import ConfigError, Problem
    from taxiway.plugins import Plugins
    from taxiway.registration import Closes, Context, Starts

    parsed = load(config).checked()
    folder = structure(data_dir or parsed.data_dir or DEFAULT_FOLDER, Path, "data_dir")
    context = Context(
        clock=SystemClock(),
        random=Random(),  # noqa: S311 - jitter, no secrets
        log=logging.getLogger("taxiway"),
        environment=os.environ,
        data_dir=folder,
    )
    builder = Builder(plugins=Plugins.discover(parsed.plugins.disabled), context=context)
    store: Store | None = builder.build_store(parsed.store or {})
    if store is None:
        raise ConfigError(builder.problems, parsed.source)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError([Problem(f"can't be made: {error.strerror}", f"data_dir {folder}")]) from None
    try:
        if isinstance(store, Starts):
            await store.start()
        yield store
    finally:
        if isinstance(store, Closes):
            await store.aclose()
