"""What is declared of a provider that is shaped like OpenAI's API: addresses, headers, errors, limits. Values only."""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Final, Literal, TypeAlias

from attrs import field, fields, frozen

from taxiway.candidate import Charge, Operation, Unit
from taxiway.catalog import CatalogModel
from taxiway.money import Price
from taxiway.outcome import Kind, Scope

Form: TypeAlias = Literal["go-duration", "seconds", "epoch", "rfc3339"]
"""How a header tells when a limit is fresh again: `1m2.5s`, seconds from now, seconds since the epoch, `2026-01-02T03:04:05Z`."""

BEYOND: Final = frozenset({"document", "safety_mode", "citation_options", "is_error"})
"""What clients of other dialects say that no server of OpenAI's shape knows: the document that a text is, that a tool's result is an error,
and two fields of Cohere's."""

INSIDE: Final = BEYOND | {"reasoning", "reasoning_content", "reasoning_details", "cache_control"}
"""Additions to chat that only routers take (OpenRouter's, and those of `BEYOND`): refused unless a shape says otherwise. `reasoning`
becomes `reasoning_effort` where that is not refused as well."""

PATHS: Final[Mapping[str, str]] = {
    "chat": "/chat/completions",
    "responses": "/responses",
    "completions": "/completions",
    "embeddings": "/embeddings",
    "rerank": "/rerank",
}
"""Where the dialects of this wire usually are, behind the base URL."""

_NOT_CHAT: Final[tuple[Operation, ...]] = ("embeddings", "rerank", "count-tokens")


def operation_of(dialect: str) -> Operation:
    """Return the operation of a dialect: the one that its name ends with (`cohere-rerank`), else chat."""
    return next((operation for operation in _NOT_CHAT if dialect.endswith(operation)), "chat")


def paths_of(*dialects: str) -> Mapping[str, str]:
    """Return the usual paths of some dialects, in their order: the first of an operation is its best."""
    return {dialect: PATHS[dialect] for dialect in dialects}


@frozen(kw_only=True)
class Settings:
    """The `settings` of a credential. A field whose metadata names a `header` is sent as that header."""

    base_url: str | None = None

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return the header fields that were set."""
        return tuple(
            (attribute.metadata["header"], value)
            for attribute in fields(type(self))
            if "header" in attribute.metadata and (value := getattr(self, attribute.name))
        )


@frozen(kw_only=True)
class ErrorRow:
    """Which errors mean what. Every condition that is given must hold; `codes` also match the error's `type`.

    `message` is a regular expression, searched without regard to case.
    """

    kind: Kind
    codes: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    message: str = ""
    scope: Scope | None = None
    _pattern: re.Pattern[str] = field(init=False, repr=False)

    @_pattern.default
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.message, re.IGNORECASE)

    def matches(self, status: int | None, code: str | None, kind: str | None, message: str) -> bool:
        """Whether an error is one of these."""
        if self.codes and code not in self.codes and kind not in self.codes:
            return False
        if self.statuses and status not in self.statuses:
            return False
        return not self.message or self._pattern.search(message) is not None


@frozen(kw_only=True)
class LimitRow:
    """The headers that tell one limit, by name. `limit` empty: only what is left is told.

    `refills`: it is a bucket that refills evenly, and `reset` says when it is full again; else it is a window that begins anew
    then. `window` in seconds; None, of a bucket: to be inferred from its limit, what is left, and when it is full again.
    """

    unit: Unit
    limit: str = ""
    remaining: str
    reset: str = ""
    form: Form = "go-duration"
    window: float | None = 60.0
    refills: bool = False


@frozen(kw_only=True)
class ModelRow:
    """What is known of some models: those whose id fits one of `ids` (shell patterns: `o1-pro*`).

    `dialects`: those of the shape's that they speak, best first; None: nothing is known. `refuses`: canonical fields that they
    answer with an error, beside the shape's; `takes`: fields that they take though the shape or an earlier row refuses them,
    or the catalog says nothing of them.
    `efforts`, `prefill`: instead of the shape's. `thinking_refuses` and `elsewhere`: as an `Endpoint`'s.
    """

    ids: tuple[str, ...]
    dialects: tuple[str, ...] | None = None
    refuses: frozenset[str] = frozenset()
    takes: frozenset[str] = frozenset()
    efforts: Mapping[str, str] | None = None
    prefill: bool | None = None
    thinking_refuses: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()

    def matches(self, id: str) -> bool:  # noqa: A002 - it is what the provider calls it
        """Whether a model's id is one of these."""
        return any(fnmatchcase(id, pattern) for pattern in self.ids)


@frozen(kw_only=True)
class TierRow:
    """A service tier of some models, and its price: its own, or a `share` of the usual one; neither: it is not known."""

    tier: str
    ids: tuple[str, ...]
    price: Price = Price()
    share: float | None = None

    def of(self, model: CatalogModel) -> Price:
        """Return what a model costs at it."""
        return self.price if self.share is None else model.price.times(self.share)


@frozen(kw_only=True)
class Shape:
    """One provider, as values that a row of a table can hold.

    `catalog`: its name in the catalog; `adds`: models that the catalog lacks. `paths` by dialect, an operation's best dialect
    first. `refuses`: canonical fields that the API answers with an error; `reasoning_refuses`, `plain_refuses`: those that its
    reasoning models refuse, and those that all others refuse; `models`: what is known of single ones, read in order, the last
    word counts; `tiers`: service tiers, asked for by `service_tier`. `errors` are asked before the rows that all such servers
    share. `stream_options`: whether a stream is asked for its usage. `renames`: top-level fields that this API knows by another
    name. `prefill`: it goes on where a last assistant message ends. `echoes`: the name under which reasoning is sent back
    (empty: it is not). `efforts`: what it calls a `reasoning_effort` that it does not know by that name. `probe`: the path, or
    another address of the provider's, of what proves a key; none, or empty: nothing does.
    """

    slug: str
    name: str
    base_url: str
    auth_header: str = "authorization"
    auth_scheme: str = "Bearer "
    paths: Mapping[str, str] = field(factory=lambda: paths_of("chat", "embeddings"))
    probe: str | None = "/models"
    headers: Mapping[str, str] = field(factory=dict)
    catalog: str = ""
    adds: tuple[CatalogModel, ...] = ()
    refuses: frozenset[str] = INSIDE
    reasoning_refuses: frozenset[str] = frozenset()
    plain_refuses: frozenset[str] = frozenset()
    models: tuple[ModelRow, ...] = ()
    tiers: tuple[TierRow, ...] = ()
    renames: Mapping[str, str] = field(factory=dict)
    prefill: bool = False
    echoes: str = ""
    efforts: Mapping[str, str] = field(factory=dict)
    stream_options: bool = True
    charges: Charge = "admission"
    errors: tuple[ErrorRow, ...] = ()
    limits: tuple[LimitRow, ...] = ()

    def dialects(self, id: str, operations: Iterable[Operation]) -> Mapping[Operation, tuple[str, ...]]:  # noqa: A002
        """Return what a model speaks for each of some operations; an operation that it speaks nothing for is left out."""
        speaks = tuple(self.paths)
        for row in self.models:
            if row.dialects is not None and row.matches(id):
                speaks = tuple(dialect for dialect in row.dialects if dialect in self.paths)
        by_operation = {
            operation: tuple(dialect for dialect in speaks if operation_of(dialect) == operation)
            for operation in operations
        }
        return {operation: dialects for operation, dialects in by_operation.items() if dialects}

    def effort(self, id: str, effort: str) -> str:  # noqa: A002
        """Return what a model calls an effort."""
        efforts = self.efforts
        for row in self.models:
            if row.efforts is not None and row.matches(id):
                efforts = row.efforts
        return efforts.get(effort, effort)

    def goes_on(self, id: str) -> bool:  # noqa: A002
        """Whether a model goes on where a last assistant message ends."""
        said = [row.prefill for row in self.models if row.prefill is not None and row.matches(id)]
        return said[-1] if said else self.prefill

    def unsupported(self, model: CatalogModel) -> frozenset[str]:
        """Return the canonical fields that a model is known to refuse."""
        refused = model.unsupported | self.refuses | (self.reasoning_refuses if model.reasoning else self.plain_refuses)
        for row in self.models:
            if row.matches(model.id):
                refused = (refused | row.refuses) - row.takes
        return refused

    def at_tiers(self, model: CatalogModel) -> Mapping[str, Price]:
        """Return the service tiers that a model may run at, each with its price."""
        return {
            row.tier: row.of(model) for row in self.tiers if any(fnmatchcase(model.id, pattern) for pattern in row.ids)
        }

    def told(self, id: str, name: Literal["thinking_refuses", "elsewhere", "takes"]) -> frozenset[str]:  # noqa: A002
        """Return all that the rows of a model say under one of their names."""
        return frozenset[str]().union(*(getattr(row, name) for row in self.models if row.matches(id)))
