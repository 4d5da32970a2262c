"""Members of Google's JSON objects: each may be named in lowerCamelCase or as in the proto file, with underscores.

Rules: protobuf.dev/programming-guides/json. What Google sends is always lowerCamelCase; clients send both.
"""

import re
from typing import Any, Final

from taxiway.codec import Json

_CAPITAL: Final = re.compile(r"(?=[A-Z])")


class _Spellings(dict[str, str]):
    """Names with underscores by their lowerCamelCase; each is made when it is first asked for."""

    def __missing__(self, name: str) -> str:
        spelt = self[name] = _CAPITAL.sub("_", name).lower()
        return spelt


_SPELLINGS: Final = _Spellings()


def member(message: Json, name: str) -> Any:
    """Return a member by its lowerCamelCase name, however it is spelt; None where it is absent or null."""
    value = message.get(name)
    return message.get(_SPELLINGS[name]) if value is None else value


def spelt(name: str) -> str:
    """Return the name with underscores (`max_output_tokens`) of a lowerCamelCase one."""
    return _SPELLINGS[name]


def count_of(value: Any) -> int:
    """Return a count; 0 where the value is none. Google writes 64-bit numbers as texts."""
    if type(value) is str and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    return value if type(value) is int and value >= 0 else 0


def index_of(item: Json, place: int) -> int:
    """Return the index that an item of a list says it has; its place, where it says none."""
    index = item.get("index")
    return index if type(index) is int else place
