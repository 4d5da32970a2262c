"""`taxiway providers`: every installed provider, what it speaks, and what a credential of it is."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from itertools import combinations
from random import Random
from typing import TYPE_CHECKING, Any

import click
from attrs import asdict, fields, frozen

from taxiway_cli.location import located

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from taxiway.building import Builder
    from taxiway.candidate import Credential
    from taxiway.plugins import Plugins
    from taxiway.provider import Provider
    from taxiway_cli.listing import Listed

_OPTIONS = "(its table's `slug`)"


@frozen(kw_only=True)
class Row:
    """One provider. `plugin` is what `use` and an extra call it, `environment` the variables that it looks for its key in."""

    slug: str
    name: str
    plugin: str
    distribution: str
    operations: tuple[str, ...]
    dialects: tuple[str, ...]
    credential: str
    settings: tuple[str, ...]
    environment: tuple[str, ...]


@click.command("providers")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@located
def command(config: Path | None, data_dir: Path | None, as_json: bool) -> None:
    """List the installed providers, and what each needs.

    A slug is what credentials, `order` and replies call a provider. Its variables are where its key is looked for without a
    configuration, or where its address is. --json tells also its name, distribution, dialects and settings.
    """
    from taxiway.building import Builder
    from taxiway.clock import SystemClock
    from taxiway.config import load
    from taxiway.plugins import Plugins
    from taxiway.registration import Context

    plugins = Plugins.discover(load(config).plugins.disabled)
    context = Context(
        clock=SystemClock(),
        random=Random(),  # noqa: S311 - no secrets
        log=logging.getLogger("taxiway"),
        environment=os.environ,
    )
    rows = _once(_rows(plugins, Builder(plugins=plugins, context=context)))
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    from taxiway_cli.tables import show

    show(
        ("slug", "plugin", "operations", "credential", "found by"),
        [(row.slug, row.plugin, ", ".join(row.operations), row.credential, ", ".join(row.environment)) for row in rows],
    )


def _rows(plugins: Plugins, builder: Builder) -> Iterator[Row]:
    from taxiway_cli.listing import listing

    for listed in listing(plugins):
        if listed.kind == "provider" and listed.state != "disabled":
            row = _row(listed, plugins, builder)
            if row is not None:
                yield row


def _row(listed: Listed, plugins: Plugins, builder: Builder) -> Row | None:
    from taxiway.errors import PluginError

    try:
        registration = plugins.load(f"provider-{listed.name}")
    except PluginError as error:
        click.echo(f"warning: {error}", err=True)
        return None
    # One that needs options can't be built without a table of its own.
    provider: Provider | None = builder.make("provider", {}, listed.name, listed.name)
    dialects = [name.removeprefix("dialect-") for name in registration.requires if name.startswith("dialect-")]
    known = [builder.dialects[name].operation for name in dialects if name in builder.dialects]
    return Row(
        slug=_OPTIONS if provider is None else provider.slug,
        name=registration.summary if provider is None else provider.name,
        plugin=listed.name,
        distribution=listed.distribution,
        operations=tuple(dict.fromkeys(known)),
        dialects=tuple(dialects),
        credential=registration.credential or "an API key",
        settings=() if provider is None else tuple(one.name for one in fields(provider.settings) if one.init),
        environment=variables(registration.environment),
    )


def _once(rows: Iterable[Row]) -> list[Row]:
    """Leave out what is only another name: a provider's slug is a plugin too, where its name is another."""
    by_slug: dict[str, Row] = {}
    for row in rows:
        other = by_slug.setdefault(row.plugin if row.slug == _OPTIONS else row.slug, row)
        if other.plugin == other.slug != row.plugin:
            by_slug[other.slug] = row
    return [by_slug[slug] for slug in sorted(by_slug)]


def variables(environment: Callable[[Mapping[str, str]], Iterable[Credential]] | None) -> tuple[str, ...]:
    """Return the variables that a provider looks at, in any environment: with none set, all, or all but one or two.

    Many ask for one only where another is missing, or is there.
    """
    if environment is None:
        return ()
    asked: dict[str, None] = {}
    for value, size in ((None, 0), ("x", 0), ("x", 1), ("x", 2)):
        for missing in combinations(tuple(asked), size):
            try:
                list(environment(_Asked(asked, value, missing)))
            except Exception:  # noqa: BLE001, S112 - it makes no sense of what was made up
                continue
    return tuple(asked)


class _Asked(Mapping[str, str]):
    """Variables that all have the same value, or none, but for those that are missing; notes which are asked for."""

    def __init__(self, asked: dict[str, None], value: str | None, missing: tuple[str, ...]) -> None:
        self._asked, self._value, self._missing = asked, value, missing

    def __getitem__(self, name: str) -> str:
        self._asked[name] = None
        if self._value is None or name in self._missing:
            raise KeyError(name)
        return self._value

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0
