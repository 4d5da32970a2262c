"""Who calls: API keys, known by their hashes, found in the store when they are new."""

import asyncio
import math
import re
from collections.abc import Mapping
from typing import Final

from attrs import define, frozen

from taxiway.api_keys import PREFIX, SHORTEST_GIVEN, hash_api_key, is_well_formed, label_of
from taxiway.call import Caller
from taxiway.clock import Clock
from taxiway.errors import StoreUnavailable
from taxiway.secret import Secret
from taxiway.store import ApiKey, Store
from taxiway_gateway.exchange import Refused

FRESH: Final = 5.0
"""Seconds after which a key is looked up again: so long does a disabled one work at most."""

MISS: Final = 1.0
"""Seconds that an unknown key is remembered."""

PATIENCE: Final = 0.05
"""Seconds that a look-up in the store may take on the request path."""

_MOST: Final = 10_000
_MOST_LOOKUPS: Final = 64
_VISIBLE: Final = re.compile(rf"[!-~]{{{SHORTEST_GIVEN},512}}")
_UNSAFE_BELOW: Final = 32


@frozen
class Given:
    """The key that the operator gave (`TAXIWAY_API_KEY`): its caller, and whether it is shorter than it should be."""

    caller: Caller
    hash: str
    short: bool


def given_key(value: Secret) -> Given:
    """Read the operator's key. Raises ValueError where it is not at least 20 visible characters."""
    key = value.reveal()
    if not _VISIBLE.fullmatch(key):
        raise ValueError(f"must be {SHORTEST_GIVEN} to 512 visible characters without blanks")
    digest = hash_api_key(key)
    # The id lasts as long as the key does, so that its generations stay together.
    return Given(Caller(api_key=f"given-{digest[:16]}", label=label_of(key)), digest, len(key) < _UNSAFE_BELOW)


@define(eq=False)
class _Known:
    """What is remembered of a hash. `caller` None: not a key, or a disabled one. `until`: when to look again."""

    caller: Caller | None
    until: float


class Keys:
    """The keys that are let in. What it holds of one is its hash; the value never stays.

    A connection has a `hashes` of its own: the field that its last call came with, and the hash of the key in it, which need not be
    taken once more for the next call. It holds nothing else, so that one key stays with one connection, for as long as that is used.
    """

    def __init__(self, store: Store | None, clock: Clock, given: Given | None = None) -> None:
        self._store, self._clock = store, clock
        self._known: dict[str, _Known] = {}
        self._lookups: dict[str, asyncio.Task[_Known]] = {}
        if given is not None:
            self._known[given.hash] = _Known(given.caller, math.inf)

    def known(self, head: Mapping[bytes, bytes], hashes: Mapping[bytes, str]) -> Caller | None:
        """Say who calls where that is known at once: the key is the connection's last one, and nothing need be waited for."""
        known = self._known.get(hashes.get(head.get(b"authorization", b""), ""))
        return None if known is None or known.until < self._clock.monotonic() else known.caller

    async def caller(self, head: Mapping[bytes, bytes], hashes: dict[bytes, str] | None = None) -> Caller:
        """Say who calls. Raises Refused: 401, or 503 where the store can't tell."""
        field = head.get(b"authorization", b"")
        scheme, _, value = field.partition(b" ")
        if scheme.lower() != b"bearer" or not value:
            field, value = b"", head.get(b"x-api-key") or head.get(b"x-goog-api-key") or b""
        if not value or value.isspace():
            raise _unauthorized("No API key: send it as `Authorization: Bearer ...`.")
        key = value.strip().decode("latin-1")
        digest = hash_api_key(key)
        if hashes is not None:
            hashes.clear()
            if field:
                hashes[field] = digest
        known = self._known.get(digest)
        if known is None:
            if not (is_well_formed(key) if key.startswith(PREFIX) else _VISIBLE.fullmatch(key)):
                raise _unauthorized()
            known = await self._find(digest, None)
        elif known.until < self._clock.monotonic():
            known = await self._find(digest, known)
        if known.caller is None:
            raise _unauthorized()
        return known.caller

    async def _find(self, digest: str, before: _Known | None) -> _Known:
        """Look a hash up, once for all that ask at the same time. Where the store is silent, what was known goes on."""
        if self._store is None:
            return _Known(None, math.inf)
        task = self._lookups.get(digest)
        if task is None:
            if len(self._lookups) >= _MOST_LOOKUPS:
                raise _unsure()
            task = self._lookups[digest] = asyncio.create_task(self._look(self._store, digest))
            task.add_done_callback(lambda _: self._lookups.pop(digest, None))
        done, _ = await asyncio.wait((task,), timeout=PATIENCE)
        if done and task.exception() is None:
            return task.result()
        if before is None or before.caller is None:
            raise _unsure()
        before.until = self._clock.monotonic() + MISS
        return before

    async def _look(self, store: Store, digest: str) -> _Known:
        key = await store.api_key(digest)
        now = self._clock.monotonic()
        known = _Known(None, now + MISS) if key is None or key.disabled else _Known(caller_of(key), now + FRESH)
        if len(self._known) >= _MOST and digest not in self._known:
            self._forget(now)
        self._known[digest] = known
        return known

    def _forget(self, now: float) -> None:
        """Make room: what is out of date goes, and where that is not enough, everything that the store can tell again."""
        keep = {d: k for d, k in self._known.items() if k.until > now}
        if len(keep) >= _MOST:
            keep = {d: k for d, k in keep.items() if k.until == math.inf}
        self._known = keep


def caller_of(key: ApiKey) -> Caller:
    """Return who calls with a stored key."""
    return Caller(key.workspace, key.id, key.label)


def _unauthorized(message: str = "Invalid API key.") -> Refused:
    return Refused(401, message, "authentication", (b"www-authenticate", b"Bearer"))


def _unsure() -> Refused:
    return Refused(
        503,
        "The API key could not be checked: the store does not answer.",
        "server",
        (b"retry-after", b"1"),
        (b"x-should-retry", b"true"),
    )


__all__ = ["FRESH", "MISS", "PATIENCE", "Given", "Keys", "StoreUnavailable", "caller_of", "given_key"]
