"""Images, audio, video and files: Gemini's `inlineData` and `fileData`, and canonical content parts.

Sources: ai.google.dev/api/caching (Part, Blob, FileData), ai.google.dev/gemini-api/docs: image-understanding, audio,
video-understanding, document-processing. A `fileUri` may name a file of the Files API, a YouTube video, `gs://` or, for newer
models, any public address.
"""

from typing import Any, Final

from taxiway.codec import Json, text_of
from taxiway.errors import Unsupported
from taxiway_gemini.members import member

_BY_SUFFIX: Final = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "mpeg": "video/mpeg",
    "webm": "video/webm",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "aac": "audio/aac",
    "m4a": "audio/m4a",
}
_USUAL: Final = {"image": "image/jpeg", "file": "application/pdf", "audio": "audio/mp3", "video": "video/mp4"}

_MEMBERS: Final = {
    "image_url": ("image", "image_url", "url"),
    "video_url": ("video", "video_url", "url"),
    "input_video": ("video", "video_url", "url"),
    "audio_url": ("audio", "audio_url", "url"),
}
"""Canonical parts that hold an address: the modality, and where the address is."""

_FAMILIES: Final = {"image": "image_url", "video": "video_url", "audio": "audio_url"}


def part_of(part: Json, where: str, lost: list[str]) -> Json:
    """Say a canonical content part that is no text as a part of Gemini's. `lost` takes what can't be said.

    Raises Unsupported where the whole part can't be.
    """
    kind = text_of(part.get("type"))
    if kind in _MEMBERS:
        modality, name, key = _MEMBERS[kind]
        inner = part.get(name)
        url = text_of(inner.get(key)) if type(inner) is dict else text_of(inner)
        if type(inner) is dict and inner.get("detail") not in (None, "auto"):
            lost.append(f"{where}.{name}.detail")
        return _located(url, modality, f"{where}.{name}.{key}")
    inner = part.get(kind)
    if type(inner) is not dict:
        raise Unsupported(f"{where}.type", "can't be expressed here")
    if kind == "input_audio":
        data, form = text_of(inner.get("data")), text_of(inner.get("format")) or "mp3"
        return {"inlineData": {"mimeType": f"audio/{form}", "data": data}}
    if kind == "file":
        if inner.get("filename"):
            lost.append(f"{where}.file.filename")
        url = text_of(inner.get("file_data")) or text_of(inner.get("file_id"))
        return _located(url, "file", f"{where}.file.file_data")
    raise Unsupported(f"{where}.type", "can't be expressed here")


def _located(url: str, modality: str, where: str) -> Json:
    """Say an address, or a `data:` URL, as a part."""
    if url.startswith("data:"):
        head, comma, data = url[5:].partition(",")
        mime, _, encoding = head.partition(";")
        if not comma or not encoding.endswith("base64"):
            raise Unsupported(where, "must be a data URL in base64")
        return {"inlineData": {"mimeType": mime or _USUAL[modality], "data": data}}
    if not url:
        raise Unsupported(where, "must be an address")
    return {"fileData": {"mimeType": mime_of(url, modality), "fileUri": url}}


def mime_of(url: str, modality: str) -> str:
    """Guess a file's type by its name; Google wants one with every `fileUri`."""
    name = url.partition("?")[0].rpartition("/")[2]
    return _BY_SUFFIX.get(name.rpartition(".")[2].lower(), _USUAL[modality])


def is_media(part: Json) -> bool:
    """Whether a part of Gemini's holds bytes or names a file."""
    return member(part, "inlineData") is not None or member(part, "fileData") is not None


def content_of(part: Json) -> Json:
    """Say a part of Gemini's that holds bytes or names a file as a canonical content part."""
    blob, named = member(part, "inlineData"), member(part, "fileData")
    if type(blob) is dict:
        # Google's SDK for Python writes base64 in its alphabet for addresses, which Google takes and nobody else.
        mime, data = text_of(member(blob, "mimeType")), text_of(blob.get("data")).replace("-", "+").replace("_", "/")
        if mime.startswith("audio/"):
            return {"type": "input_audio", "input_audio": {"data": data, "format": mime[6:]}}
        return _content(mime, f"data:{mime};base64,{data}")
    if type(named) is dict:
        return _content(text_of(member(named, "mimeType")), text_of(member(named, "fileUri")))
    return {"type": "text", "text": ""}


def url_of(part: Json) -> str | None:
    """Return the `data:` URL, or the address, of a part that a model made; None where it is none."""
    content: dict[str, Any] = content_of(part)
    inner = content.get("image_url")
    return inner["url"] if inner is not None else None


def _content(mime: str, url: str) -> Json:
    kind = _FAMILIES.get(mime.partition("/")[0])
    if kind is None:
        return {"type": "file", "file": {"file_data": url}}
    return {"type": kind, kind: {"url": url}}


def modality_of(part: Json) -> str:
    """Return what planning calls the modality of such a part: image, file, audio, video."""
    for name in ("inlineData", "fileData"):
        inner = member(part, name)
        if type(inner) is dict:
            family = text_of(member(inner, "mimeType")).partition("/")[0]
            return family if family in _FAMILIES else "file"
    return "file"
