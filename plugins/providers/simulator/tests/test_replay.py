"""`taxiway simulator replay`: strategies side by side, in virtual time, and a report that can be trusted."""

import json
import math
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from attrs import fields
from click.testing import CliRunner

from taxiway.config import read
from taxiway.converter import structure
from taxiway.errors import ConfigError
from taxiway.preferences import Preferences
from taxiway.routing import Routing
from taxiway.tables import RoutingTable
from taxiway_simulator.options import Quota
from taxiway_simulator.replay.asks import Load
from taxiway_simulator.replay.command import replay
from taxiway_simulator.replay.figures import report
from taxiway_simulator.replay.fitting import observe
from taxiway_simulator.replay.play import Answer, Played, play
from taxiway_simulator.replay.scenario import NOTHING, Scenario, load, shipped
from taxiway_simulator.replay.world import Run, make, routed

MODEL = "acme/chat"
PRICES = {"cheap": (1.0, 2.0), "middle": (2.0, 4.0), "dear": (3.0, 6.0)}
SHORT = Load(rate=120, duration=60, prompt=50, output=30)
ROUND_ROBIN = Run(name="round-robin", routing={"strategy": "round-robin"})
PRICE = Run(name="price", routing={"strategy": "price"})


def provider(slug, **options):
    into, out = PRICES[slug]
    model = {"id": "chat", "slug": MODEL, "price": {"input": into, "output": out}}
    return {"use": "simulator", "slug": slug, "models": [model], **options}


def world(*providers, scenario=NOTHING, **tables):
    config = read({"providers": list(providers) or [provider(slug) for slug in PRICES], **tables}).checked()
    return make(config, [], observe([]), scenario)


def asks(load=SHORT, seed=1):
    return list(load.asks({MODEL: 1.0}, seed))


def told(*played, made=None):
    return report(made or asks(), played, seed=1, source="made up", notes={})


def test_price_is_cheaper_than_round_robin_and_the_sums_are_those_of_the_simulators_own_ledger():
    played = [play(world(), run, asks(), seed=1) for run in (PRICE, ROUND_ROBIN)]
    runs = {run["name"]: run for run in told(*played)["runs"]}
    assert runs["price"]["cost_usd"] < 0.55 * runs["round-robin"]["cost_usd"]
    for one in played:
        costs = {
            slug: math.fsum((seen.prompt * PRICES[slug][0] + seen.completion * PRICES[slug][1]) / 1e6 for seen in log)
            for slug, log in one.seen.items()
        }
        run = runs[one.run.name]
        assert run["cost_usd"] == pytest.approx(math.fsum(costs.values()), rel=1e-9)
        assert {row["provider"]: row["cost_usd"] for row in run["endpoints"]} == pytest.approx(
            {slug: cost for slug, cost in costs.items() if cost}
        )
        assert {row["provider"]: row["attempts"] for row in run["endpoints"]} == {
            slug: len(log) for slug, log in one.seen.items() if log
        }
        assert run["calls"] == len(asks())
        assert run["failed"] == 0
        assert sum(row["share"] for row in run["endpoints"]) == pytest.approx(1.0, abs=1e-5)
    assert [row["share"] for row in runs["round-robin"]["endpoints"]] == pytest.approx([1 / 3] * 3, abs=0.01)


def test_failures_retries_and_limits_are_counted_where_they_happen():
    limited = provider("cheap", quota={"requests": 30, "window": "1m"})
    broken = provider("middle", faults=[{"kind": "server_error", "at": "10s", "lasts": "20s"}])
    (run,) = told(play(world(limited, broken), PRICE, asks(), seed=1))["runs"]
    rows = {row["provider"]: row for row in run["endpoints"]}
    assert rows["cheap"]["served"] == 30
    assert run["upstream_429"]["count"] == rows["cheap"]["upstream_429"]
    assert rows["middle"]["failures"]["unavailable"] > 0
    assert run["failed"] == run["calls"] - rows["cheap"]["served"] - rows["middle"]["served"] > 0
    assert sum(run["failures"].values()) == run["failed"]
    assert run["attempts"] == rows["cheap"]["attempts"] + rows["middle"]["attempts"]
    assert sum(run["timeline"]["failed"]) == run["failed"]
    assert sum(map(sum, run["timeline"]["attempts"].values())) == run["attempts"]


@pytest.mark.parametrize(
    ("kind", "failure"), [("cut", "unavailable"), ("truncated", "unavailable"), ("stall", "timeout")]
)
def test_a_stream_that_breaks_before_the_client_has_all_of_it_is_a_failure(kind, failure):
    broken = provider("cheap", faults=[{"kind": kind, "at": "10s", "lasts": "20s", "after": 3}])
    (run,) = told(play(world(broken), PRICE, asks(), seed=1))["runs"]
    begun = sum(10 <= ask.at < 30 for ask in asks())
    assert run["failures"] == {failure: begun}
    assert run["first_token"]["p99"] == pytest.approx(0.3125), "it had begun"


def test_first_tokens_are_what_clients_waited_for():
    slow = provider("cheap", pace={"first_token": "2s", "tokens_per_second": 10})
    (run,) = told(play(world(slow), PRICE, asks(), seed=1))["runs"]
    # A token's own time comes on top: 0.1 s.
    assert run["first_token"] == {"p50": 2.1, "p95": 2.1, "p99": 2.1}
    assert run["whole_answer"]["p50"] > 4.0
    assert run["first_token_curve"] == [2.1] * 101


def test_a_scenarios_faults_limits_and_routing_are_laid_over_a_configuration(tmp_path):
    path = tmp_path / "bad-day.toml"
    path.write_text("""
        routing = { only = ["cheap", "middle"], wait = "0s" }
        faults = [{ provider = "cheap", kind = "overloaded", model = "acme/chat", lasts = "30s" }]
        limits = [{ provider = "middle", requests = 5 }]
        pace = { middle = { first_token = "1s", tokens_per_second = 100 } }
    """)
    scenario, own = load(str(path))
    assert own is None
    (run,) = told(play(world(scenario=scenario), Run(name="own", routing={}), asks(), seed=1))["runs"]
    rows = {row["provider"]: row for row in run["endpoints"]}
    assert rows["cheap"]["failures"]["overloaded"] > 0
    assert rows["middle"]["served"] == 5
    assert "dear" not in rows


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('faults = [{ provider = "chaep", kind = "hang" }]', 'no provider is called "chaep"; did you mean "cheap"?'),
        (
            'faults = [{ provider = "cheap", kind = "hang", key = "x" }]',
            'faults: "hang" of cheap: there is no such key',
        ),
        ('faults = [{ kind = "hang" }]', "faults[0].provider: is missing"),
        ('faults = [{ provider = "cheap", kind = "hnag" }]', 'did you mean "hang"?'),
        ("load = { rat = 1 }", 'load.rat: is not a known key; did you mean "rate"?'),
        ('[models."x"]\ntry = ["acme/chat"]', "models: means something only beside [[providers]]"),
        ("about = ", "is not TOML"),
    ],
)
def test_a_scenarios_mistake_is_named(tmp_path, text, said):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    (tmp_path / "taxiway.toml").write_text(
        'providers = [{ use = "simulator", slug = "cheap", models = [{ id = "chat", slug = "acme/chat" }] }]'
    )
    result = CliRunner().invoke(replay, ["--scenario", str(path), "--config", str(tmp_path / "taxiway.toml")])
    assert isinstance(result.exception, ConfigError)
    assert said in str(result.exception)


def test_no_key_is_read_and_a_real_providers_endpoints_and_keys_are_there_all_the_same(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    real = read(
        {
            "credentials": [
                {"provider": "openai", "key": "env:NOT_THERE", "label": "one"},
                {"provider": "openai", "key": "file:/not/there", "label": "two", "limits": {"requests_per_minute": 20}},
                {"provider": "azure", "key": "env:NOT_THERE_EITHER", "label": "blue"},
            ],
            "models": {"openai/gpt-4o-mini": {"price": {"input": 0.15, "output": 0.6}}},
            "routing": {"only": ["openai"]},
        }
    ).checked()
    made = list(SHORT.asks({"openai/gpt-4o-mini": 1.0}, 1))
    scenario = Scenario(limits={"openai": {"one": Quota(requests=10)}})
    played = play(make(real, [], observe([]), scenario), PRICE, made, seed=1)
    (run,) = told(played, made=made)["runs"]
    rows = {row["key"]: row for row in run["keys"]}
    assert set(rows) == {"one", "two"}
    assert rows["one"]["served"] == 10
    assert rows["two"]["served"] == 20
    assert run["failed"] == run["calls"] - 30
    assert run["cost_usd"] == pytest.approx(
        math.fsum((seen.prompt * 0.15 + seen.completion * 0.6) / 1e6 for seen in played.seen["openai"])
    )


@pytest.mark.timeout(180)  # two programs are started
def test_the_same_seed_gives_the_same_bytes_in_any_process(tmp_path):
    written = []
    for hash_seed in ("1", "2"):
        files = [tmp_path / f"{hash_seed}.{ending}" for ending in ("json", "html")]
        command = [sys.executable, "-m", "taxiway_cli.main", "simulator", "replay", "--scenario", "outage"]
        options = ["--rate", "60", "--duration", "70s", "--seed", "3", "--strategy", "balanced", "--strategy", "price"]
        outputs = ["--json", str(files[0]), "--html", str(files[1])]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        subprocess.run([*command, *options, *outputs], check=True, env=environment, cwd=tmp_path, capture_output=True)
        written.append([file.read_bytes() for file in files])
    assert written[0] == written[1]
    assert json.loads(written[0][0])["seed"] == 3


def test_calls_for_a_model_that_nobody_serves_any_more_are_failures_of_theirs():
    made = [*asks(), *SHORT.asks({"acme/gone": 1.0}, 1)]
    (run,) = told(play(world(), PRICE, made, seed=1), made=made)["runs"]
    assert run["failures"] == {"invalid_request": len(asks())}
    assert run["calls"] == 2 * len(asks())


def test_quantiles_are_of_those_who_waited():
    answers = [Answer(float(n), n / 100, n / 10) for n in range(100, 0, -1)] + [Answer(0.0, None, 5.0, "timeout")]
    (run,) = told(Played(PRICE, 0.0, answers))["runs"]
    assert run["first_token"] == {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    assert run["whole_answer"] == {"p50": 5.0, "p95": 9.5, "p99": 9.9}
    assert (run["calls"], run["failed"], run["failures"]) == (101, 1, {"timeout": 1})


def test_another_seed_gives_another_run():
    first, second = (told(play(world(), ROUND_ROBIN, asks(seed=seed), seed=seed)) for seed in (1, 2))
    assert first["runs"] != second["runs"]


class Page(HTMLParser):
    """What a page is made of, and what it would load."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.loads, self.data = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name in {"src", "href", "srcset", "action"}]

    def handle_data(self, data):
        self.data.append(data)


def test_the_page_loads_nothing_and_has_every_run(tmp_path):
    file = tmp_path / "r.html"
    options = ["--rate", "60", "--duration", "2m", "--strategy", "price", "--strategy", "uptime<b>"]
    result = CliRunner().invoke(replay, ["--scenario", "outage", *options, "--html", str(file)])
    assert result.exit_code == 2
    options[-1] = "round-robin"
    result = CliRunner().invoke(replay, ["--scenario", "outage", *options, "--html", str(file)])
    assert result.exit_code == 0, result.output
    page = Page(file.read_text())
    assert page.loads == []
    assert {"script", "link", "img", "iframe"}.isdisjoint(page.tags)
    assert page.tags.count("svg") >= 6
    assert "prefers-color-scheme:dark" in file.read_text()
    assert {"price", "round-robin", "cheap:chat", "dear:chat"} <= set(page.data)
    assert "url(" not in file.read_text()


def test_the_terminal_has_a_table_and_json_can_be_printed_alone():
    options = ["--scenario", "outage", "--rate", "60", "--duration", "30s", "--strategy", "price,balanced"]
    lines = CliRunner().invoke(replay, options).stdout.splitlines()
    assert lines[0].split()[:4] == ["run", "calls", "failed", "cost"]
    assert lines[1].split()[0] == "price,balanced"
    printed = json.loads(CliRunner().invoke(replay, [*options, "--json", "-"]).stdout)
    assert printed["runs"][0]["routing"] == {"strategy": ["price", "balanced"]}
    assert printed["traffic"]["calls"] == printed["runs"][0]["calls"]


def test_a_shipped_scenario_takes_a_strategys_options_from_the_configuration(tmp_path):
    file = tmp_path / "taxiway.toml"
    file.write_text("[strategies.weighted]\nweights = { cheap = 0.0, dear = 1.0, middle = 0.0 }\n")
    options = ["--scenario", "outage", "--duration", "20s", "--strategy", "weighted", "--config", str(file)]
    told_ = json.loads(CliRunner().invoke(replay, [*options, "--json", "-"]).stdout)
    assert [row["provider"] for row in told_["runs"][0]["endpoints"]] == ["dear"]
    assert told_["traffic"]["source"].startswith("made up; outage: one of three providers")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--strategy", "pricee"], 'no strategy is called "pricee"; did you mean "price"?'),
        (["--strategy", "price,blanced"], 'did you mean "balanced"?'),
        (["--model", "acme/chat=much"], "acme/chat=much: the share must be a number"),
        (["--model", "acme/chta"], "acme/chta"),
        (["--model", "acme/chat=0"], "load.models"),
        (["--tail", "-1"], "load.tail"),
        (["--rate", "0"], "load.rate"),
    ],
)
def test_a_wrong_option_is_named_with_the_nearest_right_one(options, said):
    result = CliRunner().invoke(replay, ["--scenario", "outage", "--duration", "10s", *options])
    assert result.exit_code != 0
    assert said in result.output or said in str(result.exception)


def test_what_is_given_as_nothing_is_not_left_out():
    options = ["--scenario", "outage", "--rate", "60", "--duration", "1m", "--tail", "0", "--streams", "0"]
    told_ = json.loads(CliRunner().invoke(replay, [*options, "--json", "-"]).stdout)
    calls = told_["traffic"]["calls"]
    assert (told_["traffic"]["streamed"], told_["traffic"]["tokens_in"]) == (0, 200 * calls)


def test_a_load_and_a_traffic_file_are_not_both_given(tmp_path):
    result = CliRunner().invoke(replay, [str(tmp_path / "g.jsonl"), "--streams", "0"])
    assert result.exit_code == 2
    assert "--streams describes a made-up load" in result.output


def test_where_nothing_says_which_model_is_asked_for_that_is_said(tmp_path):
    file = tmp_path / "taxiway.toml"
    file.write_text('credentials = [{ provider = "openai", key = "env:X" }]')
    result = CliRunner().invoke(replay, ["--config", str(file), "--strategy", "price"])
    assert result.exit_code == 2
    assert "--model: say what is asked for" in result.output


def test_without_anything_that_names_providers_it_says_what_to_give():
    result = CliRunner().invoke(replay, ["--strategy", "price"])
    assert isinstance(result.exception, ConfigError)
    assert "give a traffic file" in str(result.exception)


_OTHER = {
    "strategy": ["price", "balanced"],
    "cycle": {"acme": "waterfall"},
    "wait": "3s",
    "on_interrupted": "hold",
    "hedge": {"after": "p95"},
    "fallback_on": ["timeout"],
    "timeouts": {"total": "60s"},
    "retry_budget": {"share": 0.5},
    "order": ["a"],
    "only": ["a"],
    "ignore": ["b"],
    "allow_fallbacks": False,
    "require_parameters": True,
    "data_collection": "deny",
    "zdr": True,
    "enforce_distillable_text": True,
    "quantizations": ["fp8"],
    "sort": "price",
    "max_price": {"prompt": 1.0},
    "preferred_min_throughput": 10.0,
    "preferred_max_latency": 1.0,
}


@pytest.mark.parametrize("key", [one.name for one in fields(RoutingTable)])
def test_a_scenario_can_change_every_key_of_routing_and_changes_no_other(key):
    before, raw = RoutingTable(wait=7.0, order=("z",)).routing(), {key: _OTHER[key]}
    alone = structure(raw, RoutingTable).routing()
    after = routed(before, raw)
    default = RoutingTable().routing()
    for one in fields(Routing):
        was, got = (getattr(of, one.name) for of in (before, after))
        if one.name != "preferences":
            wanted = getattr(alone, one.name)
            assert got == (wanted if wanted != getattr(default, one.name) else was)
    for one in fields(Preferences):
        wanted, was = getattr(alone.preferences, one.name), getattr(before.preferences, one.name)
        assert getattr(after.preferences, one.name) == (
            wanted if wanted != getattr(default.preferences, one.name) else was
        )
    assert after != before


def test_the_readmes_scenario_is_one(tmp_path):
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    (block,) = re.findall(r"```toml scenario\n(about = .*?)```", readme, re.DOTALL)
    (tmp_path / "s.toml").write_text(block)
    scenario, own = load(str(tmp_path / "s.toml"))
    assert own is None
    assert (set(scenario.faults), set(scenario.limits), set(scenario.pace)) == ({"openai"}, {"anthropic"}, {"openai"})
    assert list(scenario.variants) == ["patient", "hasty"]


def test_a_scenario_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(ConfigError, match=r'outgae: no scenario is called so; did you mean "outage"'):
        load("outgae")
    listed = CliRunner().invoke(replay, ["--scenarios"]).output.splitlines()
    assert [line.partition(":")[0] for line in listed] == list(shipped())


@pytest.mark.parametrize("name", shipped())
def test_every_scenario_that_comes_along_can_be_played(name):
    result = CliRunner().invoke(replay, ["--scenario", name, "--duration", "20s", "--json", "-"])
    assert result.exit_code == 0, result.output
    scenario, _ = load(name)
    assert isinstance(scenario, Scenario)
    assert scenario.about
    assert all(run["calls"] > 0 for run in json.loads(result.stdout)["runs"])
