"""The contract of stores, as tests: subclass it in a plugin's tests. A store is a sink too, so it holds to that contract."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from taxiway.api_keys import hash_api_key, label_of, new_api_key
from taxiway.candidate import DEFAULT_WORKSPACE
from taxiway.errors import StoreUnavailable
from taxiway.registration import Closes
from taxiway.store import ApiKey, Spend, Store
from taxiway.testing.sink import SinkContract, generation


def api_key(name: str, **changed: Any) -> ApiKey:
    """Make an API key as it is kept; its value is gone."""
    value = new_api_key()
    known: dict[str, Any] = {
        "id": f"id-{name}",
        "hash": hash_api_key(value),
        "name": name,
        "label": label_of(value),
        "created": 1.0,
    }
    return ApiKey(**(known | changed))


class StoreContract(SinkContract):
    """What every store holds to. Set `registration`, and override `options` with a `[store]` table of an empty database.

    `lasting`: another store with the same options sees what the first wrote (not so for a database in memory).
    """

    lasting = True

    @pytest.fixture
    async def store(self, sink: Any) -> Any:
        """The built and started store."""
        return sink

    async def taken(self, sink: Any) -> Sequence[str]:
        """Ask for each id that the sink's contract makes."""
        ids = [generation(number).id for number in range(1, 20)]
        return [id_ for id_ in ids if await sink.generation(id_, DEFAULT_WORKSPACE) is not None]

    async def test_the_default_workspace_is_always_there(self, store: Store) -> None:
        """Nobody has to make it."""
        assert [workspace.id for workspace in await store.workspaces()] == [DEFAULT_WORKSPACE]

    async def test_a_kept_api_key_is_found_by_its_hash(self, store: Store) -> None:
        """With every field as it was."""
        key = api_key("one")
        await store.add_api_key(key)
        assert await store.api_key(key.hash) == key
        assert await store.api_key(hash_api_key(new_api_key())) is None

    async def test_api_keys_are_listed_oldest_first(self, store: Store) -> None:
        """Of one workspace or of all."""
        young, old = api_key("young", created=20.0), api_key("old", created=10.0)
        await store.add_api_key(young)
        await store.add_api_key(old)
        assert list(await store.api_keys()) == [old, young]
        assert list(await store.api_keys(DEFAULT_WORKSPACE)) == [old, young]
        assert list(await store.api_keys("another")) == []

    async def test_an_api_key_is_kept_once(self, store: Store) -> None:
        """The same hash can't be had by two."""
        key = api_key("one")
        await store.add_api_key(key)
        with pytest.raises(StoreUnavailable):
            await store.add_api_key(key)
        assert list(await store.api_keys()) == [key]

    async def test_a_disabled_api_key_stays_known_as_disabled(self, store: Store) -> None:
        """So that it can be told from one that never was."""
        key = api_key("one")
        await store.add_api_key(key)
        assert await store.disable_api_key(key.id) is True
        assert await store.disable_api_key("nobody") is False
        found = await store.api_key(key.hash)
        assert found is not None
        assert found.disabled

    async def test_a_generation_comes_back_whole(self, store: Store) -> None:
        """Attempts, usage, figures: all as it was delivered."""
        made = [generation(1), generation(2, usage=None, cost=None, attempts=[], state="failed", error="no")]
        await store.deliver(made)
        assert [await store.generation(one.id, DEFAULT_WORKSPACE) for one in made] == made

    async def test_a_generation_is_its_workspaces_own(self, store: Store) -> None:
        """Another workspace does not see it, nor does an unknown id find anything."""
        await store.deliver([generation(1)])
        assert await store.generation(generation(1).id, "another") is None
        assert await store.generation("gen-unknown", DEFAULT_WORKSPACE) is None

    async def test_the_first_record_of_an_id_stays(self, store: Store) -> None:
        """What comes again after a crash may be an estimate of what is known already."""
        await store.deliver([generation(1)])
        await store.deliver([generation(1, state="lost", estimated=True, cost=1.0)])
        found = await store.generation(generation(1).id, DEFAULT_WORKSPACE)
        assert found is not None
        assert (found.state, found.estimated) == ("done", False)

    async def test_spend_is_summed_since_each_moment(self, store: Store) -> None:
        """An unknown cost counts as a call, another key's not at all."""
        await store.deliver(
            [
                generation(1, created=100.0, cost=0.5),
                generation(2, created=200.0, cost=0.25),
                generation(3, created=300.0, cost=None),
                generation(4, created=300.0, cost=9.0, api_key="another"),
            ]
        )
        assert list(await store.spend("key-1", [0.0, 200.0, 301.0])) == [Spend(0.75, 3), Spend(0.25, 2), Spend(0.0, 0)]
        assert list(await store.spend("nobody", [0.0])) == [Spend(0.0, 0)]

    async def test_what_was_written_is_there_at_the_next_start(
        self, store: Store, options: Mapping[str, Any], tmp_path: Path
    ) -> None:
        """A second store beside the first (the CLI beside the gateway) sees it too, and the first sees what that one writes."""
        if not self.lasting:
            pytest.skip("this database lives in memory")
        key, later = api_key("one"), api_key("two")
        await store.add_api_key(key)
        await store.deliver([generation(1)])
        second = await self.build(options, tmp_path)
        try:
            assert await second.api_key(key.hash) == key
            assert await second.generation(generation(1).id, DEFAULT_WORKSPACE) == generation(1)
            await second.add_api_key(later)
            assert await store.api_key(later.hash) == later
        finally:
            if isinstance(second, Closes):
                await second.aclose()
