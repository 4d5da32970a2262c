"""Texts, images and documents: canonical content parts to content blocks, and back.

Wire: platform.claude.com/docs: build-with-claude/vision, pdf-support, files, citations, search-results.
"""

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias
from urllib.parse import unquote_to_bytes

from taxiway.codec import Json
from taxiway.errors import InvalidRequest, Unsupported
from taxiway_anthropic_messages.notes import Notes

Making: TypeAlias = Callable[[Json, Notes], Json]

MARK: Final = "cache_control"
_PDF: Final = "application/pdf"
_TEXT: Final = frozenset({"type", "text", MARK})


def is_blank(text: str) -> bool:
    """Whether a text is one that the API refuses in a block: it has nothing, or only spaces."""
    return not text or text.isspace()


def blocks_of(parts: Iterable[Json], notes: Notes) -> list[Json]:
    """Make blocks of a message's parts. Raises Unsupported for sound and film."""
    blocks = []
    for part in parts:
        if part["type"] == "text":
            if not is_blank(part["text"]):
                blocks.append(part if _TEXT.issuperset(part) else _text(part, notes))
        else:
            block = _BLOCKS.get(part["type"], _no_ears)(part, notes)
            if part.get(MARK):
                block[MARK] = part[MARK]
            blocks.append(block)
    return blocks


def parts_of(blocks: Iterable[Json], notes: Notes) -> list[Json]:
    """Make canonical parts of blocks that a user's message or a tool's result has. What has no form there is named as dropped."""
    parts: list[Json] = []
    for block in blocks:
        before = len(parts)
        make = _PARTS.get(block["type"])
        if make is None:
            notes.drop(f"messages.content.{block['type']}")
        else:
            parts += make(block, notes)
        if block.get(MARK) and len(parts) > before:
            parts[-1] = {**parts[-1], MARK: block[MARK]}
    return parts


def plain(parts: list[Json]) -> str | list[Json]:
    """Return the text itself where it is all that there is."""
    if len(parts) == 1 and parts[0]["type"] == "text" and MARK not in parts[0]:
        text: str = parts[0]["text"]
        return text
    return parts


def _text(part: Json, notes: Notes) -> Json:
    if type(part.get("document")) is dict:
        return _cited(part)
    for name in part.keys() - _TEXT:
        notes.drop(f"text.{name}")
    return {name: value for name, value in part.items() if name in _TEXT}


def _cited(part: Json) -> Json:
    """Make the document that a text is: one that is to be cited, as Cohere's clients say it."""
    source = {"type": "text", "media_type": "text/plain", "data": part["text"]}
    block: Json = {"type": "document", "source": source, "citations": {"enabled": True}}
    data = part["document"].get("data")
    title = data.get("title") if type(data) is dict else None
    if type(title) is str and title:
        block["title"] = title
    if part.get(MARK):
        block[MARK] = part[MARK]
    return block


def _refusal(part: Json, notes: Notes) -> Json:
    return {"type": "text", "text": part["refusal"]}


def _image(part: Json, notes: Notes) -> Json:
    image = part["image_url"]
    if image.get("detail") not in (None, "auto"):
        notes.drop("image_url.detail")
    url = image["url"]
    if url[:5] != "data:":
        return {"type": "image", "source": {"type": "url", "url": url}}
    media_type, data = _split(url)
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def _file(part: Json, notes: Notes) -> Json:
    file = part["file"]
    data, name = file.get("file_data"), file.get("filename")
    source: Json
    if type(data) is str and data:
        if data[:4] == "http":
            source = {"type": "url", "url": data}
        elif data[:5] == "data:":
            media_type, data = _split(data)
            if media_type.startswith("image/"):
                return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}
            source = _document(media_type, data)
        else:
            source = {"type": "base64", "media_type": _PDF, "data": data}
    elif type(file.get("file_id")) is str:
        source = {"type": "file", "file_id": file["file_id"]}
    else:
        raise InvalidRequest("messages.file", "has neither file_data nor file_id")
    block: Json = {"type": "document", "source": source}
    if type(name) is str and name:
        block["title"] = name
    return block


def _document(media_type: str, data: str) -> Json:
    if media_type == _PDF:
        return {"type": "base64", "media_type": _PDF, "data": data}
    if not media_type.startswith("text/"):
        raise Unsupported("file", f"Claude takes no files of the type {media_type[:100]}")
    try:
        text = base64.b64decode(data, validate=True).decode()
    except (ValueError, binascii.Error):
        raise InvalidRequest("messages.file.file_data", "is no base64 of a text") from None
    return {"type": "text", "media_type": "text/plain", "data": text}


def _split(url: str) -> tuple[str, str]:
    """Split a data URL (RFC 2397) into its media type and base64."""
    head, _, data = url[5:].partition(",")
    media_type, *rest = head.split(";")
    if "base64" not in rest:
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return media_type or "text/plain", data


def _no_ears(part: Json, notes: Notes) -> Json:
    raise Unsupported(part["type"], "Claude takes text, images and documents")


_BLOCKS: Final[dict[str, Making]] = {
    "image_url": _image,
    "file": _file,
    "refusal": _refusal,
}
"""Canonical parts other than texts; none else is taken."""


def _text_part(block: Json, notes: Notes) -> list[Json]:
    if block.get("citations"):
        notes.drop("messages.content.citations")
    return [{"type": "text", "text": block["text"]}]


def _image_part(block: Json, notes: Notes) -> list[Json]:
    source = block["source"]
    if source["type"] == "file":
        return [{"type": "file", "file": {"file_id": source["file_id"]}}]
    return [{"type": "image_url", "image_url": {"url": _url(source)}}]


def _document_part(block: Json, notes: Notes) -> list[Json]:
    source, title = block["source"], block.get("title")
    kind, cited = source["type"], block.get("citations") == {"enabled": True}
    if block.get("context"):
        notes.drop("messages.content.context")
    if kind == "text" and cited:
        named = {"title": title} if title else {}
        text = source["data"]
        return [{"type": "text", "text": text, "document": {"data": {**named, "text": text}}}]
    if cited:
        notes.drop("messages.content.citations")
    if kind in {"text", "content"}:
        if title:
            notes.drop("messages.content.title")
        text = source["data"] if kind == "text" else source["content"]
        return [{"type": "text", "text": text}] if type(text) is str else parts_of(text, notes)
    file = {"file_id": source["file_id"]} if kind == "file" else {"file_data": _url(source)}
    return [{"type": "file", "file": {**file, "filename": title} if title else file}]


def _search_result(block: Json, notes: Notes) -> list[Json]:
    heading = {"type": "text", "text": f"{block['title']} ({block['source']})"}
    return [heading, *parts_of(block["content"], notes)]


def _url(source: Json) -> str:
    url: str = source["url"] if source["type"] == "url" else f"data:{source['media_type']};base64,{source['data']}"
    return url


_PARTS: Final[dict[str, Callable[[Any, Notes], list[Json]]]] = {
    "text": _text_part,
    "image": _image_part,
    "document": _document_part,
    "search_result": _search_result,
}
"""Blocks that have a canonical form, outside of what an assistant says."""
