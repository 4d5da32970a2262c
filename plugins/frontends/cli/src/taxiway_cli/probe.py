"""`taxiway probe`: is every configured key of a provider good? Each is asked by its provider's cheapest request."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

import click
from attrs import asdict, frozen

from taxiway_cli.location import located

if TYPE_CHECKING:
    from pathlib import Path

    from taxiway.assembly import Parts
    from taxiway.candidate import Account
    from taxiway.composition import Composition
    from taxiway.provider import Provider

_WITHIN: Final = 15.0
"""Seconds for one answer."""

_GOOD: Final = range(200, 300)


@frozen(kw_only=True)
class Result:
    """What became of one key. `good` None: nothing can be said of it. `failed`: because nobody said anything, or it is bad."""

    provider: str
    account: str
    good: bool | None
    said: str
    failed: bool


@click.command("probe")
@click.argument("providers", nargs=-1, metavar="[PROVIDER]...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@located
def command(providers: tuple[str, ...], as_json: bool, config: Path | None, data_dir: Path | None) -> None:
    """Prove the provider keys of a configuration.

    Each key is sent to its provider with the cheapest request that needs one: listing models, or reading the account. Servers
    without keys are asked for their models. It says nothing of money and quota. PROVIDER is a slug or a plugin's name; without
    any, all that are configured. Exits with 1 where a key is refused or can't be proved because nobody answers.
    """
    results = asyncio.run(probed(config, data_dir, providers))
    if as_json:
        click.echo(json.dumps([asdict(result) for result in results], indent=2))
    else:
        from taxiway_cli.tables import show

        marks = {True: "good", False: "bad", None: "?"}
        show(
            ("provider", "credential", "key", ""),
            [(result.provider, result.account, marks[result.good], result.said) for result in results],
        )
    if any(result.failed for result in results):
        raise SystemExit(1)


async def probed(config: Path | None, data_dir: Path | None, names: tuple[str, ...]) -> list[Result]:
    """Prove the keys of these providers, of all where none is named."""
    from taxiway.assembly import resolve
    from taxiway.composition import compose
    from taxiway.config import load

    built = compose(load(config), data_dir=data_dir)
    known = {name: built.slugs.get(name) for name in names}
    if missing := [name for name, slug in known.items() if slug not in built.providers]:
        raise click.UsageError(_missing(missing[0], built))
    parts = await resolve(built)
    try:
        await parts.start(built.transports.values())
        slugs = list(dict.fromkeys(slug for slug in known.values() if slug)) or list(built.providers)
        pairs = [(built.providers[slug], account) for slug in slugs for account in parts.accounts(slug)]
        return list(await asyncio.gather(*(_probe(parts, provider, account) for provider, account in pairs)))
    finally:
        await parts.aclose()


def _missing(name: str, built: Composition) -> str:
    """Say which there are, and of a provider that is installed how it gets a credential."""
    from taxiway.errors import PluginError
    from taxiway_cli.providers import variables

    there = f"no credential of {name} is configured; there is {', '.join(built.providers) or 'none'}."
    try:
        registration = built.plugins.load(f"provider-{name}")
    except PluginError:
        return f"{there} `taxiway providers` lists what is installed."
    if (built.found or built.last_resort) and (asked := variables(registration.environment)):
        return f"{there} Without a configuration it is found by {', '.join(asked)}, in the environment or in .env."
    return f'{there} It needs a table [[credentials]] with provider = "{name}".'


class _NobodyAnswersError(Exception):
    """Says where, which the transport's own error does not."""


async def _probe(parts: Parts, provider: Provider, account: Account) -> Result:
    from taxiway.errors import TransportError
    from taxiway.outcome import RefreshFailed
    from taxiway.secret import scrub

    try:
        good, said = await _asked(parts, provider, account)
        failed = good is False
    except _NobodyAnswersError as error:
        good, said, failed = None, str(error), True
    except TransportError as error:
        good, said, failed = None, f"nobody answers: {error}", True
    except RefreshFailed as error:
        good, said, failed = False, f"refused: {error}", True
    except Exception as error:  # noqa: BLE001 - a plugin's mistake keeps no other key from being proved
        good, said, failed = None, f"can't be proved: {type(error).__name__}: {error}", True
    return Result(provider=provider.slug, account=account.label, good=good, said=scrub(said), failed=failed)


async def _asked(parts: Parts, provider: Provider, account: Account) -> tuple[bool | None, str]:
    from taxiway.errors import TransportError
    from taxiway.provider import Discovers, Refreshes
    from taxiway.upkeep import REFUSED

    context = parts.built.context
    now, secret = context.clock.now(), account.secret
    if isinstance(provider, Refreshes):
        secret = (await provider.refresh(account, now)).secret
    request = provider.probe(account, secret, now)
    if request is None and isinstance(provider, Discovers):
        request = provider.discovery(account, secret, now)
    if request is None:
        return None, "nothing is free of charge here that proves it" if secret else "it has none"
    try:
        reply = await context.door.send(request, _WITHIN)
    except TransportError as error:
        raise _NobodyAnswersError(f"nobody answers at {request.origin}: {error.detail or error}") from error
    asked = f"{request.method} {request.origin}{request.target.partition('?')[0]}"
    if reply.status in _GOOD:
        return True, asked
    return False, f"{'refused' if reply.status in REFUSED else 'no answer to go by'}: status {reply.status} of {asked}"
