"""Sources that Gemini cites, as canonical chat's annotations.

Sources: ai.google.dev/api/generate-content (GroundingMetadata, CitationMetadata). Google counts bytes of UTF-8, canonical chat
counts characters.
"""

from typing import Any

from taxiway.codec import Json, items, text_of
from taxiway_gemini.members import count_of

_KINDS = ("web", "retrievedContext", "maps", "image")


def annotations_of(candidate: Json, text: str) -> list[Json]:
    """Return the citations of a candidate whose text is `text`."""
    grounding, recited = candidate.get("groundingMetadata"), candidate.get("citationMetadata")
    found: list[Json] = []
    if type(grounding) is dict and grounding:
        found += _grounded(grounding, text)
    if type(recited) is dict:
        for citation in items(recited.get("citations") or recited.get("citationSources")):
            uri = text_of(citation.get("uri"))
            if uri:
                span = _span(text, count_of(citation.get("startIndex")), count_of(citation.get("endIndex")), "")
                found.append(_annotation(uri, text_of(citation.get("title")), "", span))
    return found


def _grounded(grounding: Json, text: str) -> list[Json]:
    sources = [_source(chunk) for chunk in items(grounding.get("groundingChunks"))]
    found: list[Json] = []
    cited: set[int] = set()
    for support in items(grounding.get("groundingSupports")):
        segment = support.get("segment")
        segment = segment if type(segment) is dict else {}
        start, end = count_of(segment.get("startIndex")), count_of(segment.get("endIndex"))
        span = _span(text, start, end, text_of(segment.get("text")))
        indices = support.get("groundingChunkIndices")
        for index in indices if type(indices) is list else ():
            if type(index) is int and 0 <= index < len(sources):
                cited.add(index)
                found.append(_annotation(*sources[index], span))
    # What no passage is traced to stands behind the whole answer.
    found += [_annotation(*source, (0, len(text))) for index, source in enumerate(sources) if index not in cited]
    return found


def _source(chunk: Json) -> tuple[str, str, str]:
    """Return a source's address, title and text."""
    inner: Any = next((chunk[kind] for kind in _KINDS if type(chunk.get(kind)) is dict), {})
    address = inner.get("uri") or inner.get("sourceUri") or inner.get("documentName") or inner.get("fileSearchStore")
    return text_of(address), text_of(inner.get("title")), text_of(inner.get("text"))


def _span(text: str, start: int, end: int, passage: str) -> tuple[int, int]:
    """Return where a passage stands in characters: by its bytes where they fit, else where its text is found."""
    data = text.encode("utf-8", "surrogatepass")
    if start < end <= len(data):
        cut = data[start:end].decode("utf-8", "replace")
        if not passage or cut == passage:
            before = len(data[:start].decode("utf-8", "replace"))
            return before, before + len(cut)
    place = text.find(passage) if passage else -1
    return (0, len(text)) if place < 0 else (place, place + len(passage))


def _annotation(url: str, title: str, content: str, span: tuple[int, int]) -> Json:
    told: Json = {"url": url, "title": title, "start_index": span[0], "end_index": span[1]}
    if content:
        told["content"] = content
    return {"type": "url_citation", "url_citation": told}
