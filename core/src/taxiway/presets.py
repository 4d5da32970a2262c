"""Presets: fields of requests that are written once, as `[presets.slug]`, and asked for by name: OpenRouter's `@preset/slug`.

What a request says itself goes before its preset, field by field; tools are those of both. A preset is canonical chat. A client of
another dialect gets it where its body is translated, so it never passes untouched then.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

from attrs import evolve, frozen

from taxiway import chat_facts
from taxiway.call import Facts
from taxiway.checks import of_type
from taxiway.codec import Json
from taxiway.converter import nearest
from taxiway.dialect import Dialect
from taxiway.errors import InvalidRequest
from taxiway.preferences import preferences_of

_FOR_PEOPLE: Final = ("name", "description")
_ROUTED: Final = ("model", "models", "provider")
"""What a preset says of any operation; the rest is of chat alone."""

_NOT: Final = frozenset({"preset", "stream", "session_id", "messages"})
_SYSTEM: Final = ("system", "developer")
_FIELDS: Final = frozenset({*_FOR_PEOPLE, *_ROUTED, *chat_facts.FIELDS, "system_prompt"}) - _NOT
_ANY_MODEL: Final = "author/name"


@frozen(kw_only=True, eq=False)
class Preset:
    """One of them. `routed`: its models and providers, and its plugins; `fields` of canonical chat; `facts` of these."""

    slug: str
    name: str
    description: str
    system_prompt: str
    routed: Json
    fields: Json
    facts: Facts

    @classmethod
    def of(cls, slug: str, table: Mapping[str, Any]) -> Self:
        """Read a table. Raises InvalidRequest, naming the key."""
        for key in table:
            if key not in _FIELDS:
                raise InvalidRequest(key, f"is no field of a preset{nearest(key, _FIELDS)}")
        for key in (*_FOR_PEOPLE, "system_prompt"):
            of_type(str)(key, table.get(key, ""))
        preferences_of(table.get("provider"))
        prompt = table.get("system_prompt", "")
        routed = {key: table[key] for key in (*_ROUTED, "plugins") if key in table}
        fields = {key: value for key, value in table.items() if key not in {*routed, *_FOR_PEOPLE, "system_prompt"}}
        body = {
            "model": _ANY_MODEL,
            **routed,
            **fields,
            "messages": _with_prompt(prompt, [{"role": "user", "content": ""}]),
        }
        return cls(
            slug=slug,
            name=table.get("name", slug),
            description=table.get("description", ""),
            system_prompt=prompt,
            routed=routed,
            fields=fields,
            facts=chat_facts.facts(body, {}, {}),
        )

    def onto(self, body: Json) -> Json:
        """Return a canonical chat body with what it does not say itself."""
        made = {**self.fields, **_said(body)}
        own = self.fields.get("tools")
        if own and body.get("tools"):
            made["tools"] = _united(own, body["tools"])
        if self.system_prompt:
            made["messages"] = _with_prompt(self.system_prompt, body["messages"])
        return made

    def known(self, facts: Facts) -> Facts:
        """Return what is known of a body that gets this preset's fields later."""
        own = self.facts
        return evolve(
            facts,
            parameters=facts.parameters | own.parameters,
            tokens=facts.tokens + own.tokens,
            max_output=facts.max_output or own.max_output,
            service_tier=facts.service_tier or own.service_tier,
        )


Presets = Mapping[str, Preset]


def preset_of(presets: Presets, slug: object) -> Preset:
    """Return a preset. Raises InvalidRequest where there is none of that name."""
    found = presets.get(slug) if type(slug) is str else None
    if found is None:
        hint = nearest(str(slug), presets) or "; presets are written as [presets.slug] in the configuration"
        raise InvalidRequest("preset", f'there is no preset "{slug}" here{hint}')
    return found


def applied(presets: Presets, dialect: Dialect, body: Json, path: Mapping[str, str]) -> tuple[Json, Mapping[str, str]]:
    """Return body and path as the preset that they name fills them in; the same where they name none.

    For a client of another dialect than canonical chat, `preset` then names what its translation adds. Raises InvalidRequest.
    """
    model, others = path.get("model") or body.get("model"), body.get("models")
    names = [
        name
        for name in (model, *(others if type(others) is list else ()))
        if type(name) is str and chat_facts.PRESET in name
    ]
    slugs = dict.fromkeys(name.partition(chat_facts.PRESET)[2] for name in names)
    if body.get("preset"):
        slugs[body["preset"] if type(body["preset"]) is str else ""] = None
    if not slugs:
        return body, path
    if len(slugs) > 1:
        raise InvalidRequest("preset", f"a request has one preset, and this names {', '.join(slugs)}")
    preset = preset_of(presets, next(iter(slugs)))
    made = {key: value for key, value in body.items() if key != "preset"}
    for key, value in preset.routed.items():
        if key in _ROUTED or dialect.operation == "chat":
            made[key] = value if made.get(key) is None else made[key]
    base = _base(model)
    if base is None:
        base = preset.routed.get("model") or next(iter(preset.routed.get("models", ())), None)
    if base is None:
        raise InvalidRequest("model", f'is required: the preset "{preset.slug}" names no model')
    made["model"] = base
    if type(others) is list:
        made["models"] = [name for one in others if (name := _base(one)) is not None]
    if dialect.operation != "chat":
        return made, _named(path, base)
    if dialect.name == "chat":
        # What it says wrong, its reader tells.
        return preset.onto(made) if type(made.get("messages")) is list else made, path
    return {**made, "preset": preset.slug}, _named(path, base)


def _named(path: Mapping[str, str], model: str) -> Mapping[str, str]:
    return {**path, "model": model} if "model" in path else path


def _base(name: Any) -> Any:
    """Return a model's name without its preset; None where nothing is left."""
    return (name.partition(chat_facts.PRESET)[0] or None) if type(name) is str else name


def _said(body: Json) -> Json:
    return {key: value for key, value in body.items() if value is not None}


def _with_prompt(prompt: str, messages: list[Any]) -> list[Any]:
    """Put a system prompt first, where the messages have none."""
    has = not prompt or any(type(one) is dict and one.get("role") in _SYSTEM for one in messages)
    return messages if has else [{"role": "system", "content": prompt}, *messages]


def _united(preset: Iterable[Json], request: Any) -> list[Any]:
    """Return the tools of both; of two that are one, the request's."""
    known = {_identity(tool) for tool in request} if type(request) is list else set()
    return [*(tool for tool in preset if _identity(tool) not in known), *request]


def _identity(tool: Any) -> str:
    function = tool.get("function") if type(tool) is dict else None
    return str(function.get("name") if type(function) is dict else tool.get("type") if type(tool) is dict else tool)
