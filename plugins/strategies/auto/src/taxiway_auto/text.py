"""What the user asked for last, out of a body of any dialect, and whether there is code in it. Bodies may hold anything anywhere."""

from collections.abc import Iterator
from typing import Any, Final

from taxiway.codec import Json, text_of

LONGEST: Final = 2000
"""Characters that are looked at; of a longer text the first and the last half of so many."""
_FIELDS: Final = ("messages", "contents", "input", "prompt", "query")
"""Where dialects keep what a model is asked."""
_BACK: Final = 40
"""Turns that are looked through, from the last one: those of tools have no text of the user's."""
_BEGINS: Final = (
    "def ",
    "class ",
    "import ",
    "return ",
    "function ",
    "const ",
    "let ",
    "var ",
    "public ",
    "private ",
    "#include",
    "fn ",
)
_ENDS: Final = ("{", "}", ";", "):")
"""How lines of code begin and end."""
_LINES: Final = 3
"""So many of them are code; fewer happen in prose."""


def asked(body: Json) -> str:
    """Return the last text of the user's."""
    for field in _FIELDS:
        given = body.get(field)
        if given:
            text = given if type(given) is str else _last(_listed(given))
            if text:
                return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}\n{text[-LONGEST // 2 :]}"
    return ""


def has_code(text: str) -> bool:
    """Whether there is a block of code, or a few lines that look like code."""
    if "```" in text:
        return True
    found = 0
    for line in text.splitlines():
        if line.endswith(_ENDS) or line.lstrip().startswith(_BEGINS):
            found += 1
            if found == _LINES:
                return True
    return False


def _last(turns: list[Any]) -> str:
    for turn in reversed(turns[-_BACK:]):
        if type(turn) is str:
            return turn
        if type(turn) is dict and turn.get("role", "user") == "user":
            said = turn.get("content") or turn.get("parts")
            text = said if type(said) is str else "\n".join(_texts(_listed(said)))
            if text:
                return text
    return ""


def _listed(value: Any) -> list[Any]:
    """Return a list; a single object stands for a list of one, as Google takes it."""
    return value if type(value) is list else [value]


def _texts(parts: list[Any]) -> Iterator[str]:
    left = LONGEST
    for part in parts:
        text = text_of(part.get("text")) if type(part) is dict else text_of(part)
        if text:
            yield text
            left -= len(text)
            if left < 0:
                return
