"""Cohere's chat, embeddings and rerank as dialects of Taxiway. Nothing is imported before a dialect is built."""

from collections.abc import Iterable

from taxiway.dialect import Dialect
from taxiway.hookspecs import hookimpl
from taxiway.registration import Context, NoOptions, Registration

TAXIWAY_API = (1, 0)


@hookimpl
def taxiway_dialects() -> Iterable[Registration[NoOptions, Dialect]]:
    """Offer the three dialects."""

    def chat(_: NoOptions, __: Context) -> Dialect:
        from taxiway_cohere_chat.chat import COHERE_CHAT

        return COHERE_CHAT

    def embeddings(_: NoOptions, __: Context) -> Dialect:
        from taxiway_cohere_chat.embeddings import COHERE_EMBEDDINGS

        return COHERE_EMBEDDINGS

    def rerank(_: NoOptions, __: Context) -> Dialect:
        from taxiway_cohere_chat.rerank import COHERE_RERANK

        return COHERE_RERANK

    return [
        Registration(name="cohere-chat", summary="Cohere's chat, version 2", options=NoOptions, build=chat),
        Registration(name="cohere-embeddings", summary="Cohere's embed", options=NoOptions, build=embeddings),
        Registration(name="cohere-rerank", summary="Cohere's rerank", options=NoOptions, build=rerank),
    ]
