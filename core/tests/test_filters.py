"""Who may serve a call: each filter, and what holds of plans over whatever is offered and asked for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taxiway.call import LIBRARY, Call, Facts
from taxiway.candidate import Account, Candidate, Credential
from taxiway.draws import Draws
from taxiway.filters import fits, kept_of, matches, options_of
from taxiway.health import Health
from taxiway.money import Price
from taxiway.outcome import CallError
from taxiway.planner import Notes, plan
from taxiway.preferences import MaxPrice, Preferences
from taxiway.snapshot import ModelOffers, Offer, Snapshot
from taxiway.testing.dialect import make_endpoint

MODEL = "acme/model-1"


def offer(tag="acme", credentials=(None,), **changes):
    """An offer of one endpoint; `credentials` are the `zdr` of each account's."""
    endpoint = make_endpoint("chat", "chat", **{"tag": tag, "provider": tag.partition("/")[0], **changes})
    accounts = [
        Account(
            credential=Credential(id=f"{tag}/{number}", provider=endpoint.provider, label=str(number), zdr=zdr),
            label="k",
        )
        for number, zdr in enumerate(credentials)
    ]
    made = (Candidate(endpoint=endpoint, account=account, section="prioritised") for account in accounts)
    return Offer(endpoint, "prioritised", tuple(made))


def call_of(facts=None, operation="chat", wanted=None, **preferences):
    facts, given = facts or Facts((MODEL,)), wanted or Preferences(**preferences)
    return Call("gen-1", 1, operation, "chat", {}, facts, given, LIBRARY, 1_760_000_000.0, 0.0, 600.0, {})


def planned(call, offers):
    """The tags that may serve, and why the others may not; where none may, the error."""
    notes = Notes()
    snapshot = Snapshot(offers={"default": {MODEL: tuple(offers)}})
    try:
        models = plan(call, snapshot, Health(Draws()).view(0.0), Draws(), notes).models
    except CallError as error:
        kept, failed = [], error
    else:
        kept, failed = [one for _, some in models for one in some], None
    return kept, notes.excluded, failed


def told(call, *offers):
    """Whose offers are kept, the reasons of the others, and what a client is told where none is."""
    kept, excluded, error = planned(call, offers)
    return {one.endpoint.tag for one in kept}, {one.offer.endpoint.tag: one.reason.text for one in excluded}, error


FACTS = Facts((MODEL,), frozenset({"tools", "seed"}), tokens=8000, max_output=1000)

FILTERS = [
    (call_of(only=("good",)), {}, {}, "not in provider.only", "allowed_providers"),
    (call_of(ceiling=("good",)), {}, {}, "not in `only` of the configuration", "allowed_providers"),
    (call_of(ignore=("bad",)), {}, {}, "in provider.ignore", "allowed_providers"),
    (
        call_of(FACTS, require_parameters=True),
        {"parameters": frozenset({"tools", "seed"})},
        {"parameters": frozenset({"tools"})},
        "not known to take seed",
        "require_parameters",
    ),
    (
        call_of(FACTS),
        {"context": 9000},
        {"context": 8192},
        "its context is 8,192 tokens, about 9,000 are asked for",
        "context_length",
    ),
    (
        call_of(FACTS),
        {"max_output": 1000},
        {"max_output": 999},
        "gives at most 999 tokens, 1,000 are asked for",
        "max_tokens",
    ),
    (
        call_of(quantizations=("fp8",)),
        {"quantization": "fp8"},
        {"quantization": "int4"},
        "its quantization is int4",
        "quantization",
    ),
    (call_of(quantizations=("fp8",)), {"quantization": "fp8"}, {}, "its quantization is not known", "quantization"),
    (call_of(quantizations=("unknown",)), {}, {"quantization": "fp8"}, "its quantization is fp8", "quantization"),
    (
        call_of(max_price=MaxPrice(prompt=2 / 1e6)),
        {"price": Price(input=2e-6)},
        {"price": Price(input=2.5e-6)},
        "costs $2.5 for a million prompt tokens, at most $2 is wanted",
        "max_price",
    ),
    (
        call_of(max_price=MaxPrice(completion=1.0)),
        {},
        {"price": Price(input=0.0)},
        "its price of a million completion tokens is not known",
        "max_price",
    ),
    (
        call_of(Facts((MODEL,), tokens=500), max_price=MaxPrice(prompt=2e-6)),
        {},
        {"price": Price(input=1e-6, above=((400, Price(input=3e-6)),))},
        "costs $3 for a million prompt tokens, at most $2 is wanted",
        "max_price",
    ),
    (
        call_of(Facts((MODEL,), inputs=frozenset({"text", "image"})), max_price=MaxPrice(image=0.001)),
        {"inputs": frozenset({"text", "image"}), "price": Price(input=1e-6)},
        {"inputs": frozenset({"text", "image"}), "price": Price(input=2e-6)},
        "costs $0.00153 for an image, at most $0.001 is wanted",
        "max_price",
    ),
    (call_of(zdr=True), {"zdr": True}, {}, "it is not known to keep nothing (zdr)", "data_policy:zdr"),
    (
        call_of(zdr=True),
        {"credentials": (True,)},
        {"zdr": True, "credentials": (False,)},
        "it is not known to keep nothing (zdr)",
        "data_policy:zdr",
    ),
    (
        call_of(data_collection=False),
        {"collects": False},
        {},
        "it is not known that no prompt is kept for training",
        "data_policy:training",
    ),
    (
        call_of(distillable=True),
        {"distillable": True},
        {},
        "not known to allow that its answers train other models",
        "distillable_text",
    ),
    (call_of(), {}, {"dialects": {"embeddings": ("embeddings",)}}, "does not serve chat", "operation"),
    (call_of(), {}, {"tier": "flex"}, "its service tier (flex) is not the one that is asked for", "service_tier"),
    (
        call_of(Facts((MODEL,), service_tier="flex")),
        {"tier": "flex"},
        {},
        "its service tier (default) is not the one that is asked for",
        "service_tier",
    ),
    (call_of(FACTS), {}, {"unsupported": frozenset({"tools"})}, "does not take tools, others do", "require_parameters"),
    (
        call_of(Facts((MODEL,), inputs=frozenset({"text", "image"}))),
        {"inputs": frozenset({"text", "image"})},
        {},
        "does not take image, others do",
        "require_parameters",
    ),
]


@pytest.mark.parametrize(("call", "good", "bad", "reason", "code"), FILTERS)
def test_a_filter_leaves_out_who_lacks_what_is_asked_for_and_says_why(call, good, bad, reason, code):
    kept, excluded, _ = planned(call, [offer("good", **good), offer("bad", **bad)])
    assert [one.endpoint.tag for one in kept] == ["good"]
    assert [(one.offer.endpoint.tag, one.reason.text, one.reason.code) for one in excluded] == [("bad", reason, code)]


def test_a_base_slug_means_regions_and_variants_but_admits_no_tier():
    offers = [
        offer("a"),
        offer("a/eu"),
        offer("a/priority", tier="priority"),
        offer("a/eu/priority", tier="priority"),
        offer("ab"),
    ]
    assert told(call_of(only=("a",)), *offers)[0] == {"a", "a/eu"}
    assert told(call_of(only=("a/eu",)), *offers)[0] == {"a/eu"}
    assert told(call_of(only=("a/priority",)), *offers)[0] == {"a/priority", "a/eu/priority"}
    assert told(call_of(only=("a/flex",)), *offers)[0] == set()
    assert not matches("a/flex", offers[3].endpoint)
    assert told(call_of(order=("a/eu/priority",)), *offers)[0] == {"a", "a/eu", "a/eu/priority", "ab"}
    priority = Facts((MODEL,), service_tier="priority")
    assert told(call_of(priority, only=("a",)), *offers)[0] == {"a", "a/eu", "a/priority", "a/eu/priority"}
    assert told(call_of(priority, ignore=("a",)), *offers)[0] == {"ab"}


def test_flex_falls_back_to_the_default_tier_only_where_there_is_none():
    flex = call_of(Facts((MODEL,), service_tier="flex"))
    assert told(flex, offer("a"), offer("b"))[0] == {"a", "b"}
    assert told(flex, offer("a"), offer("b/flex", tier="flex"))[0] == {"b/flex"}


def test_a_models_name_lets_a_tier_in_beside_the_default_one_unless_the_call_says_otherwise():
    model = ModelOffers.of((offer("a"), offer("a/flex", tier="flex"), offer("a/priority", tier="priority")))

    def kept(call, tier="flex"):
        return {one.endpoint.tag for one in kept_of(call, model, [], tier)}

    assert kept(call_of()) == {"a", "a/flex"}
    assert kept(call_of(order=("a",))) == {"a"}
    assert kept(call_of(Facts((MODEL,), service_tier="default"))) == {"a"}
    assert kept(call_of(Facts((MODEL,), service_tier="priority"))) == {"a", "a/priority"}


def test_what_a_contract_says_of_an_account_counts_more_than_its_provider():
    kept, excluded, _ = planned(call_of(zdr=True), [offer("a", credentials=(None, True, False))])
    assert [len(one.candidates) for one in kept] == [1]
    assert kept[0].candidates[0].account.credential.zdr is True
    assert [len(one.offer.candidates) for one in excluded] == [2]
    assert told(call_of(data_collection=False), offer("a", credentials=(True,)))[0] == {"a"}


def test_parameters_are_no_filter_where_nobody_takes_them():
    facts = Facts((MODEL,), frozenset({"tools"}))
    lacking = {"unsupported": frozenset({"tools"})}
    assert told(call_of(facts), offer("a", **lacking), offer("b", **lacking))[0] == {"a", "b"}


@pytest.mark.parametrize(
    ("parameters", "known", "unsupported", "passing"),
    [
        ({"temperature", "stop"}, None, set(), True),
        ({"temperature"}, None, {"temperature"}, False),
        ({"max_tokens"}, None, {"max_tokens"}, True),
        ({"max_tokens"}, None, {"max_tokens", "max_completion_tokens"}, False),
        ({"reasoning"}, {"reasoning_effort"}, {"reasoning"}, True),
        ({"response_format"}, {"structured_outputs"}, set(), True),
        ({"tools"}, None, set(), False),
        ({"tools"}, {"tools"}, {"tools"}, False),
    ],
)
def test_a_required_parameter_is_known_to_work(parameters, known, unsupported, passing):
    call = call_of(Facts((MODEL,), frozenset(parameters)), require_parameters=True)
    one = offer(parameters=known and frozenset(known), unsupported=frozenset(unsupported))
    assert bool(told(call, one)[0]) is passing


@pytest.mark.parametrize(("parameters", "passing"), [({"seed"}, True), ({"seed", "reasoning_effort"}, False)])
def test_what_a_model_refuses_while_it_reasons_counts_where_it_is_told_to(parameters, passing):
    call = call_of(Facts((MODEL,), frozenset(parameters)), require_parameters=True)
    one = offer(parameters=frozenset({"seed", "reasoning_effort"}), thinking_refuses=frozenset({"seed"}))
    assert bool(told(call, one)[0]) is passing


def test_many_texts_to_embed_are_not_one_long_prompt():
    call = call_of(Facts((MODEL,), tokens=50_000), operation="embeddings")
    one = offer(context=8192, dialects={"embeddings": ("embeddings",)})
    assert told(call, one)[0] == {"acme"}


ERRORS = [
    (call_of(only=("b",)), "no_endpoints", 404, ["allowed_providers"], "provider.only"),
    (call_of(zdr=True), "privacy_restricted", 404, ["data_policy:zdr"], "provider.zdr"),
    (call_of(quantizations=("fp8",)), "constraint_filtered", 404, ["quantization"], "provider.quantizations"),
    (call_of(max_price=MaxPrice(prompt=0.0)), "constraint_filtered", 404, ["max_price"], "provider.max_price.prompt"),
    (call_of(Facts((MODEL,), tokens=9000)), "constraint_filtered", 400, ["context_length"], "messages"),
    (call_of(operation="rerank"), "wrong_endpoint", 400, ["operation"], "model"),
    (call_of(operation="rerank", zdr=True), "wrong_endpoint", 400, ["data_policy:zdr"], "provider.zdr"),
]


@pytest.mark.parametrize(("call", "code", "status", "excluded_by", "field"), ERRORS)
def test_where_nobody_is_left_the_error_says_what_left_them_out(call, code, status, excluded_by, field):
    _, _, error = told(call, offer("a", context=8192))
    assert error.failure.status == status
    availability = error.availability
    assert (availability.code, list(availability.excluded_by)) == (code, excluded_by)
    assert availability.models == (MODEL,)
    assert availability.providers == ("a",)
    assert availability.constraint[0] == field


def test_the_error_names_each_reason_once_with_all_who_it_is_true_of():
    call = call_of(only=("c",), quantizations=("fp8",))
    _, _, error = told(call, offer("a"), offer("b"), offer("c"))
    assert "a, b: not in provider.only; c: its quantization is not known" in str(error)
    assert error.availability.code == "constraint_filtered"
    assert error.availability.constraint is None


def test_options_go_to_the_provider_that_they_name_and_the_closest_name_wins():
    options = {"a/eu": {"x": 2}, "a": {"x": 1, "y": 1, "model": "other", "stream": True}, "b": {"z": 1}}
    call = call_of(options=options)
    assert options_of(call, offer("a/eu").endpoint) == {"x": 2, "y": 1}
    assert options_of(call, offer("a").endpoint) == {"x": 1, "y": 1}
    assert options_of(call, offer("c").endpoint) == {}


TAGS = ["a", "a/eu", "a/eu/flex", "a/priority", "b", "b/us", "c"]
SLUGS = ["a", "a/eu", "a/priority", "b", "c", "nobody"]
maybe = st.sampled_from([None, True, False])

endpoints = st.fixed_dictionaries(
    {
        "zdr": maybe,
        "collects": maybe,
        "quantization": st.sampled_from([None, "fp8", "int4"]),
        "context": st.sampled_from([None, 1000, 8192]),
        "max_output": st.sampled_from([None, 100, 1000]),
        "parameters": st.sampled_from([None, frozenset({"tools"}), frozenset({"tools", "seed"})]),
        "unsupported": st.sampled_from([frozenset(), frozenset({"tools"}), frozenset({"seed"})]),
        "price": st.sampled_from([Price(), Price(input=1e-6, output=2e-6), Price(input=3e-6, output=6e-6)]),
    }
)
credentials = st.lists(maybe, min_size=1, max_size=3).map(tuple)
catalogs = st.lists(
    st.tuples(st.sampled_from(TAGS), endpoints, credentials), min_size=1, max_size=6, unique_by=lambda one: one[0]
)
slugs = st.lists(st.sampled_from(SLUGS), max_size=2).map(tuple)
wishes = st.builds(
    Preferences,
    order=slugs,
    only=slugs,
    ceiling=slugs,
    ignore=slugs,
    require_parameters=st.booleans(),
    data_collection=st.booleans(),
    zdr=st.booleans(),
    quantizations=st.sampled_from([(), ("fp8",), ("fp8", "unknown")]),
    max_price=st.none()
    | st.builds(MaxPrice, prompt=st.sampled_from([None, 1e-6]), completion=st.sampled_from([None, 2e-6])),
)
asked = st.builds(
    Facts,
    models=st.just((MODEL,)),
    parameters=st.frozensets(st.sampled_from(["tools", "seed", "temperature"])),
    tokens=st.sampled_from([10, 900, 9000]),
    max_output=st.sampled_from([None, 50, 500]),
    service_tier=st.sampled_from([None, "priority", "flex", "default"]),
)


def violates(call, endpoint, account):
    """Say again, in other words, what a hard filter forbids."""
    wanted, facts = call.preferences, call.facts
    silent = account.credential.zdr if account.credential.zdr is not None else endpoint.zdr
    price, bound = endpoint.price, wanted.max_price or MaxPrice()
    takes = ({"temperature"} | (endpoint.parameters or set())) - endpoint.unsupported
    under = [(price.input, bound.prompt), (price.output, bound.completion)]
    return (
        (wanted.only and not any(matches(slug, endpoint) for slug in wanted.only))
        or (wanted.ceiling and not any(matches(slug, endpoint) for slug in wanted.ceiling))
        or any(matches(slug, endpoint) for slug in wanted.ignore)
        or (wanted.require_parameters and facts.parameters - takes)
        or (wanted.zdr and not silent)
        or (not wanted.data_collection and not silent and endpoint.collects is not False)
        or (wanted.quantizations and (endpoint.quantization or "unknown") not in wanted.quantizations)
        or any(most is not None and (cost is None or cost > most * 1.001) for cost, most in under)
        or facts.tokens + (facts.max_output or 0) > (endpoint.context or 10**9)
        or (facts.max_output or 0) > (endpoint.max_output or 10**9)
        or (
            endpoint.tier
            and facts.service_tier != endpoint.tier
            and not any("/" in slug for slug in wanted.only + wanted.order)
        )
    )


@settings(max_examples=300)
@given(catalogs, asked, wishes)
def test_no_candidate_of_a_plan_violates_a_filter_and_every_other_one_is_explained(catalog, facts, wanted):
    tiers = ("flex", "priority")
    offers = [
        offer(tag, zdrs, tier=tag.rpartition("/")[2] if tag.endswith(tiers) else "", **changes)
        for tag, changes, zdrs in catalog
    ]
    call = call_of(facts, wanted=wanted)
    kept, excluded, error = planned(call, offers)
    served = {(one.endpoint.tag, each.account.key) for one in kept for each in one.candidates}
    for one in kept:
        assert not any(violates(call, one.endpoint, each.account) for each in one.candidates)
    out = {(one.offer.endpoint.tag, each.account.key) for one in excluded for each in one.offer.candidates}
    every = {(one.endpoint.tag, each.account.key) for one in offers for each in one.candidates}
    assert served | out == every
    assert not served & out
    assert all(one.reason.text for one in excluded)
    if error is not None:
        assert error.availability.excluded_by


@settings(max_examples=200)
@given(catalogs, asked)
def test_the_short_way_leaves_nobody_in_whom_the_long_way_leaves_out(catalog, facts):
    offers = tuple(offer(tag, zdrs, tier="flex" if "flex" in tag else "", **changes) for tag, changes, zdrs in catalog)
    call = call_of(facts)
    model = ModelOffers.of(offers)
    if fits(call, model) and not model.tiers:
        # A preference that asks for nothing of these: the long way is gone.
        long = call_of(facts, ignore=("nobody",))
        assert len(planned(long, offers)[0]) == len(offers)
