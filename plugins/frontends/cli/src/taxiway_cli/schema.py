"""`taxiway schema`: the JSON Schema of the configuration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from taxiway_cli.location import located

if TYPE_CHECKING:
    from pathlib import Path


@click.command("schema")
@located
def command(config: Path | None, data_dir: Path | None) -> None:
    """Print the JSON Schema of taxiway.toml.

    It has the options of every plugin that is installed and that the configuration does not disable.
    """
    from taxiway.config import load
    from taxiway.plugins import Plugins
    from taxiway.schema import schema

    click.echo(json.dumps(schema(Plugins.discover(load(config).disabled)), indent=2, ensure_ascii=False))
