"""Together AI as a provider of Taxiway."""

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
        from taxiway_openai_compatible import CompatibleProvider
        from taxiway_together.declaration import TOGETHER

        return CompatibleProvider(TOGETHER)

    return [
        Registration(
            name="together",
            summary="Together AI's chat and text completions, and embeddings",
            options=NoOptions,
            build=build,
            requires=("dialect-chat", "dialect-completions", "dialect-embeddings"),
            environment=_environment,
        )
    ]


def _environment(environment: "Mapping[str, str]") -> "Iterable[Credential]":
    from taxiway_together.declaration import ENVIRONMENT

    return ENVIRONMENT(environment)
