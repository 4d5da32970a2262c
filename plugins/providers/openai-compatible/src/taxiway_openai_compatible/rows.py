"""The providers that are rows of providers.toml: read, structured strictly, built."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from taxiway.call import Outgoing
from taxiway.codec import Json
from taxiway.converter import Wrong, collect, nearest
from taxiway.errors import ConfigError, Problem
from taxiway.provider import Event
from taxiway_openai_compatible import RowOptions
from taxiway_openai_compatible.declaration import BEYOND, PATHS, Shape
from taxiway_openai_compatible.listing import ListingProvider
from taxiway_openai_compatible.oddities import ODDITIES, Oddity, finishes, thought
from taxiway_openai_compatible.provider import CompatibleProvider, Reading, Request
from taxiway_openai_compatible.replies import Quirk
from taxiway_openai_compatible.server import checked, served
from taxiway_openai_compatible.table import FILE, raw


def _known(valid: Iterable[str], what: str) -> Callable[[Any, Any, Iterable[str]], None]:
    """Make the check of names."""
    names = frozenset(valid)

    def check(_: Any, __: Any, given: Iterable[str]) -> None:
        for name in given:
            if name not in names:
                raise Wrong(f"there is no such {what}{nearest(name, names)}")

    return check


@frozen(kw_only=True)
class Row(Shape):
    """A provider's row: its shape, and what only a table of providers needs.

    `summary`: what it is, in a few words. `keys`: variables of the environment that may hold its key, `address`: the one that
    holds the address of a server without keys. `speaks`: its dialects, best first; `elsewhere`: their paths, where those are
    not the usual ones. `lists`: a server of one's own, which is asked for its models. `quirks`: what it does otherwise than
    OpenAI, by the names of `oddities`; `finishes`: its reasons to finish, by what OpenAI calls them. `sources`: the pages that
    the row was made from.
    """

    summary: str
    keys: tuple[str, ...] = ()
    address: str = ""
    speaks: tuple[str, ...] = field(default=("chat",), validator=_known(PATHS, "dialect"))
    elsewhere: Mapping[str, str] = field(factory=dict, validator=_known(PATHS, "dialect"))
    lists: bool = False
    quirks: tuple[str, ...] = field(default=(), validator=_known(ODDITIES, "quirk"))
    finishes: Mapping[str, str] = field(factory=dict)
    sources: tuple[str, ...] = ()


def read(table: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Row]:
    """Structure rows. Raises ConfigError with every mistake: file, row, key."""
    problems: list[Problem] = []
    rows: dict[str, Row] = {}
    for name, given in table.items():
        row = collect(problems, {"slug": name, **given}, Row, name)
        if row is not None:
            paths = {dialect: row.elsewhere.get(dialect, PATHS[dialect]) for dialect in row.speaks}
            rows[name] = evolve(row, paths=paths, refuses=row.refuses | BEYOND)
    if problems:
        raise ConfigError(problems, FILE)
    return rows


def provider(name: str, options: RowOptions) -> CompatibleProvider:
    """Build the provider of a row. Raises ConfigError."""
    row = read({name: raw()[name]})[name]
    checked(options.base_url)
    models = tuple(served(row.slug, given) for given in options.models)
    shape = evolve(row, adds=() if row.lists else (*row.adds, *models))
    if options.base_url is not None:
        # What proves a key at the provider itself proves none of another address.
        shape = evolve(shape, base_url=options.base_url, probe=row.probe if (row.probe or "").startswith("/") else None)
    oddities = [ODDITIES[quirk] for quirk in row.quirks]
    kind = ListingProvider if row.lists else CompatibleProvider
    return kind(
        shape,
        models if row.lists else (),
        readings={dialect: _reading(row, dialect, oddities) for dialect in row.speaks},
        requests={dialect: _request(dialect, oddities) for dialect in row.speaks},
    )


def _reading(row: Row, dialect: str, oddities: Sequence[Oddity]) -> Reading:
    makers = [oddity.reading for oddity in oddities if oddity.reading is not None and oddity.dialect == dialect]
    always = [finishes(row.finishes)] if row.finishes and dialect == "chat" else []
    if row.echoes and dialect == "chat":
        always.append(thought)

    def reading(outgoing: Outgoing) -> Quirk | None:
        changes = [*(make(outgoing) for make in makers), *always]

        def changed(event: Json) -> Iterable[Event]:
            for change in changes:
                change(event)
            return (event,)

        return changed if changes else None

    return reading


def _request(dialect: str, oddities: Sequence[Oddity]) -> Request:
    steps = [oddity.request for oddity in oddities if oddity.request is not None and oddity.dialect == dialect]

    def request(body: Json, outgoing: Outgoing) -> Json:
        for step in steps:
            body = step(body, outgoing)
        return body

    return request
