"""Content parts, both ways. Cache marks stay on the part that they mark."""

from typing import Final

from taxiway.codec import Json
from taxiway.errors import Unsupported

_MARKS: Final = ("cache_control", "prompt_cache_breakpoint")
_TEXTS: Final = frozenset({"input_text", "output_text", "text"})
_FILE: Final = ("filename", "file_id")


def to_chat(place: str, part: Json) -> Json:
    """Make chat's part of a Responses part. Raises Unsupported, naming the place, for a type that chat does not have."""
    kind = part.get("type")
    if kind in _TEXTS:
        made: Json = {"type": "text", "text": part["text"]}
    elif kind == "input_image":
        made = {"type": "image_url", "image_url": _image(place, part)}
    elif kind == "input_file":
        file = {name: part[name] for name in _FILE if part.get(name) is not None}
        data = part.get("file_data") or part.get("file_url")
        made = {"type": "file", "file": {**file, "file_data": data} if data else file}
    elif kind == "input_audio":
        made = {"type": "input_audio", "input_audio": part.get("input_audio")}
    elif kind == "input_video":
        made = {"type": "video_url", "video_url": {"url": part["video_url"]}}
    elif kind == "refusal":
        made = {"type": "refusal", "refusal": part["refusal"]}
    else:
        raise Unsupported(f"{place}.type", f"{kind} has no counterpart at this endpoint")
    return _marked(made, part)


def from_chat(place: str, part: Json, text: str) -> Json:
    """Make a Responses part of chat's; `text` is what the type of a text is called there. Raises Unsupported, naming the place."""
    kind = part.get("type")
    if kind == "text":
        made: Json = {"type": text, "text": part["text"]}
    elif kind == "image_url":
        image = part["image_url"]
        made = {"type": "input_image", "image_url": image["url"]}
        if image.get("detail") is not None:
            made["detail"] = image["detail"]
    elif kind == "file":
        file = part["file"]
        made = {"type": "input_file", **{name: file[name] for name in _FILE if file.get(name) is not None}}
        if data := file.get("file_data"):
            made["file_url" if data.startswith(("https://", "http://")) else "file_data"] = data
    elif kind == "input_audio":
        made = {"type": "input_audio", "input_audio": part["input_audio"]}
    elif kind in {"video_url", "input_video"}:
        made = {"type": "input_video", "video_url": part["video_url"]["url"]}
    elif kind == "refusal":
        made = {"type": "refusal", "refusal": part["refusal"]}
    else:
        raise Unsupported(f"{place}.type", f"{kind} has no counterpart in the Responses API")
    return _marked(made, part)


def _image(place: str, part: Json) -> Json:
    url = part.get("image_url")
    if type(url) is not str:
        # A file's id means something only where it was uploaded.
        raise Unsupported(f"{place}.image_url", "an image must be given by URL or data URL here")
    return {"url": url} if part.get("detail") is None else {"url": url, "detail": part["detail"]}


def _marked(made: Json, part: Json) -> Json:
    for mark in _MARKS:
        if part.get(mark) is not None:
            made[mark] = part[mark]
    return made
