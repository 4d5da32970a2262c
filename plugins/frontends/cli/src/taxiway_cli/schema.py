"""`taxiway schema`: the JSON Schema (draft 2020-12) of the configuration, with the options of the installed plugins.

Written from the same attrs classes that `converter` structures, so what an editor accepts and what Taxiway accepts agree.
Descriptions are the classes' docstrings.
"""

import inspect
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

import attrs
import click

from taxiway.candidate import Reference
from taxiway.clock import Duration
from taxiway.codec import Json
from taxiway.config import LISTS, TABLES, load
from taxiway.converter import DURATION_PATTERN, REFERENCE_PATTERN, toml_name
from taxiway.errors import PluginError
from taxiway.plugins import Plugins
from taxiway.registration import AnyRegistration
from taxiway.tables import Declared
from taxiway_cli.location import located

_PLAIN: Final = {str: "string", int: "integer", float: "number", bool: "boolean"}
_KINDS: Final = {"catalog": "catalog", "transport": "transport", "telemetry": "sink", "providers": "provider"}
"""The tables that name their plugin by `use`."""

_USE_OPTIONAL: Final = frozenset({"transport"})
_BY_NAME: Final = {"strategies": "strategy", "keystores": "keystore"}
"""The tables whose own name is a plugin's."""


@click.command("schema")
@located
def command(config: Path | None, data_dir: Path | None) -> None:
    """Print the JSON Schema of taxiway.toml.

    It has the options of every plugin that is installed and that the configuration does not disable.
    """
    plugins = Plugins.discover(load(config).checked().plugins.disabled)
    click.echo(json.dumps(schema(plugins), indent=2, ensure_ascii=False))


def schema(plugins: Plugins) -> Json:
    """Return the schema. Imports all that is installed and not disabled; what is broken is left out."""
    properties: Json = {name: of_type(cls) for name, cls in TABLES.items()}
    properties |= {name: {"type": "array", "items": of_type(cls)} for name, cls in LISTS.items()}
    for table, kind in _KINDS.items():
        used = _used(table, _registrations(plugins, kind))
        properties[table] = {"type": "array", "items": used} if table in LISTS else used
    for table, kind in _BY_NAME.items():
        options = {registration.name: of_type(registration.options) for registration in _registrations(plugins, kind)}
        properties[table] = {"type": "object", "properties": options, "additionalProperties": False}
    stores = [of_type(registration.options) for registration in _registrations(plugins, "store")]
    properties["store"] = {"anyOf": stores} if stores else {"type": "object"}
    for registration in _registrations(plugins, "provider"):
        # A table of its own name is short for [[providers]] with that `use`.
        form = of_type(registration.options)
        form["properties"] |= of_type(Declared)["properties"]
        properties.setdefault(registration.name, form)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Taxiway's configuration",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def of_type(cls: Any) -> Json:
    """Return the schema of one type of an options' class."""
    if cls is Any:
        return {}
    if cls == Duration:
        return {"anyOf": [{"type": "string", "pattern": f"^{DURATION_PATTERN}$"}, {"type": "number"}]}
    if cls == Reference:
        return {"type": "string", "pattern": f"^{REFERENCE_PATTERN}"}
    if cls in _PLAIN:
        return {"type": _PLAIN[cls]}
    if cls is Path:
        return {"type": "string"}
    if attrs.has(cls):
        return _of_class(cls)
    return _of_generic(get_origin(cls) or cls, get_args(cls))


def _of_generic(origin: Any, arguments: Sequence[Any]) -> Json:
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in {Union, UnionType}:
        members = [of_type(member) for member in arguments if member is not NoneType]
        return members[0] if len(members) == 1 else {"anyOf": members}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        made: Json = {"type": "object", "additionalProperties": of_type(arguments[1]) if arguments else {}}
        if arguments and get_origin(arguments[0]) is Literal:
            made["propertyNames"] = of_type(arguments[0])
        return made
    if isinstance(origin, type) and issubclass(origin, (Sequence, set, frozenset)):
        return {"type": "array", "items": of_type(arguments[0]) if arguments else {}}
    return {}


def _of_class(cls: Any) -> Json:
    attrs.resolve_types(cls)
    fields = [field for field in attrs.fields(cls) if field.init]
    described: Json = {
        "type": "object",
        "properties": {toml_name(field.name): _of_field(field) for field in fields},
        "additionalProperties": False,
    }
    if text := _text(cls):
        described["description"] = text
    if required := [toml_name(field.name) for field in fields if field.default is attrs.NOTHING]:
        described["required"] = required
    return described


def _of_field(field: Any) -> Json:
    described = of_type(field.type)
    if field.default is not attrs.NOTHING and type(field.default) in {str, int, float, bool}:
        described = {**described, "default": field.default}
    return described


def _used(table: str, registrations: Iterable[AnyRegistration]) -> Json:
    """A table that says which plugin it is for: one form for each."""
    forms = []
    for registration in registrations:
        form = of_type(registration.options)
        named: Json = {"use": {"const": registration.name, "description": registration.summary}}
        if table == "providers":
            # It names the table, also where the plugin's options have no such field.
            named["slug"] = {"type": "string"}
            named |= of_type(Declared)["properties"]
        form["properties"] = {**named, **form["properties"]}
        if table not in _USE_OPTIONAL:
            form["required"] = [*form.get("required", ()), "use"]
        forms.append(form)
    return {"anyOf": forms} if forms else {"type": "object"}


def _registrations(plugins: Plugins, kind: str) -> Iterable[AnyRegistration]:
    for name in plugins.names(kind):
        try:
            yield plugins.load(f"{kind}-{name}")
        except PluginError:
            continue


def _text(cls: type) -> str:
    """A class's docstring as one paragraph; attrs' own is none."""
    text = inspect.cleandoc(cls.__doc__ or "")
    return "" if text.startswith("Method generated by attrs") else re.sub(r"\s+", " ", text)
