"""Who is let in."""

import asyncio

import pytest

from taxiway.api_keys import hash_api_key, new_api_key
from taxiway.clock import SystemClock
from taxiway.secret import Secret
from taxiway.virtual import VirtualClock, run
from taxiway_gateway.auth import FRESH, MISS, Keys, given_key
from taxiway_gateway.exchange import Refused


@pytest.mark.parametrize("fields", [
    {"authorization": "Bearer {key}"}, {"authorization": "bearer  {key}"}, {"x-api-key": "{key}"},
    {"x-goog-api-key": "{key}"}, {"authorization": "Basic abc", "x-api-key": "{key}"},
])  # fmt: skip
async def test_three_headers_carry_a_key(gateway, fields) -> None:
    fields = {name: value.format(key=gateway.key) for name, value in fields.items()}
    assert (await gateway.client.post("/v1/chat/completions", gateway.body, None, **fields)).status == 200


UNKNOWN = new_api_key()


# The one that is random has an id, since xdist's processes must agree on the names of tests.
@pytest.mark.parametrize("key", [
    None, "", "wrong", "tw-v1-" + "x" * 49, pytest.param(UNKNOWN, id="unknown"), "x" * 40, "schlüssel" * 5,
])  # fmt: skip
async def test_anything_else_is_401(gateway, key) -> None:
    for path in ("/v1/chat/completions", "/v1/embeddings"):
        reply = await gateway.client.post(path, gateway.body, key)
        assert reply.status == 401
        assert reply.json["error"]["code"] == 401
        assert reply.json["error"]["metadata"]["error_type"] == "authentication"
        assert not key or key not in reply.body.decode()
    for path in ("/v1/models", "/v1/models/a/b/endpoints", "/v1/key", "/v1/generation?id=x"):
        assert (await gateway.client.get(path, key)).status == 401
    assert gateway.engine.calls == []


async def test_a_new_key_works_on_the_next_request(gateway) -> None:
    key = new_api_key()
    gateway.store.add(key, id="new")
    assert (await gateway.client.post("/v1/chat/completions", gateway.body, key)).status == 200
    assert gateway.engine.calls[0].caller.api_key == "new"


async def test_a_malformed_key_costs_no_look_up(gateway) -> None:
    await gateway.client.post("/v1/chat/completions", gateway.body, gateway.key[:-1] + "!")
    assert gateway.store.lookups == 0


async def test_a_connection_that_changes_its_key_is_asked_again(gateway) -> None:
    gateway.store.add(other := new_api_key(), id="other")
    wire, callers = await gateway.client.open(), []
    for key, status in (
        (gateway.key, 200),
        (gateway.key, 200),
        (other, 200),
        (UNKNOWN, 401),
        (None, 401),
        (other, 200),
    ):
        wire.post("/v1/chat/completions", gateway.body, key)
        assert (await wire.reply()).status == status
        callers += [call.caller.api_key for call in gateway.engine.calls[len(callers) :]]
    assert len(callers) == 4
    assert callers[0] == callers[1] != "other"
    assert callers[2:] == ["other", "other"]


def test_a_connection_remembers_one_key_and_only_of_its_own_field(store) -> None:
    async def scenario(it) -> None:
        first, second = new_api_key(), new_api_key()
        it.store.add(first)
        it.store.add(second)
        assert [await it.status(key) for key in (first, second)] == [200, 200]
        assert list(it.hashes) == [b"Bearer " + second.encode()]
        assert it.keys.known({b"authorization": b"Bearer " + first.encode()}, it.hashes) is None
        assert it.keys.known({b"x-api-key": second.encode()}, it.hashes) is None
        await it.keys.caller({b"x-api-key": second.encode()}, it.hashes)
        assert it.hashes == {}

    clocked(store, scenario)


class Clocked:
    """Keys over a store, in virtual time, as one connection asks them."""

    def __init__(self, store, given=None) -> None:
        self.store = store
        self.clock = VirtualClock(asyncio.get_running_loop(), 0.0)
        self.keys = Keys(store, self.clock, given)
        self.hashes: dict[bytes, str] = {}

    async def status(self, key: str) -> int:
        head = {b"authorization": b"Bearer " + key.encode()}
        try:
            _ = self.keys.known(head, self.hashes) or await self.keys.caller(head, self.hashes)
        except Refused as refused:
            return refused.status
        return 200


def clocked(store, scenario) -> None:
    async def go() -> None:
        await scenario(Clocked(store))

    run(go())


def test_a_miss_is_remembered_for_a_second(store) -> None:
    async def scenario(it) -> None:
        key = new_api_key()
        assert [await it.status(key) for _ in range(3)] == [401] * 3
        assert it.store.lookups == 1
        it.store.add(key)
        assert await it.status(key) == 401
        await it.clock.sleep(MISS + 0.01)
        assert await it.status(key) == 200

    clocked(store, scenario)


def test_a_disabled_key_ends_within_seconds(store) -> None:
    async def scenario(it) -> None:
        key = new_api_key()
        it.store.add(key)
        assert [await it.status(key) for _ in range(100)] == [200] * 100
        assert it.store.lookups == 1
        it.store.add(key, disabled=True)
        await it.clock.sleep(FRESH + 0.01)
        assert await it.status(key) == 401

    clocked(store, scenario)


def test_a_silent_store_stops_nobody_who_is_known(store) -> None:
    async def scenario(it) -> None:
        key, unknown = new_api_key(), new_api_key()
        it.store.add(key)
        assert await it.status(key) == 200
        it.store.silent = True
        await it.clock.sleep(FRESH + 0.01)
        before = it.clock.monotonic()
        assert await it.status(key) == 200
        assert it.clock.monotonic() - before <= 0.051
        assert await it.status(unknown) == 503

    clocked(store, scenario)


def test_many_who_ask_for_one_key_cost_one_look_up(store) -> None:
    async def scenario(it) -> None:
        key = new_api_key()
        it.store.add(key)
        assert await asyncio.gather(*[it.status(key) for _ in range(50)]) == [200] * 50
        assert it.store.lookups == 1

    clocked(store, scenario)


def test_a_flood_of_unknown_keys_is_bounded(store, monkeypatch) -> None:
    monkeypatch.setattr("taxiway_gateway.auth._MOST", 100)

    async def scenario(it) -> None:
        good = new_api_key()
        it.store.add(good)
        assert await it.status(good) == 200
        for _ in range(300):
            await it.status(new_api_key())
        assert len(it.keys._known) <= 101
        assert await it.status(good) == 200

    clocked(store, scenario)


async def test_the_operators_key_needs_no_store() -> None:
    given = given_key(Secret("a-key-of-the-operator"))
    keys = Keys(None, SystemClock(), given)
    caller = await keys.caller({b"x-api-key": b"a-key-of-the-operator"})
    assert caller == given.caller
    assert given.short
    assert caller.api_key == given_key(Secret("a-key-of-the-operator")).caller.api_key
    assert "a-key-of-the-operator" not in repr(given) + caller.label
    assert hash_api_key("a-key-of-the-operator") not in caller.api_key


@pytest.mark.parametrize("value", ["short", "with a blank in the middle", "x" * 513, "ü" * 20])
def test_an_unusable_key_of_the_operator_is_refused(value) -> None:
    with pytest.raises(ValueError, match="visible characters"):
        given_key(Secret(value))
