"""The `provider` object of a request, field by field."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway.errors import InvalidRequest
from taxiway.preferences import NO_PREFERENCES, PROVIDER_FIELDS, MaxPrice, Preferences, Sort, preferences_of

GOOD = [
    ({"order": ["a", "b/eu"], "only": ["a"]}, Preferences(order=("a", "b/eu"), only=("a",))),
    (
        {"allow_fallbacks": False, "require_parameters": True},
        Preferences(allow_fallbacks=False, require_parameters=True),
    ),
    ({"data_collection": "deny", "zdr": True}, Preferences(data_collection=False, zdr=True)),
    ({"data_collection": "allow", "zdr": False}, NO_PREFERENCES),
    ({"enforce_distillable_text": True}, Preferences(distillable=True)),
    ({"quantizations": ["fp8", "bf16"]}, Preferences(quantizations=("fp8", "bf16"))),
    ({"sort": "price"}, Preferences(sort=Sort("price"))),
    ({"sort": {"by": "throughput"}}, Preferences(sort=Sort("throughput"))),
    ({"sort": {"by": "latency", "partition": "none"}}, Preferences(sort=Sort("latency", "none"))),
    ({"sort": {"partition": "none"}}, Preferences(sort=Sort(None, "none"))),
    ({"sort": {}}, NO_PREFERENCES),
    (
        {"max_price": {"prompt": 1, "completion": "2.5", "request": "0.01", "image": 0.02, "audio": None}},
        Preferences(max_price=MaxPrice(prompt=1e-6, completion=2.5e-6, request=0.01, image=0.02)),
    ),
    ({"max_price": {}}, NO_PREFERENCES),
    ({"preferred_min_throughput": 50}, Preferences(preferred_min_throughput={0.5: 50.0})),
    ({"preferred_max_latency": {"p50": 1, "p99": 5.5}}, Preferences(preferred_max_latency={0.5: 1.0, 0.99: 5.5})),
    ({"options": {"a": {"x": [1]}}}, Preferences(options={"a": {"x": [1]}})),
    (dict.fromkeys(PROVIDER_FIELDS), NO_PREFERENCES),
    ({}, NO_PREFERENCES),
    (None, NO_PREFERENCES),
]

BAD = [
    ([], "provider", "must be an object"),
    ({"sortt": "price"}, "provider.sortt", "is not a known field; there is order, only"),
    ({"order": "a"}, "provider.order", "must be a list of texts"),
    ({"only": [1]}, "provider.only", "must be a list of texts"),
    ({"zdr": 1}, "provider.zdr", "must be true or false"),
    ({"data_collection": "maybe"}, "provider.data_collection", "must be one of allow, deny"),
    ({"quantizations": "fp8"}, "provider.quantizations", "must be a list of texts"),
    ({"quantizations": ["fp8", "fp9"]}, "provider.quantizations[1]", "must be one of int4, int8"),
    ({"sort": "prize"}, "provider.sort", "must be one of price, throughput, latency, exacto"),
    ({"sort": {"by": ["price"]}}, "provider.sort.by", "must be one of price"),
    ({"sort": {"partition": "all"}}, "provider.sort.partition", "must be one of model, none"),
    ({"max_price": {"prompt": "cheap"}}, "provider.max_price.prompt", "must be a number, not below 0"),
    ({"max_price": {"prompt": "nan"}}, "provider.max_price.prompt", "must be a number, not below 0"),
    ({"max_price": {"prompt": 10**400}}, "provider.max_price.prompt", "must be a number, not below 0"),
    ({"max_price": {"image": True}}, "provider.max_price.image", "must be a number, not below 0"),
    ({"max_price": {"tokens": 1}}, "provider.max_price.tokens", "is not a known field; there is prompt"),
    ({"preferred_max_latency": {"p95": 1}}, "provider.preferred_max_latency.p95", "is not a known field"),
    ({"preferred_min_throughput": -1}, "provider.preferred_min_throughput", "must be a number, not below 0"),
    ({"options": {"a": 1}}, "provider.options.a", "must be an object"),
]


@pytest.mark.parametrize(("raw", "meant"), GOOD)
def test_each_field_is_read(raw, meant):
    assert preferences_of(raw) == meant


@pytest.mark.parametrize(("raw", "field", "said"), BAD)
def test_a_mistake_names_its_field(raw, field, said):
    with pytest.raises(InvalidRequest) as raised:
        preferences_of(raw)
    assert raised.value.field == field
    assert raised.value.message.startswith(said)


def test_what_is_asked_for_replaces_a_default_and_what_protects_adds_up():
    defaults = Preferences(
        order=("a",), ceiling=("a", "b"), ignore=("c",), zdr=True, data_collection=False, quantizations=("fp8",)
    )
    raw = {"order": ["b"], "only": ["b"], "ignore": ["d"], "zdr": False, "data_collection": "allow"}
    assert preferences_of(raw, defaults) == Preferences(
        order=("b",),
        only=("b",),
        ceiling=("a", "b"),
        ignore=("c", "d"),
        zdr=True,
        data_collection=False,
        quantizations=("fp8",),
    )
    assert preferences_of(None, defaults) is defaults


@pytest.mark.parametrize(
    ("raw", "route", "sort"),
    [
        (None, "sort", Sort(None, "none")),
        (None, "fallback", Sort("price", "model")),
        ({"sort": "latency"}, "sort", Sort("latency", "none")),
        ({"sort": {"by": "latency", "partition": "none"}}, "fallback", Sort("latency", "none")),
    ],
)
def test_the_older_route_says_the_partition(raw, route, sort):
    default = Preferences(sort=Sort("price", "none") if route == "fallback" else None)
    assert preferences_of(raw, default, route).sort == sort


def test_an_unknown_route_is_refused():
    with pytest.raises(InvalidRequest, match="route: must be one of fallback, sort"):
        preferences_of(None, route="else")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(PROVIDER_FIELDS), _JSON))
def test_whatever_comes_is_read_or_refused(raw):
    with suppress(InvalidRequest):
        assert isinstance(preferences_of(raw), Preferences)
