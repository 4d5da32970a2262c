"""What Bedrock can serve: the catalog's models, embedding models that no catalog knows, and those that accounts name."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from taxiway.candidate import Account, Endpoint, Operation
from taxiway.catalog import CatalogModel
from taxiway_bedrock import mantle
from taxiway_bedrock.families import CLAUDE, Family, family_of
from taxiway_bedrock.regions import profile_of

SLUG: Final = "amazon-bedrock"
NAME: Final = "Amazon Bedrock"

_MODALITIES: Final = frozenset({"image", "file", "audio", "video"})
_THINKING: Final = frozenset({"reasoning", "include_reasoning", "reasoning_effort"})

_SHARED: Final = frozenset(
    "max_tokens max_completion_tokens temperature top_p stop tools tool_choice response_format service_tier".split()
)
"""Parameters, by OpenRouter's names, that Converse can say for every model."""

EMBEDDINGS: Final = tuple(
    CatalogModel(
        id=id_,
        slug=slug,
        name=name,
        operation="embeddings",
        inputs=frozenset(inputs.split()),
        outputs=frozenset({"embeddings"}),
        context=context,
    )
    for id_, slug, name, inputs, context in (
        ("amazon.titan-embed-text-v1", "amazon/titan-embed-text-v1", "Titan Embeddings G1 - Text", "text", 8192),
        ("amazon.titan-embed-text-v2:0", "amazon/titan-embed-text-v2", "Titan Text Embeddings V2", "text", 8192),
        (
            "amazon.titan-embed-image-v1",
            "amazon/titan-embed-image-v1",
            "Titan Multimodal Embeddings G1",
            "text image",
            256,
        ),
        (
            "amazon.nova-2-multimodal-embeddings-v1:0",
            "amazon/nova-2-multimodal-embeddings",
            "Nova 2 Multimodal Embeddings",
            "text image",
            8192,
        ),
        ("cohere.embed-english-v3", "cohere/embed-english-v3.0", "Cohere Embed English", "text image", 512),
        (
            "cohere.embed-multilingual-v3",
            "cohere/embed-multilingual-v3.0",
            "Cohere Embed Multilingual",
            "text image",
            512,
        ),
        ("cohere.embed-v4:0", "cohere/embed-v4.0", "Cohere Embed 4", "text image", 128_000),
    )
)
"""Embedding models, which no catalog knows. Their prices are unknown until the configuration tells them."""


def offers(known: Mapping[str, CatalogModel], accounts: Sequence[Account]) -> Iterable[Endpoint]:
    """Give the endpoints. `known` is what the catalog says, by id.

    A model that has inference profiles is offered by them alone, unless an account names it: most such can't be called otherwise.
    """
    ours = [account for account in accounts if not account.settings.mantle]
    theirs = [account for account in accounts if account.settings.mantle]
    if ours or not theirs:
        models = {**known, **{model.id: model for model in EMBEDDINGS if model.id not in known}}
        by_profile = {base for id_ in models for profile, base in [profile_of(id_)] if profile}
        named = _named(ours)
        for model in models.values():
            if model.id not in by_profile or model.id in named:
                yield _endpoint(model)
        for id_, slug in named.items():
            if id_ not in models:
                yield _endpoint(_unknown(id_, slug))
    if theirs:
        models = {model.id: model for model in mantle.models(known.values())}
        unknown = [_unknown(id_, slug) for id_, slug in _named(theirs).items() if id_ not in models]
        made = map(_on_mantle, [*models.values(), *unknown])
        yield from (endpoint for endpoint in made if endpoint.dialects)


def _named(accounts: Iterable[Account]) -> Mapping[str, str]:
    """Return the models that accounts name, by id the slug."""
    return {id_: slug for account in accounts for slug, id_ in (account.models or {}).items()}


def _unknown(id_: str, slug: str) -> CatalogModel:
    """A model of which only its name is known: it has the last word on what it takes."""
    return CatalogModel(id=id_, slug=slug, name=slug, inputs=_MODALITIES | {"text"})


def _endpoint(model: CatalogModel) -> Endpoint:
    """On Bedrock's own API."""
    family, profile = family_of(model.id, model.slug), profile_of(model.id)[0]
    embeds = model.operation == "embeddings"
    return _made(
        model,
        f"{SLUG}/{profile}" if profile else SLUG,
        dialects={"embeddings": ("bedrock-embeddings",)} if embeds else _dialects(family),
        parameters=frozenset({"dimensions"}) if embeds else _parameters(model, family),
        unsupported=model.unsupported - _THINKING,
        inputs=model.inputs | {"file"} if family.documents else model.inputs,
        reasoning=model.reasoning or bool(family.thinks),
        prefill=family.prefill,
        fetches=_MODALITIES,
    )


def _on_mantle(model: CatalogModel) -> Endpoint:
    """On the OpenAI-shaped one."""
    return _made(
        model,
        mantle.TAG,
        dialects=mantle.SHAPE.dialects(model.id, ("chat",)),
        unsupported=mantle.SHAPE.unsupported(model),
    )


def _made(model: CatalogModel, tag: str, **own: Any) -> Endpoint:
    return model.endpoint(provider=SLUG, provider_name=NAME, tag=tag, charges="reserve-max", **own)


def _dialects(family: Family) -> Mapping[Operation, tuple[str, ...]]:
    """Claude is asked in its own form as well, so that what its clients say passes untouched."""
    if family.format != CLAUDE:
        return {"chat": ("converse",)}
    return {"chat": ("converse", "messages"), "count-tokens": ("count-tokens",)}


def _parameters(model: CatalogModel, family: Family) -> frozenset[str]:
    """Return what works: what Converse says for all, what the maker's own fields say, what the catalog knows."""
    own = (_THINKING if family.thinks else frozenset()) | (
        {"top_k"} if family.top_k and family.samples else frozenset()
    )
    off = frozenset() if family.samples else {"temperature", "top_p"}
    return (_SHARED | own | model.parameters) - off - (model.unsupported - _THINKING)
