"""Any OpenAI-compatible server as a provider of Taxiway.

Distributions of providers that are shaped like OpenAI's API declare theirs with what this package exports:

    from taxiway_openai_compatible import CompatibleProvider, ErrorRow, Settings, Shape, from_environment, paths_of

    SHAPE = Shape(slug="acme", name="Acme", base_url="https://api.acme.example/v1", catalog="acme")
    provider = CompatibleProvider(SHAPE)

Providers of any other shape find here what their decoders and errors have in common: `SseReplies`, `JsonReplies`, `StreamReplies`,
`ErrorRow`, `failure_of`, `kind_of`, `retry_after`.

Nothing else is public, and nothing is imported before it is asked for.
"""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from taxiway.hookspecs import hookimpl
from taxiway.registration import Context, NoOptions, Registration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from taxiway.candidate import Credential
    from taxiway.dialect import Dialect
    from taxiway.provider import Provider
    from taxiway_openai_compatible.declaration import (
        BEYOND,
        INSIDE,
        PATHS,
        ErrorRow,
        LimitRow,
        ModelRow,
        Settings,
        Shape,
        TierRow,
        operation_of,
        paths_of,
    )
    from taxiway_openai_compatible.environment import from_environment
    from taxiway_openai_compatible.errors import SHARED, Told, failure_of, kind_of, read
    from taxiway_openai_compatible.limits import go_duration, hints_of
    from taxiway_openai_compatible.provider import Address, CompatibleProvider, sendable, split
    from taxiway_openai_compatible.replies import JsonReplies, Quirk, SseReplies, StreamReplies, no_stream
    from taxiway_openai_compatible.waits import retry_after

__all__ = [
    "BEYOND",
    "INSIDE",
    "PATHS",
    "SHARED",
    "TAXIWAY_API",
    "Address",
    "CompatibleProvider",
    "ErrorRow",
    "JsonReplies",
    "LimitRow",
    "ModelPrice",
    "ModelRow",
    "Options",
    "Quirk",
    "RowOptions",
    "ServedModel",
    "Settings",
    "Shape",
    "SseReplies",
    "StreamReplies",
    "TierRow",
    "Told",
    "failure_of",
    "from_environment",
    "go_duration",
    "hints_of",
    "kind_of",
    "no_stream",
    "operation_of",
    "paths_of",
    "read",
    "retry_after",
    "sendable",
    "split",
    "taxiway_dialects",
    "taxiway_providers",
]

TAXIWAY_API = (1, 0)

_WHERE = {
    "BEYOND": "declaration",
    "INSIDE": "declaration",
    "PATHS": "declaration",
    "SHARED": "errors",
    "Address": "provider",
    "CompatibleProvider": "provider",
    "ErrorRow": "declaration",
    "JsonReplies": "replies",
    "LimitRow": "declaration",
    "ModelRow": "declaration",
    "Quirk": "replies",
    "Settings": "declaration",
    "Shape": "declaration",
    "SseReplies": "replies",
    "StreamReplies": "replies",
    "TierRow": "declaration",
    "Told": "errors",
    "failure_of": "errors",
    "from_environment": "environment",
    "go_duration": "limits",
    "hints_of": "limits",
    "kind_of": "errors",
    "no_stream": "replies",
    "operation_of": "declaration",
    "paths_of": "declaration",
    "read": "errors",
    "retry_after": "waits",
    "sendable": "provider",
    "split": "provider",
}


@frozen(kw_only=True)
class ModelPrice:
    """What a server charges, in USD per million tokens. A cached token costs what any other does, unless said."""

    input: float
    output: float = 0.0
    cache_read: float | None = None


@frozen(kw_only=True)
class ServedModel:
    """A model that a server has: its `id` there, and its `slug` for callers (`author/name`). Without `price` it is unknown."""

    id: str
    slug: str | None = None
    price: ModelPrice | None = None
    context: int | None = None
    max_output: int | None = None


@frozen(kw_only=True)
class Options:
    """A `[[providers]]` table. `headers` are sent with every request; they are no place for keys.

    Without `models` the server is asked for them. `speaks`: its dialects, best first.
    """

    slug: str
    base_url: str
    models: tuple[str | ServedModel, ...] = ()
    name: str = ""
    headers: dict[str, str] = field(factory=dict)
    speaks: tuple[str, ...] = ("chat", "embeddings")


@frozen(kw_only=True)
class RowOptions:
    """The table of a provider that is a row here. `models`: those that the catalog lacks; of a server of one's own, all of them."""

    base_url: str | None = None
    models: tuple[str | ServedModel, ...] = ()


@hookimpl
def taxiway_providers() -> "Iterable[Registration[Any, Provider]]":
    """Offer the provider of `[[providers]] use = "openai-compatible"`, and every row of providers.toml by its name and its slug."""
    from taxiway_openai_compatible.table import raw

    def build(options: Options, context: Context) -> "Provider":
        from taxiway_openai_compatible.server import server

        return server(options)

    server_of_ones_own = Registration(
        name="openai-compatible",
        summary="any server that speaks OpenAI's chat completions, embeddings and the like",
        options=Options,
        build=build,
        requires=tuple(f"dialect-{name}" for name in ("chat", "responses", "completions", "embeddings", "rerank")),
    )
    rows = (_row(name, known, row) for name, row in raw().items() for known in {name: 0, row.get("slug", name): 0})
    return [server_of_ones_own, *rows]


@hookimpl
def taxiway_dialects() -> "Iterable[Registration[NoOptions, Dialect]]":
    """Offer the dialect rerank."""

    def build(options: NoOptions, context: Context) -> "Dialect":
        from taxiway_openai_compatible.rerank import RERANK

        return RERANK

    return [
        Registration(name="rerank", summary="rerank in OpenRouter's form, canonical", options=NoOptions, build=build)
    ]


def _row(name: str, known: str, row: "Mapping[str, Any]") -> "Registration[RowOptions, Provider]":
    def build(options: RowOptions, context: Context) -> "Provider":
        from taxiway_openai_compatible.rows import provider

        return provider(name, options)

    return Registration(
        name=known,
        summary=f"{row['name']}: {row['summary']}",
        options=RowOptions,
        build=build,
        requires=tuple(f"dialect-{dialect}" for dialect in row.get("speaks", ("chat",))),
        environment=_environment(name),
        credential="no key" if "address" in row else "",
    )


@cache
def _environment(name: str) -> "Callable[[Mapping[str, str]], Iterable[Credential]]":
    """One function for each row, by whatever name it is known."""

    def environment(variables: "Mapping[str, str]") -> "Iterable[Credential]":
        from taxiway_openai_compatible.environment import from_address, from_environment
        from taxiway_openai_compatible.table import raw

        row = raw()[name]
        slug = row.get("slug", name)
        if "address" in row:
            return from_address(slug, row["address"], row["base_url"])(variables)
        return from_environment(slug, row["keys"])(variables)

    return environment


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
