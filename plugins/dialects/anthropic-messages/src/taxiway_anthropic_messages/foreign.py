"""What other models' answers carry through a Claude client: reasoning with its signatures, and citations.

A Claude client sends back what it got, byte for byte. So whatever has no field of its own in this dialect rides in the opaque ones
(`signature`, `data`, `encrypted_index`), behind a mark that no value of Anthropic's begins with; it comes out again when the client
sends it back, and is left out where it would reach a Claude.
"""

from typing import Any, Final

from taxiway.codec import Json, dumps, loads
from taxiway.errors import Malformed

MARK: Final = "taxiway:"

CLAUDE: Final = "anthropic-claude-v1"
"""The format of Claude's own reasoning, as OpenRouter names it; it is also meant where none is named."""

VISIBLE: Final = {"reasoning.text": "text", "reasoning.summary": "summary"}
"""Where a detail has its text."""

_EMPTY: Final = (None, "", "unknown")


def is_claudes(detail: Json) -> bool:
    """Whether a reasoning detail is of Claude's own form."""
    return detail.get("format") in (None, CLAUDE)


def is_shown(detail: Json) -> bool:
    """Whether a detail is of a type that has a text."""
    return str(detail.get("type")) in VISIBLE


def visible(detail: Json) -> str:
    """Return a detail's text; empty where it has none."""
    text = detail.get(VISIBLE.get(str(detail.get("type")), ""))
    return text if type(text) is str else ""


def packed(detail: Json) -> str:
    """Return all of a detail but its text, as a signature; empty where that says nothing."""
    kind = str(detail.get("type"))
    rest = {name: value for name, value in detail.items() if name != VISIBLE.get(kind)}
    if kind == "reasoning.text" and all(rest[name] in _EMPTY for name in rest.keys() - {"type", "index"}):
        return ""
    return MARK + dumps(rest).decode()


def block_of(detail: Json) -> Json:
    """Make the block that carries a foreign detail."""
    if is_shown(detail):
        return {"type": "thinking", "thinking": visible(detail), "signature": packed(detail)}
    return {"type": "redacted_thinking", "data": packed(detail)}


def unpacked(text: str, shown: str = "") -> Json | None:
    """Return the detail that a signature or data carries, None where it carries none. `shown` is the text beside it."""
    if not text.startswith(MARK):
        return None
    try:
        detail = loads(text[len(MARK) :].encode())
    except (Malformed, UnicodeEncodeError):
        return None
    if type(detail) is not dict:
        return None
    name = VISIBLE.get(str(detail.get("type")))
    return detail if name is None else {**detail, name: shown}


def citation(url: str, title: str, text: str) -> Json:
    """Make a block's citation of a page that another model's search found."""
    location = {"type": "web_search_result_location", "url": url, "title": title, "cited_text": text}
    return {**location, "encrypted_index": MARK}


def without_foreign(body: Json) -> Json:
    """Leave out of a body what no Claude can read: its API refuses a signature that is not its own. The same object without any."""
    messages = body.get("messages")
    if type(messages) is not list:
        return body
    kept: list[Any] = []
    changed = False
    for message in messages:
        content = message.get("content") if type(message) is dict and message.get("role") == "assistant" else None
        if type(content) is list and any(map(_is_foreign, content)):
            changed = True
            own = [cleaned for block in content if (cleaned := _cleaned(block)) is not None]
            if own:
                kept.append({**message, "content": own})
        else:
            kept.append(message)
    return {**body, "messages": kept} if changed else body


def _is_foreign(block: Any) -> bool:
    if type(block) is not dict:
        return False
    kind = block.get("type")
    if kind == "thinking":
        signature = block.get("signature")
        return not signature or (type(signature) is str and signature.startswith(MARK))
    if kind == "redacted_thinking":
        data = block.get("data")
        return type(data) is str and data.startswith(MARK)
    citations = block.get("citations") if kind == "text" else None
    return type(citations) is list and any(map(_is_ours, citations))


def _is_ours(location: Any) -> bool:
    return type(location) is dict and location.get("encrypted_index") == MARK


def _cleaned(block: Any) -> Any:
    if not _is_foreign(block):
        return block
    if block["type"] != "text":
        return None
    citations = [location for location in block["citations"] if not _is_ours(location)]
    rest = {name: value for name, value in block.items() if name != "citations"}
    return {**rest, "citations": citations} if citations else rest
