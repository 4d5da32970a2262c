"""Answers of a given form: by the API's own means where it can, else by a tool that has to be called, else by a sentence.

Wire: platform.claude.com/docs: build-with-claude/structured-outputs (which schemas it takes), agents-and-tools (tool choice).
"""

import re
from typing import Any, Final

from taxiway.codec import Json
from taxiway.errors import Unsupported

_UNKNOWN: Final = frozenset(
    "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength maxItems uniqueItems contains "
    "minProperties maxProperties patternProperties propertyNames not if then else oneOf dependentRequired "
    "dependentSchemas prefixItems unevaluatedProperties unevaluatedItems".split()
)
"""Keywords that structured outputs answer with an error."""

_MAPS: Final = ("properties", "$defs", "definitions")
_LISTS: Final = ("anyOf", "allOf")
_FEW: Final = (0, 1)
_NAME: Final = re.compile(r"[^a-zA-Z0-9_-]")
_DEEPEST: Final = 100

SENTENCE: Final = "Answer with one JSON object and nothing else: no Markdown fence, no words before or after it."
"""What is asked for where there is no schema to hold the answer to."""


def native_schema(schema: Any) -> Json | None:
    """Return a schema as structured outputs take it (objects are closed), None where they do not."""
    return _closed(schema, _DEEPEST) if type(schema) is dict and schema.get("type") == "object" else None


def _closed(schema: Any, depth: int) -> Json | None:
    if type(schema) is not dict or not _UNKNOWN.isdisjoint(schema) or not depth:
        return None
    closed = dict(schema)
    if schema.get("minItems", 0) not in _FEW:
        return None
    if schema.get("type") == "object" and closed.setdefault("additionalProperties", False) is not False:
        return None
    for name in _MAPS:
        if name in schema:
            inner = schema[name]
            if type(inner) is not dict:
                return None
            made = {key: _closed(value, depth - 1) for key, value in inner.items()}
            if None in made.values():
                return None
            closed[name] = made
    for name in _LISTS:
        if name in schema:
            items = schema[name]
            listed = [_closed(value, depth - 1) for value in items] if type(items) is list else [None]
            if None in listed:
                return None
            closed[name] = listed
    if "items" in schema:
        closed["items"] = _closed(schema["items"], depth - 1)
        if closed["items"] is None:
            return None
    return closed


def tool(form: Json, taken: frozenset[str]) -> Json:
    """Make the tool whose input is the answer. `taken`: names of other tools. Raises Unsupported for what is no object."""
    schema = form.get("schema")
    if schema is None:
        schema = {"type": "object"}
    if type(schema) is not dict or schema.get("type", "object") != "object":
        raise Unsupported("response_format.json_schema", "only an object can be asked for")
    name = _NAME.sub("_", form["name"])[:100] or "answer"
    while name in taken:
        name += "_"
    described = form.get("description")
    return {
        "name": name,
        "description": described if type(described) is str and described else "Give the answer by calling this tool.",
        "input_schema": {"type": "object", **schema},
    }


def is_strict(schema: Any) -> bool:
    """Whether a schema is one that every strict mode takes: all of its objects are closed, with all members required."""
    if type(schema) is list:
        return all(map(is_strict, schema))
    if type(schema) is not dict:
        return True
    members = schema.get("properties")
    if type(members) is dict and schema.get("type") == "object":
        required = schema.get("required")
        if (
            schema.get("additionalProperties") is not False
            or type(required) is not list
            or set(members) - set(required)
        ):
            return False
    return all(map(is_strict, schema.values()))
