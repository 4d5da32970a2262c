"""The `provider` object of a request (OpenRouter's provider routing): what a client wants of who serves it."""

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from attrs import evolve, field, frozen

from taxiway.codec import Json
from taxiway.errors import InvalidRequest

SortBy: TypeAlias = Literal["price", "throughput", "latency", "exacto"]

Cutoffs: TypeAlias = Mapping[float, float]
"""A bound for each share of the calls (0.5: the median, 0.99, ...), all of which must hold."""

_NO_CUTOFFS: Final[Cutoffs] = {}
_NO_OPTIONS: Final[Mapping[str, Json]] = {}


@frozen
class Sort:
    """A strict order instead of the strategies'. `partition` "none": over all models of the call, instead of one after the other."""

    by: SortBy
    partition: Literal["model", "none"] = "model"


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
    """What a request says of its providers. `order`, `only` and `ignore` name slugs or tags.

    `data_collection` False: only who is known not to keep prompts for training; `zdr`: only who is known to keep nothing.
    `preferred_min_throughput` in tokens per second, `preferred_max_latency` in seconds to the first token: who misses them comes
    last. `options` by provider's slug: what is sent on to that provider as it is.
    """

    order: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    allow_fallbacks: bool = True
    require_parameters: bool = False
    data_collection: bool = True
    zdr: bool = False
    quantizations: frozenset[str] = frozenset()
    sort: Sort | None = None
    max_price: MaxPrice | None = None
    preferred_min_throughput: Cutoffs = field(default=_NO_CUTOFFS)
    preferred_max_latency: Cutoffs = field(default=_NO_CUTOFFS)
    options: Mapping[str, Json] = field(default=_NO_OPTIONS)


NO_PREFERENCES = Preferences()

_NAMES = ("order", "only", "ignore")
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "require_parameters": (False,),
    "data_collection": ("allow",),
    "zdr": (False,),
    "enforce_distillable_text": (False,),
    "quantizations": ([],),
    "sort": (),
    "max_price": ({},),
    "preferred_min_throughput": (),
    "preferred_max_latency": (),
    "options": ({},),
}
"""Fields of OpenRouter's that are not built yet, with the values that ask for nothing. To ignore one that asks for something
(a price limit, no retention) would break what the client was promised."""


def preferences_of(raw: object, defaults: Preferences = NO_PREFERENCES) -> Preferences:
    """Structure the `provider` object of a request. Raises InvalidRequest, naming the field."""
    if raw is None:
        return defaults
    if not isinstance(raw, dict):
        raise InvalidRequest("provider", "must be an object")
    given: dict[str, Any] = {}
    for name, value in raw.items():
        where = f"provider.{name}"
        if value is None:
            continue
        if name in _NAMES:
            if not isinstance(value, list) or not all(isinstance(slug, str) for slug in value):
                raise InvalidRequest(where, "must be a list of provider slugs")
            given[name] = tuple(value)
        elif name == "allow_fallbacks":
            if not isinstance(value, bool):
                raise InvalidRequest(where, "must be true or false")
            given[name] = value
        elif name not in _NEUTRAL:
            raise InvalidRequest(where, "is not a known field")
        elif value not in _NEUTRAL[name]:
            raise InvalidRequest(where, "is not supported yet")
    return evolve(defaults, **given) if given else defaults
