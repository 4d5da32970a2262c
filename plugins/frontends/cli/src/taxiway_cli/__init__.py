"""Taxiway's command line: the `taxiway` program and the commands that need no other plugin."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from taxiway.hookspecs import hookimpl
from taxiway.registration import Context, NoOptions, Registration

if TYPE_CHECKING:
    from collections.abc import Callable

    import click

TAXIWAY_API = (1, 0)

COMMANDS: Final = {
    "api-keys": "Make, list and disable API keys.",
    "check": "Report every mistake in a configuration.",
    "explain": "Show how a call would be routed, and why.",
    "init": "Write a commented taxiway.toml.",
    "keys": "Say how the provider keys do, and what to do about them.",
    "plugins": "List the installed plugins, used, disabled and broken.",
    "probe": "Prove the provider keys of a configuration.",
    "providers": "List the installed providers, and what each needs.",
    "schema": "Print the JSON Schema of taxiway.toml.",
}
"""Names and summaries of the commands of this distribution: what `taxiway --help` shows without importing them."""


def _build(name: str) -> "Callable[[NoOptions, Context], click.Command]":
    def build(_options: NoOptions, _context: Context) -> "click.Command":
        command: click.Command = import_module(f"taxiway_cli.{name.replace('-', '_')}").command
        return command

    return build


@hookimpl
def taxiway_commands() -> "list[Registration[NoOptions, click.Command]]":
    """Offer the commands."""
    return [
        Registration(name=name, summary=summary, options=NoOptions, build=_build(name))
        for name, summary in COMMANDS.items()
    ]
