"""Data URLs (RFC 2397): how canonical chat carries images, files, audio and video as bytes."""

import base64
from urllib.parse import unquote_to_bytes

from attrs import frozen


@frozen(repr=False)
class DataUrl:
    """A data URL's media type, without parameters and in lower case (`image/png`), and its bytes as base64."""

    media_type: str
    data: str


def split(url: str) -> DataUrl | None:
    """Split a data URL; None where it is another kind of URL. Base64 is taken as it stands, not checked."""
    if url[:5].lower() != "data:":
        return None
    head, _, data = url[5:].partition(",")
    media_type = head.partition(";")[0].strip().lower() or "text/plain"
    if not head.lower().endswith(";base64"):
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return DataUrl(media_type, data)


def join(media_type: str, data: str) -> str:
    """Make a data URL of base64."""
    return f"data:{media_type};base64,{data}"
