"""Anthropic as a provider of Taxiway."""

from typing import TYPE_CHECKING

from taxiway.hookspecs import hookimpl
from taxiway.registration import Context, NoOptions, Registration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from taxiway.candidate import Credential
    from taxiway.provider import Provider

TAXIWAY_API = (1, 0)


@hookimpl
def taxiway_providers() -> "Iterable[Registration[NoOptions, Provider]]":
    """Offer the provider."""

    def build(options: NoOptions, context: Context) -> "Provider":
        from taxiway_anthropic.declaration import ANTHROPIC
        from taxiway_anthropic.quirks import headers, known, request
        from taxiway_anthropic_messages import checked
        from taxiway_openai_compatible import CompatibleProvider

        return CompatibleProvider(
            ANTHROPIC,
            own={"messages": checked},
            requests={"messages": request, "count-tokens": request},
            headers=headers,
            known=known,
        )

    return [
        Registration(
            name="anthropic",
            summary="Anthropic's Claude by its own Messages API",
            options=NoOptions,
            build=build,
            requires=("dialect-messages", "dialect-count-tokens"),
            environment=_environment,
        )
    ]


def _environment(environment: "Mapping[str, str]") -> "Iterable[Credential]":
    from taxiway_anthropic.declaration import ENVIRONMENT

    return ENVIRONMENT(environment)
