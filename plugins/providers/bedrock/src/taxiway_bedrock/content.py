"""Canonical content parts as Converse's content blocks.

Source: docs.aws.amazon.com/bedrock/latest/APIReference: ContentBlock and what it refers to (formats, the rules of documents'
names, a text beside every document); CachePointBlock.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from attrs import Factory, define

from taxiway import data_url
from taxiway.codec import Json
from taxiway.data_url import DataUrl
from taxiway.errors import InvalidRequest, Unsupported
from taxiway_anthropic_messages import Notes
from taxiway_bedrock.families import Family

_IMAGES: Final = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
_VIDEOS: Final = {
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/x-matroska": "mkv",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/mpeg": "mpeg",
    "video/x-ms-wmv": "wmv",
    "video/3gpp": "three_gp",
}
_AUDIO: Final = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/opus": "opus",
    "audio/mp4": "m4a",
    "audio/x-m4a": "m4a",
    "audio/webm": "webm",
}
_DOCUMENTS: Final = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
_EXTENSIONS: Final = frozenset(_DOCUMENTS.values())
_BUCKET: Final = "s3://"

_NO_NAME: Final = re.compile(r"[^A-Za-z0-9\-()\[\]]+")
_LONGEST_NAME: Final = 200


@define(eq=False)
class Blocks:
    """Makes the content blocks of one request. Documents' names are told apart over all of it.

    Parts may carry what is Converse's own: a text `guardContent` (its qualifiers), a file `citations`.
    """

    family: Family
    notes: Notes
    _names: set[str] = Factory(set)

    @property
    def documents(self) -> bool:
        """Whether there is any document."""
        return bool(self._names)

    def of(self, message: int, content: Any) -> list[Json]:
        """Return the blocks of a message's content: a text, a list of parts, or nothing. `message` is its place."""
        if type(content) is str:
            return [{"text": content}] if content else []
        blocks: list[Json] = []
        for index, part in enumerate(content or ()):
            made = self._part(f"messages[{message}].content[{index}]", part)
            if made is not None:
                blocks.append(made)
            if part.get("cache_control"):
                self._cache(part["cache_control"], blocks)
        return blocks

    def _cache(self, mark: Json, blocks: list[Json]) -> None:
        if not self.family.caches:
            self.notes.drop("cache_control")
            return
        if blocks and not blocks[-1].keys().isdisjoint(("document", "video")):
            # A cache point is refused right behind these.
            blocks.append({"text": "\n"})
        blocks.append(cache_point(mark))

    def _part(self, where: str, part: Json) -> Json | None:
        kind = part["type"]
        make = self._makers.get(kind)
        if make is None:
            raise InvalidRequest(f"{where}.type", f"must be one of {', '.join(self._makers)}")
        return make(self, where, part)

    def _text(self, where: str, part: Json) -> Json | None:
        text = part[part["type"]]
        if part.get("guardContent") is not None:
            return {"guardContent": {"text": {"text": text, **part["guardContent"]}}}
        return {"text": text} if text else None

    def _image(self, where: str, part: Json) -> Json:
        image = part["image_url"]
        if image.get("detail"):
            self.notes.drop("image_url.detail")
        return {"image": _media(f"{where}.image_url.url", image["url"], _IMAGES)}

    def _video(self, where: str, part: Json) -> Json:
        return {"video": _media(f"{where}.video_url.url", part["video_url"]["url"], _VIDEOS)}

    def _audio(self, where: str, part: Json) -> Json:
        if part["type"] == "audio_url":
            return {"audio": _media(f"{where}.audio_url.url", part["audio_url"]["url"], _AUDIO)}
        audio = part["input_audio"]
        return {"audio": {"format": audio.get("format") or "wav", "source": {"bytes": audio["data"]}}}

    def _file(self, where: str, part: Json) -> Json:
        file, place = part["file"], f"{where}.file.file_data"
        data, name = file.get("file_data"), file.get("filename") or ""
        if not data:
            raise Unsupported(f"{where}.file", "a file must be given as its data; this provider keeps none")
        url = data_url.split(data)
        extension = name.rpartition(".")[2].lower()
        if url is not None and url.media_type in _IMAGES:
            return {"image": _source(place, data, url, _IMAGES[url.media_type])}
        found = None if url is None else _DOCUMENTS.get(url.media_type)
        if extension in _EXTENSIONS and found in {None, "txt"}:
            found = extension
        if found is None and url is not None and url.media_type.startswith("text/"):
            found = "txt"
        if found is None:
            found = _format(place, data, url, _DOCUMENTS)
        document = {"name": self._name(name), **_source(place, data, url, found)}
        if part.get("citations") is not None:
            document["citations"] = part["citations"]
        return {"document": document}

    def _name(self, filename: str) -> str:
        """Return a document's name as the API wants it, and no two the same."""
        stem = filename.rpartition("/")[2]
        stem = stem.rpartition(".")[0] or stem
        name = _NO_NAME.sub(" ", stem).strip()[: _LONGEST_NAME - 8] or f"Document {len(self._names) + 1}"
        unique, number = name, 1
        while unique in self._names:
            number += 1
            unique = f"{name} ({number})"
        self._names.add(unique)
        return unique

    _makers: ClassVar[Mapping[str, Callable[..., Json | None]]] = {
        "text": _text,
        "refusal": _text,
        "image_url": _image,
        "input_audio": _audio,
        "audio_url": _audio,
        "video_url": _video,
        "input_video": _video,
        "file": _file,
    }


def cache_point(mark: Json) -> Json:
    """Return a cache mark as a block. Five minutes is what is meant where no time is said."""
    ttl = mark.get("ttl")
    return {"cachePoint": {"type": "default", "ttl": ttl} if ttl and ttl != "5m" else {"type": "default"}}


def _media(where: str, url: str, formats: dict[str, str]) -> Json:
    split = data_url.split(url)
    return _source(where, url, split, _format(where, url, split, formats))


def _format(where: str, url: str, split: DataUrl | None, formats: dict[str, str]) -> str:
    """Return the API's word for a format, by its media type or, of a file in a bucket, by its name."""
    if split is not None:
        found = formats.get(split.media_type)
        said = split.media_type
    else:
        said = url.rpartition(".")[2].lower()
        found = {"jpg": "jpeg"}.get(said, said) if said in formats.values() or said == "jpg" else None
    if found is None:
        raise Unsupported(where, f"{said[:40]} is none of the formats {', '.join(sorted(set(formats.values())))}")
    return found


def _source(where: str, url: str, split: DataUrl | None, format_: str) -> Json:
    if split is not None:
        return {"format": format_, "source": {"bytes": split.data}}
    if url.startswith(_BUCKET):
        return {"format": format_, "source": {"s3Location": {"uri": url}}}
    raise Unsupported(where, "is neither a data URL nor an address in S3, and the API fetches nothing else")
