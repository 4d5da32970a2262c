"""The options of `auto`: the table `[strategies.auto]`."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import field, frozen, validators

from taxiway.converter import Wrong

_SHARE: Final = validators.and_(validators.ge(0.0), validators.le(1.0))
_WEIGHT: Final = validators.and_(validators.ge(-1.0), validators.le(1.0))
_TOKENS: Final = validators.optional(validators.ge(0))
_SLUG: Final[Callable[[Any, Any, Any], None]] = validators.min_len(1)

WORDS: Final[Mapping[str, float]] = {
    "analyse": 0.1,
    "analyze": 0.1,
    "architecture": 0.15,
    "compare": 0.05,
    "complexity": 0.1,
    "concurrency": 0.15,
    "debug": 0.15,
    "derive": 0.15,
    "edge cases": 0.1,
    "explain why": 0.1,
    "implement": 0.1,
    "optimise": 0.15,
    "optimize": 0.15,
    "plan": 0.05,
    "proof": 0.2,
    "prove": 0.2,
    "race condition": 0.2,
    "refactor": 0.15,
    "root cause": 0.15,
    "step by step": 0.15,
    "theorem": 0.2,
    "trade-offs": 0.1,
    "classify": -0.05,
    "rephrase": -0.05,
    "summarise": -0.05,
    "summarize": -0.05,
    "translate": -0.05,
}
"""Words that make a call seem harder, or easier."""


@frozen(kw_only=True)
class Choice:
    """A model, and up to which complexity it is chosen."""

    model: str = field(validator=_SLUG)
    up_to: float = field(default=1.0, validator=_SHARE)


@frozen(kw_only=True)
class Rule:
    """A model for the calls that meet all of these conditions, whatever their complexity.

    `parameters` and `inputs`: one of them is in use, by OpenRouter's names (`tools`, `reasoning`; `image`, `file`). `words`: one of
    them is in the text. `code`: whether there is code in it. `tokens_from`, `tokens_to`: how long the prompt is.
    """

    model: str = field(validator=_SLUG)
    parameters: frozenset[str] = frozenset()
    inputs: frozenset[str] = frozenset()
    words: tuple[str, ...] = field(default=(), validator=validators.deep_iterable(_SLUG))
    code: bool | None = None
    tokens_from: int | None = field(default=None, validator=_TOKENS)
    tokens_to: int | None = field(default=None, validator=_TOKENS)

    def __attrs_post_init__(self) -> None:
        bounds = (self.code, self.tokens_from, self.tokens_to)
        if not (self.parameters or self.inputs or self.words) and bounds == (None, None, None):
            raise Wrong("a rule needs a condition, else it would decide for every call")


@frozen(kw_only=True)
class Weights:
    """What adds how much to a call's complexity, which lies between 0 and 1.

    `size`: of a prompt of 20,000 tokens, less for shorter ones. `code`, `tools`, `media` (images, files, audio), `reasoning` (asked for),
    `structure` (a JSON schema for the answer): where it is there. `words`: all words together at most, either way.
    """

    size: float = field(default=0.3, validator=_WEIGHT)
    code: float = field(default=0.2, validator=_WEIGHT)
    tools: float = field(default=0.15, validator=_WEIGHT)
    media: float = field(default=0.1, validator=_WEIGHT)
    reasoning: float = field(default=0.3, validator=_WEIGHT)
    structure: float = field(default=0.05, validator=_WEIGHT)
    words: float = field(default=0.4, validator=_SHARE)


def _ascending(_: Any, __: Any, value: tuple[Choice, ...]) -> None:
    bounds = [choice.up_to for choice in value]
    if bounds != sorted(set(bounds)):
        raise Wrong("each model must have a higher `up_to` than the one before")
    if value and bounds[-1] != 1.0:
        raise Wrong("the last model must be up to 1, so that there is one for every call")


@frozen(kw_only=True)
class Auto:
    """`models`: from the one for the easiest calls to the one for the hardest. Left out: those there are, by price, in equal steps.

    `rules`: the first that fits decides. `words`: what a word in the text adds, `weights`: what everything else does.
    """

    models: tuple[Choice, ...] = field(default=(), validator=_ascending)
    rules: tuple[Rule, ...] = ()
    words: Mapping[str, float] = field(
        default=WORDS, validator=validators.deep_mapping(validators.and_(validators.instance_of(str), _SLUG), _WEIGHT)
    )
    weights: Weights = Weights()
