"""Reasoning items of the Responses API, and OpenRouter's `reasoning_details`, both ways.

An item has an id, a summary, sometimes the text itself (`content`), and `encrypted_content`, which must come back as it was. Its
details have the format `<provider>-responses-v1`: only who wrote such content can read it. Details of another format (Anthropic's
signatures, Gemini's) reach a Responses client as an item too, and come back whole: they are packed into its `encrypted_content`,
which every client sends back as it is, while many drop the rest.
"""

import base64
import binascii
from collections.abc import Iterable
from itertools import groupby
from typing import Any, Final

from taxiway.codec import Json, dumps, loads
from taxiway.errors import Malformed

FORMAT: Final = "openai-responses-v1"
"""The format of an item that does not say its own."""

_MAKERS: Final = {"azure": "azure-openai", "amazon-bedrock": "bedrock-openai"}
"""OpenRouter's names of formats, where they are not the provider's slug."""

_PACKED: Final = "taxiway."
_KINDS: Final = {"reasoning.summary": "summary", "reasoning.text": "text"}


def format_of(provider: str) -> str:
    """Return the format of what a provider with this slug encrypts."""
    return f"{_MAKERS.get(provider, provider)}-responses-v1"


def shown(details: Iterable[Json]) -> str:
    """Return what people may read of details."""
    return "\n\n".join(
        text for text in (detail.get(_KINDS.get(detail.get("type", ""), "")) for detail in details) if text
    )


def details_of(item: Json, form: str) -> list[Json]:
    """Return the details that an item stands for; `form` is its format, unless it says one."""
    encrypted = item.get("encrypted_content")
    if type(encrypted) is str and encrypted.startswith(_PACKED):
        return _unpacked(encrypted)
    common = {"format": item.get("format") or form}
    if item.get("id"):
        common["id"] = item["id"]
    made = [{"type": "reasoning.summary", "summary": part["text"], **common} for part in item.get("summary") or ()]
    made += [{"type": "reasoning.text", "text": part["text"], **common} for part in item.get("content") or ()]
    if item.get("signature") and made:
        made[-1]["signature"] = item["signature"]
    if encrypted:
        made.append({"type": "reasoning.encrypted", "data": encrypted, **common})
    return made


def indexed(details: list[Json], start: int = 0) -> list[Json]:
    """Number details that have no index yet, as streams need it."""
    for index, detail in enumerate(details, start):
        detail.setdefault("index", index)
    return details


def ids(detail: Json) -> tuple[Any, Any]:
    """Return what details of one item have in common: format and id."""
    return detail.get("format"), detail.get("id")


def items_of(details: Iterable[Json]) -> list[list[Json]]:
    """Return the details of each item: those that follow each other with the same format and id."""
    return [list(group) for _, group in groupby(details, ids)]


def item(details: list[Json]) -> Json:
    """Make the item of its details, for who wrote it or for a client."""
    made: Json = {"type": "reasoning", "summary": []}
    if details and details[0].get("id"):
        made["id"] = details[0]["id"]
    for detail in details:
        kind = detail.get("type")
        if kind == "reasoning.summary":
            made["summary"].append({"type": "summary_text", "text": detail.get("summary") or ""})
        elif kind == "reasoning.text" and detail.get("text"):
            made.setdefault("content", []).append({"type": "reasoning_text", "text": detail["text"]})
        elif kind == "reasoning.encrypted":
            made["encrypted_content"] = detail.get("data")
    return made


def item_for_client(details: list[Json]) -> Json:
    """Make the item of its details so that a client gives all of it back."""
    made = {**item(details), "status": "completed"}
    form = details[0].get("format")
    if form is not None and form != FORMAT:
        made["format"] = form
        if any(detail.get("signature") or detail.get("data") for detail in details):
            # In one order, however they came.
            packed = dumps([dict(sorted(detail.items())) for detail in details])
            made["encrypted_content"] = _PACKED + base64.urlsafe_b64encode(packed).decode()
    return made


def _unpacked(text: str) -> list[Json]:
    try:
        value: Any = loads(base64.urlsafe_b64decode(text[len(_PACKED) :]))
    except (binascii.Error, ValueError, Malformed):
        return []
    return [detail for detail in value if type(detail) is dict] if type(value) is list else []
