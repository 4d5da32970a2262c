"""The options of those standard strategies that have any: their `[strategies.<name>]` tables."""

from collections.abc import Mapping
from math import inf
from typing import Final, Literal

from attrs import field, frozen, validators

from taxiway import Duration

_AMOUNT: Final = validators.and_(validators.ge(0.0), validators.lt(inf))
_SHARE: Final = validators.and_(validators.ge(0.0), validators.le(1.0))
_BY_NAME: Final = validators.deep_mapping(validators.instance_of(str), _AMOUNT)


@frozen(kw_only=True)
class Balanced:
    """`exponent`: an endpoint is drawn with the weight 1 / price^exponent; 2 is OpenRouter's."""

    exponent: float = field(default=2.0, validator=[validators.gt(0.0), validators.le(1000.0)])


@frozen(kw_only=True)
class Weighted:
    """`weights` by model slug, tag or provider, the closest wins; an endpoint that none names has the weight 1, 0 takes it out."""

    weights: Mapping[str, float] = field(factory=dict, validator=_BY_NAME)


@frozen(kw_only=True)
class Speed:
    """The tables of `latency` and `throughput`.

    `quantile`: the share of the calls that were at least so fast. `tolerance`: endpoints that are less than this share slower than the
    fastest are equal. `explore`: the share of the calls that begin with an endpoint that was not measured yet, where there is one.
    """

    quantile: float = field(default=0.5, validator=[validators.gt(0.0), validators.lt(1.0)])
    tolerance: float = field(default=0.1, validator=_AMOUNT)
    explore: float = field(default=0.1, validator=_SHARE)


@frozen(kw_only=True)
class Uptime:
    """`step`: endpoints whose share of failures falls in one step of this width are equal."""

    step: float = field(default=0.02, validator=[validators.ge(0.0001), validators.le(1.0)])


@frozen(kw_only=True)
class Adjusted:
    """What a call's cost is adjusted by.

    `dollars_per_hour`: what an hour of waiting for a reply is worth. `error_penalty`, `limit_penalty`: by how much an endpoint is
    dearer that always fails, or always meets a rate limit (1: twice as dear). `explore`: as of
    `latency`; `tolerance` too, of the cost.
    """

    dollars_per_hour: float = field(default=1.0, validator=_AMOUNT)
    error_penalty: float = field(default=10.0, validator=_AMOUNT)
    limit_penalty: float = field(default=2.0, validator=_AMOUNT)
    explore: float = field(default=0.1, validator=_SHARE)
    tolerance: float = field(default=0.02, validator=_AMOUNT)


@frozen(kw_only=True)
class Bandit:
    """`explore`: the share of the calls that begin with an endpoint that was drawn.

    `dollars_per_hour`: what an hour of waiting for a first token is worth; `failure`: what a failed attempt costs, in USD.
    `tolerance`: as of `latency`, of the loss.
    """

    explore: float = field(default=0.05, validator=_SHARE)
    dollars_per_hour: float = field(default=1.0, validator=_AMOUNT)
    failure: float = field(default=0.01, validator=_AMOUNT)
    tolerance: float = field(default=0.05, validator=_AMOUNT)


@frozen(kw_only=True)
class Canary:
    """`to`: the model slug, tag or provider that is tried out, by `share` of the conversations or API keys (`by`)."""

    to: str = field(validator=validators.min_len(1))
    share: float = field(default=0.05, validator=_SHARE)
    by: Literal["conversation", "api-key"] = "conversation"


@frozen(kw_only=True)
class Pareto:
    """`quality` by model slug, tag or provider, the closest wins; higher is better, and what is not listed has the lowest listed.

    `least_quality`, and `within` seconds to the first token (the median): endpoints that miss a bound come after those that don't.
    """

    quality: Mapping[str, float] = field(factory=dict, validator=_BY_NAME)
    least_quality: float = field(default=0.0, validator=_AMOUNT)
    within: Duration | None = field(default=None, validator=validators.optional(validators.gt(0.0)))
