"""Amazon Bedrock as a provider of Taxiway, and the dialects that only it speaks."""

from typing import TYPE_CHECKING

from taxiway.hookspecs import hookimpl
from taxiway.registration import Context, NoOptions, Registration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from taxiway.candidate import Credential
    from taxiway.dialect import Dialect
    from taxiway.provider import Provider

TAXIWAY_API = (1, 0)


@hookimpl
def taxiway_providers() -> "Iterable[Registration[NoOptions, Provider]]":
    """Offer the provider by its name and by its slug."""

    def build(options: NoOptions, context: Context) -> "Provider":
        from taxiway_bedrock.provider import BedrockProvider

        return BedrockProvider()

    return [
        Registration(
            name=name,
            summary="Amazon Bedrock: Converse for all models, Claude also in its own form, embeddings, and bedrock-mantle",
            options=NoOptions,
            build=build,
            requires=tuple(
                f"dialect-{dialect}"
                for dialect in "converse bedrock-embeddings messages count-tokens chat responses embeddings".split()
            ),
            environment=_environment,
            credential="an API key, access keys in JSON, or no key",
        )
        for name in ("bedrock", "amazon-bedrock")
    ]


@hookimpl
def taxiway_dialects() -> "Iterable[Registration[NoOptions, Dialect]]":
    """Offer the dialects `converse` and `bedrock-embeddings`, both towards the provider only."""

    def converse(options: NoOptions, context: Context) -> "Dialect":
        from taxiway_bedrock.converse import CONVERSE

        return CONVERSE

    def embeddings(options: NoOptions, context: Context) -> "Dialect":
        from taxiway_bedrock.embeddings import VECTORS

        return VECTORS

    return [
        Registration(name="converse", summary="Bedrock's Converse, towards it", options=NoOptions, build=converse),
        Registration(
            name="bedrock-embeddings",
            summary="embedding models on Bedrock's InvokeModel, towards it",
            options=NoOptions,
            build=embeddings,
        ),
    ]


def _environment(environment: "Mapping[str, str]") -> "Iterable[Credential]":
    from taxiway_bedrock.environment import credentials

    return credentials(environment)
