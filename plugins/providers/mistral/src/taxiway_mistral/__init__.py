"""Mistral as a provider of Taxiway."""

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
        from taxiway_mistral.declaration import MISTRAL
        from taxiway_mistral.quirks import Reading
        from taxiway_mistral.requests import request
        from taxiway_openai_compatible import CompatibleProvider

        return CompatibleProvider(MISTRAL, readings={"chat": Reading}, requests={"chat": request})

    return [
        Registration(
            name="mistral",
            summary="Mistral's chat completions and embeddings",
            options=NoOptions,
            build=build,
            requires=("dialect-chat", "dialect-embeddings"),
            environment=_environment,
        )
    ]


def _environment(environment: "Mapping[str, str]") -> "Iterable[Credential]":
    from taxiway_mistral.declaration import ENVIRONMENT

    return ENVIRONMENT(environment)
