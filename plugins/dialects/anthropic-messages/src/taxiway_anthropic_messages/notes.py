"""What a translation names of itself: what it had to leave out, and what stands in for something else."""

from typing import Any

from taxiway.call import Translated
from taxiway.codec import Json


class Notes:
    """Names, each once, in the order of their coming: canonical ones, dotted."""

    __slots__ = ("_applied", "_dropped")

    def __init__(self) -> None:
        self._dropped: dict[str, None] = {}
        self._applied: dict[str, None] = {}

    def drop(self, name: str) -> None:
        """Name what could not be said."""
        self._dropped[name] = None

    def apply(self, name: str) -> None:
        """Name what was said by other means."""
        self._applied[name] = None

    @property
    def dropped(self) -> tuple[str, ...]:
        """What could not be said."""
        return tuple(self._dropped)

    def translated(self, body: Json, state: Any = None) -> Translated:
        """Return a body with these notes."""
        return Translated(body, tuple(self._dropped), tuple(self._applied), state)
