"""Servers that are asked for their models: at start, every hour, and sooner where one does not answer."""

import asyncio
import logging
from random import Random
from types import SimpleNamespace

import pytest

from taxiway.candidate import Account, Credential
from taxiway.discovery import EVERY, SOON, Discovery
from taxiway.door import DoorReply
from taxiway.errors import Malformed, TransportError
from taxiway.provider import Derived
from taxiway.registration import Context
from taxiway.secret import Secret
from taxiway.virtual import VirtualClock


class Lists:
    """A provider that is asked for its models: one a line."""

    def __init__(self, asked=True):
        self.asked = asked

    def discovery(self, account, secret, now):
        assert secret is account.secret
        return SimpleNamespace(account=account.key) if self.asked else None

    def discovered(self, body):
        if body == b"?":
            raise Malformed("no list")
        return body.decode().split()


class Door:
    """Answers by account; what is an exception is raised."""

    def __init__(self, **answers):
        self.answers, self.sent = answers, []

    async def send(self, request, within):
        self.sent.append(request.account)
        answer = self.answers[request.account]
        if isinstance(answer, Exception):
            raise answer
        return DoorReply(*answer)


def account(name, **more):
    return Account(
        credential=Credential(id=name, provider="acme", label=f"label-{name}"), label=f"label-{name}", **more
    )


def discovery(door):
    log = logging.getLogger("taxiway.test")
    return Discovery(Context(clock=VirtualClock(), random=Random(1), log=log, door=door))


async def test_each_account_has_what_it_lists_by_slugs():
    door = Door(a=(200, {}, b"llama acme/m"), b=(200, {}, b""))
    found, a, b = discovery(door), account("a", secret=Secret("sk-planted")), account("b")
    assert await found.ask({"local": Lists()}, {"local": [a, b]})
    assert found.known(a).models == {"local/llama": "llama", "acme/m": "acme/m"}
    assert found.known(b).models == {}
    assert found.pause == EVERY
    assert not await found.ask({"local": Lists()}, {"local": [a, b]})


async def test_nobody_is_asked_that_knows_its_models():
    door = Door()
    found = discovery(door)
    declared = account("a", models={"x/y": "y"})
    assert not await found.ask(
        {"local": Lists(asked=False), "other": object()}, {"local": [declared], "other": [declared]}
    )
    assert door.sent == []
    assert found.known(declared) is declared


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}, b"llama"),
        (200, {}, b"?"),
        TransportError("connect", "refused", "none"),
        ZeroDivisionError("a plugin's mistake"),
    ],
)
async def test_a_failure_is_told_once_and_keeps_what_was_known(caplog, answer):
    door = Door(a=(200, {}, b"llama"), b=(200, {}, b""))
    found, a, b = discovery(door), account("a"), account("b")
    await found.ask({"local": Lists()}, {"local": [a]})
    assert found.pause == EVERY
    door.answers |= {"a": answer, "b": answer}
    for _ in range(3):
        assert not await found.ask({"local": Lists()}, {"local": [a, b]})
    assert found.known(a).models == {"local/llama": "llama"}
    assert found.known(b) is b
    assert found.pause == SOON
    assert door.sent == ["a", "a", "b", "a", "b", "a", "b"]
    assert len([line for line in caplog.messages if "local, label-b: its models can't be listed" in line]) == 1
    assert "TransportError" not in caplog.text
    door.answers |= {"a": (200, {}, b"llama"), "b": (200, {}, b"new")}
    assert await found.ask({"local": Lists()}, {"local": [a, b]})
    assert found.pause == EVERY


class Derives(Lists):
    """One whose accounts have no key: it is asked with what is derived."""

    def discovery(self, account, secret, now):
        return secret and SimpleNamespace(account=f"{account.key}-{secret.reveal()}")

    async def refresh(self, account, now):
        return Derived(Secret("derived-secret"))


async def test_an_account_without_a_key_is_asked_with_what_is_derived_for_it():
    door = Door(**{"a-derived-secret": (200, {}, b"llama"), "b-its-own-secret": (200, {}, b"other")})
    found, a, b = discovery(door), account("a"), account("b", secret=Secret("its-own-secret"))
    assert await found.ask({"local": Derives()}, {"local": [a, b]})
    assert found.known(a).models == {"local/llama": "llama"}
    assert found.known(b).models == {"local/other": "other"}


async def test_one_that_does_not_answer_has_no_other_asked_more_often():
    door = Door(a=(200, {}, b"llama"), b=(500, {}, b""), c=(200, {}, b""))
    found, a, b = discovery(door), account("a"), account("b")
    for _ in range(3):
        await found.ask({"local": Lists()}, {"local": [a, b]})
    assert door.sent == ["a", "b", "b", "b"]
    await found.ask({"local": Lists()}, {"local": [a, b, account("c")]})
    assert door.sent[4:] == ["b", "c"], "nobody knows yet what a new one lists"
    for _ in range(round(EVERY / SOON)):
        await found.ask({"local": Lists()}, {"local": [a, b]})
    assert door.sent.count("a") == 2


async def test_accounts_are_asked_at_the_same_time():
    both = asyncio.Barrier(2)

    class Slow(Door):
        async def send(self, request, within):
            await both.wait()
            return await super().send(request, within)

    found = discovery(Slow(a=(200, {}, b"x"), b=(200, {}, b"x")))
    assert await asyncio.wait_for(found.ask({"l": Lists()}, {"l": [account("a"), account("b")]}), 5)
