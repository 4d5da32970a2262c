"""Google AI Studio as a provider of Taxiway."""

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
    """Offer the provider, by the plugin's name and by its slug."""

    def build(options: NoOptions, context: Context) -> "Provider":
        from taxiway_google.provider import GoogleProvider

        return GoogleProvider()

    return [
        Registration(
            name=name,
            summary="Gemini and its embeddings at Google AI Studio",
            options=NoOptions,
            build=build,
            requires=("dialect-gemini", "dialect-gemini-embeddings", "dialect-gemini-count-tokens"),
            environment=_environment,
        )
        for name in ("google", "google-ai-studio")
    ]


def _environment(environment: "Mapping[str, str]") -> "Iterable[Credential]":
    from taxiway_google.provider import ENVIRONMENT

    return ENVIRONMENT(environment)
