"""Anthropic's Messages API as dialects of Taxiway: `messages`, and `count-tokens`.

Providers that speak it lean on what this package exports, wherever the models run (Anthropic, Bedrock's invoke, Vertex's rawPredict):

    from taxiway_anthropic_messages import ERRORS, MESSAGES, VERSION, betas, checked, without_foreign

`MESSAGES` and `COUNT_TOKENS` are the dialects. `checked` is the quirk (see `taxiway_openai_compatible.Quirk`) that every event and every complete
reply passes. `ERRORS` are the rows of Anthropic's error bodies, for `taxiway_openai_compatible.failure_of`. `without_foreign` leaves
out of a body what only other models can read: what a provider sends passes it. `betas` reads the beta features that a call asks for.
`claude_named` says what a model takes, by its name, `thinking_of` how it is told to think, `native_schema` what it makes of an
answer's schema; `Notes` collects what a translation names of itself.

Nothing else is public, and nothing is imported before it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from taxiway.hookspecs import hookimpl
from taxiway.registration import Context, NoOptions, Registration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taxiway.dialect import Dialect
    from taxiway_anthropic_messages.checks import checked
    from taxiway_anthropic_messages.claude import Claude, claude_named
    from taxiway_anthropic_messages.counting import COUNT_TOKENS, CountProgress
    from taxiway_anthropic_messages.dialect import MESSAGES
    from taxiway_anthropic_messages.errors import ERRORS
    from taxiway_anthropic_messages.foreign import without_foreign
    from taxiway_anthropic_messages.notes import Notes
    from taxiway_anthropic_messages.schema import native_schema
    from taxiway_anthropic_messages.thinking import thinking_of
    from taxiway_anthropic_messages.versions import BEDROCK_VERSION, VERSION, VERTEX_VERSION, betas

__all__ = [
    "BEDROCK_VERSION",
    "COUNT_TOKENS",
    "ERRORS",
    "MESSAGES",
    "TAXIWAY_API",
    "VERSION",
    "VERTEX_VERSION",
    "Claude",
    "CountProgress",
    "Notes",
    "betas",
    "checked",
    "claude_named",
    "native_schema",
    "taxiway_dialects",
    "thinking_of",
    "without_foreign",
]

TAXIWAY_API = (1, 0)

_WHERE: Final = {
    "BEDROCK_VERSION": "versions",
    "COUNT_TOKENS": "counting",
    "Claude": "claude",
    "CountProgress": "counting",
    "ERRORS": "errors",
    "MESSAGES": "dialect",
    "Notes": "notes",
    "VERSION": "versions",
    "VERTEX_VERSION": "versions",
    "betas": "versions",
    "checked": "checks",
    "claude_named": "claude",
    "native_schema": "schema",
    "thinking_of": "thinking",
    "without_foreign": "foreign",
}


@hookimpl
def taxiway_dialects() -> "Iterable[Registration[NoOptions, Dialect]]":
    """Offer both dialects."""

    def messages(_: NoOptions, __: Context) -> "Dialect":
        from taxiway_anthropic_messages.dialect import MESSAGES

        return MESSAGES

    def count_tokens(_: NoOptions, __: Context) -> "Dialect":
        from taxiway_anthropic_messages.counting import COUNT_TOKENS

        return COUNT_TOKENS

    return [
        Registration(name="messages", summary="Anthropic's messages", options=NoOptions, build=messages),
        Registration(
            name="count-tokens",
            summary="Anthropic's counting of a message's tokens, canonical for it",
            options=NoOptions,
            build=count_tokens,
        ),
    ]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
