"""What a model said in canonical chat, as Gemini's parts: for a conversation's earlier turns, and for clients that speak Gemini."""

from collections.abc import Iterable
from typing import Any, Final

from attrs import define, field

from taxiway.codec import Json, items, loads, text_of
from taxiway.errors import Malformed, Unsupported
from taxiway_gemini.media import part_of
from taxiway_gemini.signatures import FORMAT, Place, place_of, text_member, wrapped

_ANYBODYS: Final = (None, "unknown", FORMAT)
"""Formats of a reasoning text that Gemini may be shown: its own, and those that nobody signed."""


@define(eq=False)
class Kept:
    """What `reasoning_details` keep of a message: thoughts as parts, and the rest by its place."""

    thoughts: list[Json] = field(factory=list)
    anchors: list[tuple[Place, Json]] = field(factory=list)
    signatures: dict[str, str] = field(factory=dict)
    loose: list[str] = field(factory=list)
    foreign: bool = False


def kept_of(details: Any, *, wrap: bool) -> Kept:
    """Read `reasoning_details`. `wrap`: what another model signed is wrapped for a client, instead of left out."""
    kept = Kept()
    for detail in items(details):
        name, form = text_member(detail), detail.get("format")
        text = "" if name is None else text_of(detail.get(name))
        if form not in _ANYBODYS or (form != FORMAT and (name is None or detail.get("signature"))):
            if wrap:
                kept.thoughts.append({"text": text, "thought": True, "thoughtSignature": wrapped(detail)})
            else:
                kept.foreign = True
        elif name is not None:
            thought: Json = {"text": text, "thought": True}
            if detail.get("signature"):
                thought["thoughtSignature"] = text_of(detail["signature"])
            kept.thoughts.append(thought)
        elif data := text_of(detail.get("data")):
            _place(kept, detail.get("id"), data)
    return kept


def _place(kept: Kept, detail_id: Any, data: str) -> None:
    place = place_of(detail_id)
    if place is not None:
        part = {"thoughtSignature": data} if place.kind == "text" else _part(data)
        if part is not None:
            kept.anchors.append((place, part))
    elif type(detail_id) is str and detail_id:
        kept.signatures[detail_id] = data
    else:
        kept.loose.append(data)


def _part(data: str) -> Json | None:
    try:
        part = loads(data.encode())
    except (Malformed, UnicodeEncodeError):
        return None
    return part if type(part) is dict else None


def model_parts(message: Json, lost: list[str], *, wrap: bool = False) -> list[Json]:
    """Return the parts of an assistant's message. `lost` takes the names of what they can't say."""
    details = message.get("reasoning_details")
    kept = kept_of(details, wrap=wrap) if details else Kept()
    if kept.foreign and "messages.reasoning_details" not in lost:
        lost.append("messages.reasoning_details")
    parts = kept.thoughts
    reasoning = message.get("reasoning") or message.get("reasoning_content")
    if type(reasoning) is str and reasoning and not parts and not kept.foreign:
        parts.append({"text": reasoning, "thought": True})
    calls = [_call_part(call, kept) for call in _calls(message)]
    images = [
        _image(image, kept.signatures.pop(f"image:{number}", None), lost)
        for number, image in enumerate(items(message.get("images")))
    ]
    kept.loose += kept.signatures.values()
    if kept.anchors:
        parts += _anchored(_text(message), kept.anchors, images, calls)
        after: list[Json] = []
    else:
        parts += _content_parts(message, lost)
        parts += images
        after = calls
    _settle(kept.loose, calls, parts)
    return parts + after


def _text(message: Json) -> str:
    content, refusal = message.get("content"), message.get("refusal")
    text = content if type(content) is str else "".join(text_of(part.get("text")) for part in items(content))
    return refusal if not text and type(refusal) is str else text


def _content_parts(message: Json, lost: list[str]) -> list[Json]:
    content = message.get("content")
    if type(content) is list and content:
        return [_said(part, lost) for part in items(content)]
    text = _text(message)
    return [{"text": text}] if text else []


def _said(part: Json, lost: list[str]) -> Json:
    if part.get("cache_control") and "cache_control" not in lost:
        lost.append("cache_control")
    text = part.get("text", part.get("refusal"))
    return {"text": text} if type(text) is str else part_of(part, "messages.content", lost)


def _anchored(
    text: str, anchors: Iterable[tuple[Place, Json]], images: list[Json], calls: list[Json]
) -> Iterable[Json]:
    """Cut a text where signatures, and parts that are no text, stood in it, and put calls where they were made."""
    cursor = made = 0
    for place, part in anchors:
        if cursor < place.start and cursor < len(text):
            yield {"text": text[cursor : place.start]}
            cursor = place.start
        if made < place.calls:
            yield from calls[made : place.calls]
            made = place.calls
        if place.kind == "text":
            yield {"text": text[max(cursor, place.start) : place.end], **part}
            cursor = max(cursor, place.end)
        else:
            yield part
    if cursor < len(text):
        yield {"text": text[cursor:]}
    yield from images
    yield from calls[made:]


def _image(image: Json, signature: str | None, lost: list[str]) -> Json:
    part = part_of({**image, "type": "image_url"}, "messages.images", lost)
    return part if signature is None else {**part, "thoughtSignature": signature}


def _calls(message: Json) -> list[Json]:
    legacy = message.get("function_call")
    return [{"function": legacy}] if type(legacy) is dict else items(message.get("tool_calls"))


def _call_part(call: Json, kept: Kept) -> Json:
    function, call_id = call.get("function"), text_of(call.get("id"))
    if type(function) is not dict:
        raise Unsupported("messages.tool_calls", "only calls of functions can be expressed here")
    told: Json = {"name": text_of(function.get("name")), "args": arguments_of(function.get("arguments"))}
    if call_id:
        told = {"id": call_id, **told}
    signature = kept.signatures.pop(call_id, None)
    return {"functionCall": told} if signature is None else {"functionCall": told, "thoughtSignature": signature}


def arguments_of(text: Any) -> Json:
    """Return a call's arguments as an object. What a model wrote that is none stays readable, as the one argument."""
    if type(text) is dict:
        return text
    written = text_of(text)
    if not written.strip():
        return {}
    try:
        arguments = loads(written.encode())
    except (Malformed, UnicodeEncodeError):
        return {"arguments": written}
    return arguments if type(arguments) is dict else {"arguments": arguments}


def _settle(loose: list[str], calls: list[Json], parts: list[Json]) -> None:
    """Give signatures without a place to the first calls that have none, else to the end of the text."""
    for signature in loose:
        bare = next((call for call in calls if "thoughtSignature" not in call), None)
        if bare is None:
            parts.append({"text": "", "thoughtSignature": signature})
        else:
            bare["thoughtSignature"] = signature
