"""Azure OpenAI and Azure AI Foundry as a provider of Taxiway."""

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
        from taxiway_azure.provider import AzureProvider

        return AzureProvider(context.door)

    return [
        Registration(
            name="azure",
            summary="models deployed in Azure OpenAI and Azure AI Foundry",
            options=NoOptions,
            build=build,
            requires=("dialect-chat", "dialect-completions", "dialect-embeddings", "dialect-responses"),
            environment=_environment,
            credential="an API key, a client secret, several in JSON, or no key",
        )
    ]


def _environment(environment: "Mapping[str, str]") -> "Iterable[Credential]":
    from taxiway_azure.declaration import offered

    return offered(environment)
