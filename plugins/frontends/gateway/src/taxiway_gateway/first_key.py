"""Which API key a start begins with: the operator's own, the first one made, or those that are there."""

import uuid

from taxiway.api_keys import hash_api_key, label_of, new_api_key
from taxiway.errors import ConfigError, Problem
from taxiway.secret import Secret
from taxiway.store import ApiKey, Store
from taxiway_gateway.auth import Given, given_key
from taxiway_gateway.welcome import VARIABLE, Entry


def read_given(value: str | None) -> Given | None:
    """Read `TAXIWAY_API_KEY`; empty is unset. Raises ConfigError where it can't be a key."""
    if not value:
        return None
    try:
        return given_key(Secret(value))
    except ValueError as error:
        raise ConfigError([Problem(str(error), VARIABLE)], "environment") from None


async def entry(store: Store | None, given: Given | None, now: float) -> Entry:
    """Say which key is shown at the start; where there is none at all, make the first. `now`: seconds since the epoch."""
    if given is not None:
        return Entry(label=given.caller.label, given=True, short=given.short)
    if store is None:
        return Entry()
    kept = await store.api_keys()
    if kept:
        usable = [key for key in kept if not key.disabled]
        return Entry(label=f"{usable[0].name}, {usable[0].label}" if usable else "")
    key = new_api_key()
    await store.add_api_key(
        ApiKey(id=str(uuid.uuid4()), hash=hash_api_key(key), name="first", label=label_of(key), created=now)
    )
    return Entry(label=label_of(key), new=key)
