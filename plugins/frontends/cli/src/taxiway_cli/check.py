"""`taxiway check`: every mistake of a configuration at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from taxiway_cli.location import located

if TYPE_CHECKING:
    from pathlib import Path

    from taxiway.composition import Composition


@click.command("check")
@click.option("--no-keys", is_flag=True, help="Don't read the keys that the credentials name.")
@located
def command(config: Path | None, data_dir: Path | None, no_keys: bool) -> None:
    """Report every mistake in a configuration.

    Each comes with file, table, key and the nearest valid name. Exits with 1 where there is one; what is only doubtful is said,
    and is none. Nothing is sent to any provider.
    """
    from taxiway.composition import compose
    from taxiway.config import load
    from taxiway.errors import ConfigError

    source = str(config or "")
    try:
        built = compose(load(config), data_dir=data_dir, gateway=True)
        warnings = built.warnings if no_keys else asyncio.run(_resolved(built))
    except ConfigError as error:
        for problem in error.problems:
            click.echo(f"{error.source}: {problem}" if error.source else str(problem))
        count = len(error.problems)
        click.echo(f"{count} mistake{'s' if count > 1 else ''}.", err=True)
        raise SystemExit(1) from None
    for warning in warnings:
        click.echo(f"warning: {f'{source}: ' if source else ''}{warning}", err=True)
    click.echo(f"{source or 'No configuration, only the environment'}: no mistakes.")


async def _resolved(built: Composition) -> list[str]:
    """Read the keys and make the snapshot, and return what is doubtful. Raises ConfigError."""
    from taxiway.assembly import resolve

    parts = await resolve(built)
    try:
        return parts.warnings
    finally:
        await parts.aclose()
