"""Google's `Schema` (OpenAPI's, with types in capitals) as JSON Schema. The other way needs nothing: Gemini takes JSON Schema
by `parametersJsonSchema` and `responseJsonSchema`.

Source: ai.google.dev/api/caching (Schema).
"""

from typing import TYPE_CHECKING, Any, Final

from taxiway_gemini.members import member, spelt

if TYPE_CHECKING:
    from taxiway.codec import Json

_TYPES: Final = (None, "string", "number", "integer", "boolean", "array", "object", "null")
"""By the enum's numbers."""

_COUNTS: Final = ("maxItems", "minItems", "maxLength", "minLength", "maxProperties", "minProperties")
_PLAIN: Final = ("title", "description", "format", "pattern", "minimum", "maximum", "default", "enum", "required")
_READ: Final = frozenset(
    name
    for one in (
        "type",
        "nullable",
        "properties",
        "items",
        "anyOf",
        "example",
        "ref",
        "defs",
        *_COUNTS,
        *_PLAIN,
        "propertyOrdering",
    )
    for name in (one, spelt(one))
)


def json_schema(schema: Any) -> Any:
    """Return the JSON Schema that a `Schema` means. Members that it doesn't know stay as they are."""
    if type(schema) is not dict:
        return schema
    made: Json = {}
    kind, nullable = _type(schema.get("type")), schema.get("nullable") is True
    if kind is not None:
        made["type"] = [kind, "null"] if nullable else kind
    for name in _PLAIN:
        if schema.get(name) is not None:
            made[name] = schema[name]
    for name in _COUNTS:
        value = member(schema, name)
        if value is not None:
            # 64-bit numbers travel as texts.
            made[name] = int(value) if type(value) is str and value.isascii() and value.isdigit() else value
    if (ordering := member(schema, "propertyOrdering")) is not None:
        made["propertyOrdering"] = ordering
    if nullable and type(made.get("enum")) is list and None not in made["enum"]:
        made["enum"] = [*made["enum"], None]
    properties = schema.get("properties")
    if type(properties) is dict:
        made["properties"] = {name: json_schema(inner) for name, inner in properties.items()}
    if schema.get("items") is not None:
        made["items"] = json_schema(schema["items"])
    choices = member(schema, "anyOf")
    if type(choices) is list:
        made["anyOf"] = [json_schema(choice) for choice in choices]
        if nullable and kind is None:
            made["anyOf"].append({"type": "null"})
    if schema.get("example") is not None:
        made["examples"] = [schema["example"]]
    definitions = schema.get("defs")
    if type(definitions) is dict:
        made["$defs"] = {name: json_schema(inner) for name, inner in definitions.items()}
    if type(schema.get("ref")) is str:
        made["$ref"] = schema["ref"].replace("#/defs/", "#/$defs/")
    for name, value in schema.items():
        if name not in _READ and value is not None:
            made[name] = value
    return made


def _type(kind: Any) -> str | None:
    if type(kind) is int:
        return _TYPES[kind] if 0 <= kind < len(_TYPES) else None
    if type(kind) is not str or kind.upper() == "TYPE_UNSPECIFIED":
        return None
    return kind.lower()
