"""One log line a request: method, path, status, milliseconds; of a call also generation, model, how it ended, and who served.

A stream's status went out before its first token, so only how it ended tells a good one. No key, no prompt, no query string.
"""

import asyncio
import logging
import time
from time import perf_counter
from typing import Final, TextIO, TypeAlias

from taxiway_gateway.exchange import Exchange

LOG: Final = logging.getLogger("taxiway.access")
_LONGEST: Final = 120
_DELAY: Final = 0.1

_Line: TypeAlias = tuple[float, str, str, int, str, str, str, str]


class Lines:
    """Makes and writes lines in batches, a tenth of a second late at most: a record of `logging` each costs 15 us.

    Until then only what a line says is kept, nothing of the request that could be large.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: list[_Line] = []
        self._start = ""

    def add(self, exchange: Exchange, started: float) -> None:
        """Write the line of a request that began at `started` (of `perf_counter`), soon; its time is its batch's first one's."""
        if not self._waiting:
            self._start = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {LOG.name}: "
            asyncio.get_running_loop().call_later(_DELAY, self.flush)
        self._waiting.append(_line(exchange, started))

    def flush(self) -> None:
        """Write what waits. A console that is gone stops nobody."""
        lines, self._waiting = [f"{self._start}{_text(line)}\n" for line in self._waiting], []
        try:
            self._stream.write("".join(lines))
            self._stream.flush()
        except (OSError, ValueError):
            pass


def log(exchange: Exchange, started: float) -> None:
    """Write such a line to the log."""
    if LOG.isEnabledFor(logging.INFO):
        LOG.info("%s", _text(_line(exchange, started)))


def _line(exchange: Exchange, started: float) -> _Line:
    path, model = exchange.raw_path[:_LONGEST], exchange.model[:_LONGEST]
    took, who = perf_counter() - started, exchange.generation
    return took, exchange.method, path, exchange.status, who, model, exchange.ending, exchange.provider


def _text(line: _Line) -> str:
    took, method, path, status, generation, model, ending, provider = line
    text = f"{method} {path} {status} {took * 1000:.1f}ms"
    if not model:
        return text
    # What a client sent must not be able to forge a line.
    asked = model if model.isprintable() else "-"
    return f"{text} {generation or '-'} {asked} {ending} {provider or '-'}"
