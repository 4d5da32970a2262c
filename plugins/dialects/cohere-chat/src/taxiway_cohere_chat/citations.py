"""Citations: Cohere's spans with their sources, and canonical chat's annotations, one for each source.

Sources: docs.cohere.com/v2/docs/rag-citations; OpenAI's `url_citation`, which wants an address and a title.
"""

from taxiway.codec import Json, items, text_of
from taxiway_cohere_chat.wire import object_of

_TEXT = "TEXT_CONTENT"
_TITLES = ("title", "name")
_ADDRESSES = ("url", "link", "source")
_CONTENTS = ("text", "snippet", "content", "output")


def annotations_of(citation: Json, offset: int) -> list[Json]:
    """Return a citation's annotations. `offset`: how much text is before the part that its places count from.

    None for what cites a plan or a thought: those are no content that an annotation could point into.
    """
    start, end = citation.get("start"), citation.get("end")
    if (text_of(citation.get("type")) or _TEXT) != _TEXT or type(start) is not int or type(end) is not int:
        return []
    return [_annotation(source, start + offset, end + offset) for source in items(citation.get("sources"))]


def _annotation(source: Json, start: int, end: int) -> Json:
    told = object_of(source.get("document")) or object_of(source.get("tool_output"))
    id_ = text_of(source.get("id"))
    cited: Json = {
        "url": _first(told, _ADDRESSES) or id_,
        "title": _first(told, _TITLES) or id_,
        "start_index": start,
        "end_index": end,
    }
    content = _first(told, _CONTENTS)
    if content:
        cited["content"] = content
    return {"type": "url_citation", "url_citation": cited}


def _first(told: Json, names: tuple[str, ...]) -> str:
    return next((text for name in names if (text := text_of(told.get(name)))), "")


def citation_of(annotation: Json, text: str, offset: int, place: int) -> Json | None:
    """Return an annotation as a citation of the part at `place`, whose text is `text` and begins at `offset`; None for others."""
    cited = object_of(annotation.get("url_citation"))
    if annotation.get("type") != "url_citation" or not cited:
        return None
    url, title = text_of(cited.get("url")), text_of(cited.get("title"))
    document = {"id": url, "title": title, "url": url}
    if cited.get("content"):
        document["text"] = text_of(cited["content"])
    citation: Json = {"sources": [{"type": "document", "id": url, "document": document}], "type": _TEXT}
    start, end = cited.get("start_index"), cited.get("end_index")
    if type(start) is int and type(end) is int and 0 <= start - offset < end - offset:
        start, end = start - offset, end - offset
        citation |= {"start": start, "end": end, "text": text[start:end]}
    citation["content_index"] = place
    return citation
