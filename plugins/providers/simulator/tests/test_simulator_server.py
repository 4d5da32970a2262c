"""`taxiway simulator serve`: the same scripts over real HTTP, read by OpenAI's own client."""

import asyncio
import json
import os
import signal
import sys

import openai
import pytest
from click.testing import CliRunner
from waiting import until

from taxiway.clock import SystemClock
from taxiway.testing.command import CommandContract
from taxiway.testing.peer import spent
from taxiway_simulator import taxiway_commands
from taxiway_simulator.command import make
from taxiway_simulator.options import Fault, Model, Pace, Quota, SimulatorOptions
from taxiway_simulator.server import SimulatorServer
from taxiway_simulator.simulation import Simulation

FAST = Pace(first_token=0.0, tokens_per_second=10_000.0)
SLOW = Pace(first_token=0.2, tokens_per_second=5.0)
HELLO = [{"role": "user", "content": "reply exactly: one two three four five six"}]


def serving(*faults, pace=FAST, **options):
    options.setdefault("models", (Model(id="m", pace=pace), Model(id="e", operation="embeddings", pace=pace)))
    clock = SystemClock()
    simulated = SimulatorOptions(slug="acme", faults=faults, **options)
    return SimulatorServer(Simulation(simulated, clock.now()), clock)


def client(server, key="k"):
    return openai.AsyncOpenAI(base_url=server.base_url, api_key=key, max_retries=0, timeout=5.0)


async def test_openais_client_reads_everything():
    async with serving() as server, client(server) as ours:
        reply = await ours.chat.completions.create(model="m", messages=HELLO)
        assert reply.choices[0].message.content == "one two three four five six"
        stream = await ours.chat.completions.create(
            model="m", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == reply.choices[0].message.content
        assert chunks[-1].usage == reply.usage
        embedded = await ours.embeddings.create(model="e", input=["a", "b"])
        assert [len(row.embedding) for row in embedded.data] == [256, 256]
        assert [model.id async for model in ours.models.list()] == ["m", "e"]
        assert len(server.connections) == 1


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("server_error", openai.InternalServerError),
        ("overloaded", openai.InternalServerError),
        ("capacity", openai.RateLimitError),
        ("insufficient_quota", openai.RateLimitError),
        ("revoked", openai.AuthenticationError),
        ("refused", openai.APIConnectionError),
        ("reset", openai.APIConnectionError),
        ("cut", openai.APIConnectionError),
    ],
)
async def test_faults_are_the_clients_own_errors(kind, error):
    async with serving(Fault(kind=kind)) as server, client(server) as ours:
        with pytest.raises(error):
            await ours.chat.completions.create(model="m", messages=HELLO)


async def test_a_quota_is_a_real_429_with_headers():
    async with serving(quota=Quota(requests=1)) as server, client(server) as ours:
        first = await ours.chat.completions.with_raw_response.create(model="m", messages=HELLO)
        assert first.headers["x-ratelimit-remaining-requests"] == "0"
        with pytest.raises(openai.RateLimitError) as raised:
            await ours.chat.completions.create(model="m", messages=HELLO)
        assert 58 <= int(raised.value.response.headers["retry-after"]) <= 60
        assert raised.value.code == "rate_limit_exceeded"


async def test_an_error_in_a_stream_comes_after_its_tokens():
    async with serving(Fault(kind="error_in_stream", after=2)) as server, client(server) as ours:
        stream = await ours.chat.completions.create(model="m", messages=HELLO, stream=True)
        got: list[str] = []
        with pytest.raises(openai.APIError):
            await _collect(stream, got)
        assert "".join(got) == "one two"


async def _collect(stream, got):
    async for chunk in stream:
        got.append(chunk.choices[0].delta.content or "")


@pytest.mark.real_time
@pytest.mark.parametrize(("body", "phase"), [({"stream": True}, "head"), ({"stream": True}, "body"), ({}, "head")])
async def test_a_client_that_goes_away_is_noticed_at_once(body, phase):
    async with serving(pace=SLOW) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        # What takes minutes is not over when this comes to look, however busy the machine.
        long = [{"role": "user", "content": "reply exactly: " + "one " * 1000}]
        data = json.dumps({"model": "m", "messages": long, **body}).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: {len(data)}\r\n\r\n"
        writer.write(head.encode() + data)
        if phase == "body":
            await reader.readuntil(b'"one')
        else:
            await until(lambda: server.simulation.log)
        (seen,) = server.simulation.log
        assert not seen.ending
        writer.transport.abort()
        await spent(lambda: seen.ending)
        assert seen.ending == "aborted"


async def test_pipelined_and_split_requests_are_answered_in_turn():
    async with serving() as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        requests = b"GET /v1/models/m HTTP/1.1\r\n\r\nGET /v1/models/e HTTP/1.1\r\nconnection: close\r\n\r\n"
        for byte in requests:
            writer.write(bytes([byte]))
            await writer.drain()
        replies = (await reader.read()).split(b"HTTP/1.1 200 OK")
        assert [b'"id":"m"' in reply.replace(b" ", b"") for reply in replies] == [False, True, False]
        assert b"connection: close" in replies[2]
        writer.close()


@pytest.mark.parametrize(
    "request_", [b"nonsense\r\n\r\n", b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", b"x" * 70_000]
)
async def test_what_is_no_request_is_a_400(request_):
    async with serving() as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(request_)
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
        writer.close()


class TestCommand(CommandContract):
    registration = next(iter(taxiway_commands()))


@pytest.mark.real_time
def test_the_command_serves_the_providers_of_a_file(tmp_path):
    config = tmp_path / "taxiway.toml"
    config.write_text(
        '[simulator]\nmodels = ["acme/one"]\n\n'
        '[[providers]]\nuse = "simulator"\nslug = "beta"\nmodels = ["acme/two"]\n'
        'pace = { first_token = "1ms", tokens_per_second = 1000 }\n'
    )
    found = asyncio.run(_serve_until_asked(config))
    assert found == [["acme/one"], ["acme/two"]]


async def _serve_until_asked(config):
    program = (
        "from taxiway.clock import SystemClock; from taxiway_simulator.command import make;"
        f"make(SystemClock())(['serve', '--config', {str(config)!r}, '--port', '0'])"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    found = []
    for slug in ("simulator", "beta"):
        line = (await child.stdout.readline()).decode()
        assert line.startswith(f"{slug}: base_url http://127.0.0.1:")
        async with openai.AsyncOpenAI(base_url=line.split()[2].rstrip(","), api_key="k") as ours:
            found.append([model.id async for model in ours.models.list()])
    child.send_signal(signal.SIGTERM)
    assert await child.wait() == 0
    return found


@pytest.mark.parametrize(("port", "code", "said"), [
    ("99999", 2, "99999 is not in the range"),
    ("65535", 1, "port 65536 of 127.0.0.1 can't be used"),
])  # fmt: skip
def test_a_port_that_is_none_is_said(tmp_path, port, code, said):
    config = tmp_path / "taxiway.toml"
    config.write_text("".join(f'[[providers]]\nuse = "simulator"\nslug = "{slug}"\n' for slug in "ab"))
    result = CliRunner().invoke(make(SystemClock()), ["serve", "--config", str(config), "--port", port])
    assert (result.exit_code, said in result.stderr) == (code, True)
