"""Keys and fallback: two simulated providers, three keys on the first; over `sim:` in virtual time, and over real HTTP."""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import openai
import pytest
from doors import KEY, Gateway, gateway
from simulated import BODY, EXACT, KEYS, Bench, over_http, over_sim, paced
from waiting import until

from taxiway.testing.peer import spent
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import run
from taxiway_simulator.simulation import Simulation


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of the first provider, where `env:` finds them."""
    for number, key in enumerate(KEYS, 1):
        monkeypatch.setenv(f"SIMULATED_{number}", key)


def client(gateway: Gateway) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=gateway.base_url, api_key=KEY, max_retries=0, timeout=20.0)


def arguments(body: dict[str, Any]) -> dict[str, Any]:
    own = {"provider": body["provider"]}
    return {**{name: value for name, value in body.items() if name not in own}, "extra_body": own}


def served(simulation: Simulation) -> Counter[str]:
    return Counter(seen.key for seen in simulation.log if seen.status == 200)


def refused(simulation: Simulation) -> int:
    return sum(seen.status == 429 for seen in simulation.log)


def check_the_split(bench: Bench, count: int) -> None:
    """Every key gave what it had, the second provider the rest, and nearly no request ran into a limit."""
    by_key = served(bench.first)
    assert set(by_key) == {"key-1", "key-2", "key-3"}
    assert all(55 <= number <= 60 for number in by_key.values()), by_key
    assert sum(by_key.values()) + sum(served(bench.second).values()) == count
    assert refused(bench.first) <= 3


async def check_the_explanation(bench: Bench) -> None:
    """With the first provider's keys used up, it says of each that it is rate limited and when it frees."""
    rows = (await bench.router.explain(**BODY)).rows
    out = {row.account: row for row in rows if row.endpoint == "openai"}
    assert set(out) == {"key-1", "key-2", "key-3"}
    for row in out.values():
        assert row.place is None
        assert row.reason
        assert row.frees is not None
        assert 0 < row.frees <= 60
    (first,) = [row for row in rows if row.place == 1]
    assert first.provider == "second"


# 200 requests in a minute


@virtual_time
async def test_two_hundred_requests_in_a_virtual_minute():
    async with over_sim() as bench:
        replies = await paced(198, 59.0, lambda: bench.router.chat(**BODY))
        await check_the_explanation(bench)
        replies += await paced(2, 1.0, lambda: bench.router.chat(**BODY))
    assert {reply["choices"][0]["message"]["content"] for reply in replies} == {EXACT}
    check_the_split(bench, 200)
    assert refused(bench.first) == 0


@virtual_time
async def test_two_hundred_at_once_are_all_served():
    async with over_sim() as bench:
        replies = await asyncio.gather(*(bench.router.chat(**BODY) for _ in range(200)))
    assert len(replies) == 200
    assert all(50 <= number <= 60 for number in served(bench.first).values())
    assert sum(served(bench.first).values()) + sum(served(bench.second).values()) == 200


@virtual_time
async def test_limits_that_are_configured_let_none_be_refused():
    limits = {"requests_per_minute": 60}
    credentials = [
        {"provider": "openai", "label": f"key-{n}", "settings": {"key": key}, "limits": limits}
        for n, key in enumerate(KEYS, 1)
    ]
    async with over_sim(credentials=credentials) as bench:
        await asyncio.gather(*(bench.router.chat(**BODY) for _ in range(200)))
    assert refused(bench.first) == 0
    assert served(bench.first) == {"key-1": 60, "key-2": 60, "key-3": 60}
    assert sum(served(bench.second).values()) == 20


@virtual_time
async def test_ten_minutes_at_full_load_use_every_key_in_every_minute():
    async with over_sim() as bench:
        await paced(2000, 600.0, lambda: bench.router.chat(**BODY))
    by_key = served(bench.first)
    assert sum(by_key.values()) >= 0.9 * 1800
    assert refused(bench.first) <= 0.02 * 2000


def test_the_same_seed_gives_the_same_run():
    async def once(seed: int) -> list[tuple[float, float, str, int | None]]:
        noise = {"kind": "overloaded", "share": 0.1}
        async with over_sim(noise, seed=seed, pace={"first_token": "200ms", "spread": 0.5}) as bench:
            await paced(100, 10.0, lambda: bench.router.chat(**BODY))
            return [(seen.at, seen.ended, seen.key, seen.status) for seen in bench.first.log]

    assert run(once(5)) == run(once(5))
    assert run(once(5)) != run(once(6))


@pytest.mark.slow
@pytest.mark.real_time
@pytest.mark.timeout(150)
async def test_two_hundred_requests_in_a_real_minute_over_http(keys, tmp_path):
    async with over_http() as bench, gateway(bench.router) as front, client(front) as ours:

        async def ask() -> str:
            reply = await ours.chat.completions.create(**arguments(BODY))
            return reply.choices[0].message.content

        # Well within the minute, which on a busy machine takes longer than it should.
        texts = await paced(198, 50.0, ask)
        await check_the_explanation(bench)
        texts += await paced(2, 1.0, ask)
    assert texts == [EXACT] * 200
    check_the_split(bench, 200)


# A key revoked mid-run


async def check_a_revoked_key(
    bench: Bench, caplog: pytest.LogCaptureFixture, ask: Callable[[], Awaitable[Any]]
) -> None:
    caplog.set_level(logging.WARNING, "taxiway")
    replies = await paced(90, 3.0, ask)
    assert len(replies) == 90
    alerts = [record.getMessage() for record in caplog.records if "credential_disabled" in record.getMessage()]
    assert len(alerts) == 1
    assert "key-2" in alerts[0]
    refusals = [seen for seen in bench.first.log if seen.status == 401]
    # Some were under way when the first was refused; then comes the probe, then nothing.
    assert 2 <= len(refusals) <= 6
    assert refusals[-1].at < bench.first.log[-1].at - 1.0
    assert {seen.key for seen in refusals} == {"key-2"}
    rows = (await bench.router.explain(**BODY)).rows
    (out,) = [row for row in rows if (row.endpoint, row.account) == ("openai", "key-2")]
    assert out.place is None
    assert "refuses its key" in out.reason


REVOKED = {"kind": "revoked", "at": "1s", "key": "key-2"}


@virtual_time
async def test_a_key_revoked_mid_run_is_disabled_and_nobody_notices(caplog):
    async with over_sim(REVOKED) as bench:
        await check_a_revoked_key(bench, caplog, lambda: bench.router.chat(**BODY))


@pytest.mark.real_time
async def test_a_key_revoked_mid_run_over_http(keys, caplog):
    async with over_http(REVOKED) as bench, gateway(bench.router) as front, client(front) as ours:
        await check_a_revoked_key(bench, caplog, lambda: ours.chat.completions.create(**arguments(BODY)))


# A provider killed mid-stream

BEFORE = [
    {"kind": kind, "after": 0}
    for kind in (
        "refused",
        "unreachable",
        "reset",
        "hang",
        "server_error",
        "overloaded",
        "capacity",
        "insufficient_quota",
        "malformed",
        "empty",
        "cut",
        "truncated",
        "stall",
        "error_in_stream",
    )
]
AFTER = [{"kind": kind, "after": 3} for kind in ("malformed", "cut", "truncated", "stall", "error_in_stream")]
TIMEOUTS = {"timeouts": {"connect": "1s", "first_token": "1s", "idle": "1s"}}


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event.get("choices"))


@pytest.mark.parametrize("fault", BEFORE, ids=lambda fault: fault["kind"])
@virtual_time
async def test_before_the_first_token_failover_is_silent(fault):
    async with over_sim(fault, routing=TIMEOUTS) as bench:
        events = [event async for event in bench.router.stream(**BODY)]
    assert text_of(events) == EXACT
    assert not any("error" in event for event in events)
    assert events[-1]["usage"]["completion_tokens"] == 6
    assert {event["provider"] for event in events} == {"Second"}


@pytest.mark.parametrize("fault", AFTER, ids=lambda fault: fault["kind"])
@virtual_time
async def test_after_the_first_token_the_stream_ends_with_an_error(fault):
    async with over_sim(fault, routing=TIMEOUTS) as bench:
        events = [event async for event in bench.router.stream(**BODY)]
    assert text_of(events) == "one two three"
    assert events[-1]["error"]["code"] in {502, 504}
    assert events[-1]["choices"][0]["finish_reason"] == "error"
    assert not bench.second.log


@pytest.mark.parametrize("fault", BEFORE, ids=lambda fault: fault["kind"])
@pytest.mark.real_time
async def test_before_the_first_token_failover_is_silent_over_http(keys, fault):
    async with over_http(fault, routing=TIMEOUTS) as bench, gateway(bench.router) as front, client(front) as ours:
        stream = await ours.chat.completions.create(**arguments(BODY), stream=True)
        chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == EXACT


@pytest.mark.parametrize("fault", AFTER, ids=lambda fault: fault["kind"])
@pytest.mark.real_time
async def test_after_the_first_token_the_stream_ends_with_an_error_over_http(keys, fault):
    # Slowly: what comes in one piece with its failure is sent to nobody.
    pace = {"first_token": "5ms", "tokens_per_second": 20}
    async with over_http(fault, pace=pace, routing=TIMEOUTS) as bench, gateway(bench.router) as front:
        raw = await raw_stream(front)
    assert b"[DONE]" not in raw
    events = [json.loads(line[6:]) for line in raw.split(b"\n") if line.startswith(b"data: ")]
    assert text_of(events) == "one two three"
    assert events[-1]["error"]["code"] in {502, 504}
    assert not bench.second.log


async def raw_stream(front: Gateway) -> bytes:
    """What is on the wire: the SDK would hide whether [DONE] came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(front))
    writer.write(request({**BODY, "stream": True}, close=True))
    raw = await reader.read()
    writer.close()
    return raw


def port_of(front: Gateway) -> int:
    return int(front.base_url.split(":")[2].split("/")[0])


def request(body: dict[str, Any], *, close: bool = False) -> bytes:
    data = json.dumps(body).encode()
    head = (
        "POST /api/v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {KEY}\r\ncontent-length: {len(data)}\r\n{'connection: close' if close else 'x-y: z'}\r\n\r\n"
    )
    return head.encode() + data


# A client that goes away

GONE = [
    pytest.param({"kind": "hang"}, True, id="before-the-head-of-a-stream"),
    pytest.param({"kind": "hang"}, False, id="before-a-complete-reply"),
    pytest.param({"kind": "stall", "after": 0}, True, id="before-the-first-token"),
    pytest.param({"kind": "stall", "after": 3}, True, id="in-mid-stream"),
    pytest.param({"kind": "stall"}, False, id="in-a-complete-reply"),
]


@pytest.mark.parametrize(
    ("fault", "stream"), [*GONE, pytest.param({"kind": "unreachable"}, True, id="before-there-is-a-connection")]
)
@virtual_time
async def test_who_goes_away_takes_the_upstream_with_them(fault, stream):
    async with over_sim(fault) as bench:

        async def ask() -> None:
            if not stream:
                await bench.router.chat(**BODY)
                return
            async for _ in bench.router.stream(**BODY):
                pass

        task = asyncio.create_task(ask())
        await asyncio.sleep(1.0)
        (seen,) = bench.first.log
        assert not seen.ending
        task.cancel()
        await asyncio.wait([task])
        assert (seen.ending, seen.ended - seen.at) == ("aborted", pytest.approx(1.0))
    assert not bench.second.log


@pytest.mark.parametrize(("fault", "stream"), GONE)
@pytest.mark.real_time
async def test_a_client_that_goes_away_closes_its_upstream_within_100_ms(keys, fault, stream):
    async with over_http(fault) as bench, gateway(bench.router) as front:
        _, writer = await asyncio.open_connection("127.0.0.1", port_of(front))
        writer.write(request({**BODY, "stream": stream}))
        await until(lambda: bench.first.log)
        await asyncio.sleep(0.5)
        (seen,) = bench.first.log
        assert not seen.ending
        writer.transport.abort()
        await spent(lambda: seen.ending)
        assert seen.ending == "aborted"
    assert not bench.second.log
