"""`taxiway keys doctor`, with a gateway that has learnt something of its keys, and without one."""

import asyncio
import json

import pytest
from click.testing import CliRunner
from doors import KEY, gateway
from simulated import FAST, MODEL

from taxiway import Router
from taxiway.outcome import CallError
from taxiway_cli.main import main
from taxiway_gateway.standing import standings

TOML = """
[gateway]
listen = "127.0.0.1:9"

[[providers]]
use = "simulator"
slug = "acme"
keys = ["simulated-key-one", "simulated-key-two"]

[[credentials]]
provider = "acme"
label = "good"
settings = { key = "simulated-key-one" }

[[credentials]]
provider = "acme"
label = "gone"
settings = { key = "simulated-key-nobody-knows" }
"""
ASK = {"model": MODEL, "messages": [{"role": "user", "content": "reply exactly: x"}]}


def a_router(*quotas, faults=()):
    keys = [{"key": f"simulated-key-{n}", "quota": quota} for n, quota in enumerate(quotas)]
    provider = {
        "use": "simulator", "slug": "acme", "keys": keys, "pace": FAST, "faults": list(faults),
        "models": [{"id": "gpt-4o-mini", "slug": MODEL}],
    }  # fmt: skip
    credentials = [
        {"provider": "acme", "label": f"key-{n}", "settings": {"key": key["key"]}} for n, key in enumerate(keys)
    ]
    return Router.from_dict({"providers": [provider], "credentials": credentials})


def doctor(*args, key="", cwd=None):
    return CliRunner(env={"TAXIWAY_API_KEY": key}).invoke(main, ["keys", "doctor", *args], catch_exceptions=False)


@pytest.mark.real_time
async def test_the_running_gateway_tells_what_it_has_learnt_of_its_keys():
    hourly = {"requests": 1, "window": "1h"}
    broke = {"kind": "insufficient_quota", "key": "key-3"}
    async with a_router({"requests": 60}, hourly, {}, faults=[broke]) as router, gateway(router) as running:
        for _ in range(9):
            await router.chat(**ASK)
        result = await asyncio.to_thread(doctor, "--no-probe", "--url", running.base_url, "--json", key=KEY)
        told = json.loads(result.stdout)
        assert told["live"] is True
        rows = {row["account"]: row for row in told["credentials"]}
        assert (rows["key-0"]["state"], rows["key-0"]["advice"]) == ("open", "")
        (room,) = rows["key-0"]["rooms"]["acme"]
        assert (room["unit"], room["limit"], room["source"]) == ("requests", 60, "stated")
        assert (rows["key-1"]["state"], rows["key-1"]["kind"]) == ("shut", "rate_limited")
        assert 3000 < rows["key-1"]["frees"] < 3700
        assert (rows["key-2"]["state"], rows["key-2"]["kind"]) == ("shut", "quota_exhausted")
        assert "pay at the provider" in rows["key-2"]["advice"]
        assert result.exit_code == 1
        table = (await asyncio.to_thread(doctor, "--no-probe", "--url", running.base_url, key=KEY)).stdout
        assert "of 60 requests a minute (stated)" in table
        assert "shut, for 60 min: its limit has 0 of 1 requests left" in table
        other = await asyncio.to_thread(doctor, "openai", "--no-probe", "--url", running.base_url, "--json", key=KEY)
        assert json.loads(other.stdout)["credentials"] == []


async def test_keys_that_nobody_used_are_open_and_asking_makes_nothing_known():
    async with a_router({"requests": 60}) as router:
        (standing,) = standings(router.engine, "default")
        assert (standing.state, standing.serves, dict(standing.rooms)) == ("open", 1, {})
        assert not standings(router.engine, "nobody")
        assert not router.engine.quotas._pools


async def test_limits_that_refusals_taught_are_told_as_such():
    async with a_router({"requests": 3, "tells": "nothing"}) as router:
        for _ in range(3):
            await router.chat(**ASK)
        with pytest.raises(CallError):
            await router.chat(**ASK)
        (standing,) = standings(router.engine, "default")
        assert {(room.unit, room.limit, room.source) for room in standing.rooms["acme"]} == {
            ("requests", 3, "learnt"), ("tokens", 12, "learnt"),
        }  # fmt: skip


def test_without_a_gateway_the_keys_are_proved_and_nothing_else_is_known(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taxiway.toml").write_text(TOML)
    result = doctor("--json", key="some-api-key-of-somebody")
    assert "No gateway answers" in result.stderr
    told = json.loads(result.stdout)
    rows = {row["account"]: row for row in told["credentials"]}
    assert (told["live"], rows["good"]["good"], rows["gone"]["good"]) == (False, True, False)
    assert "replace the key" in rows["gone"]["advice"]
    assert result.exit_code == 1
    assert [file.name for file in tmp_path.iterdir()] == ["taxiway.toml"]
    lines = doctor("acme").stdout.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [["acme", "good", "good"], ["acme", "gone", "bad"]]
