"""One log line a request: method, path, status, milliseconds, generation, model. No key, no prompt, no query string."""

import logging
from logging import INFO, LogRecord
from time import perf_counter
from typing import Final

from taxiway_gateway.exchange import Exchange

LOG: Final = logging.getLogger("taxiway.access")
_LONGEST: Final = 120


def write(exchange: Exchange, started: float) -> None:
    """Write the line of a request that began at `started` (of `perf_counter`)."""
    if not LOG.isEnabledFor(INFO):
        return
    scope = exchange.scope
    took = (perf_counter() - started) * 1000
    parts = (
        f"{scope['method']} {scope['raw_path'].decode('ascii', 'replace')[:_LONGEST]} {exchange.status} {took:.1f}ms"
    )
    model = exchange.model
    if model:
        # What a client sent must not be able to forge a line.
        parts = f"{parts} {exchange.generation or '-'} {model[:_LONGEST] if model.isprintable() else '-'}"
    # `LOG.info` would walk the stack for the caller's place, which costs more than all the rest.
    LOG.handle(LogRecord(LOG.name, INFO, "", 0, parts, None, None))
