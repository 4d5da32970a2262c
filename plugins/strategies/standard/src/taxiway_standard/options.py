"""The options of those standard strategies that have any: their `[strategies.<name>]` tables."""

from collections.abc import Mapping
from math import inf

from attrs import field, frozen, validators


@frozen(kw_only=True)
class Balanced:
    """`exponent`: an endpoint is drawn with the weight 1 / price^exponent; 2 is OpenRouter's."""

    exponent: float = field(default=2.0, validator=[validators.gt(0.0), validators.le(1000.0)])


@frozen(kw_only=True)
class Weighted:
    """`weights` by model slug, tag or provider, the closest wins; an endpoint that none names has the weight 1, 0 takes it out."""

    weights: Mapping[str, float] = field(
        factory=dict,
        validator=validators.deep_mapping(
            validators.instance_of(str), validators.and_(validators.ge(0.0), validators.lt(inf))
        ),
    )
