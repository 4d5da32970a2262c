"""What the running gateway is asked, and where it is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from pathlib import Path

    from taxiway.codec import Json

KEY: Final = "TAXIWAY_API_KEY"
_PATIENCE: Final = 5.0
"""Seconds for the gateway's answer."""
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not bound


class NotAsked(Exception):
    """The gateway could not be asked; why, for people."""


def base_url(config: Path | None) -> str:
    """Return where the gateway of a configuration listens."""
    from taxiway.config import load
    from taxiway.tables import address_of

    host, port = address_of(load(config).checked().gateway.listen)
    host = _EVERYWHERE.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/api/v1"


def _kept(config: Path | None) -> str | None:
    """Return the key that the gateway itself finds: in `.env`, beside the environment."""
    from taxiway.composition import compose
    from taxiway.config import load

    return compose(load(config)).context.environment.get(KEY)


def ask(config: Path | None, url: str | None, method: str, path: str, has: str, body: Json | None = None) -> Json:
    """Ask the gateway at a base URL, else that of a configuration; its answer `has` that member.

    Raises NotAsked, and ClickException where it refuses the request itself.
    """
    import httpx

    key = os.environ.get(KEY) or _kept(config)
    if not key:
        raise NotAsked(f"{KEY} is not set, so no gateway is asked.")
    url = url or base_url(config)
    try:
        # Not by a proxy: the gateway is one's own, and the key is not for others.
        with httpx.Client(trust_env=False, timeout=_PATIENCE) as client:
            whole = f"{url.rstrip('/')}{path}"
            reply = client.request(method, whole, json=body, headers={"authorization": f"Bearer {key}"})
            answer = reply.json()
    except (httpx.HTTPError, httpx.InvalidURL):
        raise NotAsked(f"No gateway answers at {url}.") from None
    except ValueError:
        raise NotAsked(f"What answers at {url} is no Taxiway gateway.") from None
    if reply.status_code == 200 and isinstance(answer, dict) and has in answer:
        return answer
    error = answer.get("error") if isinstance(answer, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    if reply.status_code == 401:
        raise NotAsked(f"The gateway at {url} refuses the key in {KEY}.")
    if reply.status_code in {404, 405} or message is None:
        raise NotAsked(f"What answers at {url} knows nothing of this (status {reply.status_code}).")
    raise click.ClickException(str(message))
