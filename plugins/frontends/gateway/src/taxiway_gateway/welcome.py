"""What `taxiway serve` prints: where it is, who may call, who serves, and one line to try. Plain text, to be copied."""

from collections.abc import Iterator
from typing import Final

from attrs import define, field

from taxiway.candidate import DEFAULT_WORKSPACE, Endpoint
from taxiway.codec import dumps
from taxiway.snapshot import Snapshot

VARIABLE: Final = "TAXIWAY_API_KEY"

_KEYLESS: Final = "without a key"
_YOUNG: Final = 270 * 86400
"""Seconds before the newest model within which others are young enough to be served still: providers keep one for a year or so."""

_WORDS: Final = 20
_THOUGHTS: Final = 500
"""Tokens of the line to try, of its answer, and of what a model thinks before."""


@define(kw_only=True)
class Entry:
    """The API key that the first line to try uses. `new`: made just now, and shown this once; it is in no log."""

    label: str = ""
    new: str = ""
    given: bool = False
    short: bool = False


@define
class _Served:
    """What one provider offers, and by which keys (references, never values)."""

    name: str
    models: set[str] = field(factory=set)
    keys: dict[str, None] = field(factory=dict)


def welcome(url: str, entry: Entry, snapshot: Snapshot, *, last_resort: bool = False, program: str = "taxiway") -> str:
    """Return the text. `url` is the gateway's address; `last_resort`: no provider key was found.

    `program` is how further commands begin: the program by a name that the shell finds, and the options of this start.
    """
    blocks = [
        f"Taxiway is ready.\n\nBase URL   {url}/api/v1    (and {url}/v1)",
        "\n".join(_key(entry, program)),
        "\n".join(_providers(snapshot, program, last_resort=last_resort)),
    ]
    model = _example(snapshot, priced=not last_resort)
    if model:
        blocks.append(f"Try it:\n\n{curl(url, entry, model)}")
    return "\n\n".join(blocks) + "\n"


def curl(url: str, entry: Entry, model: str) -> str:
    """Return a command line that asks a model something."""
    body = dumps({"model": model, "messages": [{"role": "user", "content": "Say hello in one sentence."}]}).decode()
    key = entry.new or f"${VARIABLE}"
    return (
        f'curl {url}/api/v1/chat/completions -H "Authorization: Bearer {key}" '
        f"-H 'Content-Type: application/json' -d '{body}'"
    )


def _key(entry: Entry, program: str) -> Iterator[str]:
    another = f"`{program} api-keys create --name NAME` makes another."
    if entry.new:
        yield f"API key    shown this once, only its hash is kept; {another}\n"
        yield entry.new
    elif entry.given:
        yield f"API key    {entry.label} (from {VARIABLE}); {another}"
        if entry.short:
            yield f"           {VARIABLE} is shorter than 32 characters: take a longer one where others can reach this."
    elif entry.label:
        yield f"API key    {entry.label} (its value was shown when it was made); {another}"
        yield f"           The line below takes the value from {VARIABLE}."
    else:
        yield f"API key    there is none; {another}"


def _providers(snapshot: Snapshot, program: str, *, last_resort: bool) -> Iterator[str]:
    if last_resort:
        yield "Providers  no provider key was found in the environment or in .env, so only the simulator answers:"
        yield f"           made-up text that costs nothing. Set OPENAI_API_KEY or the like, or run `{program} init`."
        return
    served: dict[str, _Served] = {}
    for offers in snapshot.models(DEFAULT_WORKSPACE).values():
        for offer in offers:
            endpoint = offer.endpoint
            one = served.setdefault(endpoint.provider, _Served(endpoint.provider_name))
            one.models.add(endpoint.model)
            one.keys.update(dict.fromkeys(c.account.credential.key or _KEYLESS for c in offer.candidates))
    if not served:
        yield f"Providers  none serves a model: `{program} probe` asks them, `{program} check` looks the configuration over."
    for index, one in enumerate(sorted(served.values(), key=lambda served: served.name)):
        models = f"{len(one.models)} model{'s' if len(one.models) > 1 else ''}"
        yield f"{'' if index else 'Providers':11}{one.name}: {models}, {', '.join(one.keys)}"


def _example(snapshot: Snapshot, *, priced: bool) -> str | None:
    """The model that costs least of those that surely answer; the first of all where prices say nothing."""
    found = [
        offer.endpoint
        for offers in snapshot.models(DEFAULT_WORKSPACE).values()
        for offer in offers
        if "chat" in offer.endpoint.dialects and "text" in offer.endpoint.outputs and not offer.endpoint.tier
    ]
    if not found:
        return None
    since = max(endpoint.created for endpoint in found) - _YOUNG
    return (min(found, key=lambda endpoint: _dearness(endpoint, since)) if priced else found[0]).model


def _dearness(endpoint: Endpoint, since: float) -> tuple[bool, bool, float]:
    """What is tried first is sold: what costs nothing is often a preview. Then what takes tools, and was made `since`.

    Catalogs call some models chat that only read pictures or judge texts, and keep some that their providers have shut down.
    """
    price = endpoint.price
    sold = price.known and bool(price.input or price.output)
    usual = "tools" in (endpoint.parameters or ()) and endpoint.created >= since
    words = _WORDS + _THOUGHTS * endpoint.reasoning
    return not sold, not usual, _WORDS * (price.input or 0.0) + words * (price.output or 0.0)
