"""Requests to Google's APIs in meaning: one spelling of members, JSON Schema for their own, and one content for each turn."""

import re

OPAQUE = {"args", "response", "parametersJsonSchema", "responseJsonSchema", "labels"}
"""Members that hold what is the caller's own: no name in them is Google's."""

SCHEMAS = {"parameters": "parametersJsonSchema", "responseSchema": "responseJsonSchema"}
TYPES = (None, "string", "number", "integer", "boolean", "array", "object")


def meaning(body):
    body = _camel(body)
    for content in [body.get("systemInstruction"), *body.get("contents", ())]:
        if isinstance(content, dict):
            content["parts"] = _parts(content)
    if instruction := body.get("systemInstruction"):
        instruction.pop("role", None)
        instruction["parts"] = [part for part in instruction["parts"] if part != {"text": ""}]
        if not instruction["parts"]:
            del body["systemInstruction"]
    if "contents" in body:
        body["contents"] = _turns(body["contents"])
    for tool in body.get("tools", ()):
        for function in tool.get("functionDeclarations", ()):
            _schema(function)
    for request in body.get("requests", ()):
        request.pop("model", None)
        request["content"].pop("role", None)
    _choice(body)
    config = body.get("generationConfig", {})
    _schema(config)
    for name, usual in {"responseModalities": ["TEXT"], "candidateCount": 1}.items():
        if config.get(name) == usual:
            del config[name]
    return {name: value for name, value in body.items() if value not in ({}, [])}


def _choice(body):
    """All functions may be called where none is named, and where all are."""
    calling = body.get("toolConfig", {}).get("functionCallingConfig", {})
    declared = {one["name"] for tool in body.get("tools", ()) for one in tool.get("functionDeclarations", ())}
    if declared and set(calling.get("allowedFunctionNames", ())) == declared:
        del calling["allowedFunctionNames"]


def _camel(value):
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    told = {}
    for name, inner in value.items():
        spelt = re.sub(r"_(\w)", lambda match: match[1].upper(), name)
        if inner is not None:
            told[spelt] = inner if spelt in OPAQUE or spelt in SCHEMAS else _camel(inner)
    return told


def _parts(content):
    parts = content.get("parts") or []
    parts = [parts] if isinstance(parts, dict) else parts
    for part in parts:
        if part.get("thought") is False:
            del part["thought"]
        if blob := part.get("inlineData"):
            # Either alphabet of base64: Google's SDK for Python writes that for addresses.
            blob["data"] = blob["data"].replace("-", "+").replace("_", "/")
    return parts


def _turns(contents):
    """Contents of one role that follow each other are one, and texts that follow each other in what a model said."""
    turns = []
    for content in contents:
        role = content.get("role", "user")
        if not turns or turns[-1]["role"] != role:
            turns.append({"role": role, "parts": []})
        parts = turns[-1]["parts"]
        for part in content["parts"]:
            if role == "model" and parts and part.keys() == parts[-1].keys() == {"text"}:
                parts[-1] = {"text": parts[-1]["text"] + part["text"]}
            else:
                parts.append(part)
    return turns


def _schema(holder):
    for theirs, ours in SCHEMAS.items():
        if theirs in holder:
            holder[ours] = _json_schema(holder.pop(theirs))


def _json_schema(schema):
    schema = _renamed(schema)
    if "type" in schema:
        kind = schema["type"]
        schema["type"] = TYPES[kind] if isinstance(kind, int) else kind.lower()
    if "properties" in schema:
        schema["properties"] = {name: _json_schema(inner) for name, inner in schema["properties"].items()}
    if "items" in schema:
        schema["items"] = _json_schema(schema["items"])
    return schema


def _renamed(schema):
    return {re.sub(r"_(\w)", lambda match: match[1].upper(), name): value for name, value in schema.items()}
