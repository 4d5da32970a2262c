"""Cohere as a provider of Taxiway."""

from typing import TYPE_CHECKING

from attrs import frozen

from taxiway.hookspecs import hookimpl
from taxiway.registration import Context, Registration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from taxiway.candidate import Credential
    from taxiway.provider import Provider

TAXIWAY_API = (1, 0)

_DIALECTS = ("cohere-chat", "cohere-embeddings", "cohere-rerank", "chat", "embeddings")


@frozen(kw_only=True)
class Options:
    """A `[[providers]]` table. `compatibility`: by Cohere's imitation of OpenAI's API, which has no citations and no rerank."""

    compatibility: bool = False


@hookimpl
def taxiway_providers() -> "Iterable[Registration[Options, Provider]]":
    """Offer the provider."""

    def build(options: Options, context: Context) -> "Provider":
        from taxiway_cohere.declaration import COHERE, COMPATIBLE
        from taxiway_cohere.quirks import failed
        from taxiway_openai_compatible import CompatibleProvider

        return CompatibleProvider(COMPATIBLE if options.compatibility else COHERE, own={"cohere-chat": failed})

    return [
        Registration(
            name="cohere",
            summary="Cohere's chat, embeddings and rerank",
            options=Options,
            build=build,
            requires=tuple(f"dialect-{name}" for name in _DIALECTS),
            environment=_environment,
        )
    ]


def _environment(environment: "Mapping[str, str]") -> "Iterable[Credential]":
    from taxiway_cohere.declaration import ENVIRONMENT

    return ENVIRONMENT(environment)
