"""What a plugin offers: recipes, each with a name, the options it understands, and how to build it."""

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from attrs import field, frozen

from taxiway.candidate import Credential
from taxiway.clock import Clock
from taxiway.dialect import Dialect
from taxiway.door import Door

O = TypeVar("O")  # noqa: E741 - the options' class
T = TypeVar("T")


@frozen
class NoOptions:
    """The options of a plugin that has none."""


@frozen(kw_only=True)
class Context:
    """What a build may lean on; grows only by adding.

    `data_dir` is None where nothing may be written to disk. `dialects` are those that its `requires` named, by name.
    `environment` are the program's variables. The `door` sends requests that are no calls; it is open once the router runs.
    """

    clock: Clock
    random: Random
    log: logging.Logger
    dialects: Mapping[str, Dialect] = field(factory=dict)
    data_dir: Path | None = None
    environment: Mapping[str, str] = field(factory=dict, repr=False)
    door: Door = field(factory=Door)


@frozen(kw_only=True)
class Registration(Generic[O, T]):
    """A recipe. Making one does nothing: no IO, no threads, no heavy import.

    `name` is what `use = "..."` says and what the entry point is called after its kind. `summary` is one line for
    `taxiway plugins`. `options` is an attrs class: it becomes the TOML table and its JSON Schema. `build` is called once per
    table, and does no IO either: what needs IO to begin or end implements `Starts` and `Closes`. `requires` names other
    entry points (`dialect-chat`).

    Of providers: `credential` says in a few words what the key of one is, where it is not just an API key. For a start without a
    file, `environment` says which credentials the environment's variables offer (references, never values), and the `last_resort`
    is used where nothing else was found.
    """

    name: str
    summary: str
    options: type[O]
    build: Callable[[O, Context], T]
    requires: tuple[str, ...] = ()
    environment: Callable[[Mapping[str, str]], Iterable[Credential]] | None = None
    last_resort: bool = False
    credential: str = ""


AnyRegistration = Registration[Any, Any]


@runtime_checkable
class Starts(Protocol):
    """Optional for whatever is built: it needs IO to begin."""

    async def start(self) -> None:
        """Begin."""
        ...


@runtime_checkable
class Closes(Protocol):
    """Optional for whatever is built: it holds something."""

    async def aclose(self) -> None:
        """Let go of everything; works after a half-failed start, and twice."""
        ...
