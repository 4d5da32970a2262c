"""Checks of what clients send: each is given the place of a value and the value, and returns it, or says what it must be."""

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from taxiway.codec import Json
from taxiway.errors import InvalidRequest

Check: TypeAlias = Callable[[str, Any], Any]
"""Takes a value's place and the value, returns what it means: nearly always the value. Raises InvalidRequest."""

_NUMBERS: Final = frozenset({int, float})
_NAMES: Final = {str: "a text", bool: "true or false", dict: "an object"}


def check(good: Callable[[Any], bool], what: str) -> Check:
    """Make the check of one value."""

    def run(where: str, value: Any) -> Any:
        if not good(value):
            raise InvalidRequest(where, f"must be {what}")
        return value

    return run


def number(low: float, high: float) -> Check:
    """Make the check of a number within bounds, both included."""
    return check(lambda value: type(value) in _NUMBERS and low <= value <= high, f"a number from {low} to {high}")


def integer(low: int, high: int) -> Check:
    """Make the check of a whole number within bounds, both included."""
    return check(lambda value: type(value) is int and low <= value <= high, f"a whole number from {low} to {high}")


def choice(*values: str) -> Check:
    """Make the check of one of several texts."""
    return check(lambda value: value in values, f"one of {', '.join(values)}")


def of_type(kind: type) -> Check:
    """Make the check of a type: text, truth or object."""
    return check(lambda value: type(value) is kind, _NAMES[kind])


def are_texts(value: Any) -> bool:
    """Whether it is a list of texts."""
    return type(value) is list and all(type(text) is str for text in value)


TEXTS: Final = check(are_texts, "a list of texts")


def objects(where: str, items: Any, wanted: str = "a list") -> Iterator[tuple[str, Json]]:
    """Give a list's objects, each with its place. Raises InvalidRequest where it is no list, or has something else in it."""
    if type(items) is not list:
        raise InvalidRequest(where, f"must be {wanted}")
    for index, item in enumerate(items):
        if type(item) is not dict:
            raise InvalidRequest(f"{where}[{index}]", "must be an object")
        yield f"{where}[{index}]", item


def member(where: str, value: Any, path: str, kind: type = str) -> Any:
    """Return a member, any number of levels down. Raises InvalidRequest, naming it, where it is absent or something else."""
    for name in path.split("."):
        value = value.get(name) if type(value) is dict else None
    if type(value) is not kind:
        raise InvalidRequest(f"{where}.{path}", f"must be {_NAMES[kind]}")
    return value
