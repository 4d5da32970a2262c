"""Derived secrets: renewed ahead of their end, once for all who wait, and never waited for while one holds."""

import asyncio

import pytest

from taxiway.candidate import Account, Credential
from taxiway.door import MOST, Door
from taxiway.errors import TransportError
from taxiway.http import HttpHead, HttpRequest, Origin
from taxiway.outcome import Failure, RefreshFailed
from taxiway.provider import Derived
from taxiway.secret import Secret
from taxiway.testing.virtual import virtual_time
from taxiway.tokens import AHEAD, LAST, PAUSE, Tokens
from taxiway.virtual import VirtualClock

HOUR = 3600.0


class Mint:
    """A provider that makes tokens: `token-1`, `token-2`, ... in a second each."""

    def __init__(self, clock, life=HOUR):
        self.clock, self.life, self.made, self.error = clock, life, 0, None

    async def refresh(self, account, now):
        await self.clock.sleep(1.0)
        if self.error is not None:
            raise self.error
        self.made += 1
        return Derived(Secret(f"token-{self.made}"), None if self.life is None else now + self.life)


def account(key="one", label="mine"):
    return Account(
        credential=Credential(id=f"acme/{label}", provider="acme", label=label), label=label, secret=Secret(key)
    )


class Scene:
    def __init__(self, **mint):
        self.clock, self.warnings = VirtualClock(), []
        self.mint = Mint(self.clock, **mint)
        self.tokens = Tokens(lambda _: self.clock.now(), self.warnings.append)

    async def fresh(self, of):
        return (await self.tokens.fresh("acme", self.mint, of)).reveal()

    def current(self, of):
        held = self.tokens.current("acme", self.mint, of)
        return held and held.reveal()


@virtual_time
async def test_one_refresh_serves_all_who_wait():
    scene, one = Scene(), account()
    assert scene.current(one) is None
    assert set(await asyncio.gather(*(scene.fresh(one) for _ in range(100)))) == {"token-1"}
    assert scene.mint.made == 1
    assert scene.current(one) == "token-1"


@virtual_time
async def test_it_is_renewed_ahead_of_its_end_while_the_old_one_is_used():
    scene, one = Scene(), account()
    await scene.fresh(one)
    await scene.clock.sleep(HOUR - AHEAD - 5)
    assert scene.current(one) == "token-1"
    assert scene.mint.made == 1
    await scene.clock.sleep(10)
    assert [scene.current(one) for _ in range(50)] == ["token-1"] * 50
    await scene.clock.sleep(2)
    assert scene.current(one) == "token-2"
    assert scene.mint.made == 2


@virtual_time
async def test_a_short_life_is_renewed_in_its_last_fifth():
    scene, one = Scene(life=100.0), account()
    await scene.fresh(one)
    await scene.clock.sleep(75)
    assert scene.current(one) == "token-1"
    await scene.clock.sleep(10)
    scene.current(one)
    await scene.clock.sleep(2)
    assert scene.current(one) == "token-2"


@virtual_time
async def test_one_that_is_nearly_over_is_waited_for():
    scene, one = Scene(), account()
    await scene.fresh(one)
    await scene.clock.sleep(HOUR - LAST)
    assert scene.current(one) is None
    assert await scene.fresh(one) == "token-2"


@virtual_time
async def test_one_without_an_end_is_derived_once():
    scene, one = Scene(life=None), account()
    await scene.fresh(one)
    await scene.clock.sleep(1000 * HOUR)
    assert await scene.fresh(one) == "token-1"


@virtual_time
async def test_a_changed_key_has_another_token_and_an_equal_account_the_same():
    scene, one = Scene(), account()
    assert await scene.fresh(one) == "token-1"
    assert scene.current(account()) == "token-1"
    assert scene.current(account("rotated")) is None
    assert await scene.fresh(account("rotated")) == "token-2"


@virtual_time
async def test_one_that_was_refused_is_forgotten():
    scene, one = Scene(), account()
    await scene.fresh(one)
    refused = scene.tokens.current("acme", scene.mint, one)
    scene.tokens.forget(one, refused)
    assert await scene.fresh(one) == "token-2"
    scene.tokens.forget(one, refused)
    assert scene.current(one) == "token-2", "a call that comes back late says nothing of its successor"


@virtual_time
async def test_a_renewal_that_fails_ahead_of_time_stops_nobody_and_is_tried_again_soon():
    scene, one = Scene(), account()
    await scene.fresh(one)
    scene.mint.error = TransportError("connect", "refused", "none")
    await scene.clock.sleep(HOUR - AHEAD + 5)
    for _ in range(3):
        assert scene.current(one) == "token-1"
        await scene.clock.sleep(2)
    assert len(scene.warnings) == 1
    assert "mine" in scene.warnings[0]
    scene.mint.error = None
    await scene.clock.sleep(PAUSE)
    scene.current(one)
    await scene.clock.sleep(2)
    assert scene.current(one) == "token-2"


@virtual_time
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TransportError("connect", "refused", "none"), "unavailable"),
        (RefreshFailed(Failure(kind="credential_invalid", message="no such key")), "credential_invalid"),
        (KeyError("a plugin's mistake"), "unavailable"),
    ],
)
async def test_who_waits_is_told_why_there_is_none(error, kind):
    scene = Scene()
    scene.mint.error = error
    with pytest.raises(RefreshFailed) as raised:
        await scene.fresh(account())
    assert raised.value.failure.kind == kind


@virtual_time
async def test_a_caller_that_leaves_takes_the_refresh_from_nobody():
    scene, one = Scene(), account()
    leaver, stayer = (asyncio.ensure_future(scene.fresh(one)) for _ in range(2))
    await scene.clock.sleep(0.5)
    leaver.cancel()
    assert await stayer == "token-1"
    await scene.tokens.tasks.aclose()


class Scripted:
    """A transport whose one exchange gives these pieces."""

    schemes = frozenset({"https"})
    aborted = None

    def __init__(self, *pieces):
        self.pieces = list(pieces)

    def open(self, request, connect):
        return self

    async def head(self):
        return HttpHead(200, {"x": "y"})

    async def read(self):
        piece = self.pieces.pop(0) if self.pieces else b""
        if piece is None:
            await asyncio.sleep(1000)
            raise TransportError("body", self.aborted or "closed", "whole")
        return piece

    def abort(self, reason="cancelled"):
        self.aborted = self.aborted or reason


GET = HttpRequest("GET", Origin("https", "acme.example", 443), "/token", ())


@virtual_time
async def test_the_door_gives_whole_replies():
    reply = await Door({"https": Scripted(b"a whole ", b"reply")}).send(GET, 5.0)
    assert (reply.status, reply.headers, reply.body) == (200, {"x": "y"}, b"a whole reply")
    assert "whole" not in repr(reply)


@virtual_time
async def test_the_door_ends_what_is_too_late_or_too_large():
    silent = Scripted(b"a", None)
    with pytest.raises(TransportError, match="timeout"):
        await Door({"https": silent}).send(GET, 5.0)
    with pytest.raises(TransportError, match="oversized"):
        await Door({"https": Scripted(bytes(MOST), b"x")}).send(GET, 5.0)
