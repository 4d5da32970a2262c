"""What is printed at the start, and with which key a start begins."""

import json
import shlex

import pytest

from taxiway.api_keys import is_well_formed
from taxiway.candidate import Account, Candidate, Credential, Endpoint
from taxiway.errors import ConfigError
from taxiway.money import Price
from taxiway.snapshot import Offer, Snapshot
from taxiway_gateway.first_key import entry, read_given
from taxiway_gateway.server import CantListen, bind
from taxiway_gateway.welcome import Entry, curl, welcome

URL = "http://127.0.0.1:8787"


def offer(model: str, key: str | None, operation: str = "chat", **fields) -> Offer:
    endpoint = Endpoint(
        model=model, provider="acme", provider_name="Acme", id=model, tag="acme", dialects={operation: (operation,)}, **fields
    )  # fmt: skip
    credential = Credential(id="c", provider="acme", label="main", key=key)
    account = Account(credential=credential, label="main")
    return Offer(endpoint, "prioritised", (Candidate(endpoint=endpoint, account=account, section="prioritised"),))


def snapshot(*offers: Offer) -> Snapshot:
    return Snapshot(offers={"default": {one.endpoint.model: (one,) for one in offers}})


def test_a_new_key_stands_alone_on_its_line() -> None:
    text = welcome(URL, Entry(label="tw-v1-abc...xyz", new="tw-v1-value"), snapshot(offer("acme/a", "env:ACME_KEY")))
    assert "tw-v1-value" in text.splitlines()
    assert f"{URL}/api/v1 " in text
    assert "Acme: 1 model, env:ACME_KEY" in text
    assert "\x1b" not in text


def test_later_starts_show_a_label_and_the_variable() -> None:
    text = welcome(URL, Entry(label="first, tw-v1-abc...xyz"), snapshot(offer("acme/a", None)))
    assert "first, tw-v1-abc...xyz" in text
    assert '"Authorization: Bearer $TAXIWAY_API_KEY"' in text
    assert "taxiway api-keys create --name NAME" in text
    assert "without a key" in text


def test_a_given_key_that_is_short_is_warned_of() -> None:
    assert "shorter than 32" in welcome(URL, Entry(label="my...ey", given=True, short=True), snapshot())
    assert "shorter than 32" not in welcome(URL, Entry(label="my...ey", given=True), snapshot())


def test_the_last_resort_is_named_as_what_it_is() -> None:
    text = welcome(URL, Entry(), snapshot(offer("simulator/a", None)), last_resort=True)
    assert "no provider key was found" in text
    assert "simulator" in text


def test_the_line_to_try_takes_a_cheap_chat_model() -> None:
    made = snapshot(
        offer("acme/free", None, price=Price(input=0.0, output=0.0)),
        offer("acme/dear", None, price=Price(input=1e-5, output=1e-5)),
        offer("acme/thinks", None, price=Price(input=1e-8, output=1e-8), reasoning=True),
        offer("acme/cheap", None, price=Price(input=1e-7, output=1e-7)),
        offer("acme/unknown", None),
        offer("acme/vectors", None, "embeddings", price=Price(input=1e-9, output=1e-9)),
    )
    line = welcome(URL, Entry(new="tw-v1-value"), made).splitlines()[-1]
    words = shlex.split(line)
    assert words[0] == "curl"
    assert words[1] == f"{URL}/api/v1/chat/completions"
    assert "Authorization: Bearer tw-v1-value" in words
    assert json.loads(words[words.index("-d") + 1])["model"] == "acme/cheap"


def test_the_line_to_try_takes_a_model_that_surely_answers() -> None:
    day, cheap, dear = 86400, Price(input=1e-8, output=1e-8), Price(input=1e-7, output=1e-7)
    usual = {"parameters": frozenset({"tools"}), "created": 700 * day}
    made = snapshot(
        offer("acme/shut-down", None, price=cheap, **{**usual, "created": 300 * day}),
        offer("acme/only-judges", None, price=cheap, **{**usual, "parameters": frozenset({"temperature"})}),
        offer("acme/later-and-cheaper", None, price=cheap, tier="flex", **usual),
        offer("acme/usual", None, price=dear, **usual),
        offer("acme/newest", None, price=Price(input=1e-5, output=1e-5), **{**usual, "created": 900 * day}),
    )
    assert '"model":"acme/usual"' in welcome(URL, Entry(), made)


def test_where_nothing_was_found_the_first_model_will_do() -> None:
    made = snapshot(offer("sim/echo", None, price=Price(input=1.0, output=1.0)), offer("sim/slow", None))
    assert "sim/echo" in welcome(URL, Entry(), made, last_resort=True).splitlines()[-1]


def test_a_line_without_models_is_left_out() -> None:
    assert "curl" not in welcome(URL, Entry(), snapshot())
    assert "$TAXIWAY_API_KEY" in curl(URL, Entry(), "a/b")


async def test_the_first_start_makes_a_key(store) -> None:
    async def api_keys():
        return list(store.keys.values())

    async def add_api_key(key):
        store.keys[key.hash] = key

    store.api_keys, store.add_api_key = api_keys, add_api_key
    first = await entry(store, None, 5.0)
    assert is_well_formed(first.new)
    (kept,) = store.keys.values()
    assert (kept.name, kept.created, first.new in repr(kept)) == ("first", 5.0, False)
    second = await entry(store, None, 6.0)
    assert (second.new, second.label) == ("", f"first, {kept.label}")
    assert len(store.keys) == 1


async def test_a_given_key_makes_no_other(store) -> None:
    given = read_given("x" * 40)
    assert given is not None
    assert (await entry(store, given, 0.0)).given
    assert store.keys == {}


def test_an_empty_variable_is_an_unset_one() -> None:
    assert read_given("") is read_given(None) is None
    with pytest.raises(ConfigError, match="TAXIWAY_API_KEY") as raised:
        read_given("too-short")
    assert "too-short" not in str(raised.value)


def test_a_port_in_use_is_said_clearly() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CantListen, match=f"127.0.0.1:{port} is already in use.*--port"):
            bind("127.0.0.1", port)
    with pytest.raises(CantListen, match=r"host\.invalid"):
        bind("host.invalid", 1)
