"""`taxiway api-keys`: make, list and disable what apps call Taxiway with."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from taxiway_cli.location import located

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from taxiway.store import ApiKey


@click.group("api-keys")
def command() -> None:
    """Make, list and disable API keys: what your apps call Taxiway with."""


@command.command("create")
@click.option("--name", required=True, help="What it is for: shown in lists and records.")
@click.option("--workspace", default="default", show_default=True, help="The workspace that it belongs to.")
@located
def create(name: str, workspace: str, config: Path | None, data_dir: Path | None) -> None:
    """Make an API key and print it, alone, on stdout.

    Only its hash is kept, so it is shown this once. A running gateway takes it on the next request.
    """
    if not (name := name.strip()):
        raise click.UsageError("--name must say what the key is for.")
    key, kept = asyncio.run(_create(name, workspace, config, data_dir))
    # Plain, whatever the terminal: people and scripts take this line as it is.
    click.echo(key, color=False)
    click.echo(f"This is {kept.label}, shown this once; `taxiway api-keys disable {kept.id}` disables it.", err=True)


@command.command("list")
@click.option("--workspace", help="Only this workspace's.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@located
def list_(workspace: str | None, as_json: bool, config: Path | None, data_dir: Path | None) -> None:
    """List API keys, oldest first. Their values are known to nobody."""
    keys = asyncio.run(_list(workspace, config, data_dir))
    rows = [
        {
            "id": key.id,
            "name": key.name,
            "label": key.label,
            "workspace": key.workspace,
            "created": datetime.fromtimestamp(key.created, UTC).isoformat(timespec="seconds"),
            "state": "disabled" if key.disabled else "active",
        }
        for key in keys
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        from taxiway_cli.tables import show

        show(tuple(rows[0]), [tuple(row.values()) for row in rows])
    else:
        click.echo("There are none; `taxiway api-keys create --name NAME` makes one.", err=True)


@command.command("disable")
@click.argument("id_", metavar="ID")
@located
def disable(id_: str, config: Path | None, data_dir: Path | None) -> None:
    """Disable the API key with this ID for good; `taxiway api-keys list` has the IDs.

    A running gateway refuses it within seconds.
    """
    if not asyncio.run(_disable(id_, config, data_dir)):
        raise click.ClickException("there is no API key with that ID; `taxiway api-keys list` has them.")
    click.echo(f"Disabled {id_}.", err=True)


async def _create(name: str, workspace: str, config: Path | None, data_dir: Path | None) -> tuple[str, ApiKey]:
    from taxiway.api_keys import hash_api_key, label_of, new_api_key
    from taxiway.plugins import unknown
    from taxiway.store import ApiKey
    from taxiway_cli.database import opened

    async with opened(config, data_dir) as store:
        known = [one.id for one in await store.workspaces()]
        if workspace not in known:
            raise click.UsageError(unknown(workspace, known, "workspace"))
        key = new_api_key()
        kept = ApiKey(
            id=str(uuid.uuid4()),
            hash=hash_api_key(key),
            name=name,
            label=label_of(key),
            created=time.time(),
            workspace=workspace,
        )
        await store.add_api_key(kept)
    return key, kept


async def _list(workspace: str | None, config: Path | None, data_dir: Path | None) -> Sequence[ApiKey]:
    from taxiway_cli.database import opened

    async with opened(config, data_dir) as store:
        return await store.api_keys(workspace)


async def _disable(id_: str, config: Path | None, data_dir: Path | None) -> bool:
    from taxiway_cli.database import opened

    async with opened(config, data_dir) as store:
        return await store.disable_api_key(id_)
