"""Google Vertex AI as a provider of Taxiway."""

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
        from taxiway_vertex.provider import VertexProvider

        return VertexProvider(context.door)

    return [
        Registration(
            name=name,
            summary="Vertex AI: Gemini, Claude, open models and embeddings at Google Cloud",
            options=NoOptions,
            build=build,
            requires=tuple(
                f"dialect-{dialect}"
                for dialect in "gemini gemini-embeddings gemini-count-tokens messages count-tokens chat".split()
            ),
            environment=_environment,
            credential="a service account's JSON, an API key, or no key: application default credentials",
        )
        for name in ("vertex", "google-vertex")
    ]


def _environment(environment: "Mapping[str, str]") -> "Iterable[Credential]":
    from taxiway_vertex.environment import credentials

    return credentials(environment)
