"""The text of a file that is given as a data URL (RFC 2397)."""

import base64
import io
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from taxiway.data_url import split

if TYPE_CHECKING:
    from pypdf import PdfReader

_PDF: Final = b"%PDF-"
_PDF_WITHIN: Final = 1024
"""Readers look for a PDF's mark in so many first bytes."""

_TEXTS: Final = ("text/", "application/json", "application/xml", "application/yaml", "application/x-ndjson")

# It says of every second PDF what is odd about it.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)


class Unreadable(Exception):
    """What is no file that can be read here; the message says why."""


def text_of(url: str, most: int) -> str:
    """Return the text of a PDF or text file, cut after `most` characters. Raises Unreadable."""
    kind, data = _decoded(url)
    if _PDF in data[:_PDF_WITHIN]:
        return _pdf(data, most)
    if kind.startswith(_TEXTS):
        try:
            return data.decode()[:most]
        except UnicodeDecodeError:
            raise Unreadable("is no PDF, and no text in UTF-8") from None
    raise Unreadable("is neither a PDF nor a text")


def _decoded(url: str) -> tuple[str, bytes]:
    given = split(url)
    if given is None:
        raise Unreadable("is no data URL")
    try:
        return given.media_type, base64.b64decode(given.data, validate=True)
    except ValueError:
        raise Unreadable("is no base64") from None


def _pdf(data: bytes, most: int) -> str:
    # Imported with the first PDF, which is read in a thread: a start must not wait for it.
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(io.BytesIO(data))
        locked = reader.is_encrypted and not reader.decrypt("")
        text = "" if locked else "\n\n".join(_pages(reader, most))[:most]
    except (
        PyPdfError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        RecursionError,
        ArithmeticError,
    ) as error:
        # A damaged PDF fails anywhere in the reader.
        raise Unreadable(f"is a PDF that can't be read ({type(error).__name__})") from None
    if locked:
        raise Unreadable("is a PDF that needs a password")
    if not text.strip():
        raise Unreadable("is a PDF without text: its pages are pictures")
    return text


def _pages(reader: "PdfReader", most: int) -> Iterator[str]:
    left = most
    for page in reader.pages:
        if left <= 0:
            return
        text = page.extract_text()
        left -= len(text)
        yield text
