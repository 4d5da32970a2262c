"""What one key has used of its quota, told in OpenAI's headers."""

import math
from datetime import UTC, datetime

from attrs import frozen

from taxiway_simulator.options import Quota
from taxiway_simulator.windows import WINDOWS, Window


@frozen
class Refusal:
    """Which limit a request ran into, and in how many seconds it would fit."""

    unit: str
    limit: int
    wait: float


class Ledger:
    """The limits of one key. Prompt tokens are counted when a request is admitted, and answers never, as OpenAI does."""

    def __init__(self, quota: Quota) -> None:
        self.tells = quota.tells
        make = WINDOWS[quota.shape]
        limits = {"requests": quota.requests, "tokens": quota.tokens}
        self._limits = {unit: limit for unit, limit in limits.items() if limit is not None}
        self._windows: dict[str, Window] = {unit: make(limit, quota.window) for unit, limit in self._limits.items()}

    def admit(self, tokens: int, now: float) -> Refusal | None:
        """Count a request of that many prompt tokens, or say which limit it ran into (then it counts nothing)."""
        amounts = {"requests": 1, "tokens": tokens}
        refusals = [
            Refusal(unit, self._limits[unit], wait)
            for unit, window in self._windows.items()
            if (wait := window.wait(amounts[unit], now)) > 0
        ]
        if refusals:
            return max(refusals, key=lambda refusal: refusal.wait)
        for unit, window in self._windows.items():
            window.take(amounts[unit], now)
        return None

    def headers(self, now: float, name: str = "x-ratelimit-{what}-{unit}", *, dated: bool = False) -> dict[str, str]:
        """Return limits, remainders and resets: as OpenAI writes them, or by other names and with `dated` resets (RFC 3339).

        Nothing, where callers are not told.
        """
        headers: dict[str, str] = {}
        for unit, window in self._windows.items() if self.tells == "all" else ():
            remaining, reset = window.left(now)
            told = {
                "limit": str(self._limits[unit]),
                "remaining": str(remaining),
                "reset": _date(now + reset) if dated else go_duration(reset),
            }
            headers |= {name.format(what=what, unit=unit): value for what, value in told.items()}
        return headers


def _date(epoch: float) -> str:
    return datetime.fromtimestamp(math.ceil(epoch), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def go_duration(seconds: float) -> str:
    """Write a duration as Go does and OpenAI's headers have it: `0s`, `12ms`, `7.66s`, `1m19.156s`, `22h3m0s`.

    Rounded up to milliseconds: who comes back at that time fits.
    """
    total = math.ceil(seconds * 1000 - 1e-6)
    if total <= 0:
        return "0s"
    if total < 1000:
        return f"{total}ms"
    minutes, millis = divmod(total, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{millis / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text
