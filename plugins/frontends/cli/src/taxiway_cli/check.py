"""`taxiway check`: every mistake of a configuration at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from taxiway_cli.location import located

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from taxiway.composition import Composition
    from taxiway.config import Config
    from taxiway.errors import Problem


@click.command("check")
@click.option("--no-keys", is_flag=True, help="Don't read the keys that the credentials name.")
@located
def command(config: Path | None, data_dir: Path | None, no_keys: bool) -> None:
    """Report every mistake in a configuration.

    Each comes with file, table, key and the nearest valid name. Exits with 1 where there is one; what is only doubtful is said,
    and is none. Nothing is sent to any provider.
    """
    from taxiway.composition import compose
    from taxiway.config import Config, load
    from taxiway.errors import ConfigError

    source, parsed = str(config or ""), Config()
    built: Composition | None = None
    try:
        parsed = load(config)
        built = compose(parsed, data_dir=data_dir, gateway=True)
        warnings = built.warnings if no_keys else asyncio.run(_resolved(built))
    except ConfigError as error:
        problems = [*error.problems, *(() if built or no_keys else _unread(parsed, error.problems))]
        for problem in problems:
            click.echo(f"{error.source}: {problem}" if error.source else str(problem))
        count = len(problems)
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


def _unread(config: Config, problems: Sequence[Problem]) -> Sequence[Problem]:
    """Say which keys can't be read, of the credentials that are right: the file's other mistakes must not hide it.

    Nothing where what is right can't be built by itself.
    """
    from taxiway.composition import compose
    from taxiway.config import Config
    from taxiway.errors import ConfigError

    wrong = {problem.path.partition(".")[0] for problem in problems}
    credentials = tuple(one for one in config.credentials if config.paths[one.id] not in wrong)
    if not credentials:
        return ()
    right = Config(
        credentials=credentials,
        paths=config.paths,
        providers={path: table for path, table in config.providers.items() if path not in wrong},
        others={name: table for name, table in config.others.items() if name not in wrong},
        keystores={} if "keystores" in wrong else config.keystores,
    )
    try:
        built = compose(right)
    except ConfigError:
        return ()
    try:
        asyncio.run(_resolved(built))
    except ConfigError as error:
        return error.problems
    return ()
