"""How hard a call seems, between 0 and 1: a sum of what can be seen of it. Local, and cheap: no model is asked."""

from collections.abc import Iterable, Mapping
from math import log
from typing import Final

from taxiway import Facts
from taxiway_auto.options import Weights
from taxiway_auto.text import has_code

SHORT: Final = 200
LONG: Final = 20_000
"""Tokens of a prompt whose size adds nothing, and all that it can."""
_REASONING: Final = frozenset({"reasoning", "reasoning_effort"})
_STRUCTURE: Final = frozenset({"response_format", "structured_outputs"})


def complexity(facts: Facts, text: str, words: Mapping[str, float], weights: Weights) -> float:
    """Return it. `text` is what the user asked for last; `words` what a word in it adds, in lower case."""
    parameters = facts.parameters
    score = weights.size * min(max(log(max(facts.tokens, 1) / SHORT) / log(LONG / SHORT), 0.0), 1.0)
    if "tools" in parameters:
        score += weights.tools
    if not parameters.isdisjoint(_REASONING):
        score += weights.reasoning
    if not parameters.isdisjoint(_STRUCTURE):
        score += weights.structure
    if len(facts.inputs) > 1 or "text" not in facts.inputs:
        score += weights.media
    if text:
        if weights.code and has_code(text):
            score += weights.code
        lowered = text.lower()
        said = sum(weight for word, weight in words.items() if occurs(word, lowered))
        score += min(max(said, -weights.words), weights.words)
    # The last digits of a float decide nothing.
    return round(min(max(score, 0.0), 1.0), 6)


def any_occurs(words: Iterable[str], lowered: str) -> bool:
    """Whether one of these words is in a text."""
    return any(occurs(word, lowered) for word in words)


def occurs(word: str, lowered: str) -> bool:
    """Whether a word is in a text, and not only as a part of another; both in lower case."""
    at = lowered.find(word)
    while at >= 0:
        end = at + len(word)
        if not (at and lowered[at - 1].isalnum()) and not (end < len(lowered) and lowered[end].isalnum()):
            return True
        at = lowered.find(word, at + 1)
    return False
