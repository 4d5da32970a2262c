"""Cohere, declared.

Sources: docs.cohere.com/reference (about, errors, chat, embed, rerank, list-models), docs.cohere.com/docs/models,
docs.cohere.com/docs/compatibility-api, docs.cohere.com/docs/rate-limits; cohere.com/pricing; errors and headers as recorded.
"""

from typing import Final

from attrs import evolve

from taxiway.candidate import Operation
from taxiway.catalog import CatalogModel
from taxiway.money import Price
from taxiway_openai_compatible import INSIDE, ErrorRow, LimitRow, ModelRow, Shape, from_environment

_MILLION: Final = 1_000_000
_TEXT: Final = frozenset({"text"})
_BOTH: Final = frozenset({"text", "image"})


def _model(
    id_: str, name: str, operation: Operation, context: int, *, images: bool = False, price: float | None = None
) -> CatalogModel:
    """A model that models.dev does not list; `price` in USD per million tokens that go in, None where Cohere tells none."""
    return CatalogModel(
        id=id_,
        slug=f"cohere/{id_}",
        name=f"Cohere: {name}",
        operation=operation,
        price=Price() if price is None else Price(input=price / _MILLION, output=0.0),
        context=context,
        inputs=_BOTH if images else _TEXT,
        outputs=frozenset({operation}),
    )


COHERE = Shape(
    slug="cohere",
    name="Cohere",
    base_url="https://api.cohere.com",
    catalog="cohere",
    paths={
        "cohere-chat": "/v2/chat",
        "cohere-embeddings": "/v2/embed",
        "cohere-rerank": "/v2/rerank",
        # OpenAI's shape of it, which has no citations and no documents.
        "chat": "/compatibility/v1/chat/completions",
        "embeddings": "/compatibility/v1/embeddings",
    },
    probe="/v1/models?page_size=1",
    # What Cohere does not know, its dialects leave out.
    refuses=frozenset(),
    # Cohere's own shapes say more, so clients of every dialect are served by those.
    models=(ModelRow(ids=("*",), dialects=("cohere-chat", "cohere-embeddings", "cohere-rerank")),),
    adds=(
        CatalogModel(
            id="command-a-plus-05-2026",
            slug="cohere/command-a-plus-05-2026",
            name="Cohere: Command A+",
            reasoning=True,
        ),
        _model("embed-v4.0", "Embed v4", "embeddings", 128_000, images=True, price=0.12),
        _model("embed-english-v3.0", "Embed English v3", "embeddings", 512, images=True),
        _model("embed-english-light-v3.0", "Embed English Light v3", "embeddings", 512, images=True),
        _model("embed-multilingual-v3.0", "Embed Multilingual v3", "embeddings", 512, images=True),
        _model("embed-multilingual-light-v3.0", "Embed Multilingual Light v3", "embeddings", 512, images=True),
        _model("rerank-v4.0-pro", "Rerank v4 Pro", "rerank", 32_768),
        _model("rerank-v4.0-fast", "Rerank v4 Fast", "rerank", 32_768),
        _model("rerank-v3.5", "Rerank v3.5", "rerank", 4_096),
        _model("rerank-english-v3.0", "Rerank English v3", "rerank", 4_096),
        _model("rerank-multilingual-v3.0", "Rerank Multilingual v3", "rerank", 4_096),
    ),
    errors=(
        ErrorRow(kind="credential_invalid", statuses=(498,)),
        # A trial key's calls of a month: no waiting helps that a call could wait.
        ErrorRow(kind="quota_exhausted", statuses=(429,), message=r"/ ?month|per month|monthly"),
        ErrorRow(kind="unsupported_here", message=r"max tokens must be less than or equal to"),
        ErrorRow(kind="context_length", codes=("TOO_MANY_TOKENS",)),
        ErrorRow(kind="context_length", message="too many tokens"),
        # The model broke the rules of the tools: nothing was wrong with the request, and another may do better.
        ErrorRow(kind="unsupported_here", codes=("INVALID_TOOL_GENERATION",)),
        ErrorRow(kind="timeout", codes=("TIMEOUT",)),
        ErrorRow(
            kind="unsupported_here",
            statuses=(400, 422),
            message=r"not (?:supported|compatible)|only one of|cannot specify both",
        ),
    ),
    limits=(
        LimitRow(
            unit="requests",
            limit="x-trial-endpoint-call-limit",
            remaining="x-trial-endpoint-call-remaining",
            window=60.0,
        ),
    ),
)

COMPATIBLE = evolve(COHERE, models=(ModelRow(ids=("*",), dialects=("chat", "embeddings")),), refuses=INSIDE)
"""Cohere by its imitation of OpenAI's API."""

ENVIRONMENT = from_environment("cohere", ("COHERE_API_KEY", "CO_API_KEY"))
