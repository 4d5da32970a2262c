"""Planted keys are searched for in everything that a run produced: logs at debug level, data folder, replies, errors."""

import asyncio
import base64
import gc
import logging
import os
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from upstream import Answer, Message, Upstream

from taxiway import Router, TaxiwayError
from taxiway.api_keys import hash_api_key

TAXIWAY = str(Path(sys.executable).parent / "taxiway")
PLANTED = {
    "FIRST_KEY": "sk-planted-first-5f2c9a7be1",
    "SECOND_KEY": "sk-planted-second-77d0c3f1aa",
    "TAXIWAY_API_KEY": "planted-key-of-the-operator-0123456789",
}
PROMPT = "planted words of a prompt"
MODEL = "openai/gpt-4o"

CONFIG = """
[[providers]]
use = "openai-compatible"
slug = "strict"
base_url = "{url}"
models = [{{ slug = "openai/gpt-4o", id = "gpt-4o" }}]

[[credentials]]
provider = "strict"
key = "env:FIRST_KEY"
label = "one"

[[credentials]]
provider = "strict"
key = "env:SECOND_KEY"
label = "two"

[[telemetry]]
use = "jsonl"
"""


def shown(texts: Iterable[bytes], value: str) -> list[bytes]:
    """Return the texts that hold a key: as it is, in a URL's quoting, or in base64 at any of its three offsets."""
    key = value.encode()
    forms = {key, quote(value, safe="").encode()}
    for offset in range(3):
        # The first and the last characters depend on what stands around the key.
        forms.add(base64.b64encode(b" " * offset + key)[4:-4])
    return [text for text in texts if any(form in text for form in forms)]


@pytest.mark.parametrize("prefix", ["", "x", "xy"])
def test_a_key_that_shows_is_found(tmp_path, prefix) -> None:
    key = PLANTED["FIRST_KEY"]
    for text in (f"bad key {key}", quote(f"a b={key}"), base64.b64encode(f"{prefix}{key} and more".encode()).decode()):
        (tmp_path / "log").write_text(text)
        assert shown([(tmp_path / "log").read_bytes()], key)
    assert not shown([b"sk-p***"], key)


async def test_what_the_library_raises_logs_and_explains_holds_no_key(tmp_path, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "key").write_text(PLANTED["SECOND_KEY"])
    echo = {"error": {"message": f"bad key {PLANTED['FIRST_KEY']} in Bearer {PLANTED['SECOND_KEY']}", "code": "x"}}
    async with Upstream(PLANTED["FIRST_KEY"]).serving() as upstream:
        models = [{"slug": MODEL, "id": "gpt-4o"}]
        config = {
            "providers": [
                {"use": "openai-compatible", "slug": "strict", "base_url": upstream.url, "models": models},
                # Nobody listens there.
                {"use": "openai-compatible", "slug": "gone", "base_url": "http://127.0.0.1:9/v1", "models": models},
            ],
            "credentials": [
                {"provider": "strict", "key": "env:FIRST_KEY", "label": "one"},
                {"provider": "gone", "key": f"file:{tmp_path / 'key'}", "label": "two"},
            ],
        }
        texts: list[str] = []
        async with Router.from_dict(config, environment={"FIRST_KEY": PLANTED["FIRST_KEY"]}) as router:
            body = {"model": MODEL, "messages": [{"role": "user", "content": PROMPT}]}
            for status in (400, 403, 404, 500, 200, 401):
                for only in ("strict", "gone"):
                    upstream.always(Answer(status, echo))
                    preferences = {"order": [only], "allow_fallbacks": False}
                    try:
                        texts.append(str(await router.chat(**body, provider=preferences)))
                    except TaxiwayError as error:
                        notes = getattr(error, "__notes__", ())
                        texts += [str(error), repr(error), str(error.args), str(notes), _with_locals(error)]
            texts.append(str((await router.explain(**body)).to_json()))
            texts += [repr(router.config), repr(router.snapshot), str(router.snapshot.offers)]
            texts += [repr(one) for one in gc.get_objects() if str(type(one).__module__).startswith("taxiway")]
    assert any("Traceback" in text for text in texts), "something was raised at all"
    texts += [record.getMessage() + str(record.exc_info) + str(record.args) for record in caplog.records]
    for name, value in PLANTED.items():
        assert not shown([text.encode() for text in texts], value), name


def _with_locals(error: BaseException) -> str:
    """A traceback as tools make it that tell the variables of every frame, from the first frame of ours on."""
    assert error.__traceback__ is not None
    made = traceback.TracebackException(type(error), error, error.__traceback__.tb_next, capture_locals=True)
    return "".join(made.format())


async def test_no_planted_key_shows_anywhere(tmp_path) -> None:
    (tmp_path / "taxiway.toml").write_text("")
    async with Upstream(PLANTED["FIRST_KEY"], PLANTED["SECOND_KEY"]).serving() as upstream:
        (tmp_path / "taxiway.toml").write_text(CONFIG.format(url=upstream.url))
        process = await asyncio.create_subprocess_exec(
            TAXIWAY, "serve", "--port", "0", "--data-dir", str(tmp_path / "data"), "--log-level", "debug", cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONASYNCIODEBUG": "0", **PLANTED},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        printed = b""
        async with asyncio.timeout(20):
            while b"curl " not in printed:
                printed += await process.stdout.readline()
        url = next(word for word in printed.decode().split() if word.endswith("/api/v1"))
        replies = await _provoke(url, upstream)
        running = [file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file()]
        seen_by_ps = _arguments(process.pid)
        process.terminate()
        out, err = await process.communicate()
    everything = [printed, out, err, seen_by_ps, *replies, *running]
    everything += [file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file()]
    assert len(everything) > 10, "something was written at all"
    for name, value in PLANTED.items():
        assert not shown(everything, value), name
    assert not [text for text in everything if hash_api_key(PLANTED["TAXIWAY_API_KEY"]).encode() in text]
    # Providers' errors quote prompts too, so it is only our own writing that must not.
    assert not [text for text in (printed, out, err) if PROMPT.encode() in text]


def _arguments(pid: int) -> bytes:
    """Return what any user of the machine may read of a process, where the system tells."""
    arguments = Path(f"/proc/{pid}/cmdline")
    return arguments.read_bytes() if arguments.exists() else b""


OTHERS = {
    "/v1/messages": {"messages": [{"role": "user", "content": PROMPT}], "max_tokens": 50},
    "/v1/responses": {"input": PROMPT},
    "/v1/completions": {"prompt": PROMPT},
    "/v2/chat": {"messages": [{"role": "user", "content": PROMPT}]},
    f"/v1beta/models/{MODEL}:generateContent": {"contents": [{"parts": [{"text": PROMPT}]}]},
    f"/v1beta/models/{MODEL}:streamGenerateContent": {"contents": [{"parts": [{"text": PROMPT}]}]},
}
"""Routes of the other dialects, and a body of each."""


async def _provoke(url: str, upstream: Upstream) -> list[bytes]:
    """Do all that may make something talk: good calls, broken ones, keys that are echoed, keys that are wrong."""
    echo = {"error": {"message": f"bad key {PLANTED['FIRST_KEY']} in Bearer {PLANTED['SECOND_KEY']}", "code": "x"}}
    body = {"model": MODEL, "messages": [{"role": "user", "content": PROMPT}]}
    headers = {"authorization": f"Bearer {PLANTED['TAXIWAY_API_KEY']}"}
    seen = []
    async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
        origin = url.removesuffix("/api/v1")
        for answer in (
            Answer(400, echo),
            Answer(500, echo),
            Message({"content": "one two three"}, error=echo["error"]),
        ):
            upstream.always(answer)
            for path, extra in OTHERS.items():
                for stream in (True, False):
                    told = {**extra, "stream": stream} if "/models/" not in path else extra
                    reply = await client.post(origin + path, headers=headers, json={"model": MODEL, **told})
                    seen.append(reply.content + str(reply.headers.raw).encode())
        upstream.always(None)
        assert sum(b"bad key" in text for text in seen) > 2 * len(OTHERS), "they tell what the provider said"
        upstream.script(
            Message(),
            *(Answer(status, echo) for status in (400, 403, 404, 429, 500)),
            Message(),
            Message({"content": "one two three"}, error=echo["error"]),
            Answer(200, f"not JSON {PLANTED['FIRST_KEY']}".encode()),
            Answer(401, echo),
            Answer(401, echo),
        )
        for _ in range(4):
            for extra in ({}, {"stream": True}, {"provider": {"order": ["strict"]}}):
                reply = await client.post(f"{url}/chat/completions", headers=headers, json={**body, **extra})
                seen.append(reply.content + str(reply.headers.raw).encode())
        for path in ("/models", "/key", f"/models/{MODEL}/endpoints", "/generation?id=x", "/credentials", "/nowhere"):
            reply = await client.get(url + path, headers=headers)
            seen.append(reply.content + str(reply.headers.raw).encode())
        for wrong in (PLANTED["FIRST_KEY"], "tw-v1-nonsense"):
            reply = await client.get(f"{url}/key?api_key={PLANTED['TAXIWAY_API_KEY']}", headers={"x-api-key": wrong})
            seen.append(reply.content)
        reply = await client.post(f"{url}/explain", headers=headers, json=body)
        seen.append(reply.content)
    return seen
