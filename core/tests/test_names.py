"""What the name of a model asks for: a snapshot and names in, models with their endpoints out."""

import contextlib
from random import Random

import pytest
from attrs import evolve

from taxiway.call import Facts
from taxiway.candidate import SECTIONS, Account, Candidate, Credential, Endpoint
from taxiway.draws import Draws
from taxiway.errors import InvalidRequest, UnknownModel
from taxiway.money import Price
from taxiway.names import asked, check_plugin, restricted
from taxiway.outcome import CallError
from taxiway.planner import Notes, plan
from taxiway.preferences import Preferences, Sort, preferences_of
from taxiway.routing import ModelRouting, Timeouts
from taxiway.snapshot import Offer, Snapshot
from taxiway.strategy import Ranked
from taxiway.tables import RoutingTable
from taxiway.testing.dialect import make_endpoint
from taxiway.testing.strategy import FakeView as Figures
from taxiway.testing.strategy import make_chat
from taxiway.variants import VARIANTS, base_of

SONNET, HAIKU, FREE = "acme/sonnet-4.5", "acme/haiku-4.5", Price(input=0.0, output=0.0)
SEARCH = frozenset({"web_search_options", "tools"})


class FakeView(Figures):
    """Given figures, which do not hang on what is ranked."""


class ByName:
    """A strategy that says which one it is, and ranks by the provider's name backwards."""

    def __init__(self, name: str = "") -> None:
        self.name, self.seen = name, []

    def rank(self, call, endpoints, view, random):
        self.seen.append([one.model for one in endpoints])
        return [Ranked(one, -float(ord(one.provider[0])), self.name) for one in endpoints]


def endpoint(provider: str, model: str = SONNET, price: float = 1.0, **fields: object) -> Endpoint:
    cost = Price(input=price / 1e6, output=price / 1e6)
    made = make_endpoint("chat", "chat", provider=provider, tag=provider, price=cost)
    return evolve(made, model=model, id=fields.pop("id", model), **fields)


def offer(endpoint: Endpoint, section: str = "prioritised") -> Offer:
    credential = Credential(
        id=f"{endpoint.provider}/{section}", provider=endpoint.provider, label=section, section=section
    )
    account = Account(credential=credential, label=section)
    return Offer(endpoint, section, (Candidate(endpoint=endpoint, account=account, section=section),))


def snapshot(*offers: Offer, names: object = (), **fields: object) -> Snapshot:
    """What the default workspace is served; `names`: the owner's own."""
    models: dict[str, list[Offer]] = {}
    ids: dict[str, list[Offer]] = {}
    for one in sorted(offers, key=lambda one: SECTIONS.index(one.section)):
        models.setdefault(one.endpoint.model, []).append(one)
        ids.setdefault(f"{one.endpoint.provider}/{one.endpoint.id}", []).append(one)
    return Snapshot(
        offers={"default": {name: tuple(some) for name, some in models.items()}},
        ids={"default": {name: tuple(some) for name, some in ids.items()}},
        names={name: ModelRouting(try_=tuple(models)) for name, models in dict(names).items()},
        **fields,
    )


def read(snapshot: Snapshot, *names: str) -> list[tuple[str, list[str]]]:
    """The models that names ask for, and who serves each."""
    return [
        (one.model, [offer.endpoint.provider for offer in one.offers.offers])
        for one in asked(snapshot, "default", names)
    ]


def refusal(snapshot: Snapshot, name: str) -> str:
    with pytest.raises(InvalidRequest) as refused:
        asked(snapshot, "default", (name,))
    assert refused.value.field == "model"
    return refused.value.message


def call(*models: str, plugins: object = (), **fields: object):
    made = make_chat(seed=1)
    return evolve(made, facts=Facts(models, tokens=1000), plugins=dict(plugins), **fields)


def tried(call, snapshot, view=None) -> list[str]:
    """The order of trying: `model provider`."""
    planned = plan(call, snapshot, view or FakeView(), Draws())
    return [f"{name} {one.endpoint.provider}" for name, offers in planned.models for one in offers]


TWO = snapshot(offer(endpoint("a")), offer(endpoint("b")), offer(endpoint("a", HAIKU)))


@pytest.mark.parametrize(
    ("variant", "sort", "tier"),
    [("nitro", "throughput", "priority"), ("floor", "price", "flex"), ("exacto", "exacto", "")],
)
def test_a_variant_asks_for_an_order_and_a_tier_of_its_own_model_alone(variant, sort, tier):
    first, second = asked(TWO, "default", (f"{SONNET}:{variant}", HAIKU))
    assert (first.model, first.sort, first.tier) == (SONNET, sort, tier)
    assert (second.model, second.sort, second.tier) == (HAIKU, None, "")


def test_where_nothing_is_served_it_says_what_to_do():
    with pytest.raises(UnknownModel, match="nothing is served here: give a provider's key in the environment"):
        asked(snapshot(), "default", (SONNET,))


def test_what_a_name_means_is_found_out_once():
    made = snapshot(offer(endpoint("a")))
    first, again = (asked(made, "default", (f"{SONNET}:nitro",)) for _ in range(2))
    assert len(first) == len(again) == 1
    assert first[0] is again[0]


def test_the_names_that_clients_make_up_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr("taxiway.names._MOST_NAMES", 2)
    made = snapshot(offer(endpoint("a")))
    for variant in VARIANTS:
        if variant not in {"free", "online"}:
            asked(made, "default", (f"{SONNET}:{variant}",))
    assert len(made.asked) <= 2


def test_a_model_that_is_called_like_a_variant_is_that_model():
    made = snapshot(offer(endpoint("a")), offer(endpoint("b", f"{SONNET}:free")), offer(endpoint("c", price=0.0)))
    assert read(made, f"{SONNET}:free") == [(f"{SONNET}:free", ["b"])]
    assert asked(made, "default", (f"{SONNET}:free:nitro",))[0].sort == "throughput"


def test_free_are_the_endpoints_that_are_known_to_cost_nothing():
    unknown = evolve(endpoint("c"), price=Price())
    made = snapshot(offer(endpoint("a")), offer(endpoint("b", price=0.0)), offer(unknown))
    assert read(made, f"{SONNET}:free") == [(SONNET, ["b"])]
    (one,) = asked(made, "default", (f"{SONNET}:free",))
    assert [(out.offer.endpoint.provider, out.reason.text) for out in one.excluded] == [
        ("a", "is not free"),
        ("c", "is not free"),
    ]


def test_of_a_model_that_nobody_gives_for_free_there_is_no_free_variant():
    assert refusal(TWO, f"{SONNET}:free") == f"{SONNET}:free is not a valid model ID: every endpoint of it is not free"


def test_online_are_the_endpoints_that_search_themselves_and_the_search_is_asked_for():
    blind = endpoint("b", parameters=frozenset({"tools"}))
    refuses = endpoint("c", parameters=SEARCH, unsupported=frozenset({"web_search_options"}))
    made = snapshot(offer(endpoint("a", parameters=SEARCH)), offer(blind), offer(refuses), offer(endpoint("d")))
    assert read(made, f"{SONNET}:online") == [(SONNET, ["a"])]
    assert asked(made, "default", (f"{SONNET}:online",))[0].adds == {"web_search_options": {}}


def test_variants_stack():
    free = endpoint("b", price=0.0, parameters=SEARCH)
    made = snapshot(offer(endpoint("a", parameters=SEARCH)), offer(free), offer(endpoint("c", price=0.0)))
    assert read(made, f"{SONNET}:free:online") == [(SONNET, ["b"])]
    (one,) = asked(made, "default", (f"{SONNET}:thinking:floor",))
    assert (one.sort, one.adds) == ("price", {"reasoning": {"enabled": True}})
    (one,) = asked(made, "default", (f"{SONNET}:nitro:floor",))
    assert (one.sort, one.tier) == ("price", "flex")


def test_thinking_prefers_endpoints_that_reason_and_takes_the_others_where_none_is_known_to():
    made = snapshot(offer(endpoint("a")), offer(endpoint("b", reasoning=True)))
    assert read(made, f"{SONNET}:thinking") == [(SONNET, ["b"])]
    assert read(TWO, f"{SONNET}:thinking") == [(SONNET, ["a", "b"])]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (f"{SONNET}:nitr", '"nitr" is no variant; did you mean "nitro"?'),
        (f"{SONNET}:turbo9", '"turbo9" is no variant; there is nitro, floor, exacto, free, online, thinking, extended'),
        (f"{SONNET}:nitro:floor:exacto", "a name has at most 2 variants, each once"),
        (f"{SONNET}:nitro:nitro", "a name has at most 2 variants, each once"),
        ("acme/nothing", "no provider that is configured here serves it"),
        ("acme/nothing:nitro", "no provider that is configured here serves it"),
        (":nitro", "no provider that is configured here serves it"),
        ("~acme/opus-latest", "no model of acme's opus is served here"),
        ("openrouter/free", "no model that is served here is known to be free"),
        (
            "openrouter/auto",
            'it stands for models of your choice: write [models."taxiway/auto"] with try = ["author/name"]',
        ),
    ],
)
def test_a_name_that_means_nothing_is_no_model_and_says_why(name, why):
    assert refusal(TWO, name) == f"{name} is not a valid model ID: {why}"


def test_a_name_of_ones_own_takes_variants_and_gives_them_to_each_of_its_models():
    made = evolve(TWO, names={"fast": ModelRouting(try_=("nobody/serves", HAIKU, SONNET))})
    assert read(made, "fast:floor") == [(HAIKU, ["a"]), (SONNET, ["a", "b"])]
    assert [(one.model, one.sort) for one in asked(made, "default", ("fast:floor",))] == [
        (HAIKU, "price"),
        (SONNET, "price"),
    ]


def test_models_that_two_names_share_are_tried_once():
    made = evolve(TWO, names={"fast": ModelRouting(try_=(HAIKU, SONNET))})
    assert [model for model, _ in read(made, "fast", SONNET)] == [HAIKU, SONNET]


def test_an_own_name_whose_models_have_variants_leaves_out_those_that_nobody_serves_so():
    made = snapshot(
        offer(endpoint("a")),
        offer(endpoint("b", HAIKU, price=0.0)),
        names={"cheap": [f"{SONNET}:free", f"{HAIKU}:free"]},
    )
    assert read(made, "cheap") == [(HAIKU, ["b"])]


@pytest.mark.parametrize(
    ("family", "newest"),
    [
        ("sonnet", "acme/sonnet-4.5"),
        ("gemini-pro", "acme/gemini-3-pro-preview"),
        ("gpt-mini", "acme/gpt-5-mini"),
        ("gpt", "acme/gpt-5.2"),
        ("kimi", "acme/kimi-k2.5"),
        ("opus", "acme/opus-4"),
    ],
)
def test_a_familys_latest_is_the_one_that_was_created_last(family, newest):
    slugs = (
        *(
            "3.5-sonnet",
            "sonnet-4",
            "sonnet-4.5",
            "gemini-2.5-pro",
            "gemini-3-pro-preview",
            "gemini-3-flash",
            "gpt-4o",
            "gpt-5",
        ),
        *("gpt-5-mini", "gpt-5.2", "gpt-5.2-codex", "kimi-k2", "kimi-k2.5", "opus-9", "opus-4"),
    )
    made = snapshot(*(offer(endpoint("a", f"acme/{slug}", created=n + 1)) for n, slug in enumerate(slugs)))
    made = evolve(
        made, offers={"default": {**made.offers["default"], "other/sonnet-9": (offer(endpoint("z", created=99)),)}}
    )
    assert read(made, f"~acme/{family}-latest") == [(newest, ["a"])]
    assert asked(made, "default", (f"~acme/{family}-latest:nitro",))[0].sort == "throughput"


def test_by_its_own_strategy_all_models_of_a_name_are_ranked_together_inside_each_section():
    strategy = ByName("auto")
    made = snapshot(
        offer(endpoint("a")), offer(endpoint("c", HAIKU)), offer(endpoint("b")), offer(endpoint("d", HAIKU), "pool"),
        offer(endpoint("e"), "pool"),
        names={"taxiway/auto": [SONNET, HAIKU]},
        named_strategies={"taxiway/auto": (("auto", strategy),)},
    )  # fmt: skip
    for name in ("taxiway/auto", "openrouter/auto"):
        assert tried(call(name), made) == [f"{HAIKU} c", f"{SONNET} b", f"{SONNET} a", f"{SONNET} e", f"{HAIKU} d"]
    assert strategy.seen[0] == [SONNET, SONNET, HAIKU]


def test_a_model_may_have_a_strategy_of_its_own():
    made = snapshot(offer(endpoint("a")), offer(endpoint("b")), named_strategies={SONNET: (("own", ByName("own")),)})
    assert tried(call(SONNET), made) == [f"{SONNET} b", f"{SONNET} a"]


def test_models_that_are_ranked_together_have_no_variants_of_their_own():
    made = snapshot(
        offer(endpoint("a")), names={"mine": [f"{SONNET}:nitro"]}, named_strategies={"mine": (("own", ByName()),)}
    )
    assert "write them behind the list's name" in refusal(made, "mine")


def test_a_variant_behind_the_name_of_a_list_goes_before_its_strategy():
    made = snapshot(
        offer(endpoint("a", price=1.0)), offer(endpoint("b", HAIKU, price=2.0)),
        names={"mine": [SONNET, HAIKU]}, named_strategies={"mine": (("own", ByName()),)},
    )  # fmt: skip
    assert tried(call("mine"), made) == [f"{HAIKU} b", f"{SONNET} a"]
    assert tried(call("mine:floor"), made) == [f"{SONNET} a", f"{HAIKU} b"]


def test_a_sort_of_the_call_goes_before_the_names_and_that_before_the_defaults():
    made = snapshot(offer(endpoint("a", price=1.0)), offer(endpoint("b", price=2.0)))
    first, second = (one.endpoint for one in made.offers["default"][SONNET])
    fast = FakeView(throughputs={first: 10.0, second: 90.0})
    assert tried(call(f"{SONNET}:nitro"), made, fast) == [f"{SONNET} b", f"{SONNET} a"]
    asks = call(f"{SONNET}:nitro", preferences=Preferences(sort=Sort("price")))
    assert tried(asks, made, fast) == [f"{SONNET} a", f"{SONNET} b"]
    defaults = RoutingTable(sort="price").routing()
    routed = evolve(made, routing=defaults)
    for raw, route, order in (
        (None, None, "ba"),
        (None, "sort", "ba"),
        ({"sort": {"partition": "none"}}, None, "ba"),
        ({"ignore": ["z"]}, None, "ba"),
        ({"sort": "price"}, None, "ab"),
        ({"sort": "price"}, "sort", "ab"),
    ):
        wish = preferences_of(raw, defaults.preferences, route)
        found = tried(call(f"{SONNET}:nitro", preferences=wish), routed, fast)
        assert found == [f"{SONNET} {one}" for one in order], (raw, route)


@pytest.mark.parametrize("route", [None, "sort"])
def test_a_partition_alone_is_no_sort_that_could_go_before_a_names(route):
    made = snapshot(offer(endpoint("a", price=1.0)), offer(endpoint("b", price=2.0)))
    first, second = (one.endpoint for one in made.offers["default"][SONNET])
    wish = preferences_of(None if route else {"sort": {"partition": "none"}}, route=route)
    fast = FakeView(throughputs={first: 10.0, second: 90.0})
    asks = call(f"{SONNET}:nitro", preferences=wish)
    assert tried(asks, made, fast) == [f"{SONNET} b", f"{SONNET} a"]


def test_models_that_are_mixed_are_ordered_as_the_first_ones_name_and_strategies_say():
    made = snapshot(offer(endpoint("a", price=1.0)), offer(endpoint("b", HAIKU, price=2.0)))
    cheap, fast = made.offers["default"][SONNET][0].endpoint, made.offers["default"][HAIKU][0].endpoint
    view = FakeView(throughputs={cheap: 10.0, fast: 90.0})
    wish = Preferences(sort=Sort(None, "none"))
    dear_first, cheap_first = [f"{HAIKU} b", f"{SONNET} a"], [f"{SONNET} a", f"{HAIKU} b"]
    assert tried(call(f"{SONNET}:nitro", f"{HAIKU}:floor", preferences=wish), made, view) == dear_first
    assert tried(call(f"{SONNET}:nitro", HAIKU, preferences=wish), made, view) == dear_first
    assert tried(call(f"{HAIKU}:floor", f"{SONNET}:nitro", preferences=wish), made, view) == cheap_first
    own = evolve(made, named_strategies={HAIKU: (("own", ByName()),)})
    assert tried(call(HAIKU, SONNET, preferences=wish), own) == dear_first
    assert tried(call(SONNET, HAIKU, preferences=wish), own) == cheap_first


def test_an_unknown_name_is_compared_with_few_and_the_likeliest_are_among_them(monkeypatch):
    compared = []
    monkeypatch.setattr("taxiway.names.get_close_matches", lambda name, some: (compared.append(len(some)), some)[1])
    made = snapshot(*(offer(endpoint("a", f"acme/{kind}-{n}")) for kind in ("sonnet", "haiku") for n in range(200)))
    assert " acme/haiku-77 " in refusal(made, "acme/haiku-7x").replace("?", " ")
    assert compared == [32]


CIRCLES = [
    ({"x": ["x:nitro", SONNET]}, "x", "x > x"),
    ({"x": ["y:floor"], "y": [SONNET, "x:nitro"]}, "x", "x > y > x"),
    ({"taxiway/auto": ["openrouter/auto"]}, "openrouter/auto", "taxiway/auto > taxiway/auto"),
    ({"openrouter/auto": ["taxiway/auto"]}, "taxiway/auto", "openrouter/auto > openrouter/auto"),
    ({SONNET: ["sonnet"]}, SONNET, f"{SONNET} > {SONNET}"),
    ({SONNET: [HAIKU, "~acme/sonnet-latest"]}, "sonnet", f"{SONNET} > {SONNET}"),
]


@pytest.mark.parametrize(("names", "name", "way"), CIRCLES)
def test_a_list_that_leads_to_itself_is_refused_and_says_the_way(names, name, way):
    made = snapshot(offer(endpoint("a", id="sonnet")), offer(endpoint("a", HAIKU)), names=names)
    for _ in range(2):
        assert way in refusal(made, name)
        assert "name models in its try" in refusal(made, f"{name}:thinking")
    assert read(made, HAIKU) == [(HAIKU, ["a"])]


def test_a_table_of_a_name_holds_behind_its_variants_too():
    tables = {
        "mine": ModelRouting(try_=(SONNET,), timeouts=Timeouts(total=9.0), on_interrupted="hold"),
        "acme/m:8b": ModelRouting(timeouts=Timeouts(total=8.0)),
    }
    made = evolve(TWO, names=tables)
    assert made.timeouts("mine", SONNET).total == made.timeouts("mine:nitro:free", SONNET).total == 9.0
    assert made.timeouts(SONNET, "mine").total == 9.0
    assert made.on_interrupted("mine:nitro:free") == "hold"
    assert made.timeouts("acme/m:8b:nitro").total == made.timeouts("acme/m:8b").total == 8.0
    assert made.timeouts("acme/m").total == made.timeouts("mine:8b").total == Timeouts().total


def test_the_free_router_draws_among_all_that_is_free():
    made = snapshot(*(offer(endpoint("ab"[n % 2], f"acme/m-{n}", price=float(n > 3))) for n in range(8)))
    firsts = {tried(evolve(call("openrouter/free"), seed=seed), made)[0] for seed in range(60)}
    assert firsts == {f"acme/m-{n} {'ab'[n % 2]}" for n in range(4)}


def test_the_free_router_leaves_out_what_lacks_an_input_in_use():
    sees = endpoint("b", HAIKU, price=0.0, inputs=frozenset({"text", "image"}))
    made = snapshot(offer(endpoint("a", price=0.0)), offer(sees))
    asks = call("openrouter/free")
    asks.facts.inputs = frozenset({"text", "image"})
    assert tried(asks, made) == [f"{HAIKU} b"]


ROUTED = snapshot(
    offer(endpoint("a")), offer(endpoint("b", HAIKU)), offer(endpoint("c", "other/sonnet-4")),
    names={"taxiway/auto": [SONNET, HAIKU, "other/sonnet-4"]},
)  # fmt: skip


@pytest.mark.parametrize(
    ("says", "left"),
    [
        ({}, [SONNET, HAIKU, "other/sonnet-4"]),
        ({"allowed_models": ["acme/*"]}, [SONNET, HAIKU]),
        ({"allowed_models": ["*sonnet*"], "excluded_models": ["other/*"]}, [SONNET]),
        ({"excluded_models": [HAIKU]}, [SONNET, "other/sonnet-4"]),
        ({"enabled": False, "excluded_models": ["*"]}, [SONNET, HAIKU, "other/sonnet-4"]),
    ],
)
def test_a_call_may_say_which_models_of_a_router_it_allows(says, left):
    asks = call("taxiway/auto", plugins={"auto-router": {"id": "auto-router", **says}})
    assert [entry.split()[0] for entry in tried(asks, ROUTED)] == left


def test_where_a_router_is_left_no_model_the_call_fails_as_not_found():
    asks = call("taxiway/auto", plugins={"auto-router": {"allowed_models": ["nobody/*"]}})
    with pytest.raises(CallError, match="No models match your request and model restrictions") as failed:
        plan(asks, ROUTED, FakeView(), Draws())
    assert failed.value.failure.status == 404


def test_models_that_are_asked_for_by_name_are_not_the_routers_to_leave_out():
    asks = call(SONNET, plugins={"auto-router": {"excluded_models": ["*"]}})
    assert tried(asks, ROUTED) == [f"{SONNET} a"]


def test_the_plugin_web_asks_all_models_of_a_call_to_search():
    made = snapshot(offer(endpoint("a", parameters=SEARCH)), offer(endpoint("b")), offer(endpoint("a", HAIKU)))
    place = {"type": "approximate", "approximate": {"country": "NO"}}
    (one,) = restricted(
        call(SONNET, HAIKU, plugins={"web": {"id": "web", "user_location": place}}),
        asked(made, "default", (SONNET, HAIKU)),
        [],
    )
    assert one.adds == {"web_search_options": {"user_location": place}}
    assert [offer.endpoint.provider for offer in one.offers.offers] == ["a"]
    nobody = call(HAIKU, plugins={"web": {"id": "web"}})
    with pytest.raises(CallError, match="not known to search the web") as failed:
        plan(nobody, made, FakeView(), Draws())
    availability = failed.value.availability
    assert (failed.value.failure.status, availability.code) == (404, "no_endpoints")
    assert availability.constraint[0] == "plugins"


def out(notes: Notes) -> dict[str, str]:
    return {f"{one.offer.endpoint.model} {one.offer.endpoint.provider}": one.reason.text for one in notes.excluded}


@pytest.mark.parametrize("plugin", [{"excluded_models": [HAIKU, "other/*"]}, {"allowed_models": ["nobody/*"]}])
@pytest.mark.parametrize("together", [False, True])
def test_what_the_auto_router_leaves_out_is_told(plugin, together):
    strategies = {"taxiway/auto": (("own", ByName()),)} if together else {}
    made, notes = evolve(ROUTED, named_strategies=strategies), Notes()
    asks = call("taxiway/auto", plugins={"auto-router": plugin})
    with contextlib.suppress(CallError):
        plan(asks, made, FakeView(), Draws(), notes)
    left = [] if "allowed_models" in plugin else [f"{SONNET} a"]
    every = {f"{SONNET} a", f"{HAIKU} b", "other/sonnet-4 c"}
    assert out(notes) == dict.fromkeys(every.difference(left), "the plugin auto-router does not allow its model")


def test_models_that_a_variant_or_a_plugin_leaves_nothing_of_are_told():
    made = snapshot(
        offer(endpoint("a", parameters=SEARCH)),
        offer(endpoint("b", HAIKU, price=0.0)),
        offer(endpoint("c", HAIKU)),
        names={"mine": [SONNET, HAIKU]},
    )
    notes = Notes()
    assert tried(call("mine:free"), made) == [f"{HAIKU} b"]
    plan(call("mine:free"), made, FakeView(), Draws(), notes)
    assert out(notes) == {f"{SONNET} a": "is not free", f"{HAIKU} c": "is not free"}
    notes, web = Notes(), {"web": {"id": "web"}}
    plan(call(f"{HAIKU}:free", SONNET, plugins=web), made, FakeView(), Draws(), notes)
    assert out(notes) == {f"{HAIKU} b": VARIANTS["online"].lacks, f"{HAIKU} c": "is not free"}


@pytest.mark.parametrize(
    ("plugin", "field"),
    [
        ({"id": "web", "engine": "exa"}, "plugins[0].engine"),
        ({"id": "web", "include_domains": ["a.example"]}, "plugins[0].include_domains"),
        ({"id": "auto-router", "allowed_models": "acme/*"}, "plugins[0].allowed_models"),
        ({"id": "auto-router", "excluded_models": ["x"] * 1025}, "plugins[0].excluded_models"),
        ({"id": "auto-router", "cost_tier": "low"}, "plugins[0].cost_tier"),
    ],
)
def test_what_a_plugin_asks_that_is_not_built_is_refused(plugin, field):
    with pytest.raises(InvalidRequest) as refused:
        check_plugin("plugins[0]", plugin)
    assert refused.value.field == field


def test_plugins_that_speak_of_models_are_known_and_others_are_not():
    assert check_plugin("plugins[0]", {"id": "web", "engine": "native", "max_results": 5, "user_location": None})
    assert check_plugin("plugins[0]", {"id": "auto-router", "allowed_models": ["acme/*"]})
    assert not check_plugin("plugins[0]", {"id": "file-parser"})


def test_what_a_name_adds_belongs_to_the_first_that_stands_in_the_list_with_an_endpoint():
    made = snapshot(offer(endpoint("a", parameters=SEARCH)), offer(endpoint("b")))
    added = plan(call(f"{SONNET}:online", SONNET), made, FakeView(), Draws()).adds
    assert {one.provider: dict(adds) for one, adds in added.items()} == {"a": {"web_search_options": {}}, "b": {}}
    added = plan(call(SONNET, f"{SONNET}:online"), made, FakeView(), Draws()).adds
    assert {one.provider: dict(adds) for one, adds in added.items()} == {"a": {}, "b": {}}
    assert not plan(call(SONNET), made, FakeView(), Draws()).adds


def test_an_endpoint_is_planned_once_where_two_names_ask_it_for_different_things_and_that_is_told():
    made, notes = snapshot(offer(endpoint("a", parameters=SEARCH)), offer(endpoint("b"), "fallback")), Notes()
    twice = plan(call(SONNET, f"{SONNET}:online"), made, FakeView(), Draws(), notes)
    assert [(name, [one.endpoint.provider for one in offers]) for name, offers in twice.models] == [
        (SONNET, ["a", "b"])
    ]
    said = [
        (one.offer.endpoint.provider, one.reason.field, one.reason.text.partition(",")[0]) for one in notes.excluded
    ]
    assert said == [
        ("b", "model", VARIANTS["online"].lacks),
        ("a", "models", "an earlier name of the call asks it for something else"),
    ]
    assert tried(call(f"{SONNET}:online", SONNET), made) == [f"{SONNET} a", f"{SONNET} b"]


def test_the_base_of_a_name_is_what_stands_before_its_variants():
    assert [base_of(name) for name in ("a/b:free:nitro", "a/b:8b", "a/b", ":free")] == ["a/b", "a/b:8b", "a/b", ":free"]


def test_planning_by_names_is_a_function_of_its_inputs():
    random = Random(5)
    names = [f"{SONNET}:{variant}" for variant in ("nitro", "floor", "exacto", "thinking", "extended")] + [HAIKU]
    for _ in range(20):
        asks = call(*random.sample(names, 3))
        assert tried(asks, TWO) == tried(asks, snapshot(*TWO.offers["default"][SONNET], *TWO.offers["default"][HAIKU]))


def test_an_id_alone_means_a_model_only_where_one_is_called_so() -> None:
    served = snapshot(
        offer(endpoint("a", SONNET, id="sonnet")),
        offer(endpoint("b", SONNET, id="sonnet")),
        offer(endpoint("a", HAIKU, id="small")),
        offer(endpoint("b", SONNET, id="small")),
    )
    assert read(served, "sonnet") == [(SONNET, ["a", "b", "b"])]
    assert "small is not a valid model ID" in refusal(served, "small")
