"""The load: as many requests as a program answers, or many paced streams at once."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time

import uvloop
from rig import LOAD, pin

MODEL = "openai/gpt-4o-mini"
WORDS = "Say something about foxes, dogs and the weather of the day."


def body(*, stream=False, pace=0):
    """A request as the upstream understands it: `pace` milliseconds between two events."""
    words = f"{WORDS} pace:{pace} " if pace else WORDS
    messages = [{"role": "system", "content": "You are terse."}, {"role": "user", "content": words}]
    more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    return json.dumps({"model": MODEL, "messages": messages, "temperature": 0.2, **more}, separators=(",", ":"))


def headers(key):
    return {"content-type": "application/json", "authorization": f"Bearer {key}"}


def requests(target, seconds, connections=64, *, stream=False):
    """Requests a second; raises where one did not succeed."""
    text = body(stream=stream)
    if shutil.which("wrk"):
        return wrk(target, text, seconds, connections)
    pin(0, LOAD)
    return uvloop.run(own(target, text, seconds, connections))


def wrk(target, text, seconds, connections):
    fields = "".join(f'wrk.headers["{name}"]="{value}";' for name, value in headers(target.key).items())
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f'wrk.method="POST";{fields}wrk.body=[[{text}]]')
        script.flush()
        pin(0, LOAD)
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--timeout", "20", "-s", script.name, target.url]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        print(target.name, done.stdout, file=sys.stderr)
        raise SystemExit(f"{target.name} did not answer every request well")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])


async def own(target, text, seconds, connections):
    """The same by asyncio, where there is no wrk: slower itself, so compare its figures among themselves only."""
    request, ends, answered = head(target, text) + text.encode(), time.monotonic() + seconds, 0

    async def one():
        nonlocal answered
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        while time.monotonic() < ends:
            writer.write(request)
            top = await reader.readuntil(b"\r\n\r\n")
            if not top.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"{target.name}: {top[:200]!r}")
            if length := re.search(rb"content-length: *(\d+)", top, re.IGNORECASE):
                await reader.readexactly(int(length[1]))
            else:
                await reader.readuntil(b"\r\n0\r\n\r\n")
            answered += 1
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return answered / seconds


def head(target, text):
    lines = [f"POST {target.path} HTTP/1.1", "host: x", f"content-length: {len(text.encode())}"]
    lines += [f"{name}: {value}" for name, value in headers(target.key).items()]
    return "\r\n".join([*lines, "", ""]).encode()


async def streams(target, count, *, at_once=256, pace=10):
    """Take so many streams of 52 events, `pace` milliseconds apart. Raises where one did not come whole."""
    text, gate = body(stream=True, pace=pace), asyncio.Semaphore(at_once)
    request = head(target, text) + text.encode()

    async def one():
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
            writer.write(request)
            tail = b""
            while b"[DONE]" not in tail:
                part = await reader.read(65536)
                if not part:
                    raise SystemExit(f"{target.name}: a stream was cut: {tail!r}")
                tail = tail[-16:] + part
            writer.close()

    await asyncio.gather(*(one() for _ in range(count)))
