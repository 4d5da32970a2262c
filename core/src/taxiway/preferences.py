"""The `provider` object of a request (OpenRouter's provider routing): what a client wants of who serves it."""

from collections.abc import Mapping
from math import inf
from typing import Any, Final, Literal, TypeAlias, get_args

from attrs import evolve, field, frozen

from taxiway.checks import TEXTS, Check, choice, of_type
from taxiway.codec import Json
from taxiway.errors import InvalidRequest

SortBy: TypeAlias = Literal["price", "throughput", "latency", "exacto"]

Partition: TypeAlias = Literal["model", "none"]

DataCollection: TypeAlias = Literal["allow", "deny"]

Quantization: TypeAlias = Literal[
    "int4", "int8", "fp4", "mxfp4", "nvfp4", "fp6", "fp8", "mxfp8", "fp16", "bf16", "fp32", "unknown"
]
"""In what numbers a model's weights are kept. "unknown" is a wish too: for who does not say."""

Cutoffs: TypeAlias = Mapping[float, float]
"""A bound for each share of the calls (0.5: the median, 0.99, ...), all of which must hold."""

_NO_CUTOFFS: Final[Cutoffs] = {}
_NO_OPTIONS: Final[Mapping[str, Json]] = {}
_MILLION: Final = 1_000_000


@frozen
class Sort:
    """A strict order instead of the strategies'. `partition` "none": over all models of the call, instead of one after the other.

    `by` None: the order is the strategies', and only the partition was asked for.
    """

    by: SortBy | None = None
    partition: Partition = "model"


@frozen(kw_only=True)
class MaxPrice:
    """The most that an endpoint may charge: USD per token in `prompt` and `completion`, else USD for one. None: no bound."""

    prompt: float | None = None
    completion: float | None = None
    request: float | None = None
    image: float | None = None
    audio: float | None = None


@frozen(kw_only=True)
class Preferences:
    """What a request says of its providers. `order`, `only`, `ignore` and `ceiling` name slugs or tags.

    `ceiling` is the `only` of the configuration: who serves must be in both. `data_collection` False: only who is known not to
    keep prompts for training; `zdr`: only who is known to keep nothing; `distillable`: only models whose answers are known to
    be free to train others on. `preferred_min_throughput` in tokens per second, `preferred_max_latency` in seconds to the first
    token: who misses them comes last. `default_sort`: what is sorted by is the configuration's word. `options` by provider's
    slug: what is sent on to that provider as it is. `filters`: whether any of it can leave an endpoint out;
    `plain`: whether none can, and none has a say in the order.
    """

    order: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    ceiling: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    allow_fallbacks: bool = True
    require_parameters: bool = False
    data_collection: bool = True
    zdr: bool = False
    distillable: bool = False
    quantizations: tuple[str, ...] = ()
    sort: Sort | None = None
    default_sort: bool = field(default=False, eq=False)
    max_price: MaxPrice | None = None
    preferred_min_throughput: Cutoffs = field(default=_NO_CUTOFFS)
    preferred_max_latency: Cutoffs = field(default=_NO_CUTOFFS)
    options: Mapping[str, Json] = field(default=_NO_OPTIONS)
    filters: bool = field(init=False, repr=False)
    plain: bool = field(init=False, repr=False)

    @filters.default
    def _filters(self) -> bool:
        lists = self.only or self.ceiling or self.ignore or self.quantizations
        flags = self.require_parameters or self.zdr or self.distillable or not self.data_collection
        return bool(lists or flags or self.max_price)

    @plain.default
    def _plain(self) -> bool:
        speeds = self.preferred_min_throughput or self.preferred_max_latency
        return self.allow_fallbacks and not (self.filters or self.order or self.sort or speeds)


NO_PREFERENCES = Preferences()


def preferences_of(raw: object, defaults: Preferences = NO_PREFERENCES, route: object = None) -> Preferences:
    """Structure the `provider` object of a request, and `route`, the older form of `sort.partition`.

    What a request does not say is as in `defaults`; what protects adds up (`ignore`, `zdr`, `data_collection`), all else that it says
    replaces the default. Null is as absent. Raises InvalidRequest, naming the field.
    """
    if raw is None and route is None:
        return defaults
    given = {} if raw is None else _object("provider", raw, _FIELDS)
    if given.get("sort") is not None:
        given["default_sort"] = False
    if route is not None:
        partition = _ROUTES[choice(*_ROUTES)("route", route)]
        if partition == "none" or "sort" not in given:
            given["sort"] = evolve(given.get("sort") or defaults.sort or Sort(), partition=partition)
    if "ignore" in given:
        given["ignore"] = tuple(dict.fromkeys(defaults.ignore + given["ignore"]))
    for name, stricter in _STRICTER.items():
        if getattr(defaults, name) is stricter:
            given[name] = stricter
    if "enforce_distillable_text" in given:
        given["distillable"] = given.pop("enforce_distillable_text")
    return evolve(defaults, **given) if given else defaults


def _object(where: str, value: Any, fields: Mapping[str, Check]) -> dict[str, Any]:
    """Read an object's members, those that are null left out."""
    if not isinstance(value, Mapping):
        raise InvalidRequest(where, "must be an object")
    made: dict[str, Any] = {}
    for name, given in value.items():
        if name not in fields:
            raise InvalidRequest(f"{where}.{name}", f"is not a known field; there is {', '.join(fields)}")
        if given is not None:
            made[name] = fields[name](f"{where}.{name}", given)
    return made


def _texts(where: str, value: Any) -> tuple[str, ...]:
    # The configuration's lists are tuples by now.
    return tuple(TEXTS(where, list(value) if isinstance(value, tuple) else value))


def _quantizations(where: str, value: Any) -> tuple[str, ...]:
    one = choice(*get_args(Quantization))
    return tuple(one(f"{where}[{index}]", name) for index, name in enumerate(_texts(where, value)))


def _amount(where: str, value: Any) -> float:
    """Read a number, or a text that is one: OpenRouter's own prices are texts."""
    try:
        amount = float(value) if type(value) in {int, float, str} else -1.0
    except (ValueError, OverflowError):
        amount = -1.0
    if not 0 <= amount < inf:
        raise InvalidRequest(where, "must be a number, not below 0")
    return amount


def _per_million(where: str, value: Any) -> float:
    return _amount(where, value) / _MILLION


def _cutoffs(where: str, value: Any) -> Cutoffs:
    """Read a bound: a number is the median's."""
    if not isinstance(value, Mapping):
        return {0.5: _amount(where, value)}
    return {_SHARES[name]: bound for name, bound in _object(where, value, dict.fromkeys(_SHARES, _amount)).items()}


def _sort(where: str, value: Any) -> Sort | None:
    by, partition = choice(*get_args(SortBy)), choice(*get_args(Partition))
    if not isinstance(value, Mapping):
        return Sort(by(where, value))
    sort = Sort(**_object(where, value, {"by": by, "partition": partition}))
    return None if sort == Sort() else sort


def _max_price(where: str, value: Any) -> MaxPrice | None:
    bounds = _object(where, value, _PRICES)
    return MaxPrice(**bounds) if bounds else None


def _options(where: str, value: Any) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise InvalidRequest(where, "must be an object of options by provider's slug")
    for slug, options in value.items():
        if not isinstance(options, dict):
            raise InvalidRequest(f"{where}.{slug}", "must be an object")
    return value


_ROUTES: Final[Mapping[str, Partition]] = {"fallback": "model", "sort": "none"}
_SHARES: Final = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p99": 0.99}
_STRICTER: Final = {"zdr": True, "data_collection": False}
"""The value that a request can't take back."""

_PRICES: Final[Mapping[str, Check]] = {
    **dict.fromkeys(("prompt", "completion"), _per_million),
    **dict.fromkeys(("request", "image", "audio"), _amount),
}

_FIELDS: Final[Mapping[str, Check]] = {
    **dict.fromkeys(("order", "only", "ignore"), _texts),
    **dict.fromkeys(("allow_fallbacks", "require_parameters", "zdr", "enforce_distillable_text"), of_type(bool)),
    "data_collection": lambda where, value: choice(*get_args(DataCollection))(where, value) == "allow",
    "quantizations": _quantizations,
    "sort": _sort,
    "max_price": _max_price,
    "preferred_min_throughput": _cutoffs,
    "preferred_max_latency": _cutoffs,
    "options": _options,
}
"""OpenRouter's fields (its request schema, ProviderPreferences)."""

PROVIDER_FIELDS: Final = tuple(_FIELDS)
