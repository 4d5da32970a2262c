"""What a store plugin implements: the gateway's database of workspaces, API keys and generations."""

from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from taxiway.candidate import DEFAULT_WORKSPACE
from taxiway.outcome import Generation
from taxiway.sink import Sink


@frozen(kw_only=True)
class Workspace:
    """A tenant."""

    id: str
    name: str
    created: float


@frozen(kw_only=True)
class ApiKey:
    """A key that Taxiway issued, as it is kept: `hash` is all there is of its value, `label` what may be shown.

    `created` in seconds since the epoch.
    """

    id: str
    hash: str
    name: str
    label: str
    created: float
    workspace: str = DEFAULT_WORKSPACE
    disabled: bool = False


@frozen
class Spend:
    """What was spent, in USD, since each of the moments asked for; `calls` counts generations."""

    cost: float
    calls: int


class Store(Sink, Protocol):
    """The database. Every method raises StoreUnavailable where it can't answer."""

    async def workspaces(self) -> Sequence[Workspace]:
        """List workspaces; `default` is always there."""
        ...

    async def api_key(self, hash: str) -> ApiKey | None:  # noqa: A002 - the field's own name
        """Find an API key by its hash."""
        ...

    async def api_keys(self, workspace: str | None = None) -> Sequence[ApiKey]:
        """List API keys, oldest first."""
        ...

    async def add_api_key(self, key: ApiKey) -> None:
        """Keep a new API key."""
        ...

    async def disable_api_key(self, id: str) -> bool:  # noqa: A002 - the field's own name
        """Disable an API key for good; False where there is none."""
        ...

    async def generation(self, id: str, workspace: str) -> Generation | None:  # noqa: A002 - the field's own name
        """Find a generation of a workspace."""
        ...

    async def spend(self, api_key: str, since: Sequence[float]) -> Sequence[Spend]:
        """Sum what an API key (its id) spent since each moment (seconds since the epoch)."""
        ...
