"""`taxiway explain`: how a call would be routed, by the running gateway where one answers, else from the configuration alone."""

from __future__ import annotations

import asyncio
import json
from typing import IO, TYPE_CHECKING

import click

from taxiway_cli.location import located
from taxiway_cli.running import NotAsked, ask

if TYPE_CHECKING:
    from pathlib import Path

    from taxiway.codec import Json


@click.command("explain")
@click.option(
    "--model", "models", multiple=True, help="The model, or a name of your own; again for those to fall back to."
)
@click.option("--prompt", default="", help="A user message: its length counts for prices and limits.")
@click.option("--body", "file", type=click.File("rb"), help="A whole chat request as JSON instead; - is stdin.")
@click.option("--cold", is_flag=True, help="Don't ask a running gateway.")
@click.option("--url", help="The gateway's base URL  [default: by the configuration's `listen`].")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@located
def command(
    models: tuple[str, ...],
    prompt: str,
    file: IO[bytes] | None,
    cold: bool,
    url: str | None,
    as_json: bool,
    config: Path | None,
    data_dir: Path | None,
) -> None:
    """Show how a call would be routed, and why: every candidate with its place, or the reason why it is out.

    Nothing is sent to any provider. A running gateway tells what it has learnt of health and limits; it is asked with the API key
    in TAXIWAY_API_KEY. Else the plan is made cold, from the configuration, and says so.
    """
    body = _body(models, prompt, file)
    told: Json | None = None
    if cold and url:
        raise click.UsageError("--cold asks no gateway, so --url means nothing.")
    if not cold:
        try:
            told = ask(config, url, "POST", "/explain", "rows", body)
        except NotAsked as reason:
            if url:
                raise click.ClickException(str(reason)) from None
            click.echo(f"{reason} This is a cold plan: nothing is known of health and learnt limits.", err=True)
    live = told is not None
    plan = asyncio.run(_cold(config, data_dir, body)) if told is None else told
    if as_json:
        click.echo(json.dumps({"live": live, **plan}, indent=2, ensure_ascii=False))
        return
    _show(plan, "planned by the running gateway" if live else "planned cold")


def _body(models: tuple[str, ...], prompt: str, file: IO[bytes] | None) -> Json:
    from taxiway.codec import loads_bounded
    from taxiway.errors import Malformed

    if file is None:
        if not models:
            raise click.UsageError("name a --model, or give a whole request by --body.")
        fallbacks = {"models": list(models[1:])} if models[1:] else {}
        return {"model": models[0], **fallbacks, "messages": [{"role": "user", "content": prompt or "Hello"}]}
    if models or prompt:
        raise click.UsageError("--body is the whole request: --model and --prompt belong into it.")
    try:
        body = loads_bounded(file.read())
    except Malformed as error:
        raise click.UsageError(f"--body: it is {error}.") from None
    if not isinstance(body, dict):
        raise click.UsageError("--body: it must be a JSON object.")
    return body


async def _cold(config: Path | None, data_dir: Path | None, body: Json) -> Json:
    """Plan with an engine that has learnt nothing. It opens no store and no spool: those may be a running gateway's."""
    from taxiway.assembly import resolve
    from taxiway.composition import compose
    from taxiway.config import load
    from taxiway.executor import Engine
    from taxiway.explain import explain
    from taxiway.spool import Journal

    built = compose(load(config), data_dir=data_dir)
    parts = await resolve(built)
    try:
        engine = Engine(parts, Journal())
        call = engine.call(built.dialects["chat"], body)
        told = explain(call, engine.snapshot, engine.health, engine.quotas, engine.clock.monotonic())
        return told.to_json()
    finally:
        await parts.aclose()


def _show(plan: Json, origin: str) -> None:
    from taxiway.converter import structure
    from taxiway.explain import COLUMNS, Explanation
    from taxiway_cli.tables import show

    told = structure(plan, Explanation)
    click.echo(f"{told.headline}; {origin}\n")
    if told.rows:
        show(COLUMNS, [row.cells() for row in told.rows])
    if told.problem:
        raise click.ClickException(f"nothing can serve it: {told.problem}")
