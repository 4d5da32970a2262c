"""`taxiway serve` as a program: what it prints works, and it ends when told to."""

import asyncio
import json
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

TAXIWAY = str(Path(sys.executable).parent / "taxiway")


@asynccontextmanager
async def serving(
    folder: Path, *arguments: str, **environment: str
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """Run the program on a free port; what it printed, and the process."""
    # Nothing of the machine's own keys, and nobody's .env.
    kept = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    process = await asyncio.create_subprocess_exec(
        TAXIWAY, "serve", "--port", "0", "--data-dir", str(folder / "data"), *arguments,
        cwd=folder, env={**kept, **environment}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        text = ""
        async with asyncio.timeout(20):
            while "curl " not in text:
                line = await process.stdout.readline()
                if not line:
                    break
                text += line.decode()
        yield text, process
    finally:
        if process.returncode is None:
            process.terminate()
        _, errors = await process.communicate()
    assert b"Traceback" not in errors, errors.decode()


async def ask(line: str) -> httpx.Response:
    """Do what the printed curl line does; again, as SDKs do, where a busy machine was too slow to look the key up."""
    words = shlex.split(line)
    headers = dict(words[i + 1].split(": ", 1) for i, word in enumerate(words) if word == "-H")
    async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
        while True:
            reply = await client.post(words[1], headers=headers, content=words[words.index("-d") + 1])
            if reply.headers.get("x-should-retry") != "true":
                return reply


def curl_of(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("curl "))


async def test_the_printed_command_makes_a_key_that_this_gateway_takes(tmp_path) -> None:
    async with serving(tmp_path) as (text, _):
        told = next(line for line in text.splitlines() if "api-keys create" in line).split("`")[1]
        # PATH may be that of an activated environment or not: the command is found all the same.
        process = await asyncio.create_subprocess_exec(
            *shlex.split(told), cwd=tmp_path, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        key = (await process.communicate())[0].decode().strip()
        line = curl_of(text)
        assert (await ask(line.replace(line.split("Bearer ")[1].split('"')[0], key))).status_code == 200


async def test_without_any_key_the_printed_line_works(tmp_path) -> None:
    async with serving(tmp_path) as (text, process):
        assert "no provider key was found" in text
        key = next(line for line in text.splitlines() if line.startswith("tw-v1-"))
        reply = await ask(curl_of(text))
        assert reply.status_code == 200, reply.text
        assert reply.json()["choices"][0]["message"]["content"]
        assert key in curl_of(text)
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    for file in (tmp_path / "data").rglob("*"):
        assert not file.is_file() or key.encode() not in file.read_bytes()
    async with serving(tmp_path) as (text, _):
        assert key not in text
        assert "$TAXIWAY_API_KEY" in curl_of(text)
        reply = await ask(curl_of(text).replace("$TAXIWAY_API_KEY", key))
        assert reply.status_code == 200


@pytest.mark.parametrize("dotenv", [False, True])
async def test_a_key_from_the_environment(tmp_path, dotenv) -> None:
    key = "the-operators-key-of-more-than-32-characters"
    if dotenv:
        (tmp_path / ".env").write_text(f"TAXIWAY_API_KEY={key}\n")
    async with serving(tmp_path, **({} if dotenv else {"TAXIWAY_API_KEY": key})) as (text, _):
        assert key not in text
        reply = await ask(curl_of(text).replace("$TAXIWAY_API_KEY", key))
        assert reply.status_code == 200


async def test_a_call_under_way_is_finished_before_the_end(tmp_path) -> None:
    config = tmp_path / "taxiway.toml"
    config.write_text("[routing]\ntimeouts = { total = '20s' }\n")
    async with serving(tmp_path) as (text, process):
        words = shlex.split(curl_of(text))
        headers = dict(words[i + 1].split(": ", 1) for i, word in enumerate(words) if word == "-H")
        body = {**json.loads(words[words.index("-d") + 1]), "stream": True}
        async with (
            httpx.AsyncClient(timeout=20, trust_env=False) as client,
            client.stream("POST", words[1], headers=headers, json=body) as reply,
        ):
            lines = reply.aiter_lines()
            await anext(lines)
            process.send_signal(signal.SIGTERM)
            rest = [line async for line in lines]
        assert "data: [DONE]" in rest
        assert await process.wait() == 0


ENDLESS = """
[routing]
timeouts = { total = "3s" }

[[providers]]
use = "simulator"
slug = "slow"
pace = { first_token = "10ms", tokens_per_second = 10 }
models = ["a/talks", "a/hangs"]
faults = [{ kind = "stall", after = 3, model = "a/hangs" }]
"""


@pytest.mark.real_time
async def test_told_to_end_it_finishes_every_stream_and_tells_the_one_that_has_no_end(tmp_path) -> None:
    (tmp_path / "taxiway.toml").write_text(ENDLESS)
    key = "the-operators-key-of-more-than-32-characters"
    async with (
        serving(tmp_path, TAXIWAY_API_KEY=key) as (text, process),
        httpx.AsyncClient(timeout=20, trust_env=False, headers={"authorization": f"Bearer {key}"}) as client,
    ):
        url = shlex.split(curl_of(text))[1]
        begun = 0

        async def stream(model: str) -> str:
            nonlocal begun
            asked = [{"role": "user", "content": "reply exactly: one two three four five six seven"}]
            body = {"model": model, "messages": asked, "stream": True}
            async with client.stream("POST", url, json=body) as reply:
                begun += 1
                return "".join([piece async for piece in reply.aiter_text()])

        streams = [asyncio.create_task(stream(model)) for model in (*["a/talks"] * 20, "a/hangs")]
        while begun < len(streams):  # noqa: ASYNC110 - the client has no event for it
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        *whole, endless = await asyncio.gather(*streams)
        assert await process.wait() == 0
    assert [told.rstrip().rpartition("\n")[2] for told in whole] == ["data: [DONE]"] * 20
    last = json.loads(endless.rstrip().rpartition("\n")[2].removeprefix("data: "))
    assert (last["error"]["code"], last["choices"][0]["finish_reason"]) == (504, "error")


async def test_a_port_in_use_is_one_line(tmp_path) -> None:
    async with serving(tmp_path) as (text, _):
        port = curl_of(text).split("127.0.0.1:")[1].split("/")[0]
        process = await asyncio.create_subprocess_exec(
            TAXIWAY, "serve", "--port", port, "--data-dir", str(tmp_path / "other"), cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert "is already in use" in errors.decode()
    assert "Traceback" not in errors.decode()


@pytest.mark.parametrize(
    ("value", "says"), [("short", "TAXIWAY_API_KEY"), ("has a blank in the middle of it", "blanks")]
)
async def test_a_useless_key_in_the_environment_is_refused(tmp_path, value, says) -> None:
    process = await asyncio.create_subprocess_exec(
        TAXIWAY, "serve", "--port", "0", "--data-dir", str(tmp_path / "data"), cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TAXIWAY_API_KEY": value},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert says in errors.decode()
    assert value not in errors.decode()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of another process")
async def test_as_many_files_may_be_open_as_the_system_allows(tmp_path) -> None:
    """A call takes two of them: by the 1,024 that most systems begin with, half of `max_calls` would fail."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 1000), hard))
    try:
        async with serving(tmp_path) as (_, process):
            assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_limit_that_is_named_and_not_granted_is_asked_for_less(monkeypatch) -> None:
    """As macOS does."""
    import resource

    from taxiway_gateway import command

    asked = []

    def setrlimit(what, limits):
        asked.append(limits)
        if limits[0] == resource.RLIM_INFINITY:
            raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda what: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    command._open_files()
    assert asked == [(resource.RLIM_INFINITY,) * 2, (10_240, resource.RLIM_INFINITY)]
