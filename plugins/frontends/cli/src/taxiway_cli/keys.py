"""`taxiway keys`: how the provider keys do. Each is proved, and the running gateway tells what it has learnt of them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import click

from taxiway_cli.location import located
from taxiway_cli.running import NotAsked, ask

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from taxiway.codec import Json
    from taxiway_cli.probe import Result

_COLUMNS: Final = ("provider", "credential", "key", "state", "limits", "what to do")
_MARKS: Final = {True: "good", False: "bad", None: "?"}
_WINDOWS: Final = {1.0: "second", 60.0: "minute", 3600.0: "hour", 86_400.0: "day"}
_MOST: Final = 3
"""Quota groups that a table shows of one credential; JSON has all."""

_ADVICE: Final = {
    "credential_invalid": "replace the key where the configuration refers to it; it is used again once a probe is good",
    "quota_exhausted": "its money or spend limit is used up: pay at the provider, or raise the limit there",
    "permission_denied": "its account may not use these models: allow them there, or name the others in allowed_models",
    "not_found": "its account does not have these models: name the others in allowed_models",
    "rate_limited": "nothing: it is used again as soon as its limit allows; a further account would add to it",
}
"""By the kind of failure. What is not here is the provider's trouble, and passes."""


@click.group("keys")
def command() -> None:
    """Look after the provider keys."""


@command.command("doctor")
@click.argument("providers", nargs=-1, metavar="[PROVIDER]...")
@click.option("--no-probe", is_flag=True, help="Don't send the keys to their providers.")
@click.option("--url", help="The gateway's base URL  [default: by the configuration's `listen`].")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@located
def doctor(
    providers: tuple[str, ...],
    no_probe: bool,
    url: str | None,
    as_json: bool,
    config: Path | None,
    data_dir: Path | None,
) -> None:
    """Say of each provider key whether it works, what is known of its limits, and what to do.

    Each key is proved as by `taxiway probe`. The running gateway, asked with the API key in TAXIWAY_API_KEY, tells what it has learnt:
    limits and what is left of them, keys that share one quota, what is shut, until when and why. PROVIDER is a slug or a plugin's
    name. Exits with 1 where a key is bad or can serve nothing.
    """
    standings: Sequence[Json] | None = None
    try:
        standings = ask(config, url, "GET", "/credentials", "data")["data"]
    except NotAsked as reason:
        if url:
            raise click.ClickException(str(reason)) from None
        click.echo(f"{reason} Limits and shared quotas are known to a running gateway only.", err=True)
    rows = _rows(() if no_probe else _probed(config, data_dir, providers), standings or (), providers)
    if as_json:
        click.echo(json.dumps({"live": standings is not None, "credentials": rows}, indent=2, ensure_ascii=False))
    else:
        from taxiway_cli.tables import show

        show(_COLUMNS, [_cells(row) for row in rows])
    if any(row["good"] is False or row.get("state") == "shut" for row in rows):
        raise SystemExit(1)


def _probed(config: Path | None, data_dir: Path | None, providers: tuple[str, ...]) -> Sequence[Result]:
    from taxiway_cli.probe import probed

    return asyncio.run(probed(config, data_dir, providers))


def _rows(proved: Iterable[Result], standings: Iterable[Json], providers: tuple[str, ...]) -> list[dict[str, Any]]:
    """Bring together what was proved of an account and how it stands, by its provider and label."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for result in proved:
        given = {"provider": result.provider, "account": result.account, "good": result.good, "said": result.said}
        rows[result.provider, result.account] = given
    # Where nothing was proved, a plugin's name is not known to be a slug.
    known = {provider for provider, _ in rows} or set(providers)
    for standing in standings:
        provider, account = standing["provider"], standing["account"]
        if not known or provider in known:
            row = rows.setdefault((provider, account), {"provider": provider, "account": account, "good": None})
            row |= standing
    for row in rows.values():
        row["advice"] = "; ".join(_advice(row))
    return list(rows.values())


def _advice(row: dict[str, Any]) -> Iterable[str]:
    if row["good"] is False and row.get("kind") != "credential_invalid":
        yield _ADVICE["credential_invalid"]
    if row.get("kind"):
        yield _ADVICE.get(row["kind"], "nothing: it is tried again by itself")
    if row.get("shares"):
        yield (
            f"it seems to add no quota to {', '.join(row['shares'])}: only a key of another account would. Where that is so, "
            "name one quota_pool for all of them"
        )


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    key = _MARKS[row["good"]] if row["good"] else f"{_MARKS[row['good']]} {row.get('said', '')}".strip()
    return row["provider"], row["account"], key, _state(row), _limits(row), row["advice"] or "nothing"


def _state(row: dict[str, Any]) -> str:
    if "state" not in row:
        return "unknown"
    if not row["kind"]:
        return "open"
    part = f"{len(row['shut'])} of {row['serves']} models " if row["state"] == "partly" else ""
    until = "" if row["frees"] is None else f", for {_time(row['frees'])}"
    return f"{part}shut{until}: {row['reason']}"


def _limits(row: dict[str, Any]) -> str:
    groups = list((row.get("rooms") or {}).items())
    told = []
    for group, rooms in groups[:_MOST]:
        name = f"{group}: " if len(groups) > 1 else ""
        told.append(name + ", ".join(map(_room, rooms)))
    more = [f"and {len(groups) - _MOST} more"] if len(groups) > _MOST else []
    return "; ".join([*told, *more]) or ("nothing learnt" if "rooms" in row else "")


def _room(room: dict[str, Any]) -> str:
    of = "" if room["limit"] is None else f" of {room['limit']:,.0f}"
    return f"{room['left']:,.0f}{of} {room['unit']} a {_WINDOWS.get(room['window'], _time(room['window']))} ({room['source']})"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
