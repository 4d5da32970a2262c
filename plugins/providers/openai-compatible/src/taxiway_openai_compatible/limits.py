"""Rate-limit headers of OpenAI-shaped servers, as rows declare them. Nothing here raises: what makes no sense is left out."""

import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Final

from taxiway.http import Headers, epoch_of
from taxiway.outcome import QuotaHint
from taxiway_openai_compatible.declaration import Form, LimitRow

_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)")
_SECONDS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_WINDOWS: Final = (1.0, 60.0, 3600.0, 86_400.0)
_USUAL: Final = 60.0
# A window is inferred from numbers that were rounded: this share of it is enough.
_ENOUGH: Final = 0.8
# Below this, a reset rounded to milliseconds says nothing about the window.
_COARSE: Final = 0.005
_LARGEST: Final = 2**53
# Seconds: Go's durations have milliseconds, all else may be whole seconds.
_EXACT, _WHOLE = 0.02, 1.0
_LONGEST: Final = 366 * 86_400.0
"""Seconds until a reset. What is further off is of another unit than it was declared as."""


def hints_of(rows: Iterable[LimitRow], headers: Headers, now: float) -> tuple[QuotaHint, ...]:
    """Read limits from header fields. `now` in seconds since the epoch."""
    found: list[QuotaHint] = []
    for row in rows:
        limit = _count(headers.get(row.limit))
        remaining = _count(headers.get(row.remaining))
        if remaining is None or (limit is None and row.limit) or (limit is not None and remaining > limit):
            continue
        wait = _wait(headers.get(row.reset, ""), row.form, headers, now) if row.reset else None
        window = row.window or _window(limit, remaining, wait) or _USUAL
        reset = None if wait is None else now + wait
        # Long before a bucket is full again it has room.
        refill = limit / window if row.refills and limit is not None else None
        rounding = _EXACT if row.form == "go-duration" else _WHOLE
        found.append(
            QuotaHint(
                unit=row.unit,
                window=window,
                limit=limit,
                remaining=remaining,
                reset=reset,
                refill=refill,
                rounding=rounding,
            )
        )
    return tuple(found)


@lru_cache(maxsize=4096)
def go_duration(text: str) -> float | None:
    """Read a duration as Go prints it (`6ms`, `1m19.156s`, `6m0s`), in seconds; None where it is none."""
    seconds, end = 0.0, 0
    for match in _PART.finditer(text):
        if match.start() != end:
            return None
        seconds += float(match[1]) * _SECONDS[match[2]]
        end = match.end()
    return seconds if end and end == len(text) and seconds < _LARGEST else None


def _window(limit: float | None, remaining: float, wait: float | None) -> float | None:
    """Infer a bucket's window: what is used drains in `wait`, so all of it drains in `wait` x limit / used."""
    if limit is None:
        return None
    used = limit - remaining
    if wait is None or used <= 0 or wait < _COARSE:
        return None
    least = _ENOUGH * wait * limit / used
    for window in _WINDOWS:
        if window >= least:
            return window
    return _WINDOWS[-1]


def _wait(text: str, form: Form, headers: Headers, now: float) -> float | None:
    if form == "rfc3339":
        then, date = _instant(text), epoch_of(headers.get("date", ""))
        # Compared with the same reply's date: both are the provider's clock.
        wait = None if then is None else max(0.0, then - (now if date is None else date))
    else:
        wait = go_duration(text) if form == "go-duration" else _number(text)
    if wait is not None and form == "epoch":
        wait = max(0.0, wait - now)
    return None if wait is None or wait > _LONGEST else wait


def _instant(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp() if text[-1:] == "Z" else None
    except (ValueError, OverflowError):
        return None


def _count(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < _LARGEST else None
