"""What Vertex AI can serve: the catalog's models, by whose they are. That says what is spoken with them.

Sources: docs.cloud.google.com/vertex-ai/generative-ai/docs: models, partner-models/claude, maas/call-open-model-apis (open models by OpenAI's
chat completions, `author/name` with the ending `-maas`); platform.claude.com/docs: claude-on-vertex-ai (no URLs of images and files).
"""

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import evolve, frozen

from taxiway.candidate import Endpoint, Operation
from taxiway.catalog import Catalog, CatalogModel
from taxiway_anthropic_messages import claude_named

SLUG: Final = "google-vertex"
NAME: Final = "Google"

_CATALOGS: Final = ("google-vertex", "google-vertex-anthropic")
_SAMPLING: Final = frozenset("temperature top_p top_k".split())


@frozen
class Maker:
    """What models of one kind speak, and what they take as bytes only. `google`: they are Google's own."""

    dialects: Mapping[Operation, Mapping[Operation, tuple[str, ...]]]
    fetches: frozenset[str] = frozenset()
    google: bool = False


GOOGLE: Final = Maker(
    {
        "chat": {"chat": ("gemini",), "count-tokens": ("gemini-count-tokens",)},
        "embeddings": {"embeddings": ("gemini-embeddings",)},
    },
    # A video may be named: one of YouTube's can't be had otherwise.
    fetches=frozenset({"image", "file", "audio"}),
    google=True,
)
ANTHROPIC: Final = Maker(
    {"chat": {"chat": ("messages",), "count-tokens": ("count-tokens",)}}, fetches=frozenset({"image", "file"})
)
OPEN: Final = Maker({"chat": {"chat": ("chat",)}})
"""Models of other makers, by OpenAI's chat completions."""


def maker_of(model: str) -> Maker:
    """Tell by a model's id whose it is."""
    if model.startswith("claude-"):
        return ANTHROPIC
    return OPEN if "/" in model else GOOGLE


def offers(catalog: Catalog) -> Iterable[Endpoint]:
    """Give the endpoints. Claude is in both of the catalog's lists."""
    models = {id_: model for name in _CATALOGS for id_, model in catalog.provider(name).items()}
    for model in models.values():
        maker = maker_of(model.id)
        if model.operation in maker.dialects:
            yield _known(_endpoint(model, maker))


def _endpoint(model: CatalogModel, maker: Maker) -> Endpoint:
    return model.endpoint(
        provider=SLUG,
        provider_name=NAME,
        tag=SLUG,
        dialects=maker.dialects[model.operation],
        fetches=maker.fetches,
        charges="usage",
    )


def _known(endpoint: Endpoint) -> Endpoint:
    """Say of a Claude what its name tells."""
    claude = claude_named(endpoint.id) if "messages" in endpoint.dialects.get("chat", ()) else None
    if claude is None:
        return endpoint
    unsupported = endpoint.unsupported if claude.sampling else endpoint.unsupported | _SAMPLING
    return evolve(endpoint, unsupported=unsupported, prefill=claude.prefill)
