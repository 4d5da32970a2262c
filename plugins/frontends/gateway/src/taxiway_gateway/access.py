"""One log line a request: method, path, status, milliseconds; of a call also generation, model, how it ended, and who served.

A stream's status went out before its first token, so only how it ended tells a good one. No key, no prompt, no query string.
"""

import asyncio
import logging
import time
from time import perf_counter
from typing import Final, TextIO

from taxiway_gateway.exchange import Exchange

LOG: Final = logging.getLogger("taxiway.access")
_LONGEST: Final = 120
_DELAY: Final = 0.1


class Lines:
    """Writes lines to a stream in batches, a tenth of a second late at most: a record of `logging` each costs 15 us."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: list[str] = []
        self._start = ""

    def add(self, exchange: Exchange, started: float) -> None:
        """Write the line of a request that began at `started` (of `perf_counter`), soon; its time is its batch's first one's."""
        if not self._waiting:
            self._start = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {LOG.name}: "
            asyncio.get_running_loop().call_later(_DELAY, self.flush)
        self._waiting.append(_text(self._start, exchange, started))

    def flush(self) -> None:
        """Write what waits. A console that is gone stops nobody."""
        lines, self._waiting = self._waiting, []
        try:
            self._stream.write("\n".join([*lines, ""]))
            self._stream.flush()
        except (OSError, ValueError):
            pass


def log(exchange: Exchange, started: float) -> None:
    """Write such a line to the log."""
    if LOG.isEnabledFor(logging.INFO):
        LOG.info("%s", _text("", exchange, started))


def _text(start: str, exchange: Exchange, started: float) -> str:
    took, model = (perf_counter() - started) * 1000, exchange.model
    text = f"{start}{exchange.method} {exchange.raw_path[:_LONGEST]} {exchange.status} {took:.1f}ms"
    if not model:
        return text
    # What a client sent must not be able to forge a line.
    asked = model[:_LONGEST] if model.isprintable() else "-"
    return f"{text} {exchange.generation or '-'} {asked} {exchange.ending} {exchange.provider or '-'}"
