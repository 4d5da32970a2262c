"""Google's Gemini API as dialects of Taxiway: `gemini`, `gemini-embeddings`, `gemini-count-tokens`.

Providers that speak Gemini use what this package exports, and nothing else of it. Nothing is imported before it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from taxiway.hookspecs import hookimpl
from taxiway.registration import Context, NoOptions, Registration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taxiway.dialect import Dialect
    from taxiway_gemini.array import ArrayReplies
    from taxiway_gemini.counting import GEMINI_COUNT_TOKENS
    from taxiway_gemini.dialect import GEMINI
    from taxiway_gemini.embeddings import GEMINI_EMBEDDINGS
    from taxiway_gemini.failures import failure_of
    from taxiway_gemini.quirks import replies_of
    from taxiway_gemini.thinking import generation_of

__all__ = [
    "GEMINI",
    "GEMINI_COUNT_TOKENS",
    "GEMINI_EMBEDDINGS",
    "TAXIWAY_API",
    "ArrayReplies",
    "failure_of",
    "generation_of",
    "replies_of",
    "taxiway_dialects",
]

TAXIWAY_API = (1, 0)

_WHERE = {
    "ArrayReplies": "array",
    "GEMINI": "dialect",
    "GEMINI_COUNT_TOKENS": "counting",
    "GEMINI_EMBEDDINGS": "embeddings",
    "failure_of": "failures",
    "generation_of": "thinking",
    "replies_of": "quirks",
}

_OFFERED = (
    ("gemini", "GEMINI", "Google's generateContent and streamGenerateContent"),
    ("gemini-embeddings", "GEMINI_EMBEDDINGS", "Google's batchEmbedContents and embedContent"),
    ("gemini-count-tokens", "GEMINI_COUNT_TOKENS", "Google's countTokens"),
)


@hookimpl
def taxiway_dialects() -> "Iterable[Registration[NoOptions, Dialect]]":
    """Offer the dialects."""
    return [_offer(*row) for row in _OFFERED]


def _offer(name: str, member: str, summary: str) -> "Registration[NoOptions, Dialect]":
    def build(options: NoOptions, context: Context) -> "Dialect":
        dialect: Dialect = __getattr__(member)
        return dialect

    return Registration(name=name, summary=summary, options=NoOptions, build=build)


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
