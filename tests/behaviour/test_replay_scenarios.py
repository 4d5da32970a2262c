"""What routing promises, by the scenarios that come with `taxiway simulator replay`: what anybody can run again."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

from taxiway_cli.main import main


def played(scenario: str, *options: str) -> dict[str, Any]:
    """Play a scenario of one run; return it, with the report's step beside it."""
    (run,) = played_all(scenario, *options)
    return run


def played_all(scenario: str, *options: str) -> list[dict[str, Any]]:
    """Play a scenario by the command."""
    result = CliRunner().invoke(main, ["simulator", "replay", "--scenario", scenario, "--json", "-", *options])
    assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    return [{**run, "step": report["step_seconds"]} for run in report["runs"]]


def between(run: dict[str, Any], endpoint: str, start: float, end: float) -> list[tuple[int, int]]:
    """Attempts at an endpoint, and all calls, in each step that lies between two moments (seconds)."""
    steps = range(int(start // run["step"]), int(end // run["step"]))
    attempts, calls = run["timeline"]["attempts"][endpoint], run["timeline"]["calls"]
    return [(attempts[n], calls[n]) for n in steps]


@pytest.mark.parametrize("scenario", ["cycling", "cycling-tokens"])
def test_five_keys_serve_what_they_allow_together(scenario):
    run = played(scenario, "--duration", "3m")
    assert (run["calls"], run["failed"]) == (900, 0)
    assert run["upstream_429"]["share_after_first_minute"] < 0.01
    assert [row["served"] for row in run["keys"]] == pytest.approx([180] * 5, abs=3)


def test_limits_that_nobody_tells_are_learnt_from_few_refusals():
    run = played("cycling-untold", "--duration", "3m")
    assert run["failed"] <= 0.01 * run["calls"]
    assert run["upstream_429"]["share_after_first_minute"] < 0.01
    served = {row["key"]: row["served"] for row in run["keys"]}
    assert served["five"] > 2.4 * served["one"]


def test_keys_that_are_used_up_for_the_day_are_left_alone():
    run = played("day-quotas", "--duration", "3m")
    assert run["failed"] == 0
    for row in run["keys"]:
        if row["key"] in {"one", "two"}:
            assert row["served"] <= 10
            assert row["upstream_429"] <= 1


def test_an_outage_reaches_no_client_and_hardly_the_dead_provider():
    run = played("outage", "--duration", "150s")
    assert run["failed"] == 0
    assert all(attempts <= 3 * run["step"] for attempts, _ in between(run, "cheap:chat", 60 + run["step"], 120))
    back = between(run, "cheap:chat", 130, 150)
    # By 1 / price^2 it has 36 of 49 calls.
    assert sum(attempts for attempts, _ in back) > 0.5 * sum(calls for _, calls in back)


def test_a_brown_out_is_avoided_within_fifteen_seconds():
    run = played("brown-out", "--duration", "2m")
    assert run["failed"] == 0
    out = between(run, "cheap:chat", 75, 120)
    assert sum(attempts for attempts, _ in out) < 0.05 * sum(calls for _, calls in out)


def test_a_second_attempt_halves_the_slowest_first_tokens_for_little_money():
    plain, hedged = played_all("hedging", "--rate", "200", "--duration", "6m")
    assert plain["failed"] == hedged["failed"] == 0
    assert hedged["first_token"]["p99"] <= 0.5 * plain["first_token"]["p99"]
    assert plain["cost_usd"] < hedged["cost_usd"] <= 1.08 * plain["cost_usd"]
