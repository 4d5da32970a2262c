"""How long a provider asks to wait, by its reply's header fields."""

from typing import Final

from taxiway.http import Headers, epoch_of

_LONGEST: Final = 366 * 86_400.0
# Rounding of HTTP dates, which are whole seconds, on both sides.
_ROUNDING: Final = 1.0
# Providers send the field with good replies too, as noise.
_MEANT: Final = frozenset({429, 529})


def retry_after(status: int | None, headers: Headers, now: float) -> float | None:
    """Return the seconds that `retry-after` and `retry-after-ms` ask for: the longer, where both are there.

    `now`: seconds since the epoch, used for a date where the reply has no `date` of its own. None where nothing usable
    was said (0 and the past say nothing), and for every status but 429, 529 and 5xx. Never raises. Forms: RFC 9110, 10.2.3;
    the milliseconds are Azure's and OpenAI's.
    """
    if status is None or (status not in _MEANT and not 500 <= status < 600):
        return None
    seconds = headers.get("retry-after", "")
    waits = [_number(seconds), (_number(headers.get("retry-after-ms", "")) or 0.0) / 1000.0]
    if waits[0] is None and seconds:
        waits.append(_until(seconds, headers.get("date", ""), now))
    longest = max((wait for wait in waits if wait is not None), default=0.0)
    return longest if 0.0 < longest <= _LONGEST else None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _until(text: str, date: str, now: float) -> float | None:
    then = epoch_of(text)
    if then is None:
        return None
    # Compared with the same reply's date: both are the provider's clock.
    here = epoch_of(date)
    wait = then - (now if here is None else here)
    return wait + _ROUNDING if wait > 0 else None
