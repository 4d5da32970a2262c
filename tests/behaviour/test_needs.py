"""What a call gets before it is sent: a token, the provider's time, media, the text of a file."""

import asyncio
from contextlib import asynccontextmanager
from email.utils import formatdate

import pytest
from simulated import BODY, MODEL, tables

from taxiway import InvalidRequest, Router
from taxiway.http import HttpHead
from taxiway.outcome import CallError, Failure, RefreshFailed
from taxiway.provider import Derived
from taxiway.secret import Secret
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock

ASK = {"model": MODEL, "messages": BODY["messages"]}
HOUR = 3600.0
PDF = "data:text/plain;base64,VGhlIGNvZGUgaXMgNzQzMS4="


class Derives:
    """A provider whose requests are sent with tokens, and whose clock is `ahead`. It sees what its requests are made with."""

    def __init__(self, provider, ahead=0.0):
        self.provider, self.ahead = provider, ahead
        self.minted, self.sent, self.times, self.refuse = 0, [], [], []
        self.refused = None

    def __getattr__(self, name):
        return getattr(self.provider, name)

    async def refresh(self, account, now):
        await asyncio.sleep(0.5)
        if self.refused is not None:
            raise RefreshFailed(self.refused)
        self.minted += 1
        return Derived(Secret(f"token-{self.minted}"), now + HOUR)

    def prepare(self, outgoing, now):
        self.sent.append(outgoing.secret.reveal())
        self.times.append(now)
        request = self.provider.prepare(outgoing, now)
        if self.refuse:
            request.body = b"{"  # whatever the simulator says of it, `classify` gives the next kind
        return request

    def classify(self, outgoing, status, headers, error, now):
        kind = self.refuse.pop(0)
        return Failure(kind=kind, message="as the test wants it")


class Dated:
    """The simulator's transport, with the date of a clock that is ahead in every head."""

    def __init__(self, transport, clock, ahead):
        self.transport, self.clock, self.ahead = transport, clock, ahead
        self.schemes = transport.schemes

    def open(self, request, connect):
        exchange = self.transport.open(request, connect)
        return Exchange(exchange, formatdate(self.clock.now() + self.ahead, usegmt=True))


class Exchange:
    def __init__(self, exchange, date):
        self.exchange, self.date = exchange, date

    def __getattr__(self, name):
        return getattr(self.exchange, name)

    async def head(self):
        head = await self.exchange.head()
        head.headers = {**head.headers, "date": self.date}
        return head


@asynccontextmanager
async def deriving(ahead=0.0):
    clock = VirtualClock()
    provider = {"use": "simulator", **tables([], {"first_token": "5ms"})[1]}
    made = Router.from_dict({"providers": [provider]}, clock=clock)
    derives = made.built.providers["second"] = Derives(made.built.providers["second"], ahead)
    async with made as router:
        transports = router.engine.transports
        router.engine.transports = {"sim": Dated(transports["sim"], clock, ahead)}
        yield router, derives, clock


@virtual_time
async def test_requests_are_sent_with_a_token_that_is_renewed_ahead_and_never_waited_for():
    async with deriving() as (router, derives, clock):
        await asyncio.gather(*(router.chat(**ASK) for _ in range(20)))
        assert set(derives.sent) == {"token-1"}
        await clock.sleep(HOUR - 200)
        began = clock.now()
        await router.chat(**ASK)
        assert clock.now() - began < 0.5
        await clock.sleep(5)
        await router.chat(**ASK)
        assert derives.sent[-2:] == ["token-1", "token-2"]
        assert derives.minted == 2


@virtual_time
async def test_a_token_that_is_refused_is_replaced_once_and_the_call_is_served():
    async with deriving() as (router, derives, _):
        await router.chat(**ASK)
        derives.refuse = ["token_expired"]
        reply = await router.chat(**ASK)
        assert reply["choices"]
        assert derives.sent == ["token-1", "token-1", "token-2"]


@virtual_time
async def test_a_key_is_not_judged_by_a_token_that_was_revoked():
    async with deriving() as (router, derives, clock):
        await router.chat(**ASK)
        derives.refuse = ["credential_invalid"]
        with pytest.raises(CallError):
            await router.chat(**ASK)
        await clock.sleep(5)
        assert derives.minted == 2, "its probe was sent with another"


@virtual_time
async def test_where_no_token_can_be_had_the_call_says_why_and_nothing_was_sent():
    async with deriving() as (router, derives, _):
        derives.refused = Failure(kind="permission_denied", message="the account may not")
        with pytest.raises(CallError, match="may not"):
            await router.chat(**ASK)
        assert not derives.sent


@virtual_time
async def test_a_clock_that_is_an_hour_off_is_learnt_from_the_refusal():
    async with deriving(ahead=HOUR) as (router, derives, clock):
        derives.refuse = ["clock_skewed"]
        assert (await router.chat(**ASK))["choices"]
        await router.chat(**ASK)
        wrong, right, later = derives.times
        assert right - wrong == pytest.approx(HOUR, abs=2)
        assert later - clock.now() == pytest.approx(HOUR, abs=2)


@virtual_time
async def test_a_caller_that_leaves_while_a_token_is_made_leaves_nothing_behind():
    async with deriving() as (router, derives, clock):
        call = asyncio.ensure_future(router.chat(**ASK))
        await clock.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert not derives.sent
        assert (await router.chat(**ASK))["choices"]


def with_file(url, **more):
    file = {"type": "file", "file": {"filename": "code.txt", "file_data": url}}
    return {
        "model": MODEL,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Read."}, file]}],
        **more,
    }


@asynccontextmanager
async def plain(**config):
    whole = {"providers": [{"use": "simulator", **table} for table in tables([], {"first_token": "5ms"})], **config}
    async with Router.from_dict(whole, clock=VirtualClock()) as router:
        yield router


@virtual_time
async def test_an_engine_that_is_not_here_and_a_transform_that_is_not_here_are_refused_by_name():
    async with plain() as router:
        with pytest.raises(InvalidRequest, match=r"plugins\[0\]\.id: names no plugin.*file-parser"):
            await router.chat(**with_file(PDF, plugins=[{"id": "file-parsers"}]))
        assert (await router.chat(**ASK, plugins=[{"id": "web", "enabled": False}]))["choices"]


@virtual_time
async def test_a_url_that_can_not_be_fetched_is_the_callers_mistake_and_ends_the_call():
    async with plain() as router:
        with pytest.raises(InvalidRequest, match="https"):
            await router.chat(
                **with_file("http://example.com/a.pdf", plugins=[{"id": "file-parser", "pdf": {"engine": "pdf-text"}}])
            )
        with pytest.raises(CallError, match="fetch = false"):
            async with plain(media={"fetch": False}) as closed:
                await closed.chat(
                    **with_file(
                        "https://example.com/a.pdf", plugins=[{"id": "file-parser", "pdf": {"engine": "pdf-text"}}]
                    )
                )


async def test_a_file_that_the_client_wants_as_text_arrives_as_text():
    # Files are read in a thread, which virtual time forbids.
    async with Router.from_dict({"providers": [{"use": "simulator", "pace": {"first_token": "1ms"}}]}) as router:
        asked = with_file(PDF, plugins=[{"id": "file-parser", "pdf": {"engine": "pdf-text"}}])
        reply = await router.chat(**{**asked, "model": "simulator/echo"})
        assert "The code is 7431." in reply["choices"][0]["message"]["content"]


class RefusesByText:
    """A provider that refuses a key with a 400, the list of models included, as Google and xAI do."""

    def __init__(self, transport):
        self.transport, self.schemes, self.asked = transport, transport.schemes, 0

    def open(self, request, connect):
        self.asked += 1
        return BadKey()


class BadKey:
    phase, sent, moved, framed, reused = "body", "whole", 1, True, False

    def __init__(self):
        self.parts = [b"", b'{"error": {"message": "Incorrect API key", "code": "invalid_api_key"}}']

    async def head(self):
        return HttpHead(400, {})

    async def read(self):
        return self.parts.pop() if self.parts else b""

    def abort(self, reason="cancelled"): ...


@virtual_time
async def test_a_key_that_is_refused_with_a_400_is_disabled_as_well():
    async with plain(credentials=[{"provider": "openai", "settings": {"key": "simulated-key-one"}}]) as router:
        transport = router.engine.transports = {"sim": RefusesByText(router.engine.transports["sim"])}
        router.built.context.door.transports = transport
        ask = {**ASK, "provider": {"only": ["openai"]}}
        for _ in range(3):
            with pytest.raises(CallError):
                await router.chat(**ask)
            await asyncio.sleep(5)
        # One call and the probe after it; then the account takes no calls.
        assert transport["sim"].asked == 2
