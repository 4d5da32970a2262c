"""What a replay reads: lines of recorded generations, and what they tell of providers, keys and clients."""

import json
import math
from random import Random

import pytest
from attrs import asdict, evolve

from taxiway.chat_facts import facts
from taxiway.errors import ConfigError
from taxiway.outcome import AttemptRecord, Generation
from taxiway.usage import Usage
from taxiway_simulator.answers import prompt_tokens
from taxiway_simulator.options import Quota
from taxiway_simulator.replay.asks import Load, recorded
from taxiway_simulator.replay.fitting import observe
from taxiway_simulator.replay.traffic import read

START = 1_760_000_000.0
MODEL = "acme/chat"


def attempt(at=0.0, provider="acme", account="main", **known):
    given = {"tokens": 90, "price_in": 1e-6, "price_out": 2e-6, "latency": 0.4, "duration": 2.4, "status": 200, **known}
    usage = Usage(input=100, output=given.pop("output", 80)) if given.get("kind") is None else None
    given["usage"] = usage
    return AttemptRecord(1, f"{provider}:chat", provider, account, f"{provider}/{account}", MODEL, START + at, **given)


def generation(number, at=0.0, attempts=None, **known):
    attempts = [attempt(at)] if attempts is None else attempts
    served = attempts[-1] if attempts and attempts[-1].kind is None else None
    given = {"requested": MODEL, "state": "failed" if served is None else "done", "streamed": True, **known}
    return Generation(
        id=f"gen-{number}",
        workspace="default",
        api_key="",
        operation=given.pop("operation", "chat"),
        dialect="chat",
        created=START + at,
        attempts=attempts,
        usage=served and served.usage,
        **given,
    )


def write(path, *lines):
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(asdict(line))}\n" for line in lines))
    return path


def test_what_the_sink_wrote_comes_back_by_time_and_each_id_once(tmp_path):
    old = write(tmp_path / "g.jsonl.1", generation(2, at=5), generation(1, at=1))
    new = write(tmp_path / "g.jsonl", generation(2, at=5), generation(3, at=9))
    assert read([new, old]).generations == [generation(1, at=1), generation(2, at=5), generation(3, at=9)]


def test_a_newer_versions_fields_are_passed_over_and_missing_ones_have_their_defaults(tmp_path):
    known = asdict(generation(1))
    del known["cost"], known["attempts"][0]["headroom"]
    line = json.dumps({**known, "colour": "red"})
    assert read([write(tmp_path / "g.jsonl", line)]).generations == [generation(1)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "gen-2", "stat', "is not JSON"),
        ("[1]", "its generation is no object"),
        (json.dumps({**asdict(generation(2)), "created": "today"}), '"created" of its generation is not a number'),
        (json.dumps({**asdict(generation(2)), "attempts": [{}]}), '"provider" of its attempt is missing'),
        (json.dumps({"id": "2", "operation": "chat", "requested": "m", "created": 1, "attempts": []}), "lacks state"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_with_its_file(tmp_path, line, said):
    path = write(tmp_path / "g.jsonl", generation(1), line, generation(3))
    with pytest.raises(ConfigError) as caught:
        read([path])
    assert str(caught.value).startswith(f"{path}, line 2: ")
    assert said in str(caught.value)
    traffic = read([path], lenient=True)
    assert [one.id for one in traffic.generations] == ["gen-1", "gen-3"]
    assert traffic.left_out == 1


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"gone.jsonl: can't be read: No such file"):
        read([tmp_path / "gone.jsonl"])


def test_a_call_is_made_again_with_its_time_its_sizes_and_what_it_fell_back_to():
    moved = [attempt(3, kind="unavailable"), evolve(attempt(4), model="acme/other")]
    generations = [
        generation(1, at=2, streamed=False),
        generation(2, at=3, attempts=moved),
        generation(3, at=4, attempts=[], error="rate_limited"),
        generation(4, at=5, operation="rerank"),
        generation(5, at=6, attempts=[attempt(6, max_output=300, kind="overloaded")]),
    ]
    first, second, third, fourth = recorded(generations)
    assert (first.at, first.prompt, first.output, first.stream) == (0, 100, 80, False)
    assert second.models == (MODEL, "acme/other")
    assert (third.at, third.output) == (2, 80), "a reply that nobody saw is as long as others of its model"
    assert (fourth.prompt, fourth.max_output) == (90, 300)
    named = recorded([generation(1, requested="team/fast")], ["team/fast"])
    assert named[0].models == ("team/fast",)
    preset = recorded([generation(1, requested="@preset/mine")])
    assert preset[0].models == (MODEL,)


def test_no_two_calls_are_alike_and_each_has_its_size():
    ask = recorded([generation(1)])[0]
    first, second = (ask.body(number) for number in (1, 2000))
    assert first != second
    for body in (first, second):
        assert prompt_tokens(body) == 100
        assert facts(body, {}, {}).tokens == pytest.approx(100, abs=4)
    assert "reply in 80 tokens" in first["messages"][0]["content"]


def test_the_pace_of_an_endpoint_is_fitted_to_what_it_served():
    waits = [0.2, 0.4, 0.8]
    served = [generation(n, attempts=[attempt(latency=wait, duration=wait + 2)]) for n, wait in enumerate(waits)]
    failed = generation(9, attempts=[attempt(kind="timeout", latency=None, duration=60.0)])
    pace = observe([*served, failed]).endpoints["acme", "chat"].pace()
    assert pace.first_token == 0.4
    assert pace.spread == pytest.approx(0.566, abs=1e-3)
    assert pace.tokens_per_second == 40


def test_a_heavy_tail_is_told_from_a_wide_spread():
    random = Random(3)
    heavy = [0.3 * random.paretovariate(1.2) for _ in range(400)]
    wide = [0.3 * math.exp(random.gauss(0, 0.8)) for _ in range(400)]
    attempts = [[attempt(latency=one, duration=one + 1)] for one in heavy]
    attempts += [[attempt(provider="bolt", latency=one, duration=one + 1)] for one in wide]
    seen = observe([generation(n, attempts=some) for n, some in enumerate(attempts)]).endpoints
    paces = [seen[provider, "chat"].pace() for provider in ("acme", "bolt")]
    assert (paces[0].spread, paces[0].tail) == (0.0, pytest.approx(1.2, rel=0.1))
    assert (paces[1].spread, paces[1].tail) == (pytest.approx(0.8, rel=0.1), None)


def test_where_nothing_was_streamed_the_pace_is_read_from_how_length_adds_time():
    served = [
        generation(n, attempts=[attempt(latency=None, output=length, duration=0.5 + length / 50)])
        for n, length in enumerate((10, 100, 200))
    ]
    pace = observe(served).endpoints["acme", "chat"].pace()
    assert (pace.first_token, pace.tokens_per_second) == (pytest.approx(0.5), pytest.approx(50))


def test_a_limit_is_the_most_that_a_key_was_let_through_in_a_minute():
    through = [generation(n, at=n) for n in range(20)]
    told = generation(30, at=20, attempts=[attempt(20, kind="rate_limited", status=429)])
    other = generation(31, attempts=[attempt(account="other")])
    limits = observe([*through, told, other]).limits
    assert limits == {("acme", "main"): Quota(requests=20), ("acme", "other"): Quota()}


def test_a_limit_that_was_never_met_shows_in_what_was_left_of_it():
    by_requests = [generation(n, attempts=[attempt(n, headroom=1 - n / 50, tokens=50 * n)]) for n in range(1, 20)]
    used, by_tokens = 0, []
    for n in range(1, 20):
        by_tokens.append(generation(n, attempts=[attempt(n, "bolt", headroom=1 - used / 20_000, tokens=40 * n)]))
        used += 40 * n
    limits = observe([*by_requests, *by_tokens]).limits
    assert limits == {("acme", "main"): Quota(requests=50), ("bolt", "main"): Quota(tokens=20_000)}


def test_an_outage_that_was_recorded_lasts_until_the_next_good_try():
    failed = [generation(n, at=70 + n, attempts=[attempt(70 + n, kind="overloaded")]) for n in range(3)]
    seen = observe([generation(8, at=1), *failed, generation(9, at=190)])
    (fault,) = seen.faults["acme"]
    assert (fault.kind, fault.at, fault.lasts, fault.share, fault.model) == ("overloaded", 60, 120, 1, "chat")


def test_a_dead_key_is_dead_for_itself_alone():
    dead = generation(1, attempts=[attempt(account="old", kind="quota_exhausted", status=429)])
    seen = observe([dead, generation(2)])
    (fault,) = seen.faults["acme"]
    assert (fault.kind, fault.key, fault.model) == ("insufficient_quota", "old", "")


def test_a_load_is_made_up_by_its_seed():
    load = Load(rate=120, duration=300, models={MODEL: 1.0}, streams=0.25)
    asks = list(load.asks(load.models, 7))
    assert asks == list(load.asks(load.models, 7))
    assert asks != list(load.asks(load.models, 8))
    assert len(asks) == pytest.approx(600, rel=0.15)
    assert sum(ask.stream for ask in asks) / len(asks) == pytest.approx(0.25, abs=0.08)
    assert sorted(ask.prompt for ask in asks)[len(asks) // 2] == pytest.approx(400, rel=0.15)
    even = list(evolve(load, arrivals="even", tail=0).asks(load.models, 7))
    assert [ask.at for ask in even[:3]] == [0, 0.5, 1.0]
    assert len(even) == 600
    assert {ask.prompt for ask in even} == {400}
