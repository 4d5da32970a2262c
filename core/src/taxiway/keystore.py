"""What a key store plugin implements: where the values of keys come from."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from taxiway.secret import Secret


class KeyStore(Protocol):
    """Resolves references of one scheme."""

    async def get(self, reference: str) -> Secret:
        """Return the value of `reference` (what follows the scheme's colon). Raises KeyStoreError."""
        ...


@runtime_checkable
class Environment(Protocol):
    """Optional: a key store that stands for the program's environment, so that a start without a file finds keys in it."""

    def environment(self) -> Mapping[str, str]:
        """Return the variables that are set. Who asks looks at names; values are keys."""
        ...
