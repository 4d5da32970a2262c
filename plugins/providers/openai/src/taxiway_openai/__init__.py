"""OpenAI as a provider of Taxiway."""

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
        from taxiway_openai.declaration import OPENAI, OpenAISettings
        from taxiway_openai_compatible import CompatibleProvider

        return CompatibleProvider(OPENAI, settings=OpenAISettings)

    return [
        Registration(
            name="openai",
            summary="OpenAI's responses, chat and text completions, and embeddings",
            options=NoOptions,
            build=build,
            requires=("dialect-chat", "dialect-responses", "dialect-completions", "dialect-embeddings"),
            environment=_environment,
        )
    ]


def _environment(environment: "Mapping[str, str]") -> "Iterable[Credential]":
    from taxiway_openai.declaration import ENVIRONMENT

    return ENVIRONMENT(environment)
