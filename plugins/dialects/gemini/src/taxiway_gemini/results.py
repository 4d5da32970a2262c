"""What functions gave back: canonical tool messages tell it as text, Gemini as an object.

An object is told as its compact JSON, and such a text is that object again; any other text is the member `output` of one,
as Google's own SDK names it. Both ways lose nothing.
"""

from typing import Any

from taxiway.codec import Json, dumps, loads
from taxiway.errors import Malformed


def response_of(text: str) -> Json:
    """Return the object that tells a tool message's text."""
    told = _object(text)
    return {"output": text} if told is None else told


def text_of_response(response: Any) -> str:
    """Return the text that tells a function's object."""
    if type(response) is not dict:
        return "" if response is None else dumps(response).decode()
    output = response.get("output")
    if len(response) == 1 and type(output) is str and _object(output) is None:
        return output
    return dumps(response).decode()


def _object(text: str) -> Json | None:
    """Read a text that is an object's compact JSON; None for any other, so that what is read can be told as it was."""
    if text[:1] != "{" or text[-1:] != "}":
        return None
    try:
        data = text.encode()
        value = loads(data)
        same = dumps(value) == data
    except (Malformed, UnicodeEncodeError):
        return None
    return value if same and type(value) is dict else None
