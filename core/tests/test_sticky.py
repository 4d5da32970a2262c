"""Which endpoint and account a conversation goes back to."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from taxiway import sticky
from taxiway.call import Call, Caller, Conversation, Facts
from taxiway.candidate import Account, Candidate, Credential
from taxiway.money import Price
from taxiway.sticky import LASTS, Sticky
from taxiway.testing.dialect import make_endpoint
from taxiway.testing.strategy import make_chat
from taxiway.usage import Usage

CACHED, PLAIN = Usage(input=10, cache_read=90, output=5), Usage(input=100, output=5)
CHEAPER = Price(input=1e-6, output=1e-6, cache_read=1e-7)


def candidate(name: str = "a", price: Price = CHEAPER) -> Candidate:
    endpoint = make_endpoint("chat", "chat", provider=name, tag=name, price=price)
    account = Account(credential=Credential(id=f"{name}/key", provider=name, label="key"), label="key")
    return Candidate(endpoint=endpoint, account=account, section="prioritised")


def call(source: str = "session", text: str = "s", model: str = "acme/model-1", workspace: str = "default") -> Call:
    facts = Facts((model,), conversation=Conversation(source, text))
    return evolve(make_chat(), facts=facts, caller=Caller(workspace))


A, B = candidate("a"), candidate("b")


def who(found: Sticky, asked: Call, now: float = 1.0) -> str | None:
    stuck = found.of(asked, now)
    return stuck and stuck.candidate


def test_a_session_is_remembered_after_any_success() -> None:
    found = Sticky()
    assert who(found, call()) is None
    found.served(call(), A, PLAIN, 0.0)
    assert who(found, call()) == A.key
    found.served(call(), B, None, 1.0)
    assert found.of(call(), 2.0) == (B.endpoint.key, B.key)


@pytest.mark.parametrize("source", ["cache_key", "messages"])
def test_other_conversations_are_remembered_once_a_cache_was_seen_at_work(source: str) -> None:
    found, asked = Sticky(), call(source)
    found.served(asked, A, PLAIN, 0.0)
    found.served(asked, A, None, 0.0)
    assert who(found, asked) is None
    found.served(asked, A, CACHED, 0.0)
    assert who(found, asked) == A.key
    found.served(asked, B, PLAIN, 1.0)
    assert who(found, asked) == A.key


@pytest.mark.parametrize("price", [Price(input=1e-6), Price(input=1e-6, cache_read=1e-6), Price(cache_read=1e-7)])
def test_a_cache_that_is_not_cheaper_holds_nobody(price: Price) -> None:
    found, asked = Sticky(), call("messages")
    found.served(asked, candidate(price=price), CACHED, 0.0)
    assert who(found, asked) is None


def test_it_lasts_ten_minutes_after_the_last_success_there() -> None:
    found, asked = Sticky(), call("messages")
    found.served(asked, A, CACHED, 0.0)
    found.served(asked, A, PLAIN, LASTS - 1)
    assert who(found, asked, LASTS + 1) == A.key
    found.served(asked, B, PLAIN, LASTS + 1)
    assert who(found, asked, 2 * LASTS - 1.5) == A.key
    assert who(found, asked, 2 * LASTS - 1) is None


@pytest.mark.parametrize(
    "other",
    [call(text="t"), call(model="acme/model-2"), call(workspace="other"), call("cache_key"), make_chat()],
    ids=["conversation", "model", "workspace", "source", "none"],
)
def test_conversations_are_told_apart(other: Call) -> None:
    found = Sticky()
    found.served(call(), A, PLAIN, 0.0)
    found.served(make_chat(), B, CACHED, 0.0)
    assert who(found, other) is None


def test_nothing_of_what_a_client_said_is_kept() -> None:
    found = Sticky()
    found.served(call(text="my secret plan"), A, PLAIN, 0.0)
    assert "secret" not in repr(vars(found))


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0.0, 400.0)), max_size=80))
def test_memory_is_bounded_and_what_is_over_is_forgotten(served: list[tuple[int, float]]) -> None:
    found, now, last = Sticky(), 0.0, dict[int, float]()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sticky, "_MOST", 10)
        for number, pause in served:
            now += pause
            found.served(call(text=str(number)), A, PLAIN, now)
            last.pop(number, None)
            last[number] = now
            kept = list(last)[-10:]
            assert {n for n in range(31) if who(found, call(text=str(n)), now)} == {
                n for n in kept if now < last[n] + LASTS
            }
            assert len(found.held) <= 10
