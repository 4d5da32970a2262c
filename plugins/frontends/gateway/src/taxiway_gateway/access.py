"""One log line a request: method, path, status, milliseconds; of a call also generation, model, how it ended, and who served.

A stream's status went out before its first token, so only how it ended tells a good one. No key, no prompt, no query string.
"""

import asyncio
import logging
import time
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
        self._second, self._stamp = 0, ""

    def add(self, text: str) -> None:
        """Write a line, soon."""
        now = int(time.time())
        if now != self._second:
            self._second, self._stamp = now, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
        if not self._waiting:
            asyncio.get_running_loop().call_later(_DELAY, self.flush)
        self._waiting.append(f"{self._stamp} {LOG.name}: {text}\n")

    def flush(self) -> None:
        """Write what waits. A console that is gone stops nobody."""
        lines, self._waiting = self._waiting, []
        try:
            self._stream.write("".join(lines))
            self._stream.flush()
        except (OSError, ValueError):
            pass


def write(exchange: Exchange, started: float, lines: Lines | None) -> None:
    """Write the line of a request that began at `started` (of `perf_counter`); without `lines`, to the log."""
    if lines is not None:
        lines.add(_text(exchange, started))
    elif LOG.isEnabledFor(logging.INFO):
        LOG.info(_text(exchange, started))


def _text(exchange: Exchange, started: float) -> str:
    scope = exchange.scope
    took = (time.perf_counter() - started) * 1000
    text = f"{scope['method']} {scope['raw_path'].decode('ascii', 'replace')[:_LONGEST]} {exchange.status} {took:.1f}ms"
    model = exchange.model
    if not model:
        return text
    # What a client sent must not be able to forge a line.
    asked = model[:_LONGEST] if model.isprintable() else "-"
    return f"{text} {exchange.generation or '-'} {asked} {exchange.ending} {exchange.provider or '-'}"
