"""The smallest value that a JSON Schema allows: what simulated tool calls and structured answers hold."""

from typing import Any, Final

from taxiway.codec import Json

_DEEPEST: Final = 24
"""A schema that refers to itself ends here."""

_FORMATS: Final = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "email": "a@example.com",
    "uri": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def instance(schema: object, root: Json | None = None, depth: int = 0) -> Any:
    """Return a small value of `schema`. Patterns and exotic keywords are not looked at: the value is made up anyway."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return None
    root = schema if root is None else root
    if "const" in schema:
        return schema["const"]
    for name in ("enum", "examples"):
        if isinstance(values := schema.get(name), list) and values:
            return values[0]
    if "default" in schema:
        return schema["default"]
    if isinstance(reference := schema.get("$ref"), str):
        return instance(_resolve(reference, root), root, depth + 1)
    for name in ("anyOf", "oneOf"):
        if isinstance(choices := schema.get(name), list) and choices:
            return instance(choices[0], root, depth + 1)
    if isinstance(parts := schema.get("allOf"), list) and parts:
        return instance(_merged([schema, *parts], root), root, depth + 1)
    return _plain(schema, root, depth)


def _plain(schema: Json, root: Json, depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    if kind == "object" or (kind is None and "properties" in schema):
        properties = schema.get("properties") or {}
        return {
            name: instance(properties.get(name), root, depth + 1) for name in schema.get("required") or () if properties
        }
    if kind == "array":
        return [instance(schema.get("items"), root, depth + 1) for _ in range(schema.get("minItems") or 0)]
    if kind == "string":
        text: str = _FORMATS.get(schema.get("format", ""), "simulated")
        return text.ljust(schema.get("minLength") or 0, ".")[: schema.get("maxLength")]
    if kind in {"integer", "number"}:
        return _number(schema, whole=kind == "integer")
    return False if kind == "boolean" else None


def _number(schema: Json, *, whole: bool) -> float:
    if (low := schema.get("minimum")) is not None:
        return int(low) if whole and low == int(low) else int(low) + 1 if whole else low
    if (low := schema.get("exclusiveMinimum")) is not None and low is not False:
        return int(low) + 1
    high = schema.get("maximum")
    return int(high) - 1 if high is not None and high < 0 else 0


def _merged(parts: list[Any], root: Json) -> Json:
    merged: Json = {}
    for part in parts:
        reference = part.get("$ref") if isinstance(part, dict) else None
        target = _resolve(reference, root) if isinstance(reference, str) else part
        for name, value in target.items() if isinstance(target, dict) else ():
            if name == "properties":
                merged[name] = {**merged.get(name, {}), **value}
            elif name == "required":
                merged[name] = [*merged.get(name, ()), *value]
            elif name != "allOf":
                merged[name] = value
    return merged


def _resolve(reference: str, root: Json) -> object:
    node: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        node = node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
    return node
