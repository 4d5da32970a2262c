"""From a gateway's telemetry to a strategy chosen: what was recorded is replayed, and what a replay foretells comes true."""

import asyncio
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from attrs import asdict
from click.testing import CliRunner

from taxiway.config import Config, read
from taxiway.outcome import Generation
from taxiway.router import Router
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock
from taxiway_cli.main import main
from taxiway_simulator.replay.asks import Ask, Load, recorded
from taxiway_simulator.replay.figures import report
from taxiway_simulator.replay.fitting import observe
from taxiway_simulator.replay.play import play
from taxiway_simulator.replay.scenario import NOTHING
from taxiway_simulator.replay.traffic import read as read_traffic
from taxiway_simulator.replay.world import Run, World, make

MODEL = "acme/chat"
NOW = 1_790_000_000.0


def provider(slug: str, into: float, out: float, **options: object) -> dict[str, object]:
    model = {"id": "chat", "slug": MODEL, "price": {"input": into, "output": out}}
    return {"use": "simulator", "slug": slug, "models": [model], **options}


# Sorted by name, as a replay without a configuration has them: where one is out, whose turn it is depends on the order.
TRUTH = {
    "providers": [
        provider(
            "cheap",
            1.0,
            2.0,
            pace={"first_token": "300ms", "spread": 0.4},
            quota={"requests": 40, "window": "1m"},
            keys=["k1", "k2"],
        ),
        provider("dear", 3.0, 6.0),
        provider(
            "middle",
            2.0,
            4.0,
            pace={"first_token": "600ms", "spread": 0.2, "tokens_per_second": 40},
            faults=[{"kind": "overloaded", "at": "120s", "lasts": "60s"}],
        ),
    ],
    "credentials": [
        {"provider": "cheap", "label": "one", "settings": {"key": "k1"}},
        {"provider": "cheap", "label": "two", "settings": {"key": "k2"}},
    ],
}


def run(strategy: str) -> Run:
    return Run(name=strategy, routing={"strategy": strategy})


@pytest.fixture(scope="module")
def truth() -> World:
    return make(read(TRUTH).checked(), [], observe([]), NOTHING)


@pytest.fixture(scope="module")
def asks() -> list[Ask]:
    return list(Load(rate=120, duration=240, streams=0.7).asks({MODEL: 1.0}, 1))


@pytest.fixture(scope="module")
def generations(truth, asks, tmp_path_factory) -> list[Generation]:
    """What was recorded of a strategy, read back."""
    seen = play(truth, run("balanced"), asks, seed=1, start=NOW)
    file = tmp_path_factory.mktemp("traffic") / "generations.jsonl"
    file.write_text("".join(f"{json.dumps(asdict(one))}\n" for one in seen.generations))
    return read_traffic([file]).generations


@pytest.mark.parametrize("strategy", ["price", "round-robin"])
def test_what_a_replay_of_one_strategys_traffic_foretells_of_another_comes_true(truth, asks, generations, strategy):
    observed = observe(generations)
    told = make(Config(), generations, observed, NOTHING)
    foretold = play(told, run(strategy), recorded(generations), seed=2, start=generations[0].created)
    real = play(truth, run(strategy), asks, seed=3, start=NOW)
    a, b = report(asks, [foretold, real], seed=1, source="", notes={})["runs"]
    assert a["calls"] == b["calls"] == len(asks)
    assert a["failed"] == b["failed"] == 0
    assert a["cost_usd"] == pytest.approx(b["cost_usd"], rel=0.02)
    assert a["first_token"]["p50"] == pytest.approx(b["first_token"]["p50"], rel=0.1)
    assert a["first_token"]["p95"] == pytest.approx(b["first_token"]["p95"], rel=0.15)
    shares = [{row["endpoint"]: row["share"] for row in one["endpoints"]} for one in (a, b)]
    assert shares[0] == pytest.approx(shares[1], abs=0.02)


async def served(file: Path) -> float:
    """Serve ten calls in real time, recorded by the sink; return what they cost."""
    fast = {"first_token": "1ms", "tokens_per_second": 5000}
    config = {
        "providers": [provider("cheap", 1.0, 2.0, pace=fast), provider("dear", 3.0, 6.0, pace=fast)],
        "models": {"team/fast": {"try": [MODEL]}},
        "routing": {"strategy": "round-robin"},
        "telemetry": [{"use": "jsonl", "path": str(file)}],
        "data_dir": str(file.parent / "data"),
    }
    cost = 0.0
    async with Router.from_dict(config, random=Random(1)) as router:
        for number in range(10):
            messages = [{"role": "user", "content": f"{number} reply in 20 tokens." + " abc" * 40}]
            chunks = [chunk async for chunk in router.stream(model="team/fast", messages=messages)]
            cost += chunks[-1]["usage"]["cost"]
    return cost


def test_from_the_sinks_file_to_the_page_in_one_command(tmp_path: Path, monkeypatch):
    cost = asyncio.run(served(tmp_path / "generations.jsonl"))
    monkeypatch.chdir(tmp_path)
    command = ["simulator", "replay", "generations.jsonl", "--strategy", "round-robin", "--strategy", "price"]
    result = CliRunner().invoke(main, [*command, "--html", "report.html", "--json", "report.json"])
    assert result.exit_code == 0, result.output
    even, cheapest = json.loads((tmp_path / "report.json").read_text())["runs"]
    assert (even["calls"], even["failed"]) == (10, 0)
    # The same turns, the same prices, and texts of the same length.
    assert even["cost_usd"] == pytest.approx(cost)
    assert cheapest["cost_usd"] == pytest.approx(cost / 2)
    assert "team/fast (10)" in (tmp_path / "report.html").read_text()


REAL: list[dict[str, Any]] = [
    {"provider": "openai"},
    {"provider": "anthropic"},
    {"provider": "amazon-bedrock", "settings": {"region": "eu-central-1"}},
    {"provider": "amazon-bedrock", "key": None, "label": "role", "settings": {"profile": "p", "region": "us-east-1"}},
    {"provider": "google-vertex", "settings": {"project": "p", "region": "us-east5"}},
    {"provider": "google-ai-studio"},
    {"provider": "azure", "settings": {"resource": "acme"}},
    {"provider": "azure", "label": "array"},
    {"provider": "cohere"},
    {"provider": "mistral"},
    {"provider": "groq"},
    {"provider": "ollama", "key": None},
]


@virtual_time
async def test_every_real_provider_has_a_stand_in_that_answers_without_its_key():
    tables = [{"key": f"env:NO_SUCH_KEY_{n}", **one} for n, one in enumerate(REAL)]
    tables = [{name: value for name, value in one.items() if value is not None} for one in tables]
    config = read({"credentials": tables}).checked()
    told = make(config, [], observe([]), NOTHING)
    async with Router(told.build(Run(name="", routing={}), 1, VirtualClock())) as router:
        asked = set()
        for model, offers in router.snapshot.models("default").items():
            for endpoint in {offer.endpoint for offer in offers if "chat" in offer.endpoint.dialects}:
                if endpoint.provider not in asked:
                    asked.add(endpoint.provider)
                    only = {"only": [endpoint.tag]}
                    reply = await router.chat(model=model, messages=[{"role": "user", "content": "Hi"}], provider=only)
                    assert "no AI was asked" in reply["choices"][0]["message"]["content"]
        # Which models an Ollama has, only it could tell.
        assert asked == {one["provider"] for one in REAL} - {"ollama"}
        candidates = [
            one for some in router.snapshot.models("default").values() for offer in some for one in offer.candidates
        ]
        assert "array" in {one.account.label for one in candidates}
        # Who serves what is the real provider's word: the role is of another region than the key.
        bedrock = [one for one in candidates if one.endpoint.provider == "amazon-bedrock"]
        served = {
            label: {one.endpoint.key for one in bedrock if one.account.label == label}
            for label in ("role", "NO_SUCH_KEY_2")
        }
        assert served["role"] - served["NO_SUCH_KEY_2"]
        assert served["NO_SUCH_KEY_2"] - served["role"]


def test_an_unreadable_line_is_an_error_that_names_file_and_line(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("g.jsonl").write_text('{"id": "gen-1"\n')
    result = CliRunner().invoke(main, ["simulator", "replay", "g.jsonl", "--strategy", "price"])
    assert result.exit_code == 2
    assert result.output.startswith("Error: g.jsonl, line 1: is not JSON")
    assert "Traceback" not in result.output
