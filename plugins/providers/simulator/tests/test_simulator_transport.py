"""`sim:`: scripts played in virtual time, faults as typed errors, an abort that the other side sees."""

import asyncio
import json

import pytest

from taxiway.errors import TransportError
from taxiway.http import HttpRequest, Origin
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock
from taxiway_simulator.carrier import SimulatorTransport
from taxiway_simulator.options import Fault, Model, Pace, SimulatorOptions
from taxiway_simulator.simulation import Simulation

PACE = Pace(first_token=1.0, tokens_per_second=2.0)
EXACT = "reply exactly: one two three four five six"


class Door:
    """A simulation and a transport to it, made inside the running loop."""

    def __init__(self, *faults, **options):
        clock = VirtualClock()
        options.setdefault("models", (Model(id="m", pace=PACE),))
        self.simulation = Simulation(SimulatorOptions(slug="acme", faults=faults, **options), clock.now())
        self.transport = SimulatorTransport(self.simulation, clock)

    def open(self, *, stream=True, text=EXACT, transport=None, connect=5.0, **body):
        message = {"role": "user", "content": text}
        data = json.dumps({"model": "m", "messages": [message], "stream": stream, **body}).encode()
        origin = Origin("sim", self.transport.host, 0)
        request = HttpRequest("POST", origin, "/v1/chat/completions", (("authorization", "Bearer k"),), data)
        return (transport or self.transport).open(request, connect)


async def read_all(exchange):
    got = b""
    while data := await exchange.read():
        got += data
    return got


async def failure(exchange):
    got = b""
    try:
        while data := await exchange.read():
            got += data
    except TransportError as error:
        return error, got
    raise AssertionError("it did not fail")


def now():
    return asyncio.get_running_loop().time()


@virtual_time
async def test_a_stream_arrives_token_by_token():
    exchange = Door().open()
    assert (exchange.phase, exchange.sent, exchange.framed, exchange.reused) == ("head", "whole", False, False)
    head = await exchange.head()
    assert (head.status, now(), exchange.phase) == (200, pytest.approx(1.0), "body")
    times, moved = [], exchange.moved
    while data := await exchange.read():
        times.append(round(now(), 3))
        moved += len(data)
        assert exchange.moved == moved
    assert times == [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0]
    assert (exchange.framed, exchange.phase) == (True, "end")
    assert await exchange.read() == b""


@virtual_time
async def test_a_complete_reply_comes_at_once_after_its_tokens():
    door = Door()
    exchange = door.open(stream=False)
    head = await exchange.head()
    assert now() == pytest.approx(1.0 + 6 / 2)
    reply = json.loads(await read_all(exchange))
    assert reply["choices"][0]["message"]["content"] == "one two three four five six"
    assert head.headers["content-type"] == "application/json"
    assert exchange.framed
    (seen,) = door.simulation.log
    assert (seen.ending, seen.status) == ("whole", 200)
    assert seen.ended - seen.at == pytest.approx(4.0)


@virtual_time
async def test_a_slow_reader_gets_all_that_is_there_in_one_piece():
    exchange = Door().open()
    await asyncio.sleep(60)
    data = await exchange.read()
    assert data.endswith(b"data: [DONE]\n\n")
    assert now() == pytest.approx(60)


@virtual_time
async def test_any_transport_of_the_scheme_reaches_every_simulation():
    one, two = Door(), Door()
    exchange = one.open(transport=two.transport)
    assert (await exchange.head()).status == 200
    assert len(one.simulation.log) == 1
    assert not two.simulation.log


@virtual_time
async def test_a_host_that_is_none_refuses():
    door = Door()
    request = HttpRequest("GET", Origin("sim", "nobody", 0), "/v1/models", ())
    error, _ = await failure(door.transport.open(request, 5.0))
    assert (error.phase, error.reason, error.sent) == ("connect", "refused", "none")


@pytest.mark.parametrize(
    ("kind", "phase", "reason", "sent", "seconds"),
    [
        ("refused", "connect", "refused", "none", 0.0),
        ("unreachable", "connect", "timeout", "none", 5.0),
        ("reset", "head", "reset", "whole", 0.0),
        ("cut", "body", "closed", "whole", 2.5),
    ],
)
@virtual_time
async def test_faults_of_the_connection_are_typed(kind, phase, reason, sent, seconds):
    exchange = Door(Fault(kind=kind)).open()
    error, _ = await failure(exchange)
    assert (error.phase, error.reason, error.sent) == (phase, reason, sent)
    assert not exchange.framed
    assert now() == pytest.approx(seconds)
    again, _ = await failure(exchange)
    assert again.reason == reason


@virtual_time
async def test_a_cut_delivers_what_came_before_it():
    error, got = await failure(Door(Fault(kind="cut", after=3)).open())
    assert b"three" in got
    assert b"four" not in got
    assert error.bytes_in == len(got)


@pytest.mark.parametrize(("kind", "stream"), [("hang", True), ("hang", False), ("stall", True)])
@virtual_time
async def test_silence_lasts_until_somebody_aborts(kind, stream):
    door = Door(Fault(kind=kind))
    exchange = door.open(stream=stream)
    asyncio.get_running_loop().call_later(3600, exchange.abort, "timeout")
    error, got = await failure(exchange)
    assert now() == pytest.approx(3600)
    assert (error.reason, error.sent) == ("timeout", "whole")
    assert (b"three" in got) == (kind == "stall")
    assert door.simulation.log[0].ending == "aborted"


@pytest.mark.parametrize("after", [0.0, 0.5, 1.2, 3.9])
@virtual_time
async def test_an_abort_is_seen_at_once_in_every_phase(after):
    door = Door()
    exchange = door.open()
    reading = asyncio.create_task(failure(exchange))
    await asyncio.sleep(after)
    exchange.abort()
    exchange.abort()
    error, _ = await reading
    assert (error.reason, now()) == ("cancelled", pytest.approx(after))
    (seen,) = door.simulation.log
    assert (seen.ending, seen.ended - seen.at) == ("aborted", pytest.approx(after))


@virtual_time
async def test_an_abort_after_the_end_does_nothing():
    door = Door()
    exchange = door.open()
    await read_all(exchange)
    exchange.abort()
    assert await exchange.read() == b""
    assert door.simulation.log[0].ending == "whole"


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("server_error", 500, None),
        ("overloaded", 503, None),
        ("capacity", 429, "engine_overloaded"),
        ("revoked", 401, "invalid_api_key"),
        ("insufficient_quota", 429, "insufficient_quota"),
    ],
)
@virtual_time
async def test_faults_that_answer(kind, status, code):
    exchange = Door(Fault(kind=kind, retry_after=7.0)).open()
    head = await exchange.head()
    assert (head.status, head.headers["retry-after"]) == (status, "7")
    assert json.loads(await read_all(exchange))["error"]["code"] == code
    assert exchange.framed


@pytest.mark.parametrize("stream", [True, False])
@virtual_time
async def test_faults_that_spoil_a_good_reply(stream):
    async def body(kind, **fault):
        exchange = Door(Fault(kind=kind, **fault)).open(stream=stream)
        return (await exchange.head()).status, await read_all(exchange)

    status, malformed = await body("malformed")
    with pytest.raises(json.JSONDecodeError):
        json.loads(malformed.split(b"\n\n")[-2 if stream else 0].removeprefix(b"data: "))
    assert status == 200
    _, truncated = await body("truncated")
    assert b"DONE" not in truncated
    _, empty = await body("empty")
    assert b"content" not in empty
    status, error = await body("error_in_stream", after=2)
    assert b'"error"' in error
    assert (b"two" in error) == stream
    assert status == (200 if stream else 500)


@virtual_time
async def test_a_schedule_says_when_for_how_long_and_for_whom():
    door = Door(
        Fault(kind="server_error", at=10.0, lasts=20.0),
        Fault(kind="revoked", at=100.0, key="key-2"),
        keys=("k", "other"),
    )

    async def status():
        return (await door.open().head()).status

    assert await status() == 200
    await asyncio.sleep(15)
    assert await status() == 500
    await asyncio.sleep(30)
    assert await status() == 200
    await asyncio.sleep(100)
    assert await status() == 200


@virtual_time
async def test_a_share_is_drawn_by_the_seed():
    async def failures(seed):
        door = Door(Fault(kind="overloaded", share=0.3), seed=seed)
        return [(await door.open().head()).status == 503 for _ in range(300)]

    first = await failures(1)
    assert 60 < sum(first) < 120
    assert first == await failures(1)
    assert first != await failures(2)


@virtual_time
async def test_slow_is_slower():
    exchange = Door(Fault(kind="slow", factor=5.0)).open(stream=False)
    await exchange.head()
    assert now() == pytest.approx(20.0)
