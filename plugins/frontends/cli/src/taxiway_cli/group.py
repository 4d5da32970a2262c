"""The group of all commands: listed without importing any, imported one by one when typed."""

from __future__ import annotations

import difflib
import logging
import os
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import click

from taxiway.errors import ConfigError, TaxiwayError
from taxiway.plugins import Plugins, origin_of
from taxiway_cli import COMMANDS, taxiway_commands

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taxiway.registration import AnyRegistration

DEFAULT_CONFIG = "taxiway.toml"
"""What is used where no configuration is named and the working directory has one."""

WRONG = 2
"""The exit code where what was given is wrong: arguments (click's own code) or the configuration. Other failures are 1."""


class Failed(click.ClickException):
    """An error of Taxiway's own, without a traceback: what, where, and what to do are in its text."""

    def __init__(self, error: TaxiwayError) -> None:
        super().__init__(str(error))
        self.exit_code = WRONG if isinstance(error, ConfigError) else 1  # type: ignore[misc]  # click's own way


class Commands(click.Group):
    """The commands of this distribution and those of plugins (entry points `command-<name>`).

    A plugin's command declares `--config` and `--data-dir` itself; what is given before its name arrives as their default.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every command, from metadata alone: a broken plugin is noticed only by who types its command."""
        return sorted({*COMMANDS, *_plugins(ctx).names("command")})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and build the one command that was typed."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = _build(_registration(ctx, cmd_name))
        ctx.default_map = {cmd_name: _defaults(command, _given(ctx))}
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was typed, or name the nearest."""
        names = self.list_commands(ctx)
        if args[0] not in names and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], names, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"there is no command {args[0]!r}.{hint} See `taxiway --help`.", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, with a plugin's own summary for those of plugins."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _summary(ctx, name)) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what Taxiway raises on purpose is a text, not a traceback."""
        try:
            return super().invoke(ctx)
        except TaxiwayError as error:
            raise Failed(error) from error
        except UnicodeEncodeError as error:
            # Python keeps bytes of arguments that are no UTF-8 as these. Other halves of a character nobody typed: peers send them.
            if not "\udc80" <= error.object[error.start] <= "\udcff":
                raise
            raise click.UsageError("an argument has bytes that are not UTF-8.", ctx) from error


def _plugins(ctx: click.Context) -> Plugins:
    root = ctx.find_root()
    if "taxiway.plugins" not in root.meta:
        root.meta["taxiway.plugins"] = Plugins.discover()
    plugins: Plugins = root.meta["taxiway.plugins"]
    return plugins


def _summary(ctx: click.Context, name: str) -> str:
    """Say what a command is; one of a plugin is spoken for by its distribution, since asking it would import it."""
    if name in COMMANDS:
        return COMMANDS[name]
    distribution, _ = origin_of(_plugins(ctx).entries[f"command-{name}"][0])
    try:
        summary = metadata(distribution)["Summary"]
    except (PackageNotFoundError, KeyError):
        summary = ""
    return f"{summary} ({distribution})" if summary else f"({distribution})"


def _registration(ctx: click.Context, name: str) -> AnyRegistration:
    if name in COMMANDS:
        # Ours come straight from here: `taxiway check` must run whatever else is broken.
        return next(r for r in taxiway_commands() if r.name == name)
    return _plugins(ctx).load(f"command-{name}")


def _build(registration: AnyRegistration) -> click.Command:
    from taxiway.clock import SystemClock
    from taxiway.registration import Context

    context = Context(
        clock=SystemClock(),
        random=Random(),  # noqa: S311 - jitter, no secrets
        log=logging.getLogger(f"taxiway.{registration.name}"),
        environment=os.environ,
    )
    command: click.Command = registration.build(registration.options(), context)
    return command


def _given(ctx: click.Context) -> dict[str, str | None]:
    """Say what stood before the command's name or in the environment. An empty variable is an unset one: containers set them so."""
    config, data_dir = ctx.params.get("config") or None, ctx.params.get("data_dir") or None
    if config is None and Path(DEFAULT_CONFIG).is_file():
        config = DEFAULT_CONFIG
    return {"--config": config, "--data-dir": data_dir}


def _defaults(command: click.Command, given: Mapping[str, str | None]) -> dict[str, Any]:
    """Return click's `default_map` for a command: by parameter, and by name for the commands inside it."""
    defaults: dict[str, Any] = {
        param.name: given[option]
        for param in command.params
        for option in param.opts
        if param.name and given.get(option)
    }
    if isinstance(command, click.Group):
        defaults |= {name: _defaults(inner, given) for name, inner in command.commands.items()}
    return defaults
