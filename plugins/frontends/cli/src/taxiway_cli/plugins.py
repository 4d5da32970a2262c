"""`taxiway plugins`: what is installed, and what of it is used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from taxiway_cli.location import located

if TYPE_CHECKING:
    from pathlib import Path


@click.command("plugins")
@click.option(
    "--all", "everything", is_flag=True, help="Import also what is not used, so that its summary or mistake shows."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@located
def command(config: Path | None, data_dir: Path | None, everything: bool, as_json: bool) -> None:
    """List the installed plugins, used, disabled and broken.

    Only what the configuration uses is imported: of the others the name is known, and the distribution with its version.
    """
    from attrs import asdict

    from taxiway.composition import compose
    from taxiway.config import load
    from taxiway.errors import ConfigError, PluginError
    from taxiway.plugins import Plugins
    from taxiway_cli.listing import listing

    # A configuration with mistakes is listed too: `taxiway check` tells of them.
    parsed = load(config)
    plugins = Plugins.discover(parsed.plugins.disabled)
    try:
        compose(parsed, plugins, gateway=True)
    except ConfigError as error:
        count = len(error.problems)
        click.echo(f"{count} mistake{'s' if count > 1 else ''} in the configuration: see `taxiway check`.", err=True)
    for plugin in plugins.entries if everything else ():
        try:
            plugins.load(plugin)
        except PluginError:
            # The listing says why.
            continue
    rows = list(listing(plugins))
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    from taxiway_cli.tables import show

    show(
        ("kind", "name", "from", "version", "state", ""),
        [(row.kind, row.name, row.distribution, row.version, row.state, row.error or row.summary) for row in rows],
    )
