"""What is declared of a provider that is shaped like OpenAI's API: addresses, headers, errors, limits. Values only."""

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from attrs import field, fields, frozen

from taxiway.candidate import Charge, Operation, Unit
from taxiway.outcome import Kind, Scope

Form: TypeAlias = Literal["go-duration", "seconds", "epoch"]
"""How a header tells when a limit is fresh again: `1m2.5s`, seconds from now, seconds since the epoch."""

INSIDE: Final = frozenset({"reasoning", "reasoning_content", "reasoning_details", "cache_control"})
"""OpenRouter's additions to chat that only routers take: refused unless a shape says otherwise. `reasoning` becomes
`reasoning_effort` where that is not refused as well."""


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
    """The headers that tell one limit, by name.

    `refills`: it is a bucket that refills evenly, and `reset` says when it is full again; else it is a window that begins anew
    then. `window` in seconds; None, of a bucket: to be inferred from its limit, what is left, and when it is full again.
    """

    unit: Unit
    limit: str
    remaining: str
    reset: str = ""
    form: Form = "go-duration"
    window: float | None = 60.0
    refills: bool = False


@frozen(kw_only=True)
class Shape:
    """One provider, as values that a row of a table can hold.

    `catalog`: its name in the catalog. `paths` by operation, whose dialect has its name. `refuses`: canonical fields that the API answers with an error;
    `reasoning_refuses`, `plain_refuses`: those that its reasoning models refuse, and those that all others refuse.
    `errors` are asked before the rows that all such servers share.
    """

    slug: str
    name: str
    base_url: str
    auth_header: str = "authorization"
    auth_scheme: str = "Bearer "
    paths: Mapping[Operation, str] = field(factory=lambda: {"chat": "/chat/completions", "embeddings": "/embeddings"})
    probe: str | None = "/models"
    headers: Mapping[str, str] = field(factory=dict)
    catalog: str = ""
    refuses: frozenset[str] = INSIDE
    reasoning_refuses: frozenset[str] = frozenset()
    plain_refuses: frozenset[str] = frozenset()
    stream_options: bool = True
    charges: Charge = "admission"
    errors: tuple[ErrorRow, ...] = ()
    limits: tuple[LimitRow, ...] = ()
