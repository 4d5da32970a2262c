"""Configuration: strict, all problems at once, each with its path, and none that quotes what may be a key."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from attrs import field, frozen, validators
from hypothesis import given
from hypothesis import strategies as st

from taxiway import ConfigError, Limits, Preferences, Price, Problem, Secret
from taxiway.clock import Duration
from taxiway.config import LATER, load, read
from taxiway.converter import structure
from taxiway.preferences import MaxPrice, Sort
from taxiway.routing import Hedge, Routing
from taxiway.snapshot import Snapshot
from taxiway.tables import ModelTable, address_of


def parse(raw):
    return read(raw).checked()


LITERAL = "sk-planted-0123456789abcdef"


def problems(raw, **more):
    with pytest.raises(ConfigError) as raised:
        parse({**raw, **more})
    return {problem.path: problem.message for problem in raised.value.problems}


def structured(raw, cls):
    with pytest.raises(ConfigError) as raised:
        structure(raw, cls, "table")
    return {problem.path: problem.message for problem in raised.value.problems}


def test_without_a_file_everything_has_its_default():
    config = load(None)
    assert config.gateway.listen == "127.0.0.1:8787"
    assert config.gateway.body_limit == 32 * 1024 * 1024
    assert config.routing.strategies == ("balanced",)
    assert (config.credentials, config.providers, config.store, config.data_dir) == ((), {}, None, None)


def test_the_designs_example_is_read(tmp_path):
    file = tmp_path / "taxiway.toml"
    file.write_text("""
        data_dir = "~/there"
        [gateway]
        listen = "127.0.0.1:9000"
        [store]
        url = "sqlite:///~/.taxiway/taxiway.db"
        [[credentials]]
        provider = "one"
        key = "env:ONE_API_KEY"
        label = "main"
        [[credentials]]
        provider = "one"
        key = "vault:secret/data/ai#two"
        limits = { requests_per_minute = 500 }
        [[credentials]]
        provider = "two"
        settings = { profile = "prod", region = "eu-central-1" }
        fallback = true
        [routing]
        strategy = ["uptime", "price"]
        cycle = "waterfall"
        wait = "2s"
        on_interrupted = "error"
        timeouts = { first_token = "30s" }
        order = ["two"]
        [strategies.uptime]
        window = "30s"
        [models."team/fast"]
        try = ["a/b", "c/d"]
        [models."a/b"]
        price = { input = 0.15, output = 0.6 }
        context = 128000
        [[providers]]
        use = "compatible"
        slug = "local"
        base_url = "http://127.0.0.1:8000/v1"
        """)
    config = load(file).checked()
    assert config.source == str(file)
    assert config.data_dir == Path("~/there").expanduser()
    main, second, third = config.credentials
    assert (main.label, main.key, main.section) == ("main", "env:ONE_API_KEY", "prioritised")
    assert second.limits == Limits(requests_per_minute=500)
    assert (third.section, third.settings) == ("fallback", {"profile": "prod", "region": "eu-central-1"})
    assert len({credential.id for credential in config.credentials}) == 3
    routing = config.routing
    assert (routing.strategies, routing.cycle, routing.wait) == (("uptime", "price"), "waterfall", 2.0)
    assert (routing.timeouts.first_token, routing.timeouts.total) == (30.0, 600.0)
    assert routing.preferences.order == ("two",)
    assert config.strategies == {"uptime": {"window": "30s"}}
    assert config.models["team/fast"].try_ == ("a/b", "c/d")
    price = config.models["a/b"].price
    assert price is not None
    assert price.price() == Price(input=0.15e-6, output=0.6e-6)
    options = {"use": "compatible", "slug": "local", "base_url": "http://127.0.0.1:8000/v1"}
    assert config.providers == {"providers[0]": options}
    assert config.store == {"url": "sqlite:///~/.taxiway/taxiway.db"}


def test_keys_take_turns_by_provider_where_that_is_said():
    def routing(cycle):
        return read({"routing": {"cycle": cycle}}).checked().routing

    assert (routing("waterfall").cycle, routing("waterfall").cycles) == ("waterfall", {})
    both = routing({"default": "round-robin", "one": "waterfall"})
    assert (both.cycle, both.cycles) == ("round-robin", {"one": "waterfall"})
    assert both.cycling == "round-robin, waterfall at one"
    assert routing({"one": "waterfall"}).cycle == "headroom"
    found = problems({"routing": {"cycle": {"one": "waterfal"}}})
    assert "waterfall" in found["routing.cycle.one"]


def test_all_problems_come_at_once_each_with_its_place():
    found = problems(
        {
            "datadir": "x",
            "gateway": {"listen": 3, "body_limit": 0, "max_calls": -1, "bodylimit": 1},
            "routing": {
                "cycle": "headrom",
                "fallback_on": ["timeot"],
                "timeouts": {"first_tokn": "1s", "idle": "1 minute", "total": -1},
                "retry_budget": {"share": -1.0, "least": -1},
            },
            "credentials": [{"provder": "one"}, {"provider": "one", "limits": {"requests_per_minut": 1}}, 3],
            "models": {"team/fast": {"try": "a/b"}, "x": {"price": {"output": -1}}},
            "telemetry": {"use": "jsonl"},
        }
    )
    assert found == {
        "datadir": 'is not a known key; did you mean "data_dir"?',
        "gateway.listen": "must be text, not a whole number",
        "gateway.body_limit": "must be > 0: 0",
        "gateway.max_calls": "must be > 0: -1",
        "gateway.bodylimit": 'is not a known key; did you mean "body_limit"?',
        "routing.cycle": 'must be "headroom" or "waterfall" or "round-robin"; did you mean "headroom"?',
        "routing.fallback_on[0]": 'is not a known name; did you mean "timeout"?',
        "routing.timeouts.first_tokn": 'is not a known key; did you mean "first_token"?',
        "routing.timeouts.idle": 'must be a duration such as "250ms", "2s", "5m" or "1h"',
        "routing.timeouts.total": "must be > 0.0: -1.0",
        "routing.retry_budget.share": "must be >= 0.0: -1.0",
        "routing.retry_budget.least": "must be >= 0: -1",
        "credentials[0].provider": "is missing",
        "credentials[0].provder": 'is not a known key; did you mean "provider"?',
        "credentials[1].limits.requests_per_minut": 'is not a known key; did you mean "requests_per_minute"?',
        "credentials[2]": "must be a table, not a whole number",
        'models."team/fast".try': "must be a list, not text",
        "models.x.price.input": "is missing",
        "models.x.price.output": "must be >= 0.0: -1.0",
        "telemetry": "must be a list of tables: write [[telemetry]]",
    }


def test_what_is_right_of_a_table_with_mistakes_is_read_all_the_same():
    tables = {
        "routing": {"strateg": "price", "strategy": "nearest", "timeouts": {"idle": "?"}, "only": ["one"]},
        "models": {"team/fast": {"tyr": ["a/b"]}, "a/b": {"context": 1}},
        "credentials": [{"provider": "one", "label": "a", "sort_ordr": 1}, {"label": "b"}],
    }
    config = read(tables)
    assert len(config.problems) == 5
    assert config.routing == Routing(strategies=("nearest",), preferences=Preferences(ceiling=("one",)))
    assert config.models == {"a/b": ModelTable(context=1)}
    assert [credential.id for credential in config.credentials] == ["one/a"]


def test_mistakes_that_only_the_whole_table_shows_come_with_those_of_single_keys():
    tables = {
        "routing": {"cycle": "waterfal", "sort": "prize", "max_price": {"promt": 1}},
        "credentials": [
            {"provider": "one", "label": "a", "sort_ordr": 1, "fallback": True, "pool": True},
            {"provider": "one", "label": "a", "limits": {"requests": 5}},
        ],
    }
    assert set(problems(tables)) == {
        "routing.cycle",
        "routing.sort",
        "routing.max_price.promt",
        "credentials[0].sort_ordr",
        "credentials[0].fallback",
        "credentials[1].limits.requests",
        "credentials[1].label",
    }


def test_a_mapping_may_have_keys_that_are_no_text():
    assert problems({1: 2, "routing": {3: 4}}).keys() == {"1", "routing.3"}


def test_a_key_that_is_wrong_is_not_called_missing_too():
    found = problems({"credentials": [{"provider": 1, "label": "a"}]})
    assert found == {"credentials[0].provider": "must be text, not a whole number"}


@pytest.mark.parametrize(("listen", "expected"), [
    ("127.0.0.1:1", ("127.0.0.1", 1)), ("localhost", ("localhost", 8787)), ("[::1]:80", ("::1", 80)), ("[::1]", ("::1", 8787)),
])  # fmt: skip
def test_an_address_to_listen_on_is_host_and_port(listen, expected):
    assert address_of(parse({"gateway": {"listen": listen}}).gateway.listen) == expected


@pytest.mark.parametrize("listen", ["", ":80", "host:port", "host:99999", "host:", "::1", "a b:1", "host:\u0661"])
def test_an_address_that_is_none_is_a_mistake_of_the_file(listen):
    assert problems({"gateway": {"listen": listen}})["gateway.listen"].startswith('must be "host:port"')


def test_routing_has_the_forms_of_a_requests_provider_object():
    table = {
        "only": ["a"],
        "ignore": ["b"],
        "zdr": True,
        "data_collection": "deny",
        "require_parameters": True,
        "enforce_distillable_text": True,
        "quantizations": ["fp8", "unknown"],
        "sort": {"by": "latency", "partition": "none"},
        "max_price": {"prompt": 1, "request": 0.25},
        "preferred_min_throughput": 50,
        "preferred_max_latency": {"p90": 2.5},
    }
    assert parse({"routing": table}).routing.preferences == Preferences(
        ceiling=("a",),
        ignore=("b",),
        zdr=True,
        data_collection=False,
        require_parameters=True,
        distillable=True,
        quantizations=("fp8", "unknown"),
        sort=Sort("latency", "none"),
        max_price=MaxPrice(prompt=1e-6, request=0.25),
        preferred_min_throughput={0.5: 50.0},
        preferred_max_latency={0.9: 2.5},
    )
    assert parse({"routing": {"sort": "price"}}).routing.preferences.sort == Sort("price")


@pytest.mark.parametrize(
    ("table", "path", "said"),
    [
        ({"sort": "prize"}, "sort", "must be one of price, throughput, latency, exacto"),
        (
            {"sort": {"by": "prize"}},
            "sort.by",
            'must be "price" or "throughput" or "latency" or "exacto"; did you mean "price"?',
        ),
        (
            {"max_price": {"promt": 1}},
            "max_price.promt",
            "is not a known field; there is prompt, completion, request, image, audio",
        ),
        ({"max_price": {"prompt": -1}}, "max_price.prompt", "must be a number, not below 0"),
        (
            {"preferred_max_latency": {"p95": 1}},
            "preferred_max_latency.p95",
            "is not a known field; there is p50, p75, p90, p99",
        ),
        ({"quantizations": ["fp9"]}, "quantizations[0]", 'is not a known name; did you mean "fp8"?'),
        ({"data_collection": "no"}, "data_collection", 'must be "allow" or "deny"'),
    ],
)
def test_mistakes_in_the_defaults_of_a_provider_object_have_their_place(table, path, said):
    assert problems({"routing": table}) == {f"routing.{path}": said}


def test_a_misspelt_service_tier_has_its_place_beside_a_mistake_in_another():
    tiers = {"flexx": {}, "priority": {"price": {"input": "x"}}}
    assert problems({"models": {"a/b": {"tiers": tiers}}}) == {
        'models."a/b".tiers.flexx': 'must be "priority" or "flex"; did you mean "flex"?',
        'models."a/b".tiers.priority.price.input': "must be a number, not text",
    }


@pytest.mark.parametrize("table", sorted(LATER))
def test_tables_of_later_are_not_built_yet(table):
    assert problems({table: {}}) == {table: "is not built yet"}


@pytest.mark.parametrize(
    ("raw", "path", "said"),
    [
        ({"gateway": {"apps": []}}, "gateway.apps", "is not built yet"),
    ],
)
def test_words_of_later_are_not_built_yet(raw, path, said):
    assert problems(raw) == {path: said}


def test_what_follows_an_interruption_is_said_for_all_calls_and_for_single_models():
    config = parse({"routing": {"on_interrupted": "resume"}, "models": {"a/b": {"on_interrupted": "hold"}}})
    snapshot = Snapshot(offers={}, names=config.models, routing=config.routing)
    said = [snapshot.on_interrupted(*names) for names in (("a/b",), ("a/c",), ("team/x", "a/b"), ("a/b", "a/c"))]
    assert said == ["hold", "resume", "hold", "hold"]


@pytest.mark.parametrize(
    ("flags", "path", "said"),
    [
        (
            {"pool": True, "required": True},
            "required",
            "keeps the pool's keys from being used, and this one is the pool's",
        ),
        (
            {"pool": True, "byok_only": True},
            "byok_only",
            "keeps the pool's keys from being used, and this one is the pool's",
        ),
        (
            {"fallback": True, "byok_only": True},
            "byok_only",
            "a key that alone may be used is no fallback: leave out one",
        ),
    ],
)
def test_flags_of_a_credential_that_exclude_each_other_are_refused(flags, path, said):
    found = problems({"credentials": [{"provider": "a", **flags}]})
    assert list(found) == [f"credentials[0].{path}"]
    assert found[f"credentials[0].{path}"].startswith(said)


def test_a_hedge_comes_after_a_learnt_quantile_or_a_fixed_time():
    hedges = [parse({"routing": {"hedge": {"after": after}}}).routing.hedge for after in ("p95", "800ms")]
    assert hedges == [Hedge(share=0.95), Hedge(seconds=0.8)]
    assert parse({"routing": {}}).routing.hedge is None
    for wrong in ("p96", "soon"):
        assert problems({"routing": {"hedge": {"after": wrong}}}) == {
            "routing.hedge.after": 'must be p50, p75, p90, p95, p99, or a duration such as "800ms"'
        }


@pytest.mark.parametrize("key", [LITERAL, "", 17, {"value": LITERAL}, [LITERAL], "ENV:" + LITERAL])
def test_a_key_in_place_of_a_reference_is_refused_and_not_shown(key):
    with pytest.raises(ConfigError) as raised:
        parse({"credentials": [{"provider": "one", "key": key, "oops": 1}]})
    assert "credentials[0].key: must say where the key is" in str(raised.value)
    assert "planted" not in repr(raised.value) + str(raised.value)


@given(st.recursive(st.sampled_from([LITERAL, 1, True, None, 0.5]), st.lists, max_leaves=4))
def test_no_problem_quotes_a_text_that_was_given(value):
    tables = "gateway store credentials providers routing strategies models catalog transport telemetry spool plugins".split()
    fields = (
        "listen cors provider key label settings limits strategy cycle wait timeouts order use url disabled".split()
    )
    table = dict.fromkeys(fields, value)
    raw = {name: [table] if name in {"credentials", "providers", "telemetry"} else table for name in tables}
    with pytest.raises(ConfigError) as raised:
        parse({**raw, "data_dir": value, "other": value, "no_such_key": 1})
    assert "planted" not in str(raised.value)


def test_a_label_is_made_from_the_reference_unless_that_may_be_a_key():
    def label(key, **more):
        return parse({"credentials": [{"provider": "one", "key": key, **more}]}).credentials[0].label

    assert label("env:ONE_API_KEY") == "ONE_API_KEY"
    assert label("file:/run/secrets/one.key") == "one.key"
    assert label("env:ONE_API_KEY", label="mine") == "mine"
    assert label(f"env:{LITERAL}") == "one"
    assert label(f"file:/{LITERAL}") == "one"
    assert label("vault:secret/data/ai#" + "x" * 40) == "one"


def test_labels_of_one_provider_are_unique():
    twice = [{"provider": "one", "label": "a"}, {"provider": "two", "label": "a"}, {"provider": "one", "label": "a"}]
    assert problems({"credentials": twice}) == {
        "credentials[2].label": "the label of credentials[0] is the same; give one of them another"
    }
    same = parse({"credentials": [{"provider": "one", "key": "env:K"}, {"provider": "one", "key": "env:K"}]})
    assert [credential.label for credential in same.credentials] == ["K", "K-2"]


def test_a_credential_is_the_pools_or_a_fallback():
    assert "credentials[0].fallback" in problems({"credentials": [{"provider": "a", "pool": True, "fallback": True}]})
    assert parse({"credentials": [{"provider": "a", "pool": True}]}).credentials[0].section == "pool"


def test_names_of_ones_own_name_models_only():
    names = {
        "a/fast": {"try": ["x/y"]},
        "a/faster": {"try": ["x/y", "a/fast"]},
        "a/priced": {"try": ["x/y"], "context": 1},
        "a/paired": {"try": ["x/y"], "slug": "x/z"},
    }
    assert set(problems({"models": names})) == {'models."a/faster".try[1]', 'models."a/priced"', 'models."a/paired"'}


@pytest.mark.parametrize(
    ("lists", "paths"),
    [
        ({"x": ["x:nitro", "acme/m"]}, {'models."x".try[0]'}),
        ({"x": ["y:floor:free"], "y": ["acme/m", "x:nitro"]}, {'models."x".try[0]', 'models."y".try[1]'}),
        ({"taxiway/auto": ["openrouter/auto"]}, {'models."taxiway/auto".try[0]'}),
        ({"openrouter/auto": ["acme/m", "taxiway/auto:free"]}, {'models."openrouter/auto".try[1]'}),
    ],
)
def test_no_list_names_a_list_behind_variants_or_another_word_either(lists, paths):
    found = problems({"models": {name: {"try": models} for name, models in lists.items()}})
    assert {path.replace("models.x.", 'models."x".').replace("models.y.", 'models."y".') for path in found} == paths
    assert all("name models" in said for said in found.values())


def test_what_stands_behind_a_list_s_name_and_is_no_variant_makes_another_name():
    lists = {"x": ["acme/m:8b", "acme/m:free"], "acme/m:9b": ["acme/m:8b", "openrouter/auto"]}
    assert set(parse({"models": {name: {"try": models} for name, models in lists.items()}}).models) == set(lists)


@pytest.mark.parametrize("slug", ["", "model", "author/", "/model"])
def test_a_slug_has_an_author_and_a_name(slug):
    assert 'as in "author/name"' in problems({"models": {"alpha/two": {"slug": slug}}})['models."alpha/two".slug']


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("2s", 2), ("1.5m", 90), ("1h", 3600), (3, 3), (0.5, 0.5)]
)
def test_durations(text, seconds):
    assert parse({"routing": {"wait": text}}).routing.wait == seconds


@pytest.mark.parametrize("text", ["2", "2 s", "s", "-2s", "2S", "1h30m", True, [], "2s\n"])
def test_what_is_no_duration(text):
    assert "must be a duration" in problems({"routing": {"wait": text}})["routing.wait"]


def test_a_broken_file_says_where(tmp_path):
    file = tmp_path / "taxiway.toml"
    with pytest.raises(ConfigError, match=f"{file}: can't be read: No such file"):
        load(file).checked()
    file.write_text(f'[gateway]\nkey = "{LITERAL}\n')
    with pytest.raises(ConfigError, match=r"is not TOML: .*line 2") as raised:
        load(file).checked()
    assert "planted" not in str(raised.value)
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load(file).checked()


@frozen
class Inner:
    port: int = 1


@frozen
class Options:
    """What plugins may use in their options."""

    name: str = "x"
    count: int = field(default=1, validator=validators.gt(0))
    share: float = 0.5
    on: bool = False
    window: Duration = 1.0
    names: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()
    items: list[str | Inner] = field(factory=list)
    table: dict[str, int] = field(factory=dict)
    level: str = field(default="low", validator=validators.in_(["low", "high"]))
    file: Path | None = None
    secret: Secret | None = None
    from_: str = ""
    pair: int = field(default=1)

    @pair.validator
    def _paired(self, attribute, value):
        if value > len(self.names) + 1:
            raise ValueError("'pair' must be matched by names")
        if value < 0:
            raise ConfigError([Problem("must not be negative", "pair")])


def test_a_plugins_options_are_structured():
    raw = {
        "name": "a",
        "count": 2,
        "share": 1,
        "on": True,
        "window": "5m",
        "names": ["a"],
        "kinds": ["b", "c"],
        "items": ["text", {"port": 2}],
        "table": {"a": 1},
        "level": "high",
        "file": "/x",
        "from": "there",
    }
    assert structure(raw, Options) == Options(
        "a",
        2,
        1.0,
        True,
        300.0,
        ("a",),
        frozenset("bc"),
        ["text", Inner(2)],
        {"a": 1},
        "high",
        Path("/x"),
        None,
        "there",
    )


@pytest.mark.parametrize(
    ("raw", "path", "said"),
    [
        ({"name": 3}, "table.name", "must be text, not a whole number"),
        ({"name": None}, "table.name", "must be text, not nothing"),
        ({"count": True}, "table.count", "must be a whole number, not true or false"),
        ({"count": "3"}, "table.count", "must be a whole number, not text"),
        ({"count": 3.0}, "table.count", "must be a whole number, not a number"),
        ({"count": 0}, "table.count", "must be > 0: 0"),
        ({"share": True}, "table.share", "must be a number, not true or false"),
        ({"share": "1s"}, "table.share", "must be a number, not text"),
        ({"on": 1}, "table.on", "must be true or false, not a whole number"),
        ({"names": "abc"}, "table.names", "must be a list, not text"),
        ({"names": {"a": 1}}, "table.names", "must be a list, not a table"),
        ({"names": ["a", 1]}, "table.names[1]", "must be text, not a whole number"),
        ({"items": [{"prot": 1}]}, "table.items[0].prot", 'is not a known key; did you mean "port"?'),
        ({"items": [3]}, "table.items[0]", "must not be a whole number"),
        ({"table": {"a.b": "x"}}, 'table.table."a.b"', "must be a whole number, not text"),
        ({"table": []}, "table.table", "must be a table, not a list"),
        ({"level": LITERAL}, "table.level", "must be in ['low', 'high'] (got another text)"),
        ({"secret": LITERAL}, "table.secret", "a key is never written here"),
        ({"pair": 3}, "table.pair", "must be matched by names"),
        ({"pair": -1}, "table.pair", "must not be negative"),
        ({"file": 3}, "table.file", "must be a path"),
        ({"form": "x"}, "table.form", 'is not a known key; did you mean "from"?'),
        ([], "table", "must be a table, not a list"),
    ],
)
def test_wrong_options_of_a_plugin(raw, path, said):
    found = structured(raw, Options)
    assert list(found) == [path]
    assert said in found[path]


@frozen
class Choices:
    both: str | float = 0.0
    three: str | tuple[str, ...] | None = None
    some: Sequence[str] = ()
    level: int = field(default=1, validator=lambda _, __, value: {1: "low"}[value])


def test_choices_are_told_apart_by_the_kind_of_value():
    assert structure({"both": 1}, Choices).both == 1.0
    assert [structure({"three": value}, Choices).three for value in ("a", ["a"], None)] == ["a", ("a",), None]
    assert structured({"both": True, "three": 3, "some": "abc", "level": 2}, Choices) == {
        "table.both": "must not be true or false",
        "table.three": "must not be a whole number",
        "table.some": "must be a list, not text",
        "table.level": "can't be used",
    }


def test_options_that_no_file_can_give_are_the_plugins_mistake():
    @frozen
    class Odd:
        thing: object = None

    assert structured({"thing": 1}, Odd) == {
        "table.thing": "can't be given in a file: the options have a field of type object"
    }


def test_what_is_no_mapping_is_one_clear_error():
    with pytest.raises(ConfigError, match="must be a mapping"):
        read([])
