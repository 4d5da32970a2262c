"""Keys that are made and disabled by the command line, in a process of its own, while the gateway runs."""

import asyncio
import sys
from pathlib import Path

import httpx

from taxiway_gateway import auth

TAXIWAY = str(Path(sys.executable).parent / "taxiway")


async def test_a_key_is_let_in_at_once_and_kept_out_soon_after_it_was_disabled(served, tmp_path, monkeypatch) -> None:
    # How long a key is believed, in seconds; as it stands, that is what a test would wait.
    monkeypatch.setattr(auth, "FRESH", 0.05)

    async def taxiway(*arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            TAXIWAY, "--data-dir", str(tmp_path), "api-keys", *arguments, cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        printed, errors = await process.communicate()
        assert process.returncode == 0, errors
        return printed.decode().strip()

    async def status(key: str) -> int:
        # Again, as SDKs do, where a busy machine was too slow to look the key up.
        while True:
            reply = await client.get(f"{served.base_url}/models", headers={"authorization": f"Bearer {key}"})
            if reply.headers.get("x-should-retry") != "true":
                return reply.status_code

    async with httpx.AsyncClient(trust_env=False) as client:
        made = await taxiway("create", "--name", "app")
        assert await status(made) == 200
        listed = await taxiway("list")
        (row,) = [line for line in listed.splitlines() if " app " in line]
        await taxiway("disable", row.split()[0])
        while await status(made) != 401:  # noqa: ASYNC110 - the gateway tells nobody
            await asyncio.sleep(0.01)
        assert await status(served.key) == 200
